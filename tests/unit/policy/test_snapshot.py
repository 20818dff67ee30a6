"""A snapshot finds what is there, never what is another tenant's, and does not break over what a row holds (P8)."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from postroom.addresses import Address
from postroom.model.account import Account
from postroom.model.application import Application
from postroom.model.sender import Sender
from postroom.model.tenant import INSTALLATION, Mode, TenantSettings
from postroom.policy.retry import Schedule
from postroom.policy.snapshot import NATIVE, Snapshot, own_address
from tests.unit.policy.settings import (
    ACME,
    BACKUP,
    FOREIGN,
    MAIN,
    OTHER,
    SHARED,
    SUPPORT,
    acme,
    bare,
    installation,
    usual,
)


def test_rows_are_found_by_id_and_by_what_people_call_them() -> None:
    found = usual()
    assert found.accounts[MAIN.id] is MAIN
    assert found.senders[SUPPORT.id] is SUPPORT
    assert found.account_named(ACME, " main RELAY ") is MAIN
    assert found.sender_at(ACME, Address.parse("Anyone <support@ACME.example>")) is SUPPORT
    assert found.account_at(ACME, Address.parse("mail@acme.example")) is MAIN
    assert found.addresses[SUPPORT.id] == Address("support", "acme.example", "Acme Support")


def test_what_belongs_to_another_tenant_is_not_found() -> None:
    found = usual()
    assert found.sender_at(OTHER, Address.parse("support@acme.example")) is None
    assert found.account_named(OTHER, MAIN.name) is None
    assert found.account_at(OTHER, Address.parse("mail@acme.example")) is None
    assert found.may_use(ACME, FOREIGN.id) is None
    assert found.may_use(ACME, SHARED.id) is SHARED
    assert found.may_use(INSTALLATION, MAIN.id) is None
    assert found.may_use(ACME, None) is None
    assert found.may_use(99, SHARED.id) is None


def test_a_local_part_is_the_same_only_when_it_is_written_the_same() -> None:
    assert usual().sender_at(ACME, Address.parse("Support@acme.example")) is None


def test_rows_that_can_not_be_read_are_as_if_not_set() -> None:
    found = Snapshot.of([acme()], [replace(MAIN, sender_address="<<<")], [Sender(1, ACME, "nonsense", "Name")])
    assert found.senders[1].address == "nonsense"
    assert 1 not in found.addresses
    assert not found.has_senders(ACME)
    assert not found.has_own_addresses(ACME)


def test_a_snapshot_can_not_be_changed() -> None:
    found = usual()
    with pytest.raises(FrozenInstanceError):
        found.version = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        found.accounts[5] = MAIN  # type: ignore[index]


def test_a_snapshot_shows_no_memory_and_carries_its_version() -> None:
    found = Snapshot.of([installation()], applications=[Application(4, 1, "shop")], version=7)
    assert found.version == 7
    assert found.applications[4].name == "shop"
    assert "_memory" not in repr(found)


@pytest.mark.parametrize(
    ("account", "own"),
    [
        (MAIN, Address("mail", "acme.example")),
        (replace(MAIN, sender_name="Acme"), Address("mail", "acme.example", "Acme")),
        (replace(MAIN, sender_address="Mail <mail@acme.example>"), Address("mail", "acme.example", "Mail")),
        (replace(MAIN, sender_address="", user="me@acme.example"), Address("me", "acme.example")),
        (replace(MAIN, sender_address="", user="acme\\relay"), None),
        (replace(MAIN, sender_address="", user="Name <me@acme.example>"), None),
        (replace(MAIN, sender_address="", user=""), None),
    ],
)
def test_an_accounts_own_address_is_the_one_set_or_its_user_name(account: Account, own: Address | None) -> None:
    assert own_address(account) == own


def test_of_two_accounts_with_one_address_the_first_is_taken() -> None:
    second = replace(BACKUP, sender_address="mail@acme.example", name="main relay")
    found = Snapshot.of([acme()], [MAIN, second])
    assert found.account_at(ACME, Address("mail", "acme.example")) is MAIN
    assert found.account_named(ACME, "Main Relay") is MAIN


def test_the_account_for_mail_without_one_is_the_default_or_the_native_command() -> None:
    assert usual().account_for(ACME) == MAIN.id
    assert usual().account_for(OTHER) == SHARED.id
    assert usual(Mode.NATIVE).account_for(ACME) == NATIVE
    assert bare().account_for(INSTALLATION) is None
    dangling = Snapshot.of([installation(), acme(TenantSettings(default_account_id=FOREIGN.id))], [FOREIGN])
    assert dangling.account_for(ACME) is None


def test_the_schedule_is_the_tenants() -> None:
    found = Snapshot.of([installation(TenantSettings(retry_days=2)), acme(TenantSettings(retry_minutes=(7,)))])
    assert found.schedule(ACME) == Schedule((7,), 2)
    assert found.schedule(99) == Schedule()


def test_the_memory_is_bounded_and_still_right() -> None:
    found = usual()
    counted = [found.remembered(number, lambda number=number: number * 2) for number in range(10_000)]
    assert counted == [number * 2 for number in range(10_000)]
    assert len(found._memory) <= 4_096


def test_the_memory_does_not_work_the_same_out_twice() -> None:
    found, calls = usual(), []
    for _ in range(3):
        found.remembered("key", lambda: calls.append(1))
    assert calls == [1]
