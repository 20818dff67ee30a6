"""DMARC (RFC 9989): the record of a domain, which one counts, and whether two domains are aligned.

The record that counts is found by walking up the tree (4.10), which also says where one organisation's names begin; no
list of public suffixes is needed. `pct`, `rf` and `ri` of older records are history and are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from postroom.policy.dns.dkim_record import read_tags
from postroom.policy.dns.question import Answer, Asking, Question
from postroom.sentence import Sentence

__all__ = ["Discovered", "DmarcRecord", "Policy", "aligned", "discover", "organisation", "read_record"]

_POLICIES = ("none", "quarantine", "reject")
_MOST_LABELS = 8
_VERSION = re.compile(r"\s*v\s*=\s*DMARC1\s*(?:;|\Z)")
Policy = str
"""none, quarantine or reject."""


@dataclass(frozen=True, slots=True)
class DmarcRecord:
    """`policy` "" where the record has none that can be used and no address for reports either (4.7)."""

    domain: str
    text: str
    policy: Policy
    subdomains: Policy = ""
    missing: Policy = ""
    """np=: for names that do not exist."""
    strict_dkim: bool = False
    strict_spf: bool = False
    psd: str = "u"
    testing: bool = False
    reports: bool = False
    historic: tuple[str, ...] = ()
    fault: str = ""


def read_record(domain: str, octets: bytes) -> DmarcRecord | None:
    """A DMARC record; None for a text that is none. Never raises."""
    text = octets[:10_000].decode("ascii", "replace")
    if _VERSION.match(text) is None:
        return None
    shown = "".join(char if char.isprintable() else "\ufffd" for char in text)
    tags = read_tags(text)
    if tags is None:
        return DmarcRecord(domain, shown, "", fault="can't be read: a part of it is no tag=value, or is there twice")
    policy, fault = tags.get("p", "").lower(), _no_policy(tags)
    reports = tags.get("rua", "").strip().lower().startswith("mailto:")
    if fault:
        policy = "none" if reports else ""
    return DmarcRecord(
        domain,
        shown,
        policy,
        _policy(tags.get("sp", "")),
        _policy(tags.get("np", "")),
        tags.get("adkim", "r").lower() == "s",
        tags.get("aspf", "r").lower() == "s",
        tags.get("psd", "u").lower() if tags.get("psd", "u").lower() in ("y", "n") else "u",
        tags.get("t", "n").lower() == "y",
        reports,
        tuple(name for name in ("pct", "rf", "ri") if name in tags),
        fault,
    )


def _no_policy(tags: Mapping[str, str]) -> str:
    """Why its policies can't be used; one that is wrong spoils them all (4.10.1)."""
    if not tags.get("p"):
        return "names no policy (p=)"
    wrong = next((name for name in ("p", "sp", "np") if tags.get(name, "none").lower() not in _POLICIES), None)
    if wrong is None:
        return ""
    return Sentence("says {tag}={policy}, which is no policy", tag=wrong, policy=tags[wrong].lower()[:40])


def _policy(text: str) -> Policy:
    return text.lower() if text.lower() in _POLICIES else ""


@dataclass(frozen=True, slots=True)
class Walk:
    """What was found on the way up, the nearest first. `trouble`: a name that nobody could say anything of."""

    domain: str
    records: tuple[DmarcRecord, ...]
    several: str = ""
    """A domain with more than one record, which count as none."""
    trouble: str = ""

    @property
    def organisation(self) -> str:
        """Section 4.10.2; the domain itself where there is no record at all."""
        for record in self.records:
            if record.psd == "n":
                return record.domain
            if record.psd == "y" and record.domain != self.domain:
                below = self.domain.removesuffix(f".{record.domain}").rpartition(".")[2]
                return f"{below}.{record.domain}"
        usable = [record for record in self.records if record.psd != "y"] or list(self.records)
        return usable[-1].domain if usable else self.domain


@dataclass(frozen=True, slots=True)
class Discovered:
    """The record that counts for a domain, if there is one, and the policy that follows from it for this name."""

    walk: Walk
    record: DmarcRecord | None
    policy: Policy

    @property
    def organisation(self) -> str:
        return self.walk.organisation

    @property
    def trouble(self) -> str:
        return self.walk.trouble


def _names(domain: str) -> list[str]:
    """The names that are asked, from the domain up (4.10): long ones skip to seven labels."""
    labels = domain.split(".")
    names = [domain]
    rest = labels[1:] if len(labels) < _MOST_LABELS else labels[-(_MOST_LABELS - 1) :]
    while rest:
        names.append(".".join(rest))
        rest = rest[1:]
    return names


def _walk(domain: str) -> Asking[Walk]:
    found: list[DmarcRecord] = []
    several = trouble = ""
    for name in _names(domain):
        answer = yield Question(f"_dmarc.{name}", "TXT")
        trouble = trouble or answer.trouble
        records = _records(name, answer)
        if len(records) > 1:
            several = several or name
        elif records and (records[0].policy or records[0].psd != "u"):
            found.append(records[0])
            if records[0].psd != "u":  # also where the walk began (4.10, step 2)
                break
        elif records and name == domain:
            found.append(records[0])
    return Walk(domain, tuple(found), several, trouble)


def _records(name: str, answer: Answer) -> list[DmarcRecord]:
    return [found for text in answer.texts if (found := read_record(name, text)) is not None]


def discover(domain: str, *, exists: bool = True) -> Asking[Discovered]:
    """The policy for mail whose From has this domain. `exists`: whether the name is in the DNS (np=)."""
    walk = yield from _walk(domain)
    own = next((one for one in walk.records if one.domain == domain), None)
    if own is not None:
        return Discovered(walk, own, _tested(own, own.policy))
    top = next((one for one in walk.records if one.domain == walk.organisation), None)
    record = top or next((one for one in walk.records if one.psd == "y"), None)
    if record is None:
        return Discovered(walk, None, "")
    below = record.subdomains or record.policy
    return Discovered(walk, record, _tested(record, below if exists else record.missing or below))


def _tested(record: DmarcRecord, policy: Policy) -> Policy:
    """t=y asks for the next milder one (4.7)."""
    if not record.testing or policy not in _POLICIES:
        return policy
    return _POLICIES[max(_POLICIES.index(policy) - 1, 0)]


def organisation(domain: str) -> Asking[str]:
    """Where the names of this domain's organisation begin."""
    walk = yield from _walk(domain)
    return walk.organisation


def aligned(one: str, other: str, *, strict: bool) -> Asking[bool]:
    """Whether the domain of a signature or an envelope stands for that of From (4.4)."""
    one, other = one.lower(), other.lower()
    if one == other:
        return True
    if strict or one.rpartition(".")[2] != other.rpartition(".")[2]:
        return False
    return (yield from organisation(one)) == (yield from organisation(other))
