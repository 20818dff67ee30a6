"""Which courier carries for an account, and with what it is equipped: the secret opened for just this server, our
name.
"""

from __future__ import annotations

import secrets as randomness
from functools import partial
from typing import Protocol

from postroom.deliver.feed import Feed, SessionFailure
from postroom.deliver.native import NativeCourier
from postroom.deliver.probing import Question
from postroom.deliver.references import ReferenceCourier, References
from postroom.deliver.smtp import SmtpCourier
from postroom.errors import PostroomError
from postroom.model.account import Account, Encryption, Limits, Login
from postroom.model.attempt import Failure, Result
from postroom.model.tenant import INSTALLATION
from postroom.office import Office
from postroom.office.references import may_be_used
from postroom.policy.route import NATIVE
from postroom.secrets import Secret
from postroom.settings import Settings
from postroom.smtp.phase import Phase
from postroom.smtp.timeouts import Timeouts
from postroom.wire.dial import DialTimeouts
from postroom.wire.guard import guard_for
from postroom.wire.names import own_name
from postroom.work.connecting import Connecting
from postroom.work.grants import Grants

__all__ = ["NATIVE", "Courier", "Couriers"]

_NATIVE_SECONDS = 300.0


class Courier(Protocol):
    async def run(self, feed: Feed | Question) -> SessionFailure | None:
        """Carries what the feed gives. A failure means that nothing was taken."""


class Couriers:
    def __init__(self, office: Office, settings: Settings, connecting: Connecting, grants: Grants) -> None:
        self._office = office
        self._connecting = connecting
        self._grants = grants
        self._settings = settings
        self._references = References(settings)
        self._timeouts = Timeouts().scaled(settings.smtp_timeout_scale)
        self._dial_timeouts = DialTimeouts().scaled(settings.smtp_timeout_scale)
        self._native = Account(
            NATIVE,
            INSTALLATION,
            "native",
            "localhost",
            25,
            Encryption.NONE,
            limits=Limits(connections=min(2, settings.connections_per_account)),
        )

    def account(self, account_id: int) -> Account | None:
        if account_id == NATIVE:
            return self._native
        return self._office.snapshot.accounts.get(account_id)

    def elsewhere(self, account: Account) -> bool:
        """Whether only another process can reach the account's server now."""
        return self._connecting.elsewhere(account)

    def courier(self, account: Account) -> Courier:
        if account.id == NATIVE:
            return NativeCourier(self._settings.native_command, _NATIVE_SECONDS * self._settings.smtp_timeout_scale)
        secret = None
        if account.login is not Login.OAUTH2 and account.needs_secret:
            try:
                secret = self._office.open_secret(account)
            except PostroomError as error:
                return _NoSecret(_GIVE_AGAIN if account.secret_reference else error.text)
            if account.secret_reference:
                return self._by_reference(account, secret)
            if secret is None:
                return _NoSecret(f"The account {account.name} logs in, but no password was typed for it.")
        return self._with(account, secret)

    def _by_reference(self, account: Account, sealed: Secret | None) -> Courier:
        if why := self.why_not(account, sealed):
            return _NoSecret(why)
        return ReferenceCourier(self._references, account.secret_reference, lambda one: self._with(account, one))

    def why_not(self, account: Account, sealed: Secret | None) -> str:
        """Why the account's reference may not be followed; "" when it may. What is sealed is the reference: it opens
        for just the server it was given for."""
        reference, tenants = account.secret_reference, self._office.snapshot.tenants
        if sealed is None or sealed.reveal() != reference:
            return _GIVE_AGAIN
        return "" if may_be_used(self._settings, tenants, account.tenant_id, reference) else _NOT_LISTED

    def _with(self, account: Account, secret: Secret | None) -> Courier:
        try:
            client_key = self._office.open_client_key(account)
        except PostroomError as error:
            return _NoSecret(error.text)
        if account.client_certificate and client_key is None:
            return _NoSecret(f"The account {account.name} needs the private key of its client certificate.")
        return self.smtp(account, secret, client_key)

    def smtp(self, account: Account, secret: Secret | None, client_key: Secret | None) -> SmtpCourier:
        """The courier of this account, with these secrets; where it logs in by access tokens, with those granted."""
        return SmtpCourier(
            account=account,
            secret=secret,
            ehlo_name=account.ehlo_name or self._settings.ehlo_name or own_name(),
            timeouts=self._timeouts,
            dial_timeouts=self._dial_timeouts,
            tls_minimum=self._settings.tls_minimum,
            nonce=lambda: randomness.token_urlsafe(18),
            guard=guard_for(account, self._settings.tenant_hosts),
            client_key=client_key,
            via=self._connecting.way_of(account),
            token=partial(self._grants.token, account) if account.login is Login.OAUTH2 else None,
        )


_GIVE_AGAIN = (
    "secret_reference has to be given once more, by an administrator who may use it: it was given for another server."
)
_NOT_LISTED = "secret_reference: the operator does not let this tenant use it (setting secret_references)."


class _NoSecret:
    """Stands in for a courier that can't log in: says so instead of trying without."""

    def __init__(self, why: str) -> None:
        self._why = why

    async def run(self, feed: Feed | Question) -> SessionFailure | None:
        failure = Failure.SECRET_REFERENCE if self._why in (_GIVE_AGAIN, _NOT_LISTED) else Failure.SECRET
        return SessionFailure(Result(Phase.AUTH.value, 0, "", self._why, failure), f"-- {self._why}\n")
