"""The office's verbs for OAuth2 grants: beginning a consent, keeping what it gave, showing how it stands.

A mailbox is granted access as an account is; here it is meant by its id.

Rules it keeps: a consent is begun for one account by somebody who may change it, and is good once, for some minutes,
for whoever has its state; the verifier (PKCE) never leaves this side. What was granted is sealed to the account's
server, token URL and client id, so a change of these makes it worthless. Asking the provider is left to `work.grants`.
"""

from __future__ import annotations

import hashlib
import re
import secrets as randomness
from base64 import urlsafe_b64encode
from concurrent.futures import Future
from dataclasses import dataclass, field

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.errors import BadInput, Conflict, Fault, NotFound
from postroom.ids import decode
from postroom.model.account import Account, Login
from postroom.model.application import Actor, Scope
from postroom.model.attempt import Failure, Result, Verdict
from postroom.model.audit import Entry
from postroom.model.grant import Grant, OAuth2Flow
from postroom.office.accounts import AccountVerbs
from postroom.office.changes import Ref, require, tenant_for
from postroom.office.mailboxes import MAILBOX
from postroom.office.sealing import same_grant
from postroom.office.tenants import find_account_number
from postroom.policy.providers import authorize_link, endpoints
from postroom.policy.token import no_token
from postroom.policy.verdict import Context, judge
from postroom.secrets import SealedTo, Secret
from postroom.sentence import Sentence
from postroom.settings import Settings
from postroom.store import accounts, grants, mailboxes

__all__ = ["CALLBACK", "Consent", "Consented", "GrantVerbs", "GrantView", "meaning", "own_callback"]

