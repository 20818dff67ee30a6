"""What a provider says of itself (OpenID Connect Discovery 1.0), and the address that a browser is sent to.

Rules it keeps: a provider that calls itself otherwise than it was set up is another one (issuer mix-up); state, nonce
and the PKCE verifier (RFC 7636) follow from a token that only the browser has, so the database holds nothing that could
finish somebody's sign-in. What is wrong is data, with a sentence.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from postroom.model.provider import Provider
from postroom.policy.id_token import ALGORITHMS
from postroom.sentence import Sentence
from postroom.settings.spelling import escaped

__all__ = ["Discovery", "Faulty", "address_of_discovery", "derived", "discovery_of", "way_in", "way_out"]

_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True, slots=True)
class Discovery:
    """`basic`: the client's secret goes into the Authorization header, else into the body. `says_issuer`: its answers
    name it (RFC 9207). `end_session`: where signing out there begins, or "".
    """

    issuer: str
    authorization: str
    token: str
    keys: str
    end_session: str = ""
    basic: bool = True
    says_issuer: bool = False


@dataclass(frozen=True, slots=True)
class Faulty:
    """Why a provider can't be used, as a sentence."""

    why: str


def address_of_discovery(issuer: str) -> str:
    return issuer.rstrip("/") + "/.well-known/openid-configuration"


def discovery_of(found: object, issuer: str) -> Discovery | Faulty:
    """What the document says. Whether its addresses may be asked is left to whoever asks."""
    if not isinstance(found, dict):
        return Faulty("What the provider says of itself is no JSON object. Is the issuer's address right?")
    if found.get("issuer") != issuer:
        named = escaped(str(found.get("issuer")))[:200]
        return Faulty(
            Sentence(
                "The provider calls itself {named}, and not {issuer}. Write the issuer exactly as it does.",
                named=named,
                issuer=issuer,
            )
        )
    for name in _NEEDED:
        if not _is_address(found.get(name)):
            return Faulty(Sentence("The provider does not say where its {name} is.", name=name))
    if "code" not in _words(found, "response_types_supported", "code"):
        return Faulty("The provider does not offer the authorization code flow.")
    if "S256" not in _words(found, "code_challenge_methods_supported", "S256"):
        return Faulty("The provider does not offer PKCE with S256.")
    if not set(_words(found, "id_token_signing_alg_values_supported", "RS256")) & set(ALGORITHMS):
        return Faulty("The provider signs its tokens in no way that is safe here.")
    out = found.get("end_session_endpoint")
    return Discovery(
        issuer,
        found["authorization_endpoint"],
        found["token_endpoint"],
        found["jwks_uri"],
        str(out) if _is_address(out) else "",
        "client_secret_basic" in _words(found, "token_endpoint_auth_methods_supported", "client_secret_basic"),
        found.get("authorization_response_iss_parameter_supported") is True,
    )


def _is_address(value: object) -> bool:
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or " " in value:
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in ("https", "http") and bool(parts.hostname) and not parts.fragment


def _words(found: Mapping[str, Any], name: str, default: str) -> list[str]:
    """A list of words; without one, what the standard takes as said, or what we ask for anyway."""
    given = found.get(name)
    return [word for word in given if isinstance(word, str)] if isinstance(given, list) else [default]


def derived(attempt: str, what: str) -> str:
    """`state`, `nonce` or `verifier` of a sign-in: 256 bits that only the holder of the attempt's token can make."""
    digest = hashlib.sha256(f"postroom {what} {attempt}".encode("utf-8", "replace")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def way_in(provider: Provider, facts: Discovery, attempt: str, back: str) -> str:
    """The address that the browser goes to. `back`: where the provider sends it afterwards."""
    challenge = hashlib.sha256(derived(attempt, "verifier").encode()).digest()
    asked = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": back,
        "scope": " ".join(provider.scopes),
        "state": derived(attempt, "state"),
        "nonce": derived(attempt, "nonce"),
        "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode("ascii"),
        "code_challenge_method": "S256",
    }
    return _with(facts.authorization, asked)


def way_out(provider: Provider, facts: Discovery, back: str) -> str:
    """Where to sign out at the provider as well (OpenID Connect RP-Initiated Logout 1.0), or ""."""
    if not facts.end_session:
        return ""
    return _with(facts.end_session, {"client_id": provider.client_id, "post_logout_redirect_uri": back})


def _with(address: str, asked: Mapping[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"
