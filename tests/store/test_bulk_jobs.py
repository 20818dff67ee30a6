"""Jobs: one act on all that a search finds, each message once, exactly what was found, by whoever may."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from postroom.errors import BadInput, Conflict, Forbidden, NotFound
from postroom.intake.placement import NoPlacement
from postroom.maillog import MailLog
from postroom.model.application import Actor, Scope
from postroom.model.bulk_job import BulkAct, BulkJob, BulkState
from postroom.model.state import State
from postroom.office.audit import Looking
from postroom.outbox import Outbox, jobs
from postroom.outbox.jobs import Jobs
from postroom.reports import Query
from postroom.store import bulk_jobs
from tests.store.house import ADMIN, House

S = State
BODY = b"From: shop@example.com\r\nSubject: S\r\n\r\nText\r\n"


def jobs_of(house: House) -> Jobs:
    log = MailLog(None)
    return Jobs(house.store, house.office, Outbox(house.store, house.office, house.settings, log, NoPlacement()), log)


def worked(works: Jobs, rounds: int = 1) -> None:
    """Turns of upkeep, each to its end."""

    async def go() -> None:
        for _ in range(rounds):
            await works.run_once()
            await asyncio.gather(*works._turns.values())

    asyncio.run(go())


def begun(works: Jobs, act: BulkAct, query: Query | None = None, actor: Actor = ADMIN, **more: Any) -> BulkJob:
    return works.start(actor, act, query or Query(), **more).result()


def ended(works: Jobs, job: BulkJob, actor: Actor = ADMIN) -> BulkJob:
    found = works.job(actor, job.id).result()
    assert found.over, found
    return found


def test_everything_that_the_search_finds_is_moved_and_nothing_else(house: House) -> None:
    account = house.account("main")
    waiting = [house.mail(("a@x.test", S.DEFERRED, {"account_id": account}), subject="bill") for _ in range(120)]
    others = [house.mail(("a@x.test", S.DEFERRED), subject="news"), house.mail("b@x.test", subject="bill")]
    works = jobs_of(house)
    job = begun(works, BulkAct.HOLD, Query(subject="bill", state=S.DEFERRED))
    later = house.mail(("a@x.test", S.DEFERRED), subject="bill")
    worked(works)
    found = ended(works, job)
    assert (found.state, found.found, found.done, found.refused, found.left) == (BulkState.DONE, 120, 120, 0, 0)
    assert {house.states(one)[0] for one in waiting} == {"held"}
    assert [house.states(one)[0] for one in [*others, later]] == ["deferred", "queued", "deferred"]


def test_what_could_not_be_done_is_told_with_its_reason(house: House) -> None:
    house.account("main")
    sent = house.mail(("a@x.test", S.SENT), subject="gone already")
    held = house.mail(("b@x.test", S.HELD))
    works = jobs_of(house)
    job = begun(works, BulkAct.CANCEL)
    worked(works)
    found = ended(works, job)
    assert (found.done, found.refused) == (1, 1)
    assert house.states(held) == ["cancelled"]
    [refusal] = works.refusals(ADMIN, job.id).result()
    assert (refusal.message_id, refusal.subject) == (sent, "gone already")
    assert "sent" in refusal.why
    assert works.refusals(ADMIN, job.id, below=sent).result() == []


def test_a_hold_is_taken_back_on_exactly_what_it_moved_and_only_once(house: House) -> None:
    house.account("main")
    mine = [house.mail("a@x.test", body=BODY) for _ in range(3)]
    before = house.mail(("b@x.test", S.HELD), body=BODY)
    works = jobs_of(house)
    job = begun(works, BulkAct.HOLD)
    worked(works)
    assert [house.states(one)[0] for one in mine] == ["held"] * 3
    back = works.undo(ADMIN, job.id).result()
    assert (back.act, back.undo_of) == (BulkAct.RELEASE, job.id)
    worked(works)
    assert (ended(works, back).done, ended(works, job).undone_by) == (3, back.id)
    assert [house.states(one)[0] for one in [*mine, before]] == ["queued"] * 3 + ["held"]
    with pytest.raises(Conflict, match="already"):
        works.undo(ADMIN, job.id).result()
    cancelled = begun(works, BulkAct.CANCEL)
    worked(works)
    with pytest.raises(Conflict, match="can't be taken back"):
        works.undo(ADMIN, cancelled.id).result()


def test_each_message_is_sent_again_once_though_the_job_is_done_over_again(house: House) -> None:
    """As after a process died between a batch's copies and the note of how far it is."""
    house.account("main", sender_address="shop@example.com")
    house.office.change_tenant(ADMIN, {"mode": "smtp", "default_account_id": "main"}).result()
    failed = [house.mail(("a@x.test", S.FAILED), body=BODY) for _ in range(25)]
    gone = house.mail(("a@x.test", S.FAILED), body=None)
    works = jobs_of(house)
    job = begun(works, BulkAct.RESEND, Query(state=S.FAILED))
    worked(works)
    house.sql("UPDATE bulk_job SET state = 'running', ended_ms = NULL, after = 0, done = 0, refused = 0")
    worked(works)
    found = ended(works, job)
    assert (found.done, found.refused) == (25, 1)
    copies = house.sql("SELECT resend_of, count(*) AS number FROM message WHERE resend_of IS NOT NULL GROUP BY 1")
    assert {row.resend_of: row.number for row in copies} == dict.fromkeys(failed, 1)
    assert [one.message_id for one in works.refusals(ADMIN, job.id).result()] == [gone]


