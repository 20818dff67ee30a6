"""A message that somebody else composed: its octets, its envelope, and by which door it came."""

from __future__ import annotations

from dataclasses import dataclass, field

from postroom.addresses import Address

__all__ = ["Origin", "Submission", "SubmittedRecipient"]


@dataclass(frozen=True, slots=True)
class SubmittedRecipient:
    """`notify` (words with commas between them) and `orcpt` (`type;address`): RFC 3461, not encoded; None for none."""

    address: Address
    notify: str | None = None
    orcpt: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """`door`: `smtp` …; `host`: our own name; `address`: the client's; `client`: what it calls itself; `protocol`: RFC
    3848.

    Of it only our name and the protocol go into the message: who reads a mail learns nothing of the network behind it.
    """

    door: str
    host: str = "localhost"
    address: str = ""
    client: str = ""
    protocol: str = ""

    def told(self) -> tuple[tuple[str, str], ...]:
        """For the event `accepted`: what is known, by name."""
        known = (("door", self.door), ("address", self.address), ("client", self.client), ("protocol", self.protocol))
        return tuple([pair for pair in known if pair[1]])


@dataclass(frozen=True, slots=True)
class Submission:
    """`mail_from` is None for the null reverse-path. `content` has CRLF line ends only. `smtputf8`: the headers may be
    UTF-8 (RFC 6532). `ret` and `envid`: RFC 3461, not encoded. `unnamed`: the door was told no reverse-path at all, not
    even the null one, so the settings decide.
    """

    mail_from: Address | None
    recipients: tuple[SubmittedRecipient, ...]
    content: bytes = field(repr=False)
    origin: Origin
    smtputf8: bool = False
    ret: str | None = None
    envid: str | None = None
    unnamed: bool = False
