"""The shapes of what is told beside accounts: providers, and the speed that a server taught. As in `shapes`."""

from __future__ import annotations

from typing import Any

from postroom.model.account import Encryption, Login
from postroom.web.api.people_shapes import FLAG, MOMENT, NUMBER, TEXT, or_null, shape, told

__all__ = ["schemas"]

_NUMBERS = {"type": "object", "additionalProperties": NUMBER}
_TEXTS = {"type": "object", "additionalProperties": TEXT}
_SLOWED = {
    "per_minute": or_null(NUMBER, "Recipients a minute at present. null: as set."),
    "connections": or_null(NUMBER, "Connections at present. null: as set."),
    "rests_until": or_null(MOMENT, "Nothing is tried before."),
    "full_at": told(MOMENT, "When all is as before, should the server not complain again."),
    "why": told(TEXT, "What the server complained of, in a sentence."),
}
_PRESET = {
    "id": told(TEXT, "As an account names it; with a region: `amazon-ses:eu-west-1`."),
    "name": told(TEXT, "The provider."),
    "host": told(TEXT, "Empty: your own server, or a region has to be chosen."),
    "regions": told(_TEXTS, "Region and its host."),
    "port": NUMBER,
    "encryption": {"type": "string", "enum": [one.value for one in Encryption]},
    "login": {"type": "string", "enum": [one.value for one in Login]},
    "user": told(TEXT, "The user name, where it is the same for everybody."),
    "user_words": told(TEXT, "What the user name is."),
    "oauth2_provider": told(TEXT, "Who gives the tokens for the login oauth2; a password typed is used instead."),
    "oauth2_regions": told(_TEXTS, "Regions where another gives them."),
    "password_hint": told(TEXT, "What speaks against a password, if anything."),
    "limits": told(_NUMBERS, "As far as the provider tells."),
    "hint": told(TEXT, "What people stumble over."),
    "source": told(TEXT, "The page this is told on."),
}
_VOLUME = {
    "account_id": told(TEXT, "The account."),
    "sent": told(NUMBER, "Recipients, as all numbers here; of the mail accepted in the last 24 hours."),
    "failed": NUMBER,
    "waiting": NUMBER,
    "more": told(FLAG, "There was more mail than is counted: the numbers are lower bounds."),
}
_NAMES = {"type": "array", "items": TEXT}
_END = {
    "account": TEXT,
    "waiting": told(NUMBER, "Recipients whose mail waits in it."),
    "sending": told(NUMBER, "Being sent at this moment; it can't be deleted meanwhile."),
    "senders": told(_NAMES, "The addresses that send through it."),
    "fallback_of": told(_NAMES, "The accounts that fall back on it."),
    "is_default": FLAG,
    "heirs": told(_NAMES, "The accounts that could take over."),
    "secret": told(FLAG, "A password, or a consent, goes with it."),
    "needs_heir": told(FLAG, "It can be deleted only with `move_to`."),
    "sentences": told(_NAMES, "The same in words."),
}


def schemas() -> dict[str, Any]:
    """Every shape, by name."""
    return {
        "Slowed": shape('What a server\'s "slower" has taught.', _SLOWED),
        "Volume": shape("The mail of an account in the last 24 hours.", _VOLUME),
        "AccountEnd": shape("What deleting an account would mean.", _END),
        "Preset": shape("What is known of a provider.", _PRESET),
    }
