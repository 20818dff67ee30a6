"""One rule of the diagnosis: what it looks at, when it fits, and what it then says.

A rule fits when everything it names fits; what it does not name it does not look at. It names a local failure or reply
codes, never both, because a failure means that no reply decided. Reading rules and refusing wrong ones is left to
`rulebook`, choosing between them to `diagnosis`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from postroom.model.account import Encryption, Login
from postroom.model.attempt import Action, Failure, Result, Scope, Severity, Verdict
from postroom.model.tenant import UnknownPolicy

__all__ = ["MAX_TEXT", "SEVERITIES", "STAND_INS", "Case", "Context", "EnhancedPattern", "Rule", "Words"]

MAX_TEXT = 2_000
"""Characters of a server's words that rules look at: as much as is kept of them, and a bound for the regexes' work."""

SEVERITIES = {
    Action.NONE: Severity.DONE,
    Action.RETRY: Severity.TEMPORARY,
    Action.SLOW: Severity.TEMPORARY,
    Action.SPLIT: Severity.TEMPORARY,
    Action.PAUSE: Severity.TEMPORARY,
    Action.HOLD_DAY: Severity.TEMPORARY,
    Action.HOLD_SENDER: Severity.TEMPORARY,
    Action.FAIL: Severity.PERMANENT,
    Action.SUPPRESS: Severity.PERMANENT,
    Action.ASK: Severity.DOUBTFUL,
}
"""How grave a deed is for the message. It follows from the action, so that the two can't contradict each other: what is
paused or held is never final, and nothing bounces because of it."""

_CODE = re.compile(r"^[ \t]*([245])\.(\d{1,3})\.(\d{1,3})(?!\S)", re.MULTILINE)
_ADDRESS = re.compile(r'<(?:"(?:[^"\\]|\\.)*"|[^<>"])*@[^<>]*>|"(?:[^"\\]|\\.)*"@\S+|[^\s<>"]{1,64}@[^\s<>"]{1,255}')
_CONFLICT = " (The two codes of the answer contradict each other; Postroom went by the first.)"
STAND_INS = {
    "host": "the server",
    "port": "(not known)",
    "user": "the login",
    "sender": "the sender's address",
}
"""What English says where a name is not known."""
_SENTENCE = re.compile(r"(^|[.!?:] )the ")


class Words(NamedTuple):
    """What is said to people: what it is, what happened, what to do."""

    title: str
    explanation: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Context:
    """What is known besides the answer. `family` is a word of `family.FAMILIES` or ""; `attempts` counts those made.

    `encryption`, `login` and `unknown_policy` are values of the model's words. `host`, `port`, `user` and `sender` only
    go into what is said. "" and 0 mean "not known".
    """

    family: str = ""
    attempts: int = 0
    encryption: str = ""
    login: str = ""
    unknown_policy: str = UnknownPolicy.RETRY.value
    host: str = ""
    port: int = 0
    user: str = ""
    sender: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A `Result` as rules look at it: the text on one line, bounded and without addresses, the code as numbers.

    Servers repeat addresses, and who is written to is chosen by strangers: `dmarc@example.org` is no word about DMARC,
    and nobody shall stop an account by calling himself `"relay access denied"@example.org`.
    """

    phase: str
    code: int
    enhanced: tuple[int, int, int] | None
    text: str
    failure: Failure | None
    in_doubt: bool

    @staticmethod
    def of(result: Result) -> Case:
        """Never raises. An enhanced code that only some lines of the reply carry is taken from the text."""
        text = result.text[:MAX_TEXT]
        found = _CODE.search(result.enhanced[:16]) or _CODE.search(text)
        numbers = (int(found[1]), int(found[2]), int(found[3])) if found else None
        words = " ".join(_ADDRESS.sub("<>", text).split())
        return Case(result.phase, result.code, numbers, words, result.failure, result.in_doubt)

    @property
    def contradicts_itself(self) -> bool:
        """Whether the enhanced code claims another class than the reply code. The reply code is believed."""
        return self.failure is None and self.enhanced is not None and self.enhanced[0] != self.code // 100


@dataclass(frozen=True, slots=True)
class EnhancedPattern:
    """`5.7.139`, `5.7.x`, `x.7.26` or `4.7.500-699`: a range of numbers for each part of an RFC 3463 code."""

    parts: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]

    @staticmethod
    def parse(text: str) -> EnhancedPattern:
        """Raises ValueError with a sentence."""
        pieces = text.split(".")
        if len(pieces) != 3:
            raise ValueError(f"{text!r} has not three parts like 5.7.1, 5.7.x or 4.7.500-699")
        first, second, third = (_range(piece, text) for piece in pieces)
        return EnhancedPattern((first, second, third))

    def fits(self, numbers: tuple[int, int, int]) -> bool:
        return all(low <= number <= high for number, (low, high) in zip(numbers, self.parts, strict=True))

    @property
    def exact(self) -> str:
        """The one code that is meant, or "" when it is a range."""
        if any(low != high for low, high in self.parts):
            return ""
        return ".".join(str(low) for low, _ in self.parts)


