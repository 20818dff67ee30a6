"""Text from HTML: the plain part of a mail whose author wrote only the other one.

Paragraphs and headings are set apart by an empty line, list items carry `-` or a number, quotations `>`, links their
address in parentheses, pictures their description in brackets; the cells of a table row are separated by ` | `. Lines
are not wrapped: mail programs wrap them to the window, and a wrapped link can't be followed.

Rules kept here: linear work and bounded indentation whatever the nesting (an own stack, no recursion); what a reader of
the HTML would not see (style sheets, scripts, comments, elements that are not displayed) is not in the text; only
links that a reader may follow safely keep their address. The result has no control characters.
"""

from __future__ import annotations

import re
from collections import Counter

from postroom.compose.markup import Kind, Token, attributes, scan, text_of

__all__ = ["MAX_INPUT", "text_from_html"]

MAX_INPUT = 1_000_000
"""Characters that are read; a longer document ends in `[…]`."""
MAX_INDENTS = 8
"""Levels of lists and quotations that still move the text to the right."""

_BLOCKS = """address article aside body caption center dd details div dl dt fieldset figcaption figure footer form
    header html legend li main nav option section summary tbody tfoot thead tr"""
_NEW_LINE = frozenset(_BLOCKS.split())
_NEW_PARAGRAPH = frozenset({"blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "ol", "p", "pre", "table", "ul"})
_NESTING = frozenset({"blockquote", "ul", "ol", "li", "pre"})
_NOT_SHOWN = frozenset({"audio", "canvas", "datalist", "math", "object", "svg", "template", "video"})
# Only elements that end with a tag of their own: a hidden <p> may go without, and would take the rest along.
_HIDEABLE = frozenset(("div", "span", "table", "td", "tr"))
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\ufeff\u00ad]")
_HIDING = re.compile(r"display\s{0,9}:\s{0,9}none", re.IGNORECASE)
_FOLLOWED = re.compile(r"(?:https?|ftp|mailto|tel|sms):\S", re.IGNORECASE)
_UNSEEN = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]")


def text_from_html(html: str) -> str:
    """The text a reader of this HTML would see, lines separated by `\\n`, without one at the end."""
    page = _Page()
    for token in scan(html[:MAX_INPUT]):
        if page.hidden_in:
            page.stay_hidden(token)
        elif token.kind is Kind.TEXT:
            page.text(text_of(html[token.start : token.end]))
        elif token.kind is Kind.START:
            _start(page, html, token)
        elif token.kind is Kind.END:
            _end(page, token.name)
    page.end_link()
    page.end_line()
    if len(html) > MAX_INPUT:
        page.lines.append("\n[…]")
    return "\n".join(page.lines).strip("\n")


def _start(page: _Page, html: str, token: Token) -> None:
    name = token.name
    if name in _NOT_SHOWN or (name in _HIDEABLE and _is_hidden(html, token)):
        page.hidden_in, page.hidden_depth = name, 1
    elif name == "br":
        page.line_break()
    elif name == "a":
        page.end_link()
        page.link = attributes(html, token).get("href", "")
    elif name == "img":
        description = " ".join(attributes(html, token).get("alt", "").split())
        if description:
            page.text(f"[{description}]")
    elif name in {"td", "th"}:
        page.cell = bool(page.parts)
        page.space = False
    elif name in _NEW_PARAGRAPH or name in _NEW_LINE:
        _start_block(page, html, token)


def _start_block(page: _Page, html: str, token: Token) -> None:
    name = token.name
    inner_list = name in {"ul", "ol"} and page.open["li"] > 0
    page.end_line(apart=name in _NEW_PARAGRAPH and not inner_list)
    if name == "hr":
        page.text("----------")
        page.end_line(apart=True)
    elif name == "blockquote":
        page.nest(name, "> ")
    elif name == "pre":
        page.nest(name, "")
    elif name in {"ul", "ol"}:
        page.nest(name, "", number=_first_number(html, token) if name == "ol" else 0)
    elif name == "li":
        page.item()


def _first_number(html: str, token: Token) -> int:
    start = attributes(html, token).get("start", "").strip()
    return int(start) if start.isascii() and start.isdigit() and len(start) < 7 else 1


def _is_hidden(html: str, token: Token) -> bool:
    tag = html[token.start : token.end]
    if _HIDING.search(tag) is None and "hidden" not in tag:
        return False
    found = attributes(html, token)
    return "hidden" in found or _HIDING.search(found.get("style", "")) is not None


