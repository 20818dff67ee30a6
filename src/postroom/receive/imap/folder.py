"""One folder of a mailbox: what is there, fetching it in pieces, and what becomes of what was taken in.

Rules kept here: nothing is asked for that could be larger than what is wanted; a number that nobody asked about is
passed over; a mail is fetched without marking it, and marked, moved or deleted only by its own number, never by its
place, and never others with it (UIDPLUS, RFC 4315; MOVE, RFC 6851).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from postroom.model.attempt import Failure
from postroom.model.mailbox import Afterwards
from postroom.receive.imap.command import Unwritable, folder_name, numbers, quoted
from postroom.receive.imap.responses import Data, Response
from postroom.receive.imap.session import Answer, Session
from postroom.receive.imap.trouble import Trouble

__all__ = ["Chosen", "Lying", "choose", "fetch", "find", "highest", "list_some", "put_away"]

_MOST_UID = 0xFFFF_FFFF
_ROOM = 65_536
"""What the parts of an answer around a mail may hold."""
_VALIDITY = re.compile(r"[0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class Chosen:
    """`validity`: as long as it stays, a number means the same mail. `writable`: marks can be set."""

    validity: int
    exists: int
    writable: bool


@dataclass(frozen=True, slots=True)
class Lying:
    """A mail that lies there. `size`: octets, as the server says."""

    uid: int
    size: int


async def choose(session: Session, name: str, *, read_only: bool = False) -> Chosen:
    """Opens the folder. Raises Trouble: MAILBOX_FOLDER where it is not there."""
    try:
        written = folder_name(name)
    except Unwritable as unwritable:
        raise Trouble(Failure.MAILBOX_FOLDER, f"The folder's name {unwritable}") from None
    session.exists = 0
    answer = await session.ask((b"EXAMINE " if read_only else b"SELECT ") + written)
    if not answer.ok:
        failure = Failure.MAILBOX_FOLDER if answer.end.kind == "NO" else Failure.MAILBOX_REFUSED
        raise Trouble(failure, session.blanked(answer.end.words))
    told = [one.code_text for one in answer.before if one.code == "UIDVALIDITY" and _VALIDITY.fullmatch(one.code_text)]
    if not told:
        raise Trouble(Failure.MAILBOX_REFUSED, "The server does not number the mails of this folder (UIDVALIDITY).")
    session.news = False
    return Chosen(int(told[-1]), session.exists, answer.end.code != "READ-ONLY" and not read_only)


async def highest(session: Session) -> int:
    """The number of the newest mail; 0 in an empty folder."""
    if session.exists <= 0:
        return 0
    found = await _listed(session, b"FETCH * (UID RFC822.SIZE)", _MOST_UID, 10)
    return max((one.uid for one in found), default=0)


async def list_some(session: Session, first: int, last: int, most: int) -> list[Lying]:
    """The mails with these numbers, the smallest first, and not more than `most` of them."""
    words = b"UID FETCH %d:%d (UID RFC822.SIZE)" % (first, last)
    found = await _listed(session, words, last, most)
    return [one for one in found if one.uid >= first]


async def _listed(session: Session, words: bytes, last: int, most: int) -> list[Lying]:
    found: dict[int, Lying] = {}

    def each(response: Response) -> bool:
        items = _items(response)
        uid, size = _number(items.get("UID")), _number(items.get("RFC822.SIZE"))
        if uid and uid <= last and size is not None:
            found[uid] = Lying(uid, size)
            if len(found) > most:
                del found[max(found)]
        return response.kind == "FETCH"

    answer = await session.ask(words, each=each, seconds=session.patience.fetch)
    _check(session, answer)
    return [found[uid] for uid in sorted(found)]


async def fetch(session: Session, wanted: Sequence[Lying], most: int, take: Callable[[int, bytes], None]) -> None:
    """Gives each of these mails to `take`, as it comes. `most`: octets that one of them may have, whatever the server
    said of its size; a larger one is given no more than that."""
    asked = {one.uid for one in wanted}
    largest = min(max((one.size for one in wanted), default=0) + _ROOM, most + 1)

    def each(response: Response) -> bool:
        items = _items(response)
        uid, content = _number(items.get("UID")), _content(items)
        if uid in asked and content is not None:
            asked.discard(uid)
            take(uid, content)
        return response.kind == "FETCH"

    words = b"UID FETCH %s (UID BODY.PEEK[]<0.%d>)" % (numbers(asked), largest)
    answer = await session.ask(words, each=each, literal=largest + _ROOM, seconds=session.patience.fetch)
    _check(session, answer)


async def find(session: Session, message_id: str) -> bool:
    """Whether a mail with this Message-ID (in angle brackets) lies in the folder."""
    try:
        words = b"UID SEARCH HEADER Message-ID " + quoted(message_id)
    except Unwritable:
        return False
    found: list[int] = []

    def each(response: Response) -> bool:
        if response.kind == "SEARCH":
            found.extend(number for one in response.data if (number := _number(one)))
        return response.kind == "SEARCH"

    _check(session, await session.ask(words, each=each))
    return bool(found)


async def put_away(session: Session, uids: Sequence[int], how: Afterwards, move_to: str) -> None:
    """What becomes of mails that were taken in. Mails that are not there any more are nobody's trouble."""
    if not uids or how is Afterwards.LEAVE:
        return
    which = numbers(uids)
    if how is Afterwards.SEEN:
        _check(session, await session.ask(b"UID STORE %s +FLAGS.SILENT (\\Seen)" % which, each=_ignored))
    elif how is Afterwards.DELETE:
        await _delete(session, which)
    else:
        await _move(session, which, move_to)


