"""A job: what one transaction with a server is about, in one lane's hand under its lease."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from postroom.model.rendering import Rendering

__all__ = ["Job", "JobRecipient"]


class JobRecipient(NamedTuple):
    """`notify` (words with commas between them) and `orcpt` (`type;address`): RFC 3461, not encoded; None for none."""

    n: int
    address: str
    attempts: int
    notify: str | None = None
    orcpt: str | None = None


@dataclass(slots=True, eq=False)
class Job:
    """Some recipients of one message, all in one lane's hand. `content` is read from the store when it is None.

    Times are ms UTC; `since_ms` is from when its days of trying count. `marked`: the journal says durably that the
    end of the body may leave. `fallback_of`: the account it belongs to, when another sends it in its stead;
    `rendering`: what is then different, if anything, and done to `content` already when that is there. `sender`: the
    address in From, as the message was accepted. `tagged_from`: `mail_from` with the tag that leads back to its one
    recipient, or "" where it has none.
    """

    message_id: int
    tenant_id: int
    account_id: int
    fence: int
    recipients: tuple[JobRecipient, ...]
    mail_from: str
    content: bytes | None = field(repr=False)
    size: int
    eight_bit: bool
    smtputf8: bool
    since_ms: int
    expires_ms: int | None
    unknown_policy: str
    secret: bool
    sender_id: int | None
    routed: str
    priority: int = 5
    ret: str | None = None
    envid: str | None = None
    fallback_of: int | None = None
    rendering: Rendering | None = None
    sender: str = ""
    tagged_from: str = ""
    marked: bool = False
    mark_asked: bool = False
    mark_answered: bool = False
    lease_lost: bool = False
    started_ms: int = 0
    on_marked: Callable[[], None] | None = None

    @property
    def return_path(self) -> str:
        """What MAIL names."""
        return self.tagged_from or self.mail_from
