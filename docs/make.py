"""Makes the pages of the documentation that follow from the code: `python docs/make.py` writes them anew.

    settings.md   every setting of an installation         states.md      states, moves, events
    checks.md     every check, and who is told
    cli.md        every command and option                 diagnoses.md   every diagnosis
    api.md        every route of the HTTP API              presets.md     every provider that is known

`tests/docs` holds that the pages are as the code would make them now, so none of them can go out of date.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import typer

from postroom.cli.program import make_app
from postroom.cli.words import EVENTS, MODES, SENDING, STATES
from postroom.model.attempt import Scope as AttemptScope
from postroom.model.event import EventKind
from postroom.model.state import FIRST, MOVES, OVER, State
from postroom.settings import describe

__all__ = ["PAGES", "stale"]

_FOLDER = Path(__file__).parent
_MADE = "<!-- Made by docs/make.py; change what it is made from. -->\n"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = list(head)
    lines = [titles, ["---"] * len(titles), *([str(cell).replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def settings_page() -> str:
    """Every setting of an installation."""
    rows = [
        (f"`{row.name}`", row.type, f"`{row.default}`" if row.default != "empty" else "", row.sentence)
        for row in describe()
    ]
    return f"""# Settings
{_MADE}
Settings of an installation: what the process needs to know before it can open its database. Each is given as a
variable of the environment (`POSTROOM_` and the name in capitals) or in a TOML file; a flag of `serve` beats the
environment, the environment beats the file, the file beats the default. `postroom config` shows the values in force
and where each comes from; `postroom config --example` prints a file to start from. A name nobody knows is a mistake;
all mistakes are told at once.

The file is `postroom.toml` in the current directory, else in the data directory; `POSTROOM_CONFIG` names another one.

{_table(("Setting", "Kind", "Without it", "Meaning"), rows)}
The command line itself reads two more variables: `POSTROOM_API_URL` and `POSTROOM_API_KEY`, the address of a Postroom
elsewhere and a key for it.

What holds for mail (mode, sending, footer, retention, retries) is in the database, inherited from the installation by
each tenant, and is changed while Postroom runs: `postroom settings`, `postroom tenant edit`.

{_table(("Mode", ""), ((f"`{mode}`", words) for mode, words in MODES.items()))}
{_table(("Sending", ""), ((f"`{sending}`", words) for sending, words in SENDING.items()))}"""


def states_page() -> str:
    """States, moves and events."""
    states = []
    for state in State:
        onward = ", ".join(f"`{each}`" for each in State if each in MOVES[state]) or "stays"
        first = "yes" if state in FIRST else ""
        states.append((f"`{state}`", STATES[state][0], onward, first))
    events = [(f"`{kind}`", EVENTS[kind]) for kind in EventKind]
    over = ", ".join(f"`{state}`" for state in State if state in OVER)
    return f"""# States and events
{_MADE}
Each recipient of a message has a state of its own. This table is made from the one in the code that decides.

{_table(("State", "It means", "It can become", "Can begin so"), states)}
{over} are over and never change again; `resend` makes a new message that names the old one.

## Events

The timeline of a message is made of these; each is written in the same transaction as the change it tells of.

{_table(("Event", "It means"), events)}
"""


def diagnoses_page() -> str:
    """Every diagnosis, by whose trouble it is."""
    from postroom.policy.diagnosis import catalogue

    parts = [
        f"""# Diagnoses
{_MADE}
When an attempt does not end in `sent`, `postroom show` and the API give a diagnosis: a stable word for programs, and
for people what happened and what to do, with the names of the server and the account in it. This is all of them. Whose
trouble it is decides what is stopped; see [delivery.md](delivery.md).

They are told in English or German: the API goes by `Accept-Language`, the command line by the terminal's locale or
`POSTROOM_LANGUAGE`. `postroom diagnosis explain "550 5.7.60 …" --account NAME` explains an answer that you paste
(`POST /v1/diagnoses/explain`). Where a setting of the account mends it, `postroom diagnosis apply ACCOUNT DIAGNOSIS`
sets it (`POST /v1/accounts/{{account}}/apply`), like any other change: with a version, and in the audit trail.

