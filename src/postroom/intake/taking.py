"""From a draft to one transaction: check, route, compose, and the rows to write.

    taken = intake.prepare(actor, draft)        pure but for ids and the clock; raises BadInput with every fault
    intake.accept(taken, done)                  one transaction; then lanes or the queue have it (P1, P2)

A short ordered list of steps that decides nothing: `policy.route` says which way, `compose` what the bytes are. Sent
instantly or in the background, it is the same way; the caller only waits longer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from postroom.clock import now_ms
from postroom.compose.letter import Attachment, Footer, Letter
from postroom.compose.letter import faults as letter_faults
from postroom.compose.message_id import message_id
from postroom.compose.render import render
from postroom.errors import BadInput, Fault, PostroomError, TooLarge
from postroom.failpoints import reach
from postroom.ids import Ids
from postroom.intake.answering import led_back
from postroom.intake.beginning import accepted_detail
from postroom.intake.checks import Addressed, addressees, check_labels, check_times
from postroom.intake.placement import Placed, Placement
from postroom.intake.request import digest_of
from postroom.intake.saying import Linking, Said, said
from postroom.intake.submission import Terms, ready
from postroom.intake.templating import written
from postroom.model.account import AddressTag
from postroom.model.dkim import DkimKey
from postroom.model.event import EventKind
from postroom.model.job import Job, JobRecipient
from postroom.model.message import Draft, RecipientRole
from postroom.model.state import WAITING, State
from postroom.model.submission import Submission
from postroom.policy.choosing import asked_of
from postroom.policy.guard import Guarded, guard_of
from postroom.policy.preference import mailbox
from postroom.policy.route import Route, route
from postroom.policy.signing import signers, unsigned_fields
from postroom.policy.snapshot import Snapshot
from postroom.policy.way import Reason, Routed
from postroom.secrets.tagging import Tagging
from postroom.sentence import Sentence
from postroom.store.acceptance import MESSAGE_COLUMNS, Acceptance, Accepted
from postroom.store.bulk import Row
from postroom.store.choices import Choice, Diverted
from postroom.store.database import Store
from postroom.store.digests import Gathering

__all__ = ["Done", "Envelope", "Intake", "Taken"]


Reports = Mapping[str, tuple[str | None, str | None]]
"""What was asked of delivery reports (RFC 3461): key of an address → NOTIFY and ORCPT, for those who have any."""


@dataclass(slots=True, eq=False)
class Taken:
    """A message that is ready to be accepted. `jobs`: what a lane could take from memory; none while it must wait."""

    number: int
    tenant_id: int
    header_id: str
    route: Route
    recipients: Addressed
    content: bytes = field(repr=False)
    due_ms: int | None
    jobs: list[Job]
    unit: Acceptance
    kept: frozenset[int] = frozenset()
    """Numbers of recipients whose copy the non-production guard keeps here."""
    reports: Reports = field(default_factory=dict)
    placed: list[Placed] = field(default_factory=list)
    diverted: Mapping[int, Diverted] = field(default_factory=dict)
    """Recipients who get it in a digest or not at all, as their acceptance found."""
    signers: tuple[DkimKey, ...] = ()
    unsigned: frozenset[str] = frozenset()
    """Names of fields that signatures leave out."""

    @property
    def leaving(self) -> int:
        """How many recipients it leaves to by itself."""
        return len(self.recipients) - len(self.kept) - len(self.diverted)

    @property
    def mail_from(self) -> str:
        """What MAIL names, for its first recipient where each has his own."""
        return self.jobs[0].return_path if self.jobs else self.route.return_path

    @property
    def created_ms(self) -> int:
        return int(self.unit.message[_CREATED])

    def take_signatures(self, fields: bytes) -> None:
        """Puts them before the message, whose octets are fixed by this."""
        self.content = fields + self.content
        row = self.unit.message
        self.unit.message = (*row[:_SIZE], len(self.content), *row[_SIZE + 1 :])
        if self.unit.body is not None:
            self.unit.body = self.content
        for job in self.jobs:
            job.content, job.size = self.content, len(self.content)


_CREATED, _SIZE = MESSAGE_COLUMNS.index("created_ms"), MESSAGE_COLUMNS.index("size")

Done = Callable[[Taken, Accepted | PostroomError], None]


class Intake:
    """`snapshot`: gives the settings of this moment."""

    def __init__(
        self,
        store: Store,
        snapshot: Callable[[], Snapshot],
        placement: Placement,
        linking: Linking,
        tagging: Tagging,
        *,
        largest: int,
        most: int,
    ) -> None:
        self._linking = linking
        self._tagging = tagging
        self._store = store
        self._snapshot = snapshot
        self._placement = placement
        # Two installations may give the same numbers and send for the same domain.
        self._mark = store.fingerprint[:6]
        self._largest = largest
        self._most = most

    @property
    def _ids(self) -> Ids:
        return self._store.ids

    def seeing(self, snapshot: Snapshot) -> Intake:
        """The same intake by these settings, for what is prepared and never accepted."""
        other = copy(self)
        other._snapshot = lambda: snapshot
        return other

    # -- preparing --------------------------------------------------------------------------------------------------

    def prepare(
        self,
        tenant_id: int,
        application_id: int | None,
        draft: Draft,
        *,
        key: str | None = None,
        test: bool = False,
        kinds: tuple[str, ...] = (),
        tongue: str = "",
    ) -> Taken:
        """Checks everything, decides the way and composes. Raises BadInput (all faults) or TooLarge. `kinds`: of the
        mails in it, for a digest; `tongue`: the language its recipient reads, as far as it is known.
        """
        moment = now_ms()
        faults: list[Fault] = []
        asked = draft
        told: tuple[tuple[str, str], ...] = ()
        if draft.template or draft.language or draft.variables:
            draft, told = written(self._snapshot(), tenant_id, draft, tongue, faults)
        unwritten = bool(faults)
        to = addressees(draft, self._most, faults)
        check_times(draft, moment, faults)
        if draft.kind or draft.tags or draft.metadata:
            check_labels(draft, faults)
        way = route(self._snapshot(), tenant_id, draft, test=test, application_id=application_id)
        if not isinstance(way, Route):
            raise BadInput(faults + list(way))
        letter = _letter(draft, to, way)
        if faults:
            raise BadInput(faults if unwritten else (*faults, *letter_faults(letter)))
        number = self._ids.next()
        header_id = message_id(number, way.sender.domain, mark=self._mark)
        guarded = self._guarded(tenant_id, way, to)
        if way.reply_tag is not AddressTag.OFF:
            letter = replace(letter, reply_to=led_back(self._tagging, way, number, guarded.recipients))
        letter = _saying(letter, said(self._linking, self._snapshot(), way, draft, guarded, kinds, moment))
        rendered = render(letter, message_id=header_id, date_ms=moment)
        if rendered.size > self._largest:
            raise TooLarge(
                Sentence(
                    "The finished message has {size:,} octets; this installation takes {largest:,}. Leave out or "
                    "shrink attachments.",
                    size=rendered.size,
                    largest=self._largest,
                )
            )
        to = guarded.recipients
        smtputf8 = rendered.smtputf8 or any(address.needs_smtputf8 for _, address in to)
        envelope = Envelope(
            number, tenant_id, application_id, header_id, moment, rendered.eight_bit, smtputf8, origin=told
        )
        request = digest_of(asked) if key is not None else None
        return self._signed(self._taken(draft, guarded, way, envelope, rendered.content, key, request=request))

    def prepare_digest(
        self, tenant_id: int, draft: Draft, keys: Sequence[tuple[int, int]], kinds: tuple[str, ...]
    ) -> Taken:
        """A digest that takes the place of the mails with these keys. Raises as `prepare`."""
        taken = self.prepare(tenant_id, None, draft, kinds=kinds)
        moment = taken.unit.message[2]
        taken.unit.gathering = Gathering(tenant_id, taken.number, keys, moment, self._ids.next)
        return taken

    def prepare_submission(
        self, tenant_id: int, application_id: int | None, submission: Submission, *, key: str | None = None
    ) -> Taken:
        """The same for a message that somebody else composed (see `submission`). Raises BadInput or TooLarge."""
        number, moment = self._ids.next(), now_ms()
        found = ready(
            submission,
            self._snapshot(),
            tenant_id,
            Terms(self._mark, self._largest, self._most),
            number=number,
            now_ms=moment,
            key=key,
            application_id=application_id,
            saying=lambda way, draft, to: said(
                self._linking, self._snapshot(), way, draft, self._guarded(tenant_id, way, to), (), moment
            ),
            replies=lambda way, to: led_back(self._tagging, way, number, to),
        )
        envelope = Envelope(
            number, tenant_id, application_id, found.header_id, moment, found.eight_bit, found.smtputf8,
            submission.ret, submission.envid, found.reports, submission.origin.told(),
        )  # fmt: skip
        guarded = self._guarded(tenant_id, found.way, found.to)
        taken = self._taken(found.draft, guarded, found.way, envelope, found.content, found.key, request=found.request)
        return self._signed(taken)

    def _signed(self, taken: Taken) -> Taken:
        """Says who signs it; that is done before it is accepted, but not here."""
        if taken.unit.body is not None:
            taken.signers = signers(self._snapshot(), taken.route)
            if taken.signers:
                taken.unsigned = unsigned_fields(taken.route.effective.account.value)
        return taken

    def _guarded(self, tenant_id: int, way: Route, to: Addressed) -> Guarded:
        guard = guard_of(self._snapshot(), tenant_id, way.routed) if way.state in WAITING else None
        return Guarded(to) if guard is None else guard.apply(to)

    def prepare_copy(
        self, envelope: Envelope, draft: Draft, to: Addressed, way: Route, content: bytes, *, resend_of: int
    ) -> Taken:
        """A message whose bytes exist already, for other or the same recipients: a resend or a release."""
        return self._taken(draft, Guarded(to), way, envelope, content, None, resend_of=resend_of)

    def _taken(
        self,
        draft: Draft,
        guarded: Guarded,
        way: Route,
        envelope: Envelope,
        content: bytes,
        key: str | None,
        resend_of: int | None = None,
        request: bytes | None = None,
    ) -> Taken:
        """`request`: what an idempotency key stands for, where that is not the draft."""
        to, moment = guarded.recipients, envelope.created_ms
        waiting = way.state in WAITING
        due = max(moment, draft.send_at_ms or 0) if waiting else None
        unit = Acceptance(
            _message_row(draft, way, envelope, len(content), resend_of),
            [],
            [(envelope.number, self._ids.next(), envelope.tenant_id, None, moment, EventKind.ACCEPTED.value,
              accepted_detail(way.state.value, way.reason, resend_of, guarded.instead_of, bool(guarded.kept),
                               envelope.origin))],
            content if way.state is not State.DISABLED else None,
            key,
            (digest_of(draft) if request is None else request) if key is not None else b"",
        )  # fmt: skip
        if resend_of is None:
            unit.choice = self._choice(draft, guarded, way, moment)
        taken = Taken(
            envelope.number, envelope.tenant_id, envelope.header_id, way, to, content, due, [], unit, guarded.kept,
            envelope.reports,
        )  # fmt: skip
        ready = waiting and due is not None and due <= moment and way.account_id is not None
        if ready:
            taken.jobs = list(_jobs(draft, way, envelope, guarded, content, self._tagging))
        return taken

    def _choice(self, draft: Draft, guarded: Guarded, way: Route, moment: int) -> Choice | None:
        """What has to be looked up of its recipients. None for most mail, which costs a look into a dictionary."""
        asked = asked_of(self._snapshot(), way.tenant_id, draft.kind)
        if asked is None or draft.secret or draft.hold or way.routed == Routed.TEST:
            return None
        if way.state not in WAITING and way.state is not State.HELD:
            return None
        boxes = {n: mailbox(address) for n, (_, address) in enumerate(guarded.recipients) if n not in guarded.kept}
        earliest = max(moment, draft.send_at_ms or 0)
        collects = way.state in WAITING
        next_id = self._ids.next
        return Choice(way.tenant_id, asked, boxes, moment, earliest, draft.expires_at_ms, collects, next_id)

    # -- accepting --------------------------------------------------------------------------------------------------

    def accept(self, taken: Taken, done: Done) -> None:
        """Hands the message to the writer; `done` is called once it is durable, or with why it is not.

        Call on the service's loop (or anywhere, where no worker is in the process). Raises StoreUnavailable when
        Postroom is stopping; nothing is accepted then.
        """
        self._place(taken)
        try:
            self._store.submit("accept", taken.unit, lambda _unit, answer: self._accepted(taken, answer, done))
        except PostroomError:
            self._withdraw(taken)
            raise

    def _place(self, taken: Taken) -> None:
        """Reserves room in lanes for what may leave at once, and writes the recipients' rows accordingly."""
        held: dict[int, tuple[int, int]] = {}
        leased = []
        for job in taken.jobs:
            placed = self._placement.place(job)
            if placed is None:
                continue
            job.fence = placed.fence
            leased.append(job)
            taken.placed.append(placed)
            for recipient in job.recipients:
                held[recipient.n] = (placed.fence, int(job.marked))
        taken.jobs = leased
        taken.unit.recipients = _recipient_rows(taken, held)

    def _accepted(self, taken: Taken, answer: Any, done: Done) -> None:
        if isinstance(answer, Accepted) and not answer.again:
            reach("accept.after-commit")
            if answer.diverted:
                taken.diverted = answer.diverted
                _leave_out(taken)
            for job, placed in zip(taken.jobs, taken.placed, strict=True):
                placed.add(job)
            way = taken.route
            left = taken.leaving - sum(len(job.recipients) for job in taken.jobs)
            if left and way.state in WAITING and way.account_id is not None:
                self._placement.wake(way.account_id, insist=way.routed == Routed.TEST)
        else:
            self._withdraw(taken)
        done(taken, answer)

    @staticmethod
    def _withdraw(taken: Taken) -> None:
        for job, placed in zip(taken.jobs, taken.placed, strict=True):
            placed.withdraw(job)


