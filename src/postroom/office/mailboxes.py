"""The office's verbs for mailboxes: making and changing them, reading how they stand, deleting.

They are the verbs of accounts once more, with the same checks by the same code: who may name a server, what a secret is
sealed to, and when it is lost (P7). Reading mail is left to `work.mailboxes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.errors import Conflict, NotFound
from postroom.model.account import Login
from postroom.model.application import Actor, Scope
from postroom.model.mailbox import Mailbox, MailboxEvent, MailboxState
from postroom.model.version import Version
from postroom.office import references
from postroom.office.account_values import read_secret
from postroom.office.changes import Ref, meant, require, tenant_for
from postroom.office.connector_choice import choose_connector
from postroom.office.fields import Reading
from postroom.office.mailbox_values import apply, read
from postroom.office.operator import check_leave
from postroom.office.sealing import Sealing
from postroom.secrets import Secret
from postroom.sentence import N_, Sentence
from postroom.store import credentials, mailbox_reading, mailboxes

__all__ = ["MAILBOX", "MailboxToTry", "MailboxVerbs", "MailboxView", "mailbox_meant", "mailbox_needs"]

MAILBOX = "z"
"""The letter of mailboxes' ids."""
_MOST_MAILBOXES = 500
_MOST_EVENTS = 200


@dataclass(frozen=True, slots=True)
class MailboxView:
    """A mailbox as people see it. `needs`: what is missing before it can be read; `secret_dropped`: this very change
    made its stored secret useless; `secret_set_by`: who typed the one that is kept."""

    mailbox: Mailbox
    state: MailboxState
    needs: tuple[str, ...] = ()
    secret_dropped: bool = False
    secret_set_by: str = ""


@dataclass(frozen=True, slots=True)
class MailboxToTry:
    """`edited`: the values are not those that are saved; then `secret` is what was typed along (or the reference in its
    place), and nothing that is stored may be used."""

    mailbox: Mailbox
    edited: bool = False
    secret: Secret | None = field(default=None, repr=False)


