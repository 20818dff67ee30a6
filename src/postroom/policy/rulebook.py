"""Reads rules from TOML and refuses wrong ones, all mistakes at once and each with its file and rule.

A rulebook is data that decides whether mail is lost, so it is checked as strictly as code: unknown keys, regexes that
do not compile, answers that their own rule does not fit, and deeds that go against the classification:

- only a recipient or a message can fail, and only by a 5xx or by something this side found;
- only an exact "no such mailbox" code at RCPT suppresses an address;
- only the sender's own trouble holds a sender, and only what concerns the account, its provider, network or server
  pauses an account;
- what comes before MAIL never fails a message.

It leaves the order of rules, and whether one hides another, to `diagnosis` and to the tests.
"""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import fields
from enum import StrEnum
from typing import TypeVar

from postroom.errors import Fault
from postroom.model.account import Account, Encryption, Limits, Login
from postroom.model.attempt import Action, Failure, Result, Scope
from postroom.model.mailbox import Mailbox
from postroom.model.message import Draft
from postroom.model.tenant import UnknownPolicy
from postroom.policy.family import FAMILIES
from postroom.policy.mending import unfit
from postroom.policy.rule import Case, Context, EnhancedPattern, Rule

__all__ = ["PHASES", "SUPPRESSING", "read_answer", "read_rules"]

PHASES = (
    *("resolve", "connect", "tls", "greeting", "ehlo", "starttls", "auth"),
    *("mail", "rcpt", "data", "body", "dot", "quit"),
)
"""The words of `smtp.phase.Phase`, which this layer does not import."""

SUPPRESSING = frozenset({"5.1.1", "5.1.10", "5.1.3", "5.1.6", "5.2.1"})
"""Codes that say that a mailbox does not exist. 5.2.1 counts only together with words."""

_GROUPS = {
    "transfer": ("mail", "rcpt", "data", "body", "dot"),
    "content": ("data", "body", "dot"),
}
_REQUIRED = ("id", "scope", "action", "title", "explanation", "remedy", "source", "answers")
_KEYS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("id", "scope", "action", "title", "explanation", "remedy", "source"), (str,)),
    **dict.fromkeys(("answers", "phases", "codes", "enhanced", "failures", "encryption", "login"), (list,)),
    **dict.fromkeys(("text", "field", "unknown"), (str,)),
    **dict.fromkeys(("attempts", "rest"), (int,)),
    "family": (str, list),
    "apply": (dict,),
    "as_of": (str,),
}
_FIELDS = frozenset(
    {"secret"}
    | {one.name for one in fields(Account)}
    | {one.name for one in fields(Mailbox)}
    | {f"limits.{one.name}" for one in fields(Limits)}
    | {f"message.{one.name}" for one in fields(Draft)}
)
_PLACEHOLDERS = frozenset({"host", "port", "user", "sender"})
_MONTH = re.compile(r"20\d\d-(0[1-9]|1[0-2])")
_ID = re.compile(r"[a-z][a-z0-9-]*")
_CODES = re.compile(r"[45]xx|[45][0-9][0-9]")
_ANSWER = re.compile(r"([0-9]{3}) (?:([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |$))?(.*)", re.DOTALL)
_BEFORE_MAIL = frozenset(PHASES[: PHASES.index("mail")])
_MESSAGE_SCOPES = frozenset({Scope.RECIPIENT, Scope.MESSAGE})
_ACCOUNT_SCOPES = frozenset({Scope.ACCOUNT, Scope.TENANT, Scope.NETWORK, Scope.SERVER})
_Word = TypeVar("_Word", bound=StrEnum)


def read_rules(file: str, text: str) -> tuple[list[Rule], list[Fault]]:
    """The rules of one TOML text in their order, and everything that is wrong with it. Faults name `file`."""
    try:
        book = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return [], [Fault(file, f"is not TOML: {error}.", "Correct the file.")]
    of_all = {key: book.pop(key) for key in ("family", "as_of") if book.get(key)}
    tables = book.pop("rule", [])
    faults = [Fault(file, f"has the unknown key {key!r}.", "Known: as_of, family, rule.") for key in book]
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        return [], [*faults, Fault(file, "has a rule that is no table.", "Write each as [[rule]].")]
    rules = []
    for number, table in enumerate(tables, start=1):
        reader = _Reader(file, number, {**of_all, **table})
        rule = reader.read()
        faults.extend(reader.faults)
        if rule is not None:
            rules.append(rule)
    return rules, faults


def read_answer(text: str, phase: str, rule: Rule) -> Result:
    """A recorded answer as the `Result` it was: a server's reply, or the words of the rule's local failure."""
    if rule.unknown is not None:
        return Result(phase, text=text, in_doubt=True)
    if rule.failures:
        return Result(phase, text=text, failure=min(rule.failures))
    found = _ANSWER.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no reply like 550 5.1.1 User unknown")
    return Result(phase, int(found[1]), found[2] or "", found[3])


