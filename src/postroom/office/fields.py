"""Reading what people and programs type into settings: one reader a kind of field.

A reader takes whatever came (text from a form, numbers from JSON) and gives the value as it is stored, or raises
`Unfit` with the two halves of a fault: what is wrong, and how to mend it. Neither repeats the value, which may be a
secret typed into the wrong field. What fields a noun has, and what must fit together, is left to the nouns' modules.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from zoneinfo import available_timezones

import idna

from postroom.addresses import Address, BadAddress, parse_list
from postroom.errors import BadInput, Fault
from postroom.sentence import Sentence

__all__ = [
    "NOT_YET",
    "Reader",
    "Reading",
    "Unfit",
    "address",
    "addresses",
    "block",
    "count",
    "ehlo_name",
    "flag",
    "host",
    "line",
    "name",
    "numbers",
    "one_of",
    "optional",
    "reference",
    "time_zone",
]

Reader = Callable[[object], Any]
_MOST_ADDRESSES = 10
NOT_YET = "is not available yet: it comes with a later release."


class Unfit(ValueError):
    """A value that can't be used. `problem` and `mend` are sentences that follow the field's name."""

    def __init__(self, problem: str, mend: str = "") -> None:
        super().__init__(f"{problem} {mend}".rstrip())
        self.problem = problem
        self.mend = mend


class Reading:
    """Collects values and faults while a mapping is read, so that everything wrong is told at once."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.faults: list[Fault] = []

    def fault(self, field: str, problem: str, mend: str = "") -> None:
        self.faults.append(Fault(field, problem, mend))

    def take(self, field: str, reader: Reader, value: object) -> None:
        try:
            self.values[field] = reader(value)
        except Unfit as unfit:
            self.fault(field, unfit.problem, unfit.mend)

    def unknown(self, field: str, known: Iterable[str]) -> None:
        near = difflib.get_close_matches(field, list(known), n=1, cutoff=0.6)
        mend = (
            Sentence("Did you mean {near}?", near=near[0])
            if near
            else Sentence("There are: {known}.", known=", ".join(sorted(known)))
        )
        shown = field if field.isprintable() and len(field) <= 60 else ascii(field)[:60]
        self.fault(shown, "there is no such field.", mend)

    def close(self) -> dict[str, Any]:
        """The values. Raises BadInput with all faults, if there are any."""
        if self.faults:
            raise BadInput(self.faults)
        return self.values


# Text

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]")
_CONTROL_IN_BLOCK = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_DIRECTION = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Unfit("is not text.")
    return value


def line(most: int = 200) -> Reader:
    """One line of text, outer spaces removed; None is the empty text."""

    def read(value: object) -> str:
        if value is None:
            return ""
        text = _text(value).strip()
        if _CONTROL.search(text) or _DIRECTION.search(text):
            raise Unfit("holds a control character or a line break.", "Type it again on one line.")
        if len(text) > most:
            raise Unfit(Sentence("is longer than {most} characters.", most=most), "Shorten it.")
        return text

    return read


