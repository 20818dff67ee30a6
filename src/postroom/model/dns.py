"""What a look into the DNS for a sender and an account tells people: findings, each with how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["DnsCheck", "DnsRecord", "Finding", "Severity", "worst"]

_STRING = 255
"""Octets of one string of a TXT record (RFC 1035, 3.3.14)."""


class Severity(StrEnum):
    """`ok`: as it should be; `info`: worth knowing; `warning`: it may cost mail; `fault`: it does."""

    OK = "ok"
    INFO = "info"
    WARNING = "warning"
    FAULT = "fault"


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


def worst(findings: Iterable[Finding]) -> Severity:
    """The gravest of them; ok without any."""
    return max((finding.severity for finding in findings), key=_RANKS.__getitem__, default=Severity.OK)


@dataclass(frozen=True, slots=True)
class DnsRecord:
    """A record to be set. `name`: in full, without the last dot; `value`: as forms of providers want it, in one piece;
    `zone`: the same as a line of a zone file, a long text split into strings.
    """

    name: str
    type: str
    value: str
    zone: str

    @staticmethod
    def txt(name: str, value: str) -> DnsRecord:
        strings = [value[at : at + _STRING] for at in range(0, len(value), _STRING)] or [""]
        quoted = " ".join('"' + one.replace("\\", "\\\\").replace('"', '\\"') + '"' for one in strings)
        return DnsRecord(name, "TXT", value, f"{name}. IN TXT {f'( {quoted} )' if len(strings) > 1 else quoted}")


@dataclass(frozen=True, slots=True)
class Finding:
    """`id`: a word for programs, stable. `what`: what was found; `mend`: what to do, "" where nothing is to be done."""

    id: str
    severity: Severity
    title: str
    what: str
    mend: str = ""
    record: DnsRecord | None = None


@dataclass(frozen=True, slots=True)
class DnsCheck:
    """What was found for one sender and one account (`account_id` None: none is set up).

    `from_domain`: that From has when it leaves; `envelope_domain`: that of the return path, which SPF is about; "" for
    the null reverse-path. `addresses`: from which the mail comes in the end, as somebody said.
    """

    sender: str
    account_id: int | None
    account: str
    from_domain: str
    envelope_domain: str
    severity: Severity
    findings: tuple[Finding, ...]
    checked_ms: int
    addresses: tuple[str, ...] = ()
