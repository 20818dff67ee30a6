"""SASL GSSAPI with Kerberos 5 (RFC 4752): tickets, the security context, and "no layer, thank you".

Rules it keeps:
- The service is named exactly as the account says, or `smtp/` and the host as it was typed. No name service is asked
  what the host "really" is called: behind one load-balanced name stand many machines, and an answer could be forged.
- The server has to prove that it holds the service's key (mutual authentication), else it is not believed.
- No environment is changed: each login names its own ticket cache or keytab, so that accounts of several realms do not
  meet. What the account leaves open is the process's own identity: the default cache, as `kinit` or `k5start` left it.
- Tickets got with a password live as long as one login; those got with a keytab stay in memory, one cache for each
  keytab and user, until they run out or a login fails.

The link is bound to its certificate (RFC 5929) where it is encrypted: servers that ask for no binding ignore it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from postroom.model.account import Account, CredentialSource
from postroom.model.attempt import Failure
from postroom.smtp.fault import Lost, LostKind, Refusal
from postroom.smtp.phase import Phase
from postroom.smtp.sasl import Credentials, Exchange, Mechanism
from postroom.wire.integrated.extras import load, why_not
from postroom.wire.integrated.trouble import explain

__all__ = ["mechanism", "missing", "service_name"]

_NO_LAYER = 1
_ENTERPRISE = "1.2.840.113554.1.2.2.6"
"""Names like `anna@company.example` whose realm is another (RFC 6806, 5)."""


def mechanism(account: Account) -> Mechanism:
    """GSSAPI for this account. Its generator talks to Kerberos servers: run each step apart."""
    return Mechanism("GSSAPI", False, lambda credentials, _nonce: _start(account, credentials), blocking=True)


def missing() -> str:
    """Why Kerberos can't be used here, "" when it can."""
    return why_not("gssapi", "kerberos", "Kerberos")


def service_name(account: Account) -> str:
    """The service as Kerberos writes it: `smtp/mail.example.com@REALM`. Without a realm the user's is asked first."""
    service, _, realm = account.service_principal.partition("@")
    if not service:
        service = f"smtp/{account.host.strip().rstrip('.').lower()}"
    return f"{service}@{realm or account.realm}"


def _start(account: Account, credentials: Credentials) -> Exchange:
    if why := missing():
        return Refusal(Failure.NOT_INSTALLED, None, why)
    if account.credential_source is CredentialSource.KEYTAB and (why := _keytab_trouble(account.credential_path)):
        return Refusal(Failure.KEYTAB, None, f"The keytab {account.credential_path} can't be used: {why}.")
    gssapi = load("gssapi")
    with _kept_only_when_good(account, credentials) as cache:
        try:
            context = _context(gssapi, account, credentials, cache)
            first = context.step()
        except gssapi.exceptions.GSSError as error:
            return _explained(error, account, credentials)
        try:
            ended = yield from _conversation(context, first)
        except gssapi.exceptions.GSSError as error:
            known = _explained(error, account, credentials)
            return _unproven(known.text) if known.id is Failure.KERBEROS else known
        cache.good = ended is None
        return ended


def _explained(error: Any, account: Account, credentials: Credentials) -> Refusal:
    expired = isinstance(error, load("gssapi").exceptions.ExpiredContextError)
    words = " ".join(error.get_all_statuses(error.maj_code if expired else error.min_code, expired))
    return explain(error.min_code, words, account, credentials.user, expired=expired)


def _conversation(context: Any, token: bytes | None) -> Exchange:
    """RFC 4752, 3.1. A server may declare the login complete once it has proved itself, without a word on layers: that
    takes nothing from us, who want none."""
    while True:
        heard = yield token or b""
        if heard is None:
            return None if _proved(context) else _unproven("The server declared the login complete before it was.")
        if context.complete:
            break
        token = context.step(heard)
    if not _proved(context):
        return _unproven("The server did not prove that it is the right one.")
    offer = context.unwrap(heard).message
    if len(offer) != 4:
        return _unproven("The server broke the rules of the login.")
    if not offer[0] & _NO_LAYER:
        text = "The server wants to encrypt with Kerberos itself. Postroom encrypts with TLS instead."
        return Refusal(Failure.KERBEROS, None, text)
    heard = yield context.wrap(bytes((_NO_LAYER, 0, 0, 0)), False).message
    return None if heard is None else _unproven("The server asked for more when the login was complete.")


