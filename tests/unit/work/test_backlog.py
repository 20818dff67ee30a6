"""What was claimed becomes jobs: one transaction for recipients of one message, as many as the account allows."""

from __future__ import annotations

from typing import Any

from postroom.model.account import Account, Limits
from postroom.policy.address_tag import BOUNCE, Tag
from postroom.secrets.key import Key
from postroom.secrets.ring import KeyRing
from postroom.secrets.tagging import Tagging
from postroom.store.lanes import Claimed, all_there_was
from postroom.work.backlog import jobs_of

FENCE = 9
TAGGING = Tagging(KeyRing((KEY := Key.new(),), KEY))


def claimed(message_id: int, n: int, body: bytes | None = b"bytes", priority: int = 5, tag: str = "off") -> Claimed:
    values: dict[str, Any] = dict.fromkeys(Claimed._fields, "")
    values |= {"message_id": message_id, "n": n, "tenant_id": 1, "address": f"{n}@test", "attempts": n}
    values |= {"size": len(body or b""), "since_ms": 5, "priority": priority, "body": body}
    return Claimed(**(values | {"return_tag": tag, "mail_from": "bounces@x.org"}))


def account(recipients: int) -> Account:
    return Account(7, 1, "a", "host.test", 25, limits=Limits(recipients=recipients))


def test_recipients_of_one_message_share_a_job() -> None:
    jobs = jobs_of([claimed(1, 0), claimed(1, 1), claimed(2, 0)], account(100), FENCE, TAGGING)
    assert [(job.message_id, [one.n for one in job.recipients]) for job in jobs] == [(1, [0, 1]), (2, [0])]
    assert {(job.account_id, job.fence) for job in jobs} == {(7, FENCE)}
    assert [one.attempts for one in jobs[0].recipients] == [0, 1]


def test_no_more_than_the_account_allows() -> None:
    jobs = jobs_of([claimed(1, n) for n in range(5)], account(2), FENCE, TAGGING)
    assert [len(job.recipients) for job in jobs] == [2, 2, 1]


def test_a_message_that_comes_up_twice_is_two_jobs() -> None:
    jobs = jobs_of([claimed(1, 0), claimed(2, 0), claimed(1, 1)], account(100), FENCE, TAGGING)
    assert [job.message_id for job in jobs] == [1, 2, 1]


def test_nothing_makes_no_job() -> None:
    assert jobs_of([], account(100), FENCE, TAGGING) == []


def test_the_priority_and_a_body_that_is_read_later_go_along() -> None:
    (job,) = jobs_of([claimed(1, 0, None, priority=1)], account(100), FENCE, TAGGING)
    assert (job.priority, job.content) == (1, None)


def test_a_claim_that_was_cut_off_by_size_may_have_left_more() -> None:
    assert all_there_was([claimed(n, 0) for n in range(3)], 4)
    assert not all_there_was([claimed(n, 0) for n in range(4)], 4)
    assert not all_there_was([claimed(n, 0, bytes(32_768)) for n in range(128)], 200)


def test_each_recipient_has_a_return_path_of_his_own_where_it_is_tagged() -> None:
    one, other = jobs_of([claimed(1, 0, tag="plus"), claimed(1, 1, tag="plus")], account(100), FENCE, TAGGING)
    found = [TAGGING.read(1, job.return_path.partition("@")[0].partition("+")[2]) for job in (one, other)]
    assert found == [Tag(BOUNCE, 1, 0), Tag(BOUNCE, 1, 1)]
    assert {one.mail_from, other.mail_from} == {"bounces@x.org"}
