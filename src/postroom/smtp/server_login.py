"""The server's side of a login by PLAIN (RFC 4616) or LOGIN: base64 lines in, a user name and a password out.

Rules kept here: base64 is read strictly, lines are bounded, `*` calls the login off (RFC 4954, 4), and what was given
is in no repr. Who may log in, and how often somebody may try, is for others to say.
"""

import binascii
from dataclasses import dataclass, field

from postroom.smtp import server_reply as say
from postroom.smtp.reply import Reply

MECHANISMS = ("PLAIN", "LOGIN")
MAX_LINE = 12_288
"""Octets of a line of a login (RFC 4954, 4)."""
MAX_NAME = 255
MAX_PASSWORD = 255


@dataclass(frozen=True, slots=True)
class Presented:
    """What a client presented: a name, and the proof of it."""

    user: str
    password: str = field(repr=False)


class LoginExchange:
    """One login under way. `step` takes a line and gives the next question, what was presented, or a refusal."""

    __slots__ = ("_mechanism", "_user")

    def __init__(self, mechanism: str) -> None:
        """`mechanism` is one of `MECHANISMS`."""
        self._mechanism = mechanism
        self._user: str | None = None

    def begin(self, initial: str) -> bytes | Presented | Reply:
        """The AUTH command with its initial response, `""` without one and `=` for an empty one."""
        if not initial:
            return say.ASK_PLAIN if self._mechanism == "PLAIN" else say.ASK_USER
        return self._given(b"" if initial == "=" else _decoded(initial))

    def step(self, line: str) -> bytes | Presented | Reply:
        """A line that answers a question."""
        if line == "*":
            return say.LOGIN_CANCELLED
        return self._given(_decoded(line))

    def _given(self, octets: bytes | None) -> bytes | Presented | Reply:
        if octets is None:
            return say.BAD_BASE64
        try:
            text = octets.decode("utf-8")
        except UnicodeDecodeError:
            return say.BAD_LOGIN
        if self._mechanism == "PLAIN":
            return _plain(text)
        if self._user is None:
            self._user = text
            return say.ASK_PASSWORD
        return _presented(self._user, text)


def _plain(text: str) -> Presented | Reply:
    parts = text.split("\0")
    if len(parts) != 3:
        return say.BAD_LOGIN
    on_behalf, user, password = parts
    # To act for somebody else is not offered; naming oneself is harmless.
    return _presented(user, password) if on_behalf in ("", user) else say.BAD_LOGIN


def _presented(user: str, password: str) -> Presented | Reply:
    if not user.isprintable() or not password.isprintable():
        return say.BAD_LOGIN
    if not 0 < len(user) <= MAX_NAME or not 0 < len(password) <= MAX_PASSWORD:
        return say.BAD_LOGIN
    return Presented(user, password)


def _decoded(text: str) -> bytes | None:
    try:
        return binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except (ValueError, UnicodeEncodeError):
        return None
