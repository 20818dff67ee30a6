"""The office's verbs for passkeys: adding one's own, signing in with one, taking them away.

Rules it keeps: a browser is asked a question of its own each time, which is good once, for a few minutes, and only with
the token that came with it; what is asked in a session is answered in it. A passkey signs in by itself, for the device
has recognised its owner, and is the second step after a password. Whatever is wrong at the door is refused in the same
words; the audit trail of the passkey's owner tells what it was. Adding and removing one ends the other sessions.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from postroom import ids
from postroom.clock import now_ms
from postroom.errors import BadInput, Conflict, Fault, NotFound, TooMany, Unauthenticated
from postroom.model.application import Actor, Scope
from postroom.model.audit import Entry
from postroom.model.challenge import Asking, Challenge
from postroom.model.passkey import Passkey
from postroom.model.person import User
from postroom.model.tenant import INSTALLATION
from postroom.office import fields
from postroom.office.changes import Ref, number_of, require, tenant_for
from postroom.office.fields import Reading
from postroom.office.keys import digest_of
from postroom.office.own_second_factor import OwnSecondFactorVerbs
from postroom.office.passkey_proof import (
    PATIENCE_MS,
    NewCredential,
    Refused,
    Used,
    checked_new,
    checked_use,
    options_for_new,
    options_for_use,
    presented,
)
from postroom.office.people import find_user
from postroom.office.relying_party import RelyingParty, relying_party
from postroom.office.second_factor import new_recovery_codes, recovery_digest
from postroom.office.signing_in import SignedIn, known_elsewhere
from postroom.office.slowing import Slowing
from postroom.secrets import KeyRing
from postroom.sentence import Sentence
from postroom.settings import Settings
from postroom.store import challenges, passkeys, sessions_of_people, users
from postroom.store.database import Store
from postroom.store.passkeys import Stored
from postroom.store.users import Hidden

__all__ = ["AddedPasskey", "Asked", "PasskeyVerbs"]

MOST_PASSKEYS = 20
"""That one user may have."""
_MOST_WAITING = 20_000
"""Challenges that may wait at once: strangers can ask for them."""
_CHALLENGE_OCTETS = 32
_REFUSED = "This passkey opens nothing here, or its answer came too late. Try again, or sign in another way."
_BACKWARDS = "The key says that it was used less often than before: somebody may have a copy of it."


@dataclass(frozen=True, slots=True)
class Asked:
    """`options` go to the browser; its answer comes back with `attempt`, which is known this one time."""

    options: Mapping[str, Any]
    expires_ms: int
    attempt: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AddedPasskey:
    """`recovery_codes`, shown this one time, where he had none yet."""

    passkey: Passkey
    recovery_codes: tuple[str, ...] = field(default=(), repr=False)


class PasskeyVerbs(OwnSecondFactorVerbs):
    def __init__(self, store: Store, ring: KeyRing, settings: Settings) -> None:
        super().__init__(store, ring, settings)
        self._public_url = settings.public_url
        self._asking = Slowing(free=60, free_of_an_address=60)

    # -- one's own ----------------------------------------------------------------------------------------------------

    def passkeys(self, actor: Actor) -> Future[list[Passkey]]:
        """One's own, in the order in which they were added."""
        return self._store.read(lambda c: [one.passkey for one in passkeys.of_user(c, self._self(c, actor).user)])

    def begin_passkey(self, actor: Actor, password: str) -> Future[Asked]:
        """What the browser needs to make one. Raises Forbidden for a wrong password, Conflict where no public address
        is set, or he has too many.
        """
        party = relying_party(self._public_url)

        def go_on(hidden: Hidden) -> Asked:
            user = hidden.user
            if self._store.read(lambda c: known_elsewhere(c, user)).result():
                raise Conflict("You sign in by an identity provider. Add the passkey there.")
            known = self._store.read(lambda c: passkeys.of_user(c, user)).result()
            if len(known) >= MOST_PASSKEYS:
                raise Conflict(Sentence("You have {known} passkeys already. Take one away first.", known=len(known)))
            challenge = secrets.token_bytes(_CHALLENGE_OCTETS)
            options = options_for_new(party, _handle(user), user.login, user.name, challenge, _known(known))
            return self._ask(Asking.NEW_PASSKEY, challenge, options, user, actor.session_id)

        return self._after_password(actor, password, go_on)

    def add_passkey(self, actor: Actor, attempt: str, name: str, answer: Mapping[str, Any]) -> Future[AddedPasskey]:
        """With what the browser answered. Other sessions end. Raises BadInput, and Conflict for one that is here."""
        party = relying_party(self._public_url)
        called = _name(name)

        def go() -> AddedPasskey:
            challenge = self._store.write(lambda c: self._taken(c, attempt, Asking.NEW_PASSKEY)).result()
            asked = challenge is not None and challenge.session_id is not None
            if challenge is None or not asked or challenge.session_id != actor.session_id:
                raise _bad("attempt", "is over, or belongs to another session.", "Begin again.")
            found = checked_new(party, bytes.fromhex(challenge.content), answer)
            if isinstance(found, Refused):
                raise _bad("credential", f"can't be taken. {found.why}", "Try again, or another key.")
            return self._change(lambda c: self._put(c, actor, called, found), actor).result()

        return self._passwords.run(go)

    def _put(self, connection: Connection, actor: Actor, name: str, new: NewCredential) -> AddedPasskey:
        user, moment = self._self(connection, actor).user, now_ms()
        if passkeys.by_credential(connection, new.credential_id) is not None:
            raise Conflict("This passkey is here already.")
        passkey = Passkey(
            self._store.ids.next(), user.tenant_id, user.id, name, moment, None, new.backed_up, new.transports
        )
        passkeys.add(connection, Stored(passkey, new.credential_id, new.public_key, new.sign_count))
        codes = [] if users.count_codes(connection, user) else new_recovery_codes()
        if codes:
            users.put_codes(connection, user, [recovery_digest(code) for code in codes])
        sessions_of_people.end_all(connection, user, but=actor.session_id)
        self._note_passkey(connection, actor, user, "user.passkey-added", {"passkey": name})
        return AddedPasskey(passkey, tuple(codes))

    def rename_passkey(self, actor: Actor, passkey: str, name: str) -> Future[Passkey]:
        """Raises NotFound, BadInput."""
        called = _name(name)

        def work(connection: Connection) -> Passkey:
            user = self._self(connection, actor).user
            found = _found(connection, user, passkey)
            passkeys.rename(connection, user, found.id, called)
            self._note_passkey(
                connection, actor, user, "user.passkey-renamed", {"passkey": called}, {"passkey": found.name}
            )
            return replace(found, name=called)

        return self._change(work, actor)

    def remove_passkey(self, actor: Actor, passkey: str, password: str) -> Future[None]:
        """One's own. Other sessions end. Raises NotFound, Forbidden for a wrong password."""

        def work(connection: Connection) -> None:
            user = self._self(connection, actor).user
            self._drop(connection, actor, user, passkey)
            sessions_of_people.end_all(connection, user, but=actor.session_id)

        return self._after_password(actor, password, lambda _: self._change(work, actor).result())

    # -- somebody else's ----------------------------------------------------------------------------------------------

    def passkeys_of(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[list[Passkey]]:
        """Which passkeys a user has."""
        require(actor, Scope.USERS)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> list[Passkey]:
            return [one.passkey for one in passkeys.of_user(connection, find_user(connection, number, ref))]

        return self._store.read(work)

    def remove_passkey_of(self, actor: Actor, ref: Ref, passkey: str, tenant_id: int | None = None) -> Future[None]:
        """For somebody who lost a key. All his sessions end. Raises NotFound, Forbidden."""
        require(actor, Scope.USERS)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> None:
            user = self._others(connection, actor, number, ref)
            self._drop(connection, actor, user, passkey)
            sessions_of_people.end_all(connection, user)

        return self._change(work, actor)

    def _drop(self, connection: Connection, actor: Actor, user: User, passkey: str) -> None:
        found = _found(connection, user, passkey)
        passkeys.remove(connection, user, found.id)
        if user.passkeys == 1 and not user.second_factor:
            users.put_codes(connection, user, ())
        self._note_passkey(connection, actor, user, "user.passkey-removed", {}, {"passkey": found.name})

    # -- signing in ---------------------------------------------------------------------------------------------------

    def ask_passkey(self, token: str = "", *, address: str = "") -> Future[Asked]:
        """What the browser needs to sign in with a passkey: by itself, or as the second step of the session that
        `token` began. Raises Unauthenticated for a token that is over, Conflict where no public address is set, and
        TooMany.
        """
        party = relying_party(self._public_url)
        self._asking.enter(f"passkey from {address}", address)

        def go() -> Asked:
            challenge = secrets.token_bytes(_CHALLENGE_OCTETS)
            if not token:
                return self._ask(Asking.PASSKEY, challenge, options_for_use(party, challenge), None, None)
            user = self._pending_user(token)
            known = self._store.read(lambda c: self._presented(c, token)).result()
            allowed = self._store.read(lambda c: passkeys.of_user(c, user)).result()
            if not allowed or known is None:
                raise Conflict("This user has no passkey. Use a code.")
            options = options_for_use(party, challenge, _known(allowed))
            return self._ask(Asking.PASSKEY, challenge, options, user, known.session.id)

        return self._passwords.run(go)

    def sign_in_by_passkey(
        self, attempt: str, answer: Mapping[str, Any], *, address: str = "", agent: str = ""
    ) -> Future[SignedIn]:
        """With what the browser answered. Raises Unauthenticated for whatever is wrong, Forbidden for a tenant that is
        suspended, TooMany.
        """
        party = relying_party(self._public_url)
        whose = f"attempt {attempt[:100]}"
        self._slowing.enter(whose, address)

        def go() -> SignedIn:
            challenge = self._store.write(lambda c: self._taken(c, attempt, Asking.PASSKEY)).result()
            claimed = presented(answer)
            if challenge is None or isinstance(claimed, Refused):
                raise Unauthenticated(_REFUSED)
            stored = self._store.read(lambda c: passkeys.by_credential(c, claimed.credential_id)).result()
            if stored is None:
                raise Unauthenticated(_REFUSED)
            found = self._proven(party, challenge, stored, claimed.user_handle, answer)
            done = self._store.write(lambda c: self._enter(c, challenge, stored, found, address, agent)).result()
            if done is None:
                raise Unauthenticated(_REFUSED)
            self._slowing.forgive(whose, address)
            self._asking.forgive(f"passkey from {address}", address)
            return done

        return self._passwords.run(go)

    @staticmethod
    def _proven(
        party: RelyingParty, challenge: Challenge, stored: Stored, handle: bytes | None, answer: Mapping[str, Any]
    ) -> Used | Refused:
        """Whether this very passkey answered this very question, and speaks for its own owner."""
        passkey = stored.passkey
        if challenge.user_id is None and handle is None:
            return Refused("It does not say whose it is.")
        if handle is not None and handle != _handle_of(passkey.user_id):
            return Refused("It says that it is somebody else's.")
        if challenge.user_id not in (None, passkey.user_id):
            return Refused("Its owner is not the one whose password was given.")
        return checked_use(party, bytes.fromhex(challenge.content), answer, stored.public_key)

    def _enter(
        self, connection: Connection, challenge: Challenge, stored: Stored, found: Used | Refused, address: str,
        agent: str,
    ) -> SignedIn | None:  # fmt: skip
        """None for what is refused: that is noted, and so is no exception."""
        passkey = stored.passkey
        user = users.get(connection, passkey.tenant_id, passkey.user_id)
        if user is None or user.deactivated_ms is not None:
            return None
        if isinstance(found, Used) and not passkeys.used(
            connection, passkey, found.sign_count, found.backed_up, now_ms()
        ):
            found = Refused(_BACKWARDS)
        if isinstance(found, Refused):
            told = {"passkey": passkey.name, "why": found.why}
            self._note_step(connection, user, "user.passkey-refused", address, told)
            return None
        if challenge.session_id is not None:
            begun = sessions_of_people.end(connection, user.tenant_id, challenge.session_id)
            if not begun:
                return None
        return self._begin(connection, user, False, address, agent, by=f"passkey {passkey.name}")

    # -- what the verbs share -----------------------------------------------------------------------------------------

    def _ask(
        self, asking: Asking, content: bytes, options: Mapping[str, Any], user: User | None, session_id: int | None
    ) -> Asked:
        moment = now_ms()
        token = f"pq_{secrets.token_urlsafe(32)}"
        challenge = Challenge(
            self._store.ids.next(),
            INSTALLATION if user is None else user.tenant_id,
            asking,
            moment + PATIENCE_MS,
            content.hex(),
            None if user is None else user.id,
            session_id,
        )

        self._store.write(lambda c: self._put_challenge(c, challenge, token, moment)).result()
        return Asked(options, challenge.expires_ms, token)

    @staticmethod
    def _put_challenge(connection: Connection, challenge: Challenge, token: str, moment: int) -> None:
        """Raises TooMany while too many wait: strangers can ask for them."""
        if challenges.count(connection) >= _MOST_WAITING:
            challenges.drop_old(connection, moment)
            if challenges.count(connection) >= _MOST_WAITING:
                raise TooMany("Too many people sign in at this moment. Try again in a few seconds.", seconds=5)
        challenges.put(connection, challenge, digest_of(token), moment)

    def _takes_passkeys(self) -> bool:
        try:
            relying_party(self._public_url)
        except Conflict:
            return False
        return True

    @staticmethod
    def _taken(connection: Connection, attempt: str, asking: Asking) -> Challenge | None:
        return challenges.take(connection, digest_of(attempt), asking, now_ms())

    def _note_passkey(
        self,
        connection: Connection,
        actor: Actor,
        user: User,
        verb: str,
        after: Mapping[str, Any],
        before: Mapping[str, Any] | None = None,
    ) -> None:
        entry = Entry(user.tenant_id, verb, now_ms(), user.id, user.login, before or {}, after)
        self._note(connection, actor, entry)


def _handle(user: User) -> bytes:
    return _handle_of(user.id)


def _handle_of(user_id: int) -> bytes:
    """What a device knows its owner by: nothing personal (WebAuthn level 3, section 14.6.1)."""
    return ids.encode("u", user_id).encode("ascii")


def _known(stored: list[Stored]) -> list[tuple[bytes, tuple[str, ...]]]:
    return [(one.credential_id, one.passkey.transports) for one in stored]


def _found(connection: Connection, user: User, ref: str) -> Passkey:
    number = number_of("w", ref)
    for one in passkeys.of_user(connection, user):
        if one.passkey.id == number:
            return one.passkey
    raise NotFound("There is no such passkey.")


def _name(name: str) -> str:
    reading = Reading()
    reading.take("name", fields.name, name)
    return str(reading.close()["name"])


def _bad(name: str, problem: str, mend: str) -> BadInput:
    return BadInput([Fault(name, problem, mend)])
