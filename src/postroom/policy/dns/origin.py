"""From where the servers of known providers send, as far as they tell. The facts are data (`origins.toml`)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files

from postroom.model.account import Account
from postroom.policy.presets import of_account, presets

__all__ = ["Origin", "origin_of", "origins"]


@dataclass(frozen=True, slots=True)
class Origin:
    """`include`: what SPF says for all of the provider's servers; `selectors`: where its keys for a domain usually are;
    `by_host`: the end of a host's name → what SPF says for these instead; `also`: words that are as good.
    `own_return_path`: it puts a return path of its own domain in place of ours; `source`: the page that says so.
    """

    name: str
    include: str
    selectors: tuple[str, ...] = ()
    by_host: Mapping[str, str] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    own_return_path: bool = False
    source: str = ""


@cache
def origins() -> Mapping[str, Origin]:
    """By the preset's id."""
    told = tomllib.loads(files(__package__).joinpath("origins.toml").read_text("utf-8"))
    known = presets()
    return {
        name: Origin(
            known[name].name,
            facts["include"],
            tuple(facts.get("selectors", ())),
            facts.get("by_host", {}),
            tuple(facts.get("also", ())),
            facts.get("own_return_path", False),
            facts["source"],
        )
        for name, facts in told.items()
    }


def origin_of(account: Account) -> Origin | None:
    """By the account's preset, else by its host: who typed everything himself uses the same servers."""
    preset = of_account(account)
    if preset is None:
        host = account.host.lower()
        preset = next((one for one in presets().values() if host in (one.host, *one.regions.values())), None)
    found = None if preset is None else origins().get(preset.id)
    if found is None:
        return None
    host = account.host.lower()
    return replace(
        found, include=next((word for end, word in found.by_host.items() if host.endswith(end)), found.include)
    )
