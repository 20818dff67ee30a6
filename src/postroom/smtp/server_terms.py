"""The nouns of our server's conversation: what it may do, whom it asks, and what it wants of its driver."""

from dataclasses import dataclass, field
from typing import Protocol

from postroom.addresses import Address
from postroom.smtp.reply import Reply
from postroom.smtp.server_command import RecipientCommand, SenderCommand
from postroom.smtp.server_login import Presented


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """`host` names us. `size`: octets of a message. `starttls`: TLS can be started. `clear_login`: a login may be asked
    for over this link although it is not encrypted. `trusted`: mail is taken without a login.

    `errors`, `junk` (commands that send nothing, between two messages), `logins` (failed ones) and `refused`
    (recipients of one message) are how many of them a connection may have.
    """

    host: str
    size: int
    recipients: int
    starttls: bool = True
    clear_login: bool = False
    trusted: bool = False
    errors: int = 20
    junk: int = 100
    logins: int = 3
    refused: int = 1_000


class Surroundings(Protocol):
    """What the conversation asks and is told at once."""

    def may_send(self, sender: Address | None) -> Reply | None:
        """Whether the envelope may name this sender (None: the null path); otherwise the refusal."""

    def may_receive(self, address: Address) -> Reply | None:
        """Whether there may be such a recipient; otherwise the refusal."""

    def take_room(self, octets: int) -> bool:
        """Whether so many octets may be kept; they count until they are given back."""

    def has_room(self, octets: int) -> bool:
        """Whether so many could be kept at this moment."""

    def give_room(self, octets: int) -> None:
        """So many are not kept any more."""


@dataclass(slots=True)
class Envelope:
    """Who sends to whom, as the commands said it. `client`: the name in EHLO; `protocol`: RFC 3848 and RFC 6531."""

    command: SenderCommand
    client: str = ""
    protocol: str = "ESMTP"
    recipients: list[RecipientCommand] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LogIn:
    """Somebody wants to log in: answer with `logged_in`."""

    presented: Presented


@dataclass(slots=True, eq=False)
class Accept:
    """A message is whole: answer with `accepted` once it is on the disk, or with why it is not.

    The driver may let go of `content` when it has handed it on; it is not asked for again.
    """

    envelope: Envelope
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class StartTls:
    """Write what is to be said, shake hands, answer with `tls_started`. Octets that came in clear are none of ours."""


Request = LogIn | Accept | StartTls