def _leave_out(taken: Taken) -> None:
    """Gives back the places in lanes of those who turned out not to get it now."""
    jobs, places = [], []
    for job, placed in zip(taken.jobs, taken.placed, strict=True):
        left = tuple([one for one in job.recipients if one.n not in taken.diverted])
        if not left:
            placed.withdraw(job)
            continue
        job.recipients = left
        jobs.append(job)
        places.append(placed)
    taken.jobs, taken.placed = jobs, places


class Envelope(NamedTuple):
    number: int
    tenant_id: int
    application_id: int | None
    header_id: str
    created_ms: int
    eight_bit: bool
    smtputf8: bool
    ret: str | None = None
    envid: str | None = None
    reports: Reports = {}  # noqa: RUF012  (a tuple's field, never changed)
    origin: tuple[tuple[str, str], ...] = ()
    """By which door it came and from whom, for the event `accepted`."""


def _letter(draft: Draft, to: Addressed, way: Route) -> Letter:
    return Letter(
        sender=way.sender,
        to=tuple([address for role, address in to if role is RecipientRole.TO]),
        cc=tuple([address for role, address in to if role is RecipientRole.CC]),
        reply_to=way.reply_to,
        subject=draft.subject,
        text=draft.text,
        html=draft.html,
        attachments=tuple(
            Attachment(a.filename, a.content, a.content_type, a.content_id, a.inline) for a in draft.attachments
        ),
        headers=draft.headers,
        receipt_to=way.receipt_to,
        footer=Footer(way.footer.text or None, way.footer.html or None) if way.footer else None,
    )


