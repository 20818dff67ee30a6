"""Passwords that are kept elsewhere: looked up when an account logs in, remembered for a short while.

A refused login with a remembered password leads to one fresh look-up before anything is made of it: so a password that
was changed where it is kept costs nothing but one more try, and a password that is simply wrong is never tried twice.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from postroom.deliver.feed import Feed, SessionFailure
from postroom.deliver.probing import Question
from postroom.model.attempt import Failure, Result
from postroom.secrets import Secret
from postroom.secrets.local import Missing, look_up
from postroom.secrets.reference import BadReference, Kind, parse_reference
from postroom.settings import Settings
from postroom.smtp.phase import Phase
from postroom.wire.vault import Vault

__all__ = ["Found", "ReferenceCourier", "References", "missing_result"]

_LOGIN_REFUSED = range(500, 600)


class Found(NamedTuple):
    """`fresh`: looked up just now, and not remembered."""

    secret: Secret
    fresh: bool


class _Kept(NamedTuple):
    secret: Secret
    until: float


class References:
    """One process's. What is remembered stays in memory only, and no longer than `secret_cache_seconds`."""

    def __init__(self, settings: Settings, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._vault = Vault(settings)
        self._kept: dict[str, _Kept] = {}
        self._asking: dict[str, asyncio.Task[Secret | Missing]] = {}

    async def get(self, reference: str, *, fresh: bool = False) -> Found | Missing:
        """The secret. Several who ask for the same at once are one question."""
        self._forget()
        kept = self._kept.get(reference)
        if kept is not None and not fresh:
            return Found(kept.secret, fresh=False)
        asking = self._asking.get(reference)
        if asking is None:
            asking = self._asking[reference] = asyncio.ensure_future(self._look_up(reference))
            asking.add_done_callback(lambda _: self._asking.pop(reference, None))
        found = await asyncio.shield(asking)
        if isinstance(found, Missing):
            self._kept.pop(reference, None)
            return found
        self._kept[reference] = _Kept(found, self._monotonic() + self._settings.secret_cache_seconds)
        return Found(found, fresh=True)

    async def _look_up(self, reference: str) -> Secret | Missing:
        try:
            parsed = parse_reference(reference)
        except BadReference as bad:
            return Missing(f"secret_reference {bad}")
        if parsed.kind is Kind.VAULT:
            return await self._vault.read(parsed)
        return await asyncio.to_thread(look_up, parsed, os.environ, self._settings.key_file)

    def _forget(self) -> None:
        now = self._monotonic()
        for reference in [one for one, kept in self._kept.items() if kept.until <= now]:
            del self._kept[reference]


class _Runs(Protocol):
    async def run(self, feed: Feed | Question) -> SessionFailure | None: ...


class ReferenceCourier:
    """Looks the password up, then lets the account's courier log in with it. `courier` makes one for a password."""

    def __init__(self, references: References, reference: str, courier: Callable[[Secret], _Runs]) -> None:
        self._references = references
        self._reference = reference
        self._courier = courier

    async def run(self, feed: Feed | Question) -> SessionFailure | None:
        found = await self._references.get(self._reference)
        if isinstance(found, Missing):
            return _no_secret(found)
        failure = await self._courier(found.secret).run(feed)
        if failure is None or found.fresh or not _login_refused(failure.result):
            return failure
        again = await self._references.get(self._reference, fresh=True)
        if isinstance(again, Missing) or again.secret == found.secret:
            return failure
        return await self._courier(again.secret).run(feed)


def _login_refused(result: Result) -> bool:
    return result.phase == Phase.AUTH.value and result.code in _LOGIN_REFUSED


def missing_result(missing: Missing) -> Result:
    """A password that could not be looked up, as what ends a login."""
    failure = Failure.SECRET_SOURCE if missing.passing else Failure.SECRET_REFERENCE
    return Result(Phase.AUTH.value, 0, "", missing.text, failure)


def _no_secret(missing: Missing) -> SessionFailure:
    return SessionFailure(missing_result(missing), f"-- {missing.text}\n")
