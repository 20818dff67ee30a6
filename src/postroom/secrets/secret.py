"""A secret in the open, for as short as it must be, and the scrubbing of text that may have caught one.

Rules: whatever prints, formats, logs, copies or serialises a `Secret` gets `****` or an error, never the text; only
`reveal()` gives it, and callers do not keep what they get in a variable that outlives the call. What a debugger or
another program with this process's rights can read is out of reach.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterable
from typing import NoReturn, Self, final
from urllib.parse import quote, quote_plus

__all__ = ["SHOWN", "Blanking", "Secret", "blank"]

SHOWN = "****"
"""What stands wherever a secret would."""


@final
class Secret:
    """Text that must not show. Equal secrets compare equal, in constant time; the empty one is false."""

    __slots__ = ("_text",)

    def __init__(self, text: str | Self) -> None:
        """Raises ValueError when the text can't be written as UTF-8; the message does not hold it."""
        self._text: str = text.reveal() if isinstance(text, Secret) else text
        # checked by hand: UnicodeEncodeError would carry the secret with it
        if any("\ud800" <= char <= "\udfff" for char in self._text):
            del text
            raise ValueError("The secret has characters that can't be written as UTF-8.")

    def reveal(self) -> str:
        """The text itself, for the one place that sends or seals it."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret({SHOWN!r})"

    def __str__(self) -> str:
        return SHOWN

    def __format__(self, spec: str) -> str:
        return SHOWN

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(Secret)  # one bucket for all: a hash of the text would be a way to guess it

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret is not pickled")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a Secret has no state to give away")


class Blanking:
    """Replaces every trace of these secrets by `****`; made once for much text.

    Found are the secrets as they are, quoted for URLs, JSON or Python, in hexadecimal and in base64. There a secret may
    begin at any of three offsets (as in AUTH PLAIN); the whole base64 word goes then.
    """

    __slots__ = ("_traces",)

    def __init__(self, secrets: Iterable[Secret]) -> None:
        longest_first = sorted(secrets, key=lambda one: -len(one.reveal()))
        self._traces = tuple(
            (_spellings(one.reveal()), _base64_cores(one.reveal().encode())) for one in longest_first if one
        )

    def __repr__(self) -> str:
        return f"<Blanking of {len(self._traces)} secrets>"

    def __call__(self, text: str) -> str:
        for spellings, cores in self._traces:
            for spelling in spellings:
                text = text.replace(spelling, SHOWN)
            for core in cores:
                text = _without_words_around(text, core)
        return text


def blank(text: str, secrets: Iterable[Secret]) -> str:
    """`text` with every trace of the secrets replaced by `****` (see `Blanking`)."""
    return Blanking(secrets)(text)


def _spellings(text: str) -> list[str]:
    """The ways a secret is commonly written, longest first, so that none leaves a part of another behind."""
    return sorted(
        {
            text,
            quote(text, safe=""),
            quote(text),
            quote_plus(text),
            json.dumps(text)[1:-1],
            json.dumps(text, ensure_ascii=False)[1:-1],
            repr(text)[1:-1],
            repr(text.encode())[2:-1],
            text.encode().hex(),
        },
        key=len,
        reverse=True,
    )


_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_")
_SHORTEST_CORE = 4


def _base64_cores(octets: bytes) -> set[str]:
    """The characters of base64 that only the secret decides, for each of the three offsets it may begin at."""
    cores = set()
    for offset in range(3):
        first = (offset * 8 + 5) // 6
        last = (offset + len(octets)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            core = encode(bytes(offset) + octets).decode()[first:last]
            if len(core) >= _SHORTEST_CORE:
                cores.add(core)
    return cores


def _without_words_around(text: str, core: str) -> str:
    while (at := text.find(core)) >= 0:
        start, end = at, at + len(core)
        while start and text[start - 1] in _BASE64:
            start -= 1
        while end < len(text) and text[end] in _BASE64:
            end += 1
        text = text[:start] + SHOWN + text[end:]
    return text
