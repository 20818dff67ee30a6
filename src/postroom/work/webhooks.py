"""Sending events to webhooks: in order, signed, again until they are taken, by one node at a time for each webhook.

Rules it keeps:
- An event counts as delivered when its receiver has answered 2xx and that is written down. Who dies in between sends it
  again, with the same id: at least once, and receivers can tell (`webhook-id`).
- The next event waits for the one before it. What is not taken is tried again ever more rarely, for days; then, or when
  the receiver says that it is gone (410), the webhook is paused, and the settings check tells.
- A delivery goes only where the operator lets tenants go; no redirect is followed, no more of an answer is read than a
  little, and nobody is waited for longer than some seconds. A slow receiver holds up nobody but himself: each webhook
  has its turn, and turns have an end.
- A copied database (clone) sends nothing.

How deliveries are signed: https://www.standardwebhooks.com (headers, `v1`, HMAC-SHA256 over id, time and body).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import random
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection

from postroom.clock import iso, monotonic_ms, now_ms
from postroom.errors import PostroomError
from postroom.failpoints import reach
from postroom.ids import encode
from postroom.maillog import MailLog
from postroom.model.application import Actor, Scope
from postroom.model.tenant import INSTALLATION
from postroom.model.webhook import TEST, Delivery, FeedEntry, Progress, Webhook, WebhookState, wants
from postroom.office import Office
from postroom.office.changes import Ref, require
from postroom.office.webhook_values import guard_for_webhook
from postroom.policy.redelivery import GIVE_UP_MS, wait_ms
from postroom.reports.events import event_json
from postroom.secrets import Secret
from postroom.settings import Settings
from postroom.smtp.reply import printable
from postroom.store import deliveries, feed, webhooks
from postroom.store.database import Store
from postroom.wire.http import HttpAnswer, HttpQuestion, NoAnswer, ask

__all__ = ["Delivered", "WebhookTrial", "Webhooks", "signatures"]

_SECONDS = 15.0
_LEASE_MS = 60_000
_TURN_MS = 20_000.0
_PAGE = 50
_MOST_AT_ONCE = 16
_MOST_ANSWER = 65_536
_MOST_WORDS = 300
_GONE = 410
_SWEPT = 2_000


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of one delivery. `status` is 0 without an answer; `sentence` says what came, in plain words."""

    ok: bool
    status: int
    sentence: str
    wait_ms: int | None = None
    ms: float = 0.0


@dataclass(frozen=True, slots=True)
class WebhookTrial:
    """What a test of a webhook showed."""

    ok: bool
    status: int
    sentence: str
    ms: float