def _end(page: _Page, name: str) -> None:
    if name == "a":
        page.end_link()
    elif name in _NEW_PARAGRAPH or name in _NEW_LINE:
        inner_list = name in {"ul", "ol"} and page.open["li"] > 1
        page.end_line(apart=name in _NEW_PARAGRAPH and not inner_list)
        if name in _NESTING:
            page.unnest(name)


class _Page:
    """The text so far: finished lines, the parts of the line being written, and what is open around it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.parts: list[str] = []
        self.space = False
        self.cell = False
        self.apart = False
        self.link = ""
        self.link_parts: list[str] = []
        self.hidden_in = ""
        self.hidden_depth = 0
        self.open: Counter[str] = Counter()
        self._nested: list[tuple[str, str, int]] = []
        self._indents: list[str] = []
        self._marker = ""
        self._marked = 0
        self._before: list[str] = []

    def text(self, text: str) -> None:
        text = _CONTROL.sub("", text)
        if self.open["pre"]:
            self._preformatted(text)
            return
        words = text.split()
        if not words:
            self.space = self.space or bool(text)
            return
        content = " ".join(words)
        if self.link:
            self.link_parts.append(content)
        if self.parts and (self.cell or self.space or text[0].isspace()):
            self.parts.append(" | " if self.cell else " ")
        self.parts.append(content)
        self.cell, self.space = False, text[-1].isspace()

    def _preformatted(self, text: str) -> None:
        first, *others = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._as_it_is(first)
        for line in others:
            self.line_break()
            self._as_it_is(line)

    def _as_it_is(self, line: str) -> None:
        if line:
            self.parts.append(line)
            if self.link:
                self.link_parts.append(line.strip())

    def line_break(self) -> None:
        if self.parts:
            self.end_line()
        else:
            self.apart = True

    def end_line(self, *, apart: bool = False) -> None:
        """Finishes the line, if there is one; `apart` asks for an empty line before the next one."""
        line = "".join(self.parts).rstrip()
        if line:
            indents = self._indents
            if self.apart and self.lines:
                self.lines.append(_shared(self._before, indents))
            self._before = indents.copy()
            if self._marker:
                indents = [*indents[: self._marked], self._marker, *indents[self._marked + 1 :]]
            self.lines.append(f"{''.join(indents)}{line}")
            self.apart = False
            self._marker = ""
        self.parts.clear()
        self.apart = self.apart or apart
        self.space = self.cell = False

    def end_link(self) -> None:
        """Adds where the link leads, unless that is what its text says already."""
        address, self.link = _UNSEEN.sub("", self.link), ""
        said = " ".join(self.link_parts)
        self.link_parts = []
        if not _FOLLOWED.match(address):
            return
        if _bare(address) != _bare(said):
            space = self.space
            self.space = bool(said)
            self.text(f"({address})" if said else address)
            self.space = space

    def nest(self, name: str, indent: str, *, number: int = 0) -> None:
        self._nested.append((name, indent, number))
        self.open[name] += 1
        if indent and len(self._indents) < MAX_INDENTS:
            self._indents.append(indent)
        elif indent:
            self._nested[-1] = (name, "", number)

    def unnest(self, name: str) -> None:
        """Closes the innermost element of this name and all in it; nothing when none is open."""
        if not self.open[name]:
            return
        while True:
            inner, indent, _ = self._nested.pop()
            self.open[inner] -= 1
            if indent:
                self._indents.pop()
            if inner == name:
                break
        self._marker = ""

    def item(self) -> None:
        if self._nested and self._nested[-1][0] == "li":
            self.unnest("li")
        marker = "- "
        if self._nested and self._nested[-1][0] == "ol":
            name, indent, number = self._nested[-1]
            marker = f"{number}. "
            self._nested[-1] = (name, indent, number + 1)
        self.nest("li", " " * len(marker))
        self._marker = marker if self._nested[-1][1] else ""
        self._marked = len(self._indents) - 1

    def stay_hidden(self, token: Token) -> None:
        if token.name == self.hidden_in:
            if token.kind is Kind.START:
                self.hidden_depth += 1
            elif token.kind is Kind.END:
                self.hidden_depth -= 1
        if not self.hidden_depth:
            self.hidden_in = ""


def _shared(before: list[str], after: list[str]) -> str:
    """What an empty line between two lines begins with: the quotations that both stand in."""
    shared = [one for one, other in zip(before, after, strict=False) if one == other]
    return "".join(shared).rstrip()


def _bare(address: str) -> str:
    """An address as people write it, for comparing: no scheme, no slash at the end."""
    for scheme in ("https://", "http://", "mailto:", "tel:"):
        address = address.removeprefix(scheme)
    return address.rstrip("/")
