"""*Apply* only offers what would be different, and only settings that a rule can know the right value of."""

from __future__ import annotations

import pytest

from postroom.model.account import Account, Encryption, Limits, Login
from postroom.office.account_values import apply as set_values
from postroom.office.account_values import read
from postroom.office.fields import Reading
from postroom.policy.diagnosis import catalogue
from postroom.policy.mending import change_of, unfit

ACCOUNT = Account(
    id=1, tenant_id=1, name="a", host="mail.example.org", port=25, encryption=Encryption.NONE, user="robot@example.org"
)


def test_what_is_set_so_already_is_not_offered() -> None:
    wanted = (("encryption", "starttls"), ("port", 25))
    assert change_of(wanted, ACCOUNT) == {"encryption": "starttls"}


def test_half_of_a_limit_is_at_least_one_and_of_none_nothing() -> None:
    halves = (("limits.connections", "half"), ("limits.per_minute", "half"))
    assert change_of(halves, Account(1, 1, "a", "h", 25, limits=Limits(connections=4))) == {"limits.connections": 2}
    assert change_of(halves, Account(1, 1, "a", "h", 25, limits=Limits(connections=1, per_minute=9))) == {
        "limits.per_minute": 4
    }


def test_the_login_becomes_the_sender_only_where_it_is_an_address() -> None:
    wanted = (("sender_address", "{user}"),)
    assert change_of(wanted, ACCOUNT) == {"sender_address": "robot@example.org"}
    assert change_of(wanted, Account(1, 1, "a", "h", 25, user="robot")) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", 0),
        ("port", "25"),
        ("port", True),
        ("encryption", "ssl"),
        ("login", "magic"),
        ("limits.connections", 0),
        ("limits.connections", "third"),
        ("sender_address", "x@example.org"),
        ("user", ""),
        ("host", "elsewhere.example"),
        ("certificate_check", "ignore"),
        ("secret", "x"),
    ],
)
def test_what_a_rule_may_not_set_is_refused(name: str, value: object) -> None:
    assert unfit(name, value)


@pytest.mark.parametrize("rule", [rule for rule in catalogue().rules if rule.apply], ids=lambda rule: rule.id)
def test_what_a_rule_would_set_is_a_setting_the_office_takes(rule: object) -> None:
    account = Account(
        id=1, tenant_id=1, name="a", host="mail.example.org", port=2525, encryption=Encryption.NONE,
        login=Login.PLAIN, user="other@example.org", limits=Limits(6, 60, 6_000, 60, 60_000),
    )  # fmt: skip
    change = change_of(rule.apply, account)  # type: ignore[attr-defined]
    assert change
    reading = Reading()
    changed = set_values(account, read(change, reading), None, reading)
    reading.close()
    assert change_of(rule.apply, changed) == {} or "half" in dict(rule.apply).values()  # type: ignore[attr-defined]
