"""SMTP clients by themselves, without queue or store: ours, or aiosmtplib, on uvloop over kept connections.

    python -m bench.programs.smtp_client postroom|aiosmtplib    then: {"port": 2525, "messages": 1000, "sessions": 4}

Both send the same octets, one transaction a message. The time runs from before the connections are made until every
message was answered.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import aiosmtplib
import uvloop

from bench.child import serve
from bench.letter import SENDER, TO, octets
from postroom.deliver.feed import SessionOpened
from postroom.deliver.smtp import SmtpCourier
from postroom.model.account import Account, Encryption
from postroom.model.attempt import Result
from postroom.model.job import Job, JobRecipient
from postroom.smtp.timeouts import Timeouts
from postroom.wire.dial import DialTimeouts
from postroom.wire.guard import guard_for
from tests.rigs.process import RigFailed

_LETTER = octets()


class Shared:
    """How many messages are left, and how many were delivered."""

    def __init__(self, messages: int) -> None:
        self.left = messages
        self.delivered = 0

    def next(self) -> bool:
        self.left -= 1
        return self.left >= 0


class TrivialFeed:
    """Always has the next job at hand, journals nothing, believes every mark."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def take(self) -> Job | None:
        if not self._shared.next():
            return None
        return Job(
            message_id=self._shared.left,
            tenant_id=1,
            account_id=1,
            fence=1,
            recipients=(JobRecipient(0, TO.spec, 0),),
            mail_from=SENDER.spec,
            content=_LETTER,
            size=len(_LETTER),
            eight_bit=False,
            smtputf8=False,
            since_ms=0,
            expires_ms=None,
            unknown_policy="retry",
            secret=False,
            sender_id=None,
            routed="default",
        )

    async def wait(self) -> Job | None:
        return self.take()

    def mark(self, job: Job) -> None:
        job.marked = True

    async def marked(self, job: Job) -> bool:
        return job.marked

    def done(self, job: Job, results: Sequence[Result] | None, conversation: Callable[[], str]) -> None:
        if results is not None and all(result.delivered for result in results):
            self._shared.delivered += 1

    def opened(self, session: SessionOpened) -> None:
        pass


async def _ours(port: int, shared: Shared) -> None:
    account = Account(1, 1, "bench", "127.0.0.1", port, Encryption.NONE)
    courier = SmtpCourier(
        account, None, "bench.example", Timeouts(), DialTimeouts(), "1.2", lambda: "", guard_for(account, ())
    )
    failure = await courier.run(TrivialFeed(shared))
    if failure is not None:
        raise RigFailed(str(failure))


async def _aiosmtplib(port: int, shared: Shared) -> None:
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, use_tls=False, start_tls=False)
    async with client:
        while shared.next():
            refused, _ = await client.sendmail(SENDER.spec, [TO.spec], _LETTER)
            shared.delivered += not refused


CLIENTS: dict[str, Callable[[int, Shared], Coroutine[Any, Any, None]]] = {"postroom": _ours, "aiosmtplib": _aiosmtplib}


def push(client: str, port: int, messages: int, sessions: int) -> dict[str, Any]:
    shared = Shared(messages)

    async def all_sessions() -> float:
        began = time.monotonic()
        await asyncio.gather(*[CLIENTS[client](port, shared) for _ in range(sessions)])
        return time.monotonic() - began

    seconds = uvloop.run(all_sessions())
    return {"seconds": seconds, "delivered": shared.delivered}


if __name__ == "__main__":
    serve(lambda **command: push(sys.argv[1], **command))
