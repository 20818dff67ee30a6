"""The sentences that errors and findings tell people, found where they are written, for catalogues of other languages.

    PYTHONPATH=. .venv/bin/python tools/sentences.py          says what is missing, and what is left over
    PYTHONPATH=. .venv/bin/python tools/sentences.py GROUP    puts what is missing into policy/sentences/de/GROUP.po

A sentence is what stands where `TAKES` says that a call takes one: as a text, as `Sentence("… {place} …", place=…)`, or
by a name or a function of the same module. Text put together in another way is reported: it can't be told again.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from postroom.policy.sentences import FOLDER, catalogue
from postroom.policy.tongue import ENGLISH, LANGUAGES

SOURCE = Path(__file__).parent.parent / "src" / "postroom"
_ERRORS = (
    "Conflict Forbidden NotAvailableYet NotFound PostroomError ProviderTrouble SecretSealed StoreFull StoreUnavailable "
    "TooLarge TooMany Unauthenticated"
)
_BAD = "BadAddress BadKey BadReference UnknownPreset Unfit"
TAKES: dict[str, tuple[int, ...]] = {
    "Sentence": (0,),
    "Fault": (1, 2),
    "Faulty": (0,),
    "Finding": (2, 3, 4),
    "Heard": (1,),
    "N_": (0,),
    "Seen": (1,),
    "TooComplex": (0,),
    "TooMuch": (0,),
    "Unallowed": (0,),
    "Unreadable": (0, 1),
    "_Odd": (0, 1),
    "SpfVerdict": (1,),
    "_Over": (1,),
    "_mails": (1, 2),
    "_unasked": (1, 3),
    "blame": (0,),
    "say": (0,),
    "fault": (1, 2),
    **dict.fromkeys(_BAD.split(), (0, 1)),
    **dict.fromkeys(_ERRORS.split(), (0,)),
}
"""What is called → which of its arguments are sentences."""
KEYWORDS = ("fault", "mend", "no_content", "no_settings", "problem", "why")
"""Named arguments of anything that are sentences."""
YIELDING = ("compose/templates/places.py", "policy/candidates.py")
"""Modules whose functions yield sentences."""

ELSEWHERE = (
    "agent",
    "cli",
    "client",
    "django",
    "embedded.py",
    "errors.py",
    "listener",
    "office/checks",
    "policy/checks",
    "policy/diagnosis.py",
    "policy/rule.py",
    "policy/rulebook.py",
    "policy/translation.py",
    "sendmail",
    "settings",
    "store/backup.py",
    "store/database.py",
    "store/engine.py",
    "store/nodes.py",
    "web/api",
    "web/console",
    "wire",
)
"""What is told on a terminal, to a program or to whoever builds Postroom, and the console, which has its own words."""


class Found(NamedTuple):
    """A sentence, or (`wrong`) what can't be told again, and where. `filled`: braces in it are places."""

    text: str
    place: str
    wrong: bool = False
    filled: bool = False


def found() -> list[Found]:
    """Every sentence with the first place where it is used, and everything wrong."""
    seen: dict[tuple[str, bool], Found] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        name = str(path.relative_to(SOURCE))
        if not name.startswith(ELSEWHERE):
            for one in Module(path).sentences():
                seen.setdefault((one.text, one.wrong), one)
    return list(seen.values())


