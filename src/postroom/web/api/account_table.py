"""The list of accounts as a table: the columns people know from such lists, with health and volume, as CSV.

A value that a spreadsheet would take for a formula has an apostrophe before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from postroom.ids import encode
from postroom.office.views import AccountView
from postroom.reports.views import Volume
from postroom.web.api.csv_text import csv_line

__all__ = ["COLUMNS", "account_csv"]

COLUMNS = (
    "id", "name", "sender", "reply_to", "return_path", "confirmation_address", "enabled", "default", "encryption",
    "force_settings", "request_receipt", "footer", "host", "port", "login", "health", "sent_24h", "failed_24h",
    "waiting",
)  # fmt: skip


def account_csv(views: Iterable[AccountView], volumes: Mapping[int, Volume]) -> str:
    """The whole file, with a line of titles."""
    return csv_line(COLUMNS) + "".join(csv_line(_cells(view, volumes.get(view.account.id))) for view in views)


def _cells(view: AccountView, volume: Volume | None) -> list[str]:
    one = view.account
    counted = volume or Volume(one.id)
    return [
        encode("a", one.id),
        one.name,
        one.sender_address,
        one.reply_to,
        one.return_path,
        one.confirmation_address,
        _yes(one.enabled),
        _yes(view.is_default),
        one.encryption.value,
        _yes(one.force_settings),
        _yes(one.request_receipt),
        _yes(one.footer_enabled),
        one.host,
        str(one.port),
        one.login.value,
        view.health.value,
        str(counted.sent),
        str(counted.failed),
        str(counted.waiting),
    ]


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"
