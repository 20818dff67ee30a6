"""Threat A8: every certificate that servers are known to have, against a real TLS server. Only the right one is
believed; each refusal is diagnosed, and the diagnosis names the field of the account to change."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from postroom.model.account import CertificateCheck, Encryption
from postroom.model.attempt import Action, Failure, Result, Verdict
from postroom.policy.rule import Context
from postroom.policy.verdict import judge
from postroom.secrets import Secret
from postroom.smtp.client import Failed, Opened, SessionSettings, Timeouts, open_session
from postroom.wire.dial import NoLink, Target, dial
from postroom.wire.drive import Replies, drive_open
from postroom.wire.tls import ClientCertificate, TlsSettings
from tests.journeys.loopback import SOON
from tests.rigs.certificate_set import Authority, Issued, key_pem, short_key, signed_with_sha1

ROOT = Authority("Example Root")
HOST = "mail.example.test"


@dataclass(frozen=True)
class Served:
    """What a server has and does; how it is reached, and what the client believes."""

    issued: Issued
    host: str = HOST
    authority: str = ROOT.pem
    configure: Callable[[ssl.SSLContext], None] = lambda context: None
    minimum: str = "1.2"
    client: ClientCertificate | None = None
    check: CertificateCheck = CertificateCheck.OWN_CA
    pin: str = ""
    hangs_up: bool = False

    @property
    def tls(self) -> TlsSettings:
        return TlsSettings(self.check, self.authority, self.pin, self.minimum, self.client)


@dataclass(frozen=True)
class Seen:
    """What came of it: nothing refused, or the failure, its words and the diagnosis."""

    failure: Failure | None = None
    detail: str = ""
    verdict: Verdict | None = field(default=None)


def _signed_by_itself() -> Issued:
    own = Authority(HOST)
    return own.issue(HOST, common_name=HOST, key=own.key)


def cross_signed(*, trusted: bool) -> Served:
    """The server also sends the root as an authority signed it that has expired since. Whoever knows the root itself
    need not care; whoever knows only the old one must not believe it."""
    old = Authority("Old Root")
    cross = old.authority("New Root", until=-1)
    new = Authority("New Root", cross.key)
    leaf = new.authority("Middle").issue(HOST)
    sent = Issued(leaf.certificate, leaf.key, (*leaf.above, cross.certificate))
    return Served(sent, authority=(new if trusted else old).pem)


def old_versions(context: ssl.SSLContext) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT@SECLEVEL=0")


def wants_client(context: ssl.SSLContext) -> None:
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=ROOT.pem)


def wants_client_1_2(context: ssl.SSLContext) -> None:
    wants_client(context)
    context.maximum_version = ssl.TLSVersion.TLSv1_2


def any_strength(context: ssl.SSLContext) -> None:
    context.set_ciphers("DEFAULT@SECLEVEL=0")


def client(issued: Issued) -> ClientCertificate:
    return ClientCertificate(issued.chain, Secret(key_pem(issued.key)))


_MIDDLE = ROOT.authority("Example Middle")
_STRANGER = Authority("Stranger Root")
_CLIENT_USE = (ExtendedKeyUsageOID.CLIENT_AUTH,)
_PINNED = _signed_by_itself()
_GOOD = ROOT.issue(HOST)
_OLD_HABITS, _OLD_AUTHORITY = signed_with_sha1(HOST)

BELIEVED: dict[str, Served] = {
    "good": Served(_GOOD),
    "by an intermediate that is sent": Served(_MIDDLE.issue(HOST)),
    "wildcard, one level": Served(ROOT.issue("*.example.test")),
    "address": Served(ROOT.issue("127.0.0.1"), host="127.0.0.1"),
    "IDN": Served(ROOT.issue("xn--bcher-kva.test"), host="bücher.test"),
    "expired member of the chain, another way to a root": cross_signed(trusted=True),
    "the intermediate itself is the own CA": Served(_MIDDLE.issue(HOST), authority=_MIDDLE.pem),
    "pinned": Served(_PINNED, check=CertificateCheck.PINNED, pin=_PINNED.fingerprint),
    "pinned though expired": Served(
        (_expired := ROOT.issue(HOST, until=-1)), check=CertificateCheck.PINNED, pin=_expired.fingerprint
    ),
    "ignored": Served(_STRANGER.issue("elsewhere.test"), check=CertificateCheck.IGNORE),
    "TLS 1.1 only, allowed by the operator": Served(_GOOD, configure=old_versions, minimum="1.0"),
    "client certificate": Served(
        _GOOD, configure=wants_client, client=client(ROOT.issue(common_name="us", use=_CLIENT_USE))
    ),
    "client certificate, TLS 1.2": Served(
        _GOOD, configure=wants_client_1_2, client=client(_MIDDLE.issue(common_name="us", use=_CLIENT_USE))
    ),
}

REFUSED: dict[str, tuple[Served, str, str]] = {
    "expired": (Served(ROOT.issue(HOST, until=-1)), "certificate-expired", "certificate_check"),
    "not yet valid": (Served(ROOT.issue(HOST, since=1)), "certificate-not-yet-valid", "certificate_check"),
    "wrong host": (Served(ROOT.issue("elsewhere.test")), "certificate-other-name", "host"),
    "common name only": (Served(ROOT.issue(common_name=HOST)), "certificate-other-name", "host"),
    "wildcard, two levels": (
        Served(ROOT.issue("*.example.test"), host="a.b.example.test"), "certificate-other-name", "host",
    ),
    "wildcard, no level": (Served(ROOT.issue("*.example.test"), host="example.test"), "certificate-other-name", "host"),
    "address that is not in it": (Served(_GOOD, host="127.0.0.1"), "certificate-other-name", "host"),
    "address as a name": (
        Served(ROOT.issue(common_name="127.0.0.1"), host="127.0.0.1"), "certificate-other-name", "host",
    ),
    "other IDN": (Served(ROOT.issue("xn--bcher-kva.test"), host="bucher.test"), "certificate-other-name", "host"),
    "self-signed": (Served(_signed_by_itself()), "certificate-self-signed", "certificate_authority"),
    "unknown root": (Served(_STRANGER.issue(HOST)), "certificate-unknown-authority", "certificate_authority"),
    "unknown root that is sent": (
        Served(Issued((_one := _STRANGER.issue(HOST)).certificate, _one.key, (_STRANGER.certificate,))),
        "certificate-unknown-authority", "certificate_authority",
    ),
    "missing intermediate": (
        Served(Issued((_two := _MIDDLE.issue(HOST)).certificate, _two.key)),
        "certificate-unknown-authority", "certificate_authority",
    ),
    "RSA with 1024 bits": (
        Served(ROOT.issue(HOST, key=short_key()), configure=any_strength), "certificate-too-weak", "certificate_check",
    ),
    "SHA-1": (
        Served(_OLD_HABITS, authority=_OLD_AUTHORITY, configure=any_strength),
        "certificate-too-weak", "certificate_check",
    ),
    "expired member of the chain, no other way": (
        cross_signed(trusted=False), "certificate-expired", "certificate_check",
    ),
    "another than the pinned one": (
        Served(_GOOD, check=CertificateCheck.PINNED, pin=_PINNED.fingerprint), "certificate-changed", "certificate_pin",
    ),
    "TLS 1.1 only": (Served(_GOOD, configure=old_versions), "tls-too-old", "encryption"),
    "client certificate wanted": (
        Served(_GOOD, configure=wants_client), "client-certificate-wanted", "client_certificate",
    ),
    "client certificate wanted, TLS 1.2": (
        Served(_GOOD, configure=wants_client_1_2), "tls-handshake-refused", "client_certificate",
    ),
    "client certificate of a stranger": (
        Served(_GOOD, configure=wants_client, client=client(_STRANGER.issue(common_name="us"))),
        "client-certificate-refused", "client_certificate",
    ),
    "client certificate has expired": (
        Served(_GOOD, configure=wants_client, client=client(ROOT.issue(common_name="us", until=-1))),
        "client-certificate-refused", "client_certificate",
    ),
    "hangs up in the handshake": (Served(_GOOD, hangs_up=True), "tls-closed", "encryption"),
}  # fmt: skip


@contextmanager
def serving(server: Served, folder: Path, *, starttls: bool) -> Iterator[int]:
    """A server on OpenSSL's own socket, which says with an alert why it refuses; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.configure(context)
    context.load_cert_chain(server.issued.bundle(folder))

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(30)
                if starttls:
                    connection.sendall(b"220 mail.example.test ESMTP\r\n")
                    connection.recv(100)
                    connection.sendall(b"250-mail.example.test\r\n250 STARTTLS\r\n")
                    connection.recv(100)
                    connection.sendall(b"220 go ahead\r\n")
                if server.hangs_up:
                    connection.recv(10)
                    return
                with context.wrap_socket(connection, server_side=True) as wrapped:
                    if not starttls:
                        wrapped.sendall(b"220 mail.example.test ESMTP\r\n")
                    while line := wrapped.recv(100):
                        wrapped.sendall(b"221 bye\r\n" if line.startswith(b"QUIT") else b"250 mail.example.test\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield listener.getsockname()[1]
    thread.join(30)


async def reach(server: Served, port: int, encryption: Encryption) -> Seen:
    """Dials and opens a session, as the courier does."""
    link = await dial(Target(server.host, port, encryption is Encryption.TLS, server.tls), timeouts=SOON)
    if isinstance(link, NoLink):
        return seen(server, link.phase.value, link.failure, link.detail)
    try:
        settings = SessionSettings("client.test", encryption, timeouts=Timeouts().scaled(0.1))
        opened = await drive_open(open_session(settings), link, Replies(), server.tls)
        if isinstance(opened, Opened):
            return Seen()
        assert isinstance(opened, Failed)
        assert link.gone is not None
        return seen(server, "tls", link.gone.failure, link.gone.detail)
    finally:
        link.abort()
        await link.closed()


def seen(server: Served, phase: str, failure: Failure, detail: str) -> Seen:
    verdict = judge(Result(phase, 0, "", detail, failure), Context(host=server.host, port=465))
    return Seen(failure, detail, verdict)


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name is this machine."""
    monkeypatch.setattr("socket.getaddrinfo", lambda host, port, **more: [(2, 1, 6, "", ("127.0.0.1", port))])


ENCRYPTIONS = [Encryption.TLS, Encryption.STARTTLS]


@pytest.mark.parametrize("encryption", ENCRYPTIONS, ids=str)
@pytest.mark.parametrize("name", BELIEVED)
def test_believed(name: str, encryption: Encryption, resolved: None, tmp_path: Path) -> None:
    server = BELIEVED[name]
    with serving(server, tmp_path, starttls=encryption is Encryption.STARTTLS) as port:
        assert asyncio.run(reach(server, port, encryption)) == Seen()


@pytest.mark.parametrize("encryption", ENCRYPTIONS, ids=str)
@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_the_right_diagnosis(name: str, encryption: Encryption, resolved: None, tmp_path: Path) -> None:
    server, diagnosis, to_change = REFUSED[name]
    with serving(server, tmp_path, starttls=encryption is Encryption.STARTTLS) as port:
        found = asyncio.run(reach(server, port, encryption))
    assert found.verdict is not None
    assert (found.verdict.diagnosis, found.verdict.field) == (diagnosis, to_change), found
    expected = Action.RETRY if server.hangs_up else Action.PAUSE
    assert found.verdict.action is expected, "what will not mend itself pauses the account and holds its mail"
    assert server.host in found.verdict.title or "account's client" in found.verdict.title


def test_what_hangs_up_again_and_again_pauses_the_account() -> None:
    server = REFUSED["hangs up in the handshake"][0]
    result = Result("tls", 0, "", "The server closed the connection during the TLS handshake.", Failure.CLOSED)
    verdict = judge(result, Context(host=server.host, port=465, attempts=3))
    assert (verdict.diagnosis, verdict.action, verdict.field) == ("tls-closed-again", Action.PAUSE, "encryption")


def test_the_set_is_what_its_names_say() -> None:
    """The generator does not lie: the certificate without a host has none, and the old signature is SHA-1."""
    bare = REFUSED["common name only"][0].issued.certificate
    with pytest.raises(x509.ExtensionNotFound):
        bare.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert isinstance(REFUSED["SHA-1"][0].issued.certificate.signature_hash_algorithm, hashes.SHA1)
    assert not REFUSED["missing intermediate"][0].issued.above
