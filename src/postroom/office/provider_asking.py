"""Asking an identity provider: what it says of itself, its keys, and a token for a code.

Rules it keeps: every question goes through `wire.http`, guarded, bounded, without redirects; what a provider says of
itself and its keys are remembered for an hour, and keys are asked for again, at most twice a minute, when a token names
one that is not among them (rotation). Its own trouble is `Faulty`: data, with a sentence. What a token proves is
`policy.id_token`'s business.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

from postroom.clock import monotonic_ms
from postroom.model.provider import Provider
from postroom.policy.discovery import Discovery, Faulty, address_of_discovery, discovery_of
from postroom.secrets import Secret
from postroom.sentence import Sentence
from postroom.smtp.reply import printable
from postroom.wire.guard import allow_all
from postroom.wire.http import HttpAnswer, HttpQuestion, NoAnswer, ask

__all__ = ["Known", "ProviderAsking"]

SECONDS = 10.0
_REMEMBERED_MS = 3_600_000.0
_AGAIN_MS = 30_000.0
_MOST_KEYS = 100
_MOST_OCTETS = 256 * 1024


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a provider: what it says of itself, and its keys (a JWK set's). Times: monotonic, ms."""

    facts: Discovery
    keys: tuple[dict[str, Any], ...]
    asked_ms: float


class ProviderAsking:
    """One for a process; it is asked on the loop only. `moment`: the clock it remembers by (monotonic, ms)."""

    def __init__(self, seconds: float = SECONDS, moment: Callable[[], float] = monotonic_ms) -> None:
        self._seconds = seconds
        self._moment = moment
        self._known: dict[tuple[int, str], Known] = {}

    async def known(self, provider: Provider, *, newer_than: Known | None = None) -> Known | Faulty:
        """`newer_than`: what was not enough; asked for again, unless that was only just asked for."""
        whose = (provider.id, provider.issuer)
        found = self._known.get(whose)
        if found is not None:
            age = self._moment() - found.asked_ms
            if age < (_AGAIN_MS if newer_than is found else _REMEMBERED_MS):
                return found
        fresh = await self.fresh(provider)
        if isinstance(fresh, Known):
            self._known[whose] = fresh
        return fresh

    async def fresh(self, provider: Provider) -> Known | Faulty:
        """Asks now, whatever is remembered."""
        moment = self._moment()
        found = await self._json(address_of_discovery(provider.issuer))
        if isinstance(found, Faulty):
            return found
        facts = discovery_of(found[0], provider.issuer)
        if isinstance(facts, Faulty):
            return facts
        keys = await self._keys(facts.keys)
        return keys if isinstance(keys, Faulty) else Known(facts, keys, moment)

    async def _keys(self, address: str) -> tuple[dict[str, Any], ...] | Faulty:
        found = await self._json(address)
        if isinstance(found, Faulty):
            return found
        listed = found[0].get("keys") if isinstance(found[0], dict) else None
        if not isinstance(listed, list) or len(listed) > _MOST_KEYS:
            return Faulty("The provider's keys are no set of keys.")
        return tuple(key for key in listed if isinstance(key, dict))

    async def token(
        self, provider: Provider, facts: Discovery, secret: Secret | None, code: str, verifier: str, back: str
    ) -> object | Faulty:
        """The ID token for a code, as it came (RFC 6749 section 4.1.3, RFC 7636 section 4.5)."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
        headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")]
        if secret is not None and facts.basic:
            pair = f"{quote_plus(provider.client_id)}:{quote_plus(secret.reveal())}"
            headers.append(("Authorization", f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"))
        else:
            form["client_id"] = provider.client_id
            if secret is not None:
                form["client_secret"] = secret.reveal()
        question = HttpQuestion(
            facts.token, "POST", tuple(headers), urlencode(form).encode(), seconds=self._seconds, max_body=_MOST_OCTETS
        )
        answer = await ask(question, guard=allow_all, plain_on_loopback=True)
        if isinstance(answer, NoAnswer):
            return Faulty(Sentence("The provider can't be reached. {detail}", detail=answer.detail))
        found = answer.json()
        if answer.status != 200 or not isinstance(found, dict):
            return Faulty(Sentence("The provider gave no token for the sign-in{answer}.", answer=_why(answer, found)))
        if "id_token" not in found:
            return Faulty("The provider gave a token, but none that says who somebody is. Is openid among the scopes?")
        token: object = found["id_token"]
        return token

    async def _json(self, address: str) -> tuple[object] | Faulty:
        question = HttpQuestion(
            address, headers=(("Accept", "application/json"),), seconds=self._seconds, max_body=_MOST_OCTETS
        )
        answer = await ask(question, guard=allow_all, plain_on_loopback=True)
        if isinstance(answer, NoAnswer):
            return Faulty(Sentence("The provider can't be reached. {detail}", detail=answer.detail))
        if answer.status != 200:
            return Faulty(
                Sentence(
                    "The provider answered with status {status} instead of what it says of itself.",
                    status=answer.status,
                )
            )
        return (answer.json(),)


def _why(answer: HttpAnswer, found: object) -> str:
    """The reason in its answer (RFC 6749 section 5.2), as its own words."""
    error = found.get("error") if isinstance(found, dict) else None
    if error == "invalid_client":
        return ": it does not accept the client id or the client secret. Type the secret again"
    if error == "invalid_grant":
        return ": it says that the code is used, or over. Begin again"
    if isinstance(error, str):
        return Sentence(": it says “{error}”", error=printable(error)[:100])
    return Sentence(" (status {status})", status=answer.status)
