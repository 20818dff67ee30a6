"""The tree of commands as a whole: what no command may have, and what every command has."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import typer

from postroom.cli.program import make_app


def _leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield " ".join(path), command
        return
    for name, each in below.items():
        yield from _leaves(each, (*path, name))


LEAVES = dict(_leaves(typer.main.get_command(make_app())))
HARMLESS = {
    "--oauth2-secret-expires",
    "--oauth2-token-url",
    "--key-file",
    "--password-file",
    "--client-key-file",
    "--client-key-passphrase-file",
    "--host-key",
    "--private-key-file",
    "--agent-key-file",
    "--secret-reference",
    "--idempotency-key",
}


def test_a_command_is_found_without_the_others_and_is_the_same() -> None:
    """What is typed loads one page; a word that the table of pages forgot would load them all."""
    for word, command in typer.main.get_command(make_app()).commands.items():  # type: ignore[attr-defined]
        alone = typer.main.get_command(make_app(word))
        assert word in alone.commands, word  # type: ignore[attr-defined]
        assert len(alone.commands) < 7, f"{word} is not in the table of pages"  # type: ignore[attr-defined]
        assert dict(_leaves(alone.commands[word])).keys() == dict(_leaves(command)).keys()  # type: ignore[attr-defined]


def test_no_option_takes_a_secret_as_its_value() -> None:
    """Promise P7: the list of processes and the shell's history would show it."""
    found = {
        (name, spelling)
        for name, command in LEAVES.items()
        for option in command.params
        if option.param_type_name == "option" and not option.is_flag
        for spelling in option.opts
        if any(word in spelling for word in ("password", "secret", "key", "token", "passphrase"))
    }
    assert {spelling for _, spelling in found} == HARMLESS


WRITES_A_FORM_OF_ITS_OWN = ("openapi", "export", "audit-export", "account export", "suppression export")


def test_every_command_can_be_pointed_at_another_postroom() -> None:
    for name, command in LEAVES.items():
        if name == "sendmail":  # its options are another program's
            continue
        options = {spelling for option in command.params for spelling in option.opts}
        assert {"--url", "--key-file", "--data"} <= options, name
        if name not in ("serve", "restore", "connector run") and name not in WRITES_A_FORM_OF_ITS_OWN:
            assert "--json" in options, name


def test_help_imports_nothing_heavy() -> None:
    """`postroom --help` is quick, because FastAPI, SQLAlchemy and the like are left alone."""
    program = (
        "import sys\n"
        "from postroom.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'fastapi', 'sqlalchemy', 'uvicorn', 'pydantic', 'cryptography', 'httpx2', 'alembic'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "serve" in done.stdout
    assert done.stderr.strip() == "[]"
