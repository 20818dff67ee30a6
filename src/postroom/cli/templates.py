"""`postroom template …` and `postroom layout …`: mail written once, in several languages, and sent with variables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from postroom.cli.command import Call
from postroom.cli.complaint import ExitCode, usage
from postroom.cli.desk import path_part
from postroom.cli.sections import SETUP, Page
from postroom.cli.terminal import Cell
from postroom.cli.variables import Pairs, ValueFile, values_of
from postroom.cli.words import me

__all__ = ["layouts", "page"]

page = Page(SETUP, "template", "Mail written once and sent with variables.", tenant=True)
layouts = Page(SETUP, "layout", "The frames that the words of templates stand in.", tenant=True)
Ref = Annotated[str, typer.Argument(metavar="TEMPLATE", help="Its name or id.", show_default=False)]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The word it is named by.", show_default=False)]
LayoutRef = Annotated[str, typer.Argument(metavar="LAYOUT", help="Its name or id.", show_default=False)]
Language = Annotated[str, typer.Option("--language", metavar="TAG", help="The language of the words, like de.")]
Subject = Annotated[str | None, typer.Option("--subject", help="The subject.")]
Html = Annotated[Path | None, typer.Option("--html-file", help="A file that holds the HTML.")]
Text = Annotated[Path | None, typer.Option("--text-file", help="A file that holds the text.")]
Mjml = Annotated[Path | None, typer.Option("--mjml-file", help="A file that holds MJML, which becomes the HTML.")]
Kind = Annotated[str | None, typer.Option("--kind", metavar="WORD", help="The kind of mail it is.")]
Layout = Annotated[str | None, typer.Option("--layout", metavar="NAME", help="The layout around it; `none`: nothing.")]
Default = Annotated[str, typer.Option("--default-language", metavar="TAG", help="For recipients nothing is known of.")]
Variables = Annotated[
    list[str] | None,
    typer.Option("--variable", metavar="NAME[:TYPE][?]", help="What it wants; ? is what may be left out. All of them."),
]


@page.command("list")
def list_templates(call: Call) -> None:
    """Lists the templates, inherited ones too."""
    answer = call.desk.get("/v1/templates")
    call.answer(answer, lambda: _list(call, answer.get("templates", [])))


@page.command("ready")
def list_ready(call: Call) -> None:
    """Lists the ready templates that can be taken over."""
    answer = call.desk.get("/v1/ready-templates")
    call.answer(answer, lambda: _list(call, answer.get("templates", [])))


@page.command("use")
def use_ready(
    call: Call, name: Name, called: Annotated[str, typer.Option("--as", metavar="NAME", help="Call it so here.")] = ""
) -> None:
    """Takes a ready template over; from then on it is yours to send with and to change."""
    answer = call.desk.post(f"/v1/ready-templates/{path_part(name)}", {"name": called} if called else {})
    call.answer(answer, lambda: _show(call, answer))


@page.command("add")
def add(
    call: Call,
    name: Name,
    language: Language = "en",
    subject: Subject = None,
    html_file: Html = None,
    text_file: Text = None,
    mjml_file: Mjml = None,
    kind: Kind = None,
    layout: Layout = None,
    variable: Variables = None,
) -> None:
    """Adds a template with its words in one language."""
    body = {"name": name, "texts": {language: _wording(subject, html_file, text_file, mjml_file)}}
    answer = call.desk.post("/v1/templates", body | _settings(kind, layout, "", variable))
    call.answer(answer, lambda: _show(call, answer))


@page.command("edit")
def edit(
    call: Call,
    template: Ref,
    language: Language = "",
    subject: Subject = None,
    html_file: Html = None,
    text_file: Text = None,
    mjml_file: Mjml = None,
    kind: Kind = None,
    layout: Layout = None,
    default_language: Default = "",
    variable: Variables = None,
) -> None:
    """Changes a template, or its words in a language; what is not named stays."""
    words = _wording(subject, html_file, text_file, mjml_file)
    changes = _settings(kind, layout, default_language, variable)
    if words:
        changes["texts"] = {language or _default_of(call, template): words}
    if not changes:
        raise usage("Say what to change; `postroom template edit --help` lists everything.")
    answer = call.desk.patch(_path(template), changes)
    call.answer(answer, lambda: _show(call, answer))


@page.command("remove-language")
def remove_language(
    call: Call,
    template: Ref,
    language: Annotated[str, typer.Argument(metavar="TAG", help="The language, like de.", show_default=False)],
) -> None:
    """Takes a language out of a template."""
    answer = call.desk.delete(f"{_path(template)}/texts/{path_part(language)}")
    call.answer(answer, lambda: _show(call, answer))


@page.command("show")
def show(call: Call, template: Ref) -> None:
    """Shows a template: its words in each language, and what it wants."""
    answer = call.desk.get(_path(template))
    call.answer(answer, lambda: _show(call, answer, words=True))


@page.command("preview")
def preview(
    call: Call,
    template: Ref,
    language: Language = "",
    var: Pairs = None,
    vars_file: ValueFile = None,
    html: Annotated[bool, typer.Option("--html", help="Show the HTML instead of the text.")] = False,
) -> None:
    """Shows what a mail would say, with these variables or with the samples. Nothing is sent."""
    body: dict[str, Any] = {"language": language}
    if var or vars_file:
        body["variables"] = values_of(var, vars_file, _types(call.desk.get(_path(template))))
    answer = call.desk.post(f"{_path(template)}/preview", body)
    call.answer(answer, lambda: _previewed(call, answer, html))
    if answer.get("faults"):
        raise typer.Exit(ExitCode.REFUSED)


@page.command("delete")
def delete(call: Call, template: Ref) -> None:
    """Deletes a template. Messages that name it are refused from then on."""
    answer = call.desk.delete(_path(template))
    call.answer(answer, lambda: call.terminal.line(f"{template} is deleted."))


# -- layouts ----------------------------------------------------------------------------------------------------------

IsDefault = Annotated[bool | None, typer.Option("--default/--no-default", help="Templates that name none stand in it.")]


@layouts.command("list")
def list_layouts(call: Call) -> None:
    """Lists the layouts, inherited ones too."""
    answer = call.desk.get("/v1/layouts")
    call.answer(answer, lambda: _list_layouts(call, answer.get("layouts", [])))


@layouts.command("add")
def add_layout(
    call: Call, name: Name, html_file: Html = None, text_file: Text = None, default: IsDefault = None
) -> None:
    """Adds a layout; {{ content }} is where the words of templates go. The first one is the default."""
    answer = call.desk.post("/v1/layouts", {"name": name, **_frame(html_file, text_file, default)})
    call.answer(answer, lambda: _list_layouts(call, [answer]))


@layouts.command("edit")
def edit_layout(
    call: Call, layout: LayoutRef, html_file: Html = None, text_file: Text = None, default: IsDefault = None
) -> None:
    """Changes a layout; what is not named stays."""
    changes = _frame(html_file, text_file, default)
    if not changes:
        raise usage("Say what to change: --html-file, --text-file or --default.")
    answer = call.desk.patch(f"/v1/layouts/{path_part(layout)}", changes)
    call.answer(answer, lambda: _list_layouts(call, [answer]))


@layouts.command("show")
def show_layout(call: Call, layout: LayoutRef) -> None:
    """Shows a layout."""
    answer = call.desk.get(f"/v1/layouts/{path_part(layout)}")
    call.answer(answer, lambda: _say_words(call, answer, ("html", "text")))


@layouts.command("delete")
def delete_layout(call: Call, layout: LayoutRef) -> None:
    """Deletes a layout that no template names."""
    answer = call.desk.delete(f"/v1/layouts/{path_part(layout)}")
    call.answer(answer, lambda: call.terminal.line(f"{layout} is deleted."))


# -- what they share --------------------------------------------------------------------------------------------------


def _path(template: str) -> str:
    return f"/v1/templates/{path_part(template)}"


def _default_of(call: Call, template: str) -> str:
    return str(call.desk.get(_path(template)).get("language", "en"))


def _content(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise usage(f"{path} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise usage(f"{path} is not UTF-8 text.") from None


def _wording(subject: str | None, html: Path | None, text: Path | None, mjml: Path | None) -> dict[str, str]:
    words = {} if subject is None else {"subject": subject}
    files = (("html", html), ("text", text), ("mjml", mjml))
    return words | {name: _content(path) for name, path in files if path is not None}


def _frame(html: Path | None, text: Path | None, default: bool | None) -> dict[str, Any]:
    files: dict[str, Any] = {n: _content(path) for n, path in (("html", html), ("text", text)) if path is not None}
    return files if default is None else files | {"default": default}


def _settings(kind: str | None, layout: str | None, language: str, variables: list[str] | None) -> dict[str, Any]:
    found: dict[str, Any] = {n: v for n, v in (("kind", kind), ("layout", layout)) if v is not None}
    if language:
        found["language"] = language
    if variables:
        found["variables"] = [_variable(each) for each in variables]
    return found


def _variable(typed: str) -> dict[str, Any]:
    name, _, kind = typed.removesuffix("?").partition(":")
    return {"name": name.strip(), "type": kind.strip() or "text", "required": not typed.endswith("?")}


def _types(template: Mapping[str, Any]) -> dict[str, str]:
    return {str(one.get("name")): str(one.get("type")) for one in template.get("variables", ())}


def _list(call: Call, templates: list[dict[str, Any]]) -> None:
    if not templates:
        call.terminal.line(f"There is no template yet. `{me()} template ready` lists some to begin with.")
        return
    rows = [
        (str(one.get("name")), ", ".join(one.get("texts", ())), str(one.get("kind") or ""), _wanted(one))
        for one in templates
    ]
    call.terminal.columns(("NAME", "LANGUAGES", "KIND", "VARIABLES"), rows)


def _wanted(template: Mapping[str, Any]) -> str:
    return ", ".join(f"{one['name']}{'' if one['required'] else '?'}" for one in template.get("variables", ()))


def _show(call: Call, template: Mapping[str, Any], *, words: bool = False) -> None:
    terminal = call.terminal
    terminal.line(Cell(str(template.get("name")), "strong"), "  ", Cell(str(template.get("id")), "dim"))
    facts: list[tuple[str, Cell | str]] = [
        ("version", str(template.get("version"))),
        ("kind", str(template.get("kind") or "")),
        ("default language", str(template.get("language"))),
        ("layout", str(template.get("layout") or "the default one")),
    ]
    for one in template.get("variables", ()):
        told = f"{one['type']}{'' if one['required'] else ', may be left out'}"
        facts.append((f"variable {one['name']}", f"{told}. {one['description']}" if one["description"] else told))
    facts += [(f"subject in {tongue}", str(one.get("subject"))) for tongue, one in template.get("texts", {}).items()]
    terminal.facts(facts, indent="  ")
    if words:
        for tongue, one in template.get("texts", {}).items():
            terminal.line("")
            terminal.line(Cell(tongue, "strong"))
            _say_words(call, one, ("html", "text"))


def _say_words(call: Call, words: Mapping[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        for line in str(words.get(name) or "").splitlines():
            call.terminal.line(line)


def _previewed(call: Call, answer: Mapping[str, Any], html: bool) -> None:
    terminal = call.terminal
    for fault in answer.get("faults", ()):
        terminal.line(Cell(str(fault["field"]), "bad"), f" {fault['problem']} {fault['mend']}")
    if answer.get("faults"):
        return
    terminal.line(Cell(str(answer.get("subject")), "strong"), "  ", Cell(str(answer.get("language")), "dim"))
    terminal.line("")
    _say_words(call, answer, ("html",) if html else ("text",))


def _list_layouts(call: Call, found: list[dict[str, Any]]) -> None:
    if not found:
        call.terminal.line("There is no layout yet; templates stand alone.")
        return
    rows = [(str(one.get("name")), "default" if one.get("default") else "", str(one.get("id"))) for one in found]
    call.terminal.columns(("NAME", "", "ID"), rows)
