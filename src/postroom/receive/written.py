"""What a person wrote in answer, without what he quoted and what he signs with.

Rules kept here: rather too much than too little. Only what stands at the end goes: the quoted message, the signature.
Quotes between somebody's own lines are part of his answer. When nothing would be left, all of it is the answer. The
original is kept by whoever asks; this is what an application is handed.
"""

from __future__ import annotations

import re

__all__ = ["MAX_WRITTEN", "written"]

MAX_WRITTEN = 200_000
"""Characters that are looked at."""

_ABOVE = re.compile(
    r"^[ \t>]*(?:(?:on|am|le|el|il|op|em|den|w dniu|dnia)\b.{0,200}"
    r"(?:wrote|schrieb|a écrit|escribi[oó]|ha scritto|schreef|escreveu|skrev|napisał\(?a?\)?)(?:\b.{0,120})?:?[ \t]*"
    r"|.{0,200}<[^<>\s]+@[^<>\s]+>.{0,20}(?:wrote|schrieb):[ \t]*)$",
    re.IGNORECASE,
)
_DATED = re.compile(r"^[ \t>]*.{0,200}\d.{0,200}<[^<>\s]{1,64}@[^<>\s]{1,255}>[^<>]{0,25}:[ \t]*$")
"""A date, somebody's address and a colon, in whatever language: what follows it has to be a quote."""
_DIVIDER = re.compile(
    r"^[ \t>]*(?:-{2,}[ \t]*(?:original message|ursprüngliche nachricht|original-nachricht|message d'origine"
    r"|forwarded message|weitergeleitete nachricht|mensaje original|messaggio originale|oorspronkelijk bericht"
    r"|reply above this line)[ \t]*-{2,}|_{20,}[ \t]*|begin forwarded message:)$",
    re.IGNORECASE,
)
_FROM = re.compile(r"^[ \t>*]*(?:from|von|de|da|van|från|fra|od)[ \t]*:\*?[ \t].*@?.*$", re.IGNORECASE)
_SENT = re.compile(
    r"^[ \t>*]*(?:sent|date|gesendet|datum|envoyé|date|enviado|fecha|inviato|data|verzonden|skickat|sendt|wysłano)"
    r"[ \t]*:\*?[ \t].+$",
    re.IGNORECASE,
)
_SIGNATURE = re.compile(
    r"^(?:-- ?|—|sent (?:from|with) (?:my|yahoo|outlook|mail for|proton|samsung|gmx|mailbird)\b.{0,60}"
    r"|von meinem .{1,40} gesendet\.?|gesendet (?:mit|von) .{1,60}|envoyé de(?:puis)? (?:mon|outlook|yahoo)\b.{0,40}"
    r"|diese nachricht wurde von (?:meinem|mir) .{1,60}|enviado desde (?:mi|outlook)\b.{0,40}"
    r"|inviato da(?:l mio| outlook)\b.{0,40}|verzonden vanaf mijn\b.{0,40}"
    r"|get outlook for .{1,40}|outlook für .{1,40} (?:herunterladen|beziehen))$",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"^[ \t]{0,3}>")


def written(text: str) -> str:
    """`text`: a body with LF as line end."""
    lines = [line.rstrip() for line in text[:MAX_WRITTEN].split("\n")]
    own = _without_signature(_without_quote(lines))
    answer = "\n".join(own).strip("\n")
    return answer if answer.strip() else "\n".join(lines).strip("\n")


def _without_quote(lines: list[str]) -> list[str]:
    """Up to where a message is given back whole, or without the quote that everything ends in."""
    for place, line in enumerate(lines):
        if place and (_DIVIDER.match(line) or _is_head(lines, place)) and not _goes_on(lines, place + 1):
            return lines[:place]
        if _introduces(lines, place):
            return lines[:place]
    end = len(lines)
    while end and (not lines[end - 1] or _QUOTED.match(lines[end - 1])):
        end -= 1
    return lines[:end]


def _introduces(lines: list[str], place: int) -> bool:
    """Whether `On … wrote:` stands here, on one line or folded onto two, and nothing but the quote follows."""
    for length in (1, 2, 3):
        piece = lines[place : place + length]
        if len(piece) < length or not all(piece):
            return False
        joined = " ".join(piece)[:500]
        if _ABOVE.match(joined) or (_DATED.match(joined) and _is_quoted(lines, place + length)):
            return not _goes_on(lines, place + length)
    return False


def _is_quoted(lines: list[str], start: int) -> bool:
    """Whether a quote is the next thing that stands here."""
    following = next((line for line in lines[start : start + 4] if line), "")
    return _QUOTED.match(following) is not None


def _goes_on(lines: list[str], start: int) -> bool:
    """Whether somebody answers between the quoted lines: quoted first, and then lines of his own."""
    quoted = False
    for line in lines[start:]:
        if _QUOTED.match(line):
            quoted = True
        elif line and quoted:
            return not _SIGNATURE.match(line)
    return False


def _is_head(lines: list[str], place: int) -> bool:
    """`From:` and `Sent:` near each other, as Outlook writes above what it quotes; some say first when."""
    line = lines[place][:300]
    if _SENT.match(line):
        return any(_FROM.match(below[:300]) for below in lines[place + 1 : place + 2])
    return _FROM.match(line) is not None and any(_SENT.match(below[:300]) for below in lines[place + 1 : place + 4])


def _without_signature(lines: list[str]) -> list[str]:
    for place, line in enumerate(lines):
        if place and _SIGNATURE.match(line[:100]):
            return lines[:place]
    return lines
