"""The house rules that a machine can check: sizes, names, words, docstrings, public names."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

from tests.house.tree import ROOT, SOURCE, committed, functions, modules

MOST_LINES = 500
MOST_LINES_OF_A_FUNCTION = 60
SAY_NOTHING = {"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"}

# Written in two halves, so that this file does not break its own rule.
NOT_OURS = [
    r"(?<![\w.-])/wo" r"rk/(?:main|shared|\.)",
    r"/tmp/" r"plan\b",
    r"\.lib" r"rary/",
    r"pypi\." r"org",
    r"python" r"hosted\.org",
    r"(?:deb|security)\.de" r"bian\.org",
    r"registry\.np" r"mjs\.org",
    r"/opt/" r"pypi",
]
UNFINISHED = [
    r"\bTO" r"DO\b",
    r"\bFIX" r"ME\b",
    r"NotImplemented" r"Error",
    r"pragma: no " r"cover",
    r"type: ign" r"ore\s*$",
]


def named(module: Path) -> str:
    return str(module.relative_to(ROOT))


def test_no_module_is_too_long() -> None:
    long = {named(path): lines for path in modules() if (lines := len(path.read_text().splitlines())) > MOST_LINES}
    assert long == {}, "a file that needs more holds two things"


def test_no_function_is_too_long() -> None:
    # A migration is a list of columns, frozen on the day of its release, and not read for its steps.
    found = [(named(path), *one) for path in modules() if "versions" not in path.parts for one in functions(path)]
    assert [function for function in found if function[2] > MOST_LINES_OF_A_FUNCTION] == []


def test_every_name_says_something() -> None:
    parts = {part for path in modules() for part in path.relative_to(SOURCE).with_suffix("").parts}
    assert parts & SAY_NOTHING == set()


def test_every_module_says_what_it_is_for() -> None:
    assert [named(path) for path in modules() if not ast.get_docstring(ast.parse(path.read_text()))] == []


@pytest.mark.parametrize("pattern", UNFINISHED)
def test_nothing_is_left_unfinished(pattern: str) -> None:
    assert _places(modules(), pattern) == []


@pytest.mark.parametrize("pattern", NOT_OURS)
def test_no_file_names_a_machine_or_a_registry(pattern: str) -> None:
    assert _places(committed(), pattern) == []


def _places(files: list[Path], pattern: str) -> list[str]:
    wanted = re.compile(pattern, re.MULTILINE)
    return [named(path) for path in files if wanted.search(path.read_text("utf-8", "replace"))]


def _importable(path: Path) -> bool:
    """Alembic's own scripts run only inside Alembic; `__main__` runs on import."""
    return "migrations" not in path.parts and path.name != "__main__.py"


@pytest.mark.parametrize("module", [path for path in modules() if _importable(path)], ids=named)
def test_public_names_exist_and_are_listed_once(module: Path) -> None:
    dotted = ".".join(module.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")
    imported = importlib.import_module(dotted)
    names = getattr(imported, "__all__", [])
    assert [name for name in names if not hasattr(imported, name)] == []
    assert len(set(names)) == len(names)
