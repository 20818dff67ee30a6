"""How a command is made: its own options, those of a field table, and the few that every command has.

    @page.command("cancel")
    def cancel(call: Call, ids: Ids) -> None:
        \"\"\"Takes messages back that have not left.\"\"\"

`call` gives the command its terminal and, once asked for, its way to Postroom. Here, and nowhere else, every error
becomes a sentence and an exit code.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from postroom.cli.complaint import CommandError, ExitCode, usage
from postroom.cli.fields import Field
from postroom.cli.terminal import Terminal
from postroom.errors import PostroomError

if TYPE_CHECKING:
    from postroom.cli.desk import Desk

__all__ = ["Call", "Where", "runnable"]

_SHARED_PANEL = "Everywhere"


@dataclass(frozen=True, slots=True)
class Where:
    """Which Postroom is meant: the one at `url`, else the one whose data directory this is."""

    url: str = ""
    key_file: Path | None = None
    data: Path | None = None
    tenant: str = ""


@dataclass(slots=True)
class Call:
    """One run of one command."""

    where: Where = field(default_factory=Where)
    as_json: bool = False
    terminal: Terminal = field(default_factory=Terminal)
    delivers: bool = False
    """Set before `desk` is asked for: where no Postroom runs, this command delivers for as long as it lasts."""
    _desk: Desk | None = None

    @property
    def desk(self) -> Desk:
        """The way to Postroom, opened when first needed. Raises CommandError (out of reach)."""
        if self._desk is None:
            from postroom.cli.desk import open_desk

            self._desk = open_desk(self.where, self.terminal, delivers=self.delivers)
            self._desk.tenant = self.where.tenant
        return self._desk

    def answer(self, document: Any, say: Callable[[], None]) -> None:
        """The answer for programs (`--json`) or, by `say`, for people."""
        if self.as_json:
            self.terminal.json(document)
        else:
            say()

    def close(self) -> None:
        if self._desk is not None:
            self._desk.close()
            self._desk = None


def runnable(
    function: Callable[..., None], fields: Sequence[Field] = (), *, json: bool = True, tenant: bool = False
) -> Callable[..., None]:
    """The function as Typer wants it: with all options in its signature, and with every error caught."""
    signature = inspect.signature(function, eval_str=True)
    own = [each for each in signature.parameters.values() if each.name not in ("call", "values")]
    typed_fields = [_parameter(each) for each in fields]

    def run(**typed: Any) -> None:
        where = Where(typed.pop("url"), typed.pop("key_file"), typed.pop("data"), typed.pop("of_tenant", ""))
        values = {each.name: typed.pop(each.parameter) for each in fields}
        call = Call(where, typed.pop("as_json", False))
        if fields:
            typed["values"] = {name: value for name, value in values.items() if value is not None}
        _run(function, call, typed)

    every = typed_fields + own + _shared(json, tenant)
    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in every]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # typer reads the options from it
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    run.__name__, run.__doc__ = function.__name__, function.__doc__
    return run


def _run(function: Callable[..., None], call: Call, typed: dict[str, Any]) -> None:
    """Runs the command; whatever goes wrong becomes words and a code, never a traceback."""
    try:
        try:
            if "values" in typed:
                typed["values"] = {name: _text_of(value) for name, value in typed["values"].items()}
            function(call, **typed)
        finally:
            call.close()
    except CommandError as complaint:
        raise _end(call, complaint) from None
    except PostroomError as error:
        raise _end(call, CommandError.of(error)) from None
    except (typer.Exit, typer.Abort, typer.TyperException, KeyboardInterrupt, BrokenPipeError):
        raise
    except Exception as error:
        raise _end(call, _surprise(error)) from None


def _text_of(value: Any) -> Any:
    """Of a file its text: certificates and keys are no words for a command line. Anything else is itself."""
    if not isinstance(value, Path):
        return value
    try:
        return value.read_text("utf-8")
    except UnicodeDecodeError:
        raise usage(f"{value} is not text; certificates and keys have to be in PEM.") from None


def _end(call: Call, complaint: CommandError) -> typer.Exit:
    call.terminal.complain(complaint, as_json=call.as_json)
    return typer.Exit(int(complaint.code))


def _surprise(error: Exception) -> CommandError:
    """A mistake of ours, or a machine in trouble: what, and for a report of it where, but no traceback."""
    if isinstance(error, OSError):
        what = error.strerror or type(error).__name__
        return CommandError(f"{what}: {error.filename}" if error.filename else what, code=ExitCode.REFUSED)
    place = "somewhere"
    trace = error.__traceback__
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__", "")
        if module.startswith("postroom."):
            place = f"{module} line {trace.tb_lineno}"
        trace = trace.tb_next
    return CommandError(
        f"Something went wrong inside Postroom ({type(error).__name__} in {place}).",
        hint="That is a mistake of Postroom's, not yours. Please report it with the command you typed.",
    )


def _parameter(of: Field) -> inspect.Parameter:
    decls = [f"--{of.flag}/--no-{of.flag}"] if of.kind is bool and of.undo else [f"--{of.flag}"]
    kind = list[str] if of.kind is list else of.kind
    option = typer.Option(*decls, help=of.sentence, metavar=of.metavar or None, show_default=False)
    return _keyword(of.parameter, Annotated[kind | None, option], None)


def _shared(json: bool, tenant: bool) -> list[inspect.Parameter]:
    url = typer.Option("--url", help="The Postroom to talk to (or POSTROOM_API_URL).", rich_help_panel=_SHARED_PANEL)
    key = typer.Option("--key-file", help="A file that holds the key for it (or POSTROOM_API_KEY, the key itself).")
    data = typer.Option("--data", help="The data directory of the Postroom on this machine (or POSTROOM_DATA).")
    shared = [
        _keyword("url", Annotated[str, url], ""),
        _keyword("key_file", Annotated[Path | None, key], None),
        _keyword("data", Annotated[Path | None, data], None),
    ]
    if tenant:
        whose = typer.Option("--tenant", metavar="TENANT", help="Whose: a tenant's name or id; else your key's own.")
        shared.insert(0, _keyword("of_tenant", Annotated[str, whose], ""))
    if json:
        as_json = typer.Option("--json", help="Answer with JSON, for programs.", show_default=False)
        shared.insert(0, _keyword("as_json", Annotated[bool, as_json], False))
    return shared


def _keyword(name: str, annotation: Any, default: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
