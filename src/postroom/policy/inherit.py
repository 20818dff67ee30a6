"""What holds for a tenant: installation → tenant, each value with the place where it is set.

A value of None is inherited, from the parent and in the end from the defaults below. The footer is one thing: a tenant
that sets its text or its HTML replaces both, so that nobody's text stands beside somebody else's HTML.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from postroom.model.tenant import Footer, ForeignFrom, Mode, Sending, Tenant, TenantSettings, UnknownPolicy
from postroom.policy.retry import Schedule
from postroom.policy.sourced import DEFAULT, Sourced, of_tenant
from postroom.policy.tongue import ENGLISH

__all__ = ["CONTENT_DAYS", "LOG_DAYS", "Inherited", "chain", "inherited"]

T = TypeVar("T")

CONTENT_DAYS = 30
LOG_DAYS = 365
_SCHEDULE = Schedule()


@dataclass(frozen=True, slots=True)
class Inherited:
    """The same names as `TenantSettings`, none of them unset but for what has no default."""

    mode: Sourced[Mode]
    sending: Sourced[Sending]
    default_sender_id: Sourced[int | None]
    default_account_id: Sourced[int | None]
    footer_text: Sourced[str | None]
    footer_html: Sourced[str | None]
    recipients_choose: Sourced[bool]
    unknown_policy: Sourced[UnknownPolicy]
    content_days: Sourced[int]
    log_days: Sourced[int]
    retry_minutes: Sourced[tuple[int, ...]]
    retry_days: Sourced[int]
    guard_redirect: Sourced[str | None]
    guard_allow: Sourced[tuple[str, ...] | None]
    foreign_from: Sourced[ForeignFrom]
    reset_fallback: Sourced[bool]
    language: Sourced[str]
    time_zone: Sourced[str]
    suppress_unknown: Sourced[bool]
    alarm_to: Sourced[tuple[str, ...]]

    @property
    def footer(self) -> Sourced[Footer | None]:
        """Both forms; None when neither holds anything."""
        found = Footer(self.footer_text.value or "", self.footer_html.value or "")
        return Sourced(found or None, self.footer_text.source)

    @property
    def schedule(self) -> Schedule:
        """Raises ValueError for values that make no schedule: who saves them asks `Schedule` first."""
        return Schedule(self.retry_minutes.value, self.retry_days.value)


def chain(tenants: Mapping[int, Tenant], tenant_id: int) -> tuple[Tenant, ...]:
    """The tenant, its parent and so on up to the installation; empty when there is no such tenant."""
    found: list[Tenant] = []
    tenant = tenants.get(tenant_id)
    while tenant is not None and tenant not in found:
        found.append(tenant)
        tenant = None if tenant.parent_id is None else tenants.get(tenant.parent_id)
    return tuple(found)


def inherited(line: tuple[Tenant, ...]) -> Inherited:
    """What holds for the first tenant of a `chain`. An empty one has the defaults."""
    text, html = _footer(line)
    return Inherited(
        mode=_nearest(line, lambda own: own.mode, Mode.SILENT),
        sending=_nearest(line, lambda own: own.sending, Sending.BACKGROUND),
        default_sender_id=_nearest(line, lambda own: own.default_sender_id, None),
        default_account_id=_nearest(line, lambda own: own.default_account_id, None),
        footer_text=text,
        footer_html=html,
        recipients_choose=_nearest(line, lambda own: own.recipients_choose, False),
        unknown_policy=_nearest(line, lambda own: own.unknown_policy, UnknownPolicy.RETRY),
        content_days=_nearest(line, lambda own: own.content_days, CONTENT_DAYS),
        log_days=_nearest(line, lambda own: own.log_days, LOG_DAYS),
        retry_minutes=_nearest(line, lambda own: own.retry_minutes, _SCHEDULE.minutes),
        retry_days=_nearest(line, lambda own: own.retry_days, _SCHEDULE.days),
        guard_redirect=_nearest(line, lambda own: own.guard_redirect, None),
        guard_allow=_nearest(line, lambda own: own.guard_allow, None),
        foreign_from=_nearest(line, lambda own: own.foreign_from, ForeignFrom.REFUSE),
        reset_fallback=_nearest(line, lambda own: own.reset_fallback, False),
        language=_nearest(line, lambda own: own.language, ENGLISH),
        time_zone=_nearest(line, lambda own: own.time_zone, "UTC"),
        suppress_unknown=_nearest(line, lambda own: own.suppress_unknown, False),
        alarm_to=_nearest(line, lambda own: own.alarm_to, ()),
    )


def _nearest(line: tuple[Tenant, ...], pick: Callable[[TenantSettings], T | None], default: T) -> Sourced[T]:
    for tenant in line:
        value = pick(tenant.settings)
        if value is not None:
            return Sourced(value, of_tenant(tenant))
    return Sourced(default, DEFAULT)


def _footer(line: tuple[Tenant, ...]) -> tuple[Sourced[str | None], Sourced[str | None]]:
    for tenant in line:
        own = tenant.settings
        if own.footer_text is not None or own.footer_html is not None:
            source = of_tenant(tenant)
            return Sourced(own.footer_text, source), Sourced(own.footer_html, source)
    return Sourced(None, DEFAULT), Sourced(None, DEFAULT)
