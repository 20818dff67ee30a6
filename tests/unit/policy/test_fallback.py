"""Another account takes over from one that can't send: only then, only one that may, and never in a circle."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from postroom.model.account import Account, AccountState
from postroom.model.state import State
from postroom.model.tenant import INSTALLATION, Mode, Tenant, TenantSettings
from postroom.policy.fallback import VERDICT, Trouble, broken, chain_of, diversions, recheck_diverted
from postroom.policy.snapshot import Snapshot
from postroom.policy.way import Reason, Routed

NOW = 1_700_000_000_000
AFTER = 600_000
REFUSED: dict[str, Any] = {
    "state": AccountState.PAUSED,
    "paused_by": VERDICT,
    "paused_reason": "The login was refused.",
}
LONG = Trouble(NOW - AFTER, "No answer.")


def account(number: int, tenant: int = 5, fallback: int | None = None, **values: Any) -> Account:
    return Account(number, tenant, f"a{number}", "h", 25, fallback_account_id=fallback, **values)


def settled(*accounts: Account) -> Snapshot:
    smtp = TenantSettings(mode=Mode.SMTP)
    tenants = [Tenant(INSTALLATION, None, "ours", smtp)]
    tenants += [Tenant(number, INSTALLATION, str(number), smtp) for number in (5, 6)]
    return Snapshot.of(tenants, accounts)


def ways(*accounts: Account, troubles: dict[int, Trouble] | None = None) -> list[tuple[int, int, int | None]]:
    found = diversions(settled(*accounts), troubles or {}, NOW, AFTER)
    return [(way.source.id, way.target.id, way.only_of) for way in found]


@pytest.mark.parametrize(
    ("values", "trouble", "says"),
    [
        ({}, None, ""),
        (REFUSED, None, "The login was refused."),
        ({**REFUSED, "resume_ms": NOW + 1}, None, "The login was refused."),
        ({}, LONG, "No answer."),
        ({}, Trouble(NOW - AFTER + 1, "No answer."), ""),
        ({**REFUSED, "paused_by": "person"}, LONG, ""),
        ({"enabled": False}, LONG, ""),
    ],
)
def test_an_account_is_broken_by_a_refusal_or_after_a_while_out_of_reach(
    values: dict[str, Any], trouble: Trouble | None, says: str
) -> None:
    """Who pauses it by hand, or switches it off, wants its mail to wait."""
    assert broken(account(11, **values), trouble, NOW, AFTER) == says


def test_its_mail_leaves_through_the_first_of_the_chain_that_can_send() -> None:
    a, b, c = account(11, fallback=12, **REFUSED), account(12, fallback=13), account(13)
    assert ways(a, b, c) == [(11, 12, None)]
    assert ways(a, replace(b, **REFUSED), c) == [(11, 13, None), (12, 13, None)]
    assert ways(a, replace(b, enabled=False), c) == [(11, 13, None)]
    assert ways(a, b, c, troubles={12: Trouble(NOW - 1, "x")}) == [(11, 13, None)], "not one that is in trouble itself"
    assert ways(a, replace(b, **REFUSED), replace(c, **REFUSED)) == []


def test_what_the_fallback_can_not_send_either_comes_home_when_home_is_well_again() -> None:
    assert ways(account(11, fallback=12), account(12, **REFUSED)) == [(12, 11, 11)]


def test_without_trouble_nothing_moves() -> None:
    assert ways(account(11, fallback=12), account(12)) == []
    assert ways(account(11, **REFUSED), account(12)) == []


def test_never_through_another_tenant_s_account() -> None:
    """P8, also when the row says so, as after a restored backup."""
    assert ways(account(11, 5, fallback=12, **REFUSED), account(12, 6)) == []
    assert ways(account(11, INSTALLATION, fallback=12, **REFUSED), account(12, 6)) == []
    assert ways(account(11, 5, fallback=12, **REFUSED), account(12, INSTALLATION)) == [(11, 12, None)]


def test_a_circle_ends_where_it_would_begin_again() -> None:
    a, b, c = account(11, fallback=12), account(12, fallback=13), account(13, fallback=12)
    every = {one.id: one for one in (a, b, c)}
    assert [one.id for one in chain_of(every, a)] == [12, 13]
    assert [one.id for one in chain_of(every, b)] == [13]
    assert ways(replace(b, **REFUSED), replace(c, **REFUSED)) == []


def test_diverted_mail_is_judged_as_its_own_account_s() -> None:
    """It is not called back because the default is another account than the one that carries it."""
    mine = settled(account(11, fallback=12), account(12))
    assert recheck_diverted(mine, 5, 12, 11, None, Routed.MESSAGE) is None
    gone = settled(account(12))
    change = recheck_diverted(gone, 5, 12, 11, None, Routed.MESSAGE)
    assert change is not None
    assert change.reason == Reason.NO_ACCOUNT


def test_diverted_mail_does_not_stay_with_an_account_it_may_not_use() -> None:
    change = recheck_diverted(settled(account(11), account(12, 6)), 5, 12, 11, None, Routed.MESSAGE)
    assert change is not None
    assert (change.state, change.account_id) == (State.QUEUED, 11)
