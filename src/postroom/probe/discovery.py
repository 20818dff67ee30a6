"""Looking for the mail server of an address: asks the DNS and the domain, tries what may be one, says what answered.

Rules it keeps:
- No password is asked for or sent; no sender, no recipient, no mail. Each server hears EHLO, STARTTLS, EHLO, QUIT.
- Bounded: so many servers, so many at a time, so long for each and for all. What did not end in time is told so.
- Who may connect where is the guard's decision, for every address; for a tenant nothing is told of what is not public:
  neither hosts that lead inside, nor what says something there that is no mail server.
- A server counts only with a certificate that is good for its name.

What to try and which is the best is `policy.candidates`' to say.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any, TypeVar

from postroom.addresses import Address
from postroom.model.account import Encryption, Login
from postroom.model.attempt import Failure, Result
from postroom.policy.autoconfig import MAX_OCTETS, Outgoing, addresses_of, read_outgoing
from postroom.policy.candidates import Candidate, Offer, Seen, Service, candidates, ranked
from postroom.policy.family import family
from postroom.policy.presets.mailboxes import Recognised, recognise
from postroom.policy.rule import Context
from postroom.policy.verdict import judge
from postroom.sentence import Sentence
from postroom.smtp import command
from postroom.smtp.client import Failed, Opened, Refusal, Reply, Send, SessionSettings, Step, Timeouts, open_session
from postroom.smtp.phase import Phase
from postroom.smtp.sasl import MECHANISM_NAMES
from postroom.smtp.sasl_oauth import OAUTH_MECHANISM_NAMES
from postroom.wire.dial import DialTimeouts, NoLink, Target, Way, dial
from postroom.wire.dns import Dns, Found, Kind, NotAnswered
from postroom.wire.drive import Replies, drive_open
from postroom.wire.guard import AccountGuard, AddressGuard
from postroom.wire.http import HttpAnswer, HttpQuestion, ask
from postroom.wire.link import Link
from postroom.wire.names import resolve
from postroom.wire.tls import TlsSettings

__all__ = ["Around", "Discovered", "Heard", "Tried", "at_last", "discover", "searched"]

T = TypeVar("T")

_AT_ONCE = 8
_QUIET = frozenset({Failure.NAME, Failure.FORBIDDEN_ADDRESS})
"""What a candidate fails with that is not there, or not for everybody."""


@dataclass(frozen=True, slots=True)
class Around:
    """What a search needs of its surroundings. `guard`: of one server, by host and port; `web_guard`: of autoconfig.

    `via`: the way, where it is not the direct one. `autoconfig`: whether the domain's web server may be asked.
    `own_names`: addresses are looked up with `dns`, not as the system does it. Times in seconds: `seconds` for all,
    `each` for one server.
    """

    dns: Dns
    guard: Callable[[str, int], AccountGuard]
    web_guard: AddressGuard
    ehlo_name: str
    tls_minimum: str = "1.2"
    via: Way | None = None
    autoconfig: bool = True
    own_names: bool = False
    seconds: float = 30.0
    each: float = 12.0


@dataclass(frozen=True, slots=True)
class Heard:
    """One thing that was asked before servers were tried: `what` it was and what came of it, in words."""

    what: str
    words: str


@dataclass(frozen=True, slots=True)
class Tried:
    """A server that was tried and is not in the list. `diagnosis`: the rule that explains it."""

    host: str
    port: int
    encryption: Encryption
    source: str
    diagnosis: str
    words: str
    ms: float


@dataclass(frozen=True, slots=True)
class Discovered:
    """The servers that work, the best first; what was asked; what was tried in vain; `ms` for all of it. `over`:
    nothing more comes; before that `left` servers are still being tried.
    """

    address: str
    domain: str
    offers: tuple[Offer, ...] = ()
    heard: tuple[Heard, ...] = ()
    tried: tuple[Tried, ...] = ()
    ms: float = 0.0
    over: bool = True
    left: int = 0


@dataclass(slots=True)
class _Facts:
    provider: Recognised | None = None
    services: list[Service] = field(default_factory=list)
    outgoing: tuple[Outgoing, ...] = ()
    mx: list[str] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)


async def discover(address: Address, around: Around) -> Discovered:
    """Everything that can be known of where mail of this address leaves. Never raises for what comes from outside."""
    return await at_last(searched(address, around))


async def at_last(search: AsyncGenerator[Discovered, None]) -> Discovered:
    """What is known when the search is over."""
    async with aclosing(search):
        return [found async for found in search][-1]


async def searched(address: Address, around: Around) -> AsyncGenerator[Discovered, None]:
    """The same while it is being found out: all that is known so far, whenever there is more of it, at last what
    `discover` gives. Who closes it before that ends all that is under way.
    """
    began = monotonic()
    ends = began + around.seconds
    facts = _Facts()
    search = _Search(address, facts, began)
    yield search.so_far()
    asking = [_mail(facts, address.domain, around), _services(facts, address.domain, around)]
    async for _ in _as_they_end([*asking, _file(facts, address, around)], math.inf):
        yield search.so_far()
    _recognised(facts, address.domain)
    wanted = candidates(address, facts.provider, facts.services, facts.outgoing, facts.mx)
    limit = asyncio.Semaphore(_AT_ONCE)
    search.left = dict(enumerate(wanted))
    yield search.so_far()
    trying = [_numbered(number, _tried(one, around, limit)) for number, one in enumerate(wanted)]
    async for number, found in _as_they_end(trying, ends):
        del search.left[number]
        search.take(found)
        yield search.so_far()
    search.give_up()
    yield search.so_far(over=True)


async def _numbered(number: int, found: Awaitable[T]) -> tuple[int, T]:
    return number, await found


async def _as_they_end(work: Sequence[Coroutine[Any, Any, T]], ends: float) -> AsyncGenerator[T, None]:
    """What each gives, in the order of their ends. What lasts longer than that (`monotonic`) is cancelled, as all are
    when nobody waits any more.
    """
    pending = {asyncio.ensure_future(one) for one in work}
    try:
        while pending:
            patience = None if math.isinf(ends) else max(ends - monotonic(), 0.1)
            done, pending = await asyncio.wait(pending, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                return
            for task in done:
                yield task.result()
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)


@dataclass(slots=True)
class _Search:
    """What is known so far. `left`: what is still being tried, by its place."""

    address: Address
    facts: _Facts
    began: float
    seen: list[Seen] = field(default_factory=list)
    vain: list[Tried] = field(default_factory=list)
    left: dict[int, Candidate] = field(default_factory=dict)

    def take(self, found: Seen | Tried | None) -> None:
        """None: nothing may be said of it."""
        if isinstance(found, Seen):
            self.seen.append(found)
        elif found is not None:
            self.vain.append(found)

    def give_up(self) -> None:
        """There was no time for what is left."""
        self.vain += [_late(one) for one in self.left.values()]
        self.left = {}

    def so_far(self, *, over: bool = False) -> Discovered:
        address, ms = self.address, (monotonic() - self.began) * 1000
        offers, heard = ranked(self.seen, address), tuple(self.facts.heard)
        vain = tuple(sorted(self.vain, key=lambda one: (one.host, one.port)))
        return Discovered(address.spec, address.domain, offers, heard, vain, ms, over, len(self.left))


# -- asking -----------------------------------------------------------------------------------------------------------


def _recognised(facts: _Facts, domain: str) -> None:
    """Whose mailbox it is, once it is known where the domain's mail goes."""
    facts.provider = recognise(domain, facts.mx)
    if facts.provider is not None:
        by = Sentence(" Its mail goes to {by_mx}.", by_mx=facts.provider.by_mx) if facts.provider.by_mx else ""
        facts.heard.insert(
            0, Heard("provider", Sentence("The mailbox is at {preset}.{by}", preset=facts.provider.preset.name, by=by))
        )


