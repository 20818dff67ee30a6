"""How the values of settings are written: one `Spelling` a kind, each with its name for people and an example.

A value arrives as text (environment, flags) or as what TOML makes of it. `parse` gives the value or raises ValueError
with the second half of a sentence ("is not a number between 1 and 10"); who asked puts the value or the name before it.
Nothing is guessed: a number where text belongs is a mistake, and so is the reverse in a TOML file.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, Self
from urllib.parse import parse_qsl, urlsplit

__all__ = [
    "COMMAND",
    "DATABASE",
    "DIRECTORY",
    "FILE",
    "HOST_NAME",
    "KEY",
    "LISTEN",
    "LISTEN_OR_OFF",
    "NETWORKS",
    "SWITCH",
    "TLS_VERSION",
    "TRUSTED",
    "URL",
    "DatabaseUrl",
    "Hidden",
    "Listen",
    "Network",
    "Spelling",
    "Trusted",
    "count",
    "duration",
    "escaped",
    "number",
    "one_of",
    "shown",
    "size",
]

Parse = Callable[[object, Path, Mapping[str, str]], Any]


@dataclass(frozen=True, slots=True)
class Spelling:
    """One kind of value. `parse(value, base, environ)`: `base` is what relative paths start from."""

    words: str
    example: str
    parse: Parse
    show: Callable[[Any], str] = str
    secret: bool = False


Network = IPv4Network | IPv6Network


class Listen(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Trusted(NamedTuple):
    """Clients of this network speak for this application: its name, or `tenant/application`."""

    network: IPv4Network | IPv6Network
    application: str

    def __str__(self) -> str:
        return f"{self.network}={self.application}"


class Hidden:
    """Text that shows nowhere but in `reveal()` (promise P7). The layers above have their own, for stored secrets."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __str__(self) -> str:
        return "****" if self._text else ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hidden) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("this may hold a secret and is not pickled")


class DatabaseUrl(Hidden):
    """The URL of a database as SQLAlchemy wants it; shown without its password."""

    __slots__ = ()

    @property
    def is_sqlite(self) -> bool:
        return self._text.startswith("sqlite:")

    @property
    def file(self) -> Path | None:
        """The SQLite file, or None for PostgreSQL."""
        return Path(self._text.removeprefix("sqlite:///")) if self.is_sqlite else None

    def __str__(self) -> str:
        if self.is_sqlite:
            return self._text
        scheme, _, rest = self._text.partition("://")
        authority, slash, path = rest.partition("/")
        user_part, at, server = authority.rpartition("@")
        user, colon, _ = user_part.partition(":")
        # passwords hide in the query as well, so what stands there is left out altogether
        path, question, _ = path.partition("?")
        return f"{scheme}://{user}{':****' if colon else ''}{at}{server}{slash}{path}{'?****' if question else ''}"


def escaped(text: str) -> str:
    """Text from outside on one line, control characters written out."""
    return text if text.isprintable() else repr(text)[1:-1]


def shown(value: object) -> str:
    """A value as a person wrote it, for an error message: one line, not too long."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…'"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("is not text.")
    text = value.strip()
    if not text.isprintable():
        raise ValueError("holds control characters.")
    return text


# Numbers


_UNITS = {"": 1, "b": 1, "kib": 1024, "mib": 1024**2, "gib": 1024**3, "kb": 1000, "mb": 1000**2, "gb": 1000**3}
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_AMOUNT = re.compile(r"([0-9][0-9_]{0,20}(?:\.[0-9]{1,20})?)\s*([a-z]*)\Z", re.ASCII)


def _amount(value: object, expected: str) -> tuple[float, str]:
    """The number and the unit of `25 MiB`, `1.5h` or 30."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(expected)
    matched = _AMOUNT.match(str(value).strip().lower())
    if matched is None:
        raise ValueError(expected)
    return float(matched[1].replace("_", "")), matched[2]


def size(least: int) -> Spelling:
    """A number of octets, at least `least`: 26214400, `25 MiB`, `25MB`."""
    expected = f"is not a size of at least {_show_size(least)}."

    def parse(value: object, base: Path, environ: Mapping[str, str]) -> int:
        amount, unit = _amount(value, expected)
        octets = int(amount * _UNITS.get(unit, 0))
        if unit not in _UNITS or octets < least or octets >= 1 << 62:
            raise ValueError(expected)
        return octets

    return Spelling("size (octets, KiB, MiB, GiB)", '"25 MiB"', parse, _show_size)


def _show_size(octets: int) -> str:
    for unit, factor in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if octets >= factor and octets % factor == 0:
            return f"{octets // factor} {unit}"
    return f"{octets} octets"


def duration(unit: str, *, at_least: float) -> Spelling:
    """A time in `unit` (`s` or `h`): a bare number counts in it, other units are converted to it."""
    expected = f'is not a time of at least {at_least:g} {unit}; write it like 30, "30 s", "5 min", "2 h" or "1 d".'

    def parse(value: object, base: Path, environ: Mapping[str, str]) -> float:
        amount, given = _amount(value, expected)
        given = given or unit
        time = amount * _SECONDS.get(given, 0.0) / _SECONDS[unit]
        if given not in _SECONDS or not at_least <= time < 1e9:
            raise ValueError(expected)
        return time

    return Spelling(f"time ({'hours' if unit == 'h' else 'seconds'}, or with a unit)", "30", parse, lambda v: f"{v:g}")


