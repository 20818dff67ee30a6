"""What the settings check says: the catalogue of checks, their weight and their words in every language.

The facts are data: `checks.toml` has each check with its English words, `de.toml` the German ones. A check says what is
so, who can mend it, how (with a command that can be typed), and which field it is about. Places like {name} are filled
from the finding; a place it has no value for stays empty. In a command names are quoted, so that it can be pasted
whatever somebody called his account (P9). Pure.
"""

from __future__ import annotations

import shlex
import string
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from postroom.errors import Fault
from postroom.model.problem import Finding, Weight
from postroom.policy.sentences import tell
from postroom.policy.tongue import ENGLISH

__all__ = ["Check", "Told", "catalogue", "faults", "order", "told", "weight_of"]

_WORDS = ("what", "ask", "mend")
_KNOWN = frozenset({*_WORDS, "weight", "stops", "command", "field"})
_RANK = {Weight.PROBLEM: 0, Weight.WARNING: 1, Weight.NOTE: 2}


@dataclass(frozen=True, slots=True)
class Check:
    """`stops`: mail waits because of it; `command` and `field`: the same in every language."""

    id: str
    weight: Weight
    what: str
    ask: str
    mend: str
    command: str = ""
    field: str = ""
    stops: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """A finding in words. `about`: the name of the thing, "" for the tenant or the installation as a whole."""

    about: str
    what: str
    ask: str
    mend: str
    command: str
    field: str

    @property
    def sentence(self) -> str:
        """What is so and how to mend it, in one go."""
        return f"{self.what} {self.mend}".rstrip()


class _Places(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return ""


@cache
def catalogue() -> Mapping[str, Check]:
    """Every check by its id, in the order of the file."""
    found = {}
    for name, table in _table("checks.toml").items():
        if unknown := table.keys() - _KNOWN:
            raise ValueError(f"{name} in checks.toml has unknown keys: {', '.join(sorted(unknown))}")
        words = {key: str(table.get(key, "")) for key in (*_WORDS, "command", "field")}
        found[name] = Check(name, Weight(table["weight"]), stops=bool(table.get("stops")), **words)
    return found


@cache
def _translation(language: str) -> Mapping[str, Mapping[str, str]]:
    return _table(f"{language}.toml")


def _table(file: str) -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads(files("postroom.policy.checks").joinpath(file).read_text("utf-8"))


def weight_of(finding: Finding) -> Weight:
    return finding.weight or catalogue()[finding.check].weight


def order(finding: Finding) -> tuple[int, int, str]:
    """What weighs most comes first; what stops mail before what does not."""
    return _RANK[weight_of(finding)], 0 if catalogue()[finding.check].stops else 1, finding.key


def told(finding: Finding, language: str = ENGLISH) -> Told:
    """The finding's words in this language."""
    check = catalogue()[finding.check]
    words: Mapping[str, str] = {"what": check.what, "ask": check.ask, "mend": check.mend}
    if language != ENGLISH:
        words = {**words, **_translation(language).get(check.id, {})}
    values = {name: tell(value, language) for name, value in finding.values.items()}
    what, ask, mend = (_filled(words[key], values) for key in _WORDS)
    command = _filled(check.command, {name: shlex.quote(value) for name, value in finding.values.items()})
    return Told(finding.values.get("name", ""), what, ask, mend, command, check.field)


def _filled(text: str, values: Mapping[str, str]) -> str:
    return text.format_map(_Places(values)).strip() if "{" in text else text


def faults(language: str, checks: Iterable[Check]) -> list[Fault]:
    """What is missing or wrong in a translation: checks without words, places lost or invented."""
    found = _translation(language)
    wrong = []
    for check in checks:
        for key in _WORDS:
            text = found.get(check.id, {}).get(key, "")
            if not text and getattr(check, key):
                wrong.append(Fault(check.id, f"has no {key} in {language}.", f"Add it to checks/{language}.toml."))
            elif _places(text) != _places(getattr(check, key)):
                wrong.append(Fault(check.id, f"names other places in its {key} in {language}.", "Use the same."))
    known = {check.id for check in checks}
    wrong += [Fault(name, "is no check.", "Take it out.") for name in found if name not in known]
    return wrong


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
