"""`postroom send`: one message, from options, files or standard input."""

from __future__ import annotations

import base64
import mimetypes
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from postroom.cli.command import Call
from postroom.cli.complaint import CommandError, ExitCode, usage
from postroom.cli.desk import path_part
from postroom.cli.fields import MESSAGE, MESSAGE_MORE
from postroom.cli.receipt import say_receipt
from postroom.cli.sections import MAIL, Page
from postroom.cli.times import moment
from postroom.cli.variables import Pairs as Variables
from postroom.cli.variables import ValueFile, values_of
from postroom.cli.words import me

__all__ = ["page"]

page = Page(MAIL)
Text = Annotated[str | None, typer.Option("--text", help="The text; `-` reads standard input.")]
TextFile = Annotated[Path | None, typer.Option("--text-file", help="A file that holds the text.")]
Html = Annotated[str | None, typer.Option("--html", help="The HTML body; `-` reads standard input.")]
HtmlFile = Annotated[Path | None, typer.Option("--html-file", help="A file that holds the HTML body.")]
Files = Annotated[list[Path] | None, typer.Option("--attach", help="A file to attach; may be given several times.")]
Images = Annotated[list[Path] | None, typer.Option("--inline", help="An image the HTML shows as cid:FILENAME.")]
Headers = Annotated[list[str] | None, typer.Option("--header", help="One more header, like 'X-Order: 4711'.")]
Pairs = Annotated[list[str] | None, typer.Option("--meta", help="NAME=VALUE, kept with it, never sent.")]
NotBefore = Annotated[str, typer.Option("--send-at", metavar="TIME", help="Not before: 14:30, 2h, 2026-11-20 14:30.")]
NotAfter = Annotated[str, typer.Option("--expires-at", metavar="TIME", help="Not after; then it is given up.")]
Again = Annotated[str, typer.Option("--idempotency-key", help="The same key again makes no second message.")]


@page.command("send", fields=MESSAGE + MESSAGE_MORE)
def send(
    call: Call,
    values: dict[str, Any],
    text: Text = None,
    text_file: TextFile = None,
    html: Html = None,
    html_file: HtmlFile = None,
    attach: Files = None,
    inline: Images = None,
    header: Headers = None,
    meta: Pairs = None,
    send_at: NotBefore = "",
    expires_at: NotAfter = "",
    idempotency_key: Again = "",
    var: Variables = None,
    vars_file: ValueFile = None,
) -> None:
    """Sends a message. Without --text, --html and --template the text is read from standard input."""
    by_template = values.get("template")
    read_it = html is None and html_file is None and not by_template
    body = values | {
        "variables": _variables(call, by_template, var, vars_file),
        "text": _content(call, text, text_file, "--text", otherwise=read_it),
        "html": _content(call, html, html_file, "--html"),
        "attachments": [_attachment(path) for path in attach or ()]
        + [_attachment(path, inline=True) for path in inline or ()],
        "headers": _headers(header or []),
        "metadata": _metadata(meta or []),
        "send_at": moment(send_at, option="--send-at") if send_at else None,
        "expires_at": moment(expires_at, option="--expires-at") if expires_at else None,
    }
    keys = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    answer = call.desk.post("/v1/messages", _given(body), headers=keys)
    call.answer(answer, lambda: _say(call, answer))
    if any(each.get("state") == "failed" for each in answer.get("recipients", ())):
        raise typer.Exit(ExitCode.REFUSED)


def _variables(call: Call, template: str | None, var: list[str] | None, file: Path | None) -> dict[str, Any] | None:
    """As the template wants them; who may not look at it gives numbers as --var total:=12.5."""
    if not var and file is None:
        return None
    types: dict[str, str] = {}
    if template and any(":=" not in pair for pair in var or ()):
        with suppress(CommandError):
            found = call.desk.get(f"/v1/templates/{path_part(template)}").get("variables", ())
            types = {str(one["name"]): str(one["type"]) for one in found}
    return values_of(var, file, types)


def _given(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value not in (None, False, [], {})}


def _content(call: Call, text: str | None, path: Path | None, option: str, *, otherwise: bool = False) -> str | None:
    if text is not None and path is not None:
        raise usage(f"Give {option} or {option}-file, not both.")
    if path is not None:
        return _text(_octets(path), str(path))
    if text == "-" or (text is None and otherwise and not sys.stdin.isatty()):
        return _text(sys.stdin.buffer.read(), "Standard input")
    if text is None and otherwise:
        call.terminal.note("Type the text; end with Ctrl-D on a line of its own.")
        return _text(sys.stdin.buffer.read(), "What was typed")
    return text


def _octets(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise usage(f"{path} can't be read: {error.strerror}.") from None


def _text(octets: bytes, name: str) -> str:
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise usage(f"{name} is not UTF-8 text.") from None


def _attachment(path: Path, *, inline: bool = False) -> dict[str, Any]:
    guessed, encoding = mimetypes.guess_type(path.name)
    found: dict[str, Any] = {
        "filename": path.name,
        "content": base64.b64encode(_octets(path)).decode("ascii"),
        "content_type": guessed if guessed and not encoding else "application/octet-stream",
    }
    if inline:
        found |= {"inline": True, "content_id": path.name}
    return found


def _headers(lines: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise usage(f"--header “{line}” has no name.", hint="Write it like --header 'X-Order: 4711'.")
        found.setdefault(name.strip(), []).append(value.strip())
    return found


def _metadata(pairs: list[str]) -> dict[str, str]:
    split = [pair.partition("=") for pair in pairs]
    for pair, (name, equals, _) in zip(pairs, split, strict=True):
        if not equals or not name:
            raise usage(f"--meta “{pair}” has no name.", hint="Write it like --meta order=4711.")
    return {name: value for name, _, value in split}


def _say(call: Call, receipt: dict[str, Any]) -> None:
    terminal = call.terminal
    say_receipt(terminal, receipt)
    states = {each.get("state") for each in receipt.get("recipients", ())}
    if "silenced" in states:
        terminal.note(f"The mode is silent: it is kept, not sent. `{me()} mode smtp` lets mail leave.")
    elif "disabled" in states:
        terminal.note("The mode is disabled: it was noted, not sent.")
    elif call.desk.here and "queued" in states:
        terminal.note(f"It is on the disk. It leaves when `{me()} serve` runs; none runs at the moment.")
