"""What an identity provider's answer about tokens means (RFC 6749, 5). Pure: octets in, nouns out.

A refusal is data (P6): a `Result` with the provider's own words, bounded and printable, which the rules of the
diagnosis turn into a sentence. A refusal for now (the provider is ill, or asks to wait) is another failure than one for
good. Secrets that the answer may repeat are blanked by the caller, who knows them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from postroom.model.attempt import Failure, Result

__all__ = ["Issued", "Returned", "no_token", "read_answer", "read_return"]

_MOST_TOLD = 600
_USUAL_SECONDS = 3_600
_LEAST_SECONDS, _MOST_SECONDS = 60, 86_400
"""Whatever an answer claims, a token is used for a minute at least and a day at most before a new one is asked for."""
_MOST_TOKEN = 9_000
"""Characters of an access token: more does not fit into the line of a login (RFC 4954, 4)."""
_MOST_ADDRESS = 8_192
_FOR_NOW = frozenset({"temporarily_unavailable", "server_error", "slow_down"})


@dataclass(frozen=True, slots=True)
class Issued:
    """Tokens as they were answered, in the open: to be sealed or used at once. `refresh` is "" where none came."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    seconds: int


@dataclass(frozen=True, slots=True)
class Returned:
    """What a person came back with (RFC 6749, 4.1.2): a code, or why there is none."""

    state: str = field(repr=False)
    code: str = field(repr=False)
    refused: Result | None


def read_return(address: str) -> Returned:
    """Reads the address that a provider sent somebody back to. Never raises; without a `state` it is none."""
    try:
        query = parse_qs(urlsplit(address.strip()[:_MOST_ADDRESS]).query, max_num_fields=50)
    except ValueError:
        query = {}
    given = {name: values[0] for name, values in query.items()}
    state, code = given.get("state", ""), given.get("code", "")
    if code:
        return Returned(state, code, None)
    error = given.get("error", "no_code: the provider sent the person back with neither a code nor a reason")
    words = given.get("error_description", "")
    return Returned(state, "", no_token(Failure.GRANT, f"{error}: {words}" if words else error))


def no_token(failure: Failure, text: str) -> Result:
    """Why there is no access token, as what stands for the session that needed it."""
    words = " ".join(text.split())[:_MOST_TOLD]
    return Result("auth", text="".join(c if c.isprintable() else "\ufffd" for c in words), failure=failure)


def read_answer(status: int, body: bytes) -> Issued | Result:
    """Never raises, whatever is in the answer."""
    told = _object(body)
    if status == 200:
        return _issued(told) or no_token(Failure.GRANT_LATER, "The identity provider's answer holds no access token.")
    error = told.get("error")
    if not isinstance(error, str) or not error or status < 400:
        return no_token(Failure.GRANT_LATER, f"The identity provider answered {status}, and not as RFC 6749 wants it.")
    words = told.get("error_description")
    text = f"{error}: {words}" if isinstance(words, str) and words else error
    later = status >= 500 or status == 429 or error in _FOR_NOW
    return no_token(Failure.GRANT_LATER if later else Failure.GRANT, text)


def _object(body: bytes) -> dict[str, object]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _issued(told: dict[str, object]) -> Issued | None:
    access, refresh = told.get("access_token"), told.get("refresh_token")
    if not _usable(access) or str(told.get("token_type", "bearer")).lower() != "bearer":
        return None
    seconds = told.get("expires_in")
    if isinstance(seconds, str) and seconds.isascii() and seconds.isdigit() and len(seconds) < 10:
        seconds = int(seconds)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        seconds = _USUAL_SECONDS
    bounded = int(min(max(seconds, _LEAST_SECONDS), _MOST_SECONDS))
    return Issued(str(access), str(refresh) if _usable(refresh) else "", bounded)


def _usable(token: object) -> bool:
    return isinstance(token, str) and 0 < len(token) <= _MOST_TOKEN and all("!" <= char <= "~" for char in token)
