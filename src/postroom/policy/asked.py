"""An answer that somebody types or pastes to have it explained: read as generously as people paste.

What they leave out is guessed: the phase from the code, when it is one that comes in one place only. A guess never
changes anything; it only chooses which explanation is shown.
"""

from __future__ import annotations

import re

from postroom.model.attempt import Failure, Result

__all__ = ["read_asked"]

_MOST = 4_000
_REPLY = re.compile(r"\s*([245]\d\d)[ -]?\s*(?:([245]\.\d{1,3}\.\d{1,3})(?=\s|$)\s*)?(.*)", re.DOTALL)
_AGAIN = re.compile(r"\n[245]\d\d[ -]?")
_AT_LOGIN = frozenset({523, 525, 534, 535, 538})
_MOSTLY_AT_LOGIN = frozenset({432, 454})
_WORDS = {
    "rcpt": re.compile(r"recipient|relay|user unknown|no such user|mailbox", re.IGNORECASE),
    "mail": re.compile(r"sender", re.IGNORECASE),
    "auth": re.compile(r"authenticat|credential|password", re.IGNORECASE),
}


def read_asked(text: str, phase: str = "") -> Result | None:
    """A server's reply (one line or several), or the word of a local failure with what was said; None: neither."""
    given = text[:_MOST].strip()
    found = _REPLY.match(given)
    if found is not None:
        code, words = int(found[1]), _AGAIN.sub("\n", found[3])
        return Result(phase or _phase_of(code, found[2] or "", words), code, found[2] or "", words)
    word, _, words = given.partition(":")
    if word.strip() in list(Failure):
        return Result(phase, text=words.strip(), failure=Failure(word.strip()))
    return None


def _phase_of(code: int, enhanced: str, words: str) -> str:
    if code in _AT_LOGIN:
        return "auth"
    if enhanced[1:] in (".1.1", ".1.2", ".1.10", ".1.3", ".2.1", ".5.3"):
        return "rcpt"
    guess = "auth" if code in _MOSTLY_AT_LOGIN else "dot"
    return next((phase for phase, known in _WORDS.items() if known.search(words)), guess)
