"""Events of a message in the reader's words: a title each, and what is worth saying of the details."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from postroom.model.event import Event, EventKind
from postroom.policy.course import Stage, Step

if TYPE_CHECKING:
    from postroom.web.console.visit import Visit

__all__ = ["COURSE", "TITLES", "course_told", "told"]


def N_(text: str) -> str:  # noqa: N802 - what gettext calls a text that is told later
    return text


TITLES: dict[EventKind, tuple[str, str]] = {
    EventKind.ACCEPTED: ("note", N_("Handed over, and safe on the disk")),
    EventKind.SENDING: ("wait", N_("An attempt began")),
    EventKind.SENT: ("good", N_("The server took it")),
    EventKind.DEFERRED: ("warn", N_("It did not go this time; it is tried again")),
    EventKind.FAILED: ("bad", N_("Given up")),
    EventKind.UNKNOWN: ("warn", N_("The server's last answer never came")),
    EventKind.HELD: ("warn", N_("Held back")),
    EventKind.RELEASED: ("note", N_("Released")),
    EventKind.SILENCED: ("idle", N_("Kept here instead of sent")),
    EventKind.DISABLED: ("idle", N_("Noted instead of sent: sending is disabled")),
    EventKind.CANCELLED: ("idle", N_("Taken back")),
    EventKind.EXPIRED: ("bad", N_("Its time ran out")),
    EventKind.RETRIED: ("note", N_("Somebody wanted it tried at once")),
    EventKind.RESENT: ("note", N_("Sent again as a new message")),
    EventKind.RECLAIMED: ("note", N_("Taken over from a process that fell silent")),
    EventKind.RETURNED: ("note", N_("Given back untried")),
    EventKind.CONTENT_WIPED: ("idle", N_("Its content was removed")),
    EventKind.RERENDERED: ("note", N_("Written anew with another sender")),
    EventKind.DIVERTED: ("note", N_("It leaves through another account")),
    EventKind.COLLECTED: ("note", N_("Kept for its recipient's next digest")),
    EventKind.DIGESTED: ("good", N_("It went out in a digest")),
    EventKind.DECLINED: ("idle", N_("Its recipient does not want this kind of mail")),
    EventKind.SUPPRESSED: ("bad", N_("Its recipient is on the suppression list")),
    EventKind.BOUNCED: ("bad", N_("A report came back: not delivered after all")),
    EventKind.DELAYED: ("warn", N_("A report came back: not delivered yet")),
    EventKind.RELAYED: ("note", N_("A report came back: passed on to a system that reports nothing further")),
    EventKind.DELIVERED: ("good", N_("A report came back: it is in the mailbox")),
    EventKind.READ: ("good", N_("A read receipt came back")),
    EventKind.DELETED_UNREAD: ("warn", N_("A receipt came back: deleted unread")),
    EventKind.REPLIED: ("good", N_("Somebody replied")),
    EventKind.ANSWERED: ("note", N_("A program answered, as when somebody is away")),
    EventKind.COMPLAINED: ("bad", N_("Its recipient reported it as unwanted")),
}
COURSE: dict[Stage, tuple[str, str]] = {
    Stage.ACCEPTED: ("note", N_("handed over")),
    Stage.HANDED_OVER: ("good", N_("taken by the server")),
    Stage.RELAYED: ("note", N_("passed on")),
    Stage.DELIVERED: ("good", N_("in the mailbox")),
    Stage.DELETED_UNREAD: ("warn", N_("deleted unread")),
    Stage.READ: ("good", N_("read")),
    Stage.ANSWERED: ("note", N_("answered by a program")),
    Stage.REPLIED: ("good", N_("replied")),
    Stage.COMPLAINED: ("bad", N_("reported as unwanted")),
    Stage.BOUNCED: ("bad", N_("came back")),
    Stage.SAID_TO_BOUNCE: ("warn", N_("came back, says a report that nothing proves")),
}
"""How far a mail came: the tone and the words of each step."""
_DETAILS = ("title", "reply", "account", "why", "by", "from", "subject")
_MOST = 500


def told(visit: Visit, event: Event) -> tuple[str, str, str]:
    """A tone (as pills have), a title, and a line of details."""
    tone, title = TITLES.get(event.kind, ("note", event.kind.value))
    found = [str(event.detail[name]) for name in _DETAILS if event.detail.get(name)]
    return tone, visit.say(title), " · ".join(found)[:_MOST]


def course_told(visit: Visit, steps: Sequence[Step]) -> list[tuple[str, str, int]]:
    """Each step's tone, words and time."""
    return [(*_course_words(visit, step.stage), step.reached_ms) for step in steps]


def _course_words(visit: Visit, stage: Stage) -> tuple[str, str]:
    tone, word = COURSE[stage]
    return tone, visit.say(word)
