"""SMTP as a pure protocol: what is said, what is heard and what it means for each recipient.

Nothing here opens a socket, reads a clock, throws dice or knows a database. The conversation is a set of generators
(see `client`) whose steps somebody else executes; time and nonces are arguments.
"""