What no rule knows is explained by its class and counted, without the server's words: `postroom diagnosis unknown`
(`GET /v1/unknown-answers`). Tell us of answers that come often.
"""
    ]
    for scope in AttemptScope:
        rows = [
            (f"`{rule.id}`", _placed(rule.title), _placed(rule.remedy), f"`{rule.action}`")
            for rule in catalogue().rules
            if rule.scope is scope
        ]
        if rows:
            parts.append(
                f"## {scope.value.capitalize()}\n\n{_table(('Diagnosis', 'It says', 'What to do', 'Done'), rows)}"
            )
    return "\n".join(parts)


def _placed(words: str) -> str:
    """The place holders of a sentence in words."""
    for name, word in (("host", "*server*"), ("port", "*port*"), ("user", "*user*"), ("sender", "*sender*")):
        words = words.replace(f"{{{name}}}", word)
    return words


def commands_page() -> str:
    """Every command and its options."""
    root = typer.main.get_command(make_app())
    parts = [
        f"""# The command line
{_MADE}
`postroom` talks to the Postroom that runs on this machine; when none runs, it opens the database itself. The same
commands either way. Answers for people are plain text; with `--json` they are JSON for programs. Colours are off where
the output is no terminal, and with `NO_COLOR`.

Exit codes: 0 done, 1 refused or failed, 2 usage, 3 out of reach.

