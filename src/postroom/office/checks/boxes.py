"""Mailboxes that can't be read: not complete, or in trouble; and mail in them that nobody could take in."""

from __future__ import annotations

from collections.abc import Iterator

from postroom.clock import iso
from postroom.ids import encode
from postroom.model.attempt import Failure
from postroom.model.problem import Finding
from postroom.office.checks.circumstances import Circumstances
from postroom.office.mailbox_health import wrong_of
from postroom.office.mailboxes import MailboxView, mailbox_needs
from postroom.store import mailbox_reading

__all__ = ["look"]

_LATE_MS = 15 * 60_000
_AT_ONCE = frozenset({Failure.MAILBOX_LOGIN.value, Failure.MAILBOX_FOLDER.value})
"""What no waiting mends."""


def look(at: Circumstances) -> Iterator[Finding]:
    there, states = set(at.tenants), {one.mailbox_id: one for one in mailbox_reading.all_states(at.connection)}
    for mailbox in at.snapshot.mailboxes.values():
        state = states.get(mailbox.id)
        if mailbox.tenant_id not in there or not mailbox.enabled or state is None:
            continue
        subject, values = encode("v", mailbox.id), {"name": mailbox.name}
        needs = mailbox_needs(mailbox)
        if needs:
            yield Finding("mailbox-incomplete", mailbox.tenant_id, subject, values | {"why": " ".join(needs)})
            continue
        since = state.trouble_ms
        verdict = wrong_of(MailboxView(mailbox, state))
        if verdict is not None and since is not None and (state.failure in _AT_ONCE or at.now_ms - since >= _LATE_MS):
            told = {"why": verdict.title, "mend": verdict.remedy, "since": iso(since)[:16] + "Z"}
            yield Finding("mailbox-unread", mailbox.tenant_id, subject, values | told)
