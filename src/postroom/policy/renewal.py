"""When a grant's access token is renewed. Pure: a row and the time in, a decision out.

Ahead of its end, so that no mail waits for a provider and clocks may differ by minutes; and often enough that a grant
which died is noticed within the hour, even where nothing is sent and tokens live long.
"""

from __future__ import annotations

from datetime import date

from postroom.model.account import Account
from postroom.model.grant import Grant

__all__ = ["WARN_DAYS", "days_left", "due", "usable"]

_MINUTE = 60_000
_SKEW = 2 * _MINUTE
_AHEAD = 10 * _MINUTE
_EVERY = 40 * _MINUTE
_LONGEST_REST = 15
WARN_DAYS = 30
"""So long before its end an application's secret is warned about."""
_DAY = 86_400_000


def usable(grant: Grant | None, now_ms: int) -> bool:
    """Whether the access token is good for a login now, clocks over there being minutes wrong."""
    return grant is not None and grant.access is not None and (grant.access_expires_ms or 0) - _SKEW > now_ms


def due(account: Account, grant: Grant | None, now_ms: int) -> bool:
    """Whether the provider should be asked now, though no mail needs it. Troubles are given 1, 2, 4 … 15 minutes."""
    if account.oauth2_flow.needs_consent and (grant is None or grant.refresh is None):
        return False
    if grant is None or grant.asked_ms is None:
        return True
    if grant.trouble:
        return now_ms >= grant.asked_ms + min(1 << min(grant.trouble - 1, 4), _LONGEST_REST) * _MINUTE
    lifetime = (grant.access_expires_ms or 0) - (grant.renewed_ms or 0)
    ahead = min(_AHEAD, lifetime // 2)
    return now_ms >= min((grant.access_expires_ms or 0) - ahead, grant.asked_ms + _EVERY)


def days_left(account: Account, now_ms: int) -> int | None:
    """Days until the application's secret or certificate ends, below zero afterwards; None when that is not known."""
    try:
        ends = date.fromisoformat(account.oauth2_secret_expires)
    except ValueError:
        return None
    return ends.toordinal() - (now_ms // _DAY + date(1970, 1, 1).toordinal())