class _Reader:
    """Reads one rule and collects what is wrong with it."""

    def __init__(self, file: str, number: int, table: dict[str, object]) -> None:
        self.faults: list[Fault] = []
        self._file = file
        self._table = table
        self._name = f"{file}: {table.get('id') or f'rule {number}'}"

    def read(self) -> Rule | None:
        self._check_keys()
        if self.faults:
            return None
        rule = self._rule()
        if rule is None or self.faults:
            return None
        for problem, mend in _contradictions(rule):
            self._fault(problem, mend)
        self._check_answers(rule)
        return rule

    def _fault(self, problem: str, mend: str = "Correct it.") -> None:
        self.faults.append(Fault(self._name, problem, mend))

    def _check_keys(self) -> None:
        for key, value in self._table.items():
            kinds = _KEYS.get(key)
            if kinds is None:
                self._fault(f"has the unknown key {key!r}.", f"Known: {', '.join(_KEYS)}.")
            elif not isinstance(value, kinds) or isinstance(value, bool):
                self._fault(f"{key} is not a {' or '.join(kind.__name__ for kind in kinds)}.")
            elif isinstance(value, list) and not all(isinstance(item, str) for item in value):
                self._fault(f"{key} holds something that is no text.")
            elif value in ("", []):
                self._fault(f"{key} is empty.", "Leave it out, or fill it in.")
        for key in _REQUIRED:
            if key not in self._table:
                self._fault(f"has no {key}.", "Add it.")

    def _rule(self) -> Rule | None:
        scope, action = self._word(Scope, "scope"), self._word(Action, "action")
        unknown = self._word(UnknownPolicy, "unknown")
        if scope is None or action is None:
            return None
        return Rule(
            id=self._id(),
            scope=scope,
            action=action,
            title=self._words("title"),
            explanation=self._words("explanation"),
            remedy=self._words("remedy"),
            source=self._text("source"),
            answers=self._list("answers"),
            phases=self._phases(),
            codes=self._codes(),
            enhanced=self._enhanced(),
            families=self._families(),
            text=self._regex(),
            failures=self._several(Failure, "failures"),
            unknown=unknown,
            attempts=self._number("attempts"),
            encryption=self._several(Encryption, "encryption"),
            login=self._several(Login, "login"),
            field=self._field(),
            apply=self._apply(),
            as_of=self._as_of(),
            rest=self._number("rest"),
            file=self._file,
        )

    def _text(self, key: str) -> str:
        value = self._table.get(key, "")
        return value if isinstance(value, str) else ""

    def _list(self, key: str) -> tuple[str, ...]:
        value = self._table.get(key, ())
        if isinstance(value, str):
            return (value,)
        return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()

    def _number(self, key: str) -> int:
        value = self._table.get(key, 0)
        if not isinstance(value, int) or value < 0:
            self._fault(f"{key} is below zero.")
            return 0
        return value

    def _id(self) -> str:
        name = self._text("id")
        if not _ID.fullmatch(name):
            self._fault("the id is not made of small letters, digits and hyphens.")
        return name

    def _words(self, key: str) -> str:
        words = self._text(key)
        try:
            names = {name for _, name, _, _ in string.Formatter().parse(words) if name is not None}
        except ValueError as error:
            self._fault(f"{key} has braces that do not fit together: {error}.")
            return words
        for name in sorted(names - _PLACEHOLDERS):
            self._fault(f"{key} has the unknown place {{{name}}}.", f"Known: {', '.join(sorted(_PLACEHOLDERS))}.")
        return words

    def _word(self, kind: type[_Word], key: str) -> _Word | None:
        text = self._text(key)
        return self._known(kind, key, text) if text else None

    def _several(self, kind: type[_Word], key: str) -> frozenset[_Word]:
        found = [self._known(kind, key, text) for text in self._list(key)]
        return frozenset(word for word in found if word is not None)

    def _known(self, kind: type[_Word], key: str, text: str) -> _Word | None:
        try:
            return kind(text)
        except ValueError:
            self._fault(f"{key} is {text!r}.", f"Known: {', '.join(word for word in kind if word)}.")
            return None

    def _phases(self) -> frozenset[str]:
        phases: set[str] = set()
        for name in self._list("phases"):
            if name not in PHASES and name not in _GROUPS:
                self._fault(f"the phase {name!r} is unknown.", f"Known: {', '.join((*PHASES, *_GROUPS))}.")
            phases.update(_GROUPS.get(name, (name,)))
        return frozenset(phases)

    def _codes(self) -> frozenset[int]:
        codes: set[int] = set()
        for text in self._list("codes"):
            if not _CODES.fullmatch(text):
                self._fault(f"the code {text!r} is none.", "Write it like 550 or 5xx.")
            elif text.endswith("xx"):
                codes.update(range(int(text[0]) * 100, int(text[0]) * 100 + 100))
            else:
                codes.add(int(text))
        return frozenset(codes)

    def _enhanced(self) -> tuple[EnhancedPattern, ...]:
        return tuple(self._each("enhanced", EnhancedPattern.parse, self._list("enhanced")))

    def _families(self) -> frozenset[str]:
        names = self._list("family")
        for name in names:
            if name not in FAMILIES:
                self._fault(f"the family {name!r} is unknown.", f"Known: {', '.join(FAMILIES)}.")
        return frozenset(names)

    def _regex(self) -> re.Pattern[str] | None:
        text = self._text("text")
        compiled = self._each("text", lambda pattern: re.compile(pattern, re.IGNORECASE), [text] if text else [])
        return compiled[0] if compiled else None

    def _each(self, key: str, make: Callable[[str], _Made], texts: Iterable[str]) -> list[_Made]:
        made = []
        for text in texts:
            try:
                made.append(make(text))
            except (ValueError, re.error) as error:
                self._fault(f"{key} can't be read: {error}.")
        return made

    def _field(self) -> str:
        name = self._text("field")
        if name and name not in _FIELDS:
            self._fault(
                f"the field {name!r} is no setting.", "Name one of an account or a mailbox, limits.… or message.…"
            )
        return name

    def _apply(self) -> tuple[tuple[str, str | int], ...]:
        table = self._table.get("apply", {})
        given = table if isinstance(table, dict) else {}
        for name, value in given.items():
            if (problem := unfit(name, value)) is not None:
                self._fault(f"apply.{name} {problem}.")
        return tuple(given.items())

    def _as_of(self) -> str:
        text = self._text("as_of")
        if text and not _MONTH.fullmatch(text):
            self._fault(f"as_of is {text!r}.", "Write a year and a month like 2026-11.")
        return text

    def _check_answers(self, rule: Rule) -> None:
        """Each recorded answer must be one that the rule fits, in every phase that the rule is for."""
        context = Context(
            family=min(rule.families, default=""),
            attempts=rule.attempts,
            encryption=min(rule.encryption, default=""),
            login=min(rule.login, default=""),
            unknown_policy=rule.unknown or UnknownPolicy.RETRY,
        )
        for text in rule.answers:
            try:
                result = read_answer(text, min(rule.phases, default="quit"), rule)
            except ValueError as error:
                self._fault(f"{error}.")
                continue
            if not rule.fits(Case.of(result), context):
                self._fault(f"does not fit its own answer {text!r}.", "Correct the answer or the conditions.")


