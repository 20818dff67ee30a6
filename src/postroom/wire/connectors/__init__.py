"""Connectors on the wire: the ways to a server that lead through somebody else.

    way           what `dial` is given instead of connecting itself, and the sentences for what goes wrong on it
    socks5        the conversation with a SOCKS5 proxy, octet by octet (pure)
    http_connect  the conversation with an HTTP proxy (pure)
    proxies       runs these two over a link
    ssh           a jump host
    channels      a channel of SSH as a link
    hub           agents that dialled in

Kept here: what the server behind says is passed on to the octet, whoever's segment it came in; a proxy's answer is
bounded; a password of a connector goes to the connector only, and the host name that TLS checks stays the server's.
"""
