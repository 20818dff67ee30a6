"""What `postroom sendmail` kept while nobody could be reached is handed over by `serve`: at its start, then regularly.

It goes the same way as any caller's mail, through the HTTP door, so what may be sent is decided where it always is.
Two folders are looked after: the one in the data directory, which is this user's alone and goes with the key of this
machine; and the one that `sendmail.toml` or its usual place names, for all users, which goes only with the key that an
administrator put there: whoever may write to a folder must not get the rights of this process by that.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from postroom.maillog import MailLog
    from postroom.sendmail.configuration import Configuration

__all__ = ["handing_over"]

EVERY_SECONDS = 15.0
_TURN_SECONDS = 10.0


@contextlib.asynccontextmanager
async def handing_over(data: Path, log: MailLog) -> AsyncIterator[None]:
    """As long as the block runs. Leaving it waits for the mail that is just being handed over."""
    stopping = asyncio.Event()
    task = asyncio.create_task(_keep_on(data, log, stopping), name="spool")
    try:
        yield
    finally:
        stopping.set()
        await task


async def _keep_on(data: Path, log: MailLog, stopping: asyncio.Event) -> None:
    while not stopping.is_set():
        with contextlib.suppress(Exception):  # a turn says itself what went wrong; the next one begins anew
            await asyncio.to_thread(_turn, data, log, lambda: math.inf if stopping.is_set() else time.monotonic())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), EVERY_SECONDS)


def _turn(data: Path, log: MailLog, clock: Callable[[], float]) -> None:
    from postroom.sendmail.handover import hand_over_spool

    for configuration in _configurations(data, log):
        told = hand_over_spool(configuration, seconds=_TURN_SECONDS, clock=clock)
        if told or told.left:
            log.spool_handed_over(
                str(configuration.spool), told.accepted, told.refused, told.damaged, told.left, told.trouble
            )


def _configurations(data: Path, log: MailLog) -> list[Configuration]:
    from postroom.sendmail.configuration import Configuration, load
    from postroom.sendmail.exits import Ending
    from postroom.sendmail.spool import Spool

    own = Configuration.of_this_machine(data)
    try:
        shared = load("", {**os.environ, "POSTROOM_DATA": str(data)})
    except Ending as ending:
        log.spool_trouble(ending.text)
        return [own]
    if shared.spool == own.spool:
        return [own]
    if not shared.has_key:
        if Spool(shared.spool, private=False).waiting():
            log.spool_trouble(f"Mail waits in {shared.spool}, but no key for it is set up in sendmail.toml.")
        return [own]
    return [own, shared]
