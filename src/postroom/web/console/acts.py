"""What people do to messages, as the console says it: buttons, what follows from them, what was done, the way back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from postroom.outbox.receipt import Receipt
from postroom.web.console.words import Words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postroom.web.console.visit import Visit

__all__ = ["ACTS", "Act", "act_on"]


def N_(text: str) -> str:  # noqa: N802 - what gettext calls a text that is told later
    return text


@dataclass(frozen=True, slots=True)
class Act:
    """`done` says it of so many messages. `undo`: the act that takes it back, or ""."""

    button: str
    title: str
    consequences: tuple[str, ...]
    done: Callable[[Words, int], str]
    undo: str = ""
    danger: bool = False


ACTS: dict[str, Act] = {
    "hold": Act(
        N_("Hold"),
        N_("Hold these messages?"),
        (N_("What waits stays here until somebody releases it. What is being sent just now can't be stopped."),),
        lambda words, number: words.count("One message is held.", "%(number)s messages are held.", number),
        undo="release",
    ),
    "release": Act(
        N_("Release"),
        N_("Release these messages?"),
        (N_("What is held or silenced leaves for its recipients, now."),),
        lambda words, number: words.count("One message is released.", "%(number)s messages are released.", number),
        undo="hold",
    ),
    "retry": Act(
        N_("Try now"),
        N_("Try these messages now?"),
        (N_("What waits for its next attempt is tried at once."),),
        lambda words, number: words.count("One message is tried now.", "%(number)s messages are tried now.", number),
    ),
    "resend": Act(
        N_("Send again"),
        N_("Send these messages again?"),
        (
            N_("Each is sent once more as a new message: to those who did not get it, or to everybody if all did."),
            N_("This can't be taken back once it has left."),
        ),
        lambda words, number: words.count("One message is sent again.", "%(number)s messages are sent again.", number),
        danger=True,
    ),
    "cancel": Act(
        N_("Cancel"),
        N_("Cancel these messages?"),
        (N_("What has not left never will. This can't be undone; a cancelled message can be sent again."),),
        lambda words, number: words.count("One message is cancelled.", "%(number)s messages are cancelled.", number),
        danger=True,
    ),
}


def act_on(
    visit: Visit, name: str, message_id: int, n: Sequence[int] | None = None, to: Sequence[str] | None = None
) -> Future[Receipt]:
    """The facade's own verb, as one of the tenant that is looked at."""
    outbox, actor = visit.outbox, visit.there
    if name == "resend":
        return outbox.resend(actor, message_id, to)
    if name == "release":
        return outbox.release(actor, message_id, to, n)
    if name == "hold":
        return outbox.hold(actor, message_id, n)
    if name == "retry":
        return outbox.retry(actor, message_id, n)
    return outbox.cancel(actor, message_id, n)
