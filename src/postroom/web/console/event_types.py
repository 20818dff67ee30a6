"""Types of events in words: grouped as people choose them for a webhook, and told in a line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from postroom.model.event import EventKind
from postroom.model.webhook import EVENT_TYPES, TEST, wants
from postroom.web.console.happened import TITLES
from postroom.web.console.words import N_

if TYPE_CHECKING:
    from postroom.web.console.visit import Visit

__all__ = ["GROUPS", "chosen_types", "told_types", "type_words"]


def _of(*kinds: EventKind) -> tuple[str, ...]:
    return tuple(f"message.{kind.value}" for kind in kinds)


_PROBLEMS = {
    "problem.began": N_("The settings check found something new"),
    "problem.over": N_("What the settings check found is over"),
    TEST: N_("A test"),
}
GROUPS = (
    (
        N_("How it ended"),
        _of(EventKind.SENT, EventKind.DEFERRED, EventKind.FAILED, EventKind.UNKNOWN, EventKind.EXPIRED),
    ),
    (
        N_("What came back"),
        _of(
            EventKind.BOUNCED, EventKind.DELAYED, EventKind.RELAYED, EventKind.DELIVERED, EventKind.READ,
            EventKind.DELETED_UNREAD, EventKind.REPLIED, EventKind.ANSWERED, EventKind.COMPLAINED,
        ),
    ),
    (
        N_("What was kept here, and why"),
        _of(
            EventKind.HELD, EventKind.RELEASED, EventKind.SILENCED, EventKind.DISABLED, EventKind.CANCELLED,
            EventKind.DECLINED, EventKind.SUPPRESSED, EventKind.COLLECTED, EventKind.DIGESTED,
        ),
    ),
    (
        N_("Every step on the way"),
        _of(
            EventKind.ACCEPTED, EventKind.SENDING, EventKind.RETRIED, EventKind.RESENT, EventKind.RECLAIMED,
            EventKind.RETURNED, EventKind.RERENDERED, EventKind.DIVERTED, EventKind.CONTENT_WIPED,
        ),
    ),
    (N_("Settings"), ("problem.began", "problem.over")),
)  # fmt: skip
"""Title and types of each group; every type is in one of them."""
_MOST_TOLD = 3


def type_words(visit: Visit, event_type: str) -> str:
    """What happened, in the reader's words."""
    if event_type in _PROBLEMS:
        return visit.say(_PROBLEMS[event_type])
    found = TITLES.get(EventKind(event_type.partition(".")[2])) if event_type in EVENT_TYPES else None
    return event_type if found is None else visit.say(found[1])


def chosen_types(types: tuple[str, ...]) -> list[str]:
    """Each type by itself, as boxes have it, also where a whole group is wanted."""
    return [one for one in EVENT_TYPES if types and wants(types, one)]


def told_types(visit: Visit, types: Iterable[str]) -> str:
    """In a line: all of it, or the first few."""
    chosen = chosen_types(tuple(types))
    if not chosen or len(chosen) == len(EVENT_TYPES):
        return visit.say("everything that happens")
    words = [type_words(visit, one) for one in chosen[:_MOST_TOLD]]
    more = len(chosen) - len(words)
    if more > 0:
        words.append(visit.words.count("and one more", "and %(number)s more", more))
    return "; ".join(words)
