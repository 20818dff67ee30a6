"""Where in a delivery something happened: the word that a verdict, a diagnosis and a timeline share.

The order of the members is the order of a delivery's way. `BODY` means that the message's content was on its way but
its end had certainly not left; `DOT` is everything from the moment in which its end may have left.
"""

from enum import StrEnum


class Phase(StrEnum):
    """A step on the way from a host name to the answer to the final dot (RFC 5321, 3 and 4.1)."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    TLS = "tls"
    GREETING = "greeting"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"
    DOT = "dot"
    QUIT = "quit"
