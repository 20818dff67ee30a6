"""Reads HTML into tags and text, in one pass and in linear time whatever it is given.

The standard library's parser needs 8 seconds for 40 KB of unfinished tags (Python 3.11.7), so a hostile mail of a
megabyte would stop a worker for an hour. This scanner looks at each character a bounded number of times: as in the
tokenizer of the HTML standard, a construct that is never closed takes all the rest, so nothing is read twice.

Rules kept here: comments, declarations and the content of script, style and the like are never taken for tags or text.
What the elements mean, and which of them belong together, is left to `text` and `footer`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import IntEnum
from html import unescape
from typing import NamedTuple

__all__ = ["Kind", "Token", "attributes", "ends", "scan", "text_of"]


class Kind(IntEnum):
    TEXT = 0
    START = 1
    END = 2
    RAW = 3
    """What stands in a script, a style sheet or another element without tags in it."""
    UNCLOSED = 4
    """A construct that reaches to the end without being closed; `name` is what would close it."""


class Token(NamedTuple):
    kind: Kind
    start: int
    end: int
    name: str
    """Lower-case name of the element for START, END and RAW."""


_SIMPLE_TAG = re.compile(r"""<(/?)([A-Za-z][A-Za-z0-9]*)(?:[\t\n\f\r /][^<>"'=]*)?>""")
_NAME = re.compile(r"[A-Za-z][^\t\n\f\r />]*")
_TAG_STOP = re.compile(r""">|=[\t\n\f\r ]*(?:(["'])|[^\t\n\f\r >"']*)""")
_STRAY = re.compile(r"(?:<(?![A-Za-z/!?])[^<]*+)++")
_COMMENT_END = re.compile(r"--!?>")
_RAW_ELEMENTS = frozenset({"script", "style", "xmp", "iframe", "noembed", "noframes", "title", "textarea"})
_RAW_END = {name: re.compile(rf"</{name}(?=[\t\n\f\r />])", re.IGNORECASE) for name in _RAW_ELEMENTS}
_ATTRIBUTE = re.compile(
    r"""([^\t\n\f\r /=>"'][^\t\n\f\r /=>]*)(?:[\t\n\f\r ]*=[\t\n\f\r ]*(?:"([^"]*)"|'([^']*)'|([^\t\n\f\r >]*)))?"""
)
# Text and ordinary tags, passed over in one go. Whatever is less simple is left to `_construct`; the two agree on where
# a tag ends, because here quotes stand only behind an equals sign and hold no bracket.
_ORDINARY = re.compile(
    r"""(?>[^<]+|</?(?!body|html|script|style|xmp|iframe|noembed|noframes|title|textarea)[A-Za-z]
    [^<>"'=]*(?:=(?:"[^"<>]*"|'[^'<>]*'|[^\t\n\f\r <>"'=]*)[^<>"'=]*)*>)*+""",
    re.IGNORECASE | re.VERBOSE,
)
_LONG_NUMBER = re.compile(r"&#[0-9]{8,};?")
_MAX_ATTRIBUTES = 64


def scan(html: str) -> Iterator[Token]:
    """All tokens from left to right. Positions are indexes into `html`. UNCLOSED, if it comes, is the last."""
    position, size = 0, len(html)
    while position < size:
        opened = html.find("<", position)
        if opened < 0:
            yield Token(Kind.TEXT, position, size, "")
            return
        if opened > position:
            yield Token(Kind.TEXT, position, opened, "")
        token = _construct(html, opened)
        yield token
        position = token.end
        if token.kind is Kind.START and token.name in _RAW_ELEMENTS:
            raw = _raw(html, position, token.name)
            yield raw
            position = raw.end


def ends(html: str) -> Iterator[Token]:
    """Only the END tokens of `body` and `html`, and UNCLOSED: the same as `scan` tells, many times faster."""
    position, size = 0, len(html)
    while position < size:
        passed = _ORDINARY.match(html, position)
        position = passed.end() if passed else position
        if position >= size:
            return
        token = _construct(html, position)
        if token.kind is Kind.START and token.name in _RAW_ELEMENTS:
            token = _raw(html, token.end, token.name)
        if token.kind is Kind.UNCLOSED or (token.kind is Kind.END and token.name in {"body", "html"}):
            yield token
        position = token.end


def _construct(html: str, opened: int) -> Token:
    """The token that begins with the `<` at this place. Comments come out as RAW without a name."""
    simple = _SIMPLE_TAG.match(html, opened)
    if simple is not None:
        slash, element = simple.groups()
        return Token(Kind.END if slash else Kind.START, opened, simple.end(), element.lower())
    following = html[opened + 1 : opened + 2]
    if following == "!" and html.startswith("--", opened + 2):
        return _comment(html, opened)
    if following in {"!", "?"}:
        return _up_to_bracket(html, opened)
    if following == "/":
        name = _NAME.match(html, opened + 2)
        if name is None:
            ends_here = html[opened + 2 : opened + 3] == ""
            return Token(Kind.TEXT, opened, opened + 2, "") if ends_here else _up_to_bracket(html, opened)
        return _tag(html, opened, name, Kind.END)
    name = _NAME.match(html, opened + 1)
    if name is not None:
        return _tag(html, opened, name, Kind.START)
    stray = _STRAY.match(html, opened)
    return Token(Kind.TEXT, opened, stray.end() if stray else opened + 1, "")


def _comment(html: str, opened: int) -> Token:
    for abrupt in ("<!-->", "<!--->"):
        if html.startswith(abrupt, opened):
            return Token(Kind.RAW, opened, opened + len(abrupt), "")
    end = _COMMENT_END.search(html, opened + 4)
    return Token(Kind.RAW, opened, end.end(), "") if end else Token(Kind.UNCLOSED, opened, len(html), "-->")


def _up_to_bracket(html: str, opened: int) -> Token:
    end = html.find(">", opened)
    return Token(Kind.RAW, opened, end + 1, "") if end >= 0 else Token(Kind.UNCLOSED, opened, len(html), ">")


def _tag(html: str, opened: int, name: re.Match[str], kind: Kind) -> Token:
    position = name.end()
    while (stop := _TAG_STOP.search(html, position)) is not None:
        quote = stop.group(1)
        if quote is None:
            position = stop.end()
            if html[stop.start()] == ">":
                return Token(kind, opened, position, name.group().lower())
            continue
        closed = html.find(quote, stop.end())
        if closed < 0:
            return _unfinished(html, opened, name, kind, f"{quote}>")
        position = closed + 1
    return _unfinished(html, opened, name, kind, ">")


def _unfinished(html: str, opened: int, name: re.Match[str], kind: Kind, closing: str) -> Token:
    """A tag that reaches to the end. Closing only the tag of a script would let the script take what follows."""
    element = name.group().lower()
    if kind is Kind.START and element in _RAW_ELEMENTS:
        closing = f"{closing}</{element}>"
    return Token(Kind.UNCLOSED, opened, len(html), closing)


def _raw(html: str, position: int, name: str) -> Token:
    end = _RAW_END[name].search(html, position)
    if end is None:
        return Token(Kind.UNCLOSED, position, len(html), f"</{name}>")
    return Token(Kind.RAW, position, end.start(), name)


def attributes(html: str, token: Token) -> dict[str, str]:
    """The attributes of a START token, names in lower case; the first of two with one name counts, 64 at most."""
    found: dict[str, str] = {}
    start = token.start + 1 + len(token.name)
    for attribute in _ATTRIBUTE.finditer(html, start, token.end - 1):
        name, double, single, bare = attribute.groups()
        found.setdefault(name.lower(), text_of(double or single or bare or ""))
        if len(found) >= _MAX_ATTRIBUTES:
            break
    return found


def text_of(markup: str) -> str:
    """Text with its character references resolved (those too long to be one become U+FFFD)."""
    if "&" not in markup:
        return markup
    return unescape(_LONG_NUMBER.sub("\ufffd", markup))
