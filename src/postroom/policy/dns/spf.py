"""SPF: may this address send for this domain (RFC 7208, 4)? And: what does a domain's record take altogether?

`check_host` is what a receiver does, with all limits: ten terms that ask (4.6.4), two questions for nothing, ten hosts
of an MX, ten names of an address. `survey` goes through everything that a record leads to, whether an address matches
or not, to count and to list; it stops after a bounded number of questions, however records point at one another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network

from postroom.policy.dns.question import Answer, Asking, IpAddress, Question
from postroom.policy.dns.spf_record import Around, Record, Term, expand, is_spf, read_record
from postroom.sentence import Sentence

__all__ = ["MOST_ASKING", "Result", "SpfVerdict", "Survey", "check_host", "find_record", "survey"]

MOST_ASKING = 10
_MOST_VOID = 2
_MOST_HOSTS = 10
_MOST_SURVEYED = 30
_MOST_FAULTS = 10
_ASKING = frozenset({"include", "a", "mx", "ptr", "exists"})


class Result(StrEnum):
    """The words of section 2.6."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"  # noqa: S105  (a word of the RFC)
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


_OF_QUALIFIER = {"+": Result.PASS, "-": Result.FAIL, "~": Result.SOFTFAIL, "?": Result.NEUTRAL}


@dataclass(frozen=True, slots=True)
class SpfVerdict:
    """`term`: what decided; `why`: a sentence's end where nothing could be decided."""

    result: Result
    term: str = ""
    why: str = ""


class _Over(Exception):
    """The evaluation ends here, whatever still stands in the records."""

    def __init__(self, result: Result, why: str) -> None:
        super().__init__(why)
        self.verdict = SpfVerdict(result, why=why)


@dataclass(slots=True)
class _Count:
    asking: int = 0
    void: int = 0

    def ask(self) -> None:
        self.asking += 1
        if self.asking > MOST_ASKING:
            raise _Over(
                Result.PERMERROR, Sentence("it takes more than {most_asking} look-ups", most_asking=MOST_ASKING)
            )

    def note(self, answer: Answer, name: str) -> Answer:
        if answer.trouble:
            raise _Over(Result.TEMPERROR, answer.trouble)
        if answer.void:
            self.void += 1
            if self.void > _MOST_VOID:
                raise _Over(
                    Result.PERMERROR,
                    Sentence(
                        "more than {most_void} names in it lead to nothing; one is {name}",
                        most_void=_MOST_VOID,
                        name=name,
                    ),
                )
        return answer


def check_host(ip: IpAddress, sender: str, helo: str = "") -> Asking[SpfVerdict]:
    """What a receiver finds when `ip` sends with this envelope sender, `local@domain`. Never raises."""
    domain = sender.rpartition("@")[2]
    if "." not in domain or domain.startswith("["):
        return SpfVerdict(Result.NONE, why="that is no domain")
    try:
        return (yield from _evaluated(Around(ip, domain, sender, helo or domain), _Count()))
    except _Over as over:
        return over.verdict


def _evaluated(around: Around, count: _Count) -> Asking[SpfVerdict]:
    record = yield from find_record(around.domain)
    if isinstance(record, SpfVerdict):
        return record
    if record.fault:
        raise _Over(
            Result.PERMERROR, Sentence("the record of {domain} {fault}", domain=around.domain, fault=record.fault)
        )
    for term in record.terms:
        if (yield from _matches(term, around, count)):
            return SpfVerdict(_OF_QUALIFIER[term.qualifier], term.text)
    if not record.redirect:
        return SpfVerdict(Result.NEUTRAL)
    count.ask()
    target = expand(record.redirect, around)
    verdict = yield from _evaluated(around._replace(domain=target), count)
    if verdict.result is Result.NONE:
        raise _Over(Result.PERMERROR, Sentence("redirect= leads to {target}, which has no SPF record", target=target))
    return verdict


def find_record(domain: str) -> Asking[Record | SpfVerdict]:
    """The domain's one SPF record, or why there is none to use (4.4, 4.5)."""
    answer = yield Question(domain, "TXT")
    if answer.trouble:
        return SpfVerdict(Result.TEMPERROR, why=answer.trouble)
    found = [text for text in answer.texts if is_spf(text)]
    if not found:
        return SpfVerdict(Result.NONE)
    if len(found) > 1:
        return SpfVerdict(
            Result.PERMERROR, why=Sentence("{domain} has {found} SPF records", domain=domain, found=len(found))
        )
    return read_record(found[0])


def _matches(term: Term, around: Around, count: _Count) -> Asking[bool]:
    if term.name == "all":
        return True
    if term.network is not None:
        return around.ip in term.network
    count.ask()
    target = expand(term.domain, around) if term.domain else around.domain
    match term.name:
        case "include":
            return (yield from _included(target, around, count))
        case "a":
            addresses = yield from _addresses(target, around.ip, count)
            return any(around.ip in _network(one, term) for one in addresses)
        case "mx":
            return (yield from _matches_mx(target, term, around, count))
        case "exists":
            answer = yield Question(target, "A")
            return bool(count.note(answer, target).addresses)
        case _:
            return (yield from _matches_ptr(target, around, count))


