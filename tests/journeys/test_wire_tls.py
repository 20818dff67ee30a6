"""TLS against real servers with the certificates that servers really have (threats A7, A8): only the right one is
believed, and each refusal says what is wrong in words that an administrator can act on."""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from postroom.clock import now_ms
from postroom.model.account import CertificateCheck
from postroom.model.attempt import Failure
from postroom.smtp.phase import Phase
from postroom.wire.dial import DialTimeouts, NoLink, Target, dial
from postroom.wire.link import Gone, Link
from postroom.wire.tls import TlsSettings
from tests.journeys.loopback import SOON, closes, context_with, in_loop, says, served, silent, tls_served, trusting
from tests.rigs.certificates import Certificates

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    return partial(in_loop, request.param)


@asynccontextmanager
async def dialled(context: ssl.SSLContext, tls: TlsSettings, host: str = "127.0.0.1") -> AsyncIterator[Link | NoLink]:
    async with tls_served(context) as port:
        link = await dial(Target(host, port, tls_from_start=True, tls=tls), timeouts=SOON)
        try:
            yield link
        finally:
            if isinstance(link, Link):
                link.close()
                await link.closed()


def chain(folder: Path, sans: list[str], *, issuer_expired: bool = False) -> tuple[str, Path]:
    """A root, and a leaf for CN=localhost signed by an intermediate: what the client trusts, what the server has."""
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)

    def signed(
        common_name: str, issuer: x509.Name | None, signer: Any, key: Any, *, ca: bool, until: datetime.datetime
    ) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer or name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 90 * day)
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if sans and not ca:
            names = x509.SubjectAlternativeName([x509.DNSName(name) for name in sans])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(signer, hashes.SHA256())

    root_key, middle_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    root = signed("Root", None, root_key, root_key, ca=True, until=now + 90 * day)
    middle_until = now - day if issuer_expired else now + 90 * day
    middle = signed("Middle", root.subject, root_key, middle_key, ca=True, until=middle_until)
    leaf = signed("localhost", middle.subject, middle_key, leaf_key, ca=False, until=now + 90 * day)
    pem = serialization.Encoding.PEM
    path = folder / "chain.pem"
    path.write_bytes(
        leaf_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + leaf.public_bytes(pem)
        + middle.public_bytes(pem)
    )
    return root.public_bytes(pem).decode(), path


def refused(run: Run, context: ssl.SSLContext, tls: TlsSettings, host: str = "127.0.0.1") -> NoLink:
    """What dialling this server gives, which must not be a link."""
    found: list[Link | NoLink] = []

    async def work() -> None:
        async with dialled(context, tls, host) as link:
            found.append(link)

    run(work())
    (none,) = found
    assert isinstance(none, NoLink)
    assert none.phase is Phase.TLS
    assert none.tried[-1].failure is None, "the connection itself came about"
    return none


def refused_by_openssl(run: Run, context: ssl.SSLContext, tls: TlsSettings) -> NoLink:
    """The same by a server that says why, with an alert; asyncio's only closes the connection."""
    found: list[Link | NoLink] = []

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError), context.wrap_socket(connection, server_side=True) as wrapped:
            wrapped.recv(1)

    async def work() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=serve, args=(listener,))
            thread.start()
            target = Target("127.0.0.1", listener.getsockname()[1], True, tls)
            found.append(await dial(target, timeouts=SOON))
            thread.join(5)

    run(work())
    (none,) = found
    assert isinstance(none, NoLink)
    return none


