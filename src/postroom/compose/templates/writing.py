"""From a template, its layout and values to the words of one mail; and everything that is wrong with a template.

The subject is plain text on one line; HTML is escaped where values are put in; text without a source of its own is made
from the HTML by whoever composes the mail. A page that is complete (`<!doctype`, `<html`) stands without a layout.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup

from postroom.compose.headers import check_value
from postroom.compose.templates.meter import Meter
from postroom.compose.templates.places import misplaced, strange_links
from postroom.compose.templates.sandbox import Unfit, compiled, in_line, run
from postroom.compose.templates.styles import TooComplex, inlined
from postroom.errors import Fault
from postroom.model.template import Layout, Template, Wording, Written
from postroom.sentence import N_, Sentence

__all__ = ["layout_faults", "template_faults", "write"]

_ALWAYS = frozenset({"language"})
_LAYOUT = frozenset({"content", "language", "subject"})
_CORRECT = N_("Correct the template.")
_ADD = N_("Add it to the variables, with a type.")
_HAS = N_("A layout has content, subject and language.")


def write(
    template: Template, layout: Layout | None, language: str, values: Mapping[str, Any], faults: list[Fault]
) -> Written | None:
    """`language`: one that the template has; `values`: checked ones. None where faults were added."""
    wording = template.texts[language]
    before = len(faults)
    given = {**values, "language": language}
    subject = _run("subject", wording.subject, given, faults, markup=False)
    html = text = None
    if wording.html:
        html = _page(wording, layout, {**given, "subject": subject or ""}, given, faults)
    if wording.text or not wording.html:
        text = _run("text", wording.text, given, faults, markup=False)
        if text is not None and layout is not None and layout.text:
            text = _run(
                "layout", layout.text, {"content": text, "language": language, "subject": subject}, faults, False
            )
    if subject is not None:
        fault = check_value("subject", subject)
        if fault is not None:
            faults.append(fault)
        elif not subject.strip():
            faults.append(Fault("subject", "is empty with these values.", _CORRECT))
    if len(faults) > before:
        return None
    return Written(subject or "", html, text, language)


def _page(
    wording: Wording, layout: Layout | None, frame: Mapping[str, Any], given: Mapping[str, Any], faults: list[Fault]
) -> str | None:
    html = _run("html", wording.html, given, faults, markup=True)
    if html is not None and layout is not None and layout.html and not _is_complete(html):
        framed = {**frame, "content": Markup(html)}  # noqa: S704  (made by the escaping environment just now)
        html = _run("layout", layout.html, framed, faults, markup=True)
    if html is None:
        return None
    for scheme in strange_links(html)[:3]:
        mend = "Links begin with https://, http:// or mailto:"
        problem = Sentence("has a link that begins with {scheme}:", scheme=scheme)
        faults.append(Fault("html", problem, mend))
    try:
        return inlined(html)
    except TooComplex as error:
        faults.append(Fault("html", error.problem, "Make it simpler."))
        return None


def _is_complete(html: str) -> bool:
    return html.lstrip()[:9].lower().startswith(("<!doctype", "<html"))


def _run(field: str, source: str, values: Mapping[str, Any], faults: list[Fault], markup: bool) -> str | None:
    try:
        return run(source, values, markup=markup, meter=Meter())
    except Unfit as error:
        faults.append(Fault(field, error.problem, error.mend))
        return None


def template_faults(template: Template) -> Iterator[Fault]:
    """Everything that can be said about a template without values, each with the path of its field."""
    known = frozenset(one.name for one in template.variables) | _ALWAYS
    for language, wording in template.texts.items():
        where = f"texts.{language}"
        if "\n" in wording.subject or "\r" in wording.subject:
            yield Fault(f"{where}.subject", "has more than one line.", "Write the subject on one line.")
        if not wording.subject.strip():
            yield Fault(f"{where}.subject", "is missing.", "Give the mail a subject.")
        if not wording.html and not wording.text:
            yield Fault(f"{where}.html", "is missing, and there is no text either.", "Give at least one of them.")
        for field, source, markup in (
            ("subject", wording.subject, False),
            ("html", wording.html, True),
            ("text", wording.text, False),
        ):
            yield from _source_faults(f"{where}.{field}", source, markup, known, _ADD)


def layout_faults(layout: Layout) -> Iterator[Fault]:
    if not layout.html and not layout.text:
        yield Fault("html", "is missing, and there is no text either.", "Give at least one of them.")
    for field, source, markup in (("html", layout.html, True), ("text", layout.text, False)):
        if not source:
            continue
        yield from _source_faults(field, source, markup, _LAYOUT, _HAS)
        if "content" not in _names(source, markup):
            yield Fault(field, "does not say where the mail's own words go.", "Write {{ content }} there.")


def _names(source: str, markup: bool) -> frozenset[str]:
    try:
        return compiled(source, markup).names
    except Unfit:
        return frozenset({"content"})


def _source_faults(field: str, source: str, markup: bool, known: frozenset[str], mend: str) -> Iterator[Fault]:
    if not source:
        return
    try:
        names = compiled(source, markup).names
    except Unfit as error:
        yield Fault(field, error.problem, error.mend)
        return
    for name in sorted(names - known)[:20]:
        yield Fault(field, Sentence("names “{name}”, which is no variable of it.", name=name[:60]), mend)
    if markup:
        for problem, how, line in misplaced(source):
            yield Fault(field, in_line(line, problem), how)
