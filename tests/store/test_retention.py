"""Retention takes what is old enough, in small batches, and never what may still leave."""

from __future__ import annotations

import pytest

from postroom.clock import now_ms
from postroom.errors import NotFound
from postroom.model.state import OVER, State
from postroom.model.tenant import INSTALLATION
from postroom.store import retention
from postroom.store.retention import Swept
from tests.store.house import ADMIN, DAY_MS, House, plans_of

S = State
NOW = now_ms()
TABLES = ("message", "recipient", "event", "attempt", "content")


@pytest.fixture(autouse=True)
def days(house: House) -> None:
    house.office.change_tenant(ADMIN, {"content_days": 10, "log_days": 100}).result()


def ago(days: float) -> int:
    return NOW - round(days * DAY_MS)


def sweep(house: House, limit: int = 100, now: int = NOW) -> Swept:
    ids = house.store.ids.next
    return house.store.write(lambda c: retention.sweep(c, now, limit, next_id=ids)).result()


def kept(house: House, table: str) -> set[int]:
    column = "id" if table == "message" else "message_id"
    return {row[0] for row in house.sql(f"SELECT {column} FROM {table}")}


def test_contents_go_first_and_the_log_later(house: House) -> None:
    fresh = house.mail(("a@example.org", S.SENT), at_ms=ago(9))
    old = house.mail(("a@example.org", S.SENT), at_ms=ago(11))
    ancient = house.mail(("a@example.org", S.SENT), at_ms=ago(101))
    swept = sweep(house)
    assert (swept.contents, swept.messages, swept.more) == (1, 1, False)
    assert kept(house, "content") == {fresh}
    assert kept(house, "message") == {fresh, old}
    assert [kept(house, table) - {fresh, old} for table in TABLES] == [set()] * 5
    assert house.reports.timeline(ADMIN, old).result().events[-1].kind.value == "content-wiped"
    with pytest.raises(NotFound, match="content_days"):
        house.reports.content(ADMIN, old).result()
    with pytest.raises(NotFound, match="no such message"):
        house.reports.content(ADMIN, ancient).result()
    assert sweep(house) == Swept()


@pytest.mark.parametrize("state", list(State))
def test_nothing_that_may_still_leave_is_touched_however_old(house: House, state: State) -> None:
    """One such recipient among many that are over keeps the whole message."""
    mixed = house.mail(("a@example.org", S.SENT), ("b@example.org", state), at_ms=ago(5000))
    sweep(house)
    over = state in OVER or state is S.SILENCED
    assert (mixed in kept(house, "message")) is not over
    assert (mixed in kept(house, "content")) is not over


def test_mail_that_ended_late_is_kept_its_full_time(house: House) -> None:
    """Held for months and released yesterday: the log still shows tomorrow that it was sent."""
    late = house.mail(("a@example.org", S.SENT, {"updated_ms": ago(1)}), at_ms=ago(5000))
    sweep(house)
    assert late in kept(house, "message")
    assert late in kept(house, "content")
    sweep(house, now=NOW + 50 * DAY_MS)
    assert late not in kept(house, "content")
    assert late in kept(house, "message")
    sweep(house, now=NOW + 100 * DAY_MS)
    assert late not in kept(house, "message")


def test_each_tenant_has_its_own_days(house: House) -> None:
    short, inherits = house.tenant("short"), house.tenant("inherits")
    house.office.change_tenant(short, {"content_days": 1, "log_days": 2}).result()
    mails = [
        house.mail(("a@example.org", S.SENT), at_ms=ago(3), tenant_id=tenant)
        for tenant in (INSTALLATION, short.tenant_id, inherits.tenant_id)
    ]
    sweep(house)
    assert [mail in kept(house, "message") for mail in mails] == [True, False, True]


def test_a_content_never_outlives_its_message(house: House) -> None:
    house.office.change_tenant(ADMIN, {"content_days": 1000, "log_days": 5}).result()
    house.mail(("a@example.org", S.SENT), at_ms=ago(6))
    sweep(house)
    assert kept(house, "content") == set()


