"""The facade for looking: messages, the mailing log, timelines, contents, the queue, health.

Reading only, but for the audit trail of who looked at contents. Everything is asked for one tenant (P8); what an
inherited account of the installation is called may be seen by the tenants that use it, and nothing else of it.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from typing import Protocol

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.errors import BadInput, Fault, Forbidden, NotFound
from postroom.ids import encode, time_of
from postroom.model.account import AccountState
from postroom.model.application import Actor, Scope
from postroom.model.audit import Entry
from postroom.model.event import Event
from postroom.model.message import Message, Recipient
from postroom.model.state import State
from postroom.policy.course import TELLING, course
from postroom.policy.snapshot import NATIVE, Snapshot
from postroom.policy.tongue import ENGLISH
from postroom.reports.evidence import Evidence, SettingsThen, harmless
from postroom.reports.health import look
from postroom.reports.leaving import Going, going, leaving
from postroom.reports.views import (
    Health,
    MessageView,
    Page,
    Query,
    QueueLine,
    RecipientView,
    TenantQueueLine,
    Timeline,
)
from postroom.reports.wording import diagnosed, mend, retold, shown_state, words
from postroom.sentence import Sentence
from postroom.store import audit, lines, messages, queue, timeline, unknown_answers, versions
from postroom.store.activity import Activity, activity
from postroom.store.database import Store
from postroom.store.query import account_id_of, wanted_of
from postroom.store.queue import Load
from postroom.store.search import Count, count, search
from postroom.store.signs import Signs, signs
from postroom.store.unknown_answers import UnknownAnswer
from postroom.store.volumes import Volume, volumes

__all__ = ["Reports"]

_MOST_EVENTS = 2_000
_MOST_ATTEMPTS = 200
_MOST_HOURS = 168
_DAY_MS = 24 * 3600 * 1000


class Settled(Protocol):
    """Where the settings of this moment are found (the office)."""

    @property
    def snapshot(self) -> Snapshot: ...


class Reports:
    def __init__(self, store: Store, office: Settled) -> None:
        self._store = store
        self._office = office

    # -- one message ------------------------------------------------------------------------------------------------

    def message(
        self, actor: Actor, message_id: int, tenant_id: int | None = None, language: str = ENGLISH
    ) -> Future[MessageView]:
        """The message with all its recipients, explained in this language. Raises NotFound."""
        _require(actor, Scope.READ)
        number, snapshot = _tenant_for(actor, tenant_id), self._office.snapshot

        return self._store.read(lambda c: _view_of(c, snapshot, number, message_id, language))

    def timeline(
        self,
        actor: Actor,
        message_id: int,
        tenant_id: int | None = None,
        n: int | None = None,
        language: str = ENGLISH,
    ) -> Future[Timeline]:
        """All that happened to it, or to its recipient `n`, with the attempts' conversations. Raises NotFound."""
        _require(actor, Scope.READ)
        number, snapshot = _tenant_for(actor, tenant_id), self._office.snapshot

        return self._store.read(lambda c: _timeline_of(c, snapshot, number, message_id, n, language))

    def evidence(
        self, actor: Actor, message_id: int, tenant_id: int | None = None, language: str = ENGLISH
    ) -> Future[Evidence]:
        """All that this actor may hand to somebody else's help desk; `evidence.pack` makes the file. Raises NotFound.

        The content is in it for who may see contents, and that look is in the audit trail; the settings of the
        tenant's own accounts for who may see settings. What is not in it, is told.
        """
        _require(actor, Scope.READ)
        number, snapshot = _tenant_for(actor, tenant_id), self._office.snapshot

        def work(connection: Connection) -> Evidence:
            view = _view_of(connection, snapshot, number, message_id, language)
            happened = _timeline_of(connection, snapshot, number, message_id, None, language)
            content, why = _content_of(connection, actor, view)
            if content is not None:
                looked = Entry(number, "message.content-seen", now_ms(), message_id, after={"evidence": True}).by(actor)
                audit.note(connection, [(self._store.ids.next(), looked)])
            settings, no_settings = _settings_then(connection, actor, number, happened)
            return Evidence(view, happened, content, why, settings, no_settings, language)

        return self._store.write(work) if actor.may(Scope.CONTENT) else self._store.read(work)

    def content(self, actor: Actor, message_id: int, tenant_id: int | None = None) -> Future[bytes]:
        """The bytes as they were fixed at acceptance. Raises NotFound, with words that say why they are not kept.

        What was marked secret is shown to nobody, not even while it is still kept: Forbidden. Every look is in the
        audit trail before anything is shown.
        """
        _require(actor, Scope.CONTENT)
        number = _tenant_for(actor, tenant_id)

        def work(connection: Connection) -> bytes:
            message = _existing(connection, number, message_id)
            if message.secret:
                raise Forbidden("The message is marked secret; nobody sees its content.")
            content = messages.content(connection, number, message_id)
            if content is None:
                raise NotFound(_why_gone(messages.recipients(connection, number, message_id)))
            looked = Entry(number, "message.content-seen", now_ms(), message_id).by(actor)
            audit.note(connection, [(self._store.ids.next(), looked)])
            return content

        return self._store.write(work)

    # -- the log ----------------------------------------------------------------------------------------------------

    def search(
        self,
        actor: Actor,
        query: Query | None = None,
        cursor: str | None = None,
        limit: int = 50,
        tenant_id: int | None = None,
    ) -> Future[Page]:
        """Newest first, up to 200 a page; `cursor` is the `next` of the page before. Raises BadInput."""
        _require(actor, Scope.READ)
        number, snapshot = _tenant_for(actor, tenant_id), self._office.snapshot
        wanted = wanted_of(snapshot, number, query or Query(), cursor, limit)

        def work(connection: Connection) -> Page:
            found = search(connection, number, wanted, limit)
            items = lines.lines(connection, number, found.ids, wanted.held_accounts)
            if found.below is None:
                return Page(items, None)
            return Page(items, encode("c", found.below), time_of(found.below))

        return self._store.read(work)

    def count(self, actor: Actor, query: Query | None = None, tenant_id: int | None = None) -> Future[Count]:
        """How many messages a search finds, as far as can be told within a second. Raises BadInput."""
        _require(actor, Scope.READ)
        number, snapshot = _tenant_for(actor, tenant_id), self._office.snapshot
        wanted = wanted_of(snapshot, number, query or Query())
        return self._store.read(lambda c: count(c, number, wanted))

    def silenced(
        self, actor: Actor, cursor: str | None = None, limit: int = 50, tenant_id: int | None = None
    ) -> Future[Page]:
        """The silent mailbox: what was kept instead of being sent."""
        return self.search(actor, Query(state=State.SILENCED), cursor, limit, tenant_id)

    # -- the queue --------------------------------------------------------------------------------------------------

    def queue(self, actor: Actor, tenant_id: int | None = None) -> Future[list[QueueLine]]:
        """One line for each account of the tenant, and for every other that has something of his before it."""
        _require(actor, Scope.READ)
        number, snapshot, moment = _tenant_for(actor, tenant_id), self._office.snapshot, now_ms()

        def work(connection: Connection) -> list[QueueLine]:
            found = {load.account_id: load for load in queue.loads(connection, number, moment)}
            own = [account.id for account in snapshot.accounts.values() if account.tenant_id == number]
            order = [*own, *(one for one in found if one not in own)]
            known = {one: snapshot.accounts[one] for one in order if one is not None and one in snapshot.accounts}
            goes = {
                one: going(connection, snapshot, account, found.get(one, Load(one)).waiting, moment)
                for one, account in known.items()
            }
            return [_queue_line(snapshot, found.get(one, Load(one)), goes.get(one or 0, Going())) for one in order]

        return self._store.read(work)

    def queue_of_tenants(self, actor: Actor) -> Future[list[TenantQueueLine]]:
        """One line for each tenant that has something before it; for those whose rights are installation-wide."""
        _require(actor, Scope.READ)
        snapshot = self._office.snapshot
        tenants = [number for number in sorted(snapshot.tenants) if actor.reaches(number)]

        def work(connection: Connection) -> list[TenantQueueLine]:
            return [
                TenantQueueLine(
                    one.tenant_id,
                    one.waiting,
                    None if one.oldest_id is None else time_of(one.oldest_id),
                    one.held,
                    one.unknown,
                    one.sending,
                )
                for one in queue.tenant_loads(connection, tenants)
            ]

        return self._store.read(work)

    def signs(self, actor: Actor, tenant_id: int | None = None) -> Future[Signs]:
        """What differs as soon as anything happens to the tenant's newest mail; for pages that follow it."""
        _require(actor, Scope.READ)
        number = _tenant_for(actor, tenant_id)
        return self._store.read(lambda c: signs(c, number))

    def volumes(self, actor: Actor, tenant_id: int | None = None) -> Future[dict[int, Volume]]:
        """By account id: what became of the mail of the last 24 hours. Numbers only, so whoever sees accounts may."""
        _require(actor, Scope.SETTINGS_READ)
        number, since = _tenant_for(actor, tenant_id), now_ms() - _DAY_MS
        return self._store.read(lambda c: volumes(c, number, since))

    def account_number(self, actor: Actor, ref: str, tenant_id: int | None = None) -> int | None:
        """The account that a question means by id or name; None for none, -1 for one that is not there."""
        return account_id_of(self._office.snapshot, _tenant_for(actor, tenant_id), ref)

    def activity(
        self,
        actor: Actor,
        tenant_id: int | None = None,
        hours: int = 24,
        *,
        account_id: int | None = None,
        sender: str = "",
    ) -> Future[Activity]:
        """What became of the mail of the last hours, hour by hour; 1 to 168 of them. For the installation: of all.

        `account_id`, `sender`: only of the mail that goes or went through this account, from this address.
        """
        _require(actor, Scope.READ)
        number, moment = _tenant_for(actor, tenant_id), now_ms()
        if not 1 <= hours <= _MOST_HOURS:
            raise BadInput(
                [Fault("hours", Sentence("is not from 1 to {most_hours}.", most_hours=_MOST_HOURS), "24 are a day.")]
            )
        return self._store.read(lambda c: activity(c, number, moment, hours, account_id=account_id, sender=sender))

    # -- what no rule knows -----------------------------------------------------------------------------------------

    def unknown_answers(self, actor: Actor, tenant_id: int | None = None) -> Future[list[UnknownAnswer]]:
        """How often servers said what no rule knows, the most frequent first; without their words."""
        _require(actor, Scope.SETTINGS_READ)
        number = _tenant_for(actor, tenant_id)
        return self._store.read(lambda c: unknown_answers.of_tenant(c, number))

    # -- health -----------------------------------------------------------------------------------------------------

    def health(self) -> Future[Health]:
        """Whether mail is accepted and leaves, for monitors: it asks for no key, tells of no tenant, never raises."""
        moment = now_ms()
        future: Future[Health] = Future()
        future.set_running_or_notify_cancel()

        def told(read: Future[Health]) -> None:
            error = read.exception()
            if error is None:
                future.set_result(read.result())
            else:
                future.set_result(Health(False, False, str(error), moment, problems=(str(error),)))

        try:
            self._store.read(lambda c: look(c, moment)).add_done_callback(told)
        except RuntimeError:
            future.set_result(Health(False, False, "closed", moment, problems=("Postroom is stopping.",)))
        return future


