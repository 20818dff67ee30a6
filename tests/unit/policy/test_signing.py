"""Which keys sign, and what a look into the DNS makes of a key."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postroom.model.account import Account, Encryption
from postroom.model.dkim import DkimAlgorithm, DkimKey, DkimState
from postroom.policy.signing import PATIENCE_MS, Sight, matching, settled, unsigned_fields

NOW = 1_763_628_180_000
KEY = DkimKey(1, 1, "example.com", "a", DkimAlgorithm.RSA, 2048, "…", DkimState.ACTIVE, activated_ms=5)
WAITING = replace(KEY, state=DkimState.WAITING, activated_ms=None)
GONE = replace(KEY, absent_since_ms=NOW - PATIENCE_MS)


@pytest.mark.parametrize(
    ("key", "sight", "after"),
    [
        (WAITING, Sight.WRONG, WAITING),
        (WAITING, Sight.UNKNOWN, WAITING),
        (WAITING, Sight.RIGHT, replace(KEY, activated_ms=NOW)),
        (KEY, Sight.RIGHT, KEY),
        (KEY, Sight.UNKNOWN, KEY),
        (KEY, Sight.WRONG, replace(KEY, absent_since_ms=NOW)),
        (GONE, Sight.UNKNOWN, GONE),
        (replace(GONE, absent_since_ms=NOW - 1), Sight.WRONG, replace(GONE, absent_since_ms=NOW - 1)),
        (GONE, Sight.WRONG, replace(GONE, state=DkimState.MISSING)),
        (GONE, Sight.RIGHT, KEY),
        (replace(GONE, state=DkimState.MISSING), Sight.WRONG, replace(GONE, state=DkimState.MISSING)),
        (replace(GONE, state=DkimState.MISSING), Sight.RIGHT, KEY),
        (replace(KEY, state=DkimState.RETIRED), Sight.RIGHT, replace(KEY, state=DkimState.RETIRED)),
        (replace(KEY, state=DkimState.RETIRED), Sight.WRONG, replace(KEY, state=DkimState.RETIRED)),
    ],
)
def test_what_a_look_makes_of_a_key(key: DkimKey, sight: Sight, after: DkimKey) -> None:
    assert settled(key, sight, NOW) == after


def test_the_nearest_domain_signs_with_its_newest_key_of_each_kind() -> None:
    newer = replace(KEY, id=2, selector="b", activated_ms=9)
    edwards = replace(KEY, id=3, selector="c", algorithm=DkimAlgorithm.ED25519)
    below = replace(KEY, id=4, domain="news.example.com")
    keys = [newer, KEY, edwards, below, replace(WAITING, id=5, domain="shop.example.com")]
    assert matching(keys, "example.com") == (newer, edwards)
    assert matching(keys, "news.example.com") == (below,)
    assert matching(keys, "x.news.example.com") == (below,)
    assert matching(keys, "shop.example.com") == (newer, edwards), "one that waits signs nothing"
    assert matching(keys, "badexample.com") == ()
    assert matching(keys, "com") == ()
    assert matching([replace(KEY, domain="com")], "example.com") == (), "no key of a top-level domain signs below it"


def test_fields_that_a_provider_replaces_are_not_signed() -> None:
    ses = Account(1, 1, "SES", "email-smtp.eu-west-1.amazonaws.com", 587, Encryption.STARTTLS)
    assert unsigned_fields(ses) == {"date", "message-id"}
    assert unsigned_fields(replace(ses, host="amazonaws.com.example.org")) == frozenset()
    assert unsigned_fields(None) == frozenset()
