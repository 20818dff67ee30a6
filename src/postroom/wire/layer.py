"""TLS on top of a link, in memory: octets from the network in, text out, and the reverse. No socket here.

Ours and not the loop's, for three reasons: what came in clear before the handshake can't get past it, a refused
certificate can still be shown to the administrator, and asyncio and uvloop behave the same.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Sequence
from contextlib import suppress

from postroom.wire.certificate import TlsInfo, read, server_end_point

__all__ = ["PlainText", "TlsLayer"]

_READ = 65_536
_RECORDS = range(20, 25)
"""The first octet of every TLS record (RFC 8446, 5.1)."""


class PlainText(ssl.SSLError):
    """The other side does not speak TLS at all."""


class TlsLayer:
    """One TLS connection. `ended`: the other side has closed it in order (close_notify)."""

    __slots__ = ("_heard", "_incoming", "_object", "_outgoing", "ended")

    def __init__(self, context: ssl.SSLContext, server_name: str) -> None:
        """`server_name`: the name the certificate has to be for (an A-label or an IP address), sent as SNI."""
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        self._heard = False
        self.ended = False

    def shake(self, data: bytes) -> bool:
        """The next step of the handshake; True when it is complete. Raises ssl.SSLError, and PlainText of those."""
        if data and not self._heard:
            self._heard = True
            if data[0] not in _RECORDS:
                raise PlainText
        self._incoming.write(data)
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def decrypt(self, data: bytes) -> bytes:
        """The text in `data` and what was left before; may be empty. Raises ssl.SSLError."""
        self._incoming.write(data)
        text = self._read()
        if not text or not (self._incoming.pending or self._object.pending()):
            return text
        parts = [text]
        while text := self._read():
            parts.append(text)
        return b"".join(parts)

    def _read(self) -> bytes:
        try:
            text = self._object.read(_READ)
        except ssl.SSLWantReadError:
            return b""
        except ssl.SSLZeroReturnError:
            text = b""
        if not text:
            self.ended = True
        return text

    def encrypt(self, data: bytes | memoryview) -> bytes:
        """The records for `data`. Raises ssl.SSLError."""
        self._object.write(data)
        return self._outgoing.read()

    def outgoing(self) -> bytes:
        """What TLS itself wants to send: handshake, alerts, key updates."""
        return self._outgoing.read() if self._outgoing.pending else b""

    def farewell(self) -> bytes:
        """The close_notify (RFC 8446, 6.1)."""
        with suppress(ssl.SSLError):  # it complains that the other side's has not come; nobody waits for it
            self._object.unwrap()
        return self._outgoing.read()

    def fingerprint(self) -> str:
        """SHA-256 of the server's certificate, hexadecimal."""
        return hashlib.sha256(self._object.getpeercert(True) or b"").hexdigest()

    def bindings(self) -> tuple[tuple[str, bytes], ...]:
        """The channel bindings of the connection, the one of this very connection before that of its certificate.

        `tls-unique` is there up to TLS 1.2 only, `tls-exporter` (RFC 9266) where Python's ssl provides it.
        """
        found: list[tuple[str, bytes]] = []
        version = self._object.version() or ""
        for kind in ("tls-exporter", "tls-unique"):
            if kind in ssl.CHANNEL_BINDING_TYPES and (kind == "tls-exporter" or version < "TLSv1.3"):
                data = self._object.get_channel_binding(kind)
                found += [(kind, data)] if data else []
        der = self._object.getpeercert(True)
        end_point = server_end_point(der) if der else b""
        return (*found, ("tls-server-end-point", end_point)) if end_point else tuple(found)

    def chain(self) -> Sequence[bytes]:
        """What the server sent, leaf first, DER; also when it was refused. Empty where Python does not tell."""
        public = getattr(self._object, "get_unverified_chain", None)  # from Python 3.13 on
        if public is not None:
            return tuple(public())
        inner = getattr(self._object, "_sslobj", None)  # the same call, before it had a public name
        hidden = getattr(inner, "get_unverified_chain", None)
        return [ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in (hidden() or ())] if hidden is not None else ()

    def describe(self) -> TlsInfo:
        """The connection, for people. After the handshake only."""
        cipher, _, bits = self._object.cipher() or ("unknown", "", 0)
        der = self._object.getpeercert(True)
        return TlsInfo(self._object.version() or "TLS", cipher, bits, read(der) if der else None)
