"""The office's verbs for the audit trail: reading it. There is no verb to change it, and the database refuses one."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, replace

from postroom.errors import BadInput, Fault
from postroom.ids import decode, encode
from postroom.model.application import Actor, Scope
from postroom.model.audit import NOUNS, Entry
from postroom.model.tenant import INSTALLATION
from postroom.office.changes import Changes, require, tenant_for
from postroom.sentence import Sentence
from postroom.store import audit
from postroom.store.audit import Wanted

__all__ = ["MOST_ENTRIES", "AuditPage", "AuditVerbs", "Looking"]

MOST_ENTRIES = 1_000
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Looking:
    """What is looked for: every part that is given has to fit. `verb`: a whole one, or a noun for all of it; `thing`:
    an id or a name.
    """

    since_ms: int | None = None
    until_ms: int | None = None
    who: str = ""
    verb: str = ""
    thing: str = ""


@dataclass(frozen=True, slots=True)
class AuditPage:
    """The newest first. `next`: what the page after this one is asked for with, or None."""

    entries: tuple[Entry, ...]
    next: str | None


class AuditVerbs(Changes):
    def audit(
        self,
        actor: Actor,
        looking: Looking | None = None,
        cursor: str | None = None,
        limit: int = 50,
        tenant_id: int | None = None,
    ) -> Future[AuditPage]:
        """A page of the trail. Who sees the whole installation and names no tenant gets the entries of all of them."""
        require(actor, Scope.AUDIT)
        whose: int | None = tenant_for(actor, tenant_id)
        if tenant_id is None and actor.tenant_id == INSTALLATION and (actor.everywhere or actor.may(Scope.ADMIN)):
            whose = None
        wanted = _wanted(looking or Looking(), cursor, limit)

        def page(entries: list[Entry]) -> AuditPage:
            more = len(entries) > limit
            return AuditPage(tuple(entries[:limit]), encode("c", entries[limit - 1].id) if more else None)

        return self._store.read(lambda c: page(audit.find(c, whose, wanted, limit + 1)))


def _wanted(looking: Looking, cursor: str | None, limit: int) -> Wanted:
    faults = []
    if not 1 <= limit <= MOST_ENTRIES:
        faults.append(
            Fault(
                "limit",
                Sentence("is not from 1 to {most_entries}.", most_entries=MOST_ENTRIES),
                "Ask for fewer, and follow `next`.",
            )
        )
    for name in ("who", "verb", "thing"):
        given = getattr(looking, name)
        if len(given) > _LONGEST or not given.isprintable():
            faults.append(Fault(name, "is too long, or holds a control character.", "Type it again."))
    below = None
    if cursor:
        below = decode("c", cursor)
        if below is None:
            faults.append(Fault("cursor", "is no cursor of ours.", "Take it from the page before, or leave it out."))
    if faults:
        raise BadInput(faults)
    verb = looking.verb.strip()
    wanted = Wanted(looking.since_ms, looking.until_ms, looking.who.strip(), below=below)
    wanted = replace(wanted, verb=f"{verb}." if verb and "." not in verb else verb)
    return _about(wanted, looking.thing.strip())


def _about(wanted: Wanted, thing: str) -> Wanted:
    letter = thing.partition("_")[0]
    number = decode(letter, thing) if letter in NOUNS.values() else None
    return replace(wanted, thing=thing, thing_id=number)
