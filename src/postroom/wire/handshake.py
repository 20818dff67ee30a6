"""What a TLS handshake has to show, and why one failed, in plain sentences.

A certificate that was refused is explained by `certificate`; here is everything else that can go wrong, told by the
words that OpenSSL has for it. Each sentence is known to a rule of `policy/rules/local.toml`, which names the field to
change.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from postroom.wire.layer import PlainText

__all__ = ["NOTHING_MORE", "Expected", "why_failed"]


@dataclass(frozen=True, slots=True)
class Expected:
    """`pin`: the SHA-256 the server's certificate must have, "" where that does not count. `own_ca`: only the account's
    own CA is believed. `client_certificate`: we have one to show."""

    pin: str = ""
    own_ca: bool = False
    client_certificate: bool = False


NOTHING_MORE = Expected()

_ABOUT_OURS = (
    "certificate required",
    "bad certificate",
    "unknown ca",
    "certificate expired",
    "certificate unknown",
    "certificate revoked",
    "unsupported certificate",
    "access denied",
)
"""Alerts about the certificate that we showed, or did not show (RFC 8446, 6.2)."""


def why_failed(error: ssl.SSLError, expected: Expected) -> str:
    """For a handshake that failed, and for a refusal that comes right behind it, as TLS 1.3 does it."""
    if isinstance(error, PlainText):
        return "The server speaks plain text where TLS was expected."
    reason = (error.reason or "no reason given").replace("_", " ").lower()
    if "protocol version" in reason or "unsupported protocol" in reason:
        return "The server knows only TLS versions that are too old (the setting tls_minimum says which are taken)."
    if any(words in reason for words in _ABOUT_OURS):
        return _about_ours(reason, expected)
    if "handshake failure" in reason:
        if expected.client_certificate:
            perhaps = "or it does not accept the account's client certificate"
        else:
            perhaps = "or it wants a client certificate"
        return f"The server refused the handshake: no cipher in common, {perhaps} ({reason})."
    return f"TLS failed: {reason}."


def _about_ours(reason: str, expected: Expected) -> str:
    if expected.client_certificate:
        return f"The server does not accept the account's client certificate ({reason})."
    return f"The server asks its clients for a certificate, and the account has no client certificate ({reason})."
