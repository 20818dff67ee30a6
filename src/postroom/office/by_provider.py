"""The office's verbs for signing in by an identity provider (OpenID Connect, authorization code with PKCE).

Rules it keeps: a sign-in is begun and ended by the same browser, which alone has the token that state, nonce and
verifier follow from; the token is good once and for ten minutes. A provider knows somebody by its own number for him;
by a verified e-mail address only where the operator says so. Roles follow from the provider's groups at each sign-in,
and other roles end all other sessions. What the provider gets wrong is said in a sentence; whether there is such a user
here is not, and stands in the audit trail.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.errors import BadInput, Conflict, Fault, NotFound, ProviderTrouble, Unauthenticated
from postroom.ids import decode
from postroom.model.application import Actor
from postroom.model.audit import Entry
from postroom.model.challenge import Asking, Challenge
from postroom.model.person import User, mixes_scripts
from postroom.model.provider import Identity, Provider
from postroom.office.changes import Ref
from postroom.office.provider_asking import Known, ProviderAsking
from postroom.office.providers import ProviderVerbs
from postroom.office.relying_party import public_address
from postroom.office.signing_in import SignedIn
from postroom.policy.discovery import Discovery, Faulty, derived, way_in, way_out
from postroom.policy.id_token import Expected, NoKey, Wrong, checked
from postroom.policy.newcomer import Newcomer, Unwelcome, newcomer
from postroom.secrets import KeyRing, Secret
from postroom.settings import Settings
from postroom.store import providers, sessions_of_people, users
from postroom.store.database import Store

__all__ = ["RETURN_PATH", "ByProviderVerbs", "Offered", "ProviderCheck", "Sent"]

T = TypeVar("T")
RETURN_PATH = "/sign-in/provider"
"""Where providers send browsers back to, below the public address. Providers have to be told."""
_PATIENCE_MS = 10 * 60_000
_LONGEST = 8_000
_OVER = "The sign-in is over, or was begun in another browser. Begin again."
_NOT_HERE = "You may not sign in here. Ask the administrator of this Postroom; the audit trail tells him why."
_ERRORS = {
    "access_denied": "The provider says that it was not allowed.",
    "login_required": "The provider wants you to sign in there first.",
    "interaction_required": "The provider wants to ask you something first. Begin again.",
    "temporarily_unavailable": "The provider is busy. Try again in a few minutes.",
    "server_error": "Something went wrong at the provider. Try again in a few minutes.",
}


class Offered(NamedTuple):
    """What the page where people sign in shows."""

    providers: tuple[Provider, ...]
    passkeys: bool


@dataclass(frozen=True, slots=True)
class Sent:
    """`address`: where the browser goes; what comes back from there goes with `attempt`, known this one time."""

    address: str
    expires_ms: int
    attempt: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ProviderCheck:
    """What a provider says of itself; `trouble`: why it can't be used, "" when it can."""

    trouble: str
    return_address: str
    authorization: str = ""
    keys: int = 0
    signs_out: bool = False


