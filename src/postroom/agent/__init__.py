"""The agent: a small program for a closed network, from which it dials out to Postroom and opens connections for it.

    configuration  what it is told: where Postroom is, its key, and what Postroom may reach
    allowed        which hosts and ports that is; nothing else (default deny)
    tunnel         one connection to one Postroom
    needs          what may not be installed
    program        keeps the connections, until somebody stops it

It loads no part of the server. Its words are for whoever looks after the closed network: that is who decides.
"""