def _saying(letter: Letter, more: Said) -> Letter:
    """The letter with what it tells its recipient about his choice."""
    if not more.headers and more.footer is None:
        return letter
    return replace(letter, headers=(*letter.headers, *more.headers), footer=more.footer or letter.footer)


def _message_row(draft: Draft, way: Route, envelope: Envelope, size: int, resend_of: int | None) -> Row:
    return (
        envelope.number, envelope.tenant_id, envelope.created_ms, envelope.application_id, way.sender_id,
        way.sender.spec, way.return_path, draft.subject, envelope.header_id, size, int(draft.priority), draft.kind,
        envelope.eight_bit, envelope.smtputf8, draft.send_at_ms, draft.expires_at_ms, way.unknown_policy.value,
        draft.secret, resend_of, json.dumps(draft.tags) if draft.tags else None,
        json.dumps(dict(draft.metadata)) if draft.metadata else None, envelope.ret, envelope.envid,
        way.return_tag.value, (draft.template or None), draft.template_version, draft.bulk_id,
    )  # fmt: skip


def _recipient_rows(taken: Taken, held: dict[int, tuple[int, int]]) -> list[Row]:
    """`held`: the fence and the mark of each recipient that goes straight into a lane's hand."""
    way, message = taken.route, taken.unit.message
    priority, expires, moment = message[10], message[15], message[2]
    state, due, reports = way.state.value, taken.due_ms, taken.reports
    rows: list[Row] = []
    for n, (role, address) in enumerate(taken.recipients):
        fence, mark = held.get(n, _NOT_HELD)
        leased, kept = fence is not None, n in taken.kept
        now = State.SENDING.value if leased else State.SILENCED.value if kept else state
        rows.append(
            (taken.number, n, taken.tenant_id, address.spec, role.value, now, way.account_id, way.sender_id,
             way.routed, priority, None if leased or kept else due, expires, fence, mark,
             Reason.GUARD if kept else way.reason, moment, *(reports.get(address.key, _NO_REPORT)))
        )  # fmt: skip
    return rows