_Made = TypeVar("_Made")


def _contradictions(rule: Rule) -> Iterable[tuple[str, str]]:
    """What goes against the classification, as pairs of problem and mend."""
    if rule.failures and (rule.codes or rule.enhanced or rule.unknown):
        yield "names a local failure and a reply.", "A failure means that no reply decided: keep one of the two."
    if rule.unknown is not None and (rule.action not in (Action.RETRY, Action.ASK) or rule.codes):
        yield "is for a missing answer but does not retry or ask.", "Nothing else is known about such a message."
    if rule.action is Action.NONE or rule.scope is Scope.NONE:
        yield "does nothing, or speaks of nobody.", "Every trouble has a scope and an action."
    if rule.action is Action.ASK and rule.unknown is not UnknownPolicy.HOLD:
        yield "asks without need.", "Only a missing answer under the policy hold is a question."
    if rule.rest and rule.action not in (Action.RETRY, Action.SLOW):
        yield "rests although it does not try again by itself.", "Leave rest out."
    yield from _wrong_scope(rule)
    yield from _wrong_end(rule)


def _wrong_scope(rule: Rule) -> Iterable[tuple[str, str]]:
    if rule.action in (Action.PAUSE, Action.HOLD_DAY) and rule.scope not in _ACCOUNT_SCOPES:
        yield "pauses an account for what is not the account's.", "Hold the sender, or fail the recipient."
    if rule.action is Action.HOLD_SENDER and rule.scope is not Scope.SENDER:
        yield "holds a sender for what is not the sender's.", "Give it the scope sender."
    if rule.action is Action.SPLIT and rule.scope is not Scope.MESSAGE:
        yield "splits what is no message.", "Give it the scope message."


def _wrong_end(rule: Rule) -> Iterable[tuple[str, str]]:
    """What may end a message or bar an address for good."""
    if rule.action not in (Action.FAIL, Action.SUPPRESS):
        return
    if rule.scope not in _MESSAGE_SCOPES:
        yield "fails a message for what is not the recipient's or the message's.", "Pause or hold instead."
    if not rule.failures and not (rule.codes and all(500 <= code < 600 for code in rule.codes)):
        yield "fails without a 5xx.", "Name the 5xx codes it is for."
    if not rule.failures and (not rule.phases or rule.phases & _BEFORE_MAIL):
        yield "fails a message before it was even announced.", "Name phases from mail on."
    if rule.action is Action.SUPPRESS:
        yield from _wrong_suppression(rule)


def _wrong_suppression(rule: Rule) -> Iterable[tuple[str, str]]:
    exact = {pattern.exact for pattern in rule.enhanced}
    if not exact or not exact <= SUPPRESSING:
        yield "suppresses without an exact code for it.", f"Name some of {', '.join(sorted(SUPPRESSING))}."
    if "5.2.1" in exact and rule.text is None:
        yield "suppresses by 5.2.1 alone.", "That code has several meanings: add the words (text)."
    if rule.phases != {"rcpt"} or rule.scope is not Scope.RECIPIENT:
        yield "suppresses elsewhere than at RCPT.", "Only there an answer is about one recipient for certain."
