"""The office's verbs for users: who they are, which roles they have, and the links that let them choose a password.

An administrator never types or learns somebody's password: a user chooses it by a link, which is good once and for a
time, and of which only the SHA-256 is kept. Sending it by mail is the door's business. Whoever changes what somebody
may do, changes it at once: his sessions end.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.errors import Conflict, NotFound
from postroom.model.application import Actor, Scope
from postroom.model.audit import Entry, difference
from postroom.model.person import Purpose, User, UserSession, login_key, mixes_scripts
from postroom.office import fields
from postroom.office.changes import Ref, number_of, require, tenant_for
from postroom.office.fields import Reading, Unfit
from postroom.office.keys import digest_of, refuse_beyond
from postroom.office.roles import RoleVerbs, own_roles
from postroom.policy.rights import READY, rights_of
from postroom.sentence import Sentence
from postroom.store import challenges, passkeys, providers, saved_filters, sessions_of_people, users
from postroom.store.sessions_of_people import KnownLink

__all__ = ["NewLink", "PeopleVerbs", "find_user", "login_word"]

_HOUR_MS = 3600 * 1000
_GOOD_FOR_MS = {Purpose.INVITATION: 7 * 24 * _HOUR_MS, Purpose.RESET: 2 * _HOUR_MS}


@dataclass(frozen=True, slots=True)
class NewLink:
    """The only time a link's token is known."""

    user: User
    purpose: Purpose
    expires_ms: int
    token: str = field(repr=False)


