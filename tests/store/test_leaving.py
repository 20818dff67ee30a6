"""A tenant's life: suspended and lifted, and deleted without a trace of it or a scratch on anybody else."""

from __future__ import annotations

import pytest

from postroom.clock import now_ms
from postroom.errors import Conflict, Forbidden, NotFound, Unauthenticated
from postroom.model.application import Actor, Scope
from postroom.model.deletion import Content, Waiting
from postroom.model.state import State
from postroom.model.tenant import INSTALLATION
from postroom.store import retention, tables
from tests.store.house import ADMIN, DAY_MS, House

_EVERY = [table for table in tables.metadata.sorted_tables if "tenant_id" in table.c]


def furnished(house: House, name: str = "acme") -> tuple[Actor, str]:
    """A tenant with one of everything, and one of its keys."""
    tenant, office = house.tenant(name), house.office
    office.create_account(tenant, {"name": "Main", "host": "smtp.acme.example", "user": "u"}, "hunter2").result()
    office.change_account(tenant, "Main", {"footer_text": "x"}).result()
    office.create_sender(tenant, {"address": "shop@acme.example"}).result()
    office.create_application(tenant, "Till").result()
    key = office.create_key(tenant, "Till", [Scope.SEND]).result().text
    return tenant, key


def rows(house: House, tenant_id: int) -> dict[str, int]:
    """Table → how many of its rows are the tenant's; the audit trail stays for ever and is left out."""
    found = {}
    for table in _EVERY:
        count = house.sql(f"SELECT count(*) AS n FROM {table.name} WHERE tenant_id = :t", t=tenant_id)[0].n
        if count and table.name != "audit":
            found[table.name] = count
    return found


def test_waiting_mail_is_named_and_nothing_happens_unless_it_is_said_what_becomes_of_it(house: House) -> None:
    tenant, _ = furnished(house)
    held = {"reason": "by-hand"}
    house.mail("a@example.org", ("b@example.org", State.HELD, held), "c@example.org", tenant_id=tenant.tenant_id)
    before = rows(house, tenant.tenant_id)
    for values in ({"confirm": "acme"}, {"confirm": "Acme", "waiting": Waiting.CANCEL}, {"confirm": ""}):
        with pytest.raises(Conflict, match="2 waiting, 1 held"):
            house.office.delete_tenant(ADMIN, tenant.tenant_id, **values).result()
    assert rows(house, tenant.tenant_id) == before
    assert not house.office.tenant(tenant).result().suspended


def test_all_of_a_tenant_goes_and_nothing_of_others(house: House) -> None:
    tenant, key = furnished(house)
    other, other_key = furnished(house, "other")
    house.mail("a@example.org", ("s@example.org", State.SENT), tenant_id=tenant.tenant_id)
    house.mail("a@example.org", ("s@example.org", State.SENT), tenant_id=other.tenant_id)
    house.mail("a@example.org")
    before, own = rows(house, other.tenant_id), rows(house, INSTALLATION)
    settings = house.office.export(other).result()
    done = house.office.delete_tenant(
        ADMIN, tenant.tenant_id, confirm="acme", waiting=Waiting.CANCEL, content=Content.DELETE
    ).result()
    assert (done.done, done.cancelled, done.messages) == (True, 1, 1)
    assert rows(house, tenant.tenant_id) == {}
    assert tenant.tenant_id not in house.office.snapshot.tenants
    assert (rows(house, other.tenant_id), rows(house, INSTALLATION)) == (before, own)
    assert house.office.export(other).result() == settings
    with pytest.raises(Unauthenticated):
        house.office.authenticate(key).result()
    assert house.office.authenticate(other_key).result().tenant_id == other.tenant_id
    with pytest.raises(NotFound):
        house.office.delete_tenant(ADMIN, tenant.tenant_id, confirm="acme").result()
    assert house.tenant("acme").tenant_id != tenant.tenant_id


def test_a_log_that_is_kept_goes_when_its_time_is_over(house: House) -> None:
    tenant, key = furnished(house)
    house.office.change_tenant(tenant, {"log_days": 10}).result()
    long_ago = now_ms() - 8 * DAY_MS
    message = house.mail("a@example.org", tenant_id=tenant.tenant_id, at_ms=long_ago)
    done = house.office.delete_tenant(ADMIN, tenant.tenant_id, confirm="acme", waiting=Waiting.CANCEL).result()
    assert (done.done, done.messages) == (True, 0)
    assert house.states(message) == ["cancelled"]
    assert set(rows(house, tenant.tenant_id)) <= {"message", "recipient", "event", "content", "version"}
    with pytest.raises(Unauthenticated):
        house.office.authenticate(key).result()
    assert house.tenant("acme").tenant_id != tenant.tenant_id
    assert house.office.forget_deleted().result() == 0
    house.store.write(lambda c: retention.sweep(c, now_ms() + 11 * DAY_MS, 100)).result()
    assert house.office.forget_deleted().result() == 1
    assert tenant.tenant_id not in house.office.snapshot.tenants
    assert rows(house, tenant.tenant_id) == {}


