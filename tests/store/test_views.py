"""What became of a message, of the queue and of the installation, as people are shown it."""

from __future__ import annotations

import pytest

from postroom.clock import now_ms
from postroom.errors import Forbidden, NotFound
from postroom.ids import time_of
from postroom.model.application import Actor, Scope
from postroom.model.event import EventKind
from postroom.model.state import State
from tests.store.house import ADMIN, House, tenant_admin

S = State


def attempt(house: House, mail: int, tenant_id: int = 1, **values: object) -> int:
    number = house.store.ids.next()
    columns = {"message_id": mail, "id": number, "tenant_id": tenant_id, **values}
    names = ", ".join(columns)
    house.sql(f"INSERT INTO attempt ({names}) VALUES ({', '.join(':' + name for name in columns)})", **columns)
    return number


def test_a_message_shows_all_that_is_kept_of_it(house: House) -> None:
    shop = house.office.create_application(ADMIN, "shop").result()
    account = house.account("relay")
    number = house.mail(
        ("a@example.org", S.FAILED, {"account_id": account, "diagnosis": "no-such-mailbox", "reply": "550 5.1.1 who?"}),
        ("b@example.org", S.HELD, {"reason": "no-account"}),
        subject="Hello", application_id=shop.id, tags='["x"]', metadata='{"order": "7"}', kind="order",
    )  # fmt: skip
    view = house.reports.message(ADMIN, number).result()
    assert (view.message.subject, view.application, view.has_content) == ("Hello", "shop", True)
    assert (view.message.tags, view.message.metadata, view.message.kind) == (("x",), (("order", "7"),), "order")
    failed, held = view.recipients
    assert (failed.account, failed.reply) == ("relay", "550 5.1.1 who?")
    assert failed.explanation != "" or failed.diagnosis not in known_diagnoses()
    assert "No account" in held.explanation
    assert held.remedy != ""
    assert view.states == {S.FAILED: 1, S.HELD: 1}


def known_diagnoses() -> set[str]:
    from postroom.policy.diagnosis import catalogue

    return set(catalogue().by_id)


def test_every_diagnosis_is_explained_with_the_accounts_own_names(house: House) -> None:
    account = house.account("relay", host="smtp.relay.example", user="shop@example.com")
    for diagnosis in sorted(known_diagnoses()):
        number = house.mail(("a@example.org", S.DEFERRED, {"account_id": account, "diagnosis": diagnosis}))
        shown = house.reports.message(ADMIN, number).result().recipients[0]
        assert shown.explanation, diagnosis
        assert "{" not in shown.explanation + shown.remedy, diagnosis


def test_a_tenant_is_not_told_the_host_and_user_of_an_account_it_inherits(house: House) -> None:
    tenant = house.tenant("acme")
    account = house.account("ours", host="inner.relay.example", user="service@inner.example")
    for diagnosis in sorted(known_diagnoses()):
        number = house.mail(
            ("a@example.org", S.DEFERRED, {"account_id": account, "diagnosis": diagnosis}), tenant_id=tenant.tenant_id
        )
        shown = house.reports.message(tenant, number).result().recipients[0]
        assert "inner" not in shown.explanation + shown.remedy, diagnosis
    house.office.pause_account(ADMIN, "ours", "Down for now.").result()
    assert "installation's administrator" in house.reports.message(tenant, number).result().recipients[0].remedy


def test_the_timeline_has_events_and_attempts_in_order_with_the_whole_conversation(house: House) -> None:
    account = house.account("relay")
    number = house.mail("a@example.org")
    session = house.store.ids.next()
    house.sql(
        "INSERT INTO session (id, tenant_id, account_id, server, tls, conversation) "
        "VALUES (:id, 1, :account, 'ESMTP Postfix', 'TLSv1.3', 'S: 220 hello')",
        id=session, account=account,
    )  # fmt: skip
    one = attempt(house, number, session_id=session, recipients="0,2", account_id=account, conversation="C: MAIL")
    two = attempt(house, number, account_id=account, conversation="", reply="connection-refused: no")
    for kind in (EventKind.SENDING, EventKind.DEFERRED, EventKind.SENT):
        house.store.write(lambda c, kind=kind: house.event(c, number, 1, now_ms() + 5, kind, why=kind.value)).result()
    timeline = house.reports.timeline(ADMIN, number).result()
    assert [event.kind.value for event in timeline.events] == ["accepted", "sending", "deferred", "sent"]
    assert timeline.events[-1].detail == {"why": "sent"}
    assert [each.id for each in timeline.attempts] == [one, two]
    first = timeline.attempts[0]
    assert (first.conversation, first.recipients) == ("S: 220 hello\nC: MAIL", (0, 2))
    assert (first.server, first.tls) == ("ESMTP Postfix", "TLSv1.3")
    assert timeline.accounts == {account: "relay"}
    assert not timeline.more
    for n, expected in ((0, [one]), (2, [one]), (1, []), (20, [])):
        assert [each.id for each in house.reports.timeline(ADMIN, number, n=n).result().attempts] == expected


