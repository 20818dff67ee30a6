"""Whose provider a mailbox is at: by the domain of its address, or by the host that takes the domain's mail (MX).

The table is data (`mailboxes.toml`); its first entry that fits counts. A test holds every entry against the presets.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from postroom.policy.presets import Preset, presets

__all__ = ["Mailboxes", "Recognised", "mailboxes", "recognise"]

_FILE = "mailboxes.toml"


@dataclass(frozen=True, slots=True)
class Mailboxes:
    """One entry. A name that begins with a dot stands for every host below it."""

    preset: str
    source: str
    region: str = ""
    domains: tuple[str, ...] = ()
    mx: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recognised:
    """The provider. `by_mx`: the host that gave it away, "" where the domain itself is the provider's."""

    preset: Preset
    region: str
    by_mx: str = ""

    @property
    def name(self) -> str:
        """As an account's `preset` wants it."""
        return f"{self.preset.id}:{self.region}" if self.region else self.preset.id


@cache
def mailboxes() -> tuple[Mailboxes, ...]:
    """The table that comes with Postroom."""
    table = tomllib.loads(files("postroom.policy.presets").joinpath(_FILE).read_text("utf-8"))["mailboxes"]
    return tuple(
        Mailboxes(
            one["preset"],
            one["source"],
            one.get("region", ""),
            tuple(one.get("domains", ())),
            tuple(one.get("mx", ())),
        )
        for one in table
    )


def recognise(domain: str, mx: Iterable[str]) -> Recognised | None:
    """The provider of a domain (A-labels) whose mail these hosts take, the most preferred first."""
    known = domain.lower().removesuffix(".")
    for one in mailboxes():
        if any(_fits(known, pattern) for pattern in one.domains):
            return Recognised(presets()[one.preset], one.region)
    for host in mx:
        for one in mailboxes():
            if any(_fits(host.lower().removesuffix("."), pattern) for pattern in one.mx):
                return Recognised(presets()[one.preset], one.region, host)
    return None


def _fits(name: str, pattern: str) -> bool:
    return name.endswith(pattern) if pattern.startswith(".") else name == pattern
