"""The console's cookies, and what is derived from them: the form token and the word that is said on the next page.

A session's token lives in a cookie that no script reads and no other site sends along with a form. Everything else
here is keyed with that token, so nothing has to be stored, any node understands it, and it ends with the session.
Before somebody has signed in, a random cookie of the browser's stands in for the token.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from typing import NamedTuple

from starlette.responses import Response

__all__ = ["LOOK", "ZONE", "Flash", "Jar", "form_token", "read_flash", "same_form", "written_flash"]

LOOK = "postroom-look"
"""The chosen look (light or dark), for pages without a session; the profile's choice goes first."""
ZONE = "postroom-zone"
"""The browser's time zone, written by the script; the profile's choice goes first."""
_SHAPE = re.compile(r"[A-Za-z0-9_-]{8,200}", re.ASCII)
_LONGEST_FLASH = 1_500
_FLASH_SECONDS = 120


class Flash(NamedTuple):
    """What the next page says at its top: `kind` is done, note or trouble."""

    kind: str
    text: str


class Jar:
    """Reads and writes the cookies. `secure`: people reach this Postroom over TLS."""

    def __init__(self, cookies: Mapping[str, str], *, secure: bool) -> None:
        self._cookies = cookies
        self._secure = secure

    def name(self, which: str) -> str:
        """`__Host-` keeps other hosts of the domain from setting it (RFC 6265bis section 4.1.3.2)."""
        return f"__Host-postroom-{which}" if self._secure else f"postroom-{which}"

    def read(self, which: str) -> str:
        """Our own cookie, or "" where there is none that could be."""
        text = self._cookies.get(self.name(which), "")
        return text if _SHAPE.fullmatch(text) else ""

    def raw(self, which: str) -> str:
        return self._cookies.get(self.name(which), "")[: 2 * _LONGEST_FLASH]

    def write(self, response: Response, which: str, value: str, *, seconds: int | None = None) -> None:
        response.set_cookie(
            self.name(which), value, max_age=seconds, path="/", secure=self._secure, httponly=True, samesite="lax"
        )

    def drop(self, response: Response, which: str) -> None:
        response.delete_cookie(self.name(which), path="/", secure=self._secure, httponly=True, samesite="lax")

    def write_flash(self, response: Response, key: str, flash: Flash) -> None:
        self.write(response, "flash", written_flash(key, flash), seconds=_FLASH_SECONDS)

    @staticmethod
    def new_visitor() -> str:
        return secrets.token_urlsafe(24)


def form_token(key: str) -> str:
    """What every form of this session carries, and a page of another site can't know."""
    return _mac(key, b"form")


def same_form(key: str, given: str) -> bool:
    """Whether a form came from a page that this session was shown."""
    return bool(key) and hmac.compare_digest(form_token(key).encode(), given.encode("utf-8", "replace"))


def written_flash(key: str, flash: Flash) -> str:
    told = Flash(flash.kind, flash.text[: _LONGEST_FLASH // 4])
    body = base64.urlsafe_b64encode(json.dumps(told).encode()).decode("ascii").rstrip("=")
    return f"{body}.{_mac(key, body.encode())}"


def read_flash(key: str, cookie: str) -> Flash | None:
    """What was written with this key; None for anything else."""
    body, dot, mac = cookie.partition(".")
    right = _mac(key, body.encode("utf-8", "replace")).encode()
    if not key or not dot or not hmac.compare_digest(right, mac.encode("utf-8", "replace")):
        return None
    try:
        kind, text = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (binascii.Error, ValueError):
        return None
    return Flash(str(kind), str(text))


def _mac(key: str, text: bytes) -> str:
    return hmac.new(key.encode(), b"postroom console " + text, hashlib.sha256).hexdigest()[:40]
