"""What is printed: aligned, plain off a terminal, and never obeyed by one (promise P9)."""

from __future__ import annotations

import io
import json

import pytest

from postroom.cli.complaint import CommandError
from postroom.cli.terminal import Cell, Terminal, plain
from postroom.errors import Fault


class _Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def paper() -> Terminal:
    return Terminal(io.StringIO(), io.StringIO())


def _text(terminal: Terminal) -> str:
    stream = terminal.out
    assert isinstance(stream, io.StringIO)
    return stream.getvalue()


@pytest.mark.parametrize(
    "hostile",
    [
        "\x1b[2J",
        "\x1b]0;title\x07",
        "\r",
        "\n",
        "\x00",
        "\x7f",
        "\x85",
        "\x9b31m",
        "\u2028",
        "\u2029",
        "\u202e",
        "\u2066",
        "\ufeff",
        "\ud800",
        "\U000e0001",
    ],
)
def test_nothing_that_a_terminal_would_obey_is_printed(hostile: str) -> None:
    shown = plain(f"a{hostile}b")
    assert shown.startswith("a\\x" if ord(hostile[0]) < 0x100 else ("a\\u" if ord(hostile[0]) < 0x10000 else "a\\U"))
    assert shown.isprintable()


def test_words_in_any_script_are_left_alone() -> None:
    text = "Grüße, 日本語, עברית, عربى, 👩\u200d👩\u200d👧, e\u0301"
    assert plain(text) == text


def test_odd_spaces_become_spaces() -> None:
    assert plain("a\u00a0b\u3000c") == "a b c"


def test_several_lines_keep_their_ends_only_when_asked() -> None:
    assert plain("a\nb\tc\rd", lines=True) == "a\nb\tc\\x0dd"
    assert plain("a\nb") == "a\\x0ab"


def test_off_a_terminal_there_is_no_colour_and_nothing_is_cut(paper: Terminal) -> None:
    long = "word " * 100
    paper.columns(("A", "B"), [(Cell("x", "bad"), long), ("yy", "z")])
    assert _text(paper) == f"A   B\nx   {long.rstrip()}\nyy  z\n"


def test_on_a_terminal_states_have_colour_and_the_last_column_ends_with_the_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "20")
    screen = Terminal(_Screen(), io.StringIO())
    screen.columns(("", ""), [(Cell("sent", "good"), "日本語日本語日本語")])
    assert _text(screen) == "\x1b[32msent\x1b[0m  日本語日本語…\n"


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colours_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(name, value)
    screen = Terminal(_Screen(), io.StringIO())
    screen.line(Cell("sent", "good"))
    assert _text(screen) == "sent\n"


def test_a_hostile_cell_can_not_break_out_of_its_style(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    screen = Terminal(_Screen(), io.StringIO())
    screen.line(Cell("a\x1b[0mb", "bad"))
    assert _text(screen) == "\x1b[31ma\\x1b[0mb\x1b[0m\n"


def test_facts_without_a_value_are_left_out(paper: Terminal) -> None:
    paper.facts([("Name", "x"), ("Nothing", ""), ("Longer name", Cell("y", "dim"))])
    assert _text(paper) == "Name         x\nLonger name  y\n"


def test_complaints_name_each_fault_on_a_line_of_its_own() -> None:
    out, err = io.StringIO(), io.StringIO()
    faults = [Fault("to[0]", "is no address.", "Write name@example.org."), Fault("x\n", "is odd.", "")]
    Terminal(out, err).complain(CommandError("Two things are wrong", faults=faults, hint="Try again."))
    assert out.getvalue() == ""
    assert err.getvalue() == (
        "postroom: Two things are wrong\n"
        "  to[0]: is no address. Write name@example.org.\n"
        "  x\\x0a: is odd.\n"
        "  Try again.\n"
    )


def test_complaints_for_programs_are_the_problem_itself() -> None:
    out, err = io.StringIO(), io.StringIO()
    Terminal(out, err).complain(CommandError("No", faults=[Fault("a", "b", "c")]), as_json=True)
    assert json.loads(err.getvalue())["faults"] == [{"field": "a", "problem": "b", "mend": "c"}]


def test_json_survives_a_stream_that_knows_only_ascii() -> None:
    octets = io.BytesIO()
    stream = io.TextIOWrapper(octets, encoding="ascii")
    Terminal(stream, io.StringIO()).json({"a": "ü\x1b"})
    stream.flush()
    assert json.loads(octets.getvalue()) == {"a": "ü\x1b"}
    assert b"\x1b" not in octets.getvalue()