Times are typed as `14:30`, `2026-11-20 14:30` (this machine's zone), `2026-11-20T14:30:00+01:00`, `2h`, `3d`, `today`,
`yesterday`.
"""
    ]
    for name, command in _leaves(root, ()):
        parts.append(_command(name, command))
    parts.append(
        "## Everywhere\n\nEvery command has these as well, where they make sense:\n\n"
        + _table(("Option", ""), _options(dict(_leaves(root, ()))["log"], shared=True))
    )
    return "\n".join(parts)


def _leaves(command: Any, path: tuple[str, ...]) -> Iterable[tuple[str, Any]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield " ".join(path), command
        return
    for name, each in below.items():
        yield from _leaves(each, (*path, name))


_SHARED = ("as_json", "url", "key_file", "data")


def _command(name: str, command: Any) -> str:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    spelled = " ".join([name, *(each.metavar or each.name.upper() for each in arguments)])
    rows = _options(command, shared=False)
    words = " ".join((command.help or "").split())
    return f"## `{spelled}`\n\n{words}\n" + (f"\n{_table(('Option', ''), rows)}" if rows else "")


def _options(command: Any, *, shared: bool) -> list[tuple[str, str]]:
    rows = []
    for each in command.params:
        if each.param_type_name == "option" and (each.name in _SHARED) is shared and each.name != "help":
            spelled = "/".join([*each.opts, *each.secondary_opts])
            metavar = "" if each.is_flag else f" {each.metavar or 'VALUE'}"
            rows.append((f"`{spelled}{metavar}`", each.help or ""))
    return rows


def api_page() -> str:
    """Every route of the HTTP API."""
    document = api_document()
    parts = [
        f"""# The HTTP API
{_MADE}
The whole description, with every field and answer, is at `/docs` of a running Postroom (it works offline), and as an
OpenAPI 3.1 document at `/v1/openapi.json`; `postroom openapi` prints it too.

{document["info"]["description"]}
"""
    ]
    for tag in document["tags"]:
        rows = []
        for path, item in document["paths"].items():
            for method, operation in item.items():
                if tag["name"] in operation.get("tags", ()):
                    scopes = ", ".join(f"`{scope}`" for need in operation.get("security", ()) for scope in _of(need))
                    rows.append((f"`{method.upper()} {path}`", operation.get("summary", ""), scopes))
        parts.append(f"## {tag['name'].capitalize()}\n\n{tag['description']}\n\n{_table(('', '', 'Scope'), rows)}")
    return "\n".join(parts)


def _of(need: dict[str, list[str]]) -> Iterable[str]:
    for scopes in need.values():
        yield from scopes


def api_document() -> dict[str, Any]:
    """The OpenAPI document; it is the same for every installation, so none has to be opened."""
    from types import SimpleNamespace

    from postroom.settings import load
    from postroom.web.api.app import create_app

    parts = SimpleNamespace(settings=load({}), store=None, office=None, outbox=None, reports=None)
    return create_app(parts).openapi()  # type: ignore[arg-type]  # only its description is asked for


def presets_page() -> str:
    """Every provider that Postroom knows."""
    from postroom.policy.presets import presets

    rows = []
    for preset in presets().values():
        limits = ", ".join(f"{name.replace('_', ' ')}: {number:,}" for name, number in preset.limits.items())
        server = f"`{preset.host}:{preset.port}`" if preset.host else f"port {preset.port}"
        user = f"`{preset.user}`" if preset.user else preset.user_words
        way = (preset.encryption.value, preset.login.value)
        rows.append((f"`{preset.id}`", preset.name, server, *way, user, limits, preset.hint))
    head = ("Preset", "Provider", "Server", "Encryption", "Login", "User name", "Limits", "To know")
    regions = [
        (f"`{preset.id}:{region}`", f"`{host}`")
        for preset in presets().values()
        for region, host in preset.regions.items()
    ]
    sources = [(f"`{preset.id}`", preset.source) for preset in presets().values()]
    return f"""# Providers
{_MADE}
`postroom account add --preset microsoft365` fills what you do not give yourself: server, port, encryption, login and
the limits that the provider tells. Microsoft 365, Google Workspace and Gmail log in with [OAuth2](oauth2.md), for which
you give `--oauth2-client-id`; with a password typed instead, they log in with that. `postroom account show` and
`postroom explain` say which values came from there. The limits count recipients; where the provider counts messages,
they are on the safe side. Where you have other limits (a larger plan, a quota raised by the provider), set your own:
`postroom account edit NAME --per-day 50000`.

{_table(head, rows)}
## Regions

{_table(("Preset", "Server"), regions)}
## Where this is told

{_table(("Preset", "Source"), sources)}"""


def checks_page() -> str:
    """Every check of the settings check, and how people are told."""
    from postroom.policy.checks import catalogue

    rows = [
        (f"`{check.id}`", check.weight.value, _named(check.what), _named(check.mend), f"`{check.command}`")
        for check in catalogue().values()
    ]
    return f"""# The settings check
{_MADE}
Postroom looks at itself every minute (`check_seconds`), and whenever somebody asks: `postroom doctor`,
`GET /v1/checks`. Each problem has a lasting id, its weight, since when it is so, what it is, who can mend it, how, and
the command or field for that. What was wrong in the last month and is over is told as well (`postroom doctor --over`).

| Weight | |
| --- | --- |
| `problem` | Mail does not leave, or soon will not. |
| `warning` | Mail leaves, but somebody should look. |
| `note` | Worth knowing, and nothing to be woken for. |

## For monitoring

`postroom doctor` ends with 0 when all is well (notes at most), 1 with warnings, 2 with problems, and 3 when a Postroom
elsewhere (`--url`) is out of reach. That no Postroom runs here is a problem. Where it can be neither asked nor opened,
it looks at the settings, the data directory, the key ring, the lock and the disk, changes nothing, and says what it
found. `--all` looks at all tenants together, `--json` is for programs.

## Who is told

New problems and warnings, and that they are over, are told by mail: to the addresses in `alarm_to` of the tenant
(`postroom settings alarm_to=ops@example.com`), else to its users who may manage mail settings, else to those of the
installation; in the tenant's `language` (`en` or `de`). The letter leaves by the usual account if that works, else by
the installation's default mailbox, else by another account of the tenant that works: never by a broken one. There is at
most one letter in a quarter of an hour, with all the news; what goes and comes back within ten minutes is one problem
that lasts. What still lasts is listed once a week. While nothing leaves (modes `silent` and `disabled`, a copied
database), no letters are written. The mail log has a line for each (`problem-began`, `problem-over`).

Several nodes: one of them looks at what is common to all, each machine at its own clock, disk and certificate.

## The clone guard

A database knows where it lives: an SQLite file by its path, its number in the file system and the machine; PostgreSQL
by its cluster and database. When it wakes up somewhere else (`database-moved`), everything is silent and the queue is
held until you say `postroom confirm --original` or `postroom confirm --copy`. A container has no identity of its own
that would outlast it, so inside one only the path and the file's number count: a restart with the same volume is no
alarm, a volume that was copied or restored is. Where the place changes with every start all the same, `clone_guard`
turns it off.

## Every check

{_table(("Check", "Weight", "It says", "How to mend it", "A command for it"), rows)}"""


def _named(words: str) -> str:
    """The place holders of a sentence in italics."""
    return re.sub(r"\{(\w+)\}", r"*\1*", words)


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "states.md": states_page,
    "diagnoses.md": diagnoses_page,
    "checks.md": checks_page,
    "cli.md": commands_page,
    "api.md": api_page,
    "presets.md": presets_page,
}
"""File → what it should hold."""


def stale() -> list[str]:
    """The pages that are not as the code would make them now."""
    return [name for name, made in PAGES.items() if _read(_FOLDER / name) != made()]


def _read(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


if __name__ == "__main__":
    for page in stale():
        (_FOLDER / page).write_text(PAGES[page](), "utf-8")
        print(f"written: docs/{page}", file=sys.stderr)
