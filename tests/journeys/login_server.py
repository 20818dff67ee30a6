"""A small mail server that takes mail after a login: how that goes, a test says by a generator of challenges."""

from __future__ import annotations

import base64
import hashlib
import ssl
from collections.abc import Callable, Generator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.journeys.stranger import Stranger, Visit

__all__ = ["Accept", "LoginServer", "end_point_of"]

Accept = Generator[bytes, bytes, bool]
"""Is sent responses, yields challenges, returns whether the login is good. Its first `next` is before any response."""


def end_point_of(certificate: Path) -> bytes:
    """RFC 5929, 4.1, by hand, for a certificate signed with SHA-256."""
    first = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
    return hashlib.sha256(first.public_bytes(_DER)).digest()


_DER = serialization.Encoding.DER


class LoginServer:
    """`with LoginServer(context, {"NTLM": start}) as server:` connect to `server.port`, and look at `server.mails`.

    `start` gets the encrypted socket. `greeted`: mechanisms whose first challenge is words, not base64.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        logins: dict[str, Callable[[ssl.SSLSocket], Accept]],
        greeted: dict[str, bytes] | None = None,
    ) -> None:
        self._context, self._logins, self._greeted = context, logins, greeted or {}
        self._stranger = Stranger(self._serve)
        self.mails: list[bytes] = []
        self.tried: list[str] = []
        self.troubles: list[Exception] = []

    @property
    def port(self) -> int:
        return self._stranger.port

    def _serve(self, visit: Visit) -> None:
        link: ssl.SSLSocket | None = None
        good = False
        visit.say(b"220 login.test ESMTP\r\n")
        while line := visit.line():
            verb, _, rest = line.decode().strip().partition(" ")
            if verb == "EHLO":
                offer = b"AUTH " + " ".join(self._logins).encode() if link else b"STARTTLS"
                visit.say(b"250-login.test\r\n250 " + offer + b"\r\n")
            elif verb == "STARTTLS":
                visit.say(b"220 go ahead\r\n")
                link = visit.start_tls(self._context)
            elif verb == "AUTH" and link is not None:
                good = self._log_in(visit, link, *rest.partition(" ")[::2])
                visit.say(b"235 2.7.0 welcome\r\n" if good else b"535 5.7.3 Authentication unsuccessful\r\n")
            elif verb == "DATA":
                visit.say(b"354 go ahead\r\n")
                self.mails.append(b"".join(iter(visit.line, b".\r\n")))
                visit.say(b"250 taken\r\n")
            elif verb == "QUIT":
                visit.say(b"221 bye\r\n")
                return
            else:
                visit.say(b"250 ok\r\n" if good else b"530 5.7.0 Authentication required\r\n")

    def _log_in(self, visit: Visit, link: ssl.SSLSocket, name: str, initial: str) -> bool:
        self.tried.append(name)
        accepting = self._logins[name](link)
        try:
            challenge = next(accepting)
            if initial:
                challenge = accepting.send(base64.b64decode(initial))
            elif name in self._greeted:
                visit.say(b"334 " + self._greeted[name] + b"\r\n")
                challenge = accepting.send(base64.b64decode(visit.line()))
            while True:
                visit.say(b"334 " + base64.b64encode(challenge) + b"\r\n")
                challenge = accepting.send(base64.b64decode(visit.line()))
        except StopIteration as stop:
            return bool(stop.value)
        except Exception as trouble:
            self.troubles.append(trouble)
            return False

    def __enter__(self) -> LoginServer:
        self._stranger.__enter__()
        return self

    def __exit__(self, *trouble: object) -> None:
        self._stranger.__exit__(None, None, None)