class ByProviderVerbs(ProviderVerbs):
    def __init__(self, store: Store, ring: KeyRing, settings: Settings) -> None:
        super().__init__(store, ring, settings)
        self._oidc = ProviderAsking()

    def offered(self) -> Future[Offered]:
        """By what people may sign in, for anybody who asks."""

        def work(connection: Connection) -> Offered:
            found = [one for one in providers.all_providers(connection) if one.enabled]
            return Offered(tuple(found), self._takes_passkeys())

        return self._store.read(work)

    async def check_provider(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> ProviderCheck:
        """Asks the provider what it says of itself, and for its keys. Raises NotFound, Forbidden."""
        provider = await asyncio.wrap_future(self.provider(actor, ref, tenant_id))
        try:
            back = self._back()
        except Conflict as error:
            return ProviderCheck(error.text, "")
        known = await self._oidc.fresh(provider)
        if isinstance(known, Faulty):
            return ProviderCheck(known.why, back)
        facts = known.facts
        return ProviderCheck("", back, facts.authorization, len(known.keys), bool(facts.end_session))

    # -- signing in ---------------------------------------------------------------------------------------------------

    async def begin_by_provider(self, ref: str, *, address: str = "") -> Sent:
        """Raises NotFound for a provider that does not exist or is switched off, ProviderTrouble, Conflict where no
        public address is set, TooMany.
        """
        back = self._back()
        self._asking.enter(f"provider from {address}", address)
        provider = await asyncio.wrap_future(self._store.read(lambda c: _enabled(c, ref)))
        known = await self._oidc.known(provider)
        if isinstance(known, Faulty):
            raise ProviderTrouble(known.why)
        token, moment = f"pq_{secrets.token_urlsafe(32)}", now_ms()
        content = json.dumps({"provider": provider.id, "issuer": provider.issuer, "back": back})
        challenge = Challenge(
            self._store.ids.next(), provider.tenant_id, Asking.PROVIDER, moment + _PATIENCE_MS, content
        )
        await asyncio.wrap_future(self._store.write(lambda c: self._put_challenge(c, challenge, token, moment)))
        return Sent(way_in(provider, known.facts, token, back), challenge.expires_ms, token)

    async def sign_in_by_provider(
        self, attempt: str, answer: Mapping[str, str], *, address: str = "", agent: str = ""
    ) -> SignedIn:
        """`answer`: what the provider sent the browser back with (`state`, `code`, `iss`, or `error`).

        Raises Unauthenticated, with a sentence for what the provider got wrong and the same words for all that would
        tell who is a user; ProviderTrouble, BadInput, TooMany, and Forbidden for a tenant that is suspended.
        """
        whose = f"attempt {attempt[:100]}"
        self._slowing.enter(whose, address)
        if any(len(value) > _LONGEST for value in answer.values()):
            raise BadInput([Fault("code", "is longer than any.", "Begin again.")])
        taken = await asyncio.wrap_future(self._store.write(lambda c: self._taken(c, attempt, Asking.PROVIDER)))
        if taken is None or not hmac.compare_digest(
            derived(attempt, "state").encode(), answer.get("state", "").encode("utf-8", "replace")
        ):
            raise Unauthenticated(_OVER)
        asked = json.loads(taken.content)
        provider, secret = await asyncio.wrap_future(self._store.read(lambda c: self._as_asked(c, asked)))
        claims = await self._claims(provider, secret, attempt, answer, asked["back"], address)
        found = newcomer(provider, claims)
        if isinstance(found, Unwelcome):
            subject = str(claims["sub"])
            turned_away = partial(self._turn_away, provider=provider, subject=subject, found=found, address=address)
            await self._written(provider, subject, found.roles, turned_away)
            raise Unauthenticated(found.why)
        let_in = partial(self._let_in, provider=provider, found=found, address=address, agent=agent)
        done = await self._written(provider, found.subject, found.roles, let_in)
        if done is None:
            raise Unauthenticated(_NOT_HERE)
        self._slowing.forgive(whose, address)
        self._asking.forgive(f"provider from {address}", address)
        return done

    async def sign_out(self, actor: Actor) -> str:
        """Ends this session. Where he came in by a provider that ends its own: the address to go to, else ""."""
        if actor.session_id is None:
            raise NotFound("There is no such session.")
        number = actor.session_id
        provider = await asyncio.wrap_future(self._store.read(lambda c: self._came_by(c, actor)))
        await asyncio.wrap_future(self.end_session(actor, number))
        if provider is None or not self._public_url:
            return ""
        known = await self._oidc.known(provider)
        return way_out(provider, known.facts, self._public_url) if isinstance(known, Known) else ""

    # -- asking the provider ------------------------------------------------------------------------------------------

    async def _claims(
        self, provider: Provider, secret: Secret | None, attempt: str, answer: Mapping[str, str], back: str,
        address: str,
    ) -> Mapping[str, object]:  # fmt: skip
        """What the provider says of whoever came back from there."""
        known = await self._oidc.known(provider)
        if isinstance(known, Faulty):
            raise ProviderTrouble(known.why)
        wrong = _wrong_return(known.facts, answer)
        if wrong:
            raise await self._refused(provider, wrong, address)
        verifier = derived(attempt, "verifier")
        token = await self._oidc.token(provider, known.facts, secret, answer.get("code", ""), verifier, back)
        if isinstance(token, Faulty):
            await self._tell_refusal(provider, token.why, address)
            raise ProviderTrouble(token.why)
        expected = Expected(provider.issuer, provider.client_id, derived(attempt, "nonce"))
        claims = await self._checked(token, known, expected)
        if isinstance(claims, NoKey):
            newer = await self._oidc.known(provider, newer_than=known)
            claims = claims if isinstance(newer, Faulty) else await self._checked(token, newer, expected)
        if isinstance(claims, Wrong | NoKey):
            raise await self._refused(provider, claims.why, address)
        return claims

    @staticmethod
    async def _checked(token: object, known: Known, expected: Expected) -> dict[str, object] | Wrong | NoKey:
        return await asyncio.to_thread(checked, token, known.keys, expected, now_ms() / 1000)

    async def _refused(self, provider: Provider, why: str, address: str) -> Unauthenticated:
        """The error to raise, with an entry in the trail of the provider's tenant."""
        await self._tell_refusal(provider, why, address)
        return Unauthenticated(why)

    async def _tell_refusal(self, provider: Provider, why: str, address: str) -> None:
        await asyncio.wrap_future(self._store.write(lambda c: self._note_refused(c, provider, why, address)))

    # -- who is it here -----------------------------------------------------------------------------------------------

    def _let_in(
        self, connection: Connection, provider: Provider, found: Newcomer, address: str, agent: str
    ) -> SignedIn | None:
        """None for whom there is no way in: that is noted, and so is no exception."""
        moment = now_ms()
        known = providers.identity(connection, provider, found.subject)
        there = None if known is None else users.get(connection, known.tenant_id, known.user_id)
        user = there or self._meet(connection, provider, found, moment)
        if isinstance(user, str):
            self._note_refused(connection, provider, user, address, found)
            return None
        if user.deactivated_ms is not None:
            self._note_step(connection, user, "user.sign-in-refused", address, {"by": provider.name})
            return None
        if known is not None:
            providers.used(connection, known, moment)
        user = self._with_roles(connection, user, provider, found.roles)
        return self._begin(
            connection, user, False, address, agent, by=f"provider {provider.name}", provider_id=provider.id
        )

    def _meet(self, connection: Connection, provider: Provider, found: Newcomer, moment: int) -> User | str:
        """Somebody whom this provider has not brought before: the user he is, or why he is none."""
        there = self._by_email(connection, provider, found) if provider.link_by_email else None
        if there is None and not provider.create_users:
            return "He is no user here, and the provider makes none."
        user = there or self._new_user(connection, provider, found, moment)
        if isinstance(user, str):
            return user
        if user.deactivated_ms is None:
            number = self._store.ids.next()
            one = Identity(number, provider.tenant_id, user.id, provider.id, provider.issuer, found.subject, moment)
            providers.link(connection, one)
            providers.used(connection, one, moment)
            told = {"provider": provider.name, "subject": found.subject}
            entry = Entry(user.tenant_id, "user.provider-linked", moment, user.id, user.login, after=told)
            self._note(connection, None, entry)
        return user

    @staticmethod
    def _by_email(connection: Connection, provider: Provider, found: Newcomer) -> User | None:
        """The one user of the tenant who has this address. One that the provider has not verified is nobody's."""
        if not found.verified:
            return None
        wanted = found.email.casefold()
        have = [one for one in users.of_tenant(connection, provider.tenant_id) if one.email.casefold() == wanted]
        return have[0] if len(have) == 1 else None

    def _new_user(self, connection: Connection, provider: Provider, found: Newcomer, moment: int) -> User | str:
        login = found.login
        if not login or any(char.isspace() for char in login) or mixes_scripts(login):
            return "The provider names nothing that could be his login."
        if users.by_login(connection, login) is not None:
            return "There is a user with this login already, who is not linked to the provider."
        roles = provider.default_roles if found.roles is None else found.roles
        user = User(
            self._store.ids.next(), provider.tenant_id, login, found.name, found.email if found.verified else "",
            roles, created_ms=moment,
        )  # fmt: skip
        users.create(connection, user)
        told = {"login": login, "email": user.email, "roles": list(roles), "provider": provider.name}
        self._note(connection, None, Entry(user.tenant_id, "user.created", moment, user.id, login, after=told))
        return user

    def _with_roles(
        self, connection: Connection, user: User, provider: Provider, roles: tuple[str, ...] | None
    ) -> User:
        """The user with the roles that the provider's groups give him; other ones end his sessions."""
        if roles is None or set(roles) == set(user.roles):
            return user
        changed = replace(user, roles=roles)
        users.save(connection, changed)
        sessions_of_people.end_all(connection, user)
        told = ({"roles": list(user.roles)}, {"roles": list(roles), "provider": provider.name})
        self._note(connection, None, Entry(user.tenant_id, "user.changed", now_ms(), user.id, user.login, *told))
        return changed

    def _turn_away(
        self, connection: Connection, provider: Provider, subject: str, found: Unwelcome, address: str
    ) -> None:
        known = providers.identity(connection, provider, subject)
        user = None if known is None else users.get(connection, known.tenant_id, known.user_id)
        if user is not None:
            self._with_roles(connection, user, provider, found.roles)
        self._note_refused(connection, provider, found.why, address)

    async def _written(
        self, provider: Provider, subject: str, roles: tuple[str, ...] | None, work: Callable[[Connection], T]
    ) -> T:
        """Runs it; as a change of settings, which every node hears of at once, only where it changes rights."""

        def changes(connection: Connection) -> bool:
            known = providers.identity(connection, provider, subject)
            user = None if known is None else users.get(connection, known.tenant_id, known.user_id)
            return user is not None and roles is not None and set(roles) != set(user.roles)

        changing = await asyncio.wrap_future(self._store.read(changes))
        return await asyncio.wrap_future(self._change(work, None) if changing else self._store.write(work))

    # -- what the verbs share -----------------------------------------------------------------------------------------

    def _back(self) -> str:
        return public_address(self._public_url, "Identity providers send people back") + RETURN_PATH

    def _as_asked(self, connection: Connection, asked: Mapping[str, object]) -> tuple[Provider, Secret | None]:
        """The provider as it was when the sign-in began. Raises Unauthenticated."""
        provider = providers.get(connection, int(str(asked["provider"])))
        if provider is None or not provider.enabled or provider.issuer != asked["issuer"]:
            raise Unauthenticated(_OVER)
        return provider, self._client_secret(connection, provider)

    def _came_by(self, connection: Connection, actor: Actor) -> Provider | None:
        user = self._self(connection, actor).user
        for one in sessions_of_people.of_user(connection, user):
            if one.id == actor.session_id and one.provider_id is not None:
                return providers.get(connection, one.provider_id)
        return None

    def _note_refused(
        self, connection: Connection, provider: Provider, why: str, address: str, found: Newcomer | None = None
    ) -> None:
        told = {"why": why}
        if found is not None:
            told |= {"subject": found.subject, "email": found.email}
        entry = Entry(
            provider.tenant_id, "provider.sign-in-refused", now_ms(), provider.id, provider.name, after=told,
            door="sign-in", address=address,
        )  # fmt: skip
        self._note(connection, None, entry)


def _enabled(connection: Connection, ref: str) -> Provider:
    number = decode("i", ref)
    found = None if number is None else providers.get(connection, number)
    if found is None or not found.enabled:
        raise NotFound("There is no such provider.")
    return found


def _wrong_return(facts: Discovery, answer: Mapping[str, str]) -> str:
    """What is wrong with how the browser came back (RFC 6749 section 4.1.2.1, RFC 9207), as a sentence, or ""."""
    said = answer.get("iss", "")
    if (said or facts.says_issuer) and said != facts.issuer:
        return "The answer comes from another issuer than this provider."
    if answer.get("error"):
        return _ERRORS.get(answer["error"], "The provider let nobody in. Its administrator can find out why.")
    return "" if answer.get("code") else "The provider sent no code."