def test_a_tenants_attempt_through_the_installations_account_has_its_session_too(house: House) -> None:
    tenant, other = house.tenant("acme"), house.tenant("other")
    number = house.mail("a@example.org", tenant_id=tenant.tenant_id)
    for owner, words in ((1, "ours"), (other.tenant_id, "foreign")):
        session = house.store.ids.next()
        house.sql(
            "INSERT INTO session (id, tenant_id, account_id, conversation) VALUES (:id, :t, 1, :words)",
            id=session, t=owner, words=words,
        )  # fmt: skip
        attempt(house, number, tenant.tenant_id, session_id=session, recipients="0", conversation="then")
    said = [one.conversation for one in house.reports.timeline(tenant, number).result().attempts]
    assert said == ["ours\nthen", "then"]


def test_contents_are_for_those_who_may_see_contents_and_secret_ones_for_nobody(house: House) -> None:
    number = house.mail("a@example.org", body=b"Subject: x\r\n\r\ny")
    secret = house.mail("a@example.org", secret=True)
    never = house.mail(("a@example.org", S.DISABLED), body=None)
    reader = Actor(1, frozenset({Scope.CONTENT}))
    assert house.reports.content(reader, number).result() == b"Subject: x\r\n\r\ny"
    with pytest.raises(Forbidden, match="secret"):
        house.reports.content(ADMIN, secret).result()
    with pytest.raises(NotFound, match="disabled"):
        house.reports.content(ADMIN, never).result()
    for nothing in (number + 1, -1, 1 << 70):
        with pytest.raises(NotFound):
            house.reports.content(ADMIN, nothing).result()


def test_the_queue_has_a_line_for_each_account_that_matters(house: House) -> None:
    one, two = house.account("one"), house.account("two", enabled=False)
    moment = now_ms()
    oldest = house.mail(
        ("a@example.org", S.QUEUED, {"account_id": one}),
        ("b@example.org", S.DEFERRED, {"account_id": one, "due_ms": moment + 10**9}),
        ("c@example.org", S.SENDING, {"account_id": one}),
        ("d@example.org", S.SENT, {"account_id": one}),
        ("e@example.org", S.UNKNOWN, {"account_id": one}),
    )
    house.mail(("a@example.org", S.QUEUED, {"account_id": one}))
    house.mail(("a@example.org", S.HELD, {"reason": "no-account"}))
    house.mail(("a@example.org", S.QUEUED, {"account_id": -1}))
    house.mail(("a@example.org", S.QUEUED, {"account_id": one}), tenant_id=house.tenant("other").tenant_id)
    house.office.pause_account(ADMIN, "one", "Password expired.").result()
    lines = {line.account_id: line for line in house.reports.queue(ADMIN).result()}
    assert list(lines)[:2] == [one, two]
    main = lines[one]
    assert (main.account, main.state, main.reason) == ("one", "paused", "Password expired.")
    assert (main.waiting, main.due, main.held, main.unknown, main.sending) == (3, 2, 0, 1, 1)
    assert main.oldest_ms == time_of(oldest)
    assert (lines[two].state, lines[two].waiting, lines[two].oldest_ms) == ("disabled", 0, None)
    assert (lines[None].state, lines[None].held) == ("none", 1)
    assert (lines[-1].account, lines[-1].waiting) == ("native", 1)
    assert house.reports.queue(tenant_admin(999)).result() == []


def test_health_tells_whether_mail_is_taken_and_leaves(house: House) -> None:
    health = house.reports.health().result()
    assert (health.ready, health.delivering, health.problems) == (True, True, ())
    account, paused = house.account("main"), house.account("paused")
    house.office.pause_account(ADMIN, "paused").result()
    long_ago = now_ms() - 3_600_000
    house.mail(("a@example.org", S.QUEUED, {"account_id": paused, "due_ms": long_ago}))
    assert house.reports.health().result().problems == ()
    house.mail(("a@example.org", S.QUEUED, {"account_id": account, "due_ms": long_ago}))
    house.sql("UPDATE node SET seen_ms = 1")
    assert not house.reports.health().result().delivering
    house.sql("UPDATE node SET seen_ms = :ms", ms=now_ms() - 120_000)
    health = house.reports.health().result()
    assert (health.ready, health.delivering, health.oldest_due_ms) == (True, False, long_ago)
    assert len(health.problems) == 3
    house.sql(
        "INSERT INTO node (number, worker, role, started_ms, seen_ms) VALUES (9, 'anew', 'all', :ms, :ms)", ms=now_ms()
    )
    health = house.reports.health().result()
    assert health.delivering
    assert len(health.problems) == 1  # the late mail; the old node was restarted, not lost
    house.store.close()
    closed = house.reports.health().result()
    assert (closed.ready, closed.delivering) == (False, False)
