"""Whom passkeys are made for: this Postroom, by the address that people reach it by.

A browser ties a passkey to the host name of the page that asked for it (the relying party's id) and says in each answer
which page that was (the origin). Both follow from the setting `public_url`, and from nothing that a request says.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

import idna

from postroom.errors import Conflict
from postroom.sentence import Sentence

__all__ = ["RelyingParty", "public_address", "relying_party"]

_PORTS = {"https": 443, "http": 80}
_MEND = "Set public_url to the address that people type, like https://mail.example.com, and start Postroom again."


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """`id` is a host name; `origin` scheme, host and port, as browsers write them (WebAuthn level 3, section 5.1.3)."""

    id: str
    origin: str


def relying_party(public_url: str) -> RelyingParty:
    """Raises Conflict, with what to set, where the address is missing or one that browsers take no passkeys for."""
    if not public_url:
        raise Conflict(
            Sentence(
                "Passkeys belong to the address that people reach this Postroom by, and none is set. {mend}", mend=_MEND
            )
        )
    parts = urlsplit(public_url)
    host = _ascii(parts.hostname or "")
    if _is_number(host):
        raise Conflict(
            Sentence(
                "Browsers take no passkeys for {host}, which is a number and no name. {mend}", host=host, mend=_MEND
            )
        )
    local = host == "localhost" or host.endswith(".localhost")
    if parts.scheme != "https" and not local:
        raise Conflict(
            Sentence(
                "Browsers take passkeys over https only, and public_url says {scheme}. {mend}",
                scheme=parts.scheme,
                mend=_MEND,
            )
        )
    port = "" if parts.port in (None, _PORTS.get(parts.scheme)) else f":{parts.port}"
    return RelyingParty(host, f"{parts.scheme}://{host}{port}")


def public_address(public_url: str, whose: str) -> str:
    """The address that people reach this Postroom by, for those who send them back to it. Raises Conflict, with what to
    set, where it is missing or not encrypted.
    """
    if not public_url:
        raise Conflict(
            Sentence(
                "{whose} to the address that they reach this Postroom by, and none is set. {mend}",
                whose=whose,
                mend=_MEND,
            )
        )
    parts = urlsplit(public_url)
    if parts.scheme != "https" and not _is_local(parts.hostname or ""):
        raise Conflict(
            Sentence(
                "{whose} over https only, and public_url says {scheme}. {mend}",
                whose=whose,
                scheme=parts.scheme,
                mend=_MEND,
            )
        )
    return public_url.rstrip("/")


def _is_local(host: str) -> bool:
    return host in ("localhost", "127.0.0.1", "::1") or host.endswith(".localhost")


def _ascii(host: str) -> str:
    try:
        return host if host.isascii() else idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError:
        raise Conflict(Sentence("The host name of public_url is none. {mend}", mend=_MEND)) from None


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
