"""What is documented is what is there: no page out of date, nothing left out, no command or link that leads nowhere."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from docs import make
from postroom.agent.configuration import VARIABLES
from postroom.cli.program import make_app
from postroom.model.application import Scope
from postroom.model.event import EventKind
from postroom.model.state import MOVES, State
from postroom.policy.diagnosis import catalogue
from postroom.settings import describe

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def _page(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield path
        return
    for name, each in below.items():
        yield from _commands(each, (*path, name))


COMMANDS = sorted(_commands(typer.main.get_command(make_app())))


def test_no_generated_page_is_out_of_date() -> None:
    assert make.stale() == [], "run: python docs/make.py"


def test_the_picture_is_what_the_program_prints() -> None:
    """Word by word; how it is drawn may change with the library that draws it."""
    drawn = subprocess.run([sys.executable, ROOT / "docs/picture.py", "--print"], capture_output=True, check=True)
    assert _words(drawn.stdout.decode("utf-8")) == _words(_page("terminal.svg")), "run: python docs/picture.py"


def _words(svg: str) -> list[str]:
    return re.findall(r"<text [^>]*>([^<]*)</text>", svg)


def test_the_picture_fetches_nothing() -> None:
    assert not re.search(r"url\(['\"]?http|@import|href=", _page("terminal.svg"))


@pytest.mark.parametrize("row", describe(), ids=lambda row: row.name)
def test_every_setting_is_documented(row: Any) -> None:
    line = next(line for line in _page("settings.md").splitlines() if line.startswith(f"| `{row.name}` "))
    assert row.sentence in line


@pytest.mark.parametrize("state", list(State))
def test_every_state_is_documented_with_its_moves(state: State) -> None:
    line = next(line for line in _page("states.md").splitlines() if line.startswith(f"| `{state}` "))
    cells = line.split("|")
    assert len(cells[2].split()) >= 4
    assert set(re.findall(r"`([a-z]+)`", cells[3])) == set(MOVES[state])


@pytest.mark.parametrize("kind", list(EventKind))
def test_every_event_is_documented(kind: EventKind) -> None:
    assert re.search(rf"^\| `{kind}` \| \w+ \w+", _page("states.md"), re.M)


def test_every_diagnosis_is_documented() -> None:
    page = _page("diagnoses.md")
    assert [rule.id for rule in catalogue().rules if f"| `{rule.id}` |" not in page] == []


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_is_documented(command: tuple[str, ...]) -> None:
    assert re.search(rf"^## `{' '.join(command)}( [^`]*)?`$\n\n\S+ \S+", _page("cli.md"), re.M)


def test_every_route_is_documented() -> None:
    page = _page("api.md")
    routes = [(method.upper(), path) for path, item in make.api_document()["paths"].items() for method in item]
    assert len(routes) > 30
    assert [route for route in routes if f"| `{route[0]} {route[1]}` |" not in page] == []


@pytest.mark.parametrize("scope", list(Scope))
def test_every_scope_is_documented(scope: Scope) -> None:
    assert f"| `{scope}` |" in _page("security.md")


def test_every_command_has_help_and_every_option_a_sentence() -> None:
    root = typer.main.get_command(make_app())
    for path in COMMANDS:
        command: Any = root
        for name in path:
            command = command.commands[name]
        assert command.help, path
        for option in command.params:
            assert getattr(option, "help", ""), (path, option.name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target.partition("#")[0]).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    names = {command[: len(command)] for command in COMMANDS} | {command[:1] for command in COMMANDS}
    for words in re.findall(r"(?:^|`|\s)(?:\./)?postroom ((?:[a-z-]+ ?){1,2})", page.read_text("utf-8"), re.M):
        typed = tuple(words.split())
        if typed[:1] in names:
            below = {command[1] for command in COMMANDS if command[0] == typed[0] and len(command) > 1}
            assert not below or len(typed) == 1 or typed[1] in below, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_that_a_page_names_exists(page: Path) -> None:
    known = set(re.findall(r"--[a-z][a-z-]+", _page("cli.md"))) | {"--help", "--version"}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", page.read_text("utf-8")))
    assert named - known == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_variable_that_a_page_names_exists(page: Path) -> None:
    known = {row.variable for row in describe()} | {"POSTROOM_CONFIG", "POSTROOM_API_URL", "POSTROOM_API_KEY"}
    known |= {"POSTROOM_LANGUAGE"}  # of the command line
    known |= {"POSTROOM_URL", "POSTROOM_KEY"}  # settings of Django's
    known |= VARIABLES  # what an agent is told
    named = set(re.findall(r"POSTROOM_[A-Z][A-Z_]+", page.read_text("utf-8")))
    assert named - known <= {"POSTROOM_FAILPOINT"}


def test_the_architecture_names_only_what_is_there() -> None:
    """Modules and folders in backquotes, like `store/writer` or `tests/house`."""
    for named in re.findall(r"`((?:[a-z_]+/)+[a-z_]*(?:\.py)?)[`.]", (ROOT / "ARCHITECTURE.md").read_text("utf-8")):
        places = [ROOT / named, ROOT / "src/postroom" / named]
        assert any(place.exists() or place.with_suffix(".py").exists() for place in places), named


def test_every_test_that_the_security_page_names_exists() -> None:
    named = re.findall(r"`(tests/[a-z_/]+\.py)::(\w+)`", _page("security.md"))
    assert len(named) > 40
    for path, name in named:
        assert re.search(rf"^ *(?:async )?def {name}\(", (ROOT / path).read_text("utf-8"), re.M), (path, name)


def test_every_attack_has_its_test() -> None:
    rows = re.findall(r"^\| (A\d+) .*\|$", _page("security.md"), re.M)
    assert rows == sorted(rows, key=lambda row: int(row[1:]))
    for row in re.findall(r"^\| A\d+ .*\|$", _page("security.md"), re.M):
        assert "`tests/" in row, row
