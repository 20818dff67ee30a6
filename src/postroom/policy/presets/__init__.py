"""What is known of providers before anybody asks them: server, port, encryption, login, limits, what the user name is.

The facts are data (`providers.toml`), each provider with the page it is told on; a number without a source is not in
there. A preset only fills what was not given. It leaves no trace but its name in the account, from which `of_preset`
can tell later which values are the provider's and which somebody chose.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.resources import files
from typing import Any

from postroom.errors import BadSettings, Fault
from postroom.model.account import Account, Encryption, Limits, Login
from postroom.model.grant import OAuth2Provider
from postroom.sentence import Sentence

__all__ = ["Preset", "UnknownPreset", "filled_by", "find", "of_account", "of_preset", "presets", "read_presets"]

_FILE = "providers.toml"
_TEXTS = ("id", "name", "encryption", "login", "user_words", "hint", "source")
_OPTIONAL = ("host", "user", "port", "regions", "limits", "oauth2_provider", "oauth2_regions", "password_hint")
_WORDS = ("encryption", "login", "oauth2_provider", "oauth2_regions")
_LIMITS = frozenset(one.name for one in fields(Limits))


@dataclass(frozen=True, slots=True)
class Preset:
    """`host` is "" where everybody has a server of his own, or where a region has to be chosen.

    `user`: the user name where it is the same for everybody; `user_words`: what it is otherwise; `regions`: region →
    host; `limits`: only those that the provider tells; `source`: the page it is told on.

    With the login `oauth2`, `oauth2_provider` gives the tokens, in some regions another (`oauth2_regions`). Who types a
    password all the same logs in with that; `password_hint` is what speaks against it, if anything.
    """

    id: str
    name: str
    encryption: Encryption
    port: int
    login: Login
    user_words: str
    hint: str
    source: str
    host: str = ""
    user: str = ""
    regions: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)
    oauth2_provider: OAuth2Provider = OAuth2Provider.NONE
    oauth2_regions: Mapping[str, OAuth2Provider] = field(default_factory=dict)
    password_hint: str = ""

    def values(self, region: str = "", *, by_password: bool = False) -> dict[str, Any]:
        """What it fills, by the names of an account's fields. `by_password`: somebody has typed one."""
        found: dict[str, Any] = {"encryption": self.encryption, "port": self.port, "login": self.login}
        if self.login is Login.OAUTH2 and by_password:
            found["login"] = Login.PASSWORD
        elif self.login is Login.OAUTH2:
            found["oauth2_provider"] = self.oauth2_regions.get(region, self.oauth2_provider)
        if host := self.regions.get(region, self.host):
            found["host"] = host
        if self.user:
            found["user"] = self.user
        return found | {f"limits.{name}": number for name, number in self.limits.items()}


class UnknownPreset(ValueError):
    """`problem` and `mend` are sentences that follow the field's name."""

    def __init__(self, problem: str, mend: str) -> None:
        super().__init__(f"{problem} {mend}")
        self.problem = problem
        self.mend = mend


@cache
def presets() -> Mapping[str, Preset]:
    """Those that come with Postroom, by id, in the order people look for them."""
    return read_presets(files(__name__).joinpath(_FILE).read_text("utf-8"))


def find(text: str) -> tuple[Preset, str]:
    """The preset and the region of `amazon-ses:eu-west-1`. Raises UnknownPreset."""
    name, _, region = text.strip().lower().partition(":")
    preset = presets().get(name)
    if preset is None:
        raise UnknownPreset(
            "is no provider that Postroom knows.", Sentence("There are: {presets}.", presets=", ".join(presets()))
        )
    known = ", ".join(f"{preset.id}:{one}" for one in preset.regions)
    if region and region not in preset.regions:
        raise UnknownPreset(
            "names a region that is not known.",
            Sentence("There are: {known}.", known=known) if known else "Leave it out.",
        )
    if not region and not preset.host and preset.regions:
        raise UnknownPreset("needs a region.", Sentence("Write one of {known}.", known=known))
    return preset, region


def of_account(account: Account) -> Preset | None:
    """The account's preset, if it has one that this release knows."""
    return presets().get(account.preset.partition(":")[0])


def filled_by(account: Account) -> dict[str, Any]:
    """What the account's preset fills, whatever the account holds now."""
    preset = of_account(account)
    by_password = account.login is not Login.OAUTH2
    return {} if preset is None else preset.values(account.preset.partition(":")[2], by_password=by_password)


def of_preset(account: Account) -> frozenset[str]:
    """The fields (`limits.…` flat) whose values are just what the account's preset says; none without one."""
    return frozenset(name for name, value in filled_by(account).items() if _held(account, name) == value)


def _held(account: Account, name: str) -> Any:
    outer, dot, inner = name.partition(".")
    return getattr(getattr(account, outer), inner) if dot else getattr(account, name)


def read_presets(text: str) -> dict[str, Preset]:
    """Presets from TOML. Raises BadSettings with every mistake."""
    faults: list[Fault] = []
    found: dict[str, Preset] = {}
    for place, table in enumerate(tomllib.loads(text).get("preset", [])):
        where = f"{_FILE}: {table.get('id', place)}"
        wrong = _wrong(table) or (["is there twice."] if table["id"] in found else [])
        faults += [Fault(where, problem, "Correct the file.") for problem in wrong]
        if not wrong:
            found[table["id"]] = _preset(table)
    if faults:
        raise BadSettings(faults)
    return found


def _wrong(table: Mapping[str, Any]) -> list[str]:
    problems = [f"lacks {name}." for name in _TEXTS if not isinstance(table.get(name), str) or not table[name]]
    problems += [f"has the unknown key {name}." for name in table if name not in (*_TEXTS, *_OPTIONAL)]
    problems += [f"has the unknown limit {name}." for name in table.get("limits", {}) if name not in _LIMITS]
    if table.get("encryption") not in list(Encryption) or table.get("login") not in list(Login):
        problems.append("names an encryption or a login that there is not.")
    providers = [table.get("oauth2_provider", ""), *table.get("oauth2_regions", {}).values()]
    if any(one not in list(OAuth2Provider) for one in providers):
        problems.append("names an OAuth2 provider that there is not.")
    if (table.get("login") == Login.OAUTH2) != bool(providers[0]):
        problems.append("has the login oauth2 without oauth2_provider, or the other way round.")
    return problems


def _preset(table: Mapping[str, Any]) -> Preset:
    plain = {name: value for name, value in table.items() if name not in _WORDS}
    return Preset(
        **plain,
        encryption=Encryption(table["encryption"]),
        login=Login(table["login"]),
        oauth2_provider=OAuth2Provider(table.get("oauth2_provider", "")),
        oauth2_regions={region: OAuth2Provider(one) for region, one in table.get("oauth2_regions", {}).items()},
    )
