"""Mail that waited leaves only if the settings of this moment still let it, and follows what has moved (P2)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postroom.model.state import MOVES, State
from postroom.model.tenant import INSTALLATION, Mode, TenantSettings
from postroom.policy.route import NATIVE, recheck
from postroom.policy.snapshot import Snapshot
from postroom.policy.way import Change
from tests.unit.policy.settings import (
    ACME,
    BACKUP,
    FOREIGN,
    MAIN,
    SALES,
    SHARED,
    SUPPORT,
    acme,
    bare,
    installation,
    usual,
)

PAUSED = replace(SUPPORT, paused_reason="not allowed to send as")


def test_mail_whose_settings_still_stand_leaves() -> None:
    assert recheck(usual(), ACME, MAIN.id, SUPPORT.id, "default") is None
    assert recheck(usual(), ACME, BACKUP.id, SALES.id, "sender") is None
    assert recheck(usual(), ACME, MAIN.id, None, "message") is None
    assert recheck(usual(Mode.NATIVE), ACME, NATIVE, SUPPORT.id, "default") is None


@pytest.mark.parametrize(
    ("mode", "routed", "state"),
    [
        (Mode.SILENT, "default", State.SILENCED),
        (Mode.SILENT, "message", State.SILENCED),
        (Mode.SILENT, "released", None),
        (Mode.SILENT, "test", None),
        (Mode.DISABLED, "default", State.DISABLED),
        (Mode.DISABLED, "released", State.DISABLED),
        (Mode.DISABLED, "test", None),
    ],
)
def test_a_mode_that_was_changed_meanwhile_stops_mail_but_not_what_a_person_sent_off(
    mode: Mode, routed: str, state: State | None
) -> None:
    found = recheck(usual(mode), ACME, MAIN.id, SUPPORT.id, routed)
    assert (found.state if found else None) is state


@pytest.mark.parametrize("routed", ["default", "sender", "message", "released"])
def test_a_held_senders_mail_waits_however_it_was_routed(routed: str) -> None:
    found = recheck(usual(support=PAUSED), ACME, MAIN.id, SUPPORT.id, routed)
    assert found == Change(State.HELD, "sender-held", MAIN.id)


def test_a_suspended_tenants_mail_waits() -> None:
    snapshot = Snapshot.of([installation(), acme(suspended=True)], [MAIN], [SUPPORT])
    assert recheck(snapshot, ACME, MAIN.id, SUPPORT.id, "default") == Change(State.HELD, "tenant-suspended", MAIN.id)


def test_mail_follows_the_default_account_and_only_that() -> None:
    moved = Snapshot.of([installation(), acme(TenantSettings(default_account_id=BACKUP.id))], [MAIN, BACKUP])
    assert recheck(moved, ACME, MAIN.id, None, "default") == Change(State.QUEUED, "default-account-moved", BACKUP.id)
    assert recheck(moved, ACME, MAIN.id, None, "message") is None
    unset = Snapshot.of([installation(), acme(TenantSettings())], [MAIN, BACKUP])
    assert recheck(unset, ACME, MAIN.id, None, "default") is None, "the old one still works"


@pytest.mark.parametrize("gone", [999, FOREIGN.id])
def test_mail_of_an_account_that_is_gone_or_anothers_goes_through_the_default_or_waits(gone: int) -> None:
    assert recheck(usual(), ACME, gone, None, "sender") == Change(State.QUEUED, "no-account", MAIN.id)
    nothing = Snapshot.of([installation(), acme(TenantSettings())], [FOREIGN])
    assert recheck(nothing, ACME, gone, None, "default") == Change(State.HELD, "no-account", None)


def test_mail_follows_the_mode_between_native_and_smtp() -> None:
    native = usual(Mode.NATIVE)
    assert recheck(native, ACME, MAIN.id, None, "default") == Change(State.QUEUED, "mode-changed", NATIVE)
    assert recheck(native, ACME, MAIN.id, None, "released") is None
    assert recheck(usual(), ACME, NATIVE, None, "default") == Change(State.QUEUED, "mode-changed", MAIN.id)
    assert recheck(bare(Mode.SMTP), INSTALLATION, NATIVE, None, "default") == Change(State.HELD, "no-account")


def test_a_tenant_that_is_newer_than_these_settings_is_left_to_newer_ones() -> None:
    assert recheck(usual(), 99, SHARED.id, None, "default") is None


def test_every_change_is_a_move_that_waiting_mail_can_make() -> None:
    from_waiting = MOVES[State.QUEUED] | {State.QUEUED}
    for mode in Mode:
        for account_id in (MAIN.id, NATIVE, 999):
            found = recheck(usual(mode, support=PAUSED), ACME, account_id, SUPPORT.id, "default")
            assert found is None or found.state in from_waiting
