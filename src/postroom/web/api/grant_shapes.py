"""The shapes of OAuth2 in the document: what is set of it on an account, and how a grant stands."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from postroom.model.grant import OAuth2Flow, OAuth2Provider

__all__ = ["FIELDS", "schemas"]

Schema = dict[str, Any]


def _text(sentence: str) -> Schema:
    return {"type": "string", "description": sentence}


def _words(words: type[StrEnum], sentence: str) -> Schema:
    return _text(sentence) | {"enum": [word.value for word in words]}


def _moment(sentence: str) -> Schema:
    return {"anyOf": [_text(sentence) | {"format": "date-time"}, {"type": "null"}]}


FIELDS: Schema = {
    "oauth2_provider": _words(OAuth2Provider, "Whose identity provider gives access tokens, for the login `oauth2`."),
    "oauth2_flow": _words(OAuth2Flow, "With a person's consent (or his refresh token), or with the application's key."),
    "oauth2_tenant": _text("Microsoft: the directory, by its id or domain."),
    "oauth2_client_id": _text("What the provider calls the application that Postroom is registered as."),
    "oauth2_scope": _text("What tokens are for. Empty: as the provider needs it for sending."),
    "oauth2_authorize_url": _text("Where people consent. Empty: the provider's."),
    "oauth2_token_url": _text("Where tokens are got. Empty: the provider's."),
    "oauth2_secret_expires": _text("The last day of the application's secret, like `2027-05-31`; warned about ahead."),
}
"""What is set on an account."""

_WRONG = {
    "diagnosis": _text("Its stable name."),
    "title": _text("What is wrong."),
    "explanation": _text("Why."),
    "remedy": _text("What to do."),
    "field": _text("The field to change."),
}
_GRANT = {
    "state": _text("Whether there are tokens.") | {"enum": ["connected", "not-connected", "failing"]},
    "granted_at": _moment("When somebody consented."),
    "granted_by": _text("Who began that consent, or typed the refresh token."),
    "renewed_at": _moment("When the access token was got."),
    "access_expires_at": _moment("Until when it is good. It is renewed ahead of that."),
    "asked_at": _moment("When the identity provider was asked last."),
    "trouble": {"type": "integer", "description": "How often in a row it gave no token."},
    "wrong": {"anyOf": [{"type": "object", "properties": _WRONG, "required": list(_WRONG)}, {"type": "null"}]},
}


def schemas() -> dict[str, Schema]:
    words = "How the OAuth2 grant of an account stands."
    return {"Grant": {"type": "object", "description": words, "properties": _GRANT, "required": list(_GRANT)}}