def _proved(context: Any) -> bool:
    gssapi = load("gssapi")
    return bool(context.complete and gssapi.RequirementFlag.mutual_authentication in context.actual_flags)


def _unproven(text: str) -> Lost:
    return Lost(LostKind.UNPROVEN, text, Phase.AUTH)


def _context(gssapi: Any, account: Account, credentials: Credentials, cache: _Cache) -> Any:
    flags = gssapi.RequirementFlag
    bound = [data for kind, data in credentials.bindings if kind == "tls-server-end-point"]
    return gssapi.SecurityContext(
        name=gssapi.Name(service_name(account), gssapi.NameType.kerberos_principal),
        creds=_identity(gssapi, account, credentials, cache),
        flags=[flags.mutual_authentication, flags.integrity],
        mech=gssapi.MechType.kerberos,
        usage="initiate",
        channel_bindings=gssapi.raw.ChannelBindings(application_data=b"tls-server-end-point:" + bound[0])
        if bound
        else None,
    )


def _identity(gssapi: Any, account: Account, credentials: Credentials, cache: _Cache) -> Any:
    """Who logs in: the credentials that the account names, and no others."""
    name = _user(gssapi, credentials.user, account.realm)
    kerberos = [gssapi.MechType.kerberos]
    match account.credential_source:
        case CredentialSource.PASSWORD:
            password = credentials.secret.reveal().encode()
            return gssapi.raw.acquire_cred_with_password(name, password, mechs=kerberos, usage="initiate").creds
        case CredentialSource.KEYTAB:
            store = {"client_keytab": account.credential_path, "ccache": cache.name}
            return gssapi.Credentials(name=name, usage="initiate", mechs=kerberos, store=store)
        case CredentialSource.TICKET_CACHE if account.credential_path:
            store = {"ccache": account.credential_path}
            return gssapi.Credentials(name=name, usage="initiate", mechs=kerberos, store=store)
    return gssapi.Credentials(name=name, usage="initiate", mechs=kerberos)


def _user(gssapi: Any, user: str, realm: str) -> Any:
    """The user as Kerberos knows him; None for whoever the cache or the keytab is of."""
    if not user:
        return None
    local, at, domain = user.rpartition("@")
    if realm and at and domain.casefold() != realm.casefold():
        return gssapi.Name(user, gssapi.OID.from_int_seq(_ENTERPRISE))
    written = f"{local if at else user}@{realm}" if realm else user
    return gssapi.Name(written, gssapi.NameType.kerberos_principal)


class _Cache:
    """Where the tickets of one keytab and user are kept between logins. `good`: its last login came to a good end."""

    _turns: ClassVar[dict[str, int]] = {}

    def __init__(self, path: str, user: str) -> None:
        self._key = hashlib.sha256(f"{path}\0{user}".encode()).hexdigest()[:24]
        self.good = False

    @property
    def name(self) -> str:
        return f"MEMORY:postroom-{self._key}-{self._turns.get(self._key, 0)}"

    def forget(self) -> None:
        """The next login gets new tickets: a service whose key has changed refuses those for the old one."""
        self._turns[self._key] = self._turns.get(self._key, 0) + 1


@contextmanager
def _kept_only_when_good(account: Account, credentials: Credentials) -> Iterator[_Cache]:
    cache = _Cache(account.credential_path, f"{credentials.user}@{account.realm}")
    try:
        yield cache
    finally:
        if not cache.good and account.credential_source is CredentialSource.KEYTAB:
            cache.forget()


def _keytab_trouble(path: str) -> str:
    """Why the keytab can't be read, "" when it can: the library would only say that there are no tickets."""
    try:
        with Path(path.removeprefix("FILE:")).open("rb") as file:
            head = file.read(2)
    except OSError as error:
        return error.strerror or type(error).__name__
    return "" if head in (b"\x05\x01", b"\x05\x02") else "it is not a keytab"
