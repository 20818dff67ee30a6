"""What the DNS says of senders, as it was last looked at, and the records of DKIM keys. Nothing is asked by this."""

from __future__ import annotations

from collections.abc import Iterator

from postroom.ids import encode
from postroom.model.dkim import DkimKey, DkimState
from postroom.model.problem import Finding
from postroom.office.checks.circumstances import DAY_MS, Circumstances
from postroom.sentence import Sentence, restored
from postroom.store import dns_checks
from postroom.store.dns_checks import Kept

__all__ = ["look"]

_MOST_TITLES = 3
_OF_STATE = {DkimState.MISSING: "dkim-stopped", DkimState.WAITING: "dkim-waits"}


def look(at: Circumstances) -> Iterator[Finding]:
    there = set(at.tenants)
    for key in at.snapshot.dkim_keys.values():
        check = _of_key(key, at.now_ms)
        if check and key.tenant_id in there:
            yield Finding(check, key.tenant_id, encode("y", key.id), {"name": key.domain, "record": key.name})
    for number in at.tenants:
        yield from (_of_sender(number, kept) for kept in dns_checks.of_tenant(at.connection, number) if _faults(kept))


def _of_key(key: DkimKey, now_ms: int) -> str:
    if key.signs:
        return "" if key.absent_since_ms is None else "dkim-record-gone"
    if key.state is DkimState.WAITING and now_ms - key.created_ms < DAY_MS:
        return ""
    return _OF_STATE.get(key.state, "")


def _faults(kept: Kept) -> list[str]:
    return [restored(one["title"]) for one in kept.result.get("findings", ()) if one["severity"] == "fault"]


def _of_sender(tenant_id: int, kept: Kept) -> Finding:
    subject = f"{kept.sender} {encode('a', kept.account_id)}"
    titles = {f"title{number}": title for number, title in enumerate(_faults(kept)[:_MOST_TITLES])}
    why = Sentence("; ".join(f"{{{name}}}" for name in titles), **titles)
    return Finding("sender-not-proven", tenant_id, subject, {"name": kept.sender, "why": why})
