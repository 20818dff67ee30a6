"""Making digests: what waits for a recipient and is due becomes one mail, which goes the way of all mail.

The mails are read and put together outside of any transaction; the digest is then accepted in the very transaction in
which they leave their state. When one of them was released or cancelled meanwhile, nothing of it happens and the next
round finds what is left. A mail that can't go into a digest (its content is gone, or it is larger than a mail may be)
leaves by itself. When the settings let no digest be made at all, it is tried again later: what waits stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.compose.digest import File, Original, compose, original
from postroom.errors import BadInput, Conflict, TooLarge
from postroom.failpoints import reach
from postroom.ids import encode
from postroom.maillog import MailLog
from postroom.model.kind import Files, Way
from postroom.model.message import Draft, DraftAttachment
from postroom.model.preference import Preference
from postroom.outbox.outbox import Outbox
from postroom.policy.preference import way_of, zone_of
from postroom.policy.snapshot import Snapshot
from postroom.store import digests, messages, preferences
from postroom.store.database import Store
from postroom.store.digests import Waiting

__all__ = ["TAG", "Digests"]

TAG = "digest"
"""What a digest is found by in the log."""
_MOST_MAILBOXES = 50
_MOST_MAILS = 100
_MOST_OCTETS = 16 * 1024 * 1024
_LATER_MS = 10 * 60_000


class Settled(Protocol):
    """Where the settings of this moment are found, and what makes links (the office)."""

    @property
    def snapshot(self) -> Snapshot: ...

    def file_link(self, tenant_id: int, message_id: int, number: str) -> str: ...


@dataclass(frozen=True, slots=True)
class _Due:
    """One digest's mails with their contents, and what its recipient chose."""

    tenant_id: int
    mailbox: str
    mails: list[tuple[Waiting, bytes]]
    apart: list[Waiting]
    unwanted: list[Waiting]
    preference: Preference | None


