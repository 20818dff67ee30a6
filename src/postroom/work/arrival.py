"""Looking into a mailbox for one message until it is there: the last step of an account's test.

The folder that is read is looked into, the one that read mail is moved to, and the usual names of spam folders. Nothing
is marked, moved or taken in by it. A mailbox whose mail is deleted once it is taken in may be emptied by its own reader
in between; then what was taken in is looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from postroom.clock import monotonic_ms
from postroom.model.attempt import Failure, Result
from postroom.model.mailbox import Mailbox
from postroom.receive.imap import folder
from postroom.receive.imap.opening import Access, open_session
from postroom.receive.imap.session import Session
from postroom.receive.imap.trouble import Trouble

__all__ = ["Arrived", "wait_for"]

_LOOK_SECONDS = 1.0
_SPAM = ("Junk", "Spam", "Junk E-mail", "Junk Email", "[Gmail]/Spam", "INBOX.Junk", "INBOX.Spam", "INBOX/Junk")


@dataclass(frozen=True, slots=True)
class Arrived:
    """`spam`: the folder is one for mail that nobody wants; `taken`: it was found among what was taken in already."""

    folder: str
    spam: bool = False
    taken: bool = False


async def wait_for(
    mailbox: Mailbox, access: Access, message_id: str, seconds: float, was_taken: Callable[[], Awaitable[bool]]
) -> Arrived | Result | None:
    """Where it is; why that can't be seen; None when it is nowhere after so many seconds. `was_taken`: whether the
    message is among what was taken in."""
    session = await open_session(access)
    if isinstance(session, Result):
        return session
    ends = monotonic_ms() + seconds * 1000
    try:
        places = [name for name in (mailbox.folder, mailbox.move_to) if name]
        others = await _there(session, [name for name in _SPAM if name not in places])
        while True:
            for place in (*places, *others):
                if await _holds(session, place, message_id):
                    return Arrived(place, spam=place in others)
            if await was_taken():
                return Arrived(mailbox.folder, taken=True)
            if monotonic_ms() >= ends:
                return None
            await asyncio.sleep(min(_LOOK_SECONDS, max((ends - monotonic_ms()) / 1000, 0.0)))
    except Trouble as trouble:
        return trouble.result
    finally:
        await session.goodbye()


async def _there(session: Session, names: list[str]) -> list[str]:
    """Those of these folders that there are."""
    found = []
    for name in names:
        try:
            await folder.choose(session, name, read_only=True)
            found.append(name)
        except Trouble as trouble:
            if trouble.result.failure not in (Failure.MAILBOX_FOLDER, Failure.MAILBOX_REFUSED):
                raise
    return found


async def _holds(session: Session, place: str, message_id: str) -> bool:
    """Chosen anew each time: what came since the last look is seen then on every server."""
    try:
        await folder.choose(session, place, read_only=True)
    except Trouble as trouble:
        if trouble.result.failure is Failure.MAILBOX_FOLDER:
            return False  # the one to move to is made with the first mail
        raise
    return await folder.find(session, message_id)