def _require(actor: Actor, scope: Scope) -> None:
    if not actor.may(scope):
        raise Forbidden(Sentence("That needs the right {scope}.", scope=scope.value), needs=scope.value)


def _tenant_for(actor: Actor, tenant_id: int | None) -> int:
    if tenant_id is None:
        return actor.tenant_id
    if actor.reaches(tenant_id):
        return tenant_id
    raise NotFound("There is no such tenant here.")


def _existing(connection: Connection, tenant_id: int, message_id: int) -> Message:
    message = messages.get(connection, tenant_id, message_id) if 0 <= message_id < 1 << 63 else None
    if message is None:
        raise NotFound("There is no such message here.")
    return message


def _view_of(connection: Connection, snapshot: Snapshot, tenant_id: int, message_id: int, language: str) -> MessageView:
    message = _existing(connection, tenant_id, message_id)
    recipients = messages.recipients(connection, tenant_id, message_id)
    leaves = leaving(connection, snapshot, recipients, now_ms())
    known = timeline.events(connection, tenant_id, message_id, _MOST_EVENTS, kinds=TELLING)
    views = (_recipient_view(snapshot, message, one, leaves.get(one.n), language) for one in recipients)
    return MessageView(
        message=message,
        recipients=tuple(replace(one, course=course(message.created_ms, one.n, known)) for one in views),
        has_content=messages.has_content(connection, tenant_id, message_id),
        application=_application(snapshot, message),
    )