class Digests:
    """`largest`: octets of a mail."""

    def __init__(self, store: Store, office: Settled, outbox: Outbox, log: MailLog, *, largest: int) -> None:
        self._store = store
        self._office = office
        self._outbox = outbox
        self._log = log
        self._most_octets = min(_MOST_OCTETS, largest // 2)

    async def send_due(self) -> bool:
        """Makes the digests that are due; whether there are more of them."""
        moment = now_ms()
        found = await asyncio.wrap_future(self._store.read(lambda c: digests.due(c, moment, _MOST_MAILBOXES)))
        more = len(found) == _MOST_MAILBOXES
        for tenant_id, mailbox in found:
            more = await self._send(tenant_id, mailbox, moment) or more
        return more

    async def _send(self, tenant_id: int, mailbox: str, moment: int) -> bool:
        """One mailbox's digest; whether more waits for it."""
        due = await asyncio.wrap_future(self._store.read(lambda c: self._gathered(c, tenant_id, mailbox, moment)))
        if due.unwanted:
            await self._decline(tenant_id, due.unwanted)
        if due.apart:
            await self._let_go(tenant_id, due.apart)
        if not due.mails:
            await asyncio.wrap_future(self._store.write(lambda c: digests.forget_stale(c, tenant_id, mailbox, moment)))
            return False
        try:
            draft = await asyncio.to_thread(self._draft, due)
            keys = [(one.message_id, one.n) for one, _ in due.mails]
            await self._accepted(tenant_id, draft, keys, due)
        except Conflict:
            return True
        except TooLarge:
            await self._let_go(tenant_id, [one for one, _ in due.mails])
        except Exception as error:  # One that can't be made must not keep all others waiting.
            self._log.unexpected("digest", error)
            later = moment + _LATER_MS
            await asyncio.wrap_future(
                self._store.write(lambda c: digests.postpone(c, tenant_id, mailbox, moment, later))
            )
            return False
        return True

    async def _accepted(self, tenant_id: int, draft: Draft, keys: Sequence[tuple[int, int]], due: _Due) -> None:
        kinds = tuple(sorted({one.kind for one, _ in due.mails if one.kind}))
        try:
            sending = self._outbox.send_digest(tenant_id, draft, keys, kinds)
        except BadInput:
            # No default sender, perhaps: what may send the mails may send their digest.
            draft = replace(draft, sender=due.mails[-1][0].sender)
            sending = self._outbox.send_digest(tenant_id, draft, keys, kinds)
        receipt = await asyncio.wrap_future(sending)
        reach("digest.after-commit")
        self._log.digest_made(receipt.message_id, tenant_id, len(keys))

    async def _let_go(self, tenant_id: int, mails: Sequence[Waiting]) -> None:
        keys, moment, ids = [(one.message_id, one.n) for one in mails], now_ms(), self._store.ids.next
        why = "too large for a digest, or its content is gone"
        accounts = await asyncio.wrap_future(
            self._store.write(lambda c: digests.let_go(c, tenant_id, keys, moment, ids, why))
        )
        for account_id in accounts:
            self._outbox.wake(account_id)

    async def _decline(self, tenant_id: int, mails: Sequence[Waiting]) -> None:
        keys, moment, ids = [(one.message_id, one.n) for one in mails], now_ms(), self._store.ids.next
        await asyncio.wrap_future(self._store.write(lambda c: digests.decline(c, tenant_id, keys, moment, ids)))

    def _gathered(self, connection: Connection, tenant_id: int, mailbox: str, moment: int) -> _Due:
        mails: list[tuple[Waiting, bytes]] = []
        apart: list[Waiting] = []
        unwanted: list[Waiting] = []
        octets = 0
        chosen = preferences.get(connection, tenant_id, mailbox)
        for one in digests.waiting(connection, tenant_id, mailbox, _MOST_MAILS, now_ms=moment):
            if self._said_no(tenant_id, one.kind, chosen):
                unwanted.append(one)
                continue
            if octets + one.size > self._most_octets and mails:
                break
            content = messages.content(connection, tenant_id, one.message_id)
            if content is None or one.size > self._most_octets:
                apart.append(one)
                continue
            mails.append((one, content))
            octets += one.size
        return _Due(tenant_id, mailbox, mails, apart, unwanted, chosen)

    def _said_no(self, tenant_id: int, name: str, chosen: Preference | None) -> bool:
        """Whether he said so after it was accepted; another node may have accepted it in that very moment."""
        kind = self._office.snapshot.kind_named(tenant_id, name)
        return kind is not None and chosen is not None and way_of(kind, chosen, choose=True) is Way.NONE

    # -- putting together -------------------------------------------------------------------------------------------

    def _draft(self, due: _Due) -> Draft:
        settings = self._office.snapshot.settings(due.tenant_id)
        chosen = due.preference
        language = (chosen.language if chosen else "") or settings.language.value
        zone = zone_of((chosen.time_zone if chosen else "") or settings.time_zone.value)
        originals = [self._original(due.tenant_id, one, content, language) for one, content in due.mails]
        made = compose(originals, language=language, zone=zone)
        return Draft(
            to=(due.mails[-1][0].address,),
            subject=made.subject,
            text=made.text,
            html=made.html,
            attachments=tuple(
                DraftAttachment(one.filename, one.content, one.content_type, one.content_id, one.inline)
                for one in made.attachments
            ),
            headers=(("Auto-Submitted", "auto-generated"),),
            tags=(TAG,),
        )

    def _original(self, tenant_id: int, one: Waiting, content: bytes, language: str) -> Original:
        kind = self._office.snapshot.kind_named(tenant_id, one.kind)
        group = kind.called(language) if kind is not None else one.kind
        read = original(content, anchor=encode("m", one.message_id), group=group, at_ms=one.at_ms)
        if kind is None or kind.attachments is not Files.LINK:
            return read
        return replace(read, files=tuple(self._linked(tenant_id, one.message_id, file) for file in read.files))

    def _linked(self, tenant_id: int, message_id: int, file: File) -> File:
        """A picture of the text stays in it; so does everything where no link can be made."""
        link = "" if file.is_picture or not file.number else self._office.file_link(tenant_id, message_id, file.number)
        return replace(file, link=link)
