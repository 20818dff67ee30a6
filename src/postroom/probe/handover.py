"""One message through a session that is open already, outside of the queue: for values that nobody has saved.

Nothing is journalled, because nobody would send it again: who waits for the answer is the person who pressed *Test*.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from postroom.smtp.client import Done, Marked, Next, Opened, Outcome, Send, Step, Transmission, transfer
from postroom.wire.drive import Replies, exchange
from postroom.wire.link import Link

__all__ = ["hand_over"]


async def hand_over(opened: Opened, link: Link, replies: Replies, transmission: Transmission) -> Outcome | None:
    """What became of it; None where the session was over before the message's turn. Ends the session."""
    flow: Generator[Step, Any, Any] = transfer(opened)
    answer: Any = None
    outcome: Outcome | None = None
    left: Transmission | None = transmission
    while True:
        try:
            step = flow.send(answer)
        except StopIteration:
            return outcome
        answer = None
        match step:
            case Send():
                answer = await exchange(link, replies, step)
            case Next():
                answer, left = left, None
            case Marked():
                answer = True
            case Done():
                outcome = step.outcome
