"""ID tokens: the one that proves something, and every way in which one does not."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from postroom.policy.id_token import Expected, NoKey, Wrong, checked
from tests.rigs.identity_provider import SigningKey, text_of, token_of

NOW = 1_800_000_000
KEY, OTHER = SigningKey("one"), SigningKey("two")
EXPECTED = Expected("https://login.example.com", "postroom", "the nonce")
CLAIMS: dict[str, Any] = {
    "iss": EXPECTED.issuer,
    "aud": "postroom",
    "sub": "7",
    "exp": NOW + 300,
    "iat": NOW,
    "nonce": EXPECTED.nonce,
}
KEYS = [KEY.public, OTHER.public]


def found(token: object, keys: Any = KEYS) -> Any:
    return checked(token, keys, EXPECTED, NOW)


def test_a_token_that_is_right_gives_its_claims() -> None:
    assert found(token_of(KEY, CLAIMS)) == CLAIMS
    assert found(token_of(OTHER, CLAIMS | {"aud": ["postroom"]}))["sub"] == "7"
    several = CLAIMS | {"aud": ["postroom", "other"], "azp": "postroom"}
    assert found(token_of(KEY, several)) == several
    assert found(token_of(KEY, CLAIMS, {"kid": None}))["sub"] == "7", "without a name every key is tried"


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"iss": "https://login.example.com/"}, "another issuer"),
        ({"iss": None}, "another issuer"),
        ({"aud": "other"}, "another application"),
        ({"aud": None}, "another application"),
        ({"aud": {"postroom": 1}}, "another application"),
        ({"aud": ["postroom", "other"]}, "several applications"),
        ({"azp": "other"}, "several applications"),
        ({"sub": ""}, "whom it is about"),
        ({"sub": 7}, "whom it is about"),
        ({"sub": "x" * 256}, "whom it is about"),
        ({"exp": NOW - 121}, "expired"),
        ({"exp": None}, "from when until when"),
        ({"exp": "tomorrow"}, "from when until when"),
        ({"exp": True}, "from when until when"),
        ({"iat": NOW + 121}, "from the future"),
        ({"nbf": NOW + 121}, "from the future"),
        ({"nonce": "another nonce"}, "another sign-in"),
        ({"nonce": None}, "another sign-in"),
        ({"nonce": "\udc80"}, "another sign-in"),
    ],
)
def test_a_claim_that_is_not_right_is_told_in_words(claims: dict[str, Any], told: str) -> None:
    wrong = found(token_of(KEY, CLAIMS | claims))
    assert isinstance(wrong, Wrong)
    assert told in wrong.why


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256", "HS512", "RS1", "", None, ["RS256"], 7])
def test_only_signatures_that_prove_something_count(algorithm: Any) -> None:
    """Neither no signature nor one made with the public key as a password (RFC 8725, sections 2.1 and 3.1)."""
    wrong = found(token_of(KEY, CLAIMS, {"alg": algorithm}))
    assert isinstance(wrong, Wrong)
    assert "not safe here" in wrong.why


def test_an_empty_or_foreign_signature_is_refused() -> None:
    head, body, signature = token_of(KEY, CLAIMS).split(".")
    stranger = SigningKey("one")
    tokens = [f"{head}.{body}.", f"{head}.{body}.{signature[:-8]}AAAAAAAA", token_of(stranger, CLAIMS)]
    changed = text_of(json.dumps(CLAIMS | {"sub": "8"}).encode())
    for token in [*tokens, f"{head}.{changed}.{signature}"]:
        assert isinstance(found(token), Wrong)


def test_a_key_that_the_token_brings_or_points_to_is_not_used() -> None:
    stranger = SigningKey("one")
    for head in ({"jwk": stranger.public}, {"jku": "https://evil.example/keys"}, {"crit": ["x"], "x": 1}):
        assert isinstance(found(token_of(stranger, CLAIMS, head)), Wrong)


def test_a_key_of_another_kind_or_for_another_use_is_not_used() -> None:
    secret = {"kty": "oct", "kid": "one", "k": base64.b64encode(b"x" * 32).decode()}
    for keys in (
        [],
        [secret],
        [KEY.public | {"use": "enc"}],
        [KEY.public | {"kid": "another"}],
        [KEY.public | {"alg": "PS256"}],
        [{"kty": "RSA", "kid": "two"}],
    ):
        assert isinstance(found(token_of(KEY, CLAIMS), keys), NoKey)
    assert isinstance(found(token_of(KEY, CLAIMS), [{"kty": "RSA", "kid": "one", "n": 7}]), Wrong)


def test_a_short_key_proves_nothing() -> None:
    short = SigningKey("short", 1024)
    assert isinstance(found(token_of(short, CLAIMS), [short.public]), Wrong)


@pytest.mark.parametrize(
    "token", [None, 7, "", "a.b", "a.b.c.d", "é.b.c", "....", "W10.W10.W10", "bm90IGpzb24.e30.x", "x" * 70_000 + ".a.b"]
)
def test_what_is_no_token_is_refused(token: object) -> None:
    assert isinstance(found(token), Wrong)


def test_deep_json_is_refused() -> None:
    deep = text_of(b"[" * 40_000)
    assert isinstance(found(f"{deep}.e30.x"), Wrong)
