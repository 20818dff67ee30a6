"""The facade for messages. Every verb takes who asks; every verb's answer is a future, or a call back on the hot path.

Sending instantly is the same way as in the background, awaited: the answer comes when the first attempt is settled, or
after a bounded wait, and whatever was not delivered by then is in the queue and not lost (AC5).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from sqlalchemy import Connection

from postroom.addresses import Address
from postroom.clock import now_ms
from postroom.errors import BadInput, Conflict, Fault, Forbidden, PostroomError, StoreUnavailable
from postroom.failpoints import reach
from postroom.ids import encode
from postroom.intake.placement import Placement
from postroom.intake.signing import Signing
from postroom.intake.submission import envelope_faults
from postroom.intake.taking import Intake, Taken
from postroom.maillog import MailLog
from postroom.model.account import Account
from postroom.model.application import Actor, Scope
from postroom.model.dkim import DkimKey
from postroom.model.message import Draft, Priority
from postroom.model.state import WAITING, State
from postroom.model.submission import Submission
from postroom.outbox.acting import INSISTING, act_in
from postroom.outbox.awaited import Awaited
from postroom.outbox.copies import Original, copy_of, original
from postroom.outbox.inbox import Inbox
from postroom.outbox.noted import act_noted, resend_noted
from postroom.outbox.rates import Rates
from postroom.outbox.receipt import Receipt, fresh_receipt, settled_receipt, stored_receipt
from postroom.outbox.tongues import Tongues, once_known
from postroom.policy.snapshot import Snapshot
from postroom.secrets.dkim import Signer
from postroom.secrets.tagging import Tagging
from postroom.sentence import Sentence
from postroom.settings import Settings
from postroom.store import acts, audit
from postroom.store.acceptance import Accepted
from postroom.store.acts import Act
from postroom.store.bulk_jobs import Once
from postroom.store.database import Store
from postroom.store.transmission import Move

__all__ = ["Outbox", "Told"]

Told = Callable[[Receipt | PostroomError], None]
_RELEASE_BATCH = 200


class Settled(Protocol):
    """Where the settings of this moment are found (the office)."""

    @property
    def snapshot(self) -> Snapshot: ...

    @property
    def tagging(self) -> Tagging: ...

    def open_dkim_key(self, key: DkimKey) -> Signer | None: ...

    def find_account(self, actor: Actor, ref: str | int) -> Account: ...

    def personal_link(self, tenant_id: int, box: str, kinds: tuple[str, ...], moment: int) -> str: ...

    def stop_within(self, connection: Connection, tenant_id: int, box: str, kind: str, moment: int) -> None: ...

    def note_tested(self, account: Account) -> Future[bool]: ...


class Outbox:
    """`attach(loop)` by the service once it runs; before and without that, calls work on the caller's thread."""

    def __init__(self, store: Store, office: Settled, settings: Settings, log: MailLog, placement: Placement) -> None:
        self._store = store
        self._office = office
        self._log = log
        self._placement = placement
        self._patience = settings.instant_seconds
        self._largest_batch = settings.max_batch
        self._loop: asyncio.AbstractEventLoop | None = None
        self._rates = Rates()
        self._tongues = Tongues(store, lambda: office.snapshot)
        self._signing = Signing(office.open_dkim_key, log.signing_trouble)
        self.inbox = Inbox(store, office)
        self._intake = Intake(
            store,
            lambda: office.snapshot,
            placement,
            office,
            office.tagging,
            largest=settings.max_message_bytes,
            most=settings.max_recipients,
        )

    def attach(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self._loop = loop

    def close(self) -> None:
        """Finishes signing what was handed over. Blocks for a moment."""
        self._signing.close()

    # -- handing over -----------------------------------------------------------------------------------------------

    def post(self, actor: Actor, draft: Draft, key: str | None, told: Told) -> None:
        """The hot form: call on the service's loop; `told` is called there once. Raises what `send` raises."""
        asked = self._tongues.ask(actor.tenant_id, (draft,)) if draft.template else None
        if asked is None:
            self._accept(self._prepare(actor, draft, key), told)
            return
        self._check(actor, Scope.SEND)
        once_known(asked, self._on_loop, lambda t: self._accept(self._prepare(actor, draft, key, t[0]), told), told)

    def submit(self, actor: Actor, submission: Submission, key: str | None, told: Told) -> None:
        """`post` for a message that somebody else composed: its octets stay, but for what has to be mended. An
        idempotency key may be given here or stand in the message.
        """
        self._check(actor, Scope.SEND)
        self._rates.take(self._office.snapshot, actor.application_id)
        taken = self._intake.prepare_submission(actor.tenant_id, actor.application_id, submission, key=key)
        self._accept(taken, told)

    def may_send(self, actor: Actor, sender: Address | None) -> list[Fault]:
        """Everything that keeps an envelope from naming this sender; for doors that are asked before the message."""
        self._check(actor, Scope.SEND)
        return envelope_faults(self._office.snapshot, actor.tenant_id, actor.application_id, sender)

    def send(self, actor: Actor, draft: Draft, *, key: str | None = None) -> Future[Receipt]:
        """Takes one message. Raises Forbidden, BadInput, TooLarge at once; Conflict and StoreUnavailable by the
        future.
        """
        future: Future[Receipt] = _promise()
        asked = self._tongues.ask(actor.tenant_id, (draft,)) if draft.template else None
        if asked is not None:
            self.post(actor, draft, key, _teller(future))
            return future
        taken = self._prepare(actor, draft, key)
        self._on_loop(lambda: self._accept(taken, _teller(future)))
        return future

    def send_many(
        self, actor: Actor, drafts: Sequence[Draft], keys: Sequence[str | None] | None = None
    ) -> Future[list[Receipt | PostroomError]]:
        """Takes many messages, each for itself: one that is refused stops no other. They share their commits."""
        if len(drafts) > self._largest_batch:
            problem = Sentence(
                "There are {drafts:,} messages; one call may bring {largest_batch:,}.",
                drafts=len(drafts),
                largest_batch=self._largest_batch,
            )
            raise BadInput((Fault("messages", problem, "Split them over several calls."),))
        self._check(actor, Scope.SEND)
        future: Future[list[Receipt | PostroomError]] = _promise()
        asked = self._tongues.ask(actor.tenant_id, drafts)
        if asked is None:
            self._take_many(actor, drafts, keys, [""] * len(drafts), future)
        else:
            go = partial(self._take_many, actor, drafts, keys)
            once_known(asked, self._on_loop, lambda tongues: go(tongues, future), future.set_exception)
        return future

    def _take_many(
        self,
        actor: Actor,
        drafts: Sequence[Draft],
        keys: Sequence[str | None] | None,
        tongues: Sequence[str],
        future: Future[list[Receipt | PostroomError]],
    ) -> None:
        answers: list[Any] = [None] * len(drafts)
        ready: list[tuple[int, Taken]] = []
        for place, draft in enumerate(drafts):
            try:
                ready.append((place, self._prepare(actor, draft, keys[place] if keys else None, tongues[place])))
            except PostroomError as error:
                answers[place] = error
        left = [len(ready)]
        if not ready:
            future.set_result(answers)
            return

        def told(place: int, answer: Receipt | PostroomError) -> None:
            answers[place] = answer
            left[0] -= 1
            if not left[0]:
                future.set_result(answers)

        def accept_all() -> None:
            for place, taken in ready:
                self._accept(taken, partial(told, place))

        self._on_loop(accept_all)

    def send_digest(
        self, tenant_id: int, draft: Draft, keys: Sequence[tuple[int, int]], kinds: tuple[str, ...]
    ) -> Future[Receipt]:
        """A digest that takes the place of the mails with these keys (message, recipient number), in one transaction.
        `kinds`: what they are.

        Raises BadInput and TooLarge at once; Conflict, by the future, when one of them waits no more.
        """
        taken = self._intake.prepare_digest(tenant_id, draft, keys, kinds)
        taken.route = replace(taken.route, instantly=False)
        future: Future[Receipt] = _promise()
        self._on_loop(lambda: self._accept(taken, _teller(future)))
        return future

    def wake(self, account_id: int, *, insist: bool = False) -> None:
        """There is more in this account's queue; `insist`: that is tried now, whatever the account waits for."""
        self._on_loop(partial(self._placement.wake, account_id, insist=insist))

    def test_account(self, actor: Actor, ref: str | int, to: str, subject: str, text: str) -> Future[Receipt]:
        """A real message through this account on the production road, awaited, whatever the mode is."""
        account = self._office.find_account(actor, ref)
        taken = self.prepare_test(actor, account, to, subject, text)
        taken.route = replace(taken.route, instantly=True)
        future: Future[Receipt] = _promise()
        self._on_loop(lambda: self._accept(taken, self._tested(account, _teller(future))))
        return future

    def prepare_test(
        self, actor: Actor, account: Account | None, to: str, subject: str, text: str, *, saved: bool = True
    ) -> Taken:
        """A test message as it would leave through this account, composed and not accepted; without an account, on the
        way of all mail. `saved`: the account is; a message through one that is not can't be accepted.

        Raises BadInput, TooLarge.
        """
        self._check(actor, Scope.SETTINGS_WRITE)
        named = "" if account is None else encode("a", account.id)
        draft = Draft(to=(to,), subject=subject, text=text, account=named, priority=Priority.URGENT)
        intake = self._intake
        if account is not None and not saved:
            intake = intake.seeing(self._office.snapshot.with_account(account))
        taken = intake.prepare(actor.tenant_id, actor.application_id, draft, test=account is not None)
        taken.route = replace(taken.route, instantly=False)
        return taken

    def accept_test(self, taken: Taken) -> Future[Receipt]:
        """Accepts what `prepare_test` gave for a saved account: done once it is durable."""
        future: Future[Receipt] = _promise()
        self._on_loop(lambda: self._accept(taken, _teller(future)))
        return future

    def sign_test(self, taken: Taken) -> Future[None]:
        """Signs what `prepare_test` gave, where it is not going to be accepted; an accepted one is signed then."""
        future: Future[None] = _promise()
        if not taken.signers:
            future.set_result(None)
            return future

        def signed(fields: bytes) -> None:
            taken.take_signatures(fields)
            future.set_result(None)

        self._signing.sign(taken.content, taken.signers, taken.created_ms, taken.unsigned, signed)
        return future

    def _tested(self, account: Account, told: Told) -> Told:
        """Has it noted when the server took the test, before anybody is told."""

        def tell(answer: Receipt | PostroomError) -> None:
            if isinstance(answer, PostroomError) or answer.state != State.SENT:
                told(answer)
                return
            self._office.note_tested(account).add_done_callback(lambda _: told(answer))

        return tell

    def _prepare(self, actor: Actor, draft: Draft, key: str | None, tongue: str = "") -> Taken:
        if not actor.may(Scope.SEND):
            raise Forbidden("This key may not hand over messages.")
        self._rates.take(self._office.snapshot, actor.application_id)
        taken = self._intake.prepare(actor.tenant_id, actor.application_id, draft, key=key, tongue=tongue)
        if draft.bulk_id is not None:  # nobody waits for the answers of many servers
            taken.route = replace(taken.route, instantly=False)
        return taken

    def _accept(self, taken: Taken, told: Told) -> None:
        """A message that somebody signs is signed first, and then goes on from the loop."""
        if not taken.signers:
            self._hand_in(taken, told)
            return

        def signed(fields: bytes) -> None:
            taken.take_signatures(fields)
            try:
                self._on_loop(lambda: self._hand_in(taken, told))
            except PostroomError as error:
                told(error)

        self._signing.sign(taken.content, taken.signers, taken.created_ms, taken.unsigned, signed)

    def _hand_in(self, taken: Taken, told: Told) -> None:
        try:
            self._intake.accept(taken, lambda done, answer: self._accepted(done, answer, told))
        except PostroomError as error:
            told(error)

    def _accepted(self, taken: Taken, answer: Accepted | PostroomError, told: Told) -> None:
        if not isinstance(answer, Accepted):
            told(answer)
            return
        if answer.again:
            self._tell_stored(taken.tenant_id, answer.message_id, told, again=True)
            return
        state = taken.route.state
        self._log.accepted(taken.number, taken.tenant_id, len(taken.recipients), len(taken.content), state.value)
        leaving = taken.leaving
        if taken.route.instantly and state in WAITING and leaving and self._loop is not None:
            awaited = Awaited(self._loop, self._patience, lambda moves: self._tell_first_attempt(taken, told, moves))
            account_id = taken.route.account_id or 0
            self._placement.await_ending(taken.number, account_id, leaving, awaited.over)
        else:
            reach("accept.before-answer")
            told(fresh_receipt(taken))

    def _tell_first_attempt(self, taken: Taken, told: Told, moves: Sequence[Move]) -> None:
        self._placement.forget(taken.number)
        receipt = settled_receipt(taken, moves)
        if receipt is None:  # patience is over, or nobody will try it soon
            self._tell_stored(taken.tenant_id, taken.number, told, instantly=True)
        else:
            told(receipt)

    def _tell_stored(
        self, tenant_id: int, message_id: int, told: Told, *, again: bool = False, instantly: bool = False
    ) -> None:
        future = self._store.read(lambda c: stored_receipt(c, tenant_id, message_id, again=again, instantly=instantly))
        future.add_done_callback(lambda done: self._on_loop(lambda: told(_outcome(done))))

    def _on_loop(self, function: Callable[[], None]) -> None:
        loop = self._loop
        if loop is None:
            function()
            return
        try:
            loop.call_soon_threadsafe(function)
        except RuntimeError:
            raise StoreUnavailable("Postroom is stopping; nothing was changed") from None

    # -- acting on messages -----------------------------------------------------------------------------------------

    def cancel(self, actor: Actor, message_id: int, n: Sequence[int] | None = None) -> Future[Receipt]:
        """Stops what has not left. Conflict says so when it is too late."""
        return self._act(actor, message_id, n, acts.CANCEL)

    def hold(self, actor: Actor, message_id: int, n: Sequence[int] | None = None) -> Future[Receipt]:
        """Keeps waiting mail until it is released."""
        return self._act(actor, message_id, n, acts.HOLD)

    def retry(self, actor: Actor, message_id: int, n: Sequence[int] | None = None) -> Future[Receipt]:
        """Tries waiting mail now instead of at its time."""
        return self._act(actor, message_id, n, acts.RETRY)

    def settle_unknown(
        self, actor: Actor, message_id: int, *, sent: bool, n: Sequence[int] | None = None
    ) -> Future[Receipt]:
        """A person knows (or decides) what became of mail whose answer never came."""
        return self._act(actor, message_id, n, acts.WAS_SENT if sent else acts.SEND_AGAIN)

    def release(
        self, actor: Actor, message_id: int, to: Sequence[str] | None = None, n: Sequence[int] | None = None
    ) -> Future[Receipt]:
        """Lets held or silenced mail leave; with `to`, a copy of it to these recipients instead."""
        if to:
            return self.resend(actor, message_id, to)
        return self._act(actor, message_id, n, acts.RELEASE)

    def release_all(self, actor: Actor, to: Sequence[str] | None = None) -> Future[int]:
        """All silenced mail of the tenant, oldest first; returns how many messages. Runs in batches of its own
        commits.
        """
        self._check_copies(actor, to)
        future: Future[int] = _promise()
        threading.Thread(target=self._release_all, args=(actor, to, future), name="postroom-release").start()
        return future

    def _release_all(self, actor: Actor, to: Sequence[str] | None, future: Future[int]) -> None:
        count, last = 0, 0
        refusal: Conflict | None = None
        try:
            while numbers := self._store.read(
                lambda c: acts.silenced(c, actor.tenant_id, last, _RELEASE_BATCH)  # noqa: B023  (read at once)
            ).result():
                for last in numbers:
                    try:
                        self.release(actor, last, to).result()
                        count += 1
                    except Forbidden:  # marked secret: no copy of it goes to anybody else
                        continue
                    except Conflict as error:  # its content is gone, or somebody else was faster
                        refusal = error
            if refusal is not None and not count:
                raise refusal
            future.set_result(count)
        except Exception as error:
            future.set_exception(error)

    def resend(
        self, actor: Actor, message_id: int, to: Sequence[str] | None = None, *, once: Once | None = None
    ) -> Future[Receipt]:
        """The same bytes once more as a new message: to those who did not get it, or to other recipients.

        Who sends a copy to whom he likes can read it, so that needs the right to see contents; what is marked secret
        goes to nobody else at all: Forbidden. `once`: for a job, which is noted in the audit trail as a whole.
        """
        self._check_copies(actor, to)
        future: Future[Receipt] = _promise()
        found = self._store.read(lambda c: original(c, actor.tenant_id, message_id))

        def go(done: Future[Original]) -> None:
            try:
                taken = copy_of(self._intake, self._office.snapshot, self._store.ids, actor, done.result(), to)
                taken.unit.once = once
                if once is None:
                    taken.unit.noted = [resend_noted(actor, taken, message_id, to, self._store.ids.next())]
                self._on_loop(lambda: self._accept(taken, _teller(future)))
            except Exception as error:
                future.set_exception(error)

        found.add_done_callback(go)
        return future

    def _act(self, actor: Actor, message_id: int, n: Sequence[int] | None, act: Act) -> Future[Receipt]:
        self._check(actor, Scope.ACT)
        moment, ids = now_ms(), self._store.ids.next
        snapshot = self._office.snapshot
        future: Future[Receipt] = _promise()

        def work(connection: Connection) -> tuple[acts.Acted, Receipt]:
            tenant_id = actor.tenant_id
            acted = act_in(connection, snapshot, tenant_id, message_id, n, act, moment, ids, actor.name)
            audit.note(connection, [(ids(), act_noted(actor, message_id, act, acted, moment))])
            return acted, stored_receipt(connection, tenant_id, message_id)

        done = self._store.write(work)

        def told(answer: Future[Any]) -> None:
            error = answer.exception()
            if error is not None:
                future.set_exception(error)
                return
            acted, receipt = answer.result()
            future.set_result(receipt)
            for account in acted.accounts:
                self._on_loop(partial(self._placement.wake, account, insist=act in INSISTING))

        done.add_done_callback(told)
        return future

    def _check_copies(self, actor: Actor, to: Sequence[str] | None) -> None:
        self._check(actor, Scope.ACT)
        if to:
            self._check(actor, Scope.CONTENT)

    @staticmethod
    def _check(actor: Actor, scope: Scope) -> None:
        if not actor.may(scope):
            raise Forbidden(Sentence("That needs the right {scope}.", scope=scope.value))


def _promise() -> Future[Any]:
    """A future that can't be cancelled: what was handed over goes its way, whoever still wants to hear of it."""
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    return future


def _teller(future: Future[Receipt]) -> Told:
    def told(answer: Receipt | PostroomError) -> None:
        if isinstance(answer, PostroomError):
            future.set_exception(answer)
        else:
            future.set_result(answer)

    return told


def _outcome(done: Future[Receipt]) -> Receipt | PostroomError:
    error = done.exception()
    if error is None:
        return done.result()
    return error if isinstance(error, PostroomError) else StoreUnavailable(str(error))
