"""Running the questions of `policy.dns` over the DNS, within bounds: seconds, questions, and whose addresses count.

However many names somebody's records lead to, the time is over at some point; from then on every answer is that nobody
could say, and the decision is made from what is known. For a tenant, addresses of internal networks are left out of
every answer: his own record must not be a way to find out what is inside.
"""

from __future__ import annotations

import asyncio
from time import monotonic

from postroom.policy.dns.question import Answer, Asking, Question, T
from postroom.settings import Settings
from postroom.wire.dns import Dns, Found, Kind, NotAnswered
from postroom.wire.guard import is_internal

__all__ = ["Looker"]

MOST_QUESTIONS = 150
"""Of one piece of work: SPF alone may need 10 times 11."""
WHOLE_SECONDS = 30.0
_OVER = "The look into the DNS took too long, so not everything is known."


class Looker:
    """For one piece of work: what was asked once is not asked again. `discreet`: internal addresses stay unseen."""

    def __init__(self, settings: Settings, *, discreet: bool) -> None:
        self._dns = Dns(settings.dns_servers, settings.dns_seconds)
        self._discreet = discreet
        self._ends = monotonic() + WHOLE_SECONDS
        self._left = MOST_QUESTIONS

    async def run(self, asking: Asking[T]) -> T:
        """What it comes to."""
        try:
            question = next(asking)
            while True:
                question = asking.send(await self._answer(question))
        except StopIteration as over:
            result: T = over.value
            return result

    async def _answer(self, question: Question) -> Answer:
        left = self._ends - monotonic()
        self._left -= 1
        if left <= 0 or self._left < 0:
            return Answer(trouble=_OVER)
        try:
            async with asyncio.timeout(left):
                found = await self._dns.ask(question.name, Kind(question.kind))
        except TimeoutError:
            return Answer(trouble=_OVER)
        return self._read(found)

    def _read(self, found: Found | NotAnswered) -> Answer:
        if isinstance(found, NotAnswered):
            return Answer() if found.why.value == "no-name" else Answer(trouble=found.detail)
        addresses = [one for one in found.addresses if not (self._discreet and is_internal(one))]
        return Answer(
            exists=found.exists,
            texts=found.texts,
            mx=tuple((one.preference, one.host) for one in found.mx),
            addresses=tuple(addresses),
            names=found.names if found.kind is Kind.PTR else (),
        )
