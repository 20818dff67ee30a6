"""The office's verbs for roles: the ready ones, and those a tenant makes for itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.errors import Conflict, NotFound
from postroom.ids import encode
from postroom.model.application import Actor, Scope
from postroom.model.audit import Entry, difference
from postroom.model.person import Role, login_key
from postroom.office import fields
from postroom.office.changes import Ref, number_of, require, tenant_for
from postroom.office.fields import Reading
from postroom.office.keys import KeyVerbs, refuse_beyond
from postroom.policy.rights import READY
from postroom.sentence import Sentence
from postroom.store import roles, sessions_of_people, users

__all__ = ["RoleVerbs", "own_roles", "role_word"]


class RoleVerbs(KeyVerbs):
    def roles(self, actor: Actor, tenant_id: int | None = None) -> Future[list[Role]]:
        """The ready ones, then the tenant's own."""
        require(actor, Scope.USERS)
        number = tenant_for(actor, tenant_id)
        return self._store.read(lambda c: [*READY.values(), *roles.of_tenant(c, number)])

    def create_role(self, actor: Actor, values: Mapping[str, object], tenant_id: int | None = None) -> Future[Role]:
        """`values`: `name`, `scopes`. Raises BadInput, Conflict for a name that is taken, Forbidden for rights that the
        actor does not have himself.
        """
        require(actor, Scope.USERS)
        number, moment, role_id = tenant_for(actor, tenant_id), now_ms(), self._store.ids.next()
        wanted = _read({"name": "", "scopes": ()} | dict(values))
        refuse_beyond(actor, wanted["scopes"])

        def work(connection: Connection) -> Role:
            self._existing(connection, number)
            _check_name(connection, number, wanted["name"])
            role = Role(wanted["name"], wanted["scopes"], role_id, number, moment)
            roles.create(connection, role)
            self._note(connection, actor, Entry(number, "role.created", moment, role_id, role.name, *_told(None, role)))
            return role

        return self._change(work, actor)

    def change_role(
        self, actor: Actor, ref: Ref, values: Mapping[str, object], tenant_id: int | None = None
    ) -> Future[Role]:
        """Its name, its rights, or both. Whoever has it has to sign in again."""
        require(actor, Scope.USERS)
        number, moment = tenant_for(actor, tenant_id), now_ms()
        wanted = _read(values)
        refuse_beyond(actor, wanted.get("scopes", frozenset()))

        def work(connection: Connection) -> Role:
            role = _found(connection, number, ref)
            refuse_beyond(actor, role.scopes)
            if login_key(wanted.get("name", role.name)) != login_key(role.name):
                _check_name(connection, number, wanted["name"])
            changed = replace(role, **wanted)
            roles.save(connection, changed)
            if changed.scopes != role.scopes:
                _sign_out(connection, role)
            told = _told(role, changed)
            self._note(connection, actor, Entry(number, "role.changed", moment, role.id, changed.name, *told))
            return replace(changed, version=role.version + 1)

        return self._change(work, actor)

    def delete_role(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[None]:
        """Raises Conflict while somebody has it."""
        require(actor, Scope.USERS)
        number, moment = tenant_for(actor, tenant_id), now_ms()

        def work(connection: Connection) -> None:
            role = _found(connection, number, ref)
            refuse_beyond(actor, role.scopes)
            holders = [user.login for user in users.of_tenant(connection, number) if role_word(role) in user.roles]
            if holders:
                raise Conflict(
                    Sentence(
                        "{holders} users have this role, {holders2} among them. Take it from them first.",
                        holders=len(holders),
                        holders2=holders[0],
                    )
                )
            roles.remove(connection, number, role.id)
            self._note(connection, actor, Entry(number, "role.deleted", moment, role.id, role.name, *_told(role, None)))

        return self._change(work, actor)


def role_word(role: Role) -> str:
    """How a user's row names a role: a ready one by its name, an own one by its id."""
    return role.name if role.ready else encode("r", role.id)


def own_roles(connection: Connection, tenant_id: int) -> dict[str, Role]:
    """The tenant's own roles by the words that users' rows name them with."""
    return {role_word(role): role for role in roles.of_tenant(connection, tenant_id)}


def _told(old: Role | None, new: Role | None) -> tuple[dict[str, Any], dict[str, Any]]:
    before, after = difference(old, new)
    before.pop("sentence", None)
    after.pop("sentence", None)
    return before, after


def _sign_out(connection: Connection, role: Role) -> None:
    for user in users.of_tenant(connection, role.tenant_id):
        if role_word(role) in user.roles:
            sessions_of_people.end_all(connection, user)


def _scopes(value: object) -> frozenset[Scope]:
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, Iterable):
        raise fields.Unfit("is no list of rights.", Sentence("There are: {scope}.", scope=", ".join(Scope)))
    try:
        found = frozenset(Scope(str(word).strip()) for word in words)
    except ValueError:
        raise fields.Unfit(
            "names a right that does not exist.", Sentence("There are: {scope}.", scope=", ".join(Scope))
        ) from None
    if not found:
        raise fields.Unfit("is empty.", Sentence("Choose from {scope}.", scope=", ".join(Scope)))
    return found


_READERS: dict[str, fields.Reader] = {"name": fields.name, "scopes": _scopes}


def _read(values: Mapping[str, object]) -> dict[str, Any]:
    reading = Reading()
    for field, value in values.items():
        if field in _READERS:
            reading.take(field, _READERS[field], value)
        else:
            reading.unknown(field, list(_READERS))
    return reading.close()


def _check_name(connection: Connection, tenant_id: int, name: str) -> None:
    taken = {login_key(role.name) for role in (*READY.values(), *roles.of_tenant(connection, tenant_id))}
    if login_key(name) in taken:
        raise Conflict("There is a role of this name already.")


def _found(connection: Connection, tenant_id: int, ref: Ref) -> Role:
    number = number_of("r", ref)
    if isinstance(ref, str) and ref.strip() in READY:
        raise Conflict("This role is part of Postroom and stays as it is. Make one of your own.")
    for role in roles.of_tenant(connection, tenant_id):
        if role.id == number or (isinstance(ref, str) and login_key(role.name) == login_key(ref)):
            return role
    raise NotFound("There is no such role here.")