def test_small_batches_come_to_the_same_end(house: House) -> None:
    for day in range(11, 31):
        house.mail(("a@example.org", S.SENT), at_ms=ago(day))
    waiting = house.mail(("a@example.org", S.HELD), at_ms=ago(31))
    for day in range(101, 111):
        house.mail(("a@example.org", S.FAILED), at_ms=ago(day))
    batches = [sweep(house, limit=4)]
    while batches[-1].more:
        assert len(batches) < 50
        batches.append(sweep(house, limit=4))
    assert all(batch.contents <= 4 and batch.messages <= 4 for batch in batches)
    assert len(batches) > 3
    assert kept(house, "content") == {waiting}
    assert len(kept(house, "message")) == 21


def test_a_message_with_very_many_recipients_is_a_batch_of_its_own(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_MOST_RECIPIENTS", 3)
    for _ in range(3):
        house.mail(*[(f"r{n}@example.org", S.SENT) for n in range(5)], at_ms=ago(200))
    counts = [sweep(house).messages for _ in range(4)]
    assert counts == [1, 1, 1, 0]


def test_what_was_waiting_when_the_sweep_came_by_is_taken_on_another_day(house: House) -> None:
    waiting = house.mail(("a@example.org", S.HELD), at_ms=ago(12))
    later = house.mail(("a@example.org", S.SENT), at_ms=ago(11))
    sweep(house)
    assert kept(house, "content") == {waiting}
    house.sql("UPDATE recipient SET state = 'cancelled'")
    assert sweep(house).contents == 0
    assert sweep(house, now=NOW + DAY_MS).contents == 1
    assert kept(house, "content") == set()
    assert kept(house, "message") == {waiting, later}


def test_silenced_mail_loses_its_content_like_any_other_and_can_be_seen_in_the_log(house: House) -> None:
    mail = house.mail(("a@example.org", S.SILENCED), at_ms=ago(11))
    sweep(house)
    assert kept(house, "content") == set()
    assert [line.id for line in house.reports.silenced(ADMIN).result().items] == [mail]
    sweep(house, now=NOW + 90 * DAY_MS)
    assert kept(house, "message") == set()


def test_remembered_keys_go_after_their_hours(house: House) -> None:
    for name, hours in (("old", 25), ("fresh", 23)):
        house.sql(
            "INSERT INTO idempotency (tenant_id, key, digest, message_id, created_ms) VALUES (1, :key, :d, 1, :ms)",
            key=name, d=b"", ms=ago(hours / 24),
        )  # fmt: skip
    assert sweep(house).keys == 1
    assert [row.key for row in house.sql("SELECT key FROM idempotency")] == ["fresh"]


def test_sessions_go_with_the_last_attempt_that_tells_of_them(house: House) -> None:
    waiting = house.mail(("a@example.org", S.HELD), at_ms=ago(300))
    over = house.mail(("a@example.org", S.SENT), at_ms=ago(300))
    fresh = house.mail(("a@example.org", S.SENT), at_ms=ago(1))
    sessions = {waiting: waiting + 1000, over: over + 2000, fresh: fresh + 3000}
    for mail, session in sessions.items():
        house.sql("INSERT INTO session (id, tenant_id, account_id) VALUES (:id, 1, 1)", id=session)
        house.sql(
            "INSERT INTO attempt (message_id, id, tenant_id, session_id) VALUES (:m, :id, 1, :s)",
            m=mail, id=session, s=session,
        )  # fmt: skip
    swept = sweep(house)
    assert (swept.messages, swept.sessions) == (1, 1)
    assert {row.id for row in house.sql("SELECT id FROM session")} == {sessions[waiting], sessions[fresh]}


def test_a_sweep_walks_no_table_from_end_to_end(sqlite_url: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """It runs every few minutes beside live mail, so what it reads must be what became old, not everything."""
    house = House(sqlite_url.replace("postroom.db", "plans.db"), tmp_path_factory.mktemp("plans"))
    house.mail(("a@example.org", S.SENT), at_ms=ago(11))
    with plans_of(house) as plans:
        sweep(house)
    house.close()
    walked = [plan for plan in plans if "SCAN" in plan]
    assert [plan for plan in walked if not any(small in plan for small in ("SCAN tenant", "SCAN meta"))] == []
