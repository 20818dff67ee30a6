"""Where answers to a message go: the reply address, with the tag that leads back to the message where one is wished."""

from __future__ import annotations

from postroom.addresses import Address
from postroom.intake.checks import Addressed
from postroom.policy.way import Route
from postroom.secrets.tagging import Tagging

__all__ = ["led_back"]


def led_back(tagging: Tagging, way: Route, number: int, to: Addressed) -> tuple[Address, ...]:
    """What Reply-To names. Only the first of several addresses is tagged: one is enough to find the message by, and the
    others are people's.
    """
    first, *others = way.reply_to or (Address(way.sender.local, way.sender.domain),)
    return (tagging.reply_address(way.tenant_id, number, len(to), first, way.reply_tag), *others)