def count(least: int, most: int = 10**9) -> Spelling:
    """A whole number."""
    expected = f"is not a whole number from {least:,} to {most:,}."

    def parse(value: object, base: Path, environ: Mapping[str, str]) -> int:
        if isinstance(value, str) and re.fullmatch(r"\s*[0-9][0-9_]*\s*", value, re.ASCII):
            value = int(value.replace("_", "")) if len(value) < 40 else most + 1
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(expected)
        return value

    return Spelling("whole number", str(least * 10), parse, str)


def number(least: float, most: float) -> Spelling:
    """A number, whole or not."""
    expected = f"is not a number from {least:g} to {most:g}."

    def parse(value: object, base: Path, environ: Mapping[str, str]) -> float:
        amount, unit = _amount(value, expected)
        if unit or not least <= amount <= most:
            raise ValueError(expected)
        return amount

    return Spelling("number", "0.5", parse, lambda v: f"{v:g}")


# Words


def one_of(words: type[StrEnum]) -> Spelling:
    """One of the words of an enum, in any case."""
    listed = ", ".join(words)

    def parse(value: object, base: Path, environ: Mapping[str, str]) -> StrEnum:
        try:
            return words(_text(value).lower())
        except ValueError:
            raise ValueError(f"is none of {listed}.") from None

    return Spelling(f"one of {listed}", f'"{next(iter(words))}"', parse)


_YES = frozenset({"true", "yes", "on", "1"})
_NO = frozenset({"false", "no", "off", "0"})


def _switch(value: object, base: Path, environ: Mapping[str, str]) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word not in _YES | _NO:
        raise ValueError("is neither true nor false.")
    return word in _YES


def _tls_version(value: object, base: Path, environ: Mapping[str, str]) -> str:
    text = str(value).strip().upper().removeprefix("TLS").removeprefix("V").strip()
    if isinstance(value, bool) or text not in {"1.0", "1.1", "1.2", "1.3"}:
        raise ValueError("is no TLS version Postroom speaks: 1.2 or 1.3, and 1.0 or 1.1, which are broken (RFC 8996).")
    return text


_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)\Z", re.ASCII)


def _host_name(value: object, base: Path, environ: Mapping[str, str]) -> str:
    name = _text(value)
    literal = re.fullmatch(r"\[(IPv6:)?[0-9A-Fa-f.:]+\]", name)
    if name and not literal and (len(name) > 253 or not all(_LABEL.match(label) for label in name.split("."))):
        raise ValueError("is not a host name.")
    return name


def _url(value: object, base: Path, environ: Mapping[str, str]) -> str:
    url = _text(value).rstrip("/")
    parts = urlsplit(url)
    if url and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment):
        raise ValueError("is not a web address.")
    if parts.username or parts.password:
        raise ValueError("holds a user name; leave it out.")
    return url


def _listen(value: object, base: Path, environ: Mapping[str, str]) -> Listen:
    matched = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})", _text(value), re.ASCII)
    if matched is None or int(matched[3]) > 65535:
        raise ValueError("is not host:port.")
    return Listen(matched[1] or matched[2], int(matched[3]))


def _listen_or_off(value: object, base: Path, environ: Mapping[str, str]) -> Listen | None:
    if value is False or (isinstance(value, str) and value.strip().lower() in {"off", "no", "none"}):
        return None
    try:
        return _listen(value, base, environ)
    except ValueError:
        raise ValueError("is neither host:port nor off.") from None


def _trusted(value: object, base: Path, environ: Mapping[str, str]) -> tuple[Trusted, ...]:
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, (list, tuple)) or not all(isinstance(word, str) for word in words):
        raise ValueError("is no list of network=application.")
    return tuple(_trusted_network(word) for word in words if word.strip())


def _trusted_network(text: str) -> Trusted:
    network, mark, application = (part.strip() for part in text.partition("="))
    if not mark or not application.isprintable() or not application:
        raise ValueError("does not say network=application.")
    return Trusted(_network(network), application)


def _network(text: str) -> Network:
    try:
        found = ip_network(text.strip())
    except ValueError:
        raise ValueError("names something that is no network like 192.0.2.0/24 or 2001:db8::/64.") from None
    if not found.prefixlen:
        raise ValueError("trusts everybody; name the networks of your own programs.")
    return found


def _networks(value: object, base: Path, environ: Mapping[str, str]) -> tuple[Network, ...]:
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, (list, tuple)) or not all(isinstance(word, str) for word in words):
        raise ValueError("is no list of networks.")
    return tuple(_network(word) for word in words if word.strip())


# Paths and commands


