"""The mails that Postroom writes to its own users: a link to choose a password.

They go the way of all mail, urgent and marked secret, from the default sender of the user's tenant; while its account
can't send, through the installation's default mailbox, where the tenant allows that (see `office.link_way`). Where that
can't be (no sender, nothing leaves, no address), whoever asked for the link is told so and gets it himself; a stranger
who says that he forgot his password is told nothing either way.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Future
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import quote

from postroom.clock import iso
from postroom.errors import PostroomError
from postroom.model.application import Actor, Scope
from postroom.model.message import Draft, Priority
from postroom.model.person import Purpose
from postroom.model.state import State
from postroom.office.people import NewLink
from postroom.web.desk import Desk

__all__ = ["CHOOSING", "Mailed", "address_of", "send_in_background", "send_link"]

CHOOSING = "/choose-password"
"""The page that a link leads to."""

_TAG = "default-mailbox"
_LEAVES = {State.QUEUED.value, State.SENDING.value, State.SENT.value, State.DEFERRED.value}
_SUBJECTS = {
    Purpose.INVITATION: "You are invited to Postroom",
    Purpose.RESET: "Choose a new password for Postroom",
}
_OPENINGS = {
    Purpose.INVITATION: "somebody who manages this Postroom has made a user for you: {login}",
    Purpose.RESET: "somebody, probably you, asked for a new password for the user {login}.",
}
_log = logging.getLogger("postroom.web")
_running: set[asyncio.Task[None]] = set()


class Mailed(NamedTuple):
    """Whether a link is on its way. `why`: what kept the tenant's own account from sending it, where it left through
    the installation's default mailbox instead.
    """

    sent: bool
    why: str = ""


def address_of(desk: Desk, link: NewLink) -> str:
    """The link as people open it."""
    host, port = desk.settings.listen
    base = desk.settings.public_url.rstrip("/") or f"http://{f'[{host}]' if ':' in host else host}:{port}"
    return f"{base}{CHOOSING}?token={quote(link.token)}"


async def send_link(desk: Desk, link: NewLink) -> Mailed:
    """Sends the link to the user's own address, if it can leave."""
    user = link.user
    if not user.email:
        return Mailed(False)
    draft = Draft(
        to=(user.email,),
        subject=_SUBJECTS[link.purpose],
        text=_text(link, address_of(desk, link)),
        priority=Priority.URGENT,
        secret=True,
        kind="account",
    )
    actor = Actor(user.tenant_id, frozenset({Scope.SEND}), name="postroom")
    try:
        way = await asyncio.wrap_future(desk.office.link_way(user.tenant_id, draft))
        if way.account:
            draft = replace(draft, account=way.account, tags=(_TAG,))
        receipt = await asyncio.wrap_future(desk.outbox.send(actor, draft))
        if way.account:
            await asyncio.wrap_future(desk.office.note_link_way(user, way))
    except PostroomError as error:
        _log.warning("a link to choose a password could not be sent: %s", type(error).__name__)
        return Mailed(False)
    return Mailed(receipt.state in _LEAVES, way.why)


def send_in_background(desk: Desk, link: Future[NewLink | None]) -> None:
    """Sends it when it is made, if it is; whoever asked does not wait, and so can't tell by the time."""

    async def go() -> None:
        try:
            made = await asyncio.wrap_future(link)
            if made is not None:
                await send_link(desk, made)
        except PostroomError as error:
            _log.warning("a link to choose a password could not be made: %s", type(error).__name__)

    task = asyncio.get_running_loop().create_task(go())
    _running.add(task)
    task.add_done_callback(_running.discard)


def _text(link: NewLink, address: str) -> str:
    user = link.user
    return (
        f"Hello {user.name or user.login},\n\n{_OPENINGS[link.purpose].format(login=user.login)}\n\n"
        f"Choose a password here:\n\n{address}\n\n"
        f"The link is good once, until {iso(link.expires_ms)}. If you did not expect this, do nothing.\n"
    )