def _range(piece: str, text: str) -> tuple[int, int]:
    if piece == "x":
        return 0, 999
    low, dash, high = piece.partition("-")
    if not (low.isdecimal() and (high.isdecimal() if dash else True)):
        raise ValueError(f"{text!r} holds {piece!r}, which is no number, range or x")
    bounds = int(low), int(high) if dash else int(low)
    if bounds[0] > bounds[1]:
        raise ValueError(f"{text!r} holds the range {piece!r}, which goes backwards")
    return bounds


@dataclass(frozen=True, slots=True)
class Rule:
    """`rest`: minutes the whole account rests at least before it tries again. `answers`: recorded ones, as tests.
    `apply`: what of the account's settings to set to what, where that mends it (see `mending`). `as_of`: the year and
    month in which `source` was last read.

    An empty condition is not looked at, but rules without `failures` are for cases without a failure, and only rules
    with `unknown` are for answers that never came.
    """

    id: str
    scope: Scope
    action: Action
    title: str
    explanation: str
    remedy: str
    source: str
    answers: tuple[str, ...]
    phases: frozenset[str] = frozenset()
    codes: frozenset[int] = frozenset()
    enhanced: tuple[EnhancedPattern, ...] = ()
    families: frozenset[str] = frozenset()
    text: re.Pattern[str] | None = None
    failures: frozenset[Failure] = frozenset()
    unknown: UnknownPolicy | None = None
    attempts: int = 0
    encryption: frozenset[Encryption] = frozenset()
    login: frozenset[Login] = frozenset()
    field: str = ""
    apply: tuple[tuple[str, str | int], ...] = ()
    rest: int = 0
    as_of: str = ""
    file: str = ""

    @property
    def severity(self) -> Severity:
        return Severity.DOUBTFUL if self.unknown is not None else SEVERITIES[self.action]

    @property
    def fits_anything(self) -> bool:
        """Whether it has no condition at all: the last resort."""
        return not (
            self.phases
            or self.codes
            or self.enhanced
            or self.families
            or self.text
            or self.failures
            or self.unknown
            or self.attempts
            or self.encryption
            or self.login
        )

    def fits(self, case: Case, context: Context) -> bool:
        return (
            self._fits_kind(case, context)
            and (not self.families or context.family in self.families)
            and (not self.phases or case.phase in self.phases)
            and (not self.enhanced or (case.enhanced is not None and self._fits_enhanced(case.enhanced)))
            and context.attempts >= self.attempts
            and (not self.encryption or context.encryption in self.encryption)
            and (not self.login or context.login in self.login)
            and (self.text is None or self.text.search(case.text) is not None)
        )

    def _fits_kind(self, case: Case, context: Context) -> bool:
        """Doubt, then a failure of our own, then a code: each kind of case has its own rules."""
        if case.in_doubt or self.unknown is not None:
            return case.in_doubt and self.unknown == context.unknown_policy
        if case.failure is not None or self.failures:
            return case.failure in self.failures
        return not self.codes or case.code in self.codes

    def _fits_enhanced(self, numbers: tuple[int, int, int]) -> bool:
        return any(pattern.fits(numbers) for pattern in self.enhanced)

    def words(self, case: Case, context: Context) -> Words:
        """The words with the names of this account filled in, in English."""
        note = _CONFLICT if case.contradicts_itself else ""
        explanation = _filled(self.explanation, context) + note
        return Words(_filled(self.title, context), explanation, _filled(self.remedy, context))

    def verdict(self, case: Case, context: Context) -> Verdict:
        """The words, and the deeds."""
        words = self.words(case, context)
        return Verdict(
            diagnosis=self.id,
            scope=self.scope,
            severity=self.severity,
            action=self.action,
            title=words.title,
            explanation=words.explanation,
            remedy=words.remedy,
            field=self.field,
        )


def _filled(words: str, context: Context) -> str:
    if "{" not in words:
        return words
    known = {"host": context.host, "port": str(context.port or ""), "user": context.user, "sender": context.sender}
    if all(known.values()):
        return words.format_map(known)
    filled = words.format_map({name: value or STAND_INS[name] for name, value in known.items()})
    return _SENTENCE.sub(r"\1The ", filled)
