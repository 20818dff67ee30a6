"""The office's verbs for signing in: password, second step, sessions, and what people do with their own.

Rules it keeps: an unknown login, a wrong password, a user without one and a deactivated user are refused in the same
words after the same work; guessing is slowed per address and per login without holding a thread; a session's token is
made when the last step succeeds and never before, and only its SHA-256 is kept; a new password, other roles, a new or
lost second factor end sessions, on this node at once and on others with their next look.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from sqlalchemy import Connection

from postroom.clock import monotonic_ms, now_ms
from postroom.errors import Forbidden, NotFound, StoreUnavailable, Unauthenticated
from postroom.model.application import Actor
from postroom.model.audit import Entry
from postroom.model.person import Purpose, User, UserSession, login_key
from postroom.model.tenant import INSTALLATION
from postroom.office.guessing import count_try, forgive_tries
from postroom.office.keys import PREFIX_LETTERS, REMEMBERED_MS, Remembered, digest_of
from postroom.office.passwords import Passwords
from postroom.office.people import NewLink, PeopleVerbs
from postroom.office.roles import own_roles
from postroom.office.second_factor import accepted_step, recovery_digest, sealed_to
from postroom.office.slowing import Slowing
from postroom.policy.rights import rights_of
from postroom.secrets import KeyRing
from postroom.settings import Settings
from postroom.store import providers, sessions_of_people, tenants, users
from postroom.store.database import Store
from postroom.store.sessions_of_people import Known
from postroom.store.users import Hidden

__all__ = ["TOKEN_SHAPE", "SignedIn", "SigningInVerbs", "known_elsewhere"]

T = TypeVar("T")
TOKEN_SHAPE = re.compile(r"ps_([0-9a-z]{8})_[A-Za-z0-9_-]{43}", re.ASCII)
_NOBODY = digest_of("nobody")
_SECOND_STEP_MS = 5 * 60_000
_SEEN_EVERY_MS = 60_000
_FRESH_MS = 10 * 60_000
_REFUSED = "The login or the password is not right."
_NO_CODE = "The code is not right, or was used before."
_NOT_FOR_KEYS = "This is for people who have signed in, not for keys."
_OVER = "The session is over. Sign in again."
_LONGEST_AGENT = 200


@dataclass(frozen=True, slots=True)
class SignedIn:
    """`token` opens the session and is known this one time. While it is `pending`, only the second step takes it."""

    session: UserSession
    user: User
    token: str = field(repr=False)


class SigningInVerbs(PeopleVerbs):
    def __init__(self, store: Store, ring: KeyRing, settings: Settings) -> None:
        super().__init__(store, ring, settings)
        self._passwords = Passwords()
        self._slowing = Slowing()
        self._forgetting = Slowing(free=3, longest_ms=15 * 60_000.0, free_of_an_address=10)
        self._idle_ms = round(settings.session_idle_hours * 3_600_000)
        self._absolute_ms = round(settings.session_hours * 3_600_000)

    # -- signing in -------------------------------------------------------------------------------------------------

    def sign_in(self, login: str, password: str, *, address: str = "", agent: str = "") -> Future[SignedIn]:
        """Raises Unauthenticated for whatever is wrong, TooMany at once while one has to wait, Forbidden for a tenant
        that is suspended.
        """
        whose = f"login {login_key(login)}"
        self._slowing.enter(whose, address)

        def work() -> SignedIn:
            self._count_for_all(whose)
            known = self._store.read(lambda c: users.by_login(c, login)).result()
            right = self._passwords.verify("" if known is None else known.password, password)
            if known is None or not right or known.user.deactivated_ms is not None:
                self._note_refusal(known, address)
                raise Unauthenticated(_REFUSED)
            self._slowing.forgive(whose, address)
            if self._passwords.is_old(known.password):
                self._rehash(known.user, password)
            pending = known.user.second_step
            return self._store.write(
                lambda c: self._begin_forgiven(c, whose, known.user, pending, address, agent)
            ).result()

        return self._passwords.run(work)

    def second_step(self, token: str, code: str, *, address: str = "", agent: str = "") -> Future[SignedIn]:
        """With a code of the authenticator app, or a recovery code, which is used up by it. The old token is worthless
        afterwards. Raises Unauthenticated, TooMany.
        """

        def work() -> SignedIn:
            user = self._pending_user(token)
            whose = f"second step {user.id}"
            self._slowing.enter(whose, address)
            self._count_for_all(whose)
            done = self._store.write(lambda c: self._take_second_step(c, user, token, code, address, agent)).result()
            if done is None:
                raise Unauthenticated(_NO_CODE)
            self._slowing.forgive(whose, address)
            self._store.write(lambda c: forgive_tries(c, whose)).result()
            return done

        return self._passwords.run(work)

    def _count_for_all(self, whose: str) -> None:
        """Where other nodes take tries as well. Raises TooMany."""
        if self._store.sqlite:
            return
        refused = self._store.write(lambda c: count_try(c, whose, now_ms())).result()
        if refused is not None:
            raise refused

    def _begin_forgiven(
        self, connection: Connection, whose: str, user: User, pending: bool, address: str, agent: str
    ) -> SignedIn:
        """What was tried in vain before is forgiven with it."""
        forgive_tries(connection, whose)
        return self._begin(connection, user, pending, address, agent)

    def _take_second_step(
        self, connection: Connection, user: User, token: str, code: str, address: str, agent: str
    ) -> SignedIn | None:
        """None for a wrong code: that is noted, and so is no exception."""
        known = self._presented(connection, token)
        hidden = None if known is None else users.hidden(connection, user.tenant_id, user.id)
        if known is None or hidden is None or not known.session.pending:
            raise Unauthenticated(_OVER)
        recovered = self._second_factor(connection, hidden, code)
        if recovered is None:
            self._note_step(connection, user, "user.second-step-refused", address)
            return None
        sessions_of_people.end(connection, user.tenant_id, known.session.id)
        if recovered:
            self._note_step(connection, user, "user.recovery-code-used", address)
        return self._begin(connection, hidden.user, False, address, agent)

    def _pending_user(self, token: str) -> User:
        def find(connection: Connection) -> User | None:
            known = self._presented(connection, token)
            if known is None or not known.session.pending:
                return None
            return users.get(connection, known.session.tenant_id, known.session.user_id)

        user = self._store.read(find).result()
        if user is None or user.deactivated_ms is not None:
            raise Unauthenticated(_OVER)
        return user

    def _second_factor(self, connection: Connection, hidden: Hidden, code: str) -> bool | None:
        """True for a recovery code, False for a code of the app, None for neither."""
        user = hidden.user
        if hidden.totp is not None and user.second_factor:
            step = accepted_step(self._ring.open(hidden.totp, sealed_to(user)).reveal(), code, now_ms())
            if step is not None and users.use_step(connection, user, step):
                return False
        return True if users.use_code(connection, user, recovery_digest(code)) else None

    def _begin(
        self, connection: Connection, user: User, pending: bool, address: str, agent: str, *, by: str = "",
        provider_id: int | None = None,
    ) -> SignedIn:  # fmt: skip
        """`by`: what he signed in with, where it was no password, for the audit trail."""
        moment = now_ms()
        tenant = tenants.get(connection, user.tenant_id)
        if tenant is None or tenant.suspended:
            raise Forbidden("This tenant is suspended. Ask the administrator of this Postroom.")
        sessions_of_people.drop_old(connection, moment, moment - self._idle_ms)
        lasts = _SECOND_STEP_MS if pending else self._absolute_ms
        session = UserSession(
            self._store.ids.next(), user.tenant_id, user.id, moment, moment, moment + lasts, pending, address,
            agent[:_LONGEST_AGENT], provider_id,
        )  # fmt: skip
        prefix = "".join(secrets.choice(PREFIX_LETTERS) for _ in range(8))
        token = f"ps_{prefix}_{secrets.token_urlsafe(32)}"
        sessions_of_people.create(connection, session, prefix, digest_of(token))
        if not pending:
            users.signed_in(connection, user, moment)
            self._note_step(connection, user, "user.signed-in", address, {"by": by} if by else {})
        return SignedIn(session, user, token)

    def _note_step(
        self, connection: Connection, user: User, verb: str, address: str, told: Mapping[str, Any] | None = None
    ) -> None:
        entry = Entry(user.tenant_id, verb, now_ms(), user.id, user.login, after=told or {})
        entry = replace(entry, who_kind="user", who_id=user.id, who=user.login, address=address, door="sign-in")
        self._note(connection, None, entry)

    def _note_refusal(self, known: Hidden | None, address: str) -> None:
        # Nobody waits for this: an answer that came later for those who exist would tell who does.
        if known is not None:
            user = known.user
            with suppress(StoreUnavailable):
                self._store.write(lambda c: self._note_step(c, user, "user.sign-in-refused", address))

    def _rehash(self, user: User, password: str) -> None:
        hashed = self._passwords.hash(password)
        self._store.write(lambda c: users.set_password(c, user, hashed, user.password_set_ms or now_ms())).result()

    # -- who is it --------------------------------------------------------------------------------------------------

    def authenticate(self, text: str) -> Future[Actor]:
        """Whom a key or a session's token speaks for. Raises Unauthenticated, or Forbidden for what is suspended."""
        if not text.startswith("ps_"):
            return super().authenticate(text)
        version = self.version

        def work(connection: Connection) -> Actor:
            known, moment = self._presented(connection, text), now_ms()
            if known is None or known.session.pending:
                raise Unauthenticated(_OVER)
            session = known.session
            actor = _actor(connection, session)
            until = monotonic_ms() + REMEMBERED_MS
            self._remember(digest_of(text), Remembered(actor, version, until, session.expires_ms))
            if moment - session.seen_ms >= _SEEN_EVERY_MS:
                with suppress(StoreUnavailable):
                    self._store.write(lambda c: sessions_of_people.seen(c, session, moment))
            return actor

        return self._store.read(work)

    def _presented(self, connection: Connection, token: str) -> Known | None:
        """The session that is not over and whose token this is. An unknown one takes the same way as a wrong one."""
        shaped = TOKEN_SHAPE.fullmatch(token)
        known = sessions_of_people.known(connection, shaped.group(1) if shaped else "")
        right = hmac.compare_digest(digest_of(token), _NOBODY if known is None else known.digest)
        moment = now_ms()
        if known is None or not right or not shaped:
            return None
        over = known.session.expires_ms <= moment or known.session.seen_ms < moment - self._idle_ms
        return None if over else known

    # -- one's own sessions -----------------------------------------------------------------------------------------

    def me(self, actor: Actor) -> Future[User]:
        """The user who asks. Raises Forbidden for a key."""
        return self._store.read(lambda c: self._self(c, actor).user)

    def sessions(self, actor: Actor) -> Future[list[UserSession]]:
        """Where one is signed in; the newest first."""
        return self._store.read(lambda c: sessions_of_people.of_user(c, self._self(c, actor).user))

    def end_session(self, actor: Actor, session_id: int) -> Future[None]:
        """Signs out: one's own session, this one or another. Raises NotFound."""

        def work(connection: Connection) -> None:
            user = self._self(connection, actor).user
            if session_id not in {one.id for one in sessions_of_people.of_user(connection, user)}:
                raise NotFound("There is no such session.")
            sessions_of_people.end(connection, user.tenant_id, session_id)
            self._note(connection, actor, Entry(user.tenant_id, "session.ended", now_ms(), session_id, user.login))

        return self._change(work, actor)

    def end_other_sessions(self, actor: Actor) -> Future[int]:
        """Signs out everywhere else; how many sessions ended."""

        def work(connection: Connection) -> int:
            user = self._self(connection, actor).user
            count = sessions_of_people.end_all(connection, user, but=actor.session_id)
            entry = Entry(user.tenant_id, "session.ended", now_ms(), user.id, user.login, after={"sessions": count})
            self._note(connection, actor, entry)
            return count

        return self._change(work, actor)

    # -- choosing a password ----------------------------------------------------------------------------------------

    def redeem(self, token: str, password: str, *, address: str = "") -> Future[User]:
        """A link's holder chooses his password. All his sessions end. Raises NotFound for a link that is used, too old
        or no link, BadInput for a password that can't be one, TooMany.
        """
        whose = f"link {token[:100]}"
        self._slowing.enter(whose, address)
        self._passwords.check(password)
        digest = digest_of(token)

        def choose(hashed: str) -> User:
            def work(connection: Connection) -> User:
                moment = now_ms()
                link = sessions_of_people.known_link(connection, digest)
                user = None if link is None else users.get(connection, link.tenant_id, link.user_id)
                fresh = link is not None and link.expires_ms > moment
                if user is None or link is None or not fresh or user.deactivated_ms is not None:
                    raise NotFound("This link is not good any more. Ask for a new one.")
                self._passwords.check(password, user.login, user.name)
                self._set_password(connection, user, hashed, moment)
                self._note_step(connection, user, "user.password-set", address)
                return replace(user, has_password=True, password_set_ms=moment)

            return self._change(work, None).result()

        def run() -> User:
            user = choose(self._passwords.hash(password))
            self._slowing.forgive(whose, address)
            return user

        return self._passwords.run(run)

    def forgotten(self, login: str, *, address: str = "") -> Future[NewLink | None]:
        """A link for somebody who says that he forgot his password; None when there is nobody to send one to. Whoever
        asks must not learn which. Raises TooMany.
        """
        self._forgetting.enter(login_key(login), address)

        def work(connection: Connection) -> NewLink | None:
            known = users.by_login(connection, login)
            if known is None or known.user.deactivated_ms is not None or not known.user.email:
                return None
            if known_elsewhere(connection, known.user):
                return None
            purpose = Purpose.RESET if known.user.has_password else Purpose.INVITATION
            return self._link(connection, None, known.user, purpose, now_ms())

        return self._store.write(work)

    def change_password(self, actor: Actor, old: str, new: str) -> Future[None]:
        """One's own. Every other session ends. Raises Forbidden for a wrong old one, BadInput, TooMany."""
        self._passwords.check(new)

        def go_on(hidden: Hidden) -> None:
            self._passwords.check(new, hidden.user.login, hidden.user.name)
            hashed = self._passwords.hash(new)

            def work(connection: Connection) -> None:
                moment = now_ms()
                user = self._self(connection, actor).user
                self._set_password(connection, user, hashed, moment, but=actor.session_id)
                self._note(connection, actor, Entry(user.tenant_id, "user.password-set", moment, user.id, user.login))

            self._change(work, actor).result()

        return self._after_password(actor, old, go_on)

    def _set_password(
        self, connection: Connection, user: User, hashed: str, moment: int, *, but: int | None = None
    ) -> None:
        users.set_password(connection, user, hashed, moment)
        sessions_of_people.drop_links(connection, user)
        sessions_of_people.end_all(connection, user, but=but)

    # -- what the verbs share ---------------------------------------------------------------------------------------

    @staticmethod
    def _own_id(actor: Actor) -> int:
        """The number of the user who asks. Raises Forbidden for a key, whose tries are nobody's."""
        if actor.user_id is None:
            raise Forbidden(_NOT_FOR_KEYS)
        return actor.user_id

    def _self(self, connection: Connection, actor: Actor) -> Hidden:
        """The user who asks. Raises Forbidden for a key."""
        found = users.hidden(connection, actor.tenant_id, self._own_id(actor))
        if found is None:
            raise Forbidden(_NOT_FOR_KEYS)
        return found

    def _self_since(self, connection: Connection, actor: Actor) -> tuple[Hidden, int]:
        """The user who asks, and when his session began."""
        hidden = self._self(connection, actor)
        mine = [one for one in sessions_of_people.of_user(connection, hidden.user) if one.id == actor.session_id]
        return hidden, mine[0].created_ms if mine else 0

    def _after_password(self, actor: Actor, password: str, go_on: Callable[[Hidden], T]) -> Future[T]:
        """Does it once the user's own password is right: whoever sits down at an open session does not know it. Where
        he has none (he signs in by a provider or a passkey), the session has to be a few minutes old at most.
        """
        whose = f"password of {self._own_id(actor)}"
        self._slowing.enter(whose)

        def work() -> T:
            hidden, began = self._store.read(lambda c: self._self_since(c, actor)).result()
            if not hidden.password and now_ms() - began > _FRESH_MS:
                raise Forbidden("You have no password to prove yourself with. Sign in again, then do it at once.")
            if hidden.password and not self._passwords.verify(hidden.password, password):
                raise Forbidden("The password is not right.")
            self._slowing.forgive(whose)
            return go_on(hidden)

        return self._passwords.run(work)


def known_elsewhere(connection: Connection, user: User) -> bool:
    """Whether he signs in by an identity provider alone: then nobody but an administrator gives him another way in, for
    his provider could not shut that one.
    """
    return not user.has_password and bool(providers.identities_of(connection, user))


def _actor(connection: Connection, session: UserSession) -> Actor:
    """Raises Unauthenticated for a user who is gone or deactivated, Forbidden for a tenant that is suspended."""
    user = users.get(connection, session.tenant_id, session.user_id)
    if user is None or user.deactivated_ms is not None:
        raise Unauthenticated(_OVER)
    tenant = tenants.get(connection, user.tenant_id)
    if tenant is None or tenant.suspended:
        raise Forbidden("This tenant is suspended. Ask the administrator of this Postroom.")
    return Actor(
        user.tenant_id,
        rights_of(user.roles, own_roles(connection, user.tenant_id)),
        name=user.login,
        user_id=user.id,
        session_id=session.id,
        everywhere=user.tenant_id == INSTALLATION,
    )
