"""`postroom dkim …`: the keys that domains sign their mail with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from postroom.cli.command import Call
from postroom.cli.desk import path_part
from postroom.cli.fields import Field
from postroom.cli.sections import SETUP, Page
from postroom.cli.terminal import Cell
from postroom.cli.times import local
from postroom.cli.words import me

__all__ = ["page", "say_record"]

page = Page(SETUP, "dkim", "The keys that domains sign their mail with (DKIM).", tenant=True)
KEY = (
    Field("algorithm", "algorithm", "rsa (every server knows it, the default) or ed25519.", metavar="WORD"),
    Field("bits", "bits", "Of an RSA key: 2048, 3072 or 4096.", int, "NUMBER"),
    Field("selector", "selector", "The first part of the record's name; Postroom chooses one.", metavar="WORD"),
    Field("private_key", "private-key-file", "A file with a key to import, as PEM.", Path, "FILE"),
)
Domain = Annotated[str, typer.Argument(metavar="DOMAIN", help="The part behind the @.", show_default=False)]
Ref = Annotated[str, typer.Argument(metavar="KEY", help="Its id, or the name of its record.", show_default=False)]
_STATES = {
    "waiting": ("waits for its record", "wait"),
    "active": ("signs", "good"),
    "missing": ("stopped: its record is gone", "bad"),
    "retired": ("retired", "dim"),
}


@page.command("list")
def list_keys(call: Call) -> None:
    """Lists the DKIM keys."""
    answer = call.desk.get("/v1/dkim-keys")
    call.answer(answer, lambda: _list(call, answer.get("dkim_keys", [])))


@page.command("add", fields=KEY)
def add(call: Call, domain: Domain, values: dict[str, Any]) -> None:
    """Makes a key for a domain and shows the record to set in its DNS."""
    answer = call.desk.post("/v1/dkim-keys", {"domain": domain, **values})
    call.answer(answer, lambda: _made(call, answer))


@page.command("show")
def show(call: Call, key: Ref) -> None:
    """Shows a key and its record, but never its private half."""
    answer = call.desk.get(f"/v1/dkim-keys/{path_part(key)}")
    call.answer(answer, lambda: _show(call, answer))


@page.command("check")
def check(call: Call, key: Ref) -> None:
    """Looks for a key's record in the DNS; once it is there, the key signs."""
    answer = call.desk.post(f"/v1/dkim-keys/{path_part(key)}/check")
    call.answer(answer, lambda: _checked(call, answer))


@page.command("rotate")
def rotate(call: Call, key: Ref) -> None:
    """Makes the successor of a key. The old one signs until the new record is seen."""
    answer = call.desk.post(f"/v1/dkim-keys/{path_part(key)}/rotate")
    call.answer(answer, lambda: _made(call, answer))


@page.command("retire")
def retire(call: Call, key: Ref) -> None:
    """Lets a key sign no more."""
    answer = call.desk.post(f"/v1/dkim-keys/{path_part(key)}/retire")
    call.answer(answer, lambda: _show(call, answer))


@page.command("delete")
def delete(call: Call, key: Ref) -> None:
    """Destroys a key that does not sign."""
    answer = call.desk.delete(f"/v1/dkim-keys/{path_part(key)}")
    call.answer(answer, lambda: call.terminal.line(f"{key} is destroyed. Its record can go now."))


def say_record(call: Call, record: dict[str, Any], indent: str = "") -> None:
    """A record to paste: for the forms of providers, and as a line of a zone file."""
    call.terminal.facts(
        [(title, str(record.get(name) or "")) for title, name in (("Name", "name"), ("Type", "type"))], indent=indent
    )
    call.terminal.facts([("Value", str(record.get("value") or ""))], indent=indent)
    if " ( " in str(record.get("zone", "")):
        call.terminal.facts([("In a zone file", str(record["zone"]))], indent=indent)


def _state(key: dict[str, Any]) -> Cell:
    if key.get("state") == "active" and key.get("absent_since_at"):
        return Cell("signs, but its record is gone", "bad")
    return Cell(*_STATES.get(str(key.get("state")), (str(key.get("state")), "")))


def _list(call: Call, keys: list[dict[str, Any]]) -> None:
    if not keys:
        call.terminal.line(f"No domain signs its mail yet. `{me()} dkim add DOMAIN` makes a key.")
        return
    rows = [
        (str(key.get("domain")), str(key.get("selector")), _kind(key), _state(key), str(key.get("id"))) for key in keys
    ]
    call.terminal.columns(("DOMAIN", "SELECTOR", "KIND", "", "ID"), rows)


def _kind(key: dict[str, Any]) -> str:
    return "Ed25519" if key.get("algorithm") == "ed25519-sha256" else f"RSA {key.get('bits')}"


def _show(call: Call, key: dict[str, Any]) -> None:
    call.terminal.line(Cell(str(key.get("domain")), "strong"), "  ", Cell(str(key.get("id")), "dim"))
    call.terminal.facts(
        [
            ("State", _state(key)),
            ("Kind", _kind(key)),
            ("Looked for", local(key.get("checked_at"))),
            ("Seen", str(key.get("seen") or "")),
            ("Signs since", local(key.get("activated_at"))),
            ("Gone since", local(key.get("absent_since_at"))),
            ("Retired", local(key.get("retired_at"))),
            ("Keep the record until", local(key.get("record_stays_until"))),
        ],
        indent="  ",
    )
    say_record(call, key.get("record") or {}, indent="  ")


def _made(call: Call, key: dict[str, Any]) -> None:
    call.terminal.line(f"A key for {key.get('domain')} is made. Set this record in the domain's DNS:")
    say_record(call, key.get("record") or {}, indent="  ")
    call.terminal.note(
        f"It signs once the record has been seen. Postroom looks for it every few minutes; "
        f"`{me()} dkim check {key.get('id')}` looks now."
    )


def _checked(call: Call, key: dict[str, Any]) -> None:
    call.terminal.line(_state(key), f": {key.get('seen')}")
    if not key.get("signs"):
        say_record(call, key.get("record") or {}, indent="  ")
