"""A kept message as a person reads it: its text, its HTML, its fields and its files, taken apart but not believed (P9).

Made of the content that `Reports.content` gave, so whoever has one was allowed to see it, and it is in the trail.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from postroom.compose.reading import Part, body_of, read_parts
from postroom.compose.submitted_header import readable

__all__ = ["File", "Letter"]

_FOR_PEOPLE = ("from", "to", "cc", "reply-to", "date")
_MOST_PICTURES = 5_000_000
"""Octets of pictures that are put into the HTML."""
_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"})
_CID = re.compile(r"""(?i)cid:([^\s"'<>()]{1,200})""")
_LEADS_AWAY = re.compile(
    r"(?is)<\s*script\b.*?(?:<\s*/\s*script[^>]*>|$)|<\s*/?\s*(?:base|meta|link|iframe|object|embed|form)\b[^>]*>?"
)


@dataclass(frozen=True, slots=True)
class File:
    """`number`: its place in the message; `name`: as it was given, or its kind; `size`: octets as it is sent."""

    number: str
    name: str
    kind: str
    size: int


class Letter:
    def __init__(self, content: bytes) -> None:
        self._parts = read_parts(content)

    @property
    def fields(self) -> list[tuple[str, str]]:
        """Those that people look at, by their names in lower case."""
        return [(name, self._parts[0].shown(name)) for name in _FOR_PEOPLE if self._parts[0].shown(name)]

    @property
    def headers(self) -> list[tuple[str, str]]:
        """All of them, in their order, readable."""
        return [(_in_capitals(one.name), readable(one.text)) for one in self._parts[0].header.fields]

    @cached_property
    def text(self) -> str:
        """Without a text: empty."""
        found = body_of(self._parts)
        return "" if found is None else found.text()

    @property
    def has_html(self) -> bool:
        return body_of(self._parts, "text/html") is not None

    @property
    def html(self) -> str:
        """With its own pictures as data, and without what could only lead elsewhere. It is still not ours: it belongs
        into a frame without any right.
        """
        found = body_of(self._parts, "text/html")
        if found is None:
            return ""
        pictures: dict[str, Part] = {
            one.content_id.strip("<> "): one for one in self._parts if one.content_id and one.kind in _PICTURES
        }
        return _with_pictures(_LEADS_AWAY.sub("", found.text()), pictures)

    @property
    def files(self) -> list[File]:
        """What can be taken away, pictures that stand in the text included."""
        return [File(one.number, one.filename or one.kind, one.kind, len(one.body)) for one in self._files()]

    def file(self, number: str) -> bytes | None:
        """What is in it, or None where there is no such file."""
        return next((one.octets() for one in self._files() if one.number == number), None)

    def _files(self) -> list[Part]:
        return [
            one
            for one in self._parts
            if one.number and one.within is None and one.is_attachment and not one.kind.startswith("multipart/")
        ]


def _with_pictures(html: str, pictures: Mapping[str, Part]) -> str:
    room = [_MOST_PICTURES]

    def inlined(found: re.Match[str]) -> str:
        part = pictures.get(found[1])
        if part is None or len(part.body) > room[0]:
            return "data:,"
        room[0] -= len(part.body)
        return f"data:{part.kind};base64,{base64.b64encode(part.octets()).decode('ascii')}"

    return _CID.sub(inlined, html)


def _in_capitals(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))
