"""Why there is no reply: `Lost` (none came, or none that means anything) and `Refusal` (we did not even ask).

Both are data, as a reply is: they stand in an outcome in its place and are explained by the same rules. Neither ever
holds a secret or unescaped text from outside.
"""

from dataclasses import dataclass
from enum import StrEnum

from postroom.model.attempt import Failure
from postroom.smtp.phase import Phase
from postroom.smtp.reply import Reply, Unintelligible


class LostKind(StrEnum):
    """What became of the reply that was waited for."""

    UNREACHABLE = "unreachable"
    """No connection came about: no such name, refused, no route. `phase` says which."""
    TIMEOUT = "timeout"
    CLOSED = "closed"
    RESET = "reset"
    TLS = "tls"
    """The handshake failed, or the certificate is not the one wanted."""
    INJECTED = "injected"
    """Bytes came in clear after the answer to STARTTLS: somebody else may be talking."""
    UNINTELLIGIBLE = "unintelligible"
    TOO_LONG = "too_long"
    """A reply beyond all bounds."""
    OUT_OF_STEP = "out_of_step"
    """A well-formed reply that can't answer this command, or one that nobody asked for."""
    UNPROVEN = "unproven"
    """The server could not show that it knows the password (SCRAM), or broke the rules of the login."""
    ABANDONED = "abandoned"
    """The lease on the message was lost before its end left; somebody else takes care of it."""
    UNSENT = "unsent"
    """The session ended before this message's turn: not one byte of it was sent, and it is no attempt."""


@dataclass(frozen=True, slots=True)
class Lost:
    """No usable reply came. Built by the driver for a step, and placed (`at`) by the conversation.

    `replies` are those of the same step that did come before; `written` is the greatest number of the step's bytes
    that can have left this process, or None when the driver can't tell, which is taken as all of them.
    """

    kind: LostKind
    detail: str = ""
    phase: Phase = Phase.CONNECT
    replies: tuple[Reply, ...] = ()
    written: int | None = None

    def at(self, phase: Phase) -> "Lost":
        """The same fault as it stands in an outcome: placed, and without the replies that have been used."""
        return Lost(self.kind, self.detail, phase)

    def may_have_left(self, size: int) -> bool:
        """Whether the first `size` bytes of the step may all be on the wire."""
        return self.written is None or self.written >= size

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}" if self.detail else str(self.kind)

    @staticmethod
    def unintelligible(fault: Unintelligible, replies: tuple[Reply, ...] = ()) -> "Lost":
        """What a reader's fault means for the step that waited."""
        kind = LostKind.TOO_LONG if fault.too_long else LostKind.UNINTELLIGIBLE
        detail = f"{fault.reason}: {fault.excerpt}" if fault.excerpt else fault.reason
        return Lost(kind, detail, replies=replies)

    @staticmethod
    def out_of_step(reply: Reply, phase: Phase) -> "Lost":
        """A reply that can't be an answer at this place, such as 250 to DATA."""
        return Lost(LostKind.OUT_OF_STEP, f"unexpected reply: {reply}", phase)


@dataclass(frozen=True, slots=True)
class Refusal:
    """We did not send it, and would not the next time: a permanent fault found on this side.

    `id` is stable and meant for rules; `enhanced` is the code a server would have used (RFC 3463), or None; `text` is
    for people.
    """

    id: Failure
    enhanced: str | None
    text: str

    def __str__(self) -> str:
        return f"{self.enhanced} {self.text}" if self.enhanced else self.text