def _timeline_of(
    connection: Connection, snapshot: Snapshot, tenant_id: int, message_id: int, n: int | None, language: str
) -> Timeline:
    _existing(connection, tenant_id, message_id)
    happened = timeline.events(connection, tenant_id, message_id, _MOST_EVENTS + 1, n)
    tried = timeline.attempts(connection, tenant_id, message_id, _MOST_ATTEMPTS + 1, n)
    used = {one.account_id for one in tried if one.account_id is not None}
    return Timeline(
        message_id=message_id,
        events=tuple(_told_again(snapshot, tenant_id, one, language) for one in happened[:_MOST_EVENTS]),
        attempts=tuple(tried[-_MOST_ATTEMPTS:]),
        accounts={one: _account_name(snapshot, one) for one in used},
        more=len(happened) > _MOST_EVENTS or len(tried) > _MOST_ATTEMPTS,
    )


def _content_of(connection: Connection, actor: Actor, view: MessageView) -> tuple[bytes | None, str]:
    """The bytes for an evidence file, or why they are not in it."""
    message = view.message
    if message.secret:
        return None, "the message is marked secret; nobody sees its content."
    if not actor.may(Scope.CONTENT):
        return None, "whoever made this file may not see the contents of messages."
    content = messages.content(connection, message.tenant_id, message.id)
    return content, "" if content is not None else "it is not kept any more, or never was."


