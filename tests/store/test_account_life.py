"""Around an account's life: a copy has no secret, an end is foreseen as it comes, the volume is counted truly."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from postroom.clock import now_ms
from postroom.errors import BadInput, Conflict, Forbidden, NotFound
from postroom.ids import encode
from postroom.model.application import Actor, Scope
from postroom.model.state import State
from postroom.model.tenant import INSTALLATION
from postroom.office.views import AccountHealth
from postroom.store import volumes
from postroom.web.api.account_table import account_csv
from tests.store.house import ADMIN, DAY_MS, House

S = State


def duplicate(house: House, *args: Any, **more: Any) -> Any:
    return asyncio.run(house.office.duplicate_account(*args, **more))


def test_a_copy_has_every_setting_and_none_of_what_was_typed_for_the_first_one_alone(house: House) -> None:
    first = house.account(
        "Main", user="u", secret="hush", footer_text="Bye", reply_to="a@example.com", **{"limits.per_day": 9}
    )
    view = duplicate(house, ADMIN, first)
    original = house.office.account(ADMIN, first).result()
    assert (view.account.name, view.is_default, view.has_secret) == ("Main (2)", False, False)
    assert (view.account.footer_text, view.account.reply_to, view.account.limits.per_day) == ("Bye", "a@example.com", 9)
    assert "needs its password" in view.needs[0]
    assert original.has_secret
    assert duplicate(house, ADMIN, "Main").account.name == "Main (3)"
    assert duplicate(house, ADMIN, "Main", "Other").account.name == "Other"
    with pytest.raises(BadInput):
        duplicate(house, ADMIN, "Main", "Other")


def test_a_copy_is_for_those_who_may_write_and_of_their_own_accounts(house: House) -> None:
    account = house.account("Main")
    tenant = house.tenant("acme")
    with pytest.raises(NotFound):
        duplicate(house, tenant, encode("a", account))
    with pytest.raises(Forbidden):
        duplicate(house, Actor(INSTALLATION, frozenset({Scope.SETTINGS_READ})), "Main")


def test_what_is_foreseen_is_what_the_deletion_then_says(house: House) -> None:
    account = house.account("Main", user="u", secret="hush")
    house.account("Next", fallback_account_id="Main")
    house.office.create_sender(ADMIN, {"address": "s@example.com", "account_id": "Main"}).result()
    house.mail(("a@example.org", S.QUEUED, {"account_id": account}), ("b@example.org", S.HELD, {"account_id": account}))
    end = house.office.account_end(ADMIN, "Main").result()
    assert (end.waiting, end.sending, end.senders, end.fallback_of) == (2, 0, ("s@example.com",), ("Next",))
    assert (end.is_default, end.heirs, end.secret, end.needs_heir) == (True, ("Next",), True, True)
    assert "2 mails are waiting in it." in end.sentences
    with pytest.raises(Conflict) as refused:
        house.office.delete_account(ADMIN, "Main").result()
    for reason in end.reasons:
        assert reason in refused.value.text
    house.office.delete_account(ADMIN, "Main", "Next").result()
    free = house.office.account_end(ADMIN, "Next").result()
    assert (free.senders, free.waiting, free.heirs) == (("s@example.com",), 2, ())


def test_an_account_that_nothing_uses_goes_without_an_heir(house: House) -> None:
    house.account("Main")
    house.account("Idle")
    end = house.office.account_end(ADMIN, "Idle").result()
    assert (end.needs_heir, end.sentences) == (False, ())
    house.office.delete_account(ADMIN, "Idle").result()


def test_the_volume_is_of_one_tenant_and_of_a_day(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = house.tenant("acme")
    ours, theirs = house.account("ours"), house.account("theirs", tenant)
    old = now_ms() - 2 * DAY_MS
    house.mail(("a@example.org", S.SENT, {"account_id": ours}), at_ms=old)
    house.mail(("a@example.org", S.SENT, {"account_id": ours}), ("b@example.org", S.FAILED, {"account_id": ours}))
    house.mail(("c@example.org", S.QUEUED, {"account_id": ours}), tenant_id=tenant.tenant_id)
    house.mail(("d@example.org", S.SENT, {"account_id": theirs}), tenant_id=tenant.tenant_id)
    mine = house.reports.volumes(tenant).result()
    assert {one: (v.sent, v.failed, v.waiting) for one, v in mine.items()} == {ours: (0, 0, 1), theirs: (1, 0, 0)}
    every = house.reports.volumes(ADMIN).result()[ours]
    assert (every.sent, every.failed, every.waiting, every.more) == (1, 1, 1, False)
    monkeypatch.setattr(volumes, "MOST_COUNTED", 1)
    assert house.reports.volumes(tenant).result()[theirs].more


def test_health_is_what_stops_most(house: House) -> None:
    def health() -> AccountHealth:
        return house.office.account(ADMIN, "Main").result().health

    account = house.account("Main")
    assert health() is AccountHealth.READY
    house.office.change_account(ADMIN, "Main", {"user": "u"}).result()
    assert health() is AccountHealth.INCOMPLETE
    house.office.pause_for(account, "wrong password").result()
    assert health() is AccountHealth.PAUSED
    house.office.change_account(ADMIN, "Main", {"enabled": False}).result()
    assert health() is AccountHealth.OFF


def test_who_typed_a_secret_is_told_and_the_list_as_csv_holds_no_formula(house: House) -> None:
    house.account("=1+1", user="u", secret="hush")
    views = house.office.accounts(ADMIN).result()
    assert views[0].secret_set_by == "ada"
    told = account_csv(views, {})
    assert told.splitlines()[0].startswith("id,name,sender,")
    assert "'=1+1" in told
    assert "hush" not in told


def test_a_change_that_would_lose_the_password_is_known_before_it_is_made(house: House) -> None:
    house.account("Main", user="u", secret="hush")

    def loses(**values: object) -> bool:
        return house.office.loses_secret(ADMIN, "Main", values).result()

    assert loses(host="other.example.com")
    assert loses(encryption="tls")
    assert not loses(name="Other", footer_text="Bye")
    assert not loses(host="not a host"), "the change itself says what is wrong"
    assert not loses(login="none"), "nobody needs it any more"
    assert house.office.account(ADMIN, "Main").result().has_secret
