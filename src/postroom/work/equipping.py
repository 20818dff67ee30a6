"""What the test of an account is equipped with: for a saved account all that its courier would have; for values that
are not saved only what was typed along with them, and nothing that is stored (P7).

The patience is a person's, who waits before a form: a server that is silent for a minute is told as such.
"""

from __future__ import annotations

import secrets as randomness
from collections.abc import Awaitable, Callable
from dataclasses import replace

from postroom.clock import now_ms
from postroom.deliver.references import References, missing_result
from postroom.deliver.tokens import Tokens, fetch
from postroom.errors import PostroomError
from postroom.model.account import Account, Login
from postroom.model.attempt import Failure, Result
from postroom.office import Office
from postroom.office.trying import ToTry
from postroom.policy.token import no_token
from postroom.probe.walk import Equipment
from postroom.secrets import Secret
from postroom.secrets.local import Missing
from postroom.settings import Settings
from postroom.smtp.client import SessionSettings
from postroom.smtp.phase import Phase
from postroom.smtp.timeouts import Timeouts
from postroom.wire.dial import Target
from postroom.work.connecting import Connecting
from postroom.work.couriers import Couriers
from postroom.work.grants import Grants

__all__ = ["Equipping"]

_PATIENCE = Timeouts(greeting=60, mail=60, rcpt=60, data=60, block=60, dot=300, command=60)
_NOT_GRANTED = (
    "These values are not saved, and nobody can consent for them before they are: save the account and connect it."
)
_NOTHING_TYPED = "No password was typed."


class Equipping:
    def __init__(self, office: Office, settings: Settings, connecting: Connecting, grants: Grants) -> None:
        self._office = office
        self._grants = grants
        self._connecting = connecting
        self._couriers = Couriers(office, settings, connecting, grants)
        self._references = References(settings)
        self._patience = _PATIENCE.scaled(settings.smtp_timeout_scale)

    def equipment(self, to_try: ToTry) -> Equipment | Result:
        """Or what ends the login before it begins: a seal that does not open, a key that is not there."""
        account = to_try.account
        try:
            client_key = to_try.client_key if to_try.edited else self._office.open_client_key(account)
        except PostroomError as error:
            return _no_secret(error.text)
        if account.client_certificate and client_key is None:
            return _no_secret(f"The account {account.name} needs the private key of its client certificate.")
        courier = self._couriers.smtp(account, None, client_key)
        asked = self.typed(to_try) if to_try.edited else self.stored(account)

        def settings(secret: Secret | None) -> SessionSettings:
            return replace(courier.session_settings(secret), timeouts=self._patience)

        return Equipment(
            account,
            Target.of(account, courier.tls_minimum, client_key),
            settings,
            asked,
            courier.dial_timeouts,
            courier.guard,
            courier.via,
            self._connector(account),
            tuple(one for one in (client_key, to_try.secret) if one is not None),
        )

    def _connector(self, account: Account) -> str:
        found = self._office.snapshot.connectors.get(account.connector_id or 0)
        return "" if found is None else found.name

    # -- secrets ----------------------------------------------------------------------------------------------------

    def stored(self, account: Account) -> Callable[[Secret | None], Awaitable[Secret | Result | None]]:
        """As the courier finds it, and again as it does after a refusal."""

        async def secret(refused: Secret | None) -> Secret | Result | None:
            if account.login is Login.OAUTH2:
                return await self._grants.token(account, refused)
            if not account.needs_secret:
                return None
            try:
                sealed = self._office.open_secret(account)
            except PostroomError as error:
                return _no_secret(error.text)
            if account.secret_reference:
                why = self._couriers.why_not(account, sealed)
                return _no_secret(why, Failure.SECRET_REFERENCE) if why else await self._looked_up(account, refused)
            missing = f"The account {account.name} logs in, but no password was typed for it."
            return sealed or _no_secret(missing)

        return secret

    def typed(self, to_try: ToTry) -> Callable[[Secret | None], Awaitable[Secret | Result | None]]:
        """Only what was typed along with the values."""
        account, typed = to_try.account, to_try.secret

        async def secret(refused: Secret | None) -> Secret | Result | None:
            if account.login is Login.OAUTH2:
                return await self._fresh_token(account, typed, refused)
            if not account.needs_secret:
                return None
            if account.secret_reference and typed is not None:
                return await self._looked_up(account, refused)
            return typed or _no_secret(_NOTHING_TYPED)

        return secret

    async def _looked_up(self, account: Account, refused: Secret | None) -> Secret | Result:
        found = await self._references.get(account.secret_reference, fresh=refused is not None)
        return missing_result(found) if isinstance(found, Missing) else found.secret

    async def _fresh_token(self, account: Account, proof: Secret | None, refused: Secret | None) -> Secret | Result:
        """Asked for just now, with what was typed, and kept nowhere."""
        if account.oauth2_flow.needs_consent:
            return no_token(Failure.NO_GRANT, _NOT_GRANTED)
        if refused is not None:
            return refused
        way = self._connecting.way_of(account)
        answer = await fetch(account, proof, None, now_ms(), randomness.token_urlsafe(16), way)
        return answer.access if isinstance(answer, Tokens) else answer


def _no_secret(why: str, failure: Failure = Failure.SECRET) -> Result:
    return Result(Phase.AUTH.value, text=why, failure=failure)
