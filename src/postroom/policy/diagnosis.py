"""The catalogue: all rules in their order, and the one that fits a case.

Order: logins by Kerberos, NTLM and access tokens, then the rules of a server family, then what this side found, then
generic answers by phase, words and exact codes, then the classes of RFC 3463 and RFC 5321, and at the very end one rule
without any condition. The first that fits wins; one always does. Adding a rule is adding a table to a file in `rules/`,
with a recorded answer as its test.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

from postroom.errors import BadSettings, Fault
from postroom.model.attempt import Failure
from postroom.model.tenant import UnknownPolicy
from postroom.policy.rule import Case, Context, Rule
from postroom.policy.rulebook import read_rules

__all__ = ["Catalogue", "catalogue", "load"]

_HEAD = ("integrated.toml", "tokens.toml")
_TAIL = ("grants.toml", "mailboxes.toml", "local.toml", "generic.toml", "classes.toml")
"""The head is asked before the files of families, the tail, in this order, after them; the tail's have no family."""


class Catalogue:
    """Rules in order. Immutable but for a memory of which rules can fit a code or a failure at all."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self.by_id: Mapping[str, Rule] = {rule.id: rule for rule in self.rules}
        self.generic = frozenset(rule.id for rule in self.rules if rule.file == _TAIL[-1])
        """Ids of the rules that know only the class of an answer."""
        self._last = self.rules[-1]
        self._doubts = tuple(rule for rule in self.rules if rule.unknown is not None)
        self._by_failure = {
            failure: tuple(rule for rule in self.rules if failure in rule.failures) for failure in Failure
        }
        replies = [rule for rule in self.rules if rule.unknown is None and not rule.failures]
        self._by_code = {
            code: tuple(rule for rule in replies if not rule.codes or code in rule.codes) for code in range(400, 600)
        }

    def find(self, case: Case, context: Context) -> Rule:
        """The first rule that fits. Always finds one: the last has no conditions."""
        for rule in self._candidates(case):
            if rule.fits(case, context):
                return rule
        return self._last

    def _candidates(self, case: Case) -> tuple[Rule, ...]:
        if case.in_doubt:
            return self._doubts
        if case.failure is not None:
            return self._by_failure[case.failure]
        return self._by_code.get(case.code, ())


def load(texts: Mapping[str, str]) -> Catalogue:
    """A catalogue from TOML texts by file name. Raises BadSettings with every mistake in all of them at once."""
    rules: list[Rule] = []
    faults: list[Fault] = []
    for name in sorted(texts, key=_rank):
        found, wrong = read_rules(name, texts[name])
        rules.extend(found)
        faults.extend(wrong)
        faults.extend(_misplaced(name, found))
    if not faults:
        faults.extend(_incomplete(rules))
    if faults:
        raise BadSettings(faults)
    return Catalogue(rules)


@cache
def catalogue() -> Catalogue:
    """The rules that come with Postroom. Read at the first use, which takes some hundredths of a second."""
    folder = files("postroom.policy").joinpath("rules")
    return load({file.name: file.read_text("utf-8") for file in folder.iterdir() if file.name.endswith(".toml")})


def _rank(name: str) -> tuple[int, str]:
    return (_TAIL.index(name) + 1 if name in _TAIL else -(name in _HEAD)), name


def _misplaced(name: str, rules: Iterable[Rule]) -> Iterable[Fault]:
    for rule in rules:
        if name not in _HEAD and bool(rule.families) == (name in _TAIL):
            yield Fault(
                f"{name}: {rule.id}", "is in the wrong file.", f"Files {', '.join(_HEAD + _TAIL)} are for all families."
            )


def _incomplete(rules: list[Rule]) -> Iterable[Fault]:
    """What only shows when all rules are together."""
    seen: dict[str, Rule] = {}
    for rule in rules:
        if rule.id in seen:
            yield Fault(f"{rule.file}: {rule.id}", f"has an id that {seen[rule.id].file} has too.", "Rename one.")
        seen[rule.id] = rule
    last = [rule for rule in rules if rule.fits_anything]
    if len(last) != 1 or rules[-1] is not last[0]:
        yield Fault("rules", "have no last resort, or not at the end.", "The last rule of all has no conditions.")
    whole = {failure for rule in rules for failure in rule.failures if _only_failures(rule)}
    for failure in Failure:
        if failure not in whole:
            yield Fault("rules", f"have none for every {failure}.", "Add one without further conditions.")
    doubts = {rule.unknown for rule in rules}
    for policy in UnknownPolicy:
        if policy not in doubts:
            yield Fault("rules", f"have none for a missing answer under the policy {policy}.", "Add one.")


def _only_failures(rule: Rule) -> bool:
    further = rule.phases or rule.text or rule.attempts or rule.encryption or rule.login or rule.families
    return not further