async def _mail(facts: _Facts, domain: str, around: Around) -> None:
    answer = await around.dns.ask(domain, Kind.MX)
    facts.heard.append(Heard("mx", _mx_words(answer, domain)))
    if isinstance(answer, Found):
        facts.mx += [one.host for one in answer.mx if one.host]


def _mx_words(answer: Found | NotAnswered, domain: str) -> str:
    if isinstance(answer, NotAnswered):
        return Sentence("Where the domain's mail goes could not be looked up. {detail}", detail=answer.detail)
    if not answer.exists:
        return Sentence("There is no domain {domain} in the DNS. Is the address spelled right?", domain=domain)
    hosts = [one.host for one in answer.mx]
    if hosts == [""]:
        return "The domain takes no mail at all (null MX, RFC 7505): replies and delivery reports would be lost."
    if not any(hosts):
        return "The domain names no server that takes its mail (MX)."
    return Sentence("The domain's mail goes to {hosts}.", hosts=", ".join(filter(None, hosts[:4])))


_SERVICES = (("_submissions._tcp", Encryption.TLS), ("_submission._tcp", Encryption.STARTTLS))


async def _services(facts: _Facts, domain: str, around: Around) -> None:
    answers = await asyncio.gather(*(around.dns.ask(f"{name}.{domain}", Kind.SRV) for name, _ in _SERVICES))
    for (name, encryption), answer in zip(_SERVICES, answers, strict=True):
        if isinstance(answer, NotAnswered):
            facts.heard.append(
                Heard("srv", Sentence("{name} could not be looked up. {detail}", name=name, detail=answer.detail))
            )
            continue
        there = [one for one in answer.srv if one.host and one.port]
        facts.services += [Service(one.host, one.port, encryption) for one in there]
        if there:
            places = ", ".join(f"{one.host}:{one.port}" for one in there[:4])
            facts.heard.append(
                Heard("srv", Sentence("The domain names its service {name}: {places}.", name=name, places=places))
            )
        elif answer.srv:
            facts.heard.append(Heard("srv", Sentence("The domain says that it has no service {name}.", name=name)))


