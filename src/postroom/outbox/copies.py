"""Sending kept bytes once more: a resend, or the release of silenced mail to other recipients.

It is a new message that names the old one: what is over stays over. The bytes are the old message's, unchanged, so the
Message-ID is, too; only the envelope is new.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, select

from postroom.addresses import Address, BadAddress
from postroom.clock import now_ms
from postroom.errors import BadInput, Conflict, Fault, Forbidden, NotFound
from postroom.ids import Ids
from postroom.intake.checks import Addressed, address_fault
from postroom.intake.taking import Envelope, Intake, Taken
from postroom.model.application import Actor
from postroom.model.message import Draft, Priority, RecipientRole
from postroom.model.state import State
from postroom.policy.route import Route, route
from postroom.policy.snapshot import Snapshot
from postroom.store import tables
from postroom.store.scope import within

__all__ = ["Original", "copy_of", "original"]

_GOT_IT = frozenset({State.SENT.value, State.QUEUED.value, State.SENDING.value, State.DEFERRED.value})


class Original(NamedTuple):
    """A kept message: its row, its recipients' (role, address, state), its bytes."""

    message: Row[Any]
    recipients: list[tuple[str, str, str]]
    content: bytes


def original(connection: Connection, tenant_id: int, message_id: int) -> Original:
    """Raises NotFound, or Conflict when the bytes were removed by retention or were secret."""
    message = connection.execute(
        select(tables.message).where(within(tables.message, tenant_id), tables.message.c.id == message_id)
    ).one_or_none()
    if message is None:
        raise NotFound("There is no such message here.")
    body = connection.execute(
        select(tables.content.c.body).where(
            within(tables.content, tenant_id), tables.content.c.message_id == message_id
        )
    ).scalar()
    if body is None:
        raise Conflict("Its content is not kept any more, so it can't be sent again.")
    table = tables.recipient
    rows = connection.execute(
        select(table.c.role, table.c.address, table.c.state)
        .where(within(table, tenant_id), table.c.message_id == message_id)
        .order_by(table.c.n)
    )
    return Original(message, [(row.role, row.address, row.state) for row in rows], bytes(body))


def copy_of(
    intake: Intake, snapshot: Snapshot, ids: Ids, actor: Actor, found: Original, to: Sequence[str] | None
) -> Taken:
    """Ready to be accepted. Without `to`: those who did not get it and wait for nothing, else everyone."""
    message = found.message
    if to and message.secret:
        raise Forbidden("The message is marked secret; it goes to nobody but its own recipients.")
    recipients = _recipients(found, to)
    draft = Draft(
        sender=message.sender,
        subject=message.subject,
        kind=message.kind,
        priority=Priority(message.priority),
        secret=message.secret,
        unknown_policy=message.unknown_policy,
        tags=tuple(json.loads(message.tags)) if message.tags else (),
        metadata=tuple(json.loads(message.metadata).items()) if message.metadata else (),
    )
    way = route(snapshot, actor.tenant_id, draft, released=True)
    if not isinstance(way, Route):
        raise BadInput(way)
    envelope = Envelope(
        ids.next(), actor.tenant_id, actor.application_id, message.message_id, now_ms(), message.eight_bit,
        message.smtputf8,
    )  # fmt: skip
    return intake.prepare_copy(envelope, draft, recipients, way, found.content, resend_of=message.id)


def _recipients(found: Original, to: Sequence[str] | None) -> Addressed:
    if to:
        faults: list[Fault] = []
        chosen: Addressed = []
        for place, text in enumerate(to):
            try:
                chosen.append((RecipientRole.TO, Address.parse(text)))
            except BadAddress as error:
                faults.append(address_fault(f"to[{place}]", error))
        if faults:
            raise BadInput(faults)
        return chosen
    missed = [entry for entry in found.recipients if entry[2] not in _GOT_IT]
    return [(RecipientRole(role), Address.parse(address)) for role, address, _ in missed or found.recipients]
