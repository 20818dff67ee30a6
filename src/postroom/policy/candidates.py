"""From an address to the servers worth trying, and from what they showed to a list with the best one first.

`candidates` says what to try: the provider's server, what the domain says of itself (SRV, autoconfig), and the usual
names and ports. `ranked` orders what answered: first who is known to be right, then how the mail is protected, then
whether one can log in. Every rank has its reasons in words, and what speaks against it.

Nothing here asks anybody; a server is in the list only because it was seen to work.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from postroom.addresses import Address
from postroom.model.account import Encryption, Login
from postroom.policy.autoconfig import Outgoing
from postroom.policy.presets import find
from postroom.policy.presets.mailboxes import Recognised
from postroom.sentence import Sentence

__all__ = ["MOST", "Candidate", "Offer", "Seen", "Service", "Source", "candidates", "ranked"]

MOST = 24
"""Servers that are tried at most: looking for one must not look like an attack."""
_MOST_MX = 2
_MOST_SRV = 6


class Source(StrEnum):
    """How a server came to be tried, the most telling first."""

    PROVIDER = "provider"
    SRV = "srv"
    AUTOCONFIG = "autoconfig"
    NAME = "usual-name"
    MX = "mx"


_RANK = {source: place for place, source in enumerate(Source)}
_PORTS = ((465, Encryption.TLS), (587, Encryption.STARTTLS), (2525, Encryption.STARTTLS), (25, Encryption.STARTTLS))


@dataclass(frozen=True, slots=True)
class Service:
    """An SRV record of a service of the domain (RFC 6186, RFC 8314): `encryption` follows from the service's name."""

    host: str
    port: int
    encryption: Encryption


@dataclass(frozen=True, slots=True)
class Candidate:
    """A server worth trying. `encryption` is what is tried; `user` and `login` what was told of them, "" and None when
    nothing was; `preset` as an account has it."""

    host: str
    port: int
    encryption: Encryption
    source: Source
    user: str = ""
    login: Login | None = None
    preset: str = ""
    also: tuple[Source, ...] = ()

    @property
    def guessed(self) -> bool:
        """Whether nobody said that there is such a server."""
        return self.source in (Source.NAME, Source.MX)


@dataclass(frozen=True, slots=True)
class Seen:
    """A server that answered like one. `encryption`: how it can be talked to; `logins`: the mechanisms it offers then;
    `known`: what Postroom would log in with of these, the best first.

    `family` as in `policy.family`, `tls` for people, `ms` for the whole look.
    """

    candidate: Candidate
    encryption: Encryption
    logins: tuple[str, ...] = ()
    known: tuple[Login, ...] = ()
    family: str = ""
    tls: str = ""
    ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Offer:
    """A server that works, as far as can be seen without a password. `values` fill the form of an account."""

    host: str
    port: int
    encryption: Encryption
    login: Login
    logins: tuple[str, ...]
    user: str
    preset: str
    source: Source
    reasons: tuple[str, ...]
    cautions: tuple[str, ...] = ()
    tls: str = ""
    ms: float = 0.0
    values: dict[str, Any] = field(default_factory=dict)


def candidates(
    address: Address,
    provider: Recognised | None,
    services: Sequence[Service],
    outgoing: Sequence[Outgoing],
    mx: Sequence[str],
) -> tuple[Candidate, ...]:
    """What to try, the most promising first, each server and port once. `services` in the order of their priority."""
    found: dict[tuple[str, int], Candidate] = {}
    for one in (
        *_of_provider(provider),
        *(Candidate(s.host, s.port, s.encryption, Source.SRV) for s in services[:_MOST_SRV]),
        *(Candidate(o.host, o.port, o.encryption, Source.AUTOCONFIG, o.user, o.login) for o in outgoing),
        *_usual(address.domain, mx),
    ):
        first = found.setdefault((one.host, one.port), one)
        if first is not one and one.source not in (first.source, *first.also):
            told = replace(first, user=first.user or one.user, login=first.login or one.login)
            found[(one.host, one.port)] = replace(told, also=(*first.also, one.source))
    return tuple(found.values())[:MOST]


def _of_provider(provider: Recognised | None) -> Iterable[Candidate]:
    if provider is None:
        return
    preset = provider.preset
    host = preset.regions.get(provider.region, preset.host)
    if host:
        yield Candidate(host, preset.port, preset.encryption, Source.PROVIDER, preset.user, preset.login, provider.name)


def _usual(domain: str, mx: Sequence[str]) -> Iterable[Candidate]:
    """The usual names first on all ports, then where the domain's mail goes to: often the same machine."""
    hosts = [(f"smtp.{domain}", Source.NAME), (f"mail.{domain}", Source.NAME), (domain, Source.NAME)]
    hosts += [(host, Source.MX) for host in mx[:_MOST_MX] if host]
    for host, source in hosts:
        for port, encryption in _PORTS:
            yield Candidate(host, port, encryption, source)


