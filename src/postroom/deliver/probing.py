"""What a courier is given when a sender is to be proven: one message of Postroom's own, or only a question.

A probe's message is nobody's mail: it is in no queue and no log, nothing of it is journalled, and whether it was taken
is its only purpose. It goes the production road all the same, by the same courier, for only that proves anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from postroom.addresses import Address
from postroom.compose.letter import Letter
from postroom.compose.message_id import message_id
from postroom.compose.render import render
from postroom.deliver.feed import SessionOpened
from postroom.model.attempt import Result
from postroom.model.job import Job, JobRecipient

__all__ = ["ProbeFeed", "Question", "probe_job"]

_SUBJECT = "Postroom proves a sender"
_TEXT = """\
Postroom sent this message to find out whether {sender} may send through the account {account}.
It did. Nobody has to do anything; such a message comes about once a day, and after changes.

Whoever looks after Postroom chose this address for it (the account's probe address).
"""


@dataclass(slots=True)
class Question:
    """An envelope to be shown to the server and taken back. The courier sets what it said."""

    mail_from: str
    recipient: str
    result: Result | None = None
    family: str = ""


@dataclass(slots=True)
class ProbeFeed:
    """One job. `result` is what came of it, None while nobody knows."""

    job: Job
    result: Result | None = None
    family: str = ""
    _given: bool = field(default=False, repr=False)

    def take(self) -> Job | None:
        if self._given:
            return None
        self._given = True
        return self.job

    async def wait(self) -> Job | None:
        return self.take()

    def mark(self, job: Job) -> None:
        """There is nothing to journal: the message is nobody's."""

    async def marked(self, job: Job) -> bool:
        return True

    def done(self, job: Job, results: Sequence[Result] | None, conversation: Callable[[], str]) -> None:
        self.result = results[0] if results else None

    def opened(self, session: SessionOpened) -> None:
        self.family = session.family


def probe_job(sender: Address, account: str, recipient: Address, number: int, now_ms: int, mail_from: str) -> Job:
    """The message as a job of no queue. `number` makes its Message-ID; `account` is the account's name."""
    letter = Letter(
        sender=sender,
        to=(recipient,),
        subject=_SUBJECT,
        text=_TEXT.format(sender=sender.spec, account=account),
        headers=(("Auto-Submitted", "auto-generated"),),
    )
    rendered = render(letter, message_id=message_id(number, sender.domain), date_ms=now_ms)
    return Job(
        message_id=number,
        tenant_id=0,
        account_id=0,
        fence=0,
        recipients=(JobRecipient(0, recipient.spec, 0),),
        mail_from=mail_from,
        content=rendered.content,
        size=rendered.size,
        eight_bit=rendered.eight_bit,
        smtputf8=rendered.smtputf8 or recipient.needs_smtputf8,
        since_ms=now_ms,
        expires_ms=None,
        unknown_policy="retry",
        secret=False,
        sender_id=None,
        routed="",
        sender=sender.spec,
    )