CALLBACK = "/oauth2/callback"
"""The page of Postroom's own to which a provider sends people back."""
_MINUTES = 15
_LOOPBACK = re.compile(r"http://(localhost|127\.0\.0\.1|\[::1\]):[0-9]{1,5}/[A-Za-z0-9/_-]{0,100}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent that was begun: where the person goes, and where the provider sends the answer."""

    url: str = field(repr=False)
    redirect_url: str
    expires_ms: int


@dataclass(frozen=True, slots=True)
class Consented:
    """A consent that came back: what the code is redeemed with, and by whom it was begun."""

    account: Account
    verifier: Secret
    redirect_url: str
    by: Actor


@dataclass(frozen=True, slots=True)
class GrantView:
    """How a grant stands. `state`: `connected`, `not-connected` or `failing`; `verdict`: what is wrong, if anything."""

    state: str
    granted_ms: int | None = None
    granted_by: str = ""
    renewed_ms: int | None = None
    access_expires_ms: int | None = None
    asked_ms: int | None = None
    trouble: int = 0
    verdict: Verdict | None = None


def own_callback(settings: Settings) -> str:
    """The address that has to be registered with a provider, so that it sends people back to Postroom's own page."""
    base = settings.public_url.rstrip("/")
    if not base:
        host, port = settings.listen
        base = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    return base + CALLBACK


def meaning(account: Account, refused: Result) -> Verdict:
    """What a provider's refusal means, by the same rules as a server's."""
    context = Context(
        encryption=account.encryption, login=account.login, host=account.host, port=account.port, user=account.user
    )
    return judge(refused, context)


class GrantVerbs(AccountVerbs):
    def begin_consent(
        self, actor: Actor, ref: Ref, redirect_url: str = "", tenant_id: int | None = None
    ) -> Future[Consent]:
        """A link to the provider, for somebody who may speak for the mailbox. Raises Conflict, BadInput, NotFound.

        `redirect_url`: a port of this machine's where the answer is waited for; "" is Postroom's own page.
        """
        require(actor, Scope.SETTINGS_WRITE)
        number, moment = tenant_for(actor, tenant_id), now_ms()
        back = redirect_url or own_callback(self._settings)
        if redirect_url and not _LOOPBACK.match(redirect_url):
            mend = "Give one like http://localhost:8400/, or none for Postroom's own page."
            raise BadInput([Fault("redirect_url", "is no address of this machine's loopback.", mend)])
        state, verifier = randomness.token_urlsafe(32), randomness.token_urlsafe(48)

        def work(connection: Connection) -> Consent:
            account = _oauth_account(connection, number, ref, OAuth2Flow.AUTHORIZATION_CODE)
            start = grants.Start(
                digest=_digest(state),
                tenant_id=number,
                account_id=account.id,
                verifier=self._ring.seal(Secret(verifier), SealedTo.of_grant(account, "verifier")),
                redirect_url=back,
                user_id=actor.user_id,
                key_id=actor.key_id,
                who=actor.name,
                expires_ms=moment + _MINUTES * 60_000,
            )
            grants.begin(connection, start, moment)
            self._note(
                connection,
                actor,
                Entry(number, f"{_noun(connection, account)}.consent-begun", moment, account.id, account.name),
            )
            return Consent(authorize_link(account, state, _challenge(verifier), back), back, start.expires_ms)

        return self._store.write(work)

    def take_consent(self, state: str, actor: Actor | None = None, account_id: int | None = None) -> Future[Consented]:
        """The consent with this state, used up by it. Raises NotFound when it is not good (any more).

        With an `actor` it has to be the one who began it, for the account `account_id`; without, whoever has the state.
        """

        def work(connection: Connection) -> Consented | None:
            start = grants.take(connection, _digest(state), now_ms())
            account = None if start is None else _holder(connection, start.tenant_id, start.account_id)
            if start is None or account is None or account.login is not Login.OAUTH2:
                return None
            began = (start.user_id, start.key_id, account.id)
            asks = None if actor is None else (actor.user_id, actor.key_id, account_id)
            if actor is not None and (asks != began or not actor.reaches(start.tenant_id)):
                return None
            verifier = self._ring.open(start.verifier, SealedTo.of_grant(account, "verifier"))
            scopes = frozenset({Scope.SETTINGS_WRITE})
            by = actor or Actor(
                start.tenant_id, scopes, name=start.who, key_id=start.key_id, user_id=start.user_id, door="http"
            )
            return Consented(account, verifier, start.redirect_url, by)

        taking: Future[Consented | None] = self._store.write(work)
        future: Future[Consented] = Future()

        def told(done: Future[Consented | None]) -> None:
            error, found = done.exception(), None if done.exception() else done.result()
            if error is not None:
                future.set_exception(error)
            elif found is None:
                future.set_exception(NotFound("This consent is not good any more, or was begun by somebody else."))
            else:
                future.set_result(found)

        taking.add_done_callback(told)
        return future

    def oauth_account(self, actor: Actor, ref: Ref, flow: OAuth2Flow, tenant_id: int | None = None) -> Future[Account]:
        """The account, for somebody who wants to connect it. Raises Conflict when it does not log in so."""
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)
        return self._store.read(lambda c: _oauth_account(c, number, ref, flow))

    def note_granted(
        self, actor: Actor, account: Account, refresh: Secret, access: Secret, expires_ms: int
    ) -> Future[bool]:
        """Keeps what was granted, and lets an account go on that waited for it. False when the account was changed
        meanwhile, so that the grant is not its own any more.
        """
        moment = now_ms()

        def work(connection: Connection) -> bool:
            present = _holder(connection, account.tenant_id, account.id)
            if present is None or not same_grant(present, account):
                return False
            sealed = self._ring.seal(refresh, SealedTo.of_grant(present, "refresh"))
            grants.grant(connection, present.tenant_id, present.id, sealed, moment, actor.name)
            kept = Grant(present.id, present.tenant_id)
            token = self._ring.seal(access, SealedTo.of_grant(present, "access"))
            grants.put_renewed(connection, kept, 0, token, expires_ms, None, moment)
            accounts.resume_mended(connection, present.tenant_id, present.id)
            verb = f"{_noun(connection, present)}.connected"
            self._note(connection, actor, Entry(present.tenant_id, verb, moment, present.id, present.name))
            return True

        return self._change(work, actor)

    def forget_grant(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[bool]:
        """Deletes the tokens. False when there were none. What the provider thinks of it is its own affair."""
        require(actor, Scope.SETTINGS_WRITE)
        number, moment = tenant_for(actor, tenant_id), now_ms()

        def work(connection: Connection) -> bool:
            account = _oauth_account(connection, number, ref)
            if not grants.drop(connection, number, account.id):
                return False
            self._note(
                connection,
                actor,
                Entry(number, f"{_noun(connection, account)}.disconnected", moment, account.id, account.name),
            )
            return True

        return self._change(work, actor)

    def grant(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[GrantView]:
        """How the account's grant stands, without any of its secrets."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> GrantView:
            account = _oauth_account(connection, number, ref)
            return _view(account, grants.get(connection, number, account.id))

        return self._store.read(work)


def _view(account: Account, grant: Grant | None) -> GrantView:
    if grant is None:
        return GrantView("not-connected")
    state = "failing" if grant.trouble else "connected" if grant.refresh or grant.access else "not-connected"
    verdict = None
    if grant.trouble:
        failure, _, text = grant.fault.partition(": ")
        verdict = meaning(account, no_token(Failure(failure), text))
    return GrantView(
        state,
        grant.granted_ms,
        grant.granted_by,
        grant.renewed_ms,
        grant.access_expires_ms,
        grant.asked_ms,
        grant.trouble,
        verdict,
    )


def _holder(connection: Connection, tenant_id: int, number: int) -> Account | None:
    """What can be granted something: an account, or a mailbox in the words of one."""
    account = accounts.get(connection, tenant_id, number)
    if account is not None:
        return account
    mailbox = mailboxes.get(connection, tenant_id, number)
    return None if mailbox is None else mailbox.access


def _noun(connection: Connection, account: Account) -> str:
    return "mailbox" if mailboxes.get(connection, account.tenant_id, account.id) is not None else "account"


def _oauth_account(connection: Connection, tenant_id: int, ref: Ref, flow: OAuth2Flow | None = None) -> Account:
    number = find_account_number(connection, tenant_id, ref)
    if number is None and isinstance(ref, str):
        number = decode(MAILBOX, ref)
    account = None if number is None else _holder(connection, tenant_id, number)
    if account is None:
        raise NotFound("There is no such account here.")
    if account.login is not Login.OAUTH2:
        raise Conflict(
            Sentence("{account} does not log in with OAuth2. Set login to oauth2 first.", account=account.name)
        )
    if flow is not None and not account.oauth2_flow.needs_consent:
        raise Conflict(
            Sentence(
                "{account} needs nobody's consent: with {oauth2_flow} its key or secret is enough. Set oauth2_flow "
                "to authorization-code to connect it in a person's name.",
                account=account.name,
                oauth2_flow=account.oauth2_flow.value,
            )
        )
    if flow is OAuth2Flow.AUTHORIZATION_CODE and not endpoints(account).authorize_url:
        raise Conflict(
            Sentence(
                "{account} has no page for consent. Give oauth2_authorize_url, or type a refresh token.",
                account=account.name,
            )
        )
    return account


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode("utf-8", "replace")).hexdigest()


def _challenge(verifier: str) -> str:
    """RFC 7636, 4.2."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode("ascii")