class TestCertificates:
    def test_a_good_one_is_believed_and_described(self, run: Run, certificates: Certificates) -> None:
        async def work() -> None:
            async with dialled(context_with(certificates.good), trusting(certificates), "localhost") as link:
                assert isinstance(link, Link)
                assert link.encrypted
                assert await link.read(20) == b"220 mail.test ESMTP\r\n"
                info = link.describe_tls()
                assert info is not None
                assert info.protocol == "TLSv1.3"
                assert str(info).startswith("TLSv1.3 TLS_")
                assert info.certificate is not None
                assert set(info.certificate.names) == {"localhost", "127.0.0.1"}
                assert info.certificate.issuer
                assert info.certificate.not_before_ms < now_ms() < info.certificate.not_after_ms
                leaf = certificates.good.read_text().partition("-----BEGIN CERTIFICATE-----")
                der = ssl.PEM_cert_to_DER_cert(leaf[1] + leaf[2].partition("-----END")[0] + "-----END CERTIFICATE-----")
                assert info.certificate.fingerprint == hashlib.sha256(der).hexdigest()

        run(work())

    def test_the_systems_store_is_what_counts_by_default(
        self, run: Run, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert refused(run, context_with(certificates.good), TlsSettings()).failure is Failure.CERTIFICATE
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))

        async def work() -> None:
            async with dialled(context_with(certificates.good), TlsSettings()) as link:
                assert isinstance(link, Link), "a CA added to the store is believed without a restart"

        run(work())

    def test_wrong_host(self, run: Run, certificates: Certificates) -> None:
        for host in ("localhost", "127.0.0.1"):
            none = refused(run, context_with(certificates.wrong_host), trusting(certificates), host)
            assert none.failure is Failure.CERTIFICATE
            assert none.detail == f"The server's certificate is not for {host} but for elsewhere.test."

    def test_expired(self, run: Run, certificates: Certificates) -> None:
        none = refused(run, context_with(certificates.expired), trusting(certificates))
        assert none.failure is Failure.CERTIFICATE
        assert none.detail.startswith("The server's certificate expired on 20")

    def test_not_yet_valid(self, run: Run, certificates: Certificates) -> None:
        none = refused(run, context_with(certificates.not_yet_valid), trusting(certificates))
        assert none.failure is Failure.CERTIFICATE
        assert "is valid only from 20" in none.detail
        assert "clock" in none.detail

    def test_unknown_issuer(self, run: Run, certificates: Certificates) -> None:
        none = refused(run, context_with(certificates.stranger), trusting(certificates))
        assert none.failure is Failure.CERTIFICATE
        assert "comes from a CA that is not the account's own (" in none.detail

    def test_self_signed(self, run: Run, certificates: Certificates) -> None:
        none = refused(run, context_with(certificates.self_signed), trusting(certificates), "localhost")
        assert none.failure is Failure.CERTIFICATE
        assert none.detail == "The server's certificate is self-signed: nobody vouches for it."

    def test_the_common_name_counts_for_nothing(self, run: Run, tmp_path: Path) -> None:
        """RFC 9525: right name in the CN, no subjectAltName."""
        authority, leaf = chain(tmp_path, sans=[])
        none = refused(run, context_with(leaf), TlsSettings(CertificateCheck.OWN_CA, authority), "localhost")
        assert none.failure is Failure.CERTIFICATE
        assert "not for localhost and names no host at all but localhost in its common name" in none.detail

    def test_an_expired_issuer_is_told_from_an_expired_certificate(self, run: Run, tmp_path: Path) -> None:
        authority, leaf = chain(tmp_path, sans=["localhost"], issuer_expired=True)
        none = refused(run, context_with(leaf), TlsSettings(CertificateCheck.OWN_CA, authority), "localhost")
        assert none.failure is Failure.CERTIFICATE
        assert none.detail.startswith("A certificate above the server's (Middle) expired on 20")

    def test_many_names_are_not_all_repeated(self, run: Run) -> None:
        ca = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert(*[f"host{n}.test" for n in range(50)]).configure_cert(context)
        tls = TlsSettings(CertificateCheck.OWN_CA, ca.cert_pem.bytes().decode())
        none = refused(run, context, tls, "localhost")
        assert none.detail.endswith("and 45 more.")

    @pytest.mark.parametrize(
        ("name", "host", "good"),
        [
            ("*.wild.test", "a.wild.test", True),
            ("*.wild.test", "a.b.wild.test", False),
            ("*.wild.test", "wild.test", False),
            ("xn--bcher-kva.test", "bücher.test", True),
            ("mail.test", "mail.test.", True),
            ("mail.test", "MAIL.test", True),
        ],
    )
    def test_names(self, run: Run, name: str, host: str, good: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        ca = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert(name).configure_cert(context)
        asked: list[bytes] = []

        def resolver(host: bytes, port: int, **options: object) -> list[object]:
            asked.append(host)
            return [(2, 1, 6, "", ("127.0.0.1", port))]

        async def work() -> None:
            tls = TlsSettings(CertificateCheck.OWN_CA, ca.cert_pem.bytes().decode())
            async with dialled(context, tls, host) as link:
                assert isinstance(link, Link) is good
            assert asked[0].isascii()

        monkeypatch.setattr("socket.getaddrinfo", resolver)
        run(work())

    def test_ignore_takes_any(self, run: Run, certificates: Certificates) -> None:
        async def work() -> None:
            for bad in (certificates.expired, certificates.self_signed, certificates.wrong_host):
                async with dialled(context_with(bad), TlsSettings(CertificateCheck.IGNORE)) as link:
                    assert isinstance(link, Link)
                    info = link.describe_tls()
                    assert info is not None
                    assert info.certificate is not None

        run(work())

    def test_a_pinned_one_is_believed_by_its_fingerprint_alone(self, run: Run, certificates: Certificates) -> None:
        async def work() -> None:
            async with dialled(context_with(certificates.self_signed), TlsSettings(CertificateCheck.IGNORE)) as link:
                assert isinstance(link, Link)
                info = link.describe_tls()
                assert info is not None
                assert info.certificate is not None
                pin = info.certificate.fingerprint
            async with dialled(
                context_with(certificates.self_signed), TlsSettings(CertificateCheck.PINNED, pin=pin)
            ) as link:
                assert isinstance(link, Link)
            for other in ("0" * 64, ""):
                async with dialled(
                    context_with(certificates.self_signed), TlsSettings(CertificateCheck.PINNED, pin=other)
                ) as link:
                    assert isinstance(link, NoLink)
                    assert link.failure is Failure.CERTIFICATE
                    assert pin in link.detail

        run(work())

    def test_an_own_ca_that_is_none_is_data(self, run: Run, certificates: Certificates) -> None:
        none = refused(run, context_with(certificates.good), TlsSettings(CertificateCheck.OWN_CA, "no pem"))
        assert (none.failure, none.detail) == (Failure.CERTIFICATE, "The own CA is not a certificate in PEM.")


class TestHandshake:
    @pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
    def test_a_server_that_knows_only_old_versions(self, run: Run, certificates: Certificates) -> None:
        context = context_with(certificates.good)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        none = refused_by_openssl(run, context, trusting(certificates))
        assert none.failure is Failure.TLS
        assert "too old" in none.detail

    def test_a_server_without_a_cipher_in_common(self, run: Run, certificates: Certificates) -> None:
        context = context_with(certificates.good)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("AES128-SHA@SECLEVEL=0")
        none = refused_by_openssl(run, context, trusting(certificates))
        assert none.failure is Failure.TLS
        assert "no cipher in common" in none.detail

    def test_a_server_that_wants_a_client_certificate(self, run: Run, certificates: Certificates) -> None:
        """With TLS 1.3 the refusal comes after the handshake: the link then ends with it."""
        context = context_with(certificates.good)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certificates.ca)

        async def work() -> None:
            async with dialled(context, trusting(certificates)) as link:
                failure = link if isinstance(link, NoLink) else await link.read(20)
                assert isinstance(failure, (NoLink, Gone))
                assert failure.failure in {Failure.TLS, Failure.CLOSED}

        run(work())

    def test_tls_1_2_still_works(self, run: Run, certificates: Certificates) -> None:
        context = context_with(certificates.good)
        context.maximum_version = ssl.TLSVersion.TLSv1_2

        async def work() -> None:
            async with dialled(context, trusting(certificates)) as link:
                assert isinstance(link, Link)
                assert str(link.describe_tls()).startswith("TLSv1.2 ")

        run(work())
        strict = TlsSettings(CertificateCheck.OWN_CA, certificates.ca.read_text(), minimum="1.3")
        assert refused_by_openssl(run, context, strict).failure is Failure.TLS

    @pytest.mark.parametrize("pieces", [(b"220 mail.test ESMTP\r\n",), (b"2", b"20 x\r\n"), (b"HTTP/1.1 400\r\n",)])
    def test_plain_text_on_a_tls_port(self, run: Run, pieces: tuple[bytes, ...]) -> None:
        async def work() -> None:
            async with served(says(*pieces)) as port:
                none = await dial(Target("127.0.0.1", port, tls_from_start=True), timeouts=SOON)
                assert isinstance(none, NoLink)
                assert none.failure is Failure.TLS
                assert f"On port {port} the right encryption is probably STARTTLS, or none." in none.detail
                assert "220" not in none.detail.replace(str(port), ""), "what a service says there is not repeated"

        run(work())

    @pytest.mark.parametrize(
        "garbage", [b"\x16\x03\x03\x00\x05hello", b"\x15\x03\x01\x00\x02\x02\x28", b"\x16" * 70_000]
    )
    def test_garbage_that_looks_like_tls(self, run: Run, garbage: bytes) -> None:
        async def work() -> None:
            async with served(says(garbage)) as port:
                none = await dial(Target("127.0.0.1", port, tls_from_start=True), timeouts=SOON)
                assert isinstance(none, NoLink)
                assert none.failure is Failure.TLS

        run(work())

    def test_a_server_that_closes_in_the_handshake(self, run: Run) -> None:
        async def work() -> None:
            async def after_hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await reader.read(10)

            for handler in (after_hello, closes):
                async with served(handler) as port:
                    none = await dial(Target("127.0.0.1", port, tls_from_start=True), timeouts=SOON)
                assert isinstance(none, NoLink)
                assert none.failure is Failure.CLOSED
                assert none.phase is Phase.TLS
                assert "during the TLS handshake" in none.detail

        run(work())

    def test_a_server_that_never_answers_the_handshake(self, run: Run) -> None:
        async def work() -> None:
            async with served(silent) as port:
                soon = DialTimeouts(total=0.3)
                none = await dial(Target("127.0.0.1", port, tls_from_start=True), timeouts=soon)
                assert isinstance(none, NoLink)
                assert (none.failure, none.phase) == (Failure.TIMEOUT, Phase.TLS)
                assert "TLS handshake" in none.detail

        run(work())

    def test_a_large_body_and_its_answer_arrive_whole(self, run: Run, certificates: Certificates) -> None:
        body = bytes(range(256)) * 40_000

        async def compare(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            received = await reader.readexactly(len(body))
            writer.write(hashlib.sha256(received).digest() + b"x" * 300_000)
            await reader.read()

        async def work() -> None:
            async with tls_served(context_with(certificates.good), compare) as port:
                target = Target("127.0.0.1", port, True, trusting(certificates))
                link = await dial(target, timeouts=SOON)
                assert isinstance(link, Link)
                link.write(body)
                assert await link.drain() is None
                answer = b""
                while len(answer) < 300_032:
                    data = await link.read(20)
                    assert isinstance(data, bytes)
                    answer += data
                assert answer[:32] == hashlib.sha256(body).digest()
                link.close()
                await link.closed()

        run(work())

    def test_a_close_in_order_is_the_end(self, run: Run, certificates: Certificates) -> None:
        async def work() -> None:
            async with tls_served(context_with(certificates.good), says(b"221 bye\r\n", then=closes)) as port:
                link = await dial(Target("127.0.0.1", port, True, trusting(certificates)), timeouts=SOON)
                assert isinstance(link, Link)
                assert await link.read(20) == b"221 bye\r\n"
                assert await link.read(20) == Gone(Failure.CLOSED, "The server closed the connection.")
                link.close()
                await link.closed()

        run(work())
