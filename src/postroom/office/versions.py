"""The office's verbs for versions: what was changed, comparing two, returning to one, restoring what was deleted.

Returning is a change like any other, by the same verbs: it makes a new version, is checked and audited. A secret never
travels back. The one that is stored stays only while it belongs to the server that the older version names; otherwise
it is dropped, as by any change of a server (P7), and the answer says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection

from postroom.errors import Conflict, NotFound
from postroom.ids import decode
from postroom.model.application import Actor, Application, Scope
from postroom.model.kind import Kind
from postroom.model.template import Layout, Template
from postroom.model.tenant import Tenant
from postroom.model.version import Difference, Version, content_of, differences
from postroom.office.accounts import AccountVerbs
from postroom.office.changes import Ref, require, tenant_for
from postroom.office.connector_choice import connector_meant
from postroom.office.connectors import ConnectorVerbs, ConnectorView
from postroom.office.fallback import usable
from postroom.office.keys import KeyVerbs, find_application
from postroom.office.kinds import KindVerbs, kind_meant
from postroom.office.mailboxes import MailboxVerbs, MailboxView, mailbox_meant
from postroom.office.senders import SenderVerbs
from postroom.office.templates import TemplateVerbs, layout_meant, template_meant
from postroom.office.tenants import TenantVerbs, find_account_number, find_sender_number
from postroom.office.views import AccountView, SenderView
from postroom.office.webhooks import WebhookVerbs, WebhookView, webhook_meant
from postroom.sentence import Sentence
from postroom.store import accounts, connectors, senders, versions

__all__ = ["Compared", "Deleted", "Restored", "Returned", "VersionVerbs"]

T = TypeVar("T")
U = TypeVar("U")
_DELETABLE = {
    "account": "a",
    "sender": "s",
    "connector": "x",
    "kind": "d",
    "webhook": "h",
    "template": "v",
    "layout": "l",
    "mailbox": "z",
}
_REFERENCES = {
    "default_account_id": "accounts",
    "default_sender_id": "senders",
    "account_id": "accounts",
    "fallback_account_id": "usable",
    "connector_id": "connectors",
}
_NOT_RETURNED = frozenset({"has_secret", "has_client_key", "suspended", "secret_reference"})
"""Of a reference, because going back is no new word about which server may have the password that it leads to."""

_SIGNED_ANEW = "Its deliveries are signed with a new secret: `postroom webhook rotate` shows one to put in over there."


@dataclass(frozen=True, slots=True)
class Compared:
    before: Version
    after: Version
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Returned:
    """`version` is the new one. `kept`: fields left as they are, because what they named then is deleted.

    `secret_dropped` and `needs` as in `AccountView`.
    """

    version: int
    kept: tuple[str, ...] = ()
    secret_dropped: bool = False
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Deleted:
    """`mark`: when and by whom it was deleted; `last`: what it was before."""

    mark: Version
    last: Version


@dataclass(frozen=True, slots=True)
class Restored:
    """What it is again, and what `Returned` tells."""

    noun: str
    id: int
    returned: Returned


class VersionVerbs(
    TenantVerbs,
    AccountVerbs,
    SenderVerbs,
    ConnectorVerbs,
    KeyVerbs,
    KindVerbs,
    WebhookVerbs,
    TemplateVerbs,
    MailboxVerbs,
):
    """`noun` is a word of `model.version.NOUNS`; a tenant's `ref` is its number."""

    def versions(self, actor: Actor, noun: str, ref: Ref, tenant_id: int | None = None) -> Future[list[Version]]:
        """All versions, the newest first. Raises NotFound."""
        require(actor, Scope.SETTINGS_READ)
        number = _owner(actor, noun, ref, tenant_id)
        return self._store.read(lambda c: self._versions(c, noun, number, ref))

    def compare(
        self,
        actor: Actor,
        noun: str,
        ref: Ref,
        before: int | None = None,
        after: int | None = None,
        tenant_id: int | None = None,
    ) -> Future[Compared]:
        """What differs between two versions; by default what the last change changed. Raises NotFound."""
        require(actor, Scope.SETTINGS_READ)
        number = _owner(actor, noun, ref, tenant_id)

        def work(connection: Connection) -> Compared:
            every = self._versions(connection, noun, number, ref)
            later = _chosen(every, after) if after is not None else every[0]
            if before is not None:
                earlier = _chosen(every, before)
            else:
                earlier = next((one for one in every if one.version < later.version), later)
            return Compared(earlier, later, tuple(differences(earlier.values, later.values)))

        return self._store.read(work)

    def return_to(
        self, actor: Actor, noun: str, ref: Ref, version: int, tenant_id: int | None = None
    ) -> Future[Returned]:
        """Sets everything as it was in that version. Raises NotFound, and BadInput for what can't be so any more.

        Whether a tenant is suspended is no setting of its own and stays.
        """
        require(actor, Scope.APPLICATIONS if noun == "application" else Scope.SETTINGS_WRITE)
        number = _owner(actor, noun, ref, tenant_id)

        def work(connection: Connection) -> tuple[Version, tuple[str, ...]]:
            chosen = _chosen(self._versions(connection, noun, number, ref), version)
            if chosen.deleted:
                raise Conflict("In that version it was deleted. Choose one before it.")
            return chosen, _gone(connection, number, chosen.values)

        def change(found: tuple[Version, tuple[str, ...]]) -> Future[Returned]:
            chosen, gone = found
            changing = self._changing(actor, noun, chosen.noun_id, number, _settable(chosen, gone))
            return _then(changing, lambda view: _now(_returned(view, gone)))

        return _then(self._store.read(work), change)

    # -- what was deleted ---------------------------------------------------------------------------------------------

    def deleted(self, actor: Actor, tenant_id: int | None = None) -> Future[list[Deleted]]:
        """The accounts and senders that are deleted and can be restored; what was deleted last comes first."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> list[Deleted]:
            self._existing(connection, number)
            found = []
            for mark in versions.deleted(connection, number):
                last = versions.get(connection, number, mark.noun_id, mark.version - 1)
                if last is not None:
                    found.append(Deleted(mark, last))
            return found

        return self._store.read(work)

    def deleted_versions(self, actor: Actor, thing: str, tenant_id: int | None = None) -> Future[list[Version]]:
        """All versions of what was deleted, by its id; the newest first. Raises NotFound."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)
        return self._store.read(lambda c: _buried(c, number, thing))

    def restore_deleted(
        self, actor: Actor, thing: str, version: int | None = None, tenant_id: int | None = None
    ) -> Future[Restored]:
        """Makes a deleted account or sender anew, with its id, as it was last or in that version.

        Its password is gone with it and has to be typed again. Raises NotFound, Conflict, and BadInput for what can't
        be so any more, such as a name that another one has now.
        """
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> tuple[Version, Version, tuple[str, ...]]:
            every = _buried(connection, number, thing)
            chosen = every[1] if version is None else _chosen(every, version)
            if chosen.deleted:
                raise Conflict("In that version it was deleted. Choose one before it.")
            return every[0], chosen, _gone(connection, number, chosen.values)

        def make(found: tuple[Version, Version, tuple[str, ...]]) -> Future[Restored]:
            mark, chosen, gone = found
            back = self._made_again(actor, mark, _settable(chosen, gone), number)
            return _then(back, lambda view: _now(Restored(mark.noun, mark.noun_id, _returned(view, gone))))

        return _then(self._store.read(work), make)

    # -- what the verbs share -----------------------------------------------------------------------------------------

    def _made_again(self, actor: Actor, mark: Version, values: Mapping[str, object], tenant_id: int) -> Future[Any]:
        if mark.noun == "account":
            return self.create_account(actor, values, tenant_id=tenant_id, former=mark)
        if mark.noun == "connector":
            return self.create_connector(actor, values, tenant_id, former=mark)
        if mark.noun == "kind":
            return self.create_kind(actor, values, tenant_id, former=mark)
        if mark.noun == "webhook":
            return self.create_webhook(actor, values, tenant_id, former=mark)
        if mark.noun == "template":
            return self.create_template(actor, values, tenant_id, former=mark)
        if mark.noun == "layout":
            return self.create_layout(actor, values, tenant_id, former=mark)
        if mark.noun == "mailbox":
            return self.create_mailbox(actor, values, tenant_id=tenant_id, former=mark)
        return self.create_sender(actor, values, tenant_id, former=mark)

    def _changing(
        self, actor: Actor, noun: str, thing_id: int, tenant_id: int, values: Mapping[str, object]
    ) -> Future[Any]:
        if noun == "account":
            return self.change_account(actor, thing_id, values, tenant_id=tenant_id)
        if noun == "sender":
            return self.change_sender(actor, thing_id, values, tenant_id)
        if noun == "application":
            return self.change_application(actor, thing_id, values, tenant_id)
        if noun == "connector":
            return self.change_connector(actor, thing_id, values, tenant_id)
        if noun == "kind":
            return self.change_kind(actor, thing_id, values, tenant_id)
        if noun == "webhook":
            return self.change_webhook(actor, thing_id, values, tenant_id)
        if noun == "template":
            return self.change_template(actor, thing_id, values, tenant_id, whole=True)
        if noun == "layout":
            return self.change_layout(actor, thing_id, values, tenant_id)
        if noun == "mailbox":
            return self.change_mailbox(actor, thing_id, values, tenant_id=tenant_id)
        return self.change_tenant(actor, values, tenant_id)

    def _versions(self, connection: Connection, noun: str, tenant_id: int, ref: Ref) -> list[Version]:
        """The newest first. One that no change has made yet stands for what is there."""
        thing = self._thing(connection, noun, tenant_id, ref)
        found = versions.of_thing(connection, tenant_id, thing.id)
        if found and found[0].version == thing.version:
            return found
        return [Version(tenant_id, noun, thing.id, thing.version, thing.created_ms, "", content_of(thing)), *found]

    def _thing(self, connection: Connection, noun: str, tenant_id: int, ref: Ref) -> Any:
        if noun == "tenant":
            return self._existing(connection, tenant_id)
        self._existing(connection, tenant_id)
        if noun == "account":
            number = find_account_number(connection, tenant_id, ref)
            found: Any = None if number is None else accounts.get(connection, tenant_id, number)
        elif noun == "application":
            found = find_application(connection, tenant_id, ref)
        elif noun == "connector":
            found = connector_meant(connection, tenant_id, ref)
        elif noun == "kind":
            found = kind_meant(connection, tenant_id, ref)
        elif noun == "webhook":
            found = webhook_meant(connection, tenant_id, ref)
        elif noun == "template":
            found = template_meant(connection, tenant_id, ref)
        elif noun == "layout":
            found = layout_meant(connection, tenant_id, ref)
        elif noun == "mailbox":
            found = mailbox_meant(connection, tenant_id, ref)
        else:
            number = find_sender_number(connection, tenant_id, ref)
            found = None if number is None else senders.get(connection, tenant_id, number)
        if found is None:
            raise NotFound(Sentence("There is no such {noun} here.", noun=noun))
        return found


