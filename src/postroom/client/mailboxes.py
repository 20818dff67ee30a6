"""Addresses as they stand in headers and on command lines, taken apart just far enough to know where mail goes.

Whether an address is one is Postroom's to say, which reads each again; here only its place is found: between the angle
brackets, or what is left when comments are gone, between commas, in groups or out of them (RFC 5322 section 3.4). A
text that can be read in two ways is refused and not guessed at.
"""

from __future__ import annotations

import re

__all__ = ["Unreadable", "addresses_in", "mailboxes_in", "name_in"]

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_PARTS = re.compile(r'"(?:[^"\\]|\\.)*"|\[[^\[\]]*\]|.', re.DOTALL)


class Unreadable(ValueError):
    """This text is no list of addresses, or could be read as several."""


def addresses_in(text: str) -> list[str]:
    """The addresses of a list, in order, without names and comments. Raises Unreadable."""
    return [address for _, address in mailboxes_in(text) if address]


def mailboxes_in(text: str) -> list[tuple[str, str]]:
    """Name, as it stands there, and address of each mailbox of a list, without comments. Raises Unreadable."""
    return [_parts_of(piece) for piece in _pieces(_without_comments(text)) if piece.strip()]


def name_in(text: str) -> str:
    """The name in front of the angle brackets of one mailbox, else that in its comment, as it stands there."""
    before, bracket, _ = _without_comments(text).partition("<")
    if bracket:
        return before.strip()
    comment = re.search(r"\(([^()\\]*)\)", _QUOTED.sub("", text))
    return comment[1].strip() if comment else ""


def _pieces(text: str) -> list[str]:
    """The pieces between commas; the name of a group and its semicolon are no piece."""
    pieces, piece, brackets = [], "", False
    for part in _PARTS.findall(text):
        brackets = (brackets or part == "<") and part != ">"
        if part in ",;" and not brackets:
            pieces.append(piece)
            piece = ""
        elif part == ":" and not brackets:
            piece = ""
        else:
            piece += part
    return [*pieces, piece]


def _parts_of(mailbox: str) -> tuple[str, str]:
    """Name and address: the address is what is between the brackets, else everything."""
    masked = _QUOTED.sub(lambda quoted: "q" * len(quoted.group()), mailbox)
    if '"' in masked:
        raise _unreadable(mailbox)
    opened, closed = masked.find("<"), masked.find(">")
    if opened < 0 and closed < 0:
        return "", mailbox.strip()
    if masked.count("<") != 1 or masked.count(">") != 1 or closed < opened or masked[closed + 1 :].strip():
        raise _unreadable(mailbox)
    return mailbox[:opened].strip(), mailbox[opened + 1 : closed].strip()


def _without_comments(text: str) -> str:
    """The text with comments, which may be nested, turned into spaces."""
    kept, depth, place = [], 0, 0
    while place < len(text):
        char = text[place]
        quoted = _QUOTED.match(text, place) if char == '"' and not depth else None
        if quoted is not None:
            kept.append(quoted.group())
            place = quoted.end()
            continue
        if char == "\\" and depth:
            place += 2
            continue
        if char == ")" and not depth:
            raise _unreadable(text)
        depth += (char == "(") - (char == ")")
        kept.append(" " if depth or char == ")" else char)
        place += 1
    if depth:
        raise _unreadable(text)
    return "".join(kept)


def _unreadable(text: str) -> Unreadable:
    return Unreadable(f"This can't be read as addresses: {text.strip()[:200]!a}")
