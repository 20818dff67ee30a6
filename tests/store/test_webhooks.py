"""The feed and webhooks in the office, on both databases: nothing missed, secrets sealed, everybody his own."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from postroom.clock import now_ms
from postroom.errors import BadInput, Forbidden, NotFound
from postroom.ids import encode
from postroom.model.application import Actor, Scope
from postroom.model.event import EventKind
from postroom.model.problem import Finding
from postroom.model.tenant import INSTALLATION
from postroom.model.webhook import Delivery, FeedEntry, WebhookState, wants
from postroom.office.problems import Lookout
from postroom.policy.redelivery import wait_ms
from postroom.reports.events import EventPage, event_json, pull
from postroom.store import deliveries, feed, webhooks
from postroom.store.database import Store
from tests.store.house import ADMIN, DAY_MS, House

URL = "https://hooks.example.com/in"


def pulled(house: House, after: str = "", actor: Actor = ADMIN, limit: int = 100, **more: Any) -> EventPage:
    return pull(house.store, actor, after, more.pop("types", ()), limit, **more).result()


def types(page: EventPage) -> list[str]:
    return [one.type for one in page.entries]


def test_events_are_kept_for_those_who_follow_and_for_nobody_else(house: House) -> None:
    house.mail("early@example.org")
    assert types(pulled(house)) == []
    assert house.sql("SELECT * FROM feed") == []
    number = house.mail("ann@example.org", tags='["x"]', metadata='{"order": "7"}')
    house.mail("b@example.org", tenant_id=house.tenant("acme").tenant_id)
    page = pulled(house)
    assert types(page) == ["message.accepted"]
    told = event_json(page.entries[0])
    assert told["data"]["tags"] == ["x"]
    assert told["data"]["metadata"] == {"order": "7"}
    assert page.entries[0].message_id == number
    assert types(pulled(house, page.next)) == []
    house.mail("bob@example.org")
    assert types(pulled(house, page.next)) == ["message.accepted"]


def test_a_cursor_misses_nothing_whatever_ends_when(postgres_url: str, tmp_path: Path) -> None:
    """A transaction that began earlier and ends later than another is read after it, not skipped.

    On SQLite one writer alone writes, one transaction after the other.
    """
    house, other = House(postgres_url, tmp_path), Store(postgres_url)
    pulled(house)
    begun, go_on = threading.Event(), threading.Event()

    def slow(connection: Any) -> None:
        house.event(connection, 1, INSTALLATION, 1, EventKind.ACCEPTED)
        begun.set()
        assert go_on.wait(30)

    late = other.write(slow)
    assert begun.wait(30)
    house.store.write(lambda c: house.event(c, 2, INSTALLATION, 2, EventKind.SENT)).result()
    first = pulled(house)
    assert types(first) == ["message.sent"]
    go_on.set()
    late.result()
    assert types(pulled(house, first.next)) == ["message.accepted"]
    other.close()
    house.close()


def test_pages_are_bounded_and_filtered_without_losing_the_place(house: House) -> None:
    pulled(house)
    for n in range(5):
        house.mail(f"r{n}@example.org")
    seen, after = 0, ""
    while True:
        page = pulled(house, after, limit=2)
        seen += len(page.entries)
        after = page.next
        if not page.more:
            break
    assert seen == 5
    assert types(pulled(house, types=("message.sent",))) == []
    for wrong in ({"after": "f_nonsense"}, {"limit": 0}, {"limit": 5000}, {"types": ("message.bogus",)}):
        with pytest.raises(BadInput):
            pulled(house, **wrong)
    with pytest.raises(Forbidden):
        pulled(house, actor=Actor(INSTALLATION, frozenset({Scope.SEND})))
    with pytest.raises(NotFound):
        pulled(house, actor=house.tenant("acme"), tenant_id=INSTALLATION)


def test_old_events_go_and_whoever_comes_too_late_is_told(house: House) -> None:
    begin = pulled(house).next
    house.mail("a@example.org")
    pulled(house)
    house.sql("UPDATE feed SET at_ms = 1")
    gone = house.store.write(lambda c: feed.sweep(c, now_ms(), [], 100)).result()
    assert gone == 1
    page = pulled(house, begin)
    assert (types(page), page.missed) == ([], True)
    assert not pulled(house).missed
    house.store.write(lambda c: feed.sweep(c, now_ms() + 31 * DAY_MS, [], 100)).result()
    house.mail("b@example.org")
    assert house.sql("SELECT * FROM feed") == [], "nobody asked for a month"


def test_a_problem_is_an_event_as_well(house: House) -> None:
    pulled(house)
    seen = Lookout(now_ms(), "here", [Finding("mode-silent", INSTALLATION)], None)
    house.office.note_problems(seen).result()
    (entry,) = pulled(house).entries
    assert (entry.type, entry.detail["problem"]) == ("problem.began", "mode-silent")
    gone = Lookout(now_ms(), "here", [], None)
    house.office.note_problems(gone, settle_ms=0).result()
    assert [one.type for one in pulled(house).entries] == ["problem.began", "problem.over"]


# -- webhooks ---------------------------------------------------------------------------------------------------------


def test_a_secret_is_shown_once_sealed_to_its_server_and_nowhere_else(house: House) -> None:
    made = house.office.create_webhook(ADMIN, {"url": URL, "name": "Shop"}).result()
    assert made.secret is not None
    text = made.secret.reveal()
    assert text.startswith("whsec_")
    assert text not in repr(made)
    assert [view.secret for view in house.office.webhooks(ADMIN).result()] == [None]
    for table in ("webhook", "webhook_secret", "audit", "version", "feed", "webhook_progress"):
        assert text not in repr(house.sql(f"SELECT * FROM {table}"))
    webhook = house.office.snapshot.webhooks[made.webhook.id]
    assert [one.reveal() for one in house.office.webhook_secrets(webhook)] == [text]
    elsewhere = house.office.change_webhook(ADMIN, "shop", {"url": "https://other.example.com/in"}).result()
    assert elsewhere.secret is not None
    assert elsewhere.secret.reveal() != text, "another server learns nothing of the old secret"
    same = house.office.change_webhook(ADMIN, "shop", {"url": "https://other.example.com/else"}).result()
    assert same.secret is None


def test_a_rotation_lets_the_old_secret_sign_beside_the_new_one_for_a_while(house: House) -> None:
    first = house.office.create_webhook(ADMIN, {"url": URL}).result().secret
    second = house.office.rotate_webhook_secret(ADMIN, "hooks.example.com").result().secret
    assert first is not None
    assert second is not None
    (webhook,) = house.office.snapshot.webhooks.values()
    assert [one.reveal() for one in house.office.webhook_secrets(webhook)] == [second.reveal(), first.reveal()]
    assert house.office.rotate_key(ADMIN).result() >= 1, "sealed anew with a new key, both"
    assert len(house.office.webhook_secrets(webhook)) == 2
    third = house.office.rotate_webhook_secret(ADMIN, "hooks.example.com", 0).result().secret
    assert third is not None
    assert [one.reveal() for one in house.office.webhook_secrets(webhook)] == [third.reveal()]
    for wrong in (-1, 1000, True):
        with pytest.raises(BadInput):
            house.office.rotate_webhook_secret(ADMIN, "hooks.example.com", wrong)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/in", "https://127.0.0.1/in", "https://[::1]/in", "https://10.0.0.1/in",
        "https://169.254.169.254/latest", "https://hooks.example.com:22/in", "https://user:word@hooks.example.com/",
        "ftp://hooks.example.com/", "https://hooks.example.com/#x", "https://hooks.example.com/\r\nX: y", "",
        "nonsense", "http://127.0.0.1:8080/in", "https://[::ffff:10.0.0.1]/in",
    ],
)  # fmt: skip
def test_a_tenant_names_only_servers_of_the_public_internet(house: House, url: str) -> None:
    """A32, A9: what is refused is told by its field, whatever is wrong with it."""
    with pytest.raises(BadInput) as caught:
        house.office.create_webhook(house.tenant("acme"), {"url": url}).result()
    assert {fault.field for fault in caught.value.faults} == {"url"}


def test_everything_that_is_wrong_is_told_at_once(house: House) -> None:
    with pytest.raises(BadInput) as caught:
        house.office.create_webhook(ADMIN, {"url": "x", "types": ["message.bogus"], "colour": "red"}).result()
    assert {fault.field for fault in caught.value.faults} == {"url", "types", "colour"}
    house.office.create_webhook(ADMIN, {"url": URL, "name": "Shop"}).result()
    with pytest.raises(BadInput):
        house.office.create_webhook(ADMIN, {"url": URL, "name": "SHOP"}).result()


def test_who_may_not_see_messages_can_not_have_them_sent_to_him(house: House) -> None:
    actor = Actor(INSTALLATION, frozenset({Scope.SETTINGS_READ, Scope.SETTINGS_WRITE}))
    with pytest.raises(Forbidden):
        house.office.create_webhook(actor, {"url": URL})
    house.office.create_webhook(actor, {"url": URL, "types": "problem.*"}).result()
    with pytest.raises(Forbidden):
        house.office.change_webhook(actor, "hooks.example.com", {"types": []}).result()


def test_a_webhook_has_versions_an_audit_trail_and_comes_back_when_deleted(house: House) -> None:
    made = house.office.create_webhook(ADMIN, {"url": URL, "name": "Shop"}).result()
    house.office.change_webhook(ADMIN, "Shop", {"types": "message.sent"}).result()
    assert [one.version for one in house.office.versions(ADMIN, "webhook", "Shop").result()] == [2, 1]
    house.office.return_to(ADMIN, "webhook", "Shop", 1).result()
    assert house.office.snapshot.webhooks[made.webhook.id].types == ()
    house.office.delete_webhook(ADMIN, "Shop").result()
    verbs = [one.verb for one in house.office.audit(ADMIN).result().entries]
    assert {"webhook.created", "webhook.changed", "webhook.deleted"} <= set(verbs)
    (gone,) = house.office.deleted(ADMIN).result()
    back = house.office.restore_deleted(ADMIN, encode("h", gone.mark.noun_id)).result()
    assert back.returned.secret_dropped
    assert house.office.webhook(ADMIN, "Shop").result().webhook.url == URL


def test_a_lease_is_for_one_and_whoever_lost_it_changes_nothing(house: House) -> None:
    webhook = house.office.create_webhook(ADMIN, {"url": URL}).result().webhook
    house.mail("a@example.org")
    house.store.write(feed.publish).result()
    whose = (INSTALLATION, webhook.id)
    (due,) = house.store.read(lambda c: webhooks.due(c, now_ms())).result()
    held = house.store.write(lambda c: webhooks.lease(c, *whose, 60_000, 7)).result()
    assert held is not None
    assert house.store.write(lambda c: webhooks.lease(c, *whose, 60_000, 8)).result() is None
    assert house.store.read(lambda c: webhooks.due(c, now_ms())).result() == []
    house.sql("UPDATE webhook_progress SET leased_until_ms = 0")
    assert house.store.write(lambda c: webhooks.lease(c, *whose, 60_000, 8)).result() is not None
    assert not house.store.write(lambda c: webhooks.advance(c, held, due.position + 1, 204, 1, 60_000)).result()
    assert not house.store.write(lambda c: webhooks.fail(c, held, 500, "x", 1, 1)).result()
    assert house.store.read(lambda c: webhooks.progress(c, *whose)).result().position == due.position


def test_replay_goes_back_to_a_cursor_or_a_time_and_pausing_keeps_the_place(house: House) -> None:
    house.office.create_webhook(ADMIN, {"url": URL, "name": "Shop"}).result()
    begin, moment = pulled(house).next, now_ms()
    house.mail("a@example.org")
    page = pulled(house)
    house.office.replay_webhook(ADMIN, "Shop", after=page.next).result()
    assert not house.office.webhook(ADMIN, "Shop").result().behind
    house.office.replay_webhook(ADMIN, "Shop", after=begin).result()
    assert house.office.webhook(ADMIN, "Shop").result().behind
    house.office.replay_webhook(ADMIN, "Shop", since_ms=now_ms() + DAY_MS).result()
    assert not house.office.webhook(ADMIN, "Shop").result().behind
    house.office.replay_webhook(ADMIN, "Shop", since_ms=moment - 1).result()
    assert house.office.webhook(ADMIN, "Shop").result().behind
    assert house.office.pause_webhook(ADMIN, "Shop").result().webhook.state is WebhookState.PAUSED
    assert house.store.read(lambda c: webhooks.due(c, now_ms())).result() == []
    assert house.office.resume_webhook(ADMIN, "Shop").result().behind
    for wrong in ({}, {"after": "nonsense"}, {"after": begin, "since_ms": 1}):
        with pytest.raises(BadInput):
            house.office.replay_webhook(ADMIN, "Shop", **wrong)


def test_what_takes_nothing_is_found_by_the_settings_check(house: House) -> None:
    webhook = house.office.create_webhook(ADMIN, {"url": URL, "name": "Shop"}).result().webhook
    house.sql("UPDATE webhook_progress SET failing_ms = 1, tries = 9, fault = 'It answered 500.'")
    found = {one.finding.check for one in house.office.problems(ADMIN).result().problems}
    assert "webhook-failing" in found
    kept = house.office.snapshot.webhooks[webhook.id]
    assert house.office.stop_webhook(kept, "It is gone.").result()
    assert not house.office.stop_webhook(kept, "It is gone.").result(), "once"
    found = {one.finding.check for one in house.office.problems(ADMIN).result().problems}
    assert "webhook-given-up" in found


def test_a_type_is_wanted_alone_in_its_group_or_with_all() -> None:
    assert all(wants(types, "message.sent") for types in ((), ("*",), ("message.*",), ("message.sent",)))
    assert not any(wants(types, "message.sent") for types in (("problem.*",), ("message.failed",)))


def test_waits_grow_to_hours_are_spread_and_a_server_may_ask_for_more_within_reason() -> None:
    waits = [wait_ms(tries, 5_000, 0.5) for tries in range(1, 12)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (5_000, 4 * 3600 * 1000)
    assert wait_ms(1, 5_000, 0.0) < 5_000 < wait_ms(1, 5_000, 1.0)
    assert wait_ms(1, 5_000, 0.5, 60_000) == 60_000
    assert wait_ms(1, 5_000, 0.5, 10**12) == 4 * 3600 * 1000


def test_an_event_whose_message_is_gone_is_still_told() -> None:
    told = event_json(FeedEntry(1, 2, INSTALLATION, "message.sent", 3, message_id=4))
    assert told["data"] == {"message_id": "m_0000000000004", "n": None, "detail": {}}


def test_the_latest_deliveries_are_kept_and_older_ones_make_room_for_each_webhook_apart(house: House) -> None:
    office = house.office
    first, second = (office.create_webhook(ADMIN, {"name": name, "url": URL}).result().webhook for name in "ab")
    for number in range(1, deliveries.KEPT + 6):
        one = Delivery(number, first.tenant_id, first.id, number, "message.sent", 1, number % 2 == 0, 200, "ok", 3, 9)
        house.store.write(lambda c, one=one: deliveries.note(c, one)).result()
    other = Delivery(9_999, second.tenant_id, second.id, 1, "message.sent", 1, False, 500, "no", 3)
    house.store.write(lambda c: deliveries.note(c, other)).result()
    kept = office.webhook_deliveries(ADMIN, "a").result()
    assert [one.id for one in kept] == list(range(deliveries.KEPT + 5, 5, -1))
    assert [kept[0].ok, kept[1].ok] == [False, True]
    assert office.webhook_deliveries(ADMIN, "b").result() == [other]
    acme = house.tenant("acme")
    with pytest.raises(NotFound):
        office.webhook_deliveries(acme, encode("h", first.id)).result()
    office.delete_webhook(ADMIN, "a").result()
    assert house.sql("SELECT * FROM webhook_delivery WHERE webhook_id <> " + str(second.id)) == []