# -- ranking ----------------------------------------------------------------------------------------------------------


def ranked(seen: Iterable[Seen], address: Address) -> tuple[Offer, ...]:
    """The servers that work, the best first."""
    return tuple(_offer(one, address) for one in sorted(seen, key=_order))


def _order(seen: Seen) -> tuple[int, ...]:
    """Smaller is better. Behind all others: who does not encrypt, then who offers no login and nobody vouches for."""
    candidate = seen.candidate
    in_clear = seen.encryption is Encryption.NONE
    no_login = _login(seen) is Login.NONE and (candidate.guessed or candidate.login is not Login.NONE)
    return (
        in_clear,
        no_login,
        _RANK[candidate.source],
        -len(candidate.also),
        seen.encryption is not Encryption.TLS if candidate.guessed else 0,
        [port for port, _ in _PORTS].index(candidate.port) if candidate.port in dict(_PORTS) else len(_PORTS),
        candidate.host.count("."),
    )


def _login(seen: Seen) -> Login:
    """The way of logging in that this server and Postroom share; what was told of it counts where it is offered."""
    told = seen.candidate.login
    if told in seen.known and told is not None:
        return told
    return seen.known[0] if seen.known else Login.NONE


def _offer(seen: Seen, address: Address) -> Offer:
    candidate, login = seen.candidate, _login(seen)
    user = ""
    if login is not Login.NONE:
        user = candidate.user or address.spec
    return Offer(
        candidate.host,
        candidate.port,
        seen.encryption,
        login,
        seen.logins,
        user,
        candidate.preset,
        candidate.source,
        tuple(_reasons(seen, login)),
        tuple(_cautions(seen, login, address.domain)),
        seen.tls,
        seen.ms,
        _values(seen, login, user, address),
    )


_BECAUSE = {
    Source.PROVIDER: "It is the server that the provider names for mail of this kind of mailbox.",
    Source.SRV: "The domain itself names it in the DNS (SRV record) for handing in mail.",
    Source.AUTOCONFIG: "The domain names it for mail programs (autoconfig).",
    Source.NAME: "It has a usual name for such a server, and answers.",
    Source.MX: "It takes the domain's incoming mail, and often the same machine sends it as well.",
}


def _reasons(seen: Seen, login: Login) -> Iterable[str]:
    yield _BECAUSE[seen.candidate.source]
    for also in seen.candidate.also:
        yield Sentence("Also: {reason}", reason=_BECAUSE[also])
    if seen.encryption is Encryption.TLS:
        yield "It is encrypted from the start (RFC 8314), and its certificate is good."
    elif seen.encryption is Encryption.STARTTLS:
        yield "It is encrypted by STARTTLS, and its certificate is good."
    if login is not Login.NONE:
        yield Sentence("It offers logins that Postroom knows: {logins}.", logins=", ".join(seen.logins))


def _cautions(seen: Seen, login: Login, domain: str) -> Iterable[str]:
    candidate = seen.candidate
    if seen.encryption is Encryption.NONE:
        yield "It is not encrypted: anybody on the way can read the mail, and a password."
    if login is Login.NONE and seen.logins:
        yield Sentence("It offers only logins that Postroom does not know: {logins}.", logins=", ".join(seen.logins))
    elif login is Login.NONE and candidate.guessed:
        yield "It offers no login. Such a server usually takes only mail for its own domain, or from machines it knows."
    if candidate.source is Source.SRV and not _within(candidate.host, domain):
        yield "It is not in the mailbox's own domain, and the DNS is not signed: make sure that it is the right one."
    if candidate.source is Source.AUTOCONFIG and not _within(candidate.host, domain):
        yield "It is not in the mailbox's own domain: make sure that it is the right one."


def _within(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")


def _values(seen: Seen, login: Login, user: str, address: Address) -> dict[str, Any]:
    """The fields of an account. A provider's are all its preset's, limits and identity provider too."""
    candidate = seen.candidate
    values: dict[str, Any] = {
        "host": candidate.host,
        "port": candidate.port,
        "encryption": seen.encryption.value,
        "login": login.value,
        "sender_address": address.spec,
    }
    if user:
        values["user"] = user
    if candidate.preset:
        values["preset"] = candidate.preset
        preset, region = find(candidate.preset)
        oauth2 = preset.values(region).get("oauth2_provider")
        if login is Login.OAUTH2 and oauth2:
            values["oauth2_provider"] = oauth2.value
    return values