def _settings_then(
    connection: Connection, actor: Actor, tenant_id: int, happened: Timeline
) -> tuple[tuple[SettingsThen, ...], str]:
    """What the tenant's own accounts were set to at each attempt, each version once."""
    if not actor.may(Scope.SETTINGS_READ):
        return (), "whoever made this file may not see settings."
    found, missing = [], False
    used = dict.fromkeys((one.account_id, one.account_version) for one in happened.attempts)
    for account_id, version in used:
        then = None if account_id is None else versions.get(connection, tenant_id, account_id, version)
        if then is None:
            missing = True
        else:
            name = str(then.values.get("name", "")) or happened.accounts.get(account_id or 0, "")
            found.append(SettingsThen(name, version, harmless(then.values)))
    why = "some account is not this tenant's own, or that version of its settings is not kept." if missing else ""
    return tuple(found), why


def _application(snapshot: Snapshot, message: Message) -> str:
    application = snapshot.applications.get(message.application_id or 0)
    return "" if application is None else application.name


def _account_name(snapshot: Snapshot, account_id: int | None) -> str:
    if account_id == NATIVE:
        return "native"
    account = None if account_id is None else snapshot.accounts.get(account_id)
    return "" if account is None else account.name


def _recipient_view(
    snapshot: Snapshot, message: Message, one: Recipient, leaves_ms: int | None, language: str
) -> RecipientView:
    account = None if one.account_id is None else snapshot.accounts.get(one.account_id)
    said, rule = words(message, one, account, language), diagnosed(one)
    return RecipientView(
        n=one.n,
        address=one.address,
        role=one.role,
        state=shown_state(one, account),
        account_id=one.account_id,
        account=_account_name(snapshot, one.account_id),
        due_ms=one.due_ms,
        leaves_ms=leaves_ms,
        attempts=one.attempts,
        reason=one.reason,
        diagnosis=one.diagnosis,
        scope=one.scope,
        reply=one.reply,
        explanation=said.explanation,
        remedy=said.remedy,
        field="" if rule is None else rule.field,
        apply=mend(message, one, account),
        updated_ms=one.updated_ms,
    )


def _told_again(snapshot: Snapshot, tenant_id: int, event: Event, language: str) -> Event:
    """Titles are kept in English; a name is filled in only of an account that is the tenant's own."""
    if language == ENGLISH or "diagnosis" not in event.detail:
        return event
    account = snapshot.account_named(tenant_id, str(event.detail.get("account", "")))
    return replace(event, detail=retold(event.detail, account, language))


def _why_gone(recipients: list[Recipient]) -> str:
    if recipients and all(one.state is State.DISABLED for one in recipients):
        return "The content was never kept, because sending is disabled."
    return "The content is not kept any more: its time was over (see content_days). The rest of the log is."


def _queue_line(snapshot: Snapshot, load: Load, goes: Going) -> QueueLine:
    account = None if load.account_id is None else snapshot.accounts.get(load.account_id)
    state, reason = "ready" if load.account_id == NATIVE else "none", ""
    if account is not None:
        reason = account.paused_reason
        state = account.state.value if account.enabled or account.state is AccountState.PAUSED else "disabled"
    return QueueLine(
        account_id=load.account_id,
        account=_account_name(snapshot, load.account_id),
        state=state,
        reason=reason,
        waiting=load.waiting,
        due=load.due,
        oldest_ms=None if load.oldest_id is None else time_of(load.oldest_id),
        held=load.held,
        unknown=load.unknown,
        sending=load.sending,
        per_minute=goes.per_minute,
        slow=goes.slow,
        empty_ms=goes.empty_ms,
    )