def signatures(secrets: list[Secret], event_id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: one for each secret, the newest first."""
    content = f"{event_id}.{timestamp}.".encode() + body
    found = []
    for secret in secrets:
        key = base64.b64decode(secret.reveal().removeprefix("whsec_"))
        found.append("v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode("ascii"))
    return " ".join(found)


class Webhooks:
    """`run_once` and `sweep` by upkeep, `test` by doors. One for the process."""

    def __init__(self, store: Store, office: Office, settings: Settings, log: MailLog) -> None:
        self._store = store
        self._office = office
        self._settings = settings
        self._log = log
        self._first_ms = settings.webhook_retry_seconds * 1000
        self._turns: dict[int, asyncio.Task[None]] = {}
        self._held: dict[int, Progress] = {}
        self._begun = False

    # -- for upkeep -------------------------------------------------------------------------------------------------

    async def run_once(self) -> bool:
        """Gives events their places, and a turn to webhooks that have something before them."""
        if not self._begun and self._store.sqlite:
            await self._write(webhooks.end_leases)  # whoever held one before is gone
        self._begun = True
        if self._office.snapshot.clone is not None or not self._office.snapshot.webhooks:
            return False
        await self._write(feed.publish)
        for progress in await self._read(lambda c: webhooks.due(c, now_ms())):
            webhook = self._office.snapshot.webhooks.get(progress.webhook_id)
            if len(self._turns) >= _MOST_AT_ONCE:
                break
            if webhook is None or webhook.id in self._turns or webhook.state is WebhookState.PAUSED:
                continue
            task = asyncio.get_running_loop().create_task(self._turn(webhook), name=f"webhook-{webhook.id}")
            self._turns[webhook.id] = task
            task.add_done_callback(partial(self._over, webhook.id))
        return False

    def _over(self, number: int, _task: asyncio.Task[None]) -> None:
        self._turns.pop(number, None)

    async def sweep(self) -> bool:
        """Forgets events that are old."""
        following = sorted({one.tenant_id for one in self._office.snapshot.webhooks.values()})
        gone = await self._write(lambda c: feed.sweep(c, now_ms(), following, _SWEPT))
        return bool(gone >= _SWEPT)

    async def stop(self) -> None:
        """What is under way is not waited for: it is sent again, with the same id."""
        for task in list(self._turns.values()):
            task.cancel()
        await asyncio.gather(*self._turns.values(), return_exceptions=True)
        for held in self._held.values():
            with suppress(PostroomError):
                await self._write(partial(webhooks.release, held=held))

    # -- a turn -----------------------------------------------------------------------------------------------------

    async def _turn(self, webhook: Webhook) -> None:
        try:
            fence, whose = self._store.ids.next(), (webhook.tenant_id, webhook.id)
            held = await self._write(lambda c: webhooks.lease(c, *whose, _LEASE_MS, fence))
            if held is not None:
                self._held[webhook.id] = held
                await self._deliver(webhook, held, monotonic_ms() + _TURN_MS)
                self._held.pop(webhook.id, None)
        except Exception as error:  # the next turn begins where this one got to
            self._log.store_trouble(f"webhook: {error}")

    async def _deliver(self, webhook: Webhook, held: Progress, ends: float) -> None:
        position = held.position
        while monotonic_ms() < ends:
            page = await self._read(partial(feed.entries, tenant_id=webhook.tenant_id, after=position, limit=_PAGE))
            for entry in page:
                if self._office.snapshot.webhooks.get(webhook.id) != webhook:
                    break  # it was changed or deleted: the next turn knows
                if wants(webhook.types, entry.type):
                    if not await self._delivered(webhook, held, entry):
                        return
                    held = replace(held, tries=0, failing_ms=None)
                position = entry.position
                if monotonic_ms() >= ends:
                    break
            else:
                if page:
                    await self._advance(held, position, 0)
                if len(page) == _PAGE:
                    continue
            break
        await self._write(lambda c: webhooks.release(c, held))

    async def _delivered(self, webhook: Webhook, held: Progress, entry: FeedEntry) -> bool:
        """Whether to go on: it was taken, that is written down, and the webhook is still ours."""
        done = await self._send(webhook, encode("e", entry.id), event_json(entry))
        reach("webhook.after-answer")
        went = self._as_it_went(webhook, entry.id, entry.type, done, entry.position)
        if done.ok:
            return await self._advance(held, entry.position, done.status, went)
        tries, since = held.tries + 1, held.failing_ms if held.failing_ms is not None else now_ms()
        due_ms = now_ms() + wait_ms(tries, self._first_ms, random.random(), done.wait_ms)  # noqa: S311  (spreads, no secret)

        def failed(connection: Connection) -> bool:
            mine = webhooks.fail(connection, held, done.status, done.sentence, now_ms(), due_ms)
            if mine:
                deliveries.note(connection, went)
            return mine

        noted = await self._write(failed)
        if noted and tries == 1:
            self._log.webhook_trouble(webhook.name, done.sentence)
        if noted and (done.status == _GONE or now_ms() - since >= GIVE_UP_MS):
            await _done(self._office.stop_webhook(webhook, done.sentence))
            self._log.webhook_paused(webhook.name, done.sentence)
        return False

    async def _advance(self, held: Progress, position: int, status: int, went: Delivery | None = None) -> bool:
        moment = now_ms()

        def work(connection: Connection) -> bool:
            mine = webhooks.advance(connection, held, position, status, moment, _LEASE_MS)
            if mine and went is not None:
                deliveries.note(connection, went)
            return mine

        return bool(await self._write(work))

    def _as_it_went(
        self, webhook: Webhook, event_id: int, event_type: str, done: Delivered, position: int = 0
    ) -> Delivery:
        return Delivery(
            self._store.ids.next(), webhook.tenant_id, webhook.id, event_id, event_type, now_ms(), done.ok, done.status,
            done.sentence, round(done.ms), position,
        )  # fmt: skip

    # -- one delivery -----------------------------------------------------------------------------------------------

    async def _send(self, webhook: Webhook, event_id: str, event: dict[str, Any]) -> Delivered:
        began = monotonic_ms()
        done = await self._answered(webhook, event_id, event)
        return replace(done, ms=monotonic_ms() - began)

    async def _answered(self, webhook: Webhook, event_id: str, event: dict[str, Any]) -> Delivered:
        try:
            secrets = self._office.webhook_secrets(webhook)
        except PostroomError as error:
            return Delivered(False, 0, f"Its secret does not open: {error.text}")
        if not secrets:
            return Delivered(False, 0, "It has no secret; `postroom webhook rotate` makes one.")
        body = json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
        timestamp = now_ms() // 1000
        headers = (
            ("Content-Type", "application/json"),
            ("webhook-id", event_id),
            ("webhook-timestamp", str(timestamp)),
            ("webhook-signature", signatures(secrets, event_id, timestamp, body)),
        )
        question = HttpQuestion(
            webhook.url, "POST", headers, body, webhook.authority, seconds=_SECONDS, max_body=_MOST_ANSWER
        )
        guard = guard_for_webhook(webhook, self._settings)
        ours = webhook.tenant_id == INSTALLATION
        answer = await ask(question, guard=guard, plain_on_loopback=ours, discreet=guard.discreet)
        return _outcome(webhook, answer)

    async def test(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> WebhookTrial:
        """Sends one event of the type `webhook.test`, now and once, paused or not. Raises NotFound."""
        require(actor, Scope.SETTINGS_WRITE)
        view = await _done(self._office.webhook(actor, ref, tenant_id))
        webhook: Webhook = view.webhook
        number = self._store.ids.next()
        event_id = encode("e", number)
        event = {
            "id": event_id,
            "type": TEST,
            "timestamp": iso(now_ms()),
            "tenant_id": encode("t", webhook.tenant_id),
            "data": {"webhook": webhook.name},
        }
        done = await self._send(webhook, event_id, event)
        went = self._as_it_went(webhook, number, TEST, done)
        await self._write(lambda c: deliveries.note(c, went))
        return WebhookTrial(done.ok, done.status, done.sentence, done.ms)

    # -- inside -----------------------------------------------------------------------------------------------------

    async def _read(self, function: Any) -> Any:
        return await _done(self._store.read(function))

    async def _write(self, function: Any) -> Any:
        return await _done(self._store.write(function))


def _outcome(webhook: Webhook, answer: HttpAnswer | NoAnswer) -> Delivered:
    if isinstance(answer, NoAnswer):
        return Delivered(False, 0, answer.detail[:_MOST_WORDS])
    host = printable(urlsplit(webhook.url).hostname or "")
    if 200 <= answer.status < 300:
        return Delivered(True, answer.status, f"{host} took it ({answer.status}).")
    if 300 <= answer.status < 400:
        words = (
            f"{host} answered with a redirect ({answer.status}), which is not followed. Give the address it leads to."
        )
        return Delivered(False, answer.status, words)
    if answer.status == _GONE:
        return Delivered(False, answer.status, f"{host} says that nothing is there any more (410).")
    return Delivered(False, answer.status, f"{host} answered {answer.status}.", _asked_to_wait(answer))


def _asked_to_wait(answer: HttpAnswer) -> int | None:
    """Retry-After in seconds, as ms; a date there is not looked at."""
    text = answer.header("retry-after").strip()
    return int(text) * 1000 if text.isascii() and text.isdigit() and len(text) < 9 else None


async def _done(future: Future[Any]) -> Any:
    return await asyncio.wrap_future(future)