def test_a_stopped_job_does_nothing_more_and_says_by_whom(house: House) -> None:
    house.account("main")
    mail = [house.mail("a@x.test") for _ in range(3)]
    works = jobs_of(house)
    job = begun(works, BulkAct.HOLD)
    stopped = works.stop(Actor(ADMIN.tenant_id, ADMIN.scopes, name="eve"), job.id).result()
    assert (stopped.state, stopped.stopped_by) == (BulkState.STOPPED, "eve")
    worked(works)
    assert {house.states(one)[0] for one in mail} == {"queued"}
    assert works.stop(ADMIN, job.id).result() == stopped
    assert house.office.audit(ADMIN, Looking(verb="job.stopped")).result().entries[0].who == "eve"


def test_taking_back_a_job_that_runs_stops_it(house: House) -> None:
    house.account("main")
    mail = [house.mail("a@x.test", body=BODY) for _ in range(60)]
    works = jobs_of(house)
    job = begun(works, BulkAct.HOLD)
    held = house.store.write(lambda c: bulk_jobs.lease(c, job, 60_000, 1)).result()
    for _ in range(2):
        assert held is not None
        held = asyncio.run(works._step(held))
    assert sorted(house.states(one)[0] for one in mail) == ["held"] * 50 + ["queued"] * 10
    works.undo(ADMIN, job.id).result()
    assert held is not None
    with pytest.raises(Conflict):
        asyncio.run(works._step(held))
    worked(works)
    assert {house.states(one)[0] for one in mail} == {"queued"}
    assert works.job(ADMIN, job.id).result().state is BulkState.STOPPED


def test_who_lost_the_lease_changes_nothing(house: House) -> None:
    house.account("main")
    mail = [house.mail("a@x.test") for _ in range(3)]
    works = jobs_of(house)
    job = begun(works, BulkAct.HOLD)
    slow = house.store.write(lambda c: bulk_jobs.lease(c, job, 0, 1)).result()
    assert slow is not None
    slow = asyncio.run(works._step(slow))
    assert slow is not None
    assert slow.job.state is BulkState.RUNNING
    house.sql("UPDATE bulk_job SET leased_until_ms = 0")
    quick = house.store.write(lambda c: bulk_jobs.lease(c, job, 60_000, 2)).result()
    assert quick is not None
    assert house.store.write(lambda c: bulk_jobs.lease(c, job, 60_000, 3)).result() is None
    with pytest.raises(Conflict):
        asyncio.run(works._step(slow))
    assert {house.states(one)[0] for one in mail} == {"queued"}
    assert asyncio.run(works._step(quick)) is not None
    assert {house.states(one)[0] for one in mail} == {"held"}


def test_silenced_mail_leaves_as_copies_to_somebody_else_and_stays(house: House) -> None:
    house.account("main", sender_address="shop@example.com")
    house.office.change_tenant(ADMIN, {"mode": "smtp", "default_account_id": "main"}).result()
    kept = [house.mail(("a@x.test", S.SILENCED), body=BODY) for _ in range(2)]
    works = jobs_of(house)
    job = begun(works, BulkAct.RELEASE, Query(state=S.SILENCED), to=["tester@x.test"])
    worked(works)
    assert ended(works, job).done == 2
    assert [house.states(one)[0] for one in kept] == ["silenced"] * 2
    rows = house.sql("SELECT r.address FROM recipient r JOIN message m ON m.id = r.message_id WHERE m.resend_of > 0")
    assert [row.address for row in rows] == ["tester@x.test"] * 2


