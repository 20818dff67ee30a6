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
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from postroom.clock import monotonic_ms, now_ms
from postroom.errors import Conflict, Forbidden, NotFound, StoreUnavailable, Unauthenticated
from postroom.model.application import Actor, Application, Key, Scope
from postroom.model.audit import Entry, shown
from postroom.office.application_values import read
from postroom.office.changes import Changes, Ref, number_of, require, tenant_for
from postroom.office.fields import Reading
from postroom.office.views import NewKey
from postroom.policy.rights import beyond
from postroom.secrets import KeyRing
from postroom.sentence import Sentence
from postroom.settings import Settings
from postroom.store import applications, tenants
from postroom.store.applications import Known
from postroom.store.database import Store

__all__ = [
    "KEY_SHAPE",
    "PREFIX_LETTERS",
    "REMEMBERED_MS",
    "KeyVerbs",
    "Remembered",
    "digest_of",
    "find_application",
    "refuse_beyond",
]

KEY_SHAPE = re.compile(r"pr_([0-9a-z]{8})_[A-Za-z0-9_-]{43}", re.ASCII)
PREFIX_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
REMEMBERED_MS = 5_000
_MOST_REMEMBERED = 4_096
_USED_EVERY_MS = 60_000
_NOBODY = hashlib.sha256(b"nobody").digest()


@dataclass(frozen=True, slots=True)
class Remembered:
    """Who presented a key or token; good while the settings are of this version, and until then (monotonic, ms)."""

    actor: Actor
    version: int
    until_ms: float
    expires_ms: int | None


