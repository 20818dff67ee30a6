"""The words of rules in other languages than English: `rules/<language>/*.toml`, one table for each rule's id.

The English words stand with the rules, because they are written together with what the rules do. A translation has
words only, so that it can't change a deed. A rule without a translation is told in English; `faults` names every gap
and every place holder that was lost, and a test keeps it empty.

Where a name is not known, English says "the server"; other languages leave the name out: they are written as
"Der Server {host} antwortet nicht", which reads well without it and needs no grammar here.
"""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files

from postroom.errors import Fault
from postroom.policy.diagnosis import catalogue as rules
from postroom.policy.rule import STAND_INS, Case, Context, Rule, Words
from postroom.policy.tongue import ENGLISH, LANGUAGES

__all__ = ["conflict_note", "faults", "told", "told_title", "translations"]

_KEYS = ("title", "explanation", "remedy")
_CONFLICT = {
    "de": " (Die beiden Codes der Antwort widersprechen einander; Postroom hat sich nach dem ersten gerichtet.)"
}
_UNKNOWN_PORT = {"de": "(unbekannt)"}
_IN_COMMAND = re.compile(r"((?:-[A-Z]\w+|\b[A-Z]\w+-[A-Z]\w+) )\{(user|sender)\}")
"""A place that is an argument of a command: there a name has to stand."""
_LONGEST_TITLE = 1_000
_ARGUMENT = {"user": "(user)", "sender": "(sender)"}


@cache
def translations() -> Mapping[str, Mapping[str, Words]]:
    """Language → rule's id → its words. Read at the first use by somebody who reads that language."""
    return {language: dict(_read(language)) for language in LANGUAGES if language != ENGLISH}


def _read(language: str) -> Iterator[tuple[str, Words]]:
    folder = files("postroom.policy").joinpath("rules", language)
    for file in folder.iterdir():
        if file.name.endswith(".toml"):
            for name, table in tomllib.loads(file.read_text("utf-8")).items():
                yield name, Words(*(str(table.get(key, "")) for key in _KEYS))


def told(rule: Rule, case: Case, context: Context, language: str = ENGLISH) -> Words:
    """What the rule says about this case, with the names of the account filled in, in this language."""
    found = None if language == ENGLISH else translations().get(language, {}).get(rule.id)
    if found is None or not all(found):
        return rule.words(case, context)
    note = conflict_note(case, language)
    title, explanation, remedy = (_filled(words, context, language) for words in found)
    return Words(title, explanation + note, remedy)


def told_title(title: str, language: str) -> str | None:
    """The title of a diagnosis, written down in English with the names in it, told again; None for another text."""
    if len(title) > _LONGEST_TITLE:
        return None
    for written, words in _titles(language):
        found = written.fullmatch(title)
        if found is not None:
            known = {name: "" if _stands_in(name, value) else value for name, value in found.groupdict().items()}
            port = known.get("port", "")
            context = Context(
                host=known.get("host", ""),
                port=int(port) if port.isdecimal() else 0,
                user=known.get("user", ""),
                sender=known.get("sender", ""),
            )
            return _filled(words, context, language)
    return None


def _stands_in(name: str, value: str) -> bool:
    return value[:1].lower() + value[1:] == STAND_INS[name]


@cache
def _titles(language: str) -> Sequence[tuple[re.Pattern[str], str]]:
    """Every title as it may have been written down in English, with its words: few names first, then the longer."""
    found = [
        (_written(rule.title), translations()[language][rule.id].title)
        for rule in rules().rules
        if rule.id in translations().get(language, {})
    ]
    return sorted(found, key=lambda pair: (pair[0].groups, -len(pair[0].pattern)))


def _written(title: str) -> re.Pattern[str]:
    seen: set[str] = set()
    parts = []
    for text, name, _, _ in string.Formatter().parse(title):
        parts.append(re.escape(text))
        if name is not None:
            parts.append(f"(?P={name})" if name in seen else f"(?P<{name}>.{{1,300}}?)")
            seen.add(name)
    return re.compile("".join(parts))


def conflict_note(case: Case, language: str) -> str:
    return _CONFLICT.get(language, "") if case.contradicts_itself else ""


def _filled(words: str, context: Context, language: str) -> str:
    if "{" not in words:
        return words
    names = {"host": context.host, "user": context.user, "sender": context.sender}
    words = _IN_COMMAND.sub(lambda found: found[1] + (names[found[2]] or _ARGUMENT[found[2]]), words)
    port = str(context.port or _UNKNOWN_PORT[language])
    filled = words.format_map({**names, "port": port})
    return re.sub(r" (?=[ ,:;?!)]|\.(?:\s|$))", "", filled) if not all(names.values()) else filled


def faults(language: str, rules: Iterable[Rule]) -> list[Fault]:
    """What is missing or wrong in a translation: rules without words, places lost or invented."""
    found = translations().get(language, {})
    wrong = []
    for rule in rules:
        name, words = rule.id, found.get(rule.id)
        if words is None:
            wrong.append(Fault(name, f"has no words in {language}.", f"Add them to rules/{language}/{rule.file}."))
            continue
        for key in _KEYS:
            text, english = getattr(words, key), getattr(rule, key)
            if not text:
                wrong.append(Fault(name, f"has no {key} in {language}.", "Add it."))
            elif _places(text) != _places(english):
                wrong.append(
                    Fault(name, f"names other places in its {key} in {language}.", "Use those of the English.")
                )
    return wrong


def _places(text: str) -> set[str]:
    try:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError:
        return {"?"}
