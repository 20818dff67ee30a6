"""Reading a request's body: bounded before anything is parsed, then JSON read strictly.

Rules it keeps: a declared length over the limit is refused before a byte is read; an undeclared one is counted while it
arrives; a body that trickles is given up; compressed bodies are not taken (a small one may unfold without end). JSON
is UTF-8 (RFC 8259 section 8.1), a name occurs once in an object, there is no NaN, and nesting is bounded. Half of a
surrogate pair is refused, for it can't be written anywhere afterwards.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from postroom.errors import TooLarge
from postroom.web.api.problems import RequestError

__all__ = ["Receive", "declared_length", "parse_json", "read_body", "refuse_other_media"]

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

CHUNK_SECONDS = 20.0
"""How long the next piece of a body may take."""
_SMALL = 1024 * 1024
_MOST_VALUES = 3_000_000
_MOST_CONTAINERS = 500_000
"""Three octets of JSON (`{},`) become seventy of memory. Counted in text as well, where 40 MiB of prose stay below."""
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def refuse_other_media(headers: Mapping[bytes, bytes]) -> None:
    """Raises RequestError unless the body is plain JSON, or of no declared type."""
    if headers.get(b"content-encoding", b"identity").lower() not in (b"identity", b""):
        raise RequestError("unsupported-media-type", "Send the body without Content-Encoding.")
    declared = headers.get(b"content-type")
    if declared is None or declared == b"application/json":
        return
    media = declared.partition(b";")[0].strip().lower()
    if media != b"application/json" and not (media.startswith(b"application/") and media.endswith(b"+json")):
        raise RequestError("unsupported-media-type", "Send the body as Content-Type: application/json.")


def declared_length(headers: Mapping[bytes, bytes], limit: int) -> int | None:
    """The octets of the body by Content-Length, None when it says nothing. Raises TooLarge, RequestError."""
    declared = headers.get(b"content-length")
    if declared is None:
        return None
    if not declared.isdigit() or len(declared) > 18:
        raise RequestError("malformed", "Content-Length is not a number.")
    length = int(declared)
    if length > limit:
        raise _too_large(limit)
    return length


async def read_body(receive: Receive, limit: int, first: MutableMapping[str, Any] | None = None) -> bytes:
    """The whole body, at most `limit` octets; `first` is what was received already. Raises TooLarge, RequestError."""
    message = await receive() if first is None else first
    pieces = [message.get("body", b"")]
    size = len(pieces[0])
    while message["type"] == "http.request":
        if size > limit:
            raise _too_large(limit)
        if not message.get("more_body", False):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        message = await _next_piece(receive)
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
    raise RequestError("malformed", "The connection ended before the whole body had come.")


async def _next_piece(receive: Receive) -> MutableMapping[str, Any]:
    try:
        return await asyncio.wait_for(receive(), CHUNK_SECONDS)
    except TimeoutError:
        detail = f"No part of the body came for {CHUNK_SECONDS:.0f} seconds."
        raise RequestError("too-slow", detail, [("connection", "close")]) from None


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body is longer than {limit:,} octets. The setting max_body_bytes is the limit.")


def parse_json(body: bytes) -> Any:
    """The value in the body. Raises RequestError with what is wrong and where, TooLarge for a bomb."""
    if len(body) > _SMALL and (
        body.count(b",") > _MOST_VALUES or body.count(b"{") + body.count(b"[") > _MOST_CONTAINERS
    ):
        raise TooLarge("The JSON holds more values than any message needs.")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RequestError("malformed", f"The body is not UTF-8: octet {error.start} does not fit.") from None
    del body  # a large one need not be kept twice
    if not text or text.isspace():
        raise RequestError("malformed", "The body is empty; it has to be JSON.")
    try:
        value = _decode(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise RequestError("malformed", f"The body is not JSON: {_reason(error)} ({place}).") from None
    except RecursionError:
        raise RequestError("malformed", "The JSON is nested too deeply.") from None
    except ValueError:  # a number with more digits than Python reads
        raise RequestError("malformed", "The JSON holds a number that is too long.") from None
    if "\\u" in text and ("\\ud" in text or "\\uD" in text):
        _refuse_halves(value)
    return value


def _reason(error: json.JSONDecodeError) -> str:
    # the parser's sentences quote nothing of the input
    return error.msg[:1].lower() + error.msg[1:]


def _refuse_halves(value: Any) -> None:
    """Looks through everything, without recursion: this only runs when the text spells such a character."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            if _LONE_SURROGATE.search(one):
                raise RequestError("malformed", "The JSON holds half of a surrogate pair (\\ud800 to \\udfff).")
        elif isinstance(one, dict):
            waiting.extend(one)
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            shown = name[:60].encode("ascii", "backslashreplace").decode()
            raise RequestError("malformed", f"The JSON gives the name {shown!r} twice in one object.")
        seen.add(name)
    return found


def _constant(name: str) -> Any:
    raise RequestError("malformed", f"{name} is not JSON.")


_decode = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant).decode