class KeyVerbs(Changes):
    def __init__(self, store: Store, ring: KeyRing, settings: Settings) -> None:
        super().__init__(store, ring, settings)
        self._lately: dict[bytes, Remembered] = {}

    # -- applications -----------------------------------------------------------------------------------------------

    def applications(self, actor: Actor, tenant_id: int | None = None) -> Future[list[Application]]:
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)
        return self._store.read(lambda c: applications.of_tenant(c, number))

    def create_application(
        self, actor: Actor, name: str, tenant_id: int | None = None, values: Mapping[str, object] | None = None
    ) -> Future[Application]:
        """`values`: what else is set for it (see `application_values`).

        Raises BadInput for what can't be used, Conflict for a name that is taken.
        """
        require(actor, Scope.APPLICATIONS)
        number, moment, application_id = tenant_for(actor, tenant_id), now_ms(), self._store.ids.next()
        reading = Reading()
        wanted = read({**(values or {}), "name": name}, reading)
        reading.close()

        def work(connection: Connection) -> Application:
            self._existing(connection, number)
            _check_name(connection, number, wanted["name"])
            application = Application(application_id, number, created_ms=moment, **wanted)
            applications.create(connection, application)
            return application

        return self._change(work, actor)

    def change_application(
        self, actor: Actor, ref: Ref, values: Mapping[str, object], tenant_id: int | None = None
    ) -> Future[Application]:
        """Changes what is given. A suspended application's keys are refused from now on; accepted mail still leaves.

        Raises BadInput with every fault, Conflict for a name that is taken, NotFound.
        """
        require(actor, Scope.APPLICATIONS)
        number = tenant_for(actor, tenant_id)
        reading = Reading()
        wanted = read(values, reading)
        reading.close()

        def work(connection: Connection) -> Application:
            application = find_application(connection, number, ref)
            if wanted.get("name", application.name) != application.name:
                _check_name(connection, number, wanted["name"])
            changed = replace(application, **wanted)
            applications.save(connection, changed)
            return replace(changed, version=application.version + 1)

        return self._change(work, actor)

    def suspend_application(
        self, actor: Actor, ref: Ref, suspended: bool = True, tenant_id: int | None = None
    ) -> Future[Application]:
        """Its keys are refused from now on, or work again. Mail accepted before is not touched."""
        return self.change_application(actor, ref, {"suspended": suspended}, tenant_id)

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
        """A new key for an application (its id or name). The text is in this answer and nowhere else.

        Raises Forbidden for rights that the actor does not have himself; the right to send he may always give.
        """
        require(actor, Scope.APPLICATIONS)
        number, moment, key_id = tenant_for(actor, tenant_id), now_ms(), self._store.ids.next()
        rights = _scopes(scopes, expires_ms, moment)
        refuse_beyond(actor, rights, sending=True)
        prefix = "".join(secrets.choice(PREFIX_LETTERS) for _ in range(8))
        text = f"pr_{prefix}_{secrets.token_urlsafe(32)}"
        digest = digest_of(text)

        def work(connection: Connection) -> NewKey:
            application = find_application(connection, number, application_ref)
            key = Key(key_id, number, application.id, prefix, rights, moment, expires_ms=expires_ms)
            applications.create_key(connection, key, digest)
            told = {
                "prefix": prefix,
                "scopes": shown(rights),
                "expires_ms": expires_ms,
                "application": application.name,
            }
            self._note(connection, actor, Entry(number, "key.created", moment, key_id, prefix, after=told))
            return NewKey(text, key)

        return self._change(work, actor)

    def revoke_key(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[Key]:
        """By its id or prefix. It is refused here at once, on other nodes within seconds. Twice is no error."""
        require(actor, Scope.APPLICATIONS)
        number, moment = tenant_for(actor, tenant_id), now_ms()

        def work(connection: Connection) -> Key:
            key = _found_key(connection, number, ref)
            if applications.revoke(connection, number, key.id, moment):
                entry = Entry(number, "key.revoked", moment, key.id, key.prefix, after={"revoked_ms": moment})
                self._note(connection, actor, entry)
            return replace(key, revoked_ms=key.revoked_ms or moment)

        return self._change(work, actor)

    # -- who is it --------------------------------------------------------------------------------------------------

    def authenticated(self, text: str) -> Actor | None:
        """Who presented this very key within the last seconds, or None: then ask `authenticate`. Never waits."""
        found = self._lately.get(digest_of(text))
        if found is None or found.version != self.version or found.until_ms < monotonic_ms():
            return None
        if found.expires_ms is not None and found.expires_ms <= now_ms():
            return None
        return found.actor

    def authenticate(self, text: str) -> Future[Actor]:
        """Whom the key speaks for. Raises Unauthenticated, or Forbidden when the tenant or application is suspended."""
        presented, version = digest_of(text), self.version
        shaped = KEY_SHAPE.fullmatch(text)
        prefix = shaped.group(1) if shaped else ""

        def work(connection: Connection) -> Actor:
            known = applications.known(connection, prefix)
            right = hmac.compare_digest(presented, _NOBODY if known is None else known.digest)
            if known is None or not right or not shaped:
                raise Unauthenticated("The key is not valid.")
            moment = now_ms()
            actor = _actor(connection, known, moment)
            self._remember(presented, Remembered(actor, version, monotonic_ms() + REMEMBERED_MS, known.key.expires_ms))
            if moment - (known.key.last_used_ms or 0) >= _USED_EVERY_MS:
                self._note_use(known.key, moment)
            return actor

        return self._store.read(work)

    def _remember(self, presented: bytes, remembered: Remembered) -> None:
        if len(self._lately) >= _MOST_REMEMBERED:
            self._lately = {}
        self._lately[presented] = remembered

    def _note_use(self, key: Key, moment: int) -> None:
        # Nobody waits for this, and a database that is full or stopping is no reason to refuse a caller.
        with suppress(StoreUnavailable):
            self._store.write(lambda c: applications.used(c, key.tenant_id, key.id, moment))


def digest_of(text: str) -> bytes:
    """SHA-256 of a key or token: enough for 256 random bits."""
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
    return Actor(key.tenant_id, key.scopes, key.application_id, known.application, key_id=key.id)


def refuse_beyond(actor: Actor, wanted: Iterable[Scope], *, sending: bool = False) -> None:
    """Raises Forbidden for rights that the actor does not have himself: nobody gives what he does not have."""
    more = beyond(actor.scopes, wanted, sending=sending)
    if more:
        words = ", ".join(sorted(more))
        raise Forbidden(
            Sentence("You can't give or use the right {words}: you don't have it yourself.", words=words), needs=words
        )


def _check_name(connection: Connection, tenant_id: int, name: str) -> None:
    if any(one.name == name for one in applications.of_tenant(connection, tenant_id)):
        raise Conflict("There is an application of this name already.")


def _scopes(given: Iterable[Scope | str], expires_ms: int | None, moment: int) -> frozenset[Scope]:
    reading = Reading()
    found = set()
    words = [given] if isinstance(given, str) else list(given)
    for word in words:
        try:
            found.add(Scope(word))
        except ValueError:
            reading.fault(
                "scopes", "names a right that does not exist.", Sentence("There are: {scope}.", scope=", ".join(Scope))
            )
    if not words:
        reading.fault("scopes", "is empty.", Sentence("Choose from {scope}.", scope=", ".join(Scope)))
    if expires_ms is not None and expires_ms <= moment:
        reading.fault("expires", "is over already.", "Give a time in the future, or leave it out.")
    reading.close()
    return frozenset(found)


def find_application(connection: Connection, tenant_id: int, ref: Ref) -> Application:
    """By id, number or name. Raises NotFound."""
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