_NO_REPORT = (None, None)
_NOT_HELD = (None, 0)


def _jobs(
    draft: Draft, way: Route, envelope: Envelope, guarded: Guarded, content: bytes, tagging: Tagging
) -> list[Job]:
    most = way.recipients_per_transaction
    to = [
        JobRecipient(n, address.spec, 0, *envelope.reports.get(address.key, _NO_REPORT))
        for n, (_, address) in enumerate(guarded.recipients)
        if n not in guarded.kept
    ]
    jobs = []
    for start in range(0, len(to), most):
        recipients = to[start : start + most]
        jobs.append(
            Job(
                message_id=envelope.number,
                tenant_id=envelope.tenant_id,
                account_id=way.account_id or 0,
                fence=0,
                recipients=tuple(recipients),
                mail_from=way.return_path,
                content=content,
                size=len(content),
                eight_bit=envelope.eight_bit,
                smtputf8=envelope.smtputf8,
                since_ms=envelope.created_ms,
                expires_ms=draft.expires_at_ms,
                unknown_policy=way.unknown_policy.value,
                secret=draft.secret,
                sender_id=way.sender_id,
                routed=way.routed,
                priority=int(draft.priority),
                ret=envelope.ret,
                envid=envelope.envid,
                sender=way.sender.spec,
                tagged_from=tagging.return_path(
                    envelope.tenant_id, envelope.number, recipients[0].n, way.return_path, way.return_tag
                ),
            )
        )
    return jobs
