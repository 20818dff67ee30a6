"""Whose mail came back to the installation's own mailbox, which tenants may share: they inherit its accounts.

Rules kept here: what leads to a tenant's message by a tag is believed only with that tenant's own key, by a Message-ID
only where it is the whole of it. What leads nowhere stays the installation's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from postroom.model.incoming import Incoming
from postroom.model.tenant import INSTALLATION
from postroom.policy.address_tag import Tag, message_in
from postroom.receive.tying import candidates
from postroom.store import messages

__all__ = ["owners_of"]


def owners_of(
    connection: Connection, found: Sequence[Incoming], read_tag: Callable[[int, str], Tag | None]
) -> list[int]:
    """The tenant of each."""
    tagged = [[(number, text) for text in one.tags if (number := message_in(text)) is not None] for one in found]
    named = [list(candidates(one)) for one in found]
    numbers = {number for leads in (*tagged, *named) for number, _ in leads}
    known = messages.owners(connection, numbers)

    def owner(by_tag: list[tuple[int, str]], by_name: list[tuple[int, str]]) -> int:
        for number, text in by_tag:
            if number in known and read_tag(known[number].tenant_id, text) is not None:
                return known[number].tenant_id
        for number, header_id in by_name:
            if number in known and header_id in ("", known[number].message_id):
                return known[number].tenant_id
        return INSTALLATION

    return [owner(*leads) for leads in zip(tagged, named, strict=True)]
