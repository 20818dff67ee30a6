"""The office's verbs for identity providers: setting them up, and who of theirs is which user.

They are the installation's: whoever sets one up says who gets in, and with which rights. The client secret is sealed to
the issuer and the client id (P7): under another issuer it has to be typed again, and who is whom there is unknown anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.errors import Conflict, NotFound
from postroom.model.application import Actor, Scope
from postroom.model.audit import Entry, difference
from postroom.model.person import User, login_key
from postroom.model.provider import Identity, Provider
from postroom.model.tenant import INSTALLATION
from postroom.office.changes import Ref, number_of, require, tenant_for
from postroom.office.client_secret import sealed_to
from postroom.office.passkeys import PasskeyVerbs
from postroom.office.people import find_user
from postroom.office.provider_values import read
from postroom.secrets import Secret
from postroom.store import providers, sessions_of_people

__all__ = ["ProviderVerbs"]


class ProviderVerbs(PasskeyVerbs):
    def providers(self, actor: Actor, tenant_id: int | None = None) -> Future[list[Provider]]:
        """Those that let people into a tenant."""
        number = _whose(actor, tenant_id)
        return self._store.read(lambda c: providers.of_tenant(c, number))

    def provider(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[Provider]:
        """By id or name. Raises NotFound."""
        number = _whose(actor, tenant_id)
        return self._store.read(lambda c: _found(c, number, ref))

    def create_provider(
        self, actor: Actor, values: Mapping[str, object], tenant_id: int | None = None
    ) -> Future[Provider]:
        """`values`: see `provider_values`. Raises BadInput with every fault, Conflict for a name that is taken."""
        number, moment, provider_id = _whose(actor, tenant_id), now_ms(), self._store.ids.next()
        wanted = read(values, needed=("name", "issuer", "client_id"))
        secret = wanted.pop("client_secret", None)

        def work(connection: Connection) -> Provider:
            self._existing(connection, number)
            self._name_roles(connection, actor, number, wanted)
            _check_name(connection, number, wanted["name"])
            made = Provider(provider_id, number, created_ms=moment, **wanted)
            providers.create(connection, made)
            made = self._seal_client(connection, made, secret, moment)
            self._note(
                connection, actor, Entry(number, "provider.created", moment, made.id, made.name, *_told(None, made))
            )
            return made

        return self._change(work, actor)

    def change_provider(
        self, actor: Actor, ref: Ref, values: Mapping[str, object], tenant_id: int | None = None
    ) -> Future[Provider]:
        """Changes what is given. Another issuer or client id drops the secret; another issuer, who is whom as well.
        Whoever came in by a provider that is switched off is signed out.
        """
        number, moment = _whose(actor, tenant_id), now_ms()
        wanted = read(values)
        typed = wanted.pop("client_secret", None)

        def work(connection: Connection) -> Provider:
            old = _found(connection, number, ref)
            self._name_roles(connection, actor, number, wanted)
            if login_key(wanted.get("name", old.name)) != login_key(old.name):
                _check_name(connection, number, wanted["name"])
            changed = replace(old, **wanted, version=old.version + 1)
            providers.save(connection, changed)
            if typed is not None or sealed_to(old) != sealed_to(changed):
                changed = self._seal_client(connection, changed, typed, moment)
            if old.issuer != changed.issuer:
                providers.forget(connection, old)
            if old.issuer != changed.issuer or not changed.enabled:
                providers.end_sessions(connection, old)
            entry = Entry(number, "provider.changed", moment, old.id, changed.name, *_told(old, changed))
            self._note(connection, actor, entry)
            return changed

        return self._change(work, actor)

    def delete_provider(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[None]:
        """Its people stay users; whoever came in by it is signed out."""
        number, moment = _whose(actor, tenant_id), now_ms()

        def work(connection: Connection) -> None:
            old = _found(connection, number, ref)
            providers.remove(connection, old)
            self._note(
                connection, actor, Entry(number, "provider.deleted", moment, old.id, old.name, *_told(old, None))
            )

        return self._change(work, actor)

    def identities_of(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[list[tuple[Identity, str]]]:
        """By which providers a user is known, each with the provider's name."""
        require(actor, Scope.USERS)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> list[tuple[Identity, str]]:
            names = {one.id: one.name for one in providers.of_tenant(connection, number)}
            found = providers.identities_of(connection, find_user(connection, number, ref))
            return [(one, names.get(one.provider_id, "")) for one in found]

        return self._store.read(work)

    def unlink_identity(self, actor: Actor, ref: Ref, identity: str, tenant_id: int | None = None) -> Future[None]:
        """He is not known by this provider any more; his sessions end. Raises NotFound, Forbidden."""
        require(actor, Scope.USERS)
        number, moment = tenant_for(actor, tenant_id), now_ms()

        def work(connection: Connection) -> None:
            user: User = self._others(connection, actor, number, ref)
            identity_id = number_of("x", identity)
            if identity_id is None or not providers.unlink(connection, user, identity_id):
                raise NotFound("There is no such link to a provider.")
            sessions_of_people.end_all(connection, user)
            self._note(connection, actor, Entry(number, "user.provider-unlinked", moment, user.id, user.login))

        return self._change(work, actor)

    # -- what the verbs share -----------------------------------------------------------------------------------------

    def _name_roles(self, connection: Connection, actor: Actor, tenant_id: int, wanted: dict[str, Any]) -> None:
        """Puts the words for the roles in place of what was typed. Raises BadInput, Forbidden."""
        for field, typed in (("roles", wanted.get("roles")), ("default_roles", wanted.get("default_roles"))):
            if typed is None:
                continue
            named = []
            for one in typed:
                group, role = one if field == "roles" else ("", one)
                found = {"roles": (role,)}
                self._check_roles(connection, actor, tenant_id, found)
                named += [(group, word) if field == "roles" else word for word in found["roles"]]
            wanted[field] = tuple(dict.fromkeys(named))

    def _seal_client(self, connection: Connection, provider: Provider, secret: Secret | None, moment: int) -> Provider:
        sealed = None if secret is None else self._ring.seal(secret, sealed_to(provider))
        providers.put_secret(connection, provider, sealed, None if sealed is None else moment)
        return replace(provider, has_secret=sealed is not None, secret_set_ms=None if sealed is None else moment)

    def _client_secret(self, connection: Connection, provider: Provider) -> Secret | None:
        sealed = providers.sealed(connection, provider)
        return None if sealed is None else self._ring.open(sealed, sealed_to(provider))


def _whose(actor: Actor, tenant_id: int | None) -> int:
    require(actor, Scope.ADMIN)
    if actor.tenant_id != INSTALLATION:
        raise NotFound("There is no such provider here.")
    return tenant_for(actor, tenant_id)


def _told(old: Provider | None, new: Provider | None) -> tuple[dict[str, Any], dict[str, Any]]:
    return difference(old, new)


def _check_name(connection: Connection, tenant_id: int, name: str) -> None:
    if any(login_key(one.name) == login_key(name) for one in providers.of_tenant(connection, tenant_id)):
        raise Conflict("There is a provider of this name already.")


def _found(connection: Connection, tenant_id: int, ref: Ref) -> Provider:
    number = number_of("i", ref)
    for one in providers.of_tenant(connection, tenant_id):
        if one.id == number or (isinstance(ref, str) and login_key(one.name) == login_key(ref)):
            return one
    raise NotFound("There is no such provider here.")
