"""Taking from the queue: within the account's pace, in batches, gathered into jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from postroom.addresses import Address
from postroom.compose.second_rendering import render_again
from postroom.model.account import Account, AddressTag
from postroom.model.job import Job, JobRecipient
from postroom.model.rendering import Rendering
from postroom.policy.pace import allowance
from postroom.policy.speed import narrowed
from postroom.secrets.tagging import Tagging
from postroom.store import lanes, paces
from postroom.store.diversion import renderings
from postroom.store.lanes import Claimed

__all__ = ["Taken", "jobs_of", "rendered", "take"]


Signs = Callable[[Rendering, bytes], bytes]


def _unsigned(rendering: Rendering, content: bytes) -> bytes:
    return b""


class Taken(NamedTuple):
    """What was claimed; `all_there_was`: nothing more is due; `again_ms`: when the pace allows more, or None."""

    claimed: list[Claimed]
    all_there_was: bool
    again_ms: int | None = None


def take(
    connection: Connection,
    account: Account,
    fence: int,
    limit: int,
    now_ms: int,
    next_id: Callable[[], int],
    sign: Signs = _unsigned,
) -> Taken:
    """One claim. What it takes is counted against the account's pace in the same transaction, over all nodes."""
    limits = narrowed(account.limits, paces.of_account(connection, account).learnt, now_ms)
    if limits.per_minute is None and limits.per_day is None:
        claimed = lanes.claim(connection, account.id, fence, limit, now_ms, next_id)
        return Taken(_rendered(connection, account, claimed, sign), lanes.all_there_was(claimed, limit))
    pace = paces.of_account(connection, account, lock=True)
    allowed = allowance(limits, pace.used, now_ms)
    if allowed.n <= 0:
        return Taken([], False, allowed.again_ms)
    wanted = min(limit, allowed.n)
    claimed = lanes.claim(connection, account.id, fence, wanted, now_ms, next_id)
    if claimed:
        paces.book(connection, account, allowed.after(len(claimed)))
    return Taken(_rendered(connection, account, claimed, sign), lanes.all_there_was(claimed, wanted))


def _rendered(connection: Connection, account: Account, claimed: list[Claimed], sign: Signs) -> list[Claimed]:
    """As it leaves through this account: mail of another may have a second rendering here."""
    found = renderings(connection, account.id, {one.message_id for one in claimed if one.fallback_of is not None})
    if not found:
        return claimed
    return [_as_rendered(one, found[one.message_id], sign) if one.message_id in found else one for one in claimed]


def _as_rendered(one: Claimed, rendering: Rendering, sign: Signs) -> Claimed:
    body = None if one.body is None else rendered(one.body, rendering, sign)
    plain = AddressTag.OFF.value  # the other account's return path is another mailbox, which may know no tags
    return one._replace(mail_from=rendering.mail_from, body=body, rendering=rendering, return_tag=plain)


def rendered(content: bytes, rendering: Rendering | None, sign: Signs = _unsigned) -> bytes:
    """The octets that leave; `sign` gives the signatures of a second rendering."""
    if rendering is None:
        return content
    again = render_again(content, Address.parse(rendering.sender), Address.parse(rendering.wanted))
    return sign(rendering, again) + again if rendering.signers else again


def jobs_of(claimed: Sequence[Claimed], account: Account, fence: int, tagging: Tagging) -> list[Job]:
    """Recipients of one message that were claimed together share a transaction, up to the account's limit. Where the
    return path is tagged, each has his own.
    """
    jobs: list[Job] = []
    group: list[Claimed] = []
    for one in claimed:
        most = account.limits.recipients if one.return_tag == AddressTag.OFF else 1
        if group and (group[0].message_id != one.message_id or len(group) >= most):
            jobs.append(_job(group, account, fence, tagging))
            group = []
        group.append(one)
    if group:
        jobs.append(_job(group, account, fence, tagging))
    return jobs


def _job(group: Sequence[Claimed], account: Account, fence: int, tagging: Tagging) -> Job:
    first = group[0]
    return Job(
        message_id=first.message_id,
        tenant_id=first.tenant_id,
        account_id=account.id,
        fence=fence,
        recipients=tuple(JobRecipient(one.n, one.address, one.attempts, one.notify, one.orcpt) for one in group),
        mail_from=first.mail_from,
        content=first.body,
        size=first.size,
        eight_bit=first.eight_bit,
        smtputf8=first.smtputf8,
        since_ms=first.since_ms,
        expires_ms=first.expires_ms,
        unknown_policy=first.unknown_policy,
        secret=first.secret,
        sender_id=first.sender_id,
        routed=first.routed,
        priority=first.priority,
        ret=first.ret,
        envid=first.envid,
        fallback_of=first.fallback_of,
        rendering=first.rendering,
        sender=first.sender,
        tagged_from=tagging.return_path(
            first.tenant_id, first.message_id, first.n, first.mail_from, AddressTag(first.return_tag)
        ),
    )
