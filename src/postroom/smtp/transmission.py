"""The nouns of a transfer: what is to be sent to whom, and what became of it, recipient by recipient."""

from dataclasses import dataclass, field

from postroom.smtp.fault import Lost, Refusal
from postroom.smtp.phase import Phase
from postroom.smtp.reply import Reply
from postroom.smtp.transcript import Transcript


@dataclass(frozen=True, slots=True)
class Recipient:
    """An envelope recipient. `notify` and `orcpt` (RFC 3461, not encoded) are dropped where the server knows no DSN."""

    address: str
    notify: tuple[str, ...] = ()
    orcpt: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Transmission:
    """One message on its way through one session.

    `key` is the caller's. `sender` is the return path, "" for none. `content` has CRLF lines only; the flags say what
    it needs of the server (`smtputf8`: headers or addresses outside ASCII). `ret` is FULL or HDRS; `envid` is not
    encoded.
    """

    key: object
    sender: str
    recipients: tuple[Recipient, ...]
    content: bytes = field(repr=False)
    eight_bit: bool = False
    smtputf8: bool = False
    ret: str | None = None
    envid: str | None = None


@dataclass(frozen=True, slots=True)
class RecipientOutcome:
    """What decided about one recipient, and where. In doubt: the end of the body may have left, and no answer came."""

    reply: Reply | Lost | Refusal
    phase: Phase
    in_doubt: bool = False

    @property
    def delivered(self) -> bool:
        """Whether the server took responsibility: a positive answer to the final dot, and nothing less."""
        return self.phase is Phase.DOT and isinstance(self.reply, Reply) and self.reply.positive


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What became of a transmission: one entry for each of its recipients, in order, and the conversation about it."""

    recipients: tuple[RecipientOutcome, ...]
    transcript: Transcript

    @property
    def in_doubt(self) -> bool:
        """Whether it is unknown for any recipient if the server has the message."""
        return any(recipient.in_doubt for recipient in self.recipients)
