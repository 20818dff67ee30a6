"""What an agent is told: by options, by variables of the environment, by one TOML file; in this order of precedence.

    to     = ["postroom.example.com:8443"]      every address of Postroom; a connection is kept to each
    key    = "pa_…"                             or key_file = "path"
    pin    = "sha256…"                          the fingerprint of Postroom's certificate
    ca     = "path"                             or a CA of your own; without either the system's decide
    allow  = ["smtp.example.com:587"]           what may be reached; nothing else is

All mistakes are told at once.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from postroom.agent.allowed import Allowed, BadRule
from postroom.errors import BadSettings, Fault

__all__ = ["PREFIX", "VARIABLES", "Configuration", "configuration"]

PREFIX = "POSTROOM_CONNECTOR_"
_NAMES = ("to", "key", "key_file", "pin", "ca", "allow")
VARIABLES = frozenset(PREFIX + name.upper() for name in _NAMES)
"""The variables of the environment that are looked at."""
_LISTS = frozenset({"to", "allow"})
_KEY = re.compile(r"pa_[0-9a-z]{8}_[A-Za-z0-9_-]{43}")
_PIN = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Configuration:
    """`to`: host and port of each Postroom. `pin`: SHA-256 of its certificate in hexadecimal, or ""."""

    to: tuple[tuple[str, int], ...]
    key: str = field(repr=False)
    allowed: Allowed = field(repr=False)
    pin: str = ""
    ca: Path | None = None


def configuration(given: Mapping[str, object], environ: Mapping[str, str], file: Path | None = None) -> Configuration:
    """`given`: the options, by name; what is None or empty was not given. Raises BadSettings with every fault."""
    faults: list[Fault] = []
    values = _from_file(file, faults)
    for name in _NAMES:
        if text := environ.get(PREFIX + name.upper(), "").strip():
            values[name] = [part.strip() for part in text.split(",") if part.strip()] if name in _LISTS else text
    values |= {name: value for name, value in given.items() if value not in (None, "", [], ())}
    to = _addresses(_several(values, "to", faults), faults)
    key = _key(values, faults)
    try:
        allowed = Allowed(_several(values, "allow", faults))
    except BadRule as bad:
        allowed = Allowed(())
        faults.append(Fault("allow", f"holds a rule that can't be read: {bad.problem}", bad.mend))
    else:
        if not allowed and not any(fault.field == "allow" for fault in faults):
            faults.append(
                Fault("allow", "is empty: the agent could reach nothing.", "Name the mail server, like mail.lan:587.")
            )
    pin = re.sub(r"[\s:]", "", _one(values, "pin", faults).lower().removeprefix("sha256"))
    if pin and not _PIN.fullmatch(pin):
        faults.append(Fault("pin", "is no SHA-256 fingerprint.", "It has 64 hexadecimal digits."))
    ca = _one(values, "ca", faults)
    if ca and not Path(ca).is_file():
        faults.append(Fault("ca", "is no file that is there.", "Correct the path."))
    if faults:
        raise BadSettings(faults)
    return Configuration(to, key, allowed, pin, Path(ca) if ca else None)


def _from_file(file: Path | None, faults: list[Fault]) -> dict[str, object]:
    if file is None:
        return {}
    try:
        table = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        faults.append(Fault("config", f"{file} can't be read: {error.strerror}.", "Correct the path."))
        return {}
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        faults.append(Fault("config", f"{file} is not TOML.", "Correct the file."))
        return {}
    for name in table.keys() - set(_NAMES):
        faults.append(Fault(ascii(name)[1:-1][:60], "there is no such setting.", f"There are: {', '.join(_NAMES)}."))
    return {name: value for name, value in table.items() if name in _NAMES}


def _one(values: Mapping[str, object], name: str, faults: list[Fault]) -> str:
    value = values.get(name, "")
    if isinstance(value, Path):
        return str(value)
    if not isinstance(value, str):
        faults.append(Fault(name, "is not text.", "Put it in quotes."))
        return ""
    return value.strip()


def _several(values: Mapping[str, object], name: str, faults: list[Fault]) -> Sequence[str]:
    value = values.get(name, [])
    if isinstance(value, str):
        return [value]
    if not isinstance(value, (list, tuple)) or not all(isinstance(one, str) for one in value):
        faults.append(Fault(name, "is not a list of texts.", f'Write {name} = ["…"].'))
        return []
    return list(value)


def _addresses(given: Sequence[str], faults: list[Fault]) -> tuple[tuple[str, int], ...]:
    found = []
    for text in given:
        host, _, port = text.strip().removeprefix("tls://").rpartition(":")
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        if not bare or not re.fullmatch(r"[0-9]{1,5}", port, re.ASCII) or not 1 <= int(port) <= 65_535:
            faults.append(Fault("to", "is no address with a port.", "Write it like postroom.example.com:8443."))
            continue
        found.append((bare, int(port)))
    if not given:
        faults.append(Fault("to", "is missing: where is Postroom?", "Write it like postroom.example.com:8443."))
    return tuple(dict.fromkeys(found))


def _key(values: Mapping[str, object], faults: list[Fault]) -> str:
    key, file = _one(values, "key", faults), _one(values, "key_file", faults)
    if not key and file:
        try:
            key = Path(file).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            faults.append(Fault("key_file", f"can't be read: {reason}.", "Correct the path."))
            return ""
    if not key:
        faults.append(
            Fault("key", "is missing.", "Give --key-file; `postroom connector add-agent` shows a new key once.")
        )
    elif not _KEY.fullmatch(key):
        faults.append(Fault("key", "is no key of an agent.", "It begins with pa_ and was shown when it was made."))
    return key
