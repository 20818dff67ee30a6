"""SG12: each change of an account, a sender or a tenant is a version; one can return to it, no secret does (P7)."""

from __future__ import annotations

import pytest

from postroom.errors import BadInput, Conflict, NotFound
from postroom.ids import encode
from postroom.model.account import Account
from postroom.model.version import content_of
from tests.store.house import ADMIN, House

SECRET = "c4nary-hunter2"
OLD = {"name": "main", "host": "old.example", "encryption": "starttls", "user": "shop@example.com"}


@pytest.fixture
def account(house: House) -> int:
    return house.office.create_account(ADMIN, OLD, SECRET).result().account.id


def now(house: House, account: int) -> Account:
    return house.office.snapshot.accounts[account]


def test_every_change_is_a_version_with_who_and_when(house: House, account: int) -> None:
    house.office.change_account(ADMIN, "main", {"footer_text": "One"}).result()
    house.office.change_account(ADMIN, "main", {"footer_text": "x" * 5_000, "limits.size": 2048}).result()
    found = house.office.versions(ADMIN, "account", "main").result()
    assert [one.version for one in found] == [3, 2, 1]
    assert {one.who for one in found} == {ADMIN.name}
    assert found[0].at_ms >= found[1].at_ms >= found[2].at_ms > 0
    assert [one.values["footer_text"] for one in found] == ["x" * 5_000, "One", None]
    assert found[0].values == content_of(now(house, account))
    assert SECRET not in repr(found)
    assert SECRET not in repr(house.sql("SELECT * FROM version"))


def test_what_is_no_change_of_settings_is_no_version(house: House, account: int) -> None:
    house.office.pause_account(ADMIN, "main").result()
    house.office.resume_account(ADMIN, "main").result()
    house.office.set_default_account(ADMIN, "main").result()
    assert [one.version for one in house.office.versions(ADMIN, "account", "main").result()] == [1]


def test_an_attempt_s_version_can_always_be_looked_up(house: House, account: int) -> None:
    """Also one that changed nothing: the number grew, so there is a version of that number."""
    house.office.change_account(ADMIN, "main", {"host": "old.example"}).result()
    numbers = [one.version for one in house.office.versions(ADMIN, "account", "main").result()]
    assert numbers[0] == now(house, account).version


def test_the_installation_s_settings_have_versions_from_the_first_change_on(house: House) -> None:
    house.office.change_tenant(ADMIN, {"mode": "smtp", "retry_minutes": [1, 2]}).result()
    found = house.office.versions(ADMIN, "tenant", ADMIN.tenant_id).result()
    assert [(one.values["mode"], one.values["retry_minutes"]) for one in found] == [("smtp", [1, 2]), ("silent", None)]
    back = house.office.return_to(ADMIN, "tenant", ADMIN.tenant_id, found[1].version).result()
    assert back.version > found[0].version
    again = house.office.versions(ADMIN, "tenant", ADMIN.tenant_id).result()
    assert again[0].values == found[1].values


def test_two_versions_are_compared_field_by_field(house: House, account: int) -> None:
    house.office.change_account(ADMIN, "main", {"host": "new.example", "limits": {"connections": 9}}, "fresh").result()
    house.office.change_account(ADMIN, "main", {"port": 2525}).result()
    last = house.office.compare(ADMIN, "account", "main").result()
    assert {one.field: (one.before, one.after) for one in last.differences} == {
        "port": (587, 2525), "has_secret": (True, False),
    }  # fmt: skip
    whole = house.office.compare(ADMIN, "account", "main", 1, 3).result()
    assert {one.field for one in whole.differences} == {"host", "port", "limits.connections", "has_secret"}
    with pytest.raises(NotFound):
        house.office.compare(ADMIN, "account", "main", 1, 99).result()


