"""The footer that an installation, tenant or account puts below each mail.

It goes into both bodies. Where it was written in one form only, the other is made from it. Between a text and its
footer stands one empty line, and no `-- `: that marks a signature, which mail programs hide and cut from replies, and
whose last space gets lost on the way; a legal notice must stay. In HTML it goes before the last `</body>` that is a tag
(not a comment, an attribute or part of a script), else to the end, where a comment, script or tag left open is closed
first so that it can't swallow the footer. Footer text is escaped before it becomes HTML; footer HTML is taken as it is,
because who writes it may write it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from html import escape

from postroom.compose.markup import Kind, ends
from postroom.compose.text import text_from_html

__all__ = ["Footer", "html_with_footer", "text_with_footer"]


@dataclass(frozen=True, slots=True)
class Footer:
    """What stands below a mail, as text and as HTML; either may be missing."""

    text: str | None = None
    html: str | None = None

    def as_text(self) -> str:
        if self.text is not None and self.text.strip():
            return self.text.strip("\r\n")
        return _text_of(self.html or "")

    def as_html(self) -> str:
        if self.html is not None and self.html.strip():
            return self.html
        return _html_of(self.text or "")


@lru_cache(maxsize=64)
def _text_of(html: str) -> str:
    return text_from_html(html)


@lru_cache(maxsize=64)
def _html_of(text: str) -> str:
    lines = re.split(r"\r\n|\r|\n", escape(text.strip("\r\n")))
    return "<p>" + "<br>\n".join(lines) + "</p>" if any(line.strip() for line in lines) else ""


def text_with_footer(text: str, footer: Footer | None) -> str:
    addition = footer.as_text() if footer is not None else ""
    if not addition:
        return text
    body = text.rstrip("\r\n")
    return f"{body}\n\n{addition}\n" if body else f"{addition}\n"


def html_with_footer(html: str, footer: Footer | None) -> str:
    addition = footer.as_html() if footer is not None else ""
    if not addition:
        return html
    position, closing = _end_of_body(html)
    return f"{html[:position]}{closing}\n<div>{addition}</div>\n{html[position:]}"


def _end_of_body(html: str) -> tuple[int, str]:
    """Where the footer goes, and what has to be closed before it."""
    body = document = -1
    closing = ""
    for token in ends(html):
        if token.kind is Kind.UNCLOSED:
            closing = token.name
        elif token.name == "body":
            body = token.start
        else:
            document = token.start
    if body >= 0:
        return body, ""
    if document >= 0:
        return document, ""
    return len(html), closing
