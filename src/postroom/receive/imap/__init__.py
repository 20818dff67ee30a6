"""IMAP (RFC 9051, RFC 3501), as much of it as reading one folder takes.

    responses     octets from a server, understood within bounds         command    what is said, written safely
    session       commands and their answers over a link                 login      proving who we are
    opening       from a mailbox's settings to a session that is logged in
    folder        what is there, fetching it, and what becomes of it

The first two are pure. Inside this package trouble travels as `Trouble`, which carries a `Result`; `opening` and
`folder` are what others call; these make data of it (P6). Everything a server says is bounded: the
length of a line and of a literal, how many answers a command may have, how long it may take.
"""