def _path(value: object, base: Path, environ: Mapping[str, str]) -> Path:
    text = _text(value)
    if not text:
        raise ValueError("is not a path.")
    if text == "~" or text.startswith("~/"):
        text = (environ.get("HOME") or os.path.expanduser("~")) + text[1:]
    elif text.startswith("~"):
        raise ValueError("names another user's home; write the path out.")
    return Path(os.path.normpath(base / text))


def _directory(value: object, base: Path, environ: Mapping[str, str]) -> Path:
    path = _path(value, base, environ)
    if path.exists() and not path.is_dir():
        raise ValueError("is not a directory.")
    return path


def _file(value: object, base: Path, environ: Mapping[str, str]) -> Path:
    path = _path(value, base, environ)
    if path.is_dir():
        raise ValueError("is a directory, not a file.")
    return path


def _command(value: object, base: Path, environ: Mapping[str, str]) -> tuple[str, ...]:
    if isinstance(value, str):
        try:
            words = shlex.split(value)
        except ValueError:
            raise ValueError("has a quotation mark that is not closed.") from None
    elif isinstance(value, (list, tuple)) and all(isinstance(word, str) for word in value):
        words = list(value)
    else:
        raise ValueError("is neither a command line nor a list of words.")
    if not words or not words[0].startswith("/"):
        raise ValueError("does not begin with the full path of a command.")
    if not all(word.isprintable() for word in words):
        raise ValueError("holds control characters.")
    return tuple(words)


# What may hold a secret: these messages never repeat the value


def _key(value: object, base: Path, environ: Mapping[str, str]) -> Hidden:
    keys = [part.strip() for part in value.split(",")] if isinstance(value, str) else [""]
    for key in keys:
        try:
            octets = base64.b64decode(key.replace("-", "+").replace("_", "/"), validate=True)
        except (binascii.Error, ValueError):
            octets = b""
        if len(octets) != 32:
            raise ValueError("is not 32 octets in base64 (several are separated by commas).")
    return Hidden(",".join(keys))


def _database(value: object, base: Path, environ: Mapping[str, str]) -> DatabaseUrl:
    if not isinstance(value, str) or not value.strip().isprintable():
        raise ValueError("is not a database URL.")
    url = value.strip()
    scheme = url.partition(":")[0].lower()
    if scheme == "sqlite":
        return _sqlite(url, base)
    if scheme in {"postgresql", "postgres", "postgresql+psycopg"}:
        return _postgresql(url)
    raise ValueError("is not a database URL: it begins with neither sqlite:/// nor postgresql://.")


def _sqlite(url: str, base: Path) -> DatabaseUrl:
    path = url[len("sqlite:///") :]
    if not url.lower().startswith("sqlite:///") or not path:
        raise ValueError("names no file (a database in memory would lose accepted mail): sqlite:///path.")
    if path.startswith(":memory:") or "?" in path:
        raise ValueError("is not a plain file: sqlite:///path, without options.")
    return DatabaseUrl(f"sqlite:///{os.path.normpath(base / path)}")


def _postgresql(url: str) -> DatabaseUrl:
    rest = url.partition("://")[2]
    try:
        parts = urlsplit("postgresql://" + rest)
        host, _ = parts.hostname, parts.port
        options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
        if parts.fragment:
            raise ValueError
    except ValueError:
        raise ValueError(
            "can't be read: postgresql://user:password@host:port/name, with %40 %3A %2F for @ : / in the password."
        ) from None
    if parts.path.count("/") != 1 or parts.path == "/":
        raise ValueError("names no database: postgresql://user:password@host:port/name.")
    if not host and "host" not in options and parts.netloc.rpartition("@")[2]:
        raise ValueError("names no host.")
    return DatabaseUrl("postgresql+psycopg://" + rest)


DIRECTORY = Spelling("directory", '"/var/lib/postroom"', _directory)
FILE = Spelling("file", '"/etc/postroom/keyring.json"', _file)
DATABASE = Spelling("database URL", '"postgresql://postroom@db.example.com/postroom"', _database, secret=True)
LISTEN = Spelling("host:port", '"127.0.0.1:8025"', _listen)
LISTEN_OR_OFF = Spelling(
    "host:port, or off", '"0.0.0.0:587"', _listen_or_off, lambda value: "off" if value is None else str(value)
)
TRUSTED = Spelling(
    "list of network=application",
    '["192.0.2.7=webshop", "198.51.100.0/24=acme/billing"]',
    _trusted,
    lambda value: ", ".join(map(str, value)),
)
NETWORKS = Spelling(
    "list of networks", '["192.0.2.7", "2001:db8::/64"]', _networks, lambda value: ", ".join(map(str, value))
)
URL = Spelling("web address", '"https://mail.example.com"', _url)
KEY = Spelling("keys in base64", '"$(openssl rand -base64 32)"', _key, secret=True)
COMMAND = Spelling("command line, or list of words", '["/usr/sbin/sendmail"]', _command, shlex.join)
HOST_NAME = Spelling("host name", '"mail.example.com"', _host_name)
TLS_VERSION = Spelling("TLS version", '"1.3"', _tls_version)
SWITCH = Spelling("true or false", "true", _switch)