async def _file(facts: _Facts, address: Address, around: Around) -> None:
    """The domain's settings for mail programs: from the first place that has them."""
    if not around.autoconfig or address.domain.startswith("["):
        return
    seconds = min(around.each, around.seconds / 2)
    questions = [HttpQuestion(url, seconds=seconds, max_body=MAX_OCTETS) for url in addresses_of(address.domain)]
    answers = await asyncio.gather(*(ask(one, guard=around.web_guard, via=around.via) for one in questions))
    for question, answer in zip(questions, answers, strict=True):
        if not isinstance(answer, HttpAnswer) or answer.status != 200:
            continue
        found = read_outgoing(answer.body, address.local, address.domain)
        if found:
            facts.outgoing = found
            places = ", ".join(f"{one.host}:{one.port}" for one in found)
            facts.heard.append(Heard("autoconfig", Sentence("{url} names {places}.", url=question.url, places=places)))
            return
        facts.heard.append(
            Heard("autoconfig", Sentence("{url} is there, but names no server that can be used.", url=question.url))
        )


# -- trying -----------------------------------------------------------------------------------------------------------


async def _tried(candidate: Candidate, around: Around, limit: asyncio.Semaphore) -> Seen | Tried | None:
    """None: nothing may be said of it."""
    async with limit:
        began = monotonic()
        try:
            async with asyncio.timeout(around.each):
                found = await _look(candidate, around)
        except TimeoutError:
            found = Result(
                Phase.GREETING.value,
                text=Sentence("No answer within {each:g} seconds.", each=around.each),
                failure=Failure.TIMEOUT,
            )
        ms = (monotonic() - began) * 1000
    if isinstance(found, Seen):
        return replace(found, ms=ms)
    discreet = around.via is None and around.guard(candidate.host, candidate.port).discreet
    if found.failure in _QUIET and (discreet or candidate.guessed):
        return None
    return _in_vain(candidate, found, ms)