async def _move(session: Session, which: bytes, name: str) -> None:
    folder = folder_name(name)
    command = b"MOVE" if "MOVE" in session.capabilities else b"COPY"
    words = b"UID %s %s %s" % (command, which, folder)
    answer = await session.ask(words, each=_ignored)
    if answer.end.kind == "NO" and answer.end.code == "TRYCREATE":
        _check(session, await session.ask(b"CREATE " + folder), Failure.MAILBOX_FOLDER)
        answer = await session.ask(words, each=_ignored)
    _check(session, answer, Failure.MAILBOX_FOLDER)
    if command == b"COPY":
        await _delete(session, which)


async def _delete(session: Session, which: bytes) -> None:
    _check(session, await session.ask(b"UID STORE %s +FLAGS.SILENT (\\Deleted \\Seen)" % which, each=_ignored))
    if "UIDPLUS" in session.capabilities:  # else it stays marked: EXPUNGE alone would take others along
        _check(session, await session.ask(b"UID EXPUNGE " + which, each=_ignored))


def _ignored(response: Response) -> bool:
    return response.kind in ("FETCH", "EXPUNGE", "EXISTS", "RECENT", "VANISHED")


def _check(session: Session, answer: Answer, failure: Failure = Failure.MAILBOX_REFUSED) -> None:
    if not answer.ok:
        raise Trouble(failure, session.blanked(answer.end.words))


def _items(response: Response) -> dict[str, Data]:
    """The pairs of a FETCH; nothing of what is none."""
    if response.kind != "FETCH" or not response.data or not isinstance(response.data[0], tuple):
        return {}
    listed = response.data[0]
    names, values = listed[::2], listed[1::2]
    return {
        name.decode("ascii", "replace").upper(): value
        for name, value in zip(names, values, strict=False)
        if isinstance(name, bytes) and len(name) <= 60
    }


def _number(value: Data) -> int | None:
    return int(value) if isinstance(value, bytes) and value.isdigit() and len(value) <= 10 else None


def _content(items: dict[str, Data]) -> bytes | None:
    """BODY[] as it was asked for; a server says `BODY[]<0>`. NIL is an empty mail."""
    for name in ("BODY[]<0>", "BODY[]"):
        if name in items:
            value = items[name]
            return value if isinstance(value, bytes) else b""
    return None
