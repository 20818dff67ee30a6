"""What a server said it can do, from its answer to EHLO. Forgotten and asked anew once TLS is up (RFC 3207, 4.2)."""

import re
from dataclasses import dataclass

from postroom.smtp.reply import Reply

_MECHANISM = re.compile(r"[A-Z0-9_-]{1,20}")
_SIZE = re.compile(r"[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The extensions a server offers. All absent is what a server that knows only HELO can do.

    `size` is the largest message in octets, 0 when the server names no limit, None when it does not know the
    extension. `auth` are the login mechanisms in upper case, in the server's order. `lines` is the answer as it came,
    without its first line.
    """

    pipelining: bool = False
    chunking: bool = False
    size: int | None = None
    eightbitmime: bool = False
    smtputf8: bool = False
    dsn: bool = False
    enhancedstatuscodes: bool = False
    starttls: bool = False
    auth: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()

    @staticmethod
    def parse(reply: Reply) -> "Capabilities":
        """RFC 5321, 4.1.1.1: one keyword a line, with parameters after it. What is not understood is left alone."""
        lines = reply.lines[1:]
        keywords: dict[str, list[str]] = {}
        for line in lines:
            words = line.upper().replace("AUTH=", "AUTH ", 1).split()
            if words:
                keywords.setdefault(words[0], []).extend(words[1:])
        return Capabilities(
            pipelining="PIPELINING" in keywords,
            chunking="CHUNKING" in keywords,
            size=_size(keywords["SIZE"]) if "SIZE" in keywords else None,
            eightbitmime="8BITMIME" in keywords,
            smtputf8="SMTPUTF8" in keywords,
            dsn="DSN" in keywords,
            enhancedstatuscodes="ENHANCEDSTATUSCODES" in keywords,
            starttls="STARTTLS" in keywords,
            auth=tuple(dict.fromkeys(name for name in keywords.get("AUTH", ()) if _MECHANISM.fullmatch(name))),
            lines=lines,
        )


def _size(words: list[str]) -> int:
    return int(words[0]) if words and _SIZE.fullmatch(words[0]) else 0
