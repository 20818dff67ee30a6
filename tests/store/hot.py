"""The hot path by hand, for its tests: accepting, lanes, marks and settlements, one transaction each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from postroom.clock import now_ms
from postroom.model.event import EventKind
from postroom.model.state import LEASED, WAITING, State
from postroom.model.tenant import INSTALLATION
from postroom.store import lanes
from postroom.store.acceptance import Acceptance
from postroom.store.lanes import Claimed
from postroom.store.transmission import Mark, Move, Settlement
from tests.store.house import House

__all__ = ["ACCOUNT", "LEASE_MS", "Hot", "move"]

ACCOUNT = 77
LEASE_MS = 60_000


class Hot:
    """`house.store` with short words for what workers do."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.store = house.store

    # -- accepting --------------------------------------------------------------------------------------------------

    def unit(
        self,
        *to: str,
        tenant_id: int = INSTALLATION,
        account_id: int | None = ACCOUNT,
        state: State = State.QUEUED,
        fence: int | None = None,
        due_ms: int | None = None,
        priority: int = 5,
        body: bytes | None = b"bytes",
        key: str | None = None,
        digest: bytes = b"one",
        policy: str = "retry",
        secret: bool = False,
        expires_ms: int | None = None,
        number: int | None = None,
    ) -> Acceptance:
        moment, number = now_ms(), number or self.store.ids.next()
        due = (moment if due_ms is None else due_ms) if state in WAITING else None
        lease = fence if state in LEASED else None
        message = (
            number, tenant_id, moment, None, None, "a@sender.test", "a@sender.test", "Subject", f"<{number}@test>",
            len(body or b""), priority, "", False, False, None, expires_ms, policy, secret, None, None, None,
            None, None, "off", None, None, None,
        )  # fmt: skip
        recipients = [
            (number, n, tenant_id, one, "to", state.value, account_id, None, "default", priority, due, expires_ms,
             lease, 0, "", moment, None, None)
            for n, one in enumerate(to or ("x@test",))
        ]  # fmt: skip
        events = [(number, self.store.ids.next(), tenant_id, None, moment, EventKind.ACCEPTED.value, json.dumps({}))]
        return Acceptance(message, recipients, events, body, key, digest)

    def submit(self, batch: str, *units: Any) -> list[Any]:
        """Hands the units in together, so that they meet in one commit; their answers in order."""
        answers: list[Future[Any]] = [Future() for _ in units]
        places = {id(unit): future for unit, future in zip(units, answers, strict=True)}
        self.store.submit_many(batch, units, lambda unit, answer: places[id(unit)].set_result(answer))
        return [answer.result(30) for answer in answers]

    def accept(self, *to: str, **options: Any) -> int:
        """One accepted message; its id."""
        (answer,) = self.submit("accept", self.unit(*to, **options))
        return int(answer.message_id)

    # -- lanes ------------------------------------------------------------------------------------------------------

    def acquire(
        self, worker: str = "w", *, slots: int = 4, lease_ms: int = LEASE_MS, account_id: int = ACCOUNT
    ) -> tuple[int | None, int]:
        """(slot or None, fence)."""
        fence = self.store.ids.next()
        slot = self.store.write(
            lambda c: lanes.acquire(c, account_id, INSTALLATION, slots, worker, lease_ms, fence)
        ).result(30)
        return slot, fence

    def lane(self, **options: Any) -> int:
        """A held lane's fence."""
        slot, fence = self.acquire(**options)
        assert slot is not None
        return fence

    def claim(
        self, fence: int, limit: int = 100, *, account_id: int = ACCOUNT, at_ms: int | None = None
    ) -> list[Claimed]:
        moment = now_ms() if at_ms is None else at_ms
        return self.store.write(lambda c: lanes.claim(c, account_id, fence, limit, moment, self.store.ids.next)).result(
            30
        )

    def end_lease(self, fence: int) -> None:
        """As if its time had passed."""
        self.house.sql("UPDATE lane SET expires_ms = 1 WHERE fence = :fence", fence=fence)

    def release(self, fence: int) -> None:
        self.store.write(lambda c: lanes.release(c, fence)).result(30)

    def heartbeat(self, *fences: int, lease_ms: int = LEASE_MS) -> set[int]:
        return self.store.write(lambda c: lanes.heartbeat(c, fences, lease_ms)).result(30)

    def reclaim(self, *, limit: int = 500, again_ms: int | None = None) -> tuple[int, int]:
        moment = now_ms()
        again = moment + 60_000 if again_ms is None else again_ms
        return self.store.write(lambda c: lanes.reclaim(c, moment, again, self.store.ids.next, limit=limit)).result(30)

    # -- marks and settlements --------------------------------------------------------------------------------------

    def mark(self, fence: int, *recipients: tuple[int, int]) -> Any:
        return self.submit("mark", Mark([(number, n, fence) for number, n in recipients]))[0]

    def settle(self, *moves: Move, events: Sequence[Any] = ()) -> Any:
        return self.submit("settle", Settlement(moves, events))[0]

    # -- looking ----------------------------------------------------------------------------------------------------

    def row(self, number: int, n: int = 0) -> Any:
        (row,) = self.house.sql("SELECT * FROM recipient WHERE message_id = :id AND n = :n", id=number, n=n)
        return row

    def events(self, number: int) -> list[str]:
        rows = self.house.sql("SELECT kind FROM event WHERE message_id = :id ORDER BY id", id=number)
        return [row.kind for row in rows]

    def count(self, table: str) -> int:
        return int(self.house.sql(f"SELECT count(*) AS n FROM {table}")[0].n)


def move(
    number: int, fence: int, state: State = State.SENT, *, n: int = 0, due_ms: int | None = None, tries: int = 1
) -> Move:
    due = now_ms() if due_ms is None and state in WAITING else due_ms
    return Move(number, n, fence, state.value, due, ACCOUNT, tries, "", "", "", "250 ok", now_ms())
