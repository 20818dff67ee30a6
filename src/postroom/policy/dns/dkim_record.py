"""The record of a DKIM key (RFC 6376, 3.6.1): written for a key of ours, and what one that was found says."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from postroom.model.dkim import DkimAlgorithm, DkimKey
from postroom.model.dns import DnsRecord
from postroom.policy.dns.question import Answer, Asking, Question
from postroom.policy.signing import Sight
from postroom.sentence import Sentence

__all__ = ["PublishedKey", "Seen", "look_for", "read_key", "read_tags", "record_of"]

_TAG = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*=\s*(.*?)\s*", re.DOTALL)
_LONGEST = 20_000
_LEAST_BITS = 1_024
_ED25519_OCTETS = 32


def read_tags(text: str) -> dict[str, str] | None:
    """A list of tags `a=b; c=d` (RFC 6376, 3.2), None when it is none or names a tag twice."""
    found: dict[str, str] = {}
    parts = text[:_LONGEST].split(";")
    if parts and not parts[-1].strip():
        parts.pop()
    for part in parts:
        tag = _TAG.fullmatch(part)
        if tag is None or tag[1] in found:
            return None
        found[tag[1]] = tag[2]
    return found


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """A key record. `public_key` is "" when the key was revoked; `bits`: of an RSA key, 0 where it can't be read."""

    algorithm: str
    public_key: str
    bits: int = 0
    testing: bool = False
    fault: str = ""


def read_key(octets: bytes) -> PublishedKey | None:
    """The record as far as it can be read; None for a text that is no key record. Never raises."""
    tags = read_tags(octets.decode("ascii", "replace"))
    if tags is None or "p" not in tags or tags.get("v", "DKIM1") != "DKIM1":
        return None
    kind = tags.get("k", "rsa").lower()
    public = re.sub(r"\s+", "", tags["p"])
    testing = "y" in [flag.strip() for flag in tags.get("t", "").split(":")]
    bits, fault = _size(kind, public) if public else (0, "")
    return PublishedKey(kind, public, bits, testing, fault or _misuse(tags))


def _misuse(tags: Mapping[str, str]) -> str:
    hashes = [one.strip().lower() for one in tags.get("h", "sha256").split(":")]
    services = [one.strip().lower() for one in tags.get("s", "*").split(":")]
    if "sha256" not in hashes:
        return "allows no SHA-256 (h=)"
    return "" if {"*", "email"} & set(services) else "is not for e-mail (s=)"


def _size(kind: str, public: str) -> tuple[int, str]:
    try:
        octets = base64.b64decode(public, validate=True)
        if kind == "ed25519":
            return (256, "") if len(octets) == _ED25519_OCTETS else (0, "holds a key of the wrong length")
        key = load_der_public_key(octets)
    except (ValueError, UnsupportedAlgorithm):
        return 0, "holds a key that can't be read"
    if kind != "rsa" or not isinstance(key, rsa.RSAPublicKey):
        return 0, "names a kind of key that DKIM does not know (k=)"
    if key.key_size < _LEAST_BITS:
        return key.key_size, Sentence(
            "holds a key of {key_size} bits, which is too short to be believed (RFC 8301)", key_size=key.key_size
        )
    return key.key_size, ""


def record_of(key: DkimKey) -> DnsRecord:
    """What has to be set for a key of ours."""
    kind = "ed25519" if key.algorithm is DkimAlgorithm.ED25519 else "rsa"
    return DnsRecord.txt(key.name, f"v=DKIM1; k={kind}; p={key.public_key}")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look for the record of a key of ours showed; `words`: a sentence."""

    sight: Sight
    words: str


def look_for(key: DkimKey) -> Asking[Seen]:
    """Looks for the record of a key of ours."""
    answer = yield Question(key.name, "TXT")
    return _judged(key, answer)


def _judged(key: DkimKey, answer: Answer) -> Seen:
    if answer.trouble:
        return Seen(Sight.UNKNOWN, answer.trouble)
    records = [found for text in answer.texts if (found := read_key(text)) is not None]
    if not records:
        what = "holds no DKIM key" if answer.texts else "is not there"
        return Seen(Sight.WRONG, Sentence("The record {key} {what}.", key=key.name, what=what))
    if len(records) > 1:
        return Seen(
            Sight.WRONG,
            Sentence(
                "There are {records} DKIM records at {key}; there may be one.", records=len(records), key=key.name
            ),
        )
    found = records[0]
    if found.public_key != key.public_key:
        gone = "is empty, which revokes the key" if not found.public_key else "holds another key"
        return Seen(Sight.WRONG, Sentence("The record {key} {gone}.", key=key.name, gone=gone))
    if found.fault:
        return Seen(Sight.WRONG, Sentence("The record {key} {fault}.", key=key.name, fault=found.fault))
    testing = " It says that it is a test (t=y): take that out." if found.testing else ""
    return Seen(Sight.RIGHT, Sentence("The record {key} is there and right.{testing}", key=key.name, testing=testing))
