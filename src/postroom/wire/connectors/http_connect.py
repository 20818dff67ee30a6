"""The conversation with an HTTP proxy: CONNECT (RFC 9110, 9.3.6), with Basic credentials (RFC 7617) where wanted.

Pure, and told in the same steps as `socks5`. The answer's head ends at the first empty line and not one octet later:
whatever follows is the server's, whose greeting may come in the same segment. A length that a 2xx answer announces
means nothing (section 9.3.6). Heads are bounded, and so is the number of interim answers (1xx).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Generator
from dataclasses import dataclass

from postroom.model.attempt import Failure
from postroom.secrets import Secret
from postroom.smtp.reply import printable
from postroom.wire.connectors.socks5 import Talk, Through
from postroom.wire.connectors.way import Refused

__all__ = ["MAX_HEAD", "http_connect"]

MAX_HEAD = 16_384
"""Octets of a head; proxies send a few hundred."""
_MOST_INTERIM = 20
_MOST_SHOWN = 60
_END = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: ([^\r\n]*))?\r?(?:\n|\Z)")
_BEGINNING = b"HTTP/1."

_LOGIN, _FORBIDS = Failure.CONNECTOR_LOGIN, Failure.CONNECTOR_FORBIDS
_SERVER, _BROKEN = Failure.CONNECTOR_SERVER, Failure.CONNECTOR_BROKEN


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    reason: str
    head: bytes
    rest: bytes


def http_connect(host: str, port: int, user: str = "", secret: Secret | None = None) -> Talk:
    """Asks for a connection to `host` (an A-label name or an IP address). Raises ValueError for a user name with a
    colon (RFC 7617, 2), and for a host with what does not belong into a request."""
    say = _request(host, port, user, secret)
    heard = b""
    for _ in range(_MOST_INTERIM):
        answer = yield from _head(say, heard)
        if isinstance(answer, Refused):
            return answer
        if answer.status >= 300:
            return _refused(answer, secret is not None)
        if answer.status >= 200:
            return Through(answer.rest)
        say, heard = b"", answer.rest
    return Refused(_BROKEN, "it sends interim answers without end")


def _request(host: str, port: int, user: str, secret: Secret | None) -> bytes:
    if not re.fullmatch(r"[0-9A-Za-z._:-]+", host, re.ASCII):
        raise ValueError("this is no host name that can be asked for")
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if secret is not None:
        if ":" in user:
            raise ValueError("a user name for an HTTP proxy holds no colon")
        word = base64.b64encode(f"{user}:{secret.reveal()}".encode()).decode("ascii")
        lines.append(f"Proxy-Authorization: Basic {word}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def _head(say: bytes, heard: bytes) -> Generator[bytes, bytes, _Answer | Refused]:
    """One head, and what came behind it."""
    while (end := _END.search(heard)) is None:
        if len(heard) > MAX_HEAD:
            return Refused(_BROKEN, f"its answer has no end within {MAX_HEAD:,} octets")
        if heard[: len(_BEGINNING)] != _BEGINNING[: len(heard)]:
            return Refused(_BROKEN, f"it said “{_shown(heard)}”, which is no HTTP")
        came = yield say
        say = b""
        if not came:
            return Refused(_BROKEN, "it closed the connection without a whole answer")
        heard += came
    head = heard[: end.start()]
    status = _STATUS.match(head)
    if status is None or len(head) > MAX_HEAD:
        return Refused(_BROKEN, f"it said “{_shown(head)}”, which is no answer of HTTP")
    return _Answer(int(status[1]), _shown(status[2] or b""), head, heard[end.end() :])


def _refused(answer: _Answer, has_login: bool) -> Refused:
    said = f"{answer.status} {answer.reason}".strip()
    if answer.status in (401, 407):
        return Refused(_LOGIN, _why_no_login(answer, has_login, said))
    if answer.status in (403, 451):
        return Refused(_FORBIDS, f"its rules forbid that ({said})")
    if answer.status in (400, 404, 405, 501):
        return Refused(_BROKEN, f"it does not make connections to that port, or at all ({said})")
    if answer.status == 429:
        return Refused(_SERVER, f"the proxy is busy or limits us ({said})")
    if answer.status >= 500:
        return Refused(_SERVER, f"the server refused, did not answer, or its name is not known there ({said})")
    return Refused(_BROKEN, f"it answered {said}, which is neither yes nor no")


def _why_no_login(answer: _Answer, has_login: bool, said: str) -> str:
    offered = re.findall(rb"(?im)^proxy-authenticate:[ \t]*([A-Za-z0-9-]+)", answer.head)
    words = sorted({scheme.decode("ascii") for scheme in offered})
    if words and "basic" not in {word.lower() for word in words}:
        return f"it wants a login by {', '.join(words[:5])}; Postroom knows Basic ({said})"
    if has_login:
        return f"the HTTP proxy does not accept this user name and password ({said})"
    return f"it takes nobody without user name and password ({said})"


def _shown(octets: bytes) -> str:
    """The first words, printable, for a sentence."""
    text = printable(octets[: 4 * _MOST_SHOWN].split(b"\n")[0].strip().decode("utf-8", "replace"))
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