def _owner(actor: Actor, noun: str, ref: Ref, tenant_id: int | None) -> int:
    """Whose thing it is. A tenant is its own."""
    return tenant_for(actor, int(ref) if noun == "tenant" else tenant_id)


def _chosen(every: list[Version], version: int) -> Version:
    for one in every:
        if one.version == version:
            return one
    raise NotFound("There is no such version of it.")


def _settable(chosen: Version, gone: tuple[str, ...]) -> dict[str, Any]:
    return {field: value for field, value in chosen.values.items() if field not in gone and field not in _NOT_RETURNED}


def _buried(connection: Connection, tenant_id: int, thing: str) -> list[Version]:
    """The versions of what is deleted, by its id; the newest, which is empty, first. Raises NotFound."""
    for noun, letter in _DELETABLE.items():
        number = decode(letter, thing)
        found = [] if number is None else versions.of_thing(connection, tenant_id, number)
        if len(found) > 1 and found[0].deleted and found[0].noun == noun:
            return found
    raise NotFound("There is nothing deleted of this id here.")


def _gone(connection: Connection, tenant_id: int, values: Mapping[str, Any]) -> tuple[str, ...]:
    """Fields that name an account, a sender or a connector which is not there any more."""
    finders: dict[str, Callable[[Connection, int, int], object | None]] = {
        "accounts": accounts.get,
        "connectors": connectors.get,
        "senders": senders.get,
        "usable": lambda c, tenant, number: usable(c, tenant).get(number),
    }
    named = [(field, values[field]) for field in _REFERENCES if values.get(field) is not None]
    return tuple(field for field, number in named if finders[_REFERENCES[field]](connection, tenant_id, number) is None)