def _included(target: str, around: Around, count: _Count) -> Asking[bool]:
    """Section 5.2: only a pass there is a match here."""
    verdict = yield from _evaluated(around._replace(domain=target), count)
    if verdict.result is Result.TEMPERROR:
        raise _Over(Result.TEMPERROR, verdict.why)
    if verdict.result in (Result.PERMERROR, Result.NONE):
        raise _Over(Result.PERMERROR, verdict.why or Sentence("include:{target} leads to no SPF record", target=target))
    return verdict.result is Result.PASS


def _addresses(name: str, ip: IpAddress, count: _Count) -> Asking[tuple[IpAddress, ...]]:
    answer = yield Question(name, "A" if ip.version == 4 else "AAAA")
    return count.note(answer, name).addresses


def _network(address: IpAddress, term: Term) -> IPv4Network | IPv6Network:
    bits = term.bits4 if address.version == 4 else term.bits6
    return ip_network(f"{address}/{bits}", strict=False)


def _matches_mx(target: str, term: Term, around: Around, count: _Count) -> Asking[bool]:
    answer = count.note((yield Question(target, "MX")), target)
    hosts = [host for _, host in answer.mx if host]
    if len(hosts) > _MOST_HOSTS:
        raise _Over(
            Result.PERMERROR,
            Sentence("{target} has more than {most_hosts} mail servers (mx)", target=target, most_hosts=_MOST_HOSTS),
        )
    for host in hosts:
        addresses = yield from _addresses(host, around.ip, count)
        if any(around.ip in _network(one, term) for one in addresses):
            return True
    return False


def _matches_ptr(target: str, around: Around, count: _Count) -> Asking[bool]:
    """Section 5.5: trouble on the way is no match and no error."""
    answer = yield Question(around.ip.reverse_pointer, "PTR")
    for name in answer.names[:_MOST_HOSTS]:
        if name != target and not name.endswith(f".{target}"):
            continue
        there = yield Question(name, "A" if around.ip.version == 4 else "AAAA")
        if around.ip in there.addresses:
            return True
    return False


# -- everything that a record leads to --------------------------------------------------------------------------------


@dataclass(slots=True)
class Survey:
    """`record`: the domain's own, None where there is none to use (`verdict` says why).

    `asking`: terms that ask, over all that is included; `included`: domains that were reached by include or redirect;
    `networks`: that are named; `faults`: sentences, each about one record on the way; `all`: the qualifier of the
    domain's `all` ("" where there is none); `trouble`: that somebody could not be asked; `deprecated`: `ptr` is used.
    """

    domain: str
    record: Record | None = None
    verdict: SpfVerdict | None = None
    asking: int = 0
    included: list[str] = field(default_factory=list)
    networks: list[IPv4Network | IPv6Network] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    all: str = ""
    trouble: str = ""
    deprecated: bool = False

    def blame(self, fault: str) -> None:
        """Each fault once, and not more than people read."""
        if fault not in self.faults and len(self.faults) < _MOST_FAULTS:
            self.faults.append(fault)


def survey(domain: str) -> Asking[Survey]:
    """Never raises."""
    found = Survey(domain)
    record = yield from find_record(domain)
    if isinstance(record, SpfVerdict):
        found.verdict = record
        if record.result is Result.TEMPERROR:
            found.trouble = record.why
        return found
    found.record = record
    yield from _surveyed(found, record, (domain,), own=True)
    return found


def _surveyed(found: Survey, record: Record, way: tuple[str, ...], *, own: bool) -> Asking[None]:
    """`own`: the record decides for the domain, and is not only included."""
    if record.fault:
        found.blame(Sentence("The SPF record of {way} {fault}.", way=way[-1], fault=record.fault))
        return
    for term in record.terms:
        if term.name == "all":
            found.all = term.qualifier if own else found.all
            return
        found.deprecated = found.deprecated or term.name == "ptr"
        found.networks += [term.network] if term.network is not None else []
        found.asking += term.name in _ASKING
        if term.name == "include":
            yield from _led_to(found, term.domain, way, f"include:{term.domain}", own=False)
    if record.redirect:
        found.asking += 1
        yield from _led_to(found, record.redirect, way, f"redirect={record.redirect}", own=own)


def _led_to(found: Survey, target: str, way: tuple[str, ...], word: str, *, own: bool) -> Asking[None]:
    if "%" in target:  # what it leads to depends on the message
        return
    name = target.lower().removesuffix(".")
    if name in way:
        found.blame(
            Sentence("The SPF record of {way} leads back to {name}: it goes round in circles.", way=way[-1], name=name)
        )
        return
    if len(found.included) >= _MOST_SURVEYED:
        return
    found.included.append(name)
    record = yield from find_record(name)
    if not isinstance(record, SpfVerdict):
        yield from _surveyed(found, record, (*way, name), own=own)
    elif record.result is Result.TEMPERROR:
        found.trouble = record.why
    else:
        why = record.why or Sentence("{name} has no SPF record", name=name)
        found.blame(Sentence("The SPF record of {way} says {word}, but {why}.", way=way[-1], word=word[:100], why=why))
