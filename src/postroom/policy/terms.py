"""What the mailing log is found by: the terms that a message is listed under, and what people's words mean.

A *term* is a short text: one letter for what it names, then the folded value.

    w rechnung            a word of the subject or of a recipient's address
    f shop@example.com    the sender            k newsletter    the kind
    p 1234                the application       t order-4711    a tag
    i 17ab@mail.example   a Message-ID that does not tell the message's number

Words are folded: no case, no accents; ideographs are a word each. Somebody who searches types *tokens*, parted by
blanks. A token is found where a word begins: `smith`, `@example.`, `bob.smi`, `100%`. With `*` before it, it may stand
anywhere, which no term helps with.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["HIGHEST", "Token", "folded", "of_message", "sender_term", "tokens", "word_term"]

HIGHEST = chr(0x10FFFF)
"""Behind every text that begins alike."""

_WIDE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_RUN = re.compile(rf"[{_WIDE}]|[^\W_{_WIDE}]+")
_PLAIN_RUN = re.compile("[a-z0-9]+")
_IS_WIDE = re.compile(rf"[{_WIDE}]").match
_MOST_LETTERS = 40
_MOST_OTHERS = 200
_DIGITS = {char: value for value, char in enumerate("0123456789abcdefghjkmnpqrstvwxyz")}


def folded(text: str) -> str:
    """Without case and accents, so that `Ärger`, `ÄRGER` and `arger` are one."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in parts if not unicodedata.combining(char))


def word_term(word: str) -> str:
    """`word` is folded already."""
    return "w" + word[:_MOST_LETTERS]


def sender_term(sender: str) -> str:
    return "f" + folded(sender)[:_MOST_OTHERS]


def of_message(
    number: int,
    sender: str,
    subject: str,
    message_id: str,
    kind: str,
    application_id: int | None,
    tags: Iterable[str],
    addresses: Iterable[str],
) -> set[str]:
    """All terms of one message."""
    text = folded(" ".join((subject, *addresses)))
    found = {"w" + run[:_MOST_LETTERS] for run in (_PLAIN_RUN if text.isascii() else _RUN).findall(text)}
    found.add(_sender_term(sender))
    if kind:
        found.add(_without_nul("k" + kind[:_MOST_OTHERS]))
    if application_id is not None:
        found.add(f"p{application_id}")
    for tag in tags:
        found.add(_without_nul("t" + tag[:_MOST_OTHERS]))
    if numbered(message_id) != number:
        found.add(_without_nul("i" + folded(message_id).strip("<>")[:_MOST_OTHERS]))
    return found


@lru_cache(maxsize=1024)
def _sender_term(sender: str) -> str:
    """Of the few senders that most mail has."""
    return _without_nul(sender_term(sender))


def _without_nul(term: str) -> str:
    """What no database keeps in a text (a NUL) stands in no term either."""
    return term.replace("\x00", "") if "\x00" in term else term


def numbered(message_id: str) -> int | None:
    """The message's number that a Message-ID of ours begins with (see `compose.message_id`)."""
    head = message_id.partition("@")[0].partition(".")[0]
    if not 0 < len(head) <= 13:
        return None
    number = 0
    for char in head:
        if char not in _DIGITS:
            return None
        number = number << 5 | _DIGITS[char]
    return number if number < 1 << 63 else None


@dataclass(frozen=True, slots=True)
class Token:
    """One of the words that somebody typed. `text` is folded; `anywhere`: it need not stand where a word begins.

    `whole`: words that stand in it as a whole; `beginning`: what another word begins with, or "".
    """

    text: str
    anywhere: bool
    whole: tuple[str, ...]
    beginning: str

    def stands_in(self, field: str) -> bool:
        """`field` is folded already."""
        at = field.find(self.text)
        while at >= 0:
            if self.anywhere or at == 0 or _parts(field[at - 1]) or _parts(field[at]):
                return True
            at = field.find(self.text, at + 1)
        return False


def _parts(char: str) -> bool:
    """Whether a word may begin at this character or behind it."""
    return not char.isalnum() or _IS_WIDE(char) is not None


def tokens(text: str) -> list[Token]:
    """What somebody typed, token by token."""
    return [_token(part) for part in text.split()]


def _token(typed: str) -> Token:
    text = folded(typed)
    anywhere = text.startswith("*") and len(text) > 1
    text = text.lstrip("*") or text if anywhere else text
    whole: list[str] = []
    beginning = ""
    for run in _RUN.finditer(text):
        if anywhere and run.start() == 0 and not _IS_WIDE(run[0]):
            continue
        if run.end() == len(text) and not _IS_WIDE(run[0]):
            beginning = run[0]
        else:
            whole.append(run[0])
    return Token(text, anywhere, tuple(dict.fromkeys(whole)), beginning)
