"""The office's verbs for webhooks: making and changing them, their secrets, pausing, going back, deleting.

The secret is made here, shown once, and sealed to the server that the deliveries go to: another server gets another
secret, in the same change. A new one may be given while the old one goes on signing for a while beside it. Whoever
makes a webhook that is told of messages has to have the right to see them.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.errors import BadInput, Conflict, Fault, NotFound
from postroom.ids import decode
from postroom.model.application import Actor, Scope
from postroom.model.audit import Entry
from postroom.model.version import Version
from postroom.model.webhook import Delivery, Progress, Webhook, WebhookState
from postroom.office.changes import Changes, Ref, meant, require, tenant_for
from postroom.office.fields import Reading
from postroom.office.webhook_values import check_place, read
from postroom.secrets import SealedTo, Secret
from postroom.sentence import Sentence
from postroom.store import deliveries, feed, webhooks

__all__ = ["CURSOR", "WebhookVerbs", "WebhookView", "pause", "webhook_meant"]

CURSOR = "f"
"""The letter of places in the feed."""
OVERLAP_HOURS = 24
_MOST_OVERLAP_HOURS = 7 * 24
_MOST_WEBHOOKS = 50
_HOUR_MS = 3600 * 1000
_SECRET_OCTETS = 32


@dataclass(frozen=True, slots=True)
class WebhookView:
    """A webhook as people see it. `secret`: shown this one time, where it was made just now; `behind`: whether events
    wait for it."""

    webhook: Webhook
    progress: Progress
    behind: bool = False
    secret: Secret | None = field(default=None, repr=False)


class WebhookVerbs(Changes):
    def webhooks(self, actor: Actor, tenant_id: int | None = None) -> Future[list[WebhookView]]:
        """The tenant's webhooks, in the order in which they were made."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> list[WebhookView]:
            self._existing(connection, number)
            return [_view(connection, one) for one in webhooks.of_tenant(connection, number)]

        return self._store.read(work)

    def webhook(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[WebhookView]:
        """One webhook by id or name. Raises NotFound."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)
        return self._store.read(lambda c: _view(c, _found(c, number, ref)))

    def webhook_deliveries(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[list[Delivery]]:
        """Its latest deliveries with what came of them, tests too; the newest first. Raises NotFound."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)
        return self._store.read(lambda c: deliveries.latest(c, number, _found(c, number, ref).id))

    def create_webhook(
        self,
        actor: Actor,
        values: Mapping[str, object],
        tenant_id: int | None = None,
        former: Version | None = None,
    ) -> Future[WebhookView]:
        """A new webhook; `url` is required. Its secret is in the answer. `former`: the last version of a deleted one
        that this is again. Raises BadInput with every fault.
        """
        require(actor, Scope.SETTINGS_WRITE)
        number, moment = tenant_for(actor, tenant_id), now_ms()
        webhook_id, version = (self._store.ids.next(), 1) if former is None else (former.noun_id, former.version + 1)
        reading = Reading()
        given = read(values, reading)
        if "url" not in given and all(one.field not in ("url", "endpoint") for one in reading.faults):
            reading.fault("url", "is missing.", "Give the address that events are sent to.")
        webhook = replace(Webhook(webhook_id, number, "", "", created_ms=moment, version=version), **given)
        webhook = replace(webhook, name=webhook.name or SealedTo.of_webhook(webhook).host)
        _check_rights(actor, webhook)

        def work(connection: Connection) -> WebhookView:
            self._existing(connection, number)
            self._check(connection, webhook, reading)
            if len(webhooks.of_tenant(connection, number)) >= _MOST_WEBHOOKS:
                raise Conflict(
                    Sentence(
                        "There are {most_webhooks} webhooks already. Delete one that is not needed.",
                        most_webhooks=_MOST_WEBHOOKS,
                    )
                )
            webhooks.create(connection, webhook, moment)
            secret = self._seal_new(connection, webhook, moment, actor, None)
            return replace(_view(connection, _found(connection, number, webhook_id)), secret=secret)

        return self._change(work, actor)

    def change_webhook(
        self, actor: Actor, ref: Ref, values: Mapping[str, object], tenant_id: int | None = None
    ) -> Future[WebhookView]:
        """Changes what is given. Another server gets another secret, which is in the answer. Raises BadInput with every
        fault, NotFound.
        """
        require(actor, Scope.SETTINGS_WRITE)
        number, moment = tenant_for(actor, tenant_id), now_ms()

        def work(connection: Connection) -> WebhookView:
            old = _found(connection, number, ref)
            reading = Reading()
            new = replace(old, **read(values, reading))
            _check_rights(actor, new)
            self._check(connection, new, reading)
            webhooks.save(connection, new)
            secret = None
            if SealedTo.of_webhook(old) != SealedTo.of_webhook(new):
                secret = self._seal_new(connection, new, moment, actor, None)
            if old.url != new.url:
                webhooks.wind(connection, new, None)
            return replace(_view(connection, _found(connection, number, old.id)), secret=secret)

        return self._change(work, actor)

    def rotate_webhook_secret(
        self, actor: Actor, ref: Ref, overlap_hours: int = OVERLAP_HOURS, tenant_id: int | None = None
    ) -> Future[WebhookView]:
        """A new secret, which is in the answer; for so long the old one signs beside it. Raises BadInput, NotFound."""
        require(actor, Scope.SETTINGS_WRITE)
        number, moment = tenant_for(actor, tenant_id), now_ms()
        if type(overlap_hours) is not int or not 0 <= overlap_hours <= _MOST_OVERLAP_HOURS:
            problem = Sentence(
                "is not a whole number from 0 to {most_overlap_hours}.", most_overlap_hours=_MOST_OVERLAP_HOURS
            )
            raise BadInput([Fault("overlap_hours", problem, "Give the hours that you need to put in the new one.")])

        def work(connection: Connection) -> WebhookView:
            webhook = _found(connection, number, ref)
            until = moment + overlap_hours * _HOUR_MS if overlap_hours else None
            secret = self._seal_new(connection, webhook, moment, actor, until)
            return replace(_view(connection, _found(connection, number, webhook.id)), secret=secret)

        return self._change(work, actor)

    def pause_webhook(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[WebhookView]:
        """Sends nothing more until it is resumed; events are kept for two weeks. Raises NotFound."""
        require(actor, Scope.SETTINGS_WRITE)
        number, moment = tenant_for(actor, tenant_id), now_ms()

        def work(connection: Connection) -> WebhookView:
            webhook = _found(connection, number, ref)
            if webhook.state is not WebhookState.PAUSED:
                pause(connection, webhook, f"Paused by {actor.name or 'a person'}.", "person", moment)
            return _view(connection, _found(connection, number, webhook.id))

        return self._change(work, actor)

    def resume_webhook(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[WebhookView]:
        """Goes on at once with what comes next for it. Raises NotFound."""
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> WebhookView:
            webhook = _found(connection, number, ref)
            _check_rights(actor, webhook)
            active = replace(webhook, state=WebhookState.ACTIVE, paused_reason="", paused_by="", paused_ms=None)
            if webhook != active:
                webhooks.save(connection, active)
            webhooks.wind(connection, active, None)
            return _view(connection, _found(connection, number, webhook.id))

        return self._change(work, actor)

    def replay_webhook(
        self,
        actor: Actor,
        ref: Ref,
        *,
        after: str = "",
        since_ms: int | None = None,
        tenant_id: int | None = None,
    ) -> Future[WebhookView]:
        """Delivers again what came after this cursor, or from this time on. Raises BadInput, NotFound."""
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)
        place = decode(CURSOR, after) if after else None
        if (place is None) == (since_ms is None):
            problem = "is no cursor of ours." if after else "is missing."
            raise BadInput([Fault("after", problem, "Give a cursor of GET /v1/events, or a time as since.")])

        def work(connection: Connection) -> WebhookView:
            webhook = _found(connection, number, ref)
            _check_rights(actor, webhook)
            chosen = place
            if chosen is None and since_ms is not None:
                chosen = feed.place_at(connection, number, since_ms)
            webhooks.wind(connection, webhook, min(chosen or 0, feed.head(connection)))
            told = {"after": after, "since_ms": since_ms}
            self._note(
                connection, actor, Entry(number, "webhook.replayed", now_ms(), webhook.id, webhook.name, after=told)
            )
            return _view(connection, _found(connection, number, webhook.id))

        return self._change(work, actor)

    def delete_webhook(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[None]:
        """Deletes it with its secret. Raises NotFound."""
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> None:
            webhooks.remove(connection, number, _found(connection, number, ref).id)

        return self._change(work, actor)

    # -- for who delivers -------------------------------------------------------------------------------------------

    def stop_webhook(self, webhook: Webhook, why: str) -> Future[bool]:
        """It takes nothing any more, for certain or for days. False when it was changed meanwhile."""
        moment = now_ms()

        def work(connection: Connection) -> bool:
            known = webhooks.get(connection, webhook.tenant_id, webhook.id)
            if known is None or known.version != webhook.version or known.state is WebhookState.PAUSED:
                return False
            pause(connection, known, why, "verdict", moment)
            return True

        return self._change(work, None)

    def webhook_secrets(self, webhook: Webhook) -> list[Secret]:
        """What its deliveries are signed with now, the newest first. Raises SecretSealed, KeyUnreadable."""
        sealed = self._settled.sealed_webhooks.get(webhook.id)
        if sealed is None:
            return []
        bound = SealedTo.of_webhook(webhook)
        found = [self._ring.open(sealed.sealed, bound)]
        if sealed.former is not None and (sealed.former_until_ms or 0) > now_ms():
            found.append(self._ring.open(sealed.former, bound))
        return found

    # -- inside -----------------------------------------------------------------------------------------------------

    def _check(self, connection: Connection, webhook: Webhook, reading: Reading) -> None:
        other = webhooks.by_name(connection, webhook.tenant_id, webhook.name)
        if other is not None and other.id != webhook.id:
            reading.fault("name", "is the name of another webhook.", "Choose another name.")
        if webhook.url:
            check_place(webhook, self._settings, reading)
        reading.close()

    def _seal_new(
        self, connection: Connection, webhook: Webhook, moment: int, actor: Actor, former_until_ms: int | None
    ) -> Secret:
        """`whsec_` and base64, as Standard Webhooks has it."""
        secret = Secret("whsec_" + base64.b64encode(os.urandom(_SECRET_OCTETS)).decode("ascii"))
        sealed = self._ring.seal(secret, SealedTo.of_webhook(webhook))
        webhooks.put_secret(connection, webhook, sealed, moment, actor.name, former_until_ms)
        return secret


def pause(connection: Connection, webhook: Webhook, why: str, by: str, moment: int) -> None:
    """Within a change. `by`: person or verdict."""
    paused = replace(webhook, state=WebhookState.PAUSED, paused_reason=why, paused_by=by, paused_ms=moment)
    webhooks.save(connection, paused)


def _check_rights(actor: Actor, webhook: Webhook) -> None:
    if not webhook.types or any(one == "*" or one.startswith("message.") for one in webhook.types):
        require(actor, Scope.READ)


def webhook_meant(connection: Connection, tenant_id: int, ref: Ref) -> Webhook | None:
    """The tenant's webhook that is meant, by id or name."""
    return meant("h", ref, webhooks.get, webhooks.by_name, connection, tenant_id)


def _found(connection: Connection, tenant_id: int, ref: Ref) -> Webhook:
    found = webhook_meant(connection, tenant_id, ref)
    if found is None:
        raise NotFound("There is no such webhook here.")
    return found


def _view(connection: Connection, webhook: Webhook) -> WebhookView:
    progress = webhooks.progress(connection, webhook.tenant_id, webhook.id)
    behind = bool(feed.entries(connection, webhook.tenant_id, progress.position, 1))
    return WebhookView(webhook, progress, behind)
