"""What a mail says to its recipient about his choice: worked out for mail that has one recipient and a kind of his.

All recipients of a message get the same octets (P5), and a link is one person's own: who gets a copy of somebody
else's mail must not get the key to his preferences. So only mail to one recipient says it. Mail whose recipient the
non-production guard changed says it to the one who gets it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from postroom.compose.footer import Footer
from postroom.compose.leave import footer_with_link, list_headers
from postroom.model.message import Draft
from postroom.policy.guard import Guarded
from postroom.policy.preference import mailbox, may_stop, offered
from postroom.policy.route import Route
from postroom.policy.snapshot import Snapshot

__all__ = ["Linking", "Said", "said"]

_FIELD = "list-unsubscribe"


class Linking(Protocol):
    """What makes links (the office)."""

    def personal_link(self, tenant_id: int, box: str, kinds: tuple[str, ...], moment: int) -> str: ...


@dataclass(frozen=True, slots=True)
class Said:
    """Header fields to add, and the footer that takes the place of the way's."""

    headers: tuple[tuple[str, str], ...] = ()
    footer: Footer | None = None


_NOTHING = Said()


def said(
    linking: Linking,
    snapshot: Snapshot,
    way: Route,
    draft: Draft,
    guarded: Guarded,
    kinds: tuple[str, ...],
    moment: int,
) -> Said:
    """`kinds`: of the mails in it, for a digest; else empty."""
    names = kinds or ((draft.kind,) if draft.kind else ())
    if not names or draft.secret or len(guarded.recipients) != 1:
        return _NOTHING
    settings = snapshot.settings(way.tenant_id)
    known = [kind for name in names if (kind := snapshot.kind_named(way.tenant_id, name)) and may_stop(kind)]
    if not known:
        return _NOTHING
    box = mailbox(guarded.recipients[0][1])
    link = linking.personal_link(way.tenant_id, box, tuple(kind.name for kind in known), moment)
    if not link:
        return _NOTHING
    headers = () if any(name.lower() == _FIELD for name, _ in draft.headers) else list_headers(link)
    choose = settings.recipients_choose.value
    if not any(offered(kind, choose=choose) for kind in known) or _no_footer(way):
        return Said(headers)
    own = Footer(way.footer.text or None, way.footer.html or None) if way.footer else None
    return Said(headers, footer_with_link(own, link, settings.language.value))


def _no_footer(way: Route) -> bool:
    """Whether the account's switch takes every footer away."""
    account = way.effective.account.value
    return account is not None and not account.footer_enabled