def test_a_return_is_a_new_version_with_the_old_values(house: House, account: int) -> None:
    first = house.office.versions(ADMIN, "account", "main").result()[0]
    changes = {"name": "other", "footer_text": "New", "limits.per_day": 5, "reply_to": "A <a@example.org>"}
    house.office.change_account(ADMIN, "main", changes).result()
    back = house.office.return_to(ADMIN, "account", "other", 1).result()
    assert (back.version, back.secret_dropped, back.kept, back.needs) == (3, False, (), ())
    newest = house.office.versions(ADMIN, "account", "main").result()[0]
    assert newest.values == first.values
    opened = house.office.open_secret(now(house, account))
    assert opened is not None
    assert opened.reveal() == SECRET


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "new.example"},
        {"port": 2525},
        {"encryption": "tls"},
        {"user": "else@example.com"},
        {"certificate_check": "ignore"},
        {"allow_clear_login": True},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_secret_never_travels_back(house: House, account: int, changes: dict[str, object]) -> None:
    """P7: what was typed for the new server is not offered to the older one, nor what was typed for that once."""
    house.office.change_account(ADMIN, "main", changes, "fresh").result()
    back = house.office.return_to(ADMIN, "account", "main", 1).result()
    assert back.secret_dropped
    assert any("Type it again" in need for need in back.needs)
    assert house.sql("SELECT * FROM credential") == []
    assert house.office.open_secret(now(house, account)) is None
    house.office.return_to(ADMIN, "account", "main", 2).result()
    assert house.office.open_secret(now(house, account)) is None


def test_a_sender_returns_and_keeps_what_it_can(house: House, account: int) -> None:
    house.account("second")
    house.office.create_sender(ADMIN, {"address": "Shop <shop@example.com>", "account": "second"}).result()
    house.office.change_sender(ADMIN, "shop@example.com", {"name": "Till", "account_id": "main"}).result()
    house.office.delete_account(ADMIN, "second").result()
    back = house.office.return_to(ADMIN, "sender", "shop@example.com", 1).result()
    assert back.kept == ("account_id",)
    sender = house.office.sender(ADMIN, "shop@example.com").result().sender
    assert (sender.name, sender.account_id) == ("Shop", account)


def test_a_tenant_returns_without_its_suspension(house: House) -> None:
    tom = house.tenant("tom")
    house.office.change_tenant(ADMIN, {"suspended": True}, tom.tenant_id).result()
    house.office.change_tenant(tom, {"mode": "smtp"}).result()
    house.office.return_to(tom, "tenant", tom.tenant_id, 1).result()
    tenant = house.office.tenant(tom).result()
    assert (tenant.suspended, tenant.settings.mode) == (True, None)


def test_versions_of_others_are_not_there(house: House, account: int) -> None:
    tom = house.tenant("tom")
    for verb in (
        lambda: house.office.versions(tom, "account", account).result(),
        lambda: house.office.compare(tom, "account", account).result(),
        lambda: house.office.return_to(tom, "account", account, 1).result(),
        lambda: house.office.versions(tom, "tenant", 1).result(),
        lambda: house.office.return_to(tom, "tenant", 1, 1).result(),
    ):
        with pytest.raises(NotFound):
            verb()
    assert now(house, account).version == 1


def test_applications_have_versions_and_return_to_one(house: House) -> None:
    house.office.create_application(ADMIN, "shop", values={"senders": ["a@example.com"], "per_minute": 5}).result()
    house.office.change_application(ADMIN, "shop", {"senders": [], "kinds": ["news"], "suspended": True}).result()
    found = house.office.versions(ADMIN, "application", "shop").result()
    assert [(one.version, one.values["senders"]) for one in found] == [(2, []), (1, ["a@example.com"])]
    compared = house.office.compare(ADMIN, "application", "shop").result()
    assert {one.field for one in compared.differences} == {"senders", "kinds", "suspended"}
    assert house.office.return_to(ADMIN, "application", "shop", 1).result().version == 3
    shop = house.office.applications(ADMIN).result()[-1]
    assert (shop.senders, shop.kinds, shop.per_minute) == (("a@example.com",), (), 5)
    assert (shop.suspended, shop.version) == (True, 3), "whether it is suspended stays as it is"