def reference(value: object) -> int | str | None:
    """An account by its id or name, as it was given."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise Unfit("is neither an id nor a name.", "Give the account's id or its name.")
    return value


def name(value: object) -> str:
    """What people call a thing: one line, not empty, and not to be taken for an id."""
    text: str = line(100)(value)
    if not text:
        raise Unfit("is empty.", "Give it a name.")
    if re.fullmatch(r"[0-9]+|[a-z]_[0-9a-z]{13}", text, re.ASCII | re.IGNORECASE):
        raise Unfit("looks like an id.", "Choose a name with other letters in it.")
    return text


def block(most_octets: int) -> Reader:
    """Text of several lines, kept as it is but for its line ends, which become LF."""

    def read(value: object) -> str:
        text = _text(value).replace("\r\n", "\n").replace("\r", "\n")
        if _CONTROL_IN_BLOCK.search(text):
            raise Unfit("holds a control character.", "Only line breaks and tabs are possible.")
        if len(text.encode()) > most_octets:
            raise Unfit(
                Sentence("is larger than {most_octets} KiB.", most_octets=most_octets // 1024),
                "Shorten it; it goes into every message.",
            )
        return text

    return read


def address(value: object) -> str:
    """An address alone, as `Address.spec`; empty or None is none."""
    if value is None or value == "":
        return ""
    try:
        parsed = Address.parse(_text(value).strip())
    except BadAddress as bad:
        raise Unfit(Sentence("is no address. {problem}", problem=bad.problem), bad.mend) from None
    if parsed.name:
        raise Unfit("has a name in front of the address.", "Give the address alone; the name has a field of its own.")
    return parsed.spec


def addresses(value: object) -> str:
    """One or several addresses with commas between them, names allowed; empty or None is none."""
    if value is None or value == "":
        return ""
    text = ", ".join(value) if isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value) else value
    try:
        found = parse_list(_text(text))
    except BadAddress as bad:
        raise Unfit(Sentence("is no address. {problem}", problem=bad.problem), bad.mend) from None
    if len(found) > _MOST_ADDRESSES:
        raise Unfit(
            Sentence("holds more than {most_addresses} addresses.", most_addresses=_MOST_ADDRESSES),
            "Give fewer, or the address of a list.",
        )
    return ", ".join(_spelled(one) for one in found)


def _spelled(one: Address) -> str:
    """So that reading it again gives the same."""
    quoted = one.name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{one.spec}>' if one.name else one.spec


# Words and numbers

_YES = frozenset({"true", "yes", "on", "1"})
_NO = frozenset({"false", "no", "off", "0"})


def flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word not in _YES | _NO:
        raise Unfit("is neither true nor false.", "Say true or false.")
    return word in _YES


def one_of(words: type[StrEnum], aliases: Mapping[str, StrEnum] | None = None, later: Iterable[StrEnum] = ()) -> Reader:
    """A word of the enum, in any case, or a word other products use for it. Words of later releases are refused."""
    refused = frozenset(later)
    listed = ", ".join(word.value for word in words if word not in refused)

    def read(value: object) -> StrEnum:
        given = value.strip().lower().replace("_", "-") if isinstance(value, str) else ""
        if aliases and given in aliases:
            return aliases[given]
        try:
            word = words(given)
        except ValueError:
            raise Unfit(Sentence("is none of {listed}.", listed=listed), "Choose one of these.") from None
        if word in refused:
            raise Unfit(NOT_YET, Sentence("For now choose one of {listed}.", listed=listed))
        return word

    return read


def time_zone(value: object) -> str:
    """The name of a time zone as the IANA database has it, in any case."""
    text: str = line(100)(value)
    if not text:
        raise Unfit("is empty.", _ZONE_MEND)
    found = _zones().get(text.casefold())
    if found is None:
        raise Unfit("is no time zone that is known here.", _ZONE_MEND)
    return found


_ZONE_MEND = "Name one like Europe/Prague, or UTC."


@lru_cache(maxsize=1)
def _zones() -> dict[str, str]:
    return {name.casefold(): name for name in available_timezones()}


def count(least: int, most: int) -> Reader:
    """A whole number, also as digits."""

    def read(value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,18}\s*", value, re.ASCII):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise Unfit(
                Sentence("is not a whole number from {least:,} to {most:,}.", least=least, most=most),
                "Correct the number.",
            )
        return value

    return read


def numbers(least: int, most: int, at_most: int) -> Reader:
    """Several whole numbers: a list, or text with commas."""
    one = count(least, most)

    def read(value: object) -> tuple[int, ...]:
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, (list, tuple)) or not 1 <= len(parts) <= at_most:
            raise Unfit(
                Sentence("is not a list of 1 to {at_most} numbers.", at_most=at_most), "Write it like 1, 5, 15, 30."
            )
        return tuple(one(part) for part in parts)

    return read


def optional(reader: Reader) -> Reader:
    """None stays None: not set, inherited or unlimited."""

    def read(value: object) -> Any:
        return None if value is None else reader(value)

    return read


# Hosts

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
_HOST_MEND = "Give a name like smtp.example.com, or an IP address."


def host(value: object) -> str:
    """A server's name as A-labels in lower case, or an IP address in its shortest spelling, without brackets."""
    text: str = line(500)(value)
    if not text:
        raise Unfit("is empty.", _HOST_MEND)
    literal = _ip_address(text)
    if literal:
        return literal
    if "://" in text or "/" in text:
        raise Unfit("is a web address or a path, not the name of a server.", _HOST_MEND)
    if "@" in text:
        raise Unfit("is an e-mail address, not the name of a server.", _HOST_MEND)
    if re.fullmatch(r"[^:]+:[0-9]+", text):
        raise Unfit("has a port behind it.", "Put the port into the field port.")
    lowered = _a_labels(text.removesuffix("."))
    labels = lowered.split(".")
    if len(lowered) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise Unfit("is no host name.", _HOST_MEND)
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1]):
        raise Unfit("ends in a number, but is no IP address.", "Write an IP address in full, like 192.0.2.25.")
    return lowered


def _ip_address(text: str) -> str:
    inner = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    inner = inner[5:] if inner.lower().startswith("ipv6:") else inner
    if "%" in inner:
        raise Unfit("names a network interface (%).", "Give an address without a zone.")
    for kind in (IPv4Address, IPv6Address):
        try:
            return kind(inner).compressed
        except ValueError:
            continue
    return ""


def _a_labels(text: str) -> str:
    if text.isascii():
        return text.lower()
    try:
        return idna.encode(text, uts46=True, std3_rules=True).decode("ascii")
    except UnicodeError:
        raise Unfit(
            "is no valid international host name.", "Check it for characters that do not belong there."
        ) from None


def ehlo_name(value: object) -> str:
    """A host name or an address literal in brackets (RFC 5321 section 4.1.3); empty is the installation's own."""
    text: str = line(500)(value)
    if not text:
        return ""
    found = host(text)
    if ":" in found:
        return f"[IPv6:{found}]"
    return f"[{found}]" if re.fullmatch(r"[0-9.]+", found) else found
