"""The office's verbs for looking into the DNS: what receivers find about a sender whose mail leaves through an account.

The way is that of a message (`policy.route`), so what is checked is what leaves: the From after rewriting, the return
path that the settings give. The latest result of each sender and account is kept with its date. Whoever asks for a look
makes name servers work, so it needs the right to change settings, and only a few run at a time.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any, TypeVar

from sqlalchemy import Connection

from postroom.addresses import Address, BadAddress
from postroom.clock import now_ms
from postroom.errors import BadInput, Fault, TooMany
from postroom.ids import encode
from postroom.model.account import Account
from postroom.model.application import Actor, Scope
from postroom.model.dkim import DkimKey
from postroom.model.dns import DnsCheck, DnsRecord, Finding, Severity, worst
from postroom.model.message import Draft
from postroom.model.proof import Pair
from postroom.model.tenant import INSTALLATION
from postroom.office.changes import Changes, require, tenant_for
from postroom.office.fields import Reading, Unfit
from postroom.policy.dns.examine import Setup, examine_dkim, examine_dmarc, examine_spf
from postroom.policy.dns.origin import origin_of
from postroom.policy.dns.question import IpAddress
from postroom.policy.dns.recipient import examine_recipient
from postroom.policy.dns.report import report
from postroom.policy.proving import in_use
from postroom.policy.route import Route, route
from postroom.policy.signing import owner_of
from postroom.policy.snapshot import Snapshot
from postroom.probe.dns import Looker
from postroom.sentence import Sentence, restored
from postroom.sentence import kept as sentences_kept
from postroom.store import dns_checks
from postroom.store.dns_checks import Kept

__all__ = ["DnsVerbs"]

T = TypeVar("T")
_AT_ONCE = 4
_WAITING = 16
_MOST_ADDRESSES = 8
_DAY_MS = 24 * 3_600_000


class DnsVerbs(Changes):
    _looking = 0
    """How many looks are under way or wait for their turn."""
    _turn: asyncio.Semaphore | None = None
    _unseen: frozenset[Pair] = frozenset()
    """Pairs in use that nobody has looked at, when it was last asked."""
    _first_looked: Mapping[Pair, int] = MappingProxyType({})
    """When a pair was looked at for the first time, whatever came of it."""

    def dns_checks(self, actor: Actor, tenant_id: int | None = None) -> Future[list[DnsCheck]]:
        """The latest result of each sender and account of the tenant that are still there."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> list[DnsCheck]:
            self._existing(connection, number)
            found = [_check_of(kept) for kept in dns_checks.of_tenant(connection, number)]
            return [one for one in found if self._is_there(number, one)]

        return self._store.read(work)

    async def check_dns(self, actor: Actor, values: Mapping[str, object], tenant_id: int | None = None) -> DnsCheck:
        """Looks now. `values`: `sender` (an address; without it the default sender), `account` (a name or id),
        `addresses` (public IP addresses from which the mail comes in the end). Raises BadInput, TooMany.
        """
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)
        draft, addresses = _read(values)
        found = await self._kept_check(number, draft, addresses)
        if isinstance(found, DnsCheck):
            return found
        raise BadInput(found)

    async def check_dns_again(self) -> int:
        """Looks at a few pairs of a sender and an account: those that were last looked at a day ago, and those in use
        that nobody has looked at yet. Returns how many. What is not there any more is forgotten.
        """
        before = now_ms() - _DAY_MS
        due = await asyncio.wrap_future(self._store.read(lambda c: dns_checks.older(c, before, _AT_ONCE)))
        for tenant_id, kept in due:
            old = _check_of(kept)
            there = self._is_there(tenant_id, old)
            account = "" if old.account_id is None else encode("a", old.account_id)
            if not there or isinstance(
                await self._kept_check(tenant_id, Draft(sender=old.sender, account=account), _ips(old.addresses)), list
            ):
                await asyncio.wrap_future(
                    self._store.write(lambda c, t=tenant_id, k=kept: dns_checks.forget(c, t, k))  # type: ignore[misc]
                )
        return len(due) + await self._look_first(_AT_ONCE - len(due))

    async def _look_first(self, most: int) -> int:
        """A pair is looked at when it was in use the last time as well: a sender may still be in the making."""
        known = await asyncio.wrap_future(self._store.read(dns_checks.known))
        unseen, before = frozenset(pair for pair, _ in in_use(self.snapshot)) - known, now_ms() - _DAY_MS
        self._first_looked = {pair: at for pair, at in self._first_looked.items() if at > before}
        ready = sorted((unseen & self._unseen) - self._first_looked.keys(), key=str)[: max(most, 0)]
        self._unseen = unseen
        for pair in ready:
            self._first_looked = {**self._first_looked, pair: now_ms()}
            draft = Draft(sender=pair.address, account=encode("a", pair.account_id))
            await self._kept_check(pair.tenant_id, draft, ())
        return len(ready)

    async def _kept_check(
        self, tenant_id: int, draft: Draft, addresses: tuple[IpAddress, ...]
    ) -> DnsCheck | list[Fault]:
        """Looks and keeps the result; or what is wrong with the question."""
        way = route(self.snapshot, tenant_id, draft, test=bool(draft.account))
        if not isinstance(way, Route):
            return way
        setup = _setup(self.snapshot, way, addresses)
        findings = await self._examined(tenant_id, setup)
        account, wished = way.effective.account.value, way.effective.wanted or way.sender
        check = DnsCheck(
            wished.spec, None if account is None else account.id, setup.account, setup.from_domain,
            setup.envelope_domain, worst(findings), findings, now_ms(), tuple(map(str, addresses)),
        )  # fmt: skip
        kept = Kept(check.sender, check.account_id or 0, check.checked_ms, _plain(check))
        await asyncio.wrap_future(self._store.write(lambda c: dns_checks.keep(c, tenant_id, kept)))
        return check

    async def check_recipient(self, actor: Actor, address: str, tenant_id: int | None = None) -> Finding:
        """Whether the domain of this address takes mail at all. Raises BadInput, TooMany."""
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)
        domain = _domain_of(address)
        return await self._in_turn(lambda: self._looker(number).run(examine_recipient(domain)))

    def _looker(self, tenant_id: int) -> Looker:
        return Looker(self._settings, discreet=tenant_id != INSTALLATION)

    async def _examined(self, tenant_id: int, setup: Setup) -> tuple[Finding, ...]:
        async def look() -> tuple[Finding, ...]:
            looker = self._looker(tenant_id)
            dkim, dmarc = await asyncio.gather(looker.run(examine_dkim(setup)), looker.run(examine_dmarc(setup)))
            spf = await looker.run(examine_spf(setup)) if setup.envelope else None
            return report(setup, spf, dkim, dmarc)

        return await self._in_turn(look)

    async def _in_turn(self, look: Callable[[], Awaitable[T]]) -> T:
        """A few at a time; more than a few that wait are refused."""
        if self._looking >= _WAITING:
            raise TooMany("Many looks into the DNS are under way. Ask again in a moment.", seconds=10)
        if self._turn is None:
            self._turn = asyncio.Semaphore(_AT_ONCE)
        self._looking += 1
        try:
            async with self._turn:
                return await look()
        finally:
            self._looking -= 1

    def _is_there(self, tenant_id: int, check: DnsCheck) -> bool:
        """Whether the sender and the account may still be used."""
        if check.account_id is not None and self.snapshot.may_use(tenant_id, check.account_id) is None:
            return False
        account = "" if check.account_id is None else encode("a", check.account_id)
        return isinstance(route(self.snapshot, tenant_id, Draft(sender=check.sender, account=account)), Route)


