"""Logging in with an access token instead of a password: XOAUTH2 and OAUTHBEARER (RFC 7628).

The account's "password" is then a bearer token: whoever reads it may use it, so both count as readable. A server that
does not like the token says why within the exchange, as JSON in a challenge; it is answered as each mechanism demands,
so that the real reply follows, and `told_by` reads it out for people and for the diagnosis.

Where the token comes from, and when it is renewed, is not known here.
"""

import json

from postroom.model.attempt import Failure
from postroom.smtp.fault import Lost, LostKind, Refusal
from postroom.smtp.phase import Phase
from postroom.smtp.reply import printable
from postroom.smtp.sasl import Credentials, Exchange, Mechanism

__all__ = ["OAUTH_MECHANISMS", "OAUTH_MECHANISM_NAMES", "told_by"]

_MOST_TOLD = 500
_SEPARATOR = "\x01"


def _xoauth2(credentials: Credentials, _nonce: str) -> Exchange:
    """Google's and Microsoft's own, older than the RFC: developers.google.com/gmail/imap/xoauth2-protocol."""
    token, user = credentials.secret.reveal(), credentials.user
    if refusal := _unfit(user, token):
        return refusal
    first = f"user={user}{_SEPARATOR}auth=Bearer {token}{_SEPARATOR}{_SEPARATOR}"
    return (yield from _said(first.encode(), b""))


def _oauthbearer(credentials: Credentials, _nonce: str) -> Exchange:
    """RFC 7628, 3.1. The name goes into the GS2 header, where `=` and `,` are written as in RFC 5801, 4."""
    token, user = credentials.secret.reveal(), credentials.user
    if refusal := _unfit(user, token):
        return refusal
    name = user.replace("=", "=3D").replace(",", "=2C")
    first = f"n,a={name},{_SEPARATOR}auth=Bearer {token}{_SEPARATOR}{_SEPARATOR}"
    return (yield from _said(first.encode(), _SEPARATOR.encode()))


def _said(first: bytes, after_error: bytes) -> Exchange:
    """One message of ours; a challenge after it is an error, and its answer only asks for the final reply."""
    if (yield first) is None:
        return None
    heard = yield after_error
    said = "the login complete" if heard is None else "more to be asked"
    return Lost(LostKind.UNPROVEN, f"The server refused the access token, and then declared {said}.", Phase.AUTH)


def _unfit(user: str, token: str) -> Refusal | None:
    if any(char < " " or char == "\x7f" for char in user + token) or not token.isascii() or " " in token:
        return Refusal(
            Failure.SECRET, None, "The user name or the access token has characters that no login can carry."
        )
    return None


def told_by(challenge: bytes) -> str:
    """What a server says of a token it refuses: its JSON as `status=401 schemes=bearer`, else its words; one line.

    Bounded and printable. RFC 7628, 3.2.2; Google and Microsoft tell the same fields.
    """
    try:
        told = json.loads(challenge)
    except (ValueError, RecursionError):
        return printable(challenge[:_MOST_TOLD].decode("utf-8", "replace"))[:_MOST_TOLD]
    if not isinstance(told, dict):
        return printable(str(told)[:_MOST_TOLD])[:_MOST_TOLD]
    fields = (f"{name}={value}" for name, value in told.items() if isinstance(value, str | int | float))
    return printable(" ".join(" ".join(fields).split())[:_MOST_TOLD])[:_MOST_TOLD]


OAUTH_MECHANISMS = (
    Mechanism("XOAUTH2", True, _xoauth2, told_by),
    Mechanism("OAUTHBEARER", True, _oauthbearer, told_by),
)
"""XOAUTH2 first: it is the one that Google and Microsoft document, and either carries the same."""

OAUTH_MECHANISM_NAMES = tuple(mechanism.name for mechanism in OAUTH_MECHANISMS)
