"""What can be set for the installation and for a tenant. None means: not set here, inherited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from postroom.model.tenant import ForeignFrom, Mode, Sending, UnknownPolicy
from postroom.office.account_values import FOOTER_OCTETS
from postroom.office.fields import (
    Reader,
    Reading,
    Unfit,
    address,
    block,
    count,
    flag,
    name,
    numbers,
    one_of,
    optional,
    time_zone,
)
from postroom.policy.tongue import LANGUAGES
from postroom.sentence import Sentence

__all__ = ["REFERENCES", "read"]

_MOST_ALLOWED = 200
_MOST_READERS = 20
_MODES: dict[str, Mode] = {"off": Mode.DISABLED, "sendmail": Mode.NATIVE}
_SENDING: dict[str, Sending] = {"instant": Sending.INSTANTLY, "in-the-background": Sending.BACKGROUND}


def _language(value: object) -> str:
    text = value.strip().lower() if isinstance(value, str) else ""
    if text not in LANGUAGES:
        raise Unfit(Sentence("is none of {languages}.", languages=", ".join(LANGUAGES)), "Choose one of these.")
    return text


def _readers(value: object) -> tuple[str, ...]:
    """Addresses: a list, or text with commas. Empty: nobody is written to."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, (list, tuple)) or len(parts) > _MOST_READERS:
        raise Unfit(
            Sentence("is not a list of at most {most_readers} addresses.", most_readers=_MOST_READERS),
            "Write it like a@example.org, b@example.org.",
        )
    return tuple(address(part.strip() if isinstance(part, str) else part) for part in parts if part != "")


def _reference(value: object) -> int | str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise Unfit("is neither an id nor a name.", "Give the id.")
    return value


def _allowed(value: object) -> tuple[str, ...]:
    """Addresses, and domains as `@example.org`: a list, or text with commas. Empty: nobody."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, (list, tuple)) or len(parts) > _MOST_ALLOWED:
        raise Unfit(
            Sentence("is not a list of at most {most_allowed} addresses.", most_allowed=_MOST_ALLOWED),
            "Write it like me@example.org, @example.org.",
        )
    return tuple(_entry(part) for part in parts if part != "")


def _entry(value: object) -> str:
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and text.startswith("@"):
        return "@" + address("postmaster" + text).rpartition("@")[2]
    return address(text)


_READERS: dict[str, Reader] = {
    "name": name,
    "suspended": flag,
    "mode": optional(one_of(Mode, _MODES)),
    "sending": optional(one_of(Sending, _SENDING)),
    "default_sender_id": _reference,
    "default_account_id": _reference,
    "footer_text": optional(block(FOOTER_OCTETS)),
    "footer_html": optional(block(FOOTER_OCTETS)),
    "recipients_choose": optional(flag),
    "unknown_policy": optional(one_of(UnknownPolicy)),
    "content_days": optional(count(0, 36_500)),
    "log_days": optional(count(1, 36_500)),
    "retry_minutes": optional(numbers(1, 7 * 24 * 60, 50)),
    "retry_days": optional(count(1, 60)),
    "guard_redirect": optional(address),
    "guard_allow": optional(_allowed),
    "foreign_from": optional(one_of(ForeignFrom)),
    "reset_fallback": optional(flag),
    "language": optional(_language),
    "time_zone": optional(time_zone),
    "suppress_unknown": optional(flag),
    "alarm_to": optional(_readers),
}
_ALIASES = {"default_sender": "default_sender_id", "default_account": "default_account_id"}
REFERENCES = frozenset(_ALIASES.values())


def read(given: Mapping[str, object], reading: Reading) -> dict[str, Any]:
    """The values by our names; references are left as they were given (an id, a name, an address)."""
    for typed, value in given.items():
        plain = typed.strip().lower().replace("-", "_")
        field = _ALIASES.get(plain, plain)
        if field in _READERS:
            reading.take(field, _READERS[field], value)
        else:
            reading.unknown(typed, [*_READERS, *_ALIASES])
    return reading.values
