"""What has to be asked of the DNS for one sender and one account, and what came of it. No judgement: see `report`."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address

from postroom.model.dkim import DkimKey, DkimState
from postroom.policy.dns.dkim_record import PublishedKey, Seen, look_for, read_key
from postroom.policy.dns.dmarc import Discovered, aligned, discover
from postroom.policy.dns.origin import Origin
from postroom.policy.dns.question import Asking, IpAddress, Question
from postroom.policy.dns.spf import Result, SpfVerdict, Survey, check_host, find_record, survey
from postroom.policy.dns.spf_record import Record
from postroom.policy.signing import Sight

__all__ = ["DkimSeen", "DmarcSeen", "Setup", "SpfSeen", "examine_dkim", "examine_dmarc", "examine_spf"]

_MOST_ADDRESSES = 8


@dataclass(frozen=True, slots=True)
class Setup:
    """How mail of one sender leaves through one account.

    `from_domain`: that From has then; `envelope`: the return path, `local@domain`, "" for none; `host`: the server;
    `origin`: what is known of its provider; `addresses`: from which it sends, as somebody said; `keys`: DKIM keys of
    ours that could sign for the domain, those that do among them; `rewritten`: the From that was wished for.
    """

    from_domain: str
    envelope: str
    account: str
    host: str = ""
    origin: Origin | None = None
    addresses: tuple[IpAddress, ...] = ()
    keys: tuple[DkimKey, ...] = ()
    rewritten: str = ""

    @property
    def envelope_domain(self) -> str:
        return self.envelope.rpartition("@")[2]

    @property
    def outside(self) -> str:
        """Who sends in the end, for people."""
        return self.origin.name if self.origin is not None else self.host or "this machine"


@dataclass(slots=True)
class SpfSeen:
    """`verdicts`: what a receiver finds for each address that mail may come from; `told`: somebody said that it does,
    otherwise these are the server's own addresses. `covered`: the provider's servers are in the record.
    """

    survey: Survey
    verdicts: dict[str, SpfVerdict] = field(default_factory=dict)
    told: bool = False
    covered: bool | None = None


@dataclass(frozen=True, slots=True)
class DkimSeen:
    """`own`: keys of ours with what was seen of their records; `others`: name → key at the provider's selectors;
    `aligned`: a signature that is sure to be there stands for From's domain. `trouble`: not everything could be asked.
    """

    own: tuple[tuple[DkimKey, Seen], ...] = ()
    others: tuple[tuple[str, PublishedKey], ...] = ()
    trouble: str = ""

    @property
    def signs(self) -> bool:
        return any(key.signs and seen.sight is Sight.RIGHT for key, seen in self.own)

    @property
    def unsure(self) -> bool:
        """A key of ours signs, but nobody could say whether its record is there."""
        return any(key.signs and seen.sight is Sight.UNKNOWN for key, seen in self.own)


@dataclass(frozen=True, slots=True)
class DmarcSeen:
    """`aligned`: whether the return path's domain stands for From's; None without a return path. `takes_mail`: whether
    anything can be sent to From's domain: True, False, None where that is not known; `null_mx`: it says so itself.
    """

    found: Discovered
    aligned: bool | None
    takes_mail: bool | None = None
    null_mx: bool = False
    exists: bool = True


def examine_spf(setup: Setup) -> Asking[SpfSeen]:
    """The return path's record, and whether it covers what sends."""
    seen = SpfSeen((yield from survey(setup.envelope_domain)))
    if seen.survey.record is None or seen.survey.record.fault:
        return seen
    origin = setup.origin
    addresses = setup.addresses
    if addresses:
        seen.told = True
    elif origin is not None:
        seen.covered = yield from _covers(setup, origin, seen.survey)
        return seen
    else:
        addresses = yield from _of_host(setup.host)
    for address in addresses[:_MOST_ADDRESSES]:
        seen.verdicts[str(address)] = yield from check_host(address, setup.envelope, setup.host)
    return seen


def _covers(setup: Setup, origin: Origin, found: Survey) -> Asking[bool | None]:
    """Named by the record or by one that it includes; or, where somebody copied the provider's networks, all of those
    that were looked at. None where that can't be told.
    """
    if {origin.include, *origin.also} & set(found.included):
        return True
    record = yield from find_record(origin.include)
    if not isinstance(record, Record):
        return None
    theirs = yield from survey(origin.include)
    samples = [network[0] for network in theirs.networks[:3]]
    if not samples:
        return None if found.trouble or theirs.trouble else False
    for address in samples:
        verdict = yield from check_host(address, setup.envelope, setup.host)
        if verdict.result is not Result.PASS:
            return None if verdict.result is Result.TEMPERROR else False
    return True


def _of_host(host: str) -> Asking[tuple[IpAddress, ...]]:
    try:
        return (ip_address(host),)
    except ValueError:
        four = yield Question(host, "A")
        six = yield Question(host, "AAAA")
        return four.addresses + six.addresses


def examine_dkim(setup: Setup) -> Asking[DkimSeen]:
    """The records of our own keys, and those at the selectors that the provider usually has."""
    own: list[tuple[DkimKey, Seen]] = []
    for key in setup.keys:
        if key.state is not DkimState.RETIRED:
            own.append((key, (yield from look_for(key))))
    others: list[tuple[str, PublishedKey]] = []
    trouble = ""
    for selector in setup.origin.selectors if setup.origin is not None else ():
        name = f"{selector}._domainkey.{setup.from_domain}"
        answer = yield Question(name, "TXT")
        trouble = trouble or answer.trouble
        others += [(name, found) for text in answer.texts if (found := read_key(text)) is not None and found.public_key]
    return DkimSeen(tuple(own), tuple(others), trouble)


def examine_dmarc(setup: Setup) -> Asking[DmarcSeen]:
    """From's policy, whether the return path is aligned with it, and whether the domain takes mail."""
    domain = setup.from_domain
    mx = yield Question(domain, "MX")
    hosts = [host for _, host in mx.mx]
    takes: bool | None = bool(any(hosts))
    if mx.trouble:
        takes = None
    elif not hosts:
        four, six = (yield Question(domain, "A")), (yield Question(domain, "AAAA"))
        takes = None if four.trouble or six.trouble else bool(four.addresses or six.addresses)
    exists = bool(mx.exists or mx.trouble or takes)
    found = yield from discover(domain, exists=exists)
    strict = found.record is not None and found.record.strict_spf
    fits: bool | None = None
    if setup.envelope_domain:
        fits = yield from aligned(setup.envelope_domain, domain, strict=strict)
    return DmarcSeen(found, fits, takes, bool(hosts) and not any(hosts), exists)
