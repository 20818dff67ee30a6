"""A Postroom without doors and workers: a store with its office and reports, and mail put into any state."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, text

from postroom.clock import now_ms
from postroom.ids import id_at
from postroom.model.application import Actor, Scope
from postroom.model.event import EventKind
from postroom.model.state import LEASED, WAITING, State
from postroom.model.tenant import INSTALLATION
from postroom.office import Office
from postroom.reports import Reports
from postroom.secrets import KeyRing
from postroom.settings import load
from postroom.store import tables, terms
from postroom.store.database import Store

__all__ = ["ADMIN", "DAY_MS", "House", "plans_of", "tenant_admin"]

DAY_MS = 24 * 3600 * 1000
ADMIN = Actor(INSTALLATION, frozenset({Scope.ADMIN}), name="ada")


def tenant_admin(tenant_id: int) -> Actor:
    return Actor(tenant_id, frozenset({Scope.ADMIN}), name="tom")


class House:
    def __init__(self, url: str, folder: Path) -> None:
        self.settings = load({"POSTROOM_DATA": str(folder)}, folder)
        self.store = Store(url)
        self.ring = KeyRing.load(folder / "keyring.json", self.settings.key, sealed_exist=False)
        self.office = Office(self.store, self.ring, self.settings)
        self.reports = Reports(self.store, self.office)
        self._made = 0
        self.lists = False

    def close(self) -> None:
        self.store.close()

    # -- putting things in ------------------------------------------------------------------------------------------

    def tenant(self, name: str) -> Actor:
        """A tenant's administrator."""
        return tenant_admin(self.office.create_tenant(ADMIN, name).result().id)

    def account(self, name: str, actor: Actor = ADMIN, **values: Any) -> int:
        return (
            self.office.create_account(actor, {"name": name, "host": "smtp.example.com", **values}).result().account.id
        )

    def mail(
        self,
        *to: str | tuple[str, State] | tuple[str, State, Mapping[str, Any]],
        tenant_id: int = INSTALLATION,
        at_ms: int | None = None,
        body: bytes | None = b"bytes",
        **message: Any,
    ) -> int:
        """A message with these recipients (address, or with a state, or with more columns); its id."""
        moment = now_ms() if at_ms is None else at_ms
        self._made += 1
        number = self.store.ids.next() if at_ms is None else id_at(at_ms) + self._made
        recipients = [_recipient(number, n, tenant_id, moment, one) for n, one in enumerate(to)]
        row = {
            "id": number,
            "tenant_id": tenant_id,
            "created_ms": moment,
            "sender": "shop@example.com",
            "mail_from": "shop@example.com",
            "message_id": f"<{number}@example.com>",
            **message,
        }

        def put(connection: Connection) -> None:
            connection.execute(tables.message.insert().values(**row))
            connection.execute(tables.recipient.insert(), recipients)
            if body is not None:
                connection.execute(tables.content.insert().values(message_id=number, tenant_id=tenant_id, body=body))
            self.event(connection, number, tenant_id, moment, EventKind.ACCEPTED)

        self.store.write(put).result()
        return number

    def event(
        self, connection: Connection, number: int, tenant_id: int, at_ms: int, kind: EventKind, **detail: object
    ) -> None:
        values = {"message_id": number, "id": self.store.ids.next(), "tenant_id": tenant_id, "at_ms": at_ms}
        connection.execute(tables.event.insert().values(**values, kind=kind.value, detail=json.dumps(detail)))

    def sql(self, statement: str, **values: object) -> Sequence[Any]:
        """Whatever a test has to do or see below the modules it tests."""

        def run(connection: Connection) -> Sequence[Any]:
            done = connection.execute(text(statement), values)
            return done.all() if done.returns_rows else []

        return self.store.write(run).result()

    def list_everything(self, until_ms: int | None = None) -> None:
        """As upkeep does once mail has settled: everything stands under its terms."""
        later = (now_ms() + DAY_MS if until_ms is None else until_ms) + terms.SETTLED_MS
        while (batch := self.store.read(lambda c: terms.next_batch(c, later, 250)).result()) is not None:
            assert self.store.write(lambda c, batch=batch: terms.put(c, batch)).result()  # type: ignore[misc]

    def states(self, number: int) -> list[str]:
        return [
            row.state for row in self.sql("SELECT state FROM recipient WHERE message_id = :id ORDER BY n", id=number)
        ]

    def account_of(self, number: int) -> list[int | None]:
        rows = self.sql("SELECT account_id FROM recipient WHERE message_id = :id ORDER BY n", id=number)
        return [row.account_id for row in rows]


def _recipient(number: int, n: int, tenant_id: int, moment: int, given: Any) -> dict[str, Any]:
    address, state, more = (given, State.QUEUED, {}) if isinstance(given, str) else (*given, {})[:3]
    columns = {
        "account_id": None, "sender_id": None, "routed": "default", "reason": "", "diagnosis": "", "reply": "",
        "updated_ms": moment, "due_ms": moment if state in WAITING else None, "lease": 7 if state in LEASED else None,
    }  # fmt: skip
    fixed = {"message_id": number, "n": n, "tenant_id": tenant_id, "address": address, "state": state.value}
    return {**fixed, **columns, **more}


@contextmanager
def plans_of(house: House) -> Iterator[list[str]]:
    """How SQLite goes about each question that is asked meanwhile, one line each."""
    plans: list[str] = []

    def explained(connection: Any, _cursor: object, statement: str, values: object, *_: object) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")) and "FROM" in statement:
            raw = connection.connection.driver_connection
            plans.append(" / ".join(row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", values)))

    event.listen(house.store.engine, "before_cursor_execute", explained)
    try:
        yield plans
    finally:
        event.remove(house.store.engine, "before_cursor_execute", explained)
