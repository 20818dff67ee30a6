"""What can be set of a template or a layout, read and checked; every fault is told with the place it stands at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from postroom.compose.templates.mjml import Unreadable, html_of
from postroom.compose.templates.variables import checked
from postroom.compose.templates.writing import layout_faults, template_faults
from postroom.errors import Fault
from postroom.model.template import Layout, Template, Variable, VariableType, Wording
from postroom.office.fields import Reader, Reading, Unfit, flag, line, name, one_of
from postroom.sentence import Sentence

__all__ = ["apply", "apply_layout", "language", "read", "read_layout", "sizes"]

_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,2}").fullmatch
_VARIABLE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,59}").fullmatch
_TAKEN = frozenset(
    {
        "language",
        "content",
        "subject",
        "loop",
        "true",
        "false",
        "none",
        "self",
        "not",
        "and",
        "or",
        "in",
        "is",
        "if",
        "else",
    }
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ue000]")
_MOST_LANGUAGES = 30
_MOST_VARIABLES = 100
_LONGEST = 200_000
_LONGEST_SAMPLE = 20_000


def language(value: object) -> str:
    """`de` or `de-AT`, as it is kept."""
    text = value.strip().replace("_", "-") if isinstance(value, str) else ""
    first, dash, rest = text.partition("-")
    told = first.lower() + dash + (rest.upper() if len(rest) == 2 else rest)
    if _LANGUAGE(told) is None:
        raise Unfit("is no language.", "Write it like de or de-AT.")
    return told


def _source(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Unfit("is not text.")
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    if _CONTROL.search(text):
        raise Unfit("holds a control character.", "Only line breaks and tabs are possible.")
    if len(text) > _LONGEST:
        raise Unfit(Sentence("is longer than {most:,} characters.", most=_LONGEST), "Shorten it.")
    return text


def _word(value: object) -> str:
    text: str = name(value)
    if not text.isascii() or "/" in text:
        raise Unfit("holds a slash, or a letter outside ASCII.", "Applications write it: welcome, password-reset …")
    return text


_WORDING: dict[str, Reader] = {"subject": line(500), "html": _source, "text": _source, "mjml": _source}
_VARIABLE_FIELDS: dict[str, Reader] = {
    "name": line(60),
    "type": one_of(VariableType),
    "required": flag,
    "sample": lambda value: value,
    "description": line(300),
}
_READERS: dict[str, Reader] = {"name": _word, "kind": line(100), "language": language, "layout": line(100)}
_LAYOUT: dict[str, Reader] = {"name": _word, "html": _source, "text": _source, "default": flag}


def read(given: Mapping[str, object], reading: Reading) -> dict[str, Any]:
    """The values by our names. `texts` holds a mapping of fields for each language, None for one that is to go."""
    for typed, value in given.items():
        field = typed.strip().lower().replace("-", "_")
        if field in _READERS:
            reading.take(field, _READERS[field], "" if value is None and field in ("kind", "layout") else value)
        elif field == "texts":
            reading.values["texts"] = _texts(value, reading)
        elif field == "variables":
            reading.values["variables"] = _variables(value, reading)
        else:
            reading.unknown(typed, [*_READERS, "texts", "variables"])
    return reading.values


def read_layout(given: Mapping[str, object], reading: Reading) -> dict[str, Any]:
    for typed, value in given.items():
        field = typed.strip().lower()
        if field in _LAYOUT:
            reading.take(field, _LAYOUT[field], value)
        else:
            reading.unknown(typed, _LAYOUT)
    return reading.values


def _texts(value: object, reading: Reading) -> dict[str, Mapping[str, str] | None]:
    if not isinstance(value, Mapping):
        reading.fault("texts", "is no object of languages.", 'Write {"en": {"subject": …, "html": …}}.')
        return {}
    found: dict[str, Mapping[str, str] | None] = {}
    for typed, given in list(value.items())[:_MOST_LANGUAGES]:
        try:
            tongue = language(typed)
        except Unfit as unfit:
            reading.fault("texts", Sentence("has a name that {problem}", problem=unfit.problem), unfit.mend)
            continue
        if given is None:
            found[tongue] = None
        elif isinstance(given, Mapping):
            found[tongue] = _wording(given, f"texts.{tongue}", reading)
        else:
            reading.fault(f"texts.{tongue}", "is no object.", 'Write {"subject": …, "html": …}.')
    return found


def _wording(given: Mapping[str, object], where: str, reading: Reading) -> dict[str, str]:
    inner = Reading()
    for typed, value in given.items():
        if typed in _WORDING:
            inner.take(typed, _WORDING[typed], value)
        else:
            inner.unknown(typed, _WORDING)
    reading.faults += [Fault(f"{where}.{one.field}", one.problem, one.mend) for one in inner.faults]
    values: dict[str, str] = inner.values
    if values.get("mjml"):
        try:
            values["html"] = html_of(values["mjml"])
        except Unreadable as error:
            reading.fault(f"{where}.mjml", error.problem, error.mend)
    elif values.get("html"):
        values["mjml"] = ""
    return values


def _variables(value: object, reading: Reading) -> tuple[Variable, ...]:
    if not isinstance(value, list | tuple):
        reading.fault("variables", "is no list.", 'Write [{"name": "link", "type": "url"}].')
        return ()
    if len(value) > _MOST_VARIABLES:
        reading.fault(
            "variables", Sentence("are more than {most}.", most=_MOST_VARIABLES), "Put several into one object."
        )
        return ()
    found: dict[str, Variable] = {}
    for place, one in enumerate(value):
        made = _variable(one, f"variables[{place}]", reading)
        if made is not None and made.name in found:
            reading.fault(f"variables[{place}].name", "is there twice.", "Leave one out.")
        elif made is not None:
            found[made.name] = made
    return tuple(found.values())


def _variable(given: object, where: str, reading: Reading) -> Variable | None:
    if not isinstance(given, Mapping):
        reading.fault(where, "is no object.", 'Write {"name": "link", "type": "url"}.')
        return None
    inner = Reading()
    for typed, value in given.items():
        if typed in _VARIABLE_FIELDS:
            inner.take(typed, _VARIABLE_FIELDS[typed], value)
        else:
            inner.unknown(typed, _VARIABLE_FIELDS)
    called = inner.values.get("name", "")
    if "name" not in given:
        inner.fault("name", "is missing.", "Name the variable.")
    elif _VARIABLE(called) is None or called.lower() in _TAKEN:
        inner.fault("name", "is no name that a variable may have.", "Letters, digits and _, a letter first: due_date.")
    made = Variable(**{"name": "", **inner.values}) if not inner.faults else None
    if made is not None and made.sample is not None:
        wrong: list[Fault] = []
        checked((replace(made, required=False),), {made.name: made.sample}, wrong)
        if wrong or len(repr(made.sample)) > _LONGEST_SAMPLE:
            problem, mend = (wrong[0].problem, wrong[0].mend) if wrong else ("is too long.", "Shorten it.")
            inner.fault("sample", problem, mend)
    reading.faults += [Fault(f"{where}.{one.field}", one.problem, one.mend) for one in inner.faults]
    return made if not inner.faults else None


def apply(template: Template, values: Mapping[str, Any], reading: Reading, *, whole: bool = False) -> Template:
    """The template with these values; adds every fault of what it is then. `whole`: languages not named go."""
    plain = {field: value for field, value in values.items() if field != "texts"}
    texts = {} if whole and "texts" in values else dict(template.texts)
    for tongue, given in values.get("texts", {}).items():
        if given is None:
            texts.pop(tongue, None)
        else:
            texts[tongue] = replace(texts.get(tongue, Wording()), **given)
    new = replace(template, **plain, texts=MappingProxyType(dict(sorted(texts.items()))))
    if template.name and new.name != template.name:
        reading.fault("name", "can't be changed: applications name it.", "Make a new template, and delete this one.")
    if len(texts) > _MOST_LANGUAGES:
        reading.fault("texts", Sentence("has more than {most} languages.", most=_MOST_LANGUAGES), "Leave some out.")
    elif not texts:
        reading.fault("texts", "is missing.", "Say something in at least one language.")
    elif new.language not in texts:
        there = ", ".join(texts)
        reading.fault(
            "language", "is none that the template says something in.", Sentence("There are: {names}.", names=there)
        )
    if not reading.faults:
        reading.faults += list(template_faults(new))
    return new


def apply_layout(layout: Layout, values: Mapping[str, Any], reading: Reading) -> Layout:
    new = replace(layout, **values)
    if layout.name and new.name != layout.name:
        reading.fault("name", "can't be changed: templates name it.", "Make a new layout.")
    if new.name.casefold() == "none":
        reading.fault("name", "says that there is no layout.", "Choose another word.")
    if not reading.faults:
        reading.faults += list(layout_faults(new))
    return new


def sizes(templates: list[Template], layouts: list[Layout]) -> tuple[int, int]:
    """How many there are, and the characters of all."""
    characters = sum(one.size for one in templates) + sum(len(one.html) + len(one.text) for one in layouts)
    return len(templates) + len(layouts), characters
