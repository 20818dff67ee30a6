"""What can be said of a new DKIM key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from postroom.model.dkim import DkimAlgorithm
from postroom.office.fields import Reader, Reading, Unfit, count, host, line, one_of
from postroom.secrets import Secret
from postroom.secrets.assertion import BadKey
from postroom.secrets.dkim import RSA_BITS, Pair, read_pair
from postroom.sentence import Sentence

__all__ = ["FIELDS", "RSA_BITS", "NewKey", "read", "selector_for"]

_SELECTOR = re.compile(r"(?=.{1,63}\Z)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*", re.ASCII)
_LONGEST_KEY = 20_000
_LONGEST_DOMAIN = 180
"""Characters: the selector and `_domainkey` have to fit before it."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """`selector` is "" where Postroom chooses it; `pair`: an imported key."""

    domain: str
    algorithm: DkimAlgorithm
    bits: int
    selector: str
    pair: Pair | None = field(default=None, repr=False)


def _domain(value: object) -> str:
    text: str = host(value)
    labels = text.split(".")
    if len(labels) < 2 or ":" in text or labels[-1].isdigit():
        raise Unfit("is no domain.", "Give the part of the sender's address behind the @, like example.com.")
    if len(text) > _LONGEST_DOMAIN or "_" in text:
        raise Unfit("is no domain that mail is sent from.", "Give one like example.com.")
    return text


def _selector(value: object) -> str:
    text: str = line(63)(value).lower()
    if text and not _SELECTOR.fullmatch(text):
        raise Unfit("is no selector.", "Use letters, digits and hyphens, or leave it out.")
    return text


def _bits(value: object) -> int:
    bits: int = count(1, 65_536)(value)
    if bits not in RSA_BITS:
        listed = ", ".join(map(str, RSA_BITS))
        raise Unfit(
            "is no length that is made here.",
            Sentence("Choose one of {listed}; every server knows 2048.", listed=listed),
        )
    return bits


def _pair(value: object) -> Pair | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > _LONGEST_KEY:
        raise Unfit("is no private key.", "Paste it as PEM.")
    try:
        return read_pair(Secret(value))
    except BadKey as bad:
        raise Unfit(bad.problem, bad.mend) from None
    except ValueError:
        raise Unfit("is no private key.", "Paste it as PEM.") from None


FIELDS: dict[str, Reader] = {
    "domain": _domain,
    "algorithm": one_of(DkimAlgorithm, {"rsa": DkimAlgorithm.RSA, "ed25519": DkimAlgorithm.ED25519}),
    "bits": _bits,
    "selector": _selector,
    "private_key": _pair,
}


def read(given: Mapping[str, object]) -> NewKey:
    """Raises BadInput with every fault."""
    reading = Reading()
    for typed, value in given.items():
        name = typed.strip().lower().replace("-", "_")
        if name in FIELDS:
            reading.take(name, FIELDS[name], value)
        else:
            reading.unknown(typed, list(FIELDS))
    if "domain" not in given:
        reading.fault("domain", "is missing.", "Give the part of the sender's address behind the @.")
    _check_together(reading)
    return _made_of(reading.close())


def _check_together(reading: Reading) -> None:
    values = reading.values
    if values.get("algorithm") is DkimAlgorithm.ED25519 and "bits" in values:
        reading.fault("bits", "says nothing for Ed25519.", "Leave it out.")
    if values.get("private_key") is not None and ("algorithm" in values or "bits" in values):
        reading.fault("algorithm", "follows from the private key.", "Leave algorithm and bits out.")


def _made_of(values: Mapping[str, Any]) -> NewKey:
    pair: Pair | None = values.get("private_key")
    if pair is not None:
        return NewKey(values["domain"], pair.algorithm, pair.bits, values.get("selector", ""), pair)
    algorithm = values.get("algorithm", DkimAlgorithm.RSA)
    bits = values.get("bits", RSA_BITS[0]) if algorithm is DkimAlgorithm.RSA else 256
    return NewKey(values["domain"], algorithm, bits, values.get("selector", ""))


def selector_for(algorithm: DkimAlgorithm, now_ms: int, taken: set[str]) -> str:
    """One that says when it was made, like pr202611r: who tidies up the DNS one day will be glad."""
    month = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m")
    base = f"pr{month}{'r' if algorithm is DkimAlgorithm.RSA else 'e'}"
    if base not in taken:
        return base
    number = 2
    while f"{base}{number}" in taken:
        number += 1
    return f"{base}{number}"