def _returned(
    view: AccountView
    | ConnectorView
    | SenderView
    | WebhookView
    | Tenant
    | Application
    | Kind
    | Template
    | Layout
    | MailboxView,
    gone: tuple[str, ...],
) -> Returned:
    if isinstance(view, AccountView):
        return Returned(view.account.version, gone, view.secret_dropped, view.needs)
    if isinstance(view, ConnectorView):
        return Returned(view.connector.version, gone, view.secret_dropped, view.needs)
    if isinstance(view, MailboxView):
        return Returned(view.mailbox.version, gone, view.secret_dropped, view.needs)
    if isinstance(view, WebhookView):
        needs = () if view.secret is None else (_SIGNED_ANEW,)
        return Returned(view.webhook.version, gone, view.secret is not None, needs)
    return Returned(view.sender.version if isinstance(view, SenderView) else view.version, gone)


def _now(value: T) -> Future[T]:
    future: Future[T] = Future()
    future.set_result(value)
    return future


def _then(first: Future[T], follow: Callable[[T], Future[U]]) -> Future[U]:
    """The future of what follows; an error of either is its error. A caller who goes away cancels nothing."""
    future: Future[U] = Future()
    future.set_running_or_notify_cancel()

    def ended(second: Future[U]) -> None:
        error = second.exception()
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(second.result())

    def came(done: Future[T]) -> None:
        try:
            follow(done.result()).add_done_callback(ended)
        except Exception as error:
            future.set_exception(error)

    first.add_done_callback(came)
    return future
