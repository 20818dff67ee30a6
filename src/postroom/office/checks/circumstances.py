"""What a check is given to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection

from postroom.model.account import Account
from postroom.model.connector import Connector
from postroom.model.problem import Finding
from postroom.policy.snapshot import Snapshot
from postroom.settings import Settings

__all__ = ["DAY_MS", "Circumstances", "Look"]

DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Circumstances:
    """One moment. `opens`: why an account's kept secrets don't open, or ""; `ways`: what a connector lacks, and what is
    wrong with it now, each as a sentence or "".
    """

    connection: Connection = field(repr=False)
    snapshot: Snapshot = field(repr=False)
    settings: Settings = field(repr=False)
    now_ms: int
    opens: Callable[[Account], str] = lambda account: ""
    ways: Callable[[Connection, Connector], tuple[str, str]] = lambda connection, connector: ("", "")

    @property
    def tenants(self) -> list[int]:
        """Those that are there, the installation first."""
        return [one.id for one in self.snapshot.tenants.values() if one.deleted_ms is None]


Look = Callable[[Circumstances], Iterable[Finding]]
"""A check, or several of one kind, over all tenants."""
