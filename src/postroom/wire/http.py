"""Questions to web services: identity providers, vaults. One question, one connection, one answer or a plain reason.

Rules it keeps:
- The address that the guard allowed is the one connected to (`dial`), and the certificate is checked against the URL's
  host: nothing between the check and the connection can lead elsewhere.
- https only. http is for this very machine, where the operator says so, and then leads nowhere but to loopback, and
  through no connector.
- Through a connector (`via`) nothing is looked up or connected to from here; the certificate is checked all the same.
- No redirect is followed: a question may carry a secret, and that is for one server. A 3xx is an answer like another.
- Everything is bounded: one deadline for all, the head of the answer, its body. The environment's proxies are not used.
- What the other side does never raises: `NoAnswer` is data (promise P6). It names the host and nothing else of the
  question; questions and answers show neither bodies nor headers in a `repr` (promise P7).

What is asked, and what an answer means, is the caller's business.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

import h11

from postroom import __version__
from postroom.model.account import CertificateCheck
from postroom.model.attempt import Failure
from postroom.smtp.reply import printable
from postroom.wire.dial import DialTimeouts, NoLink, Target, Way, dial
from postroom.wire.guard import AddressGuard, IpAddress
from postroom.wire.link import Gone, Link
from postroom.wire.names import host_name
from postroom.wire.tls import TlsSettings

__all__ = ["HttpAnswer", "HttpQuestion", "NoAnswer", "ask", "fault_of_url"]

MAX_HEAD = 16_384
"""Octets of the status line and headers of an answer."""
MAX_BODY = 1_048_576
"""Octets of the body of an answer, unless a question says otherwise."""
DEADLINE_SECONDS = 30.0
ADDRESS_SECONDS = 10.0
_INTERIM = 10
"""Interim answers (1xx) before the answer proper."""

_PRINTED = re.compile(r"[!-~]*\Z")
_ENDPOINT = re.compile(r"(?P<scheme>https?)\Z")


@dataclass(frozen=True, slots=True)
class HttpQuestion:
    """One question. `headers` and `body` may carry secrets; `authority` is an own CA in PEM, for those not public.

    `seconds`: for everything together, name lookup to the last octet. `max_body`: octets of the answer's body.
    """

    url: str
    method: Literal["GET", "POST", "PUT", "DELETE", "LIST"] = "GET"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    authority: str = field(default="", repr=False)
    seconds: float = DEADLINE_SECONDS
    max_body: int = MAX_BODY


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back, whatever its status. Header names are in small letters; all of it is a stranger's data."""

    status: int
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str:
        """The first header of that name (small letters), "" without one."""
        return next((value for known, value in self.headers if known == name), "")

    def json(self) -> object:
        """The body read as JSON; None when it is none, or nested beyond reason."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Why there is no answer, in a plain sentence. `sent`: the question may have arrived all the same."""

    failure: Failure
    detail: str
    sent: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    host: str
    port: int
    encrypted: bool
    target: str = field(repr=False)

    @property
    def authority(self) -> str:
        """The Host header: without the port where it is the usual one (RFC 9110, 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.encrypted else 80) else f"{host}:{self.port}"


def fault_of_url(url: str, *, plain_on_loopback: bool = False) -> str:
    """What is wrong with a URL to ask, as a sentence without the URL itself; "" when it can be asked."""
    place = _place(url, plain_on_loopback)
    return place if isinstance(place, str) else ""


async def ask(
    question: HttpQuestion,
    *,
    guard: AddressGuard,
    plain_on_loopback: bool = False,
    via: Way | None = None,
    discreet: bool = False,
) -> HttpAnswer | NoAnswer:
    """Asks once. `guard`: `refuse_internal` for a URL that a tenant wrote, `allow_all` for the operator's own.

    `plain_on_loopback`: http is accepted for loopback; for URLs of the operator only. `via`: the way for https, where
    it is not the direct one; `discreet`: whoever named the host learns nothing of what is inside (see `dial`).
    """
    place = _place(question.url, plain_on_loopback)
    if isinstance(place, str):
        return NoAnswer(Failure.UNWRITABLE, place)
    head = _head(question, place)
    if isinstance(head, NoAnswer):
        return head
    exchange = _Exchange(question, place, via if place.encrypted else None, discreet)
    try:
        async with asyncio.timeout(question.seconds):
            return await exchange.run(head, guard if place.encrypted else _only_loopback)
    except TimeoutError:
        text = f"{printable(place.host)} did not answer within {question.seconds:g} seconds."
        return NoAnswer(Failure.TIMEOUT, text, sent=exchange.sent)


def _only_loopback(address: IpAddress) -> str:
    return "" if address.is_loopback else "not this machine, and without encryption"


def _place(url: str, plain_on_loopback: bool) -> _Place | str:
    """Where a URL leads, or what is wrong with it."""
    if not url.isascii() or not _PRINTED.match(url):
        return "The URL has spaces or other characters in it that have to be written as %xx."
    try:
        parts = urlsplit(url)
        host, port = host_name(parts.hostname or ""), parts.port
    except ValueError:
        return "The URL can't be read: is its host or its port misspelled?"
    if not _ENDPOINT.match(parts.scheme):
        return "The URL must begin with https://."
    if not host:
        return "The URL names no host."
    if parts.username is not None or parts.password is not None:
        return "The URL must not carry a user name or a password."
    if "#" in url:
        return "The URL must not have a # in it."
    encrypted = parts.scheme == "https"
    if not encrypted and not (plain_on_loopback and _is_this_machine(host)):
        return "The URL must begin with https://: what is asked there is secret."
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _Place(host, port or (443 if encrypted else 80), encrypted, target)


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost" or host.lower().endswith(".localhost")


def _head(question: HttpQuestion, place: _Place) -> h11.Request | NoAnswer:
    headers = [
        ("Host", place.authority),
        ("User-Agent", f"postroom/{__version__}"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
        *question.headers,
    ]
    if question.body or question.method in ("POST", "PUT"):
        headers.append(("Content-Length", str(len(question.body))))
    try:
        encoded = [(name.encode("ascii"), value.encode("ascii")) for name, value in headers]
        return h11.Request(method=question.method, target=place.target, headers=encoded)
    except (UnicodeEncodeError, h11.LocalProtocolError):
        # which value it was is not said: it may be the secret
        text = "A value for a header of the question has characters in it that HTTP can't carry, such as a line break."
        return NoAnswer(Failure.UNWRITABLE, text)


class _Exchange:
    """One question on its way. `sent` is True once any of it may have left."""

    def __init__(self, question: HttpQuestion, place: _Place, via: Way | None, discreet: bool) -> None:
        self.sent = False
        self._via = via
        self._discreet = discreet
        self._question = question
        self._place = place
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)

    async def run(self, head: h11.Request, guard: AddressGuard) -> HttpAnswer | NoAnswer:
        check = CertificateCheck.OWN_CA if self._question.authority else CertificateCheck.VERIFY
        target = Target(
            self._place.host,
            self._place.port,
            tls_from_start=self._place.encrypted,
            tls=TlsSettings(check, self._question.authority),
        )
        seconds = self._question.seconds
        timeouts = DialTimeouts(total=seconds, address=min(ADDRESS_SECONDS, seconds), block=seconds)
        link = await dial(target, timeouts=timeouts, guard=guard, discreet=self._discreet, via=self._via)
        if isinstance(link, NoLink):
            return NoAnswer(link.failure, link.detail)
        try:
            return await self._asked(link, head)
        except h11.RemoteProtocolError:
            return self._odd("sent something that is no answer in HTTP, or one without an end")
        finally:
            if link.gone is None:
                link.close()
            else:
                link.abort()

    async def _asked(self, link: Link, head: h11.Request) -> HttpAnswer | NoAnswer:
        data = self._http.send(head) or b""
        if self._question.body:
            data += self._http.send(h11.Data(self._question.body)) or b""
        data += self._http.send(h11.EndOfMessage()) or b""
        self.sent = True
        link.write(data)
        return await self._answer(link)

    async def _answer(self, link: Link) -> HttpAnswer | NoAnswer:
        head: h11.Response | None = None
        body = bytearray()
        interim = 0
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                if gone := await self._more(link):
                    return gone
            elif isinstance(event, h11.InformationalResponse):
                interim += 1
                if interim > _INTERIM:
                    return self._odd("announces its answer without end")
            elif isinstance(event, h11.Response):
                head = event
                if refused := self._unreadable(head):
                    return refused
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > self._question.max_body:
                    return self._odd(f"answered with more than {self._question.max_body} octets")
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return HttpAnswer(head.status_code, _readable(head), bytes(body))
            else:
                return self._odd("closed the connection without an answer")

    async def _more(self, link: Link) -> NoAnswer | None:
        data = await link.read(self._question.seconds)
        if not isinstance(data, Gone):
            self._http.receive_data(data)
        elif data.failure is Failure.CLOSED and not data.reset:
            self._http.receive_data(b"")  # an answer may end so (RFC 9112, 6.3)
        else:
            return NoAnswer(data.failure, f"{printable(self._place.host)}: {data.detail}", sent=True)
        return None

    def _unreadable(self, head: h11.Response) -> NoAnswer | None:
        headers = _readable(head)
        if sum(len(name) + len(value) + 4 for name, value in headers) > MAX_HEAD:  # h11 bounds only what is incomplete
            return self._odd(f"answered with headers of more than {MAX_HEAD} octets")
        encoding = dict(headers).get("content-encoding", "identity").strip().lower()
        return None if encoding == "identity" else self._odd("answered in a compressed form nobody asked for")

    def _odd(self, what: str) -> NoAnswer:
        return NoAnswer(Failure.UNINTELLIGIBLE, f"{printable(self._place.host)} {what}.", sent=True)


def _readable(head: h11.Response) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in head.headers)
