"""A change may be run, rolled back with its neighbours and run again: the second run must do all that the first did."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from sqlalchemy import Connection

from postroom.model.state import State
from postroom.model.tenant import Mode
from postroom.office import routing
from tests.store.house import ADMIN, House

S = State


@pytest.fixture
def twice(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """Every write is run once in vain before it is run in earnest."""
    write = house.store.write

    def run_twice(function: Callable[[Connection], Any]) -> Future[Any]:
        def both(connection: Connection) -> Any:
            vain = connection.begin_nested()
            try:
                function(connection)
            finally:
                vain.rollback()
            return function(connection)

        return write(both)

    monkeypatch.setattr(house.store, "write", run_twice)
    monkeypatch.setattr(routing, "BATCH", 2)
    return house


def test_accounts_bear_it(twice: House) -> None:
    first = twice.office.create_account(ADMIN, {"host": "a.example", "user": "u"}, "one").result()
    assert first.is_default
    assert first.has_secret
    second = twice.office.create_account(ADMIN, {"host": "b.example"}).result()
    mails = [twice.mail(("x@example.org", S.QUEUED, {"account_id": first.account.id})) for _ in range(5)]
    view = twice.office.change_account(ADMIN, "a.example", {"host": "c.example", "footer_text": "new"}).result()
    assert (view.account.host, view.account.footer_text, view.secret_dropped) == ("c.example", "new", True)
    assert twice.office.snapshot.accounts[first.account.id].version == 2
    assert twice.office.set_default_account(ADMIN, "b.example").result().is_default
    assert {tuple(twice.account_of(mail)) for mail in mails} == {(second.account.id,)}
    twice.office.delete_account(ADMIN, "b.example", move_to="a.example").result()
    assert {tuple(twice.account_of(mail)) for mail in mails} == {(first.account.id,)}
    assert list(twice.office.snapshot.accounts) == [first.account.id]


def test_switching_the_only_account_on_bears_it(twice: House) -> None:
    account = twice.office.create_account(ADMIN, {"host": "a.example", "enabled": False}).result().account.id
    held = [twice.mail(("x@example.org", S.HELD, {"reason": "no-account"})) for _ in range(5)]
    view = twice.office.change_account(ADMIN, account, {"enabled": True, "host": "b.example"}).result()
    assert (view.is_default, view.account.host, view.account.version) == (True, "b.example", 2)
    assert twice.office.snapshot.accounts[account].enabled
    assert {tuple(twice.states(mail)) for mail in held} == {("queued",)}


def test_senders_tenants_and_keys_bear_it(twice: House) -> None:
    tenant = twice.tenant("acme")
    sender = twice.office.create_sender(tenant, {"address": "a@example.com"}).result().sender
    held = [
        twice.mail(
            ("x@example.org", S.HELD, {"reason": "sender-held", "sender_id": sender.id}), tenant_id=tenant.tenant_id
        )
        for _ in range(5)
    ]
    assert twice.office.hold_sender(sender.id, "no Send-As").result() is True
    assert twice.office.release_sender(tenant, "a@example.com").result().sender.paused_reason == ""
    assert {tuple(twice.states(mail)) for mail in held} == {("queued",)}
    assert twice.office.change_tenant(tenant, {"mode": "smtp", "name": "new"}).result().settings.mode is Mode.SMTP
    twice.office.create_application(tenant, "shop").result()
    new = twice.office.create_key(tenant, "shop", ["admin"]).result()
    assert twice.office.authenticate(new.text).result().tenant_id == tenant.tenant_id
    assert twice.office.revoke_key(tenant, new.key.id).result().revoked_ms is not None