class PeopleVerbs(RoleVerbs):
    def users(self, actor: Actor, tenant_id: int | None = None) -> Future[list[User]]:
        require(actor, Scope.USERS)
        number = tenant_for(actor, tenant_id)
        return self._store.read(lambda c: users.of_tenant(c, number))

    def user(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[User]:
        """By id or login. Raises NotFound."""
        require(actor, Scope.USERS)
        number = tenant_for(actor, tenant_id)
        return self._store.read(lambda c: find_user(c, number, ref))

    def create_user(self, actor: Actor, values: Mapping[str, object], tenant_id: int | None = None) -> Future[NewLink]:
        """A new user, who can't sign in before he has chosen a password by the link in the answer.

        `values`: `login`, `name`, `email`, `roles` (names or ids). Raises BadInput with every fault, Conflict for a
        login that is taken or looks like one that is, Forbidden for roles that may do more than the actor.
        """
        require(actor, Scope.USERS)
        number, moment, user_id = tenant_for(actor, tenant_id), now_ms(), self._store.ids.next()
        wanted = _read(values, needed=("login",))

        def work(connection: Connection) -> NewLink:
            self._existing(connection, number)
            self._check_roles(connection, actor, number, wanted)
            _check_login(connection, wanted["login"])
            user = User(user_id, number, created_ms=moment, **wanted)
            users.create(connection, user)
            entry = Entry(number, "user.created", moment, user_id, user.login, *_told(None, user))
            self._note(connection, actor, entry)
            return self._link(connection, actor, user, Purpose.INVITATION, moment)

        return self._change(work, actor)

    def change_user(
        self, actor: Actor, ref: Ref, values: Mapping[str, object], tenant_id: int | None = None
    ) -> Future[User]:
        """Login, name, email, roles, and whether he is `deactivated`. New roles end his sessions.

        Raises Conflict for one's own roles and deactivation: nobody locks himself out or lifts himself up.
        """
        require(actor, Scope.USERS)
        number, moment = tenant_for(actor, tenant_id), now_ms()
        wanted = _read(values)
        off = wanted.pop("deactivated", None)

        def work(connection: Connection) -> User:
            user = self._others(connection, actor, number, ref)
            self._check_roles(connection, actor, number, wanted)
            if "login" in wanted and login_key(wanted["login"]) != login_key(user.login):
                _check_login(connection, wanted["login"])
            changed = replace(user, **wanted)
            if off is not None:
                changed = replace(changed, deactivated_ms=(user.deactivated_ms or moment) if off else None)
            rights = (set(user.roles), user.deactivated_ms) != (set(changed.roles), changed.deactivated_ms)
            if rights and user.id == actor.user_id:
                raise Conflict("Nobody changes his own roles, or deactivates himself. Ask another administrator.")
            users.save(connection, changed)
            if rights:
                sessions_of_people.end_all(connection, user)
            if changed.deactivated_ms is not None or changed.email != user.email:
                sessions_of_people.drop_links(connection, user)
            self._note(
                connection, actor, Entry(number, "user.changed", moment, user.id, changed.login, *_told(user, changed))
            )
            return replace(changed, version=user.version + 1)

        return self._change(work, actor)

    def delete_user(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[None]:
        """Takes the user away with his sessions. What he did stays in the audit trail."""
        require(actor, Scope.USERS)
        number, moment = tenant_for(actor, tenant_id), now_ms()

        def work(connection: Connection) -> None:
            user = self._others(connection, actor, number, ref)
            if user.id == actor.user_id:
                raise Conflict("Nobody deletes himself. Ask another administrator.")
            sessions_of_people.end_all(connection, user)
            sessions_of_people.drop_links(connection, user)
            users.put_codes(connection, user, ())
            passkeys.remove_all(connection, user)
            providers.unlink_all(connection, user)
            challenges.drop_of(connection, user)
            saved_filters.remove_of(connection, user.id)
            users.remove(connection, user)
            self._note(
                connection, actor, Entry(number, "user.deleted", moment, user.id, user.login, *_told(user, None))
            )

        return self._change(work, actor)

    def invite(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[NewLink]:
        """A new link to choose a password; earlier ones are worthless from now on. For one who has none: an invitation,
        else a reset, which leaves the old password good until it is used. Raises Conflict for one who is deactivated.
        """
        require(actor, Scope.USERS)
        number, moment = tenant_for(actor, tenant_id), now_ms()

        def work(connection: Connection) -> NewLink:
            user = self._others(connection, actor, number, ref)
            if user.deactivated_ms is not None:
                raise Conflict("This user is deactivated. Let him in again first.")
            purpose = Purpose.RESET if user.has_password else Purpose.INVITATION
            return self._link(connection, actor, user, purpose, moment)

        return self._change(work, actor)

    def take_second_factor(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[User]:
        """For somebody who lost his telephone, his keys and his recovery codes: the authenticator app and all passkeys
        are forgotten. His sessions end.
        """
        require(actor, Scope.USERS)
        number, moment = tenant_for(actor, tenant_id), now_ms()

        def work(connection: Connection) -> User:
            user = self._others(connection, actor, number, ref)
            users.set_totp(connection, user, None, confirmed=False)
            users.put_codes(connection, user, ())
            passkeys.remove_all(connection, user)
            sessions_of_people.end_all(connection, user)
            told = (
                {"second_factor": user.second_factor, "passkeys": user.passkeys},
                {"second_factor": False, "passkeys": 0},
            )
            self._note(
                connection, actor, Entry(number, "user.second-factor-removed", moment, user.id, user.login, *told)
            )
            return replace(user, second_factor=False, passkeys=0)

        return self._change(work, actor)

    def sessions_of(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[list[UserSession]]:
        """Where somebody is signed in."""
        require(actor, Scope.USERS)
        number = tenant_for(actor, tenant_id)
        return self._store.read(lambda c: sessions_of_people.of_user(c, find_user(c, number, ref)))

    def end_sessions_of(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[int]:
        """Signs somebody out everywhere; how many sessions ended."""
        require(actor, Scope.USERS)
        number, moment = tenant_for(actor, tenant_id), now_ms()

        def work(connection: Connection) -> int:
            user = self._others(connection, actor, number, ref)
            count = sessions_of_people.end_all(connection, user)
            entry = Entry(number, "session.ended", moment, user.id, user.login, after={"sessions": count})
            self._note(connection, actor, entry)
            return count

        return self._change(work, actor)

    # -- what the verbs share -----------------------------------------------------------------------------------------

    def _others(self, connection: Connection, actor: Actor, tenant_id: int, ref: Ref) -> User:
        """The user that is meant. Raises Forbidden for one who may do more than the actor."""
        user = find_user(connection, tenant_id, ref)
        refuse_beyond(actor, rights_of(user.roles, own_roles(connection, tenant_id)))
        return user

    def _check_roles(self, connection: Connection, actor: Actor, tenant_id: int, wanted: dict[str, Any]) -> None:
        """Puts the words for the roles in place of what was typed. Raises BadInput, Forbidden."""
        if "roles" not in wanted:
            return
        own = own_roles(connection, tenant_id)
        by_name = {login_key(role.name): word for word, role in own.items()}
        reading, words = Reading(), []
        for typed in wanted["roles"]:
            word = typed if typed in READY or typed in own else by_name.get(login_key(typed))
            if word is None:
                names = ", ".join([*READY, *(role.name for role in own.values())])
                reading.fault(
                    "roles", "names a role that does not exist.", Sentence("There are: {names}.", names=names)
                )
            else:
                words.append(word)
        reading.close()
        wanted["roles"] = tuple(dict.fromkeys(words))
        refuse_beyond(actor, rights_of(wanted["roles"], own))

    def _link(self, connection: Connection, actor: Actor | None, user: User, purpose: Purpose, moment: int) -> NewLink:
        sessions_of_people.drop_links(connection, user)
        token = f"pl_{secrets.token_urlsafe(32)}"
        expires = moment + _GOOD_FOR_MS[purpose]
        link = KnownLink(self._store.ids.next(), user.tenant_id, user.id, purpose, expires)
        sessions_of_people.create_link(connection, link, digest_of(token), moment)
        told = {"expires_ms": expires, "email": user.email}
        verb = f"user.{purpose.value}-made"
        self._note(connection, actor, Entry(user.tenant_id, verb, moment, user.id, user.login, after=told))
        return NewLink(user, purpose, expires, token)


def _told(old: User | None, new: User | None) -> tuple[dict[str, Any], dict[str, Any]]:
    return difference(old, new)


def login_word(value: object) -> str:
    """A word or an address; nothing that could be taken for somebody else's."""
    text: str = fields.name(value)
    if any(char.isspace() for char in text):
        raise Unfit("holds a space.", "Choose one word, or the e-mail address.")
    if mixes_scripts(text):
        raise Unfit("mixes letters of different scripts that look alike.", "Write it in one script.")
    return text


def _roles(value: object) -> tuple[str, ...]:
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
        raise Unfit("is no list of roles.", Sentence('Write ["{ready}"].', ready=next(iter(READY))))
    return tuple(word.strip() for word in words if word.strip())


_READERS: dict[str, fields.Reader] = {
    "login": login_word,
    "name": fields.line(200),
    "email": fields.address,
    "roles": _roles,
    "deactivated": fields.flag,
}


def _read(values: Mapping[str, object], needed: tuple[str, ...] = ()) -> dict[str, Any]:
    reading = Reading()
    known = [name for name in _READERS if not (needed and name == "deactivated")]
    for name, value in values.items():
        if name in known:
            reading.take(name, _READERS[name], value)
        else:
            reading.unknown(name, known)
    for name in needed:
        if name not in values:
            reading.fault(name, "is missing.", "Give a word or an e-mail address to sign in with.")
    return reading.close()


def _check_login(connection: Connection, login: str) -> None:
    if users.by_login(connection, login) is not None:
        raise Conflict("This login is taken, or looks like one that is. Choose another.")


def find_user(connection: Connection, tenant_id: int, ref: Ref) -> User:
    """By id, number or login. Raises NotFound."""
    number = number_of("u", ref)
    user = users.get(connection, tenant_id, number) if number is not None else None
    if user is None and isinstance(ref, str):
        known = users.by_login(connection, ref)
        user = known.user if known is not None and known.user.tenant_id == tenant_id else None
    if user is None:
        raise NotFound("There is no such user here.")
    return user
