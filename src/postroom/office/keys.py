"""The office's verbs for applications and their keys, and telling who presents a key.

A key is `pr_`, eight characters to find it by, `_`, and 256 random bits. Only its SHA-256 is stored; it is compared in
constant time, and an unknown key takes the same way as a wrong one. Who presented a key lately is remembered for a few
seconds, so that a busy door does not ask the database each time; any change of settings (revoking one is such a change)
makes all that forgotten at once.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from postroom.clock import monotonic_ms, now_ms
from postroom.errors import Conflict, Forbidden, NotFound, StoreUnavailable, Unauthenticated
from postroom.model.application import Actor, Application, Key, Scope
from postroom.office import fields
from postroom.office.changes import Changes, Ref, number_of, require, tenant_for
from postroom.office.fields import Reading
from postroom.office.views import NewKey
from postroom.secrets import KeyRing
from postroom.settings import Settings
from postroom.store import applications, tenants
from postroom.store.applications import Known
from postroom.store.database import Store

__all__ = ["KEY_SHAPE", "KeyVerbs"]

KEY_SHAPE = re.compile(r"pr_([0-9a-z]{8})_[A-Za-z0-9_-]{43}", re.ASCII)
_PREFIX_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
_REMEMBERED_MS = 5_000
_MOST_REMEMBERED = 4_096
_USED_EVERY_MS = 60_000
_NOBODY = hashlib.sha256(b"nobody").digest()


@dataclass(frozen=True, slots=True)
class _Remembered:
    actor: Actor
    version: int
    until_ms: float
    expires_ms: int | None


class KeyVerbs(Changes):
    def __init__(self, store: Store, ring: KeyRing, settings: Settings) -> None:
        super().__init__(store, ring, settings)
        self._lately: dict[bytes, _Remembered] = {}

    # -- applications -----------------------------------------------------------------------------------------------

    def applications(self, actor: Actor, tenant_id: int | None = None) -> Future[list[Application]]:
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)
        return self._store.read(lambda c: applications.of_tenant(c, number))

    def create_application(self, actor: Actor, name: str, tenant_id: int | None = None) -> Future[Application]:
        """Raises BadInput for a name that can't be used, Conflict for one that is taken."""
        require(actor, Scope.ADMIN)
        number, moment, application_id = tenant_for(actor, tenant_id), now_ms(), self._store.ids.next()
        reading = Reading()
        reading.take("name", fields.name, name)
        wanted: str = reading.close()["name"]

        def work(connection: Connection) -> Application:
            self._existing(connection, number)
            if any(one.name == wanted for one in applications.of_tenant(connection, number)):
                raise Conflict("There is an application of this name already.")
            application = Application(application_id, number, wanted, created_ms=moment)
            applications.create(connection, application)
            return application

        return self._change(work, actor)

    def suspend_application(
        self, actor: Actor, ref: Ref, suspended: bool = True, tenant_id: int | None = None
    ) -> Future[Application]:
        """Its keys are refused from now on, or work again. Mail accepted before is not touched."""
        require(actor, Scope.ADMIN)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> Application:
            application = replace(_found(connection, number, ref), suspended=suspended)
            applications.save(connection, application)
            return application

        return self._change(work, actor)

    # -- keys -------------------------------------------------------------------------------------------------------

    def keys(self, actor: Actor, tenant_id: int | None = None) -> Future[list[Key]]:
        """All keys of the tenant, revoked ones too; never their texts."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)
        return self._store.read(lambda c: applications.tenant_keys(c, number))

    def create_key(
        self,
        actor: Actor,
        application_ref: Ref,
        scopes: Iterable[Scope | str],
        expires_ms: int | None = None,
        tenant_id: int | None = None,
    ) -> Future[NewKey]:
        """A new key for an application (its id or name). The text is in this answer and nowhere else."""
        require(actor, Scope.ADMIN)
        number, moment, key_id = tenant_for(actor, tenant_id), now_ms(), self._store.ids.next()
        rights = _scopes(scopes, expires_ms, moment)
        prefix = "".join(secrets.choice(_PREFIX_LETTERS) for _ in range(8))
        text = f"pr_{prefix}_{secrets.token_urlsafe(32)}"
        digest = _digest(text)

        def work(connection: Connection) -> NewKey:
            application = _found(connection, number, application_ref)
            key = Key(key_id, number, application.id, prefix, rights, moment, expires_ms=expires_ms)
            applications.create_key(connection, key, digest)
            return NewKey(text, key)

        return self._change(work, actor)

    def revoke_key(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[Key]:
        """By its id or prefix. It is refused here at once, on other nodes within seconds. Twice is no error."""
        require(actor, Scope.ADMIN)
        number, moment = tenant_for(actor, tenant_id), now_ms()

        def work(connection: Connection) -> Key:
            key = _found_key(connection, number, ref)
            applications.revoke(connection, number, key.id, moment)
            return replace(key, revoked_ms=key.revoked_ms or moment)

        return self._change(work, actor)

    # -- who is it --------------------------------------------------------------------------------------------------

    def authenticated(self, text: str) -> Actor | None:
        """Who presented this very key within the last seconds, or None: then ask `authenticate`. Never waits."""
        found = self._lately.get(_digest(text))
        if found is None or found.version != self.version or found.until_ms < monotonic_ms():
            return None
        if found.expires_ms is not None and found.expires_ms <= now_ms():
            return None
        return found.actor

    def authenticate(self, text: str) -> Future[Actor]:
        """Whom the key speaks for. Raises Unauthenticated, or Forbidden when the tenant or application is suspended."""
        presented, version = _digest(text), self.version
        shaped = KEY_SHAPE.fullmatch(text)
        prefix = shaped.group(1) if shaped else ""

        def work(connection: Connection) -> Actor:
            known = applications.known(connection, prefix)
            right = hmac.compare_digest(presented, _NOBODY if known is None else known.digest)
            if known is None or not right or not shaped:
                raise Unauthenticated("The key is not valid.")
            moment = now_ms()
            actor = _actor(connection, known, moment)
            self._remember(
                presented, _Remembered(actor, version, monotonic_ms() + _REMEMBERED_MS, known.key.expires_ms)
            )
            if moment - (known.key.last_used_ms or 0) >= _USED_EVERY_MS:
                self._note_use(known.key, moment)
            return actor

        return self._store.read(work)

    def _remember(self, presented: bytes, remembered: _Remembered) -> None:
        if len(self._lately) >= _MOST_REMEMBERED:
            self._lately = {}
        self._lately[presented] = remembered

    def _note_use(self, key: Key, moment: int) -> None:
        # Nobody waits for this, and a database that is full or stopping is no reason to refuse a caller.
        with suppress(StoreUnavailable):
            self._store.write(lambda c: applications.used(c, key.tenant_id, key.id, moment))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _actor(connection: Connection, known: Known, moment: int) -> Actor:
    """Raises Unauthenticated for a key that is over, Forbidden for one whose owner is suspended."""
    key = known.key
    if key.revoked_ms is not None:
        raise Unauthenticated("The key was revoked.")
    if key.expires_ms is not None and key.expires_ms <= moment:
        raise Unauthenticated("The key has expired.")
    tenant = tenants.get(connection, key.tenant_id)
    if tenant is None or tenant.suspended:
        raise Forbidden("This tenant is suspended. Ask the administrator of this Postroom.")
    if known.suspended:
        raise Forbidden("This application is suspended. Ask the administrator of this Postroom.")
    return Actor(key.tenant_id, key.scopes, key.application_id, known.application)


def _scopes(given: Iterable[Scope | str], expires_ms: int | None, moment: int) -> frozenset[Scope]:
    reading = Reading()
    found = set()
    words = [given] if isinstance(given, str) else list(given)
    for word in words:
        try:
            found.add(Scope(word))
        except ValueError:
            reading.fault("scopes", "names a right that does not exist.", f"There are: {', '.join(Scope)}.")
    if not words:
        reading.fault("scopes", "is empty.", f"Choose from {', '.join(Scope)}.")
    if expires_ms is not None and expires_ms <= moment:
        reading.fault("expires", "is over already.", "Give a time in the future, or leave it out.")
    reading.close()
    return frozenset(found)


def _found(connection: Connection, tenant_id: int, ref: Ref) -> Application:
    number = number_of("p", ref)
    for application in applications.of_tenant(connection, tenant_id):
        if application.id == number or (isinstance(ref, str) and application.name == ref.strip()):
            return application
    raise NotFound("There is no such application here.")


def _found_key(connection: Connection, tenant_id: int, ref: Ref) -> Key:
    number = number_of("k", ref)
    for key in applications.tenant_keys(connection, tenant_id):
        if key.id == number or (isinstance(ref, str) and ref.strip().removeprefix("pr_")[:8] == key.prefix):
            return key
    raise NotFound("There is no such key here.")
