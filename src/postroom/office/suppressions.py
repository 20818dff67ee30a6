"""The office's verbs for the list of suppressed recipients: whom nothing but security mail is sent to.

A tenant that has nobody on its list pays nothing for it: its snapshot says so, and therefore the first entry and the
last one are changes of settings like any other.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from typing import Any

from sqlalchemy import Connection

from postroom.addresses import Address, BadAddress
from postroom.clock import now_ms, parse_iso
from postroom.errors import BadInput, Fault, NotFound
from postroom.model.application import Actor, Scope
from postroom.model.audit import Entry
from postroom.model.preference import Suppression, Why
from postroom.office.changes import Changes, require, tenant_for
from postroom.office.fields import Reader, Reading, Unfit, line, one_of
from postroom.office.preferences import mailbox_named
from postroom.policy.preference import mailbox
from postroom.sentence import Sentence
from postroom.store import suppressions

__all__ = ["MOST_ROWS", "SuppressionVerbs"]

MOST_ROWS = 20_000
"""Rows that one import may bring: all of them are one transaction, and others wait for it."""
_MOST_FAULTS = 20
_MOST_LISTED = 1_000


class SuppressionVerbs(Changes):
    def suppressions(
        self,
        actor: Actor,
        *,
        after: str = "",
        limit: int = 200,
        why: Why | None = None,
        like: str = "",
        tenant_id: int | None = None,
    ) -> Future[list[Suppression]]:
        """In the order of their addresses, behind `after`; `like`: what an address contains."""
        require(actor, Scope.RECIPIENTS)
        number, most = tenant_for(actor, tenant_id), min(limit, _MOST_LISTED)

        def work(connection: Connection) -> list[Suppression]:
            self._existing(connection, number)
            return suppressions.listed(
                connection, number, now_ms(), after=after, limit=most, why=why, like=like.casefold()
            )

        return self._store.read(work)

    def suppress(self, actor: Actor, values: Mapping[str, object], tenant_id: int | None = None) -> Future[Suppression]:
        """Puts somebody on the list. Raises BadInput with every fault."""
        require(actor, Scope.RECIPIENTS)
        number, moment = tenant_for(actor, tenant_id), now_ms()
        one = _read(values, number, actor.name, moment)

        def work(connection: Connection) -> Suppression:
            self._existing(connection, number)
            suppressions.add(connection, [one], replace=True)
            self._note(connection, actor, Entry(number, "suppression.added", moment, None, one.address, {}, _told(one)))
            return one

        return self._listed_anew(actor, number, work)

    def import_suppressions(self, actor: Actor, text: str, tenant_id: int | None = None) -> Future[int]:
        """Puts everybody of a CSV file on the list; how many are new or changed. All of them, or none.

        The first line names the columns `address`, `why`, `note`, `expires_at`; without such a line each line is an
        address. Raises BadInput with every fault and its line.
        """
        require(actor, Scope.RECIPIENTS)
        number, moment = tenant_for(actor, tenant_id), now_ms()
        given = _rows(text, number, moment)

        def work(connection: Connection) -> int:
            self._existing(connection, number)
            count = suppressions.add(connection, given, replace=True)
            self._note(
                connection, actor, Entry(number, "suppression.imported", moment, None, "", {}, {"count": len(given)})
            )
            return count

        return self._listed_anew(actor, number, work)

    def release_suppressed(self, actor: Actor, address: str, tenant_id: int | None = None) -> Future[None]:
        """Takes somebody off the list. Raises NotFound for who is not on it."""
        require(actor, Scope.RECIPIENTS)
        number, box, moment = tenant_for(actor, tenant_id), mailbox_named(address), now_ms()

        def work(connection: Connection) -> None:
            self._existing(connection, number)
            old = suppressions.get(connection, number, box)
            if old is None or not suppressions.remove(connection, number, box):
                raise NotFound("This recipient is not on the list.")
            self._note(connection, actor, Entry(number, "suppression.released", moment, None, box, _told(old), {}))

        return self._store.write(work)

    def _listed_anew(self, actor: Actor, tenant_id: int, work: Any) -> Future[Any]:
        """The snapshot has to learn of a tenant's first entry; all others are no business of settings."""
        if tenant_id in self.snapshot.suppressing:
            return self._store.write(work)
        return self._change(work, actor)


def _told(one: Suppression) -> dict[str, Any]:
    return {"why": one.why.value, "note": one.note, "source": one.source, "expires_ms": one.expires_ms}


def _until(value: object) -> int | None:
    if value is None or value == "":
        return None
    try:
        return parse_iso(value if isinstance(value, str) else "")
    except (ValueError, OverflowError) as error:
        raise Unfit(Sentence("{error}.", error=error), "Leave it out for one without an end.") from None


def _address(value: object) -> str:
    try:
        return mailbox(Address.parse(value.strip() if isinstance(value, str) else ""))
    except BadAddress as bad:
        raise Unfit(Sentence("is no address. {problem}", problem=bad.problem), bad.mend) from None


_READERS: dict[str, Reader] = {
    "address": _address,
    "why": one_of(Why),
    "note": line(500),
    "expires_at": _until,
}


def _read(values: Mapping[str, object], tenant_id: int, source: str, moment: int) -> Suppression:
    reading = Reading()
    for typed, value in values.items():
        if typed in _READERS:
            reading.take(typed, _READERS[typed], value)
        else:
            reading.unknown(typed, _READERS)
    if "address" not in values:
        reading.fault("address", "is missing.", "Give the address of who shall get nothing more.")
    found = reading.close()
    return Suppression(
        tenant_id,
        found["address"],
        found.get("why", Why.BY_HAND),
        source,
        found.get("note", ""),
        moment,
        found.get("expires_at"),
    )


def _rows(text: str, tenant_id: int, moment: int) -> list[Suppression]:
    faults: list[Fault] = []
    found: list[Suppression] = []
    for place, values in _named_rows(text):
        if place > MOST_ROWS + 1:
            problem = Sentence("There are more than {most_rows:,} rows.", most_rows=MOST_ROWS)
            raise BadInput([Fault("csv", problem, "Split the file.")])
        try:
            found.append(_read(values, tenant_id, "import", moment))
        except BadInput as bad:
            faults += [Fault(f"csv (line {place}).{one.field}", one.problem, one.mend) for one in bad.faults]
        if len(faults) >= _MOST_FAULTS:
            break
    if faults:
        raise BadInput(faults)
    if not found:
        raise BadInput([Fault("csv", "holds no address.", "Write one address a line, or a table with that column.")])
    return found


def _named_rows(text: str) -> Iterator[tuple[int, dict[str, object]]]:
    """Line and values of each row; empty lines are passed over, and so are columns of an export that can't be set."""
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    columns = ["address"]
    try:
        for place, row in enumerate(rows, 1):
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if place == 1 and "address" in [cell.casefold() for cell in cells]:
                columns = [cell.casefold() for cell in cells]
                continue
            named = dict(zip(columns, cells, strict=False))
            # An apostrophe keeps a spreadsheet from taking a value for a formula; exports write it.
            yield (
                place,
                {
                    name: value[1:] if value[:1] == "'" and value[1:2] in ("=", "+", "-", "@") else value
                    for name, value in named.items()
                    if name in _READERS and (value or name == "address")
                },
            )
    except csv.Error:
        raise BadInput([Fault("csv", "is no CSV.", "Write one address a line, or a table.")]) from None