def test_a_deleted_account_is_listed_with_who_and_when_and_restored_with_its_id(house: House, account: int) -> None:
    house.office.create_account(ADMIN, {"name": "other", "host": "other.example"}).result()
    house.office.change_account(ADMIN, "main", {"footer_text": "One"}).result()
    house.office.create_sender(ADMIN, {"address": "shop@example.com", "account_id": "main"}).result()
    house.office.delete_account(ADMIN, "main", "other").result()
    found = house.office.deleted(ADMIN).result()
    assert [(one.mark.noun, one.mark.noun_id, one.mark.who) for one in found] == [("account", account, ADMIN.name)]
    assert found[0].mark.at_ms >= found[0].last.at_ms > 0
    assert (found[0].last.version, found[0].last.values["footer_text"]) == (2, "One")
    thing = encode("a", account)
    assert [one.deleted for one in house.office.deleted_versions(ADMIN, thing).result()] == [True, False, False]
    done = house.office.restore_deleted(ADMIN, thing).result()
    assert (done.noun, done.id, done.returned.version) == ("account", account, 4)
    assert any("password" in one for one in done.returned.needs), "no password comes back"
    restored = now(house, account)
    assert (restored.name, restored.host, restored.footer_text, restored.has_secret) == (
        "main", "old.example", "One", False,
    )  # fmt: skip
    assert house.office.deleted(ADMIN).result() == []
    assert [one.version for one in house.office.versions(ADMIN, "account", "main").result()] == [4, 3, 2, 1]
    with pytest.raises(NotFound):
        house.office.restore_deleted(ADMIN, thing).result()
    with pytest.raises(Conflict):
        house.office.return_to(ADMIN, "account", "main", 3).result()
    house.office.change_account(ADMIN, "main", {"footer_text": "Two"}, SECRET).result()
    house.office.delete_account(ADMIN, "main", "other").result()
    assert house.office.restore_deleted(ADMIN, thing, 1).result().returned.version == 7
    assert now(house, account).footer_text is None
    assert SECRET not in repr(house.sql("SELECT * FROM version"))


def test_a_deleted_sender_is_restored_and_what_it_named_that_is_gone_is_said(house: House, account: int) -> None:
    house.office.create_account(ADMIN, {"name": "other", "host": "other.example"}).result()
    house.office.create_sender(ADMIN, {"address": "first@example.com"}).result()
    sender = house.office.create_sender(ADMIN, {"address": "news@example.com", "account_id": "other"}).result().sender
    house.office.delete_sender(ADMIN, "news@example.com").result()
    house.office.delete_account(ADMIN, "other").result()
    assert [one.mark.noun for one in house.office.deleted(ADMIN).result()] == ["account", "sender"]
    done = house.office.restore_deleted(ADMIN, encode("s", sender.id)).result()
    assert (done.noun, done.returned.kept, done.returned.version) == ("sender", ("account_id",), 3)
    assert house.office.snapshot.senders[sender.id].address == "news@example.com"


def test_what_another_one_is_called_now_is_not_restored(house: House, account: int) -> None:
    house.office.delete_account(ADMIN, "main").result()
    house.office.create_account(ADMIN, OLD, SECRET).result()
    with pytest.raises(BadInput) as raised:
        house.office.restore_deleted(ADMIN, encode("a", account)).result()
    assert raised.value.faults[0].field == "name"
    assert len(house.office.deleted(ADMIN).result()) == 1


def test_what_is_deleted_belongs_to_its_tenant_and_goes_with_it(house: House, account: int) -> None:
    acme, other = house.tenant("Acme"), house.tenant("Other")
    number = house.account("theirs", acme)
    house.office.delete_account(acme, "theirs").result()
    thing = encode("a", number)
    assert [one.mark.noun_id for one in house.office.deleted(acme).result()] == [number]
    assert house.office.deleted(other).result() == house.office.deleted(ADMIN).result() == []
    for ask in (house.office.deleted_versions, house.office.restore_deleted):
        with pytest.raises(NotFound):
            ask(other, thing).result()
        with pytest.raises(NotFound):
            ask(acme, encode("s", number)).result()
    with pytest.raises(NotFound):
        house.office.restore_deleted(ADMIN, encode("a", account)).result()
    house.account("last", acme)
    house.office.delete_tenant(ADMIN, acme.tenant_id, confirm="Acme").result()
    assert house.sql("SELECT count(*) AS n FROM version WHERE tenant_id = :t", t=acme.tenant_id)[0].n == 0
