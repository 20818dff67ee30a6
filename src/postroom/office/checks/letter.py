"""The letter about problems: what is new, what is over, what lasts; in the reader's language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from postroom.clock import iso
from postroom.model.problem import Problem, Weight
from postroom.policy.checks import order, told
from postroom.policy.tongue import ENGLISH

__all__ = ["write"]

_MOST = 50
_LONGEST = 600

_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "subject.new": "Postroom: {first}",
        "subject.more": " and {count} more",
        "subject.over": "Postroom: over: {first}",
        "subject.lasting": "Postroom: {count} problems or warnings last",
        "new": "New:",
        "over": "Over:",
        "lasting": "Still so:",
        "problem": "PROBLEM",
        "warning": "Warning",
        "note": "Note",
        "ask": "Ask: {ask}",
        "since": "Since {since}",
        "from": "From {since} to {until}",
        "left_out": "… and {count} more.",
        "look": "All of it, looked at afresh: postroom doctor",
        "end": "You get this because you manage mail settings, or your address was set for it (alarm_to).",
    },
    "de": {
        "subject.new": "Postroom: {first}",
        "subject.more": " und {count} weitere",
        "subject.over": "Postroom: behoben: {first}",
        "subject.lasting": "Postroom: {count} Störungen oder Warnungen bestehen weiter",
        "new": "Neu:",
        "over": "Behoben:",
        "lasting": "Unverändert:",
        "problem": "STÖRUNG",
        "warning": "Warnung",
        "note": "Hinweis",
        "ask": "Ansprechpartner: {ask}",
        "since": "Seit {since}",
        "from": "Von {since} bis {until}",
        "left_out": "… und {count} weitere.",
        "look": "Alles, frisch nachgesehen: postroom doctor",
        "end": "Sie bekommen das, weil Sie Maileinstellungen verwalten oder Ihre Adresse dafür gesetzt ist (alarm_to).",
    },
}
"""The frame of the letter; what stands in it comes from the catalogue."""


def write(
    new: Sequence[Problem], over: Sequence[Problem], lasting: Sequence[Problem], language: str, url: str = ""
) -> tuple[str, str]:
    """Subject and text. `url`: where this Postroom is reached, or ""."""
    words = _WORDS.get(language, _WORDS[ENGLISH])
    parts: list[str] = []
    for title, problems in (("new", new), ("over", over), ("lasting", lasting)):
        if problems:
            parts += [words[title], "", *_listed(problems, words, language)]
    parts += [words["look"], *([url] if url else []), "", "-- ", words["end"], ""]
    return _subject(new, over, lasting, words, language), "\n".join(parts)


def _subject(
    new: Sequence[Problem],
    over: Sequence[Problem],
    lasting: Sequence[Problem],
    words: Mapping[str, str],
    language: str,
) -> str:
    if not new and not over:
        return words["subject.lasting"].format(count=len(lasting))
    heaviest = sorted(new or over, key=lambda one: order(one.finding))
    first = _headline(heaviest[0], language)
    shown = first if len(first) <= 100 else first[:99].rstrip() + "…"
    subject = words["subject.new" if new else "subject.over"].replace("{first}", shown)
    more = len(new) + len(over) - 1
    return subject + (words["subject.more"].format(count=more) if more else "")


def _listed(problems: Sequence[Problem], words: Mapping[str, str], language: str) -> Iterator[str]:
    ordered = sorted(problems, key=lambda one: order(one.finding))
    for one in ordered[:_MOST]:
        said = told(one.finding, language)
        lead = "" if one.closed else f"{words[one.weight.value]}: "
        yield f"* {lead}{_headline(one, language)}"[:_LONGEST]
        if one.closed:
            yield "  " + words["from"].format(since=_time(one.since_ms), until=_time(one.ended_ms or one.seen_ms))
        else:
            yield from (f"  {line}"[:_LONGEST] for line in (said.mend, said.command) if line)
            yield "  " + words["since"].format(since=_time(one.since_ms))
            if one.weight is not Weight.NOTE:
                yield "  " + words["ask"].replace("{ask}", said.ask)
        yield ""
    if len(ordered) > _MOST:
        yield words["left_out"].format(count=len(ordered) - _MOST)
        yield ""


def _headline(one: Problem, language: str) -> str:
    said = told(one.finding, language)
    return " ".join(f"{said.about}: {said.what}".split() if said.about else said.what.split())


def _time(at_ms: int) -> str:
    return iso(at_ms)[:16].replace("T", " ") + " UTC"