class MailboxVerbs(Sealing):
    def mailboxes(self, actor: Actor, tenant_id: int | None = None) -> Future[list[MailboxView]]:
        """The tenant's mailboxes, in the order in which they were made."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> list[MailboxView]:
            self._existing(connection, number)
            return [_view(connection, one) for one in mailboxes.of_tenant(connection, number)]

        return self._store.read(work)

    def mailbox(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[MailboxView]:
        """One mailbox by id or name. Raises NotFound."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)
        return self._store.read(lambda c: _view(c, _found(c, number, ref)))

    def mailbox_log(
        self, actor: Actor, ref: Ref, limit: int = _MOST_EVENTS, tenant_id: int | None = None
    ) -> Future[list[MailboxEvent]]:
        """What happened to it, the newest first. Raises NotFound."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> list[MailboxEvent]:
            mailbox = _found(connection, number, ref)
            return mailboxes.events(connection, number, mailbox.id, min(limit, _MOST_EVENTS))

        return self._store.read(work)

    def create_mailbox(
        self,
        actor: Actor,
        values: Mapping[str, object],
        secret: str | Secret | None = None,
        tenant_id: int | None = None,
        former: Version | None = None,
    ) -> Future[MailboxView]:
        """A new mailbox. `former`: the last version of a deleted one that this is again. Raises BadInput with every
        fault.
        """
        require(actor, Scope.SETTINGS_WRITE)
        number, moment = tenant_for(actor, tenant_id), now_ms()
        mailbox_id, version = (self._store.ids.next(), 1) if former is None else (former.noun_id, former.version + 1)
        blank = Mailbox(mailbox_id, number, "", "", 0, created_ms=moment, version=version)

        def work(connection: Connection) -> MailboxView:
            self._existing(connection, number)
            if len(mailboxes.of_tenant(connection, number)) >= _MOST_MAILBOXES:
                raise Conflict(
                    Sentence("There are {most} mailboxes already. Delete one that is not needed.", most=_MOST_MAILBOXES)
                )
            reading = Reading()
            new, typed = self._typed(connection, actor, blank, values, secret, reading, new=True)
            reading.close()
            mailboxes.create(connection, new)
            if typed is not None:
                self._seal(connection, new.access, typed, moment, actor)
            return _view(connection, _found(connection, number, mailbox_id))

        return self._change(work, actor)

    def change_mailbox(
        self,
        actor: Actor,
        ref: Ref,
        values: Mapping[str, object],
        secret: str | Secret | None = None,
        tenant_id: int | None = None,
    ) -> Future[MailboxView]:
        """Changes what is given; a blank secret stays as it was. Raises BadInput with every fault, NotFound.

        When what the secret was typed for changes and no new one is given, the old one is deleted and the view says so.
        Another server, user or folder is read from its beginning.
        """
        require(actor, Scope.SETTINGS_WRITE)
        number, moment = tenant_for(actor, tenant_id), now_ms()

        def work(connection: Connection) -> MailboxView:
            old = _found(connection, number, ref)
            reading = Reading()
            new, typed = self._typed(connection, actor, old, values, secret, reading)
            reading.close()
            mailboxes.save(connection, new)
            dropped = self._keep_right(connection, old.access, new.access, typed, moment, actor)
            if (old.host, old.user, old.folder) != (new.host, new.user, new.folder):
                mailbox_reading.begin_anew(connection, number, old.id)
            mailbox_reading.ask(connection, number, old.id, moment)
            return replace(_view(connection, _found(connection, number, old.id)), secret_dropped=dropped)

        return self._change(work, actor)

    def delete_mailbox(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[None]:
        """Deletes it with its secret and its log; the mail that was taken in stays. Raises NotFound."""
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> None:
            mailboxes.remove(connection, number, _found(connection, number, ref).id)

        return self._change(work, actor)

    def fetch_mailbox(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[MailboxView]:
        """Has it read now, by whichever process reads it. Raises NotFound, Conflict for one that is switched off."""
        require(actor, Scope.ACT)
        number, moment = tenant_for(actor, tenant_id), now_ms()

        def work(connection: Connection) -> MailboxView:
            mailbox = _found(connection, number, ref)
            if not mailbox.enabled:
                raise Conflict(Sentence("{name} is switched off. Switch it on first.", name=mailbox.name))
            mailbox_reading.ask(connection, number, mailbox.id, moment)
            return _view(connection, mailbox)

        return self._store.write(work)

    def mailbox_to_try(
        self,
        actor: Actor,
        ref: Ref | None,
        values: Mapping[str, object] | None = None,
        secret: str | Secret | None = None,
        tenant_id: int | None = None,
    ) -> Future[MailboxToTry]:
        """The mailbox of this name or id, with these values where any are given; without a name a new one.

        Nothing is saved. Raises NotFound, Conflict while this database may be a copy, BadInput with every fault.
        """
        require(actor, Scope.SETTINGS_WRITE)
        number, blank_id = tenant_for(actor, tenant_id), self._store.ids.next()
        if self.snapshot.clone is not None:
            raise Conflict("This database may be a copy, so it logs in nowhere. Say first which of the two it is.")

        def work(connection: Connection) -> MailboxToTry:
            self._existing(connection, number)
            blank = Mailbox(blank_id, number, "", "", 0, created_ms=now_ms())
            old = blank if ref is None else _found(connection, number, ref)
            if not values and not secret and ref is not None:
                return MailboxToTry(old)
            reading = Reading()
            new, typed = self._typed(connection, actor, old, values or {}, secret, reading, new=ref is None)
            edited = ref is None or typed is not None or new != old
            if edited and typed is None and new.login is not Login.OAUTH2:
                _want_secret(reading)
            reading.close()
            return MailboxToTry(new, True, typed) if edited else MailboxToTry(old)

        return self._store.read(work)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _typed(
        self,
        connection: Connection,
        actor: Actor,
        old: Mailbox,
        values: Mapping[str, object],
        secret: str | Secret | None,
        reading: Reading,
        *,
        new: bool = False,
    ) -> tuple[Mailbox, Secret | None]:
        """The mailbox as the values make it, and what is to be sealed. Faults go to `reading`."""
        given = read(values, reading)
        typed = read_secret(values, secret, reading)
        connector = given.pop("connector_id", old.connector_id)
        changed = apply(old, given, typed, reading)
        access = choose_connector(connection, changed.access, connector, reading)
        changed = replace(changed, connector_id=access.connector_id)
        former = None if new else old.access
        check_leave(actor, former, access, self._settings, reading, mailbox=True)
        other = mailboxes.by_name(connection, changed.tenant_id, changed.name)
        if other is not None and other.id != changed.id:
            reading.fault("name", "is the name of another mailbox.", "Choose another name.")
        return changed, self._to_seal(actor, former, access, typed, references.FIELD in given, reading)


def mailbox_meant(connection: Connection, tenant_id: int, ref: Ref) -> Mailbox | None:
    """The tenant's mailbox that is meant, by id or name."""
    return meant(MAILBOX, ref, mailboxes.get, mailboxes.by_name, connection, tenant_id)


def _found(connection: Connection, tenant_id: int, ref: Ref) -> Mailbox:
    found = mailbox_meant(connection, tenant_id, ref)
    if found is None:
        raise NotFound("There is no such mailbox here.")
    return found


def _view(connection: Connection, mailbox: Mailbox) -> MailboxView:
    state = mailbox_reading.state(connection, mailbox.tenant_id, mailbox.id)
    by = credentials.set_by(connection, mailbox.tenant_id, mailbox.id) if mailbox.has_secret else ""
    return MailboxView(mailbox, state, mailbox_needs(mailbox), secret_set_by=by)


def _want_secret(reading: Reading) -> None:
    reading.fault(
        "secret",
        "is needed to test values that are not saved: what is stored is only used for what it was typed for.",
        "Type it along, or save the mailbox and test it then.",
    )


def mailbox_needs(mailbox: Mailbox) -> tuple[str, ...]:
    """What is missing before it can be read, in sentences."""
    if mailbox.login is Login.OAUTH2 and mailbox.oauth2_flow.needs_consent:
        return () if mailbox.granted_ms is not None else (N_("Nobody has consented yet: connect it."),)
    return () if mailbox.has_secret else (N_("It needs its password."),)
