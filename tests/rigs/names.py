"""A small real name server on loopback, with the zones a test writes down, and with the bad manners it asks for.

A zone is text by name and kind: `{"firm.test": {"MX": ["10 mail.firm.test."], "TXT": ['"v=spf1 -all"']}}`. A name
that is not there does not exist; one with other kinds only has no such record. A name may have a manner instead of
records:

    servfail, refused   the code            silence   no answer at all
    garbage             octets that are no message     truncated   always, by TCP too
    stranger            an answer to another question  flood   an answer with 3,000 records of its kind
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Mapping, Sequence
from typing import Self

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from tests.rigs.process import Started

__all__ = ["NameServerRig", "Zone"]

Zone = Mapping[str, Mapping[str, Sequence[str]] | str]
_MOST_UDP = 1_232


class NameServerRig(Started):
    """`with NameServerRig(zone) as server:` and ask `server.port`. `asked` holds what was asked, as (name, kind)."""

    def __init__(self, zone: Zone, host: str = "127.0.0.1") -> None:
        self.host = host
        self.zone: dict[str, Mapping[str, Sequence[str]] | str] = dict(zone)
        self.asked: list[tuple[str, str]] = []
        self._udp, self._tcp = _pair(host)
        self.port: int = self._udp.getsockname()[1]
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._serve_udp, self._serve_tcp)]
        self._over = False

    def start(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        self._over = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", (self.host, self.port))
        with socket.socket() as last:
            last.connect_ex((self.host, self.port))
        for thread in self._threads:
            thread.join(30)
        self._udp.close()
        self._tcp.close()

    def _serve_udp(self) -> None:
        while True:
            wire, peer = self._udp.recvfrom(4_096)
            if self._over:
                return
            if answer := self._answer(wire, _MOST_UDP):
                self._udp.sendto(answer, peer)

    def _serve_tcp(self) -> None:
        while True:
            peer, _ = self._tcp.accept()
            with peer:
                if self._over:
                    return
                peer.settimeout(10)
                wire = _exactly(peer, struct.unpack("!H", _exactly(peer, 2))[0])
                if answer := self._answer(wire, 65_535):
                    peer.sendall(struct.pack("!H", len(answer)) + answer)

    def _answer(self, wire: bytes, most: int) -> bytes:
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return b""
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        reply = dns.message.make_response(query, recursion_available=True)
        found = self.zone.get(name)
        if isinstance(found, str):
            return _with_bad_manners(found, reply, wire, most)
        self._fill(reply, name, kind)
        try:
            return reply.to_wire(max_size=most)
        except dns.exception.TooBig:
            reply.flags |= dns.flags.TC
            reply.answer = []
            return reply.to_wire(max_size=most)

    def _fill(self, reply: dns.message.Message, name: str, kind: str) -> None:
        for _ in range(20):
            found = self.zone.get(name)
            if found is None:
                reply.set_rcode(dns.rcode.NXDOMAIN)
            if not isinstance(found, Mapping):
                return
            if kind in found or "CNAME" not in found:
                if kind in found:
                    reply.answer.append(dns.rrset.from_text(f"{name}.", 300, "IN", kind, *found[kind]))
                return
            reply.answer.append(dns.rrset.from_text(f"{name}.", 300, "IN", "CNAME", *found["CNAME"]))
            name = found["CNAME"][0].rstrip(".").lower()


def _with_bad_manners(manner: str, reply: dns.message.Message, wire: bytes, most: int) -> bytes:
    if manner in ("servfail", "refused"):
        reply.set_rcode(dns.rcode.from_text(manner))
    elif manner == "garbage":
        return wire[:2] + b"\x81\x80" + b"\xff" * 40
    elif manner == "stranger":
        other = dns.message.make_query("elsewhere.test", "A")
        other.id = reply.id
        return dns.message.make_response(other).to_wire()
    elif manner == "truncated":
        reply.flags |= dns.flags.TC
    elif manner == "flood" and most > _MOST_UDP:
        name = reply.question[0].name.to_text()
        reply.answer.append(
            dns.rrset.from_text(name, 300, "IN", "A", *(f"192.0.{n // 250}.{n % 250}" for n in range(3_000)))
        )
    elif manner == "flood":
        reply.flags |= dns.flags.TC
    else:
        return b""
    return reply.to_wire(max_size=most)


def _pair(host: str) -> tuple[socket.socket, socket.socket]:
    """The same port for UDP and TCP."""
    for _ in range(100):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind((host, 0))
        tcp = socket.socket()
        try:
            tcp.bind(udp.getsockname())
            tcp.listen(16)
        except OSError:
            udp.close()
            tcp.close()
            continue
        return udp, tcp
    raise RuntimeError("no port is free for UDP and TCP alike")


def _exactly(peer: socket.socket, octets: int) -> bytes:
    taken = b""
    while len(taken) < octets and (more := peer.recv(octets - len(taken))):
        taken += more
    return taken.ljust(octets, b"\0")
