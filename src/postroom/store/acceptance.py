"""Accepting: a message, its recipients, its bytes, its event and its idempotency key in one transaction (P1, P2).

A unit either goes in whole or not at all. A key that was used before answers with the message it made then; the same
key with another request is a conflict, told as data so that one caller's mistake never rolls back another's mail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection

from postroom.errors import Conflict
from postroom.failpoints import reach
from postroom.store import audit, bulk_jobs, tables
from postroom.store.bulk import Row, insert_rows
from postroom.store.choices import Choice, Diverted, applied, collect, look_up
from postroom.store.digests import Gathering, take
from postroom.store.events import EVENT_COLUMNS

__all__ = ["EVENT_COLUMNS", "MESSAGE_COLUMNS", "RECIPIENT_COLUMNS", "Acceptance", "AcceptanceBatch", "Accepted"]

MESSAGE_COLUMNS = (
    "id", "tenant_id", "created_ms", "application_id", "sender_id", "sender", "mail_from", "subject", "message_id",
    "size", "priority", "kind", "eight_bit", "smtputf8", "send_at_ms", "expires_ms", "unknown_policy", "secret",
    "resend_of", "tags", "metadata", "ret", "envid", "return_tag", "template", "template_version", "bulk_id",
)  # fmt: skip
RECIPIENT_COLUMNS = (
    "message_id", "n", "tenant_id", "address", "role", "state", "account_id", "sender_id", "routed", "priority",
    "due_ms", "expires_ms", "lease", "mark", "reason", "updated_ms", "notify", "orcpt",
)  # fmt: skip
_CONTENT_COLUMNS = ("message_id", "tenant_id", "body")
_LARGE = 262_144
"""Octets of a content."""
_NOBODY: Mapping[int, Diverted] = MappingProxyType({})
_KEY_COLUMNS = ("tenant_id", "key", "digest", "message_id", "created_ms")


@dataclass(slots=True)
class Acceptance:
    """What one accepted message writes. `body` is None when the content is not kept (mode disabled).

    `noted`: rows for the audit trail, when a person made it (a resend).
    """

    message: Row
    recipients: Sequence[Row]
    events: Sequence[Row]
    body: bytes | None = field(repr=False)
    key: str | None = None
    digest: bytes = b""
    noted: Sequence[Row] = ()
    choice: Choice | None = None
    """What has to be looked up of its recipients; None where nobody has a say."""
    gathering: Gathering | None = None
    """The mails that it takes the place of, when it is a digest. One that finds some of them gone is not accepted."""
    once: bulk_jobs.Once | None = None
    """The message of a job that is sent again by this. What the job has sent already is not accepted."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """`message_id` names the message that stands for the request; `again` says that an earlier request made it.

    `diverted`: the numbers of recipients who get it otherwise than it was handed in, or not at all.
    """

    message_id: int
    again: bool = False
    diverted: Mapping[int, Diverted] = field(default_factory=lambda: _NOBODY)


class AcceptanceBatch:
    name = "accept"
    takes_in = True

    def __init__(self, most: int = 256) -> None:
        self.most = most

    def run_all(self, connection: Connection, units: Sequence[Acceptance]) -> Sequence[Any]:
        answers: list[Any] = [None] * len(units)
        if any(unit.key for unit in units):
            fresh = self._use_keys(connection, units, answers)
        else:
            fresh = units
            answers = [Accepted(unit.message[0]) for unit in units]
        if any(unit.gathering is not None or unit.once is not None for unit in fresh):
            fresh = self._gather(connection, fresh, units, answers)
        if fresh:
            recipients = [row for unit in fresh for row in unit.recipients]
            events = [row for unit in fresh for row in unit.events]
            if any(unit.choice is not None for unit in fresh):
                recipients, told = self._choose(connection, fresh, units, answers)
                events += told
            insert_rows(connection, tables.message, MESSAGE_COLUMNS, [unit.message for unit in fresh])
            insert_rows(connection, tables.recipient, RECIPIENT_COLUMNS, recipients)
            self._keep_bodies(connection, fresh)
            insert_rows(connection, tables.event, EVENT_COLUMNS, events)
            insert_rows(connection, tables.audit, audit.COLUMNS, [row for u in fresh if u.noted for row in u.noted])
        reach("accept.before-commit")
        return answers

    @staticmethod
    def _gather(
        connection: Connection, fresh: Sequence[Acceptance], units: Sequence[Acceptance], answers: list[Any]
    ) -> Sequence[Acceptance]:
        places = {id(unit): place for place, unit in enumerate(units)}
        left = []
        for unit in fresh:
            if unit.gathering is not None and not take(connection, unit.gathering):
                answers[places[id(unit)]] = Conflict("Somebody else was faster: these mails wait no more.")
            elif unit.once is not None and not bulk_jobs.claim(connection, unit.once, unit.message[0]):
                answers[places[id(unit)]] = Conflict("The job has sent it already, or was stopped.")
            else:
                left.append(unit)
        return left

    @staticmethod
    def _choose(
        connection: Connection, fresh: Sequence[Acceptance], units: Sequence[Acceptance], answers: list[Any]
    ) -> tuple[list[Row], list[Row]]:
        """The recipients' rows and further events, as the recipients themselves decided; fills in the answers."""
        places = {id(unit): place for place, unit in enumerate(units)}
        found = look_up(connection, [unit.choice for unit in fresh if unit.choice is not None])
        rows: list[Row] = []
        events: list[Row] = []
        for unit in fresh:
            if unit.choice is None:
                rows += unit.recipients
                continue
            done = applied(unit.choice, unit.recipients, found)
            rows += done.rows
            events += done.events
            collect(connection, done.collected)
            answers[places[id(unit)]] = Accepted(unit.message[0], diverted=done.diverted)
        return rows, events

    @staticmethod
    def _keep_bodies(connection: Connection, fresh: Sequence[Acceptance]) -> None:
        """The large ones each by a statement of its own: a database copies all that one brings along."""
        bodies: list[Row] = [(u.message[0], u.message[1], u.body) for u in fresh if u.body is not None]
        large = [row for row in bodies if len(row[2]) > _LARGE]
        insert_rows(
            connection,
            tables.content,
            _CONTENT_COLUMNS,
            [row for row in bodies if len(row[2]) <= _LARGE] if large else bodies,
        )
        for row in large:
            insert_rows(connection, tables.content, _CONTENT_COLUMNS, [row])

    def _use_keys(
        self, connection: Connection, units: Sequence[Acceptance], answers: list[Any]
    ) -> Sequence[Acceptance]:
        """Fills in the answers; returns the units that are new. Two of one key in one commit meet here too."""
        seen: dict[tuple[int, str], tuple[bytes, int]] = {}
        fresh = []
        for place, unit in enumerate(units):
            number, tenant_id = unit.message[0], unit.message[1]
            if unit.key is not None:
                earlier = seen.get((tenant_id, unit.key)) or self._earlier(connection, tenant_id, unit.key)
                if earlier is not None:
                    seen[tenant_id, unit.key] = earlier
                    answers[place] = _again(earlier, unit)
                    continue
                seen[tenant_id, unit.key] = (unit.digest, number)
            answers[place] = Accepted(number)
            fresh.append(unit)
        rows = [(u.message[1], u.key, u.digest, u.message[0], u.message[2]) for u in fresh if u.key is not None]
        insert_rows(connection, tables.idempotency, _KEY_COLUMNS, rows)
        return fresh

    @staticmethod
    def _earlier(connection: Connection, tenant_id: int, key: str) -> tuple[bytes, int] | None:
        table = tables.idempotency
        row = connection.execute(table.select().where(table.c.tenant_id == tenant_id, table.c.key == key)).one_or_none()
        return None if row is None else (bytes(row.digest), row.message_id)


def _again(earlier: tuple[bytes, int], unit: Acceptance) -> Accepted | Conflict:
    digest, number = earlier
    if digest == unit.digest:
        return Accepted(number, again=True)
    return Conflict(
        "This idempotency key was used before with another request. Use a new key for a new message.",
        key=unit.key,
    )
