"""The office's verbs for looking at a server's certificate, and for trusting just this one.

Rules it keeps: nothing is trusted that was not looked at in the same breath, and nothing whose fingerprint nobody
confirmed; trusting another certificate is a change of the account like any other, so it has its version and its audit
entry, and a stored password does not go to whoever holds that certificate (P7): it is dropped unless it comes along.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from ssl import DER_cert_to_PEM_cert

from postroom.errors import BadInput, Conflict
from postroom.model.account import Account, CertificateCheck, Encryption
from postroom.model.application import Actor, Scope
from postroom.office.accounts import AccountVerbs
from postroom.office.certificate_values import pin
from postroom.office.certificate_views import certificates_of
from postroom.office.changes import Ref, require
from postroom.office.fields import Reading
from postroom.office.views import AccountView
from postroom.probe.certificate import NotShown, Shown, look
from postroom.secrets import Secret
from postroom.sentence import Sentence
from postroom.wire.certificate import Certificate
from postroom.wire.dial import DialTimeouts, Way
from postroom.wire.guard import guard_for
from postroom.wire.names import own_name

__all__ = ["SeenCertificate", "TrustingVerbs"]


@dataclass(frozen=True, slots=True)
class SeenCertificate:
    """`chain`: what the server shows now, its own first. `why`: what is wrong with it, "" when it would be believed
    anyway. `pin`: what the account trusts, and `trusted` that certificate, where it is known."""

    account: str
    chain: tuple[Certificate, ...]
    why: str
    pin: str = ""
    trusted: Certificate | None = None

    @property
    def changed(self) -> bool:
        """Whether it is another than the one that is trusted."""
        return bool(self.pin) and self.chain[0].fingerprint != self.pin


def _directly(_account: Account) -> Way | None:
    return None


class TrustingVerbs(AccountVerbs):
    """`way_of`: how to come to an account's server; whoever knows the ways of connectors sets it."""

    way_of: Callable[[Account], Way | None] = staticmethod(_directly)

    async def look_at_certificate(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> SeenCertificate:
        """What the account's server shows at this moment; nothing is changed. Raises Conflict when it shows none."""
        require(actor, Scope.SETTINGS_WRITE)
        account = (await asyncio.wrap_future(self.account(actor, ref, tenant_id))).account
        shown = await self._look(account)
        pinned = account.certificate_check is CertificateCheck.PINNED
        return SeenCertificate(
            account=account.name,
            chain=shown.chain,
            why=shown.why,
            pin=account.certificate_pin if pinned else "",
            trusted=certificates_of(account).trusted if pinned else None,
        )

    async def trust_certificate(
        self,
        actor: Actor,
        ref: Ref,
        fingerprint: str,
        secret: str | Secret | None = None,
        tenant_id: int | None = None,
    ) -> AccountView:
        """Pins what the server shows now, if it has this SHA-256. Raises Conflict when it has another."""
        require(actor, Scope.SETTINGS_WRITE)
        reading = Reading()
        reading.take("fingerprint", pin, fingerprint)
        wanted = reading.close()["fingerprint"]
        if not wanted:
            reading.fault("fingerprint", "is missing.", "Confirm the certificate with its SHA-256 fingerprint.")
            raise BadInput(reading.faults)
        account = (await asyncio.wrap_future(self.account(actor, ref, tenant_id))).account
        shown = await self._look(account)
        if shown.chain[0].fingerprint != wanted:
            raise Conflict(
                Sentence(
                    "The server shows another certificate now: {fingerprint}. Nothing was changed; look at it again.",
                    fingerprint=shown.chain[0].fingerprint,
                ),
                fingerprint=shown.chain[0].fingerprint,
            )
        values = {"certificate_check": "pinned", "certificate_trusted": DER_cert_to_PEM_cert(shown.der)}
        return await asyncio.wrap_future(self.change_account(actor, account.id, values, secret, tenant_id))

    async def _look(self, account: Account) -> Shown:
        if account.encryption is Encryption.NONE:
            raise Conflict(
                Sentence(
                    "{account} does not encrypt, so its server shows no certificate. Set encryption to starttls or "
                    "tls first.",
                    account=account.name,
                )
            )
        settings = self._settings
        shown = await look(
            account,
            guard_for(account, settings.tenant_hosts),
            settings.tls_minimum,
            account.ehlo_name or settings.ehlo_name or own_name(),
            DialTimeouts().scaled(settings.smtp_timeout_scale),
            self.way_of(account),
        )
        if isinstance(shown, NotShown):
            verdict = shown.verdict
            field = f" The field to change is {verdict.field}." if verdict.field else ""
            text = f"{verdict.title} {verdict.explanation} {verdict.remedy}".strip()
            raise Conflict(
                Sentence("{text}{field}", text=text, field=field), diagnosis=verdict.diagnosis, account=account.name
            )
        if not shown.chain:
            raise Conflict("The server's certificate is so odd that it can't be read, so it can't be trusted.")
        return shown