class Module:
    """One module, read for what its sentences are."""

    def __init__(self, path: Path) -> None:
        self.name = str(path.relative_to(SOURCE))
        self.tree = ast.parse(path.read_text("utf-8"))
        self._parents = {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}
        self._functions = {
            node.name: node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }

    def sentences(self) -> Iterator[Found]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                for position in TAKES.get(_called(node), ()):
                    filled = _called(node) == "Sentence"
                    yield from (one._replace(filled=filled) for one in self._argument(node, position))
                yield from self._within(node)

            elif isinstance(node, ast.Yield) and node.value is not None and self.name in YIELDING:
                for leaf in self.leaves(node.value):
                    yield from self._told(leaf)

    def _within(self, call: ast.Call) -> Iterator[Found]:
        """What is named in a call: texts in the places of a sentence, and `why=…` of anything."""
        every = _called(call) == "Sentence"
        for one in call.keywords:
            if one.arg is not None and (every or one.arg in KEYWORDS):
                for leaf in self.leaves(one.value):
                    if (isinstance(leaf, ast.Constant) and _is_prose(leaf.value)) or (
                        not every and not isinstance(leaf, ast.Constant)
                    ):
                        yield from self._told(leaf)

    def _argument(self, call: ast.Call, position: int) -> Iterator[Found]:
        if position >= len(call.args):
            return
        if any(isinstance(one, ast.Starred) for one in call.args[: position + 1]):
            yield from self._starred(call)
            return
        for leaf in self.leaves(call.args[position]):
            yield from self._told(leaf)

    def _starred(self, call: ast.Call) -> Iterator[Found]:
        for one in call.args:
            if isinstance(one, ast.Starred):
                for leaf in self.leaves(one.value):
                    yield from self._told(leaf)

    def _told(self, leaf: ast.expr) -> Iterator[Found]:
        place = f"{self.name}:{leaf.lineno}"
        if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str):
            if leaf.value:
                yield Found(leaf.value, place)
        elif isinstance(leaf, ast.JoinedStr | ast.BinOp) and _is_prose(ast.unparse(leaf)):
            yield Found(ast.unparse(leaf), place, wrong=True)

    def leaves(self, node: ast.expr, depth: int = 0) -> Iterator[ast.expr]:
        """What an expression may be in the end, as far as this module says."""
        if depth > 6:
            return
        if isinstance(node, ast.IfExp):
            parts: list[ast.expr] = [node.body, node.orelse]
        elif isinstance(node, ast.BoolOp | ast.Tuple | ast.List | ast.Set):
            parts = node.values if isinstance(node, ast.BoolOp) else node.elts
        elif isinstance(node, ast.Dict):
            parts = node.values
        elif isinstance(node, ast.Name):
            parts = self._assigned(node)
        elif isinstance(node, ast.Subscript):
            parts = [node.value]
        elif isinstance(node, ast.Call):
            yield from self._of_call(node, depth)
            return
        else:
            yield node
            return
        for part in parts:
            yield from self.leaves(part, depth + 1)

    def _of_call(self, node: ast.Call, depth: int) -> Iterator[ast.expr]:
        if _called(node) in ("Sentence", "N_", "say"):
            yield node.args[0]
            return
        own = self._functions.get(_called(node))
        for inner in ast.walk(own) if own is not None else ():
            if isinstance(inner, ast.Return) and inner.value is not None:
                yield from self.leaves(inner.value, depth + 1)

    def _assigned(self, node: ast.Name) -> list[ast.expr]:
        """What is assigned to a name: in its function, else in the module."""
        for scope in self._scopes(node):
            values = [value for inner in ast.walk(scope) for value in _given_to(inner, node.id)]
            if values:
                return values
        return []

    def _scopes(self, node: ast.AST) -> Iterator[ast.AST]:
        at: ast.AST | None = node
        while at is not None:
            at = self._parents.get(at)
            if isinstance(at, ast.FunctionDef | ast.AsyncFunctionDef):
                yield at
        yield from ()
        for statement in self.tree.body:
            if isinstance(statement, ast.Assign | ast.AnnAssign):
                yield statement


def _is_prose(value: object) -> bool:
    """Whether a text is made of words, and not a name or a code."""
    return isinstance(value, str) and re.search(r"[a-z]{2,}[ ,:;]+[a-z(]{2,}", value, re.IGNORECASE) is not None


def _given_to(node: ast.AST, name: str) -> Iterator[ast.expr]:
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        targets: list[ast.expr] = [node.target]
    elif isinstance(node, ast.Assign):
        targets = node.targets
    else:
        return
    for target in targets:
        if isinstance(target, ast.Name) and target.id == name and node.value is not None:
            yield node.value
        elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            for one, value in zip(target.elts, node.value.elts, strict=False):
                if isinstance(one, ast.Name) and one.id == name:
                    yield value


def _called(node: ast.Call) -> str:
    function = node.func
    return (
        function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    )


@cache
def sentences() -> list[Found]:
    return [one for one in found() if not one.wrong]


def missing(language: str) -> list[Found]:
    known = catalogue(language)
    return [one for one in sentences() if one.text not in known]


def main(group: str = "") -> int:
    for one in found():
        if one.wrong:
            print(f"can't be told again: {one.text} ({one.place})")
    for language in (one for one in LANGUAGES if one != ENGLISH):
        lacking = missing(language)
        if group:
            _put(FOLDER / language / f"{group}.po", language, lacking)
        for one in lacking:
            print(f"{language}: {one.text!r} ({one.place})")
        used = {one.text for one in sentences()}
        for text in catalogue(language):
            if text not in used:
                print(f"{language}: left over: {text!r}")
    return 0


def _put(path: Path, language: str, lacking: list[Found]) -> None:
    made = Catalog(locale=language, fuzzy=False)
    if path.exists():
        with path.open("rb") as file:
            made = read_po(file, locale=language)
    for one in lacking:
        made.add(one.text, None)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, made, width=120, omit_header=True, no_location=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