def test_nothing_is_set_for_a_tenant_that_is_deleted(house: House) -> None:
    tenant, _ = furnished(house)
    house.mail(("a@example.org", State.SENT), tenant_id=tenant.tenant_id)
    house.office.delete_tenant(ADMIN, tenant.tenant_id, confirm="acme").result()
    number = tenant.tenant_id
    for verb in (
        lambda: house.office.change_tenant(ADMIN, {"suspended": False}, number).result(),
        lambda: house.office.create_account(ADMIN, {"host": "h.example"}, tenant_id=number).result(),
        lambda: house.office.create_application(ADMIN, "Till", number).result(),
        lambda: house.office.create_sender(ADMIN, {"address": "a@example.org"}, number).result(),
        lambda: house.office.import_file(ADMIN, '[accounts.A]\nhost = "h.example"', tenant_id=number).result(),
        lambda: house.office.return_to(ADMIN, "tenant", number, 1).result(),
    ):
        with pytest.raises(NotFound):
            verb()
    assert house.office.tenant(ADMIN, number).result().deleted_ms


def test_a_kept_log_can_be_deleted_after_all(house: House) -> None:
    tenant, _ = furnished(house)
    house.mail(("a@example.org", State.SENT), tenant_id=tenant.tenant_id)
    house.office.delete_tenant(ADMIN, tenant.tenant_id, confirm="acme").result()
    with pytest.raises(Conflict, match="deleted already"):
        house.office.delete_tenant(ADMIN, tenant.tenant_id, confirm="acme").result()
    done = house.office.delete_tenant(ADMIN, tenant.tenant_id, confirm="acme", content=Content.DELETE).result()
    assert (done.done, done.messages) == (True, 1)
    assert rows(house, tenant.tenant_id) == {}


def test_mail_may_leave_first_while_nothing_new_comes(house: House) -> None:
    tenant, key = furnished(house)
    message = house.mail("a@example.org", tenant_id=tenant.tenant_id)
    first = house.office.delete_tenant(ADMIN, tenant.tenant_id, confirm="acme", waiting=Waiting.SEND_FIRST).result()
    assert (first.done, first.remaining.waiting) == (False, 1)
    with pytest.raises(Forbidden):
        house.office.authenticate(key).result()
    assert house.states(message) == ["queued"]
    assert not house.office.tenant(tenant).result().suspended
    house.sql("UPDATE recipient SET state = 'sent', due_ms = NULL WHERE message_id = :m", m=message)
    last = house.office.delete_tenant(ADMIN, tenant.tenant_id, confirm="acme", waiting=Waiting.SEND_FIRST).result()
    assert last.done


def test_what_is_being_sent_is_waited_for(house: House) -> None:
    tenant, _ = furnished(house)
    message = house.mail(("a@example.org", State.SENDING), "b@example.org", tenant_id=tenant.tenant_id)
    first = house.office.delete_tenant(ADMIN, tenant.tenant_id, confirm="acme", waiting=Waiting.CANCEL).result()
    assert (first.done, first.remaining.sending, first.cancelled) == (False, 1, 1)
    assert house.states(message) == ["sending", "cancelled"]


def test_many_are_cancelled_and_deleted_in_batches(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postroom.office.leaving.BATCH", 3)
    monkeypatch.setattr("postroom.office.leaving._MESSAGES", 2)
    tenant, _ = furnished(house)
    for number in range(5):
        house.mail(f"a{number}@example.org", f"b{number}@example.org", tenant_id=tenant.tenant_id)
    done = house.office.delete_tenant(
        ADMIN, tenant.tenant_id, confirm="acme", waiting=Waiting.CANCEL, content=Content.DELETE
    ).result()
    assert (done.done, done.cancelled, done.messages) == (True, 10, 5)
    assert rows(house, tenant.tenant_id) == {}


def test_only_the_installation_deletes_tenants_and_never_itself(house: House) -> None:
    tenant, _ = furnished(house)
    other = house.tenant("other")
    with pytest.raises(Forbidden):
        house.office.delete_tenant(tenant, tenant.tenant_id, confirm="acme")
    with pytest.raises(NotFound):
        house.office.delete_tenant(other, tenant.tenant_id, confirm="acme")
    with pytest.raises(Forbidden):
        house.office.delete_tenant(Actor(INSTALLATION, frozenset({Scope.SETTINGS_WRITE})), tenant.tenant_id, confirm="")
    with pytest.raises(Conflict):
        house.office.delete_tenant(ADMIN, INSTALLATION, confirm="installation").result()


def test_a_suspension_that_ends_releases_what_it_held(house: House) -> None:
    tenant, key = furnished(house)
    house.office.change_tenant(ADMIN, {"suspended": True}, tenant.tenant_id).result()
    with pytest.raises(Forbidden):
        house.office.authenticate(key).result()
    message = house.mail(("a@example.org", State.HELD, {"reason": "tenant-suspended"}), tenant_id=tenant.tenant_id)
    house.office.change_tenant(ADMIN, {"suspended": False}, tenant.tenant_id).result()
    assert house.states(message) == ["queued"]