def _late(candidate: Candidate) -> Tried:
    result = Result(Phase.CONNECT.value, text="There was no time left to try it.", failure=Failure.TIMEOUT)
    return _in_vain(candidate, result, 0.0)


def _in_vain(candidate: Candidate, result: Result, ms: float) -> Tried:
    context = Context(encryption=candidate.encryption, host=candidate.host, port=candidate.port)
    verdict = judge(result, context)
    words = Sentence("{title} {words}", title=verdict.title, words=result.words[:300])
    where = (candidate.host, candidate.port, candidate.encryption)
    return Tried(*where, candidate.source.value, verdict.diagnosis, words, ms)


async def _look(candidate: Candidate, around: Around) -> Seen | Result:
    """Talks to it as mail would, encrypted; in clear only to one that offers nothing else."""
    found = await _talk(candidate, candidate.encryption, around)
    if isinstance(found, Result) and found.failure is Failure.NO_STARTTLS:
        return await _talk(candidate, Encryption.NONE, around)
    return found


async def _talk(candidate: Candidate, encryption: Encryption, around: Around) -> Seen | Result:
    guard = around.guard(candidate.host, candidate.port)
    if around.via is None and guard.wrong_port:
        text = Sentence("Port {port} is no port of a mail server.", port=candidate.port)
        return Result(Phase.CONNECT.value, text=text, failure=Failure.FORBIDDEN_ADDRESS)
    tls = TlsSettings(minimum=around.tls_minimum)
    target = Target(candidate.host, candidate.port, encryption is Encryption.TLS, tls)
    timeouts = DialTimeouts(total=around.each, address=around.each / 2, block=around.each)
    lookup = around.dns.resolve if around.own_names else resolve
    link = await dial(target, timeouts=timeouts, guard=guard, discreet=guard.discreet, via=around.via, lookup=lookup)
    if isinstance(link, NoLink):
        return Result(link.phase.value, text=link.detail, failure=link.failure)
    try:
        return await _greet(candidate, encryption, link, tls, around, guard.discreet and around.via is None)
    finally:
        link.close()


async def _greet(
    candidate: Candidate, encryption: Encryption, link: Link, tls: TlsSettings, around: Around, discreet: bool
) -> Seen | Result:
    patience = Timeouts(greeting=around.each, command=around.each, quit=1.0)
    settings = SessionSettings(around.ehlo_name, encryption, timeouts=patience, discreet=discreet)
    replies = Replies()
    opened = await drive_open(open_session(settings), link, replies, tls, tls_seconds=around.each)
    if isinstance(opened, Failed):
        return _why(opened, link)
    info = link.describe_tls()
    kind = family(candidate.host, opened.greeting.text)
    await drive_open(_leave(opened), link, replies, tls)
    offered = opened.capabilities.auth
    return Seen(candidate, encryption, offered, _known(offered), kind, str(info) if info else "")


_LOGINS = (
    (Login.PASSWORD, frozenset(MECHANISM_NAMES)),
    (Login.OAUTH2, frozenset(OAUTH_MECHANISM_NAMES)),
    (Login.KERBEROS, frozenset({"GSSAPI"})),
    (Login.NTLM, frozenset({"NTLM"})),
)


def _known(offered: tuple[str, ...]) -> tuple[Login, ...]:
    return tuple(login for login, names in _LOGINS if not names.isdisjoint(offered))


def _leave(opened: Opened) -> Generator[Step, Any, None]:
    yield Send(command.QUIT, 0, opened.timeouts.quit)


def _why(failed: Failed, link: Link) -> Result:
    phase, cause = failed.phase.value, failed.cause
    if isinstance(cause, Reply):
        return Result(phase, cause.code, cause.enhanced or "", cause.text)
    if isinstance(cause, Refusal):
        return Result(phase, text=cause.text, failure=cause.id)
    if link.gone is not None:
        return Result(phase, text=link.gone.detail, failure=link.gone.failure)
    return Result(phase, text=cause.detail, failure=Failure.UNINTELLIGIBLE)
