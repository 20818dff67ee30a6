"""The few words between an agent and Postroom before SSH begins, on a connection that is encrypted already.

The agent says its key; Postroom answers yes with the connector's name, or no with the reason. Each is one line of
ASCII. Nothing here knows a socket; both sides use it.
"""

from __future__ import annotations

import re

__all__ = ["MAX_LINE", "answer_of", "hello", "key_in", "no", "yes"]

MAX_LINE = 512
_HELLO = re.compile(rb"POSTROOM-AGENT 1 ([!-~]{1,200})")
_ANSWER = re.compile(rb"(YES|NO) ([ -~]{0,400})")


def hello(key: str) -> bytes:
    return f"POSTROOM-AGENT 1 {key}\r\n".encode("ascii")


def key_in(line: bytes) -> str | None:
    """The key in what an agent said, without the line's end; None when that is no greeting of an agent."""
    found = _HELLO.fullmatch(line)
    return None if found is None else found[1].decode("ascii")


def yes(connector: str) -> bytes:
    return _answered("YES", connector)


def no(why: str) -> bytes:
    return _answered("NO", why)


def _answered(word: str, text: str) -> bytes:
    return f"{word} {ascii(text)[1:-1][:400]}\r\n".encode("ascii")


def answer_of(line: bytes) -> tuple[bool, str] | None:
    """Whether Postroom takes the agent, and the connector's name or why not; None when it is no answer."""
    found = _ANSWER.fullmatch(line)
    return None if found is None else (found[1] == b"YES", found[2].decode("ascii"))