def _setup(snapshot: Snapshot, way: Route, addresses: tuple[IpAddress, ...]) -> Setup:
    account: Account | None = way.effective.account.value
    wanted = way.effective.wanted
    return Setup(
        from_domain=way.sender.domain,
        envelope=way.return_path,
        account="" if account is None else account.name,
        host="" if account is None else account.host,
        origin=None if account is None else origin_of(account),
        addresses=addresses,
        keys=_keys(snapshot, way),
        rewritten="" if wanted is None else wanted.spec,
    )


def _keys(snapshot: Snapshot, way: Route) -> tuple[DkimKey, ...]:
    owner, domain = owner_of(snapshot, way), way.sender.domain
    return tuple(
        key
        for key in snapshot.dkim_keys.values()
        if key.tenant_id == owner and (domain == key.domain or domain.endswith(f".{key.domain}"))
    )


def _read(values: Mapping[str, object]) -> tuple[Draft, tuple[IpAddress, ...]]:
    reading = Reading()
    for name, value in values.items():
        if name in ("sender", "account"):
            reading.take(name, _text, value)
        elif name == "addresses":
            reading.take(name, _addresses, value)
        else:
            reading.unknown(name, ("sender", "account", "addresses"))
    found = reading.close()
    return Draft(sender=found.get("sender", ""), account=found.get("account", "")), found.get("addresses", ())


def _ips(texts: Sequence[str]) -> tuple[IpAddress, ...]:
    return tuple(ip_address(text) for text in texts)


def _text(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Unfit("is not text.", "Give text in quotes.")
    return value.strip()


def _addresses(value: object) -> tuple[IpAddress, ...]:
    words = value.replace(",", " ").split() if isinstance(value, str) else value or ()
    if not isinstance(words, list | tuple) or len(words) > _MOST_ADDRESSES:
        raise Unfit(
            Sentence("is no list of at most {most_addresses} IP addresses.", most_addresses=_MOST_ADDRESSES),
            'Write ["192.0.2.25"].',
        )
    try:
        return tuple(ip_address(str(word)) for word in words)
    except ValueError:
        raise Unfit("holds something that is no IP address.", 'Write ["192.0.2.25"].') from None


def _domain_of(address: str) -> str:
    try:
        return Address.parse(address if "@" in address else f"postmaster@{address}").domain
    except BadAddress as error:
        raise BadInput([Fault("address", error.problem, error.mend)]) from None


def _plain(check: DnsCheck) -> dict[str, Any]:
    found: dict[str, Any] = sentences_kept(dataclasses.asdict(check))
    return found


def _check_of(kept: Kept) -> DnsCheck:
    """As it was kept."""
    told = restored(kept.result)
    findings = tuple(
        Finding(
            **{**one, "severity": Severity(one["severity"]), "record": one["record"] and DnsRecord(**one["record"])}
        )
        for one in told.pop("findings")
    )
    return DnsCheck(
        **{
            **told,
            "severity": Severity(told["severity"]),
            "findings": findings,
            "addresses": tuple(told.get("addresses", ())),
        }
    )
