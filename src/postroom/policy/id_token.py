"""Whether an ID token proves who somebody is (OpenID Connect Core 1.0, section 3.1.3.7; RFC 8725).

Rules it keeps: the algorithm is one of a list of asymmetric ones, whatever the token says, so neither `none` nor a
public key used as a password opens anything; only a key of the provider's own set is used, of the kind the algorithm
needs, never one that the token brings or points to; every claim that says for whom, by whom, when and in answer to what
is checked. What is wrong is data, with a sentence. Keys, the moment and what was asked are arguments.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from postroom.settings.spelling import escaped

__all__ = ["ALGORITHMS", "Expected", "NoKey", "Wrong", "checked"]

ALGORITHMS: Mapping[str, str] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
    "Ed25519": "OKP",
}
"""What a token may be signed with → the kind of key that it needs."""

LEEWAY_SECONDS = 120
_LONGEST = 64 * 1024
_LONGEST_SUBJECT = 255
"""OpenID Connect Core 1.0, section 2."""
_LEAST_RSA_OCTETS = 256


@dataclass(frozen=True, slots=True)
class Expected:
    """Whose token, for whom, and in answer to what."""

    issuer: str
    client_id: str
    nonce: str = field(repr=False)


class Wrong(NamedTuple):
    """Why a token proves nothing, as a sentence."""

    why: str


class NoKey(NamedTuple):
    """The set of keys has none of this name: it may be older than the token."""

    why: str = "The provider signed its token with a key that is not among those it publishes."


_NO_TOKEN = Wrong("What the provider sent as its token is none.")
_CLOCK = "Is the clock of this machine right?"


def checked(
    token: object, keys: Sequence[Mapping[str, Any]], expected: Expected, now_s: float
) -> dict[str, Any] | Wrong | NoKey:
    """The claims of the token. `keys`: the provider's JWK set; `now_s`: seconds since 1970, UTC."""
    head = _head(token)
    if head is None or not isinstance(token, str):
        return _NO_TOKEN
    algorithm, name = head.get("alg"), head.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        shown = escaped(str(algorithm))[:20]
        return Wrong(f"The provider signs its tokens in a way that is not safe here ({shown}).")
    fitting = [key for key in keys if _fits(key, algorithm, name)]
    if not fitting:
        return NoKey()
    claims = _signed(token, fitting, algorithm)
    if claims is None:
        return Wrong("The provider's token is not signed by any of its keys.")
    wrong = _wrong_party(claims, expected) or _wrong_time(claims, now_s) or _wrong_answer(claims, expected)
    return wrong or claims


def _head(token: object) -> dict[str, Any] | None:
    if not isinstance(token, str) or len(token) > _LONGEST or not token.isascii() or token.count(".") != 2:
        return None
    first = token.partition(".")[0]
    try:
        head = json.loads(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    except (ValueError, RecursionError):
        return None
    return head if isinstance(head, dict) else None


def _fits(key: Mapping[str, Any], algorithm: str, name: object) -> bool:
    if key.get("kty") != ALGORITHMS[algorithm] or key.get("use", "sig") != "sig":
        return False
    if key.get("alg", algorithm) not in (algorithm, "EdDSA"):
        return False
    return name is None or key.get("kid") == name


def _signed(token: str, keys: Sequence[Mapping[str, Any]], algorithm: str) -> dict[str, Any] | None:
    from joserfc import jwk, jwt  # late: only who signs people in by a provider needs it
    from joserfc.errors import JoseError

    for key in keys:
        public: dict[str, str | list[str]] = {name: value for name, value in key.items() if isinstance(value, str)}
        public.pop("d", None)
        if key["kty"] == "RSA" and len(str(public.get("n", ""))) * 3 // 4 < _LEAST_RSA_OCTETS:
            continue
        try:
            return jwt.decode(token, jwk.import_key(public), algorithms=[algorithm]).claims
        except (JoseError, ValueError, TypeError, KeyError, RecursionError):
            continue
    return None


def _wrong_party(claims: Mapping[str, Any], expected: Expected) -> Wrong | None:
    if claims.get("iss") != expected.issuer:
        return Wrong("The token comes from another issuer than this provider.")
    audience = claims.get("aud")
    several = audience if isinstance(audience, list) else [audience]
    if expected.client_id not in several:
        return Wrong("The token was made for another application (aud).")
    if claims.get("azp", expected.client_id) != expected.client_id or (len(several) > 1 and "azp" not in claims):
        return Wrong("The token was made for several applications, or handed out to another one (azp).")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT or not subject.isprintable():
        return Wrong("The token does not say whom it is about (sub).")
    return None


def _wrong_time(claims: Mapping[str, Any], now_s: float) -> Wrong | None:
    times = [claims.get("exp"), claims.get("iat"), claims.get("nbf", 0)]
    if not all(isinstance(one, int | float) and not isinstance(one, bool) for one in times):
        return Wrong("The token does not say from when until when it is good.")
    expires, issued, begins = (float(one) for one in times if one is not None)
    if now_s >= expires + LEEWAY_SECONDS:
        return Wrong(f"The token has expired. {_CLOCK}")
    if issued > now_s + LEEWAY_SECONDS or begins > now_s + LEEWAY_SECONDS:
        return Wrong(f"The token is from the future. {_CLOCK}")
    return None


def _wrong_answer(claims: Mapping[str, Any], expected: Expected) -> Wrong | None:
    nonce = claims.get("nonce")
    if isinstance(nonce, str) and hmac.compare_digest(nonce.encode("utf-8", "replace"), expected.nonce.encode()):
        return None
    return Wrong("The token answers another sign-in than this one (nonce).")