def test_a_copy_of_the_database_works_at_no_job(house: House) -> None:
    mail = house.mail("a@x.test")
    works = jobs_of(house)
    begun(works, BulkAct.HOLD)

    class Copied:
        snapshot = type("Snapshot", (), {"clone": object()})()

    worked(Jobs(house.store, Copied(), works._outbox, MailLog(None)))  # type: ignore[arg-type]  # a copy's office
    assert house.states(mail) == ["queued"]


def test_rights_faults_and_foreign_tenants(house: House) -> None:
    works = jobs_of(house)
    reader, doer = (Actor(1, frozenset(scopes), name="x") for scopes in ({Scope.READ}, {Scope.READ, Scope.ACT}))
    for verb in (works.undo, works.stop):
        with pytest.raises(Forbidden):
            verb(reader, 1)
    with pytest.raises(Forbidden):
        works.start(reader, BulkAct.HOLD, Query())
    with pytest.raises(Forbidden, match="content"):
        works.start(doer, BulkAct.RELEASE, Query(), ["a@x.test"])
    with pytest.raises(BadInput) as found:
        works.start(ADMIN, BulkAct.RESEND, Query(), ["a@x.test", "no address"])
    assert [fault.field for fault in found.value.faults] == ["to[1]"]
    with pytest.raises(BadInput, match="to"):
        works.start(ADMIN, BulkAct.CANCEL, Query(), ["a@x.test"])
    with pytest.raises(BadInput, match="state"):
        works.start(ADMIN, BulkAct.CANCEL, Query(state="nowhere"))
    job = begun(works, BulkAct.HOLD)
    stranger = house.tenant("Strange")
    assert works.jobs(stranger).result() == []
    for answer in (works.job, works.stop, works.undo, works.refusals):
        with pytest.raises(NotFound):
            answer(stranger, job.id).result()


def test_another_tenants_mail_is_never_touched(house: House) -> None:
    tenant = house.tenant("Other")
    theirs, ours = house.mail("a@x.test", tenant_id=tenant.tenant_id), house.mail("a@x.test")
    works = jobs_of(house)
    begun(works, BulkAct.HOLD, actor=tenant)
    worked(works)
    assert (house.states(theirs), house.states(ours)) == (["held"], ["queued"])


def test_so_many_at_once_and_no_more(house: House) -> None:
    works = jobs_of(house)
    for _ in range(jobs.MOST_OPEN):
        begun(works, BulkAct.HOLD)
    with pytest.raises(Conflict, match="under way"):
        begun(works, BulkAct.HOLD)


def test_the_trail_says_who_started_it_for_what_and_how_it_ended(house: House) -> None:
    house.mail("a@x.test", subject="bill")
    works = jobs_of(house)
    begun(works, BulkAct.HOLD, Query(subject="bill"))
    worked(works)
    done, started = house.office.audit(ADMIN, Looking(verb="job.")).result().entries
    assert (started.who, started.verb, started.after) == (
        "ada",
        "job.started",
        {"act": "hold", "search": {"subject": "bill"}},
    )
    assert (done.who_kind, done.verb, done.after) == ("postroom", "job.done", {"done": 1, "refused": 0})
    assert "ada" in house.sql("SELECT detail FROM event WHERE kind = 'held'")[0].detail


def test_old_jobs_are_forgotten_with_what_they_noted(house: House) -> None:
    for _ in range(3):
        house.mail("a@x.test")
    works = jobs_of(house)
    job = begun(works, BulkAct.HOLD)
    worked(works)
    assert asyncio.run(works.sweep()) is False
    house.sql("UPDATE bulk_job SET ended_ms = 1")
    assert asyncio.run(works.sweep()) is True
    assert house.sql("SELECT * FROM bulk_item") == []
    with pytest.raises(NotFound):
        works.job(ADMIN, job.id).result()


def test_messages_are_counted(house: House) -> None:
    for n in range(30):
        house.mail(("a@x.test", S.FAILED if n % 3 == 0 else S.SENT), subject="bill")
    counted = house.reports.count(ADMIN).result()
    assert (counted.number, counted.exact, counted.counted_to_ms) == (30, True, None)
    assert house.reports.count(ADMIN, Query(state=S.FAILED)).result().number == 10
    assert house.reports.count(house.tenant("Other")).result().number == 0
    account = house.account("main")
    house.mail(("a@x.test", S.FAILED, {"account_id": account}))
    assert house.reports.count(ADMIN, Query(account="main")).result().number == 1
    assert house.reports.count(ADMIN, Query(account="none")).result().number == 0
