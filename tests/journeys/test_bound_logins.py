"""NTLM against pyspnego's server, and SCRAM bound to real TLS connections: mail is really taken, a wrong password and
somebody in between are told apart, and no password is seen anywhere.
"""

from __future__ import annotations

import hashlib
import random
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from postroom.model.account import Account, Login
from postroom.secrets.secret import Secret
from postroom.smtp.client import Credentials, Lost
from postroom.wire.integrated import mechanisms_for
from tests.journeys.login_server import Accept, LoginServer, end_point_of
from tests.rigs.by_the_book import ByTheBook
from tests.rigs.certificates import Certificates
from tests.rigs.fixtures import require_login
from tests.rigs.postroom import Postroom
from tests.rigs.process import wait_until

PASSWORD = "p\u00e4ncil-canary"
STARTTLS = {"host": "localhost", "encryption": "starttls", "secret": PASSWORD}


@pytest.fixture
def postroom(
    fork_postroom: Callable[..., Postroom], certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> Postroom:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
    return fork_postroom(poll_seconds=0.1).start()


def timeline(postroom: Postroom, message: str) -> str:
    return str(postroom.api.get(f"/v1/messages/{message}/timeline").expect(200))


def diagnosis(postroom: Postroom, message: str, wanted: str) -> None:
    """Waits for it. The password is neither there nor in the log."""
    wait_until(lambda: wanted in timeline(postroom, message), 60, lambda: timeline(postroom, message))
    accounts = str(postroom.api.get("/v1/accounts").expect(200))
    assert "canary" not in timeline(postroom, message) + postroom.log_text() + accounts


# NTLM


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What pyspnego's server knows, in its own file."""
    require_login(Login.NTLM)
    file = tmp_path / "ntlm-users"
    file.write_text(f"CORP:anna:{PASSWORD}\n:bert@corp.test:{PASSWORD}\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(file))


def ntlm(certificate: Path) -> Callable[[ssl.SSLSocket], Accept]:
    """Takes a login only for this very link, as Exchange does with extended protection switched on."""

    def accept(_link: ssl.SSLSocket) -> Accept:
        import spnego
        from spnego.channel_bindings import GssChannelBindings

        bound = GssChannelBindings(application_data=b"tls-server-end-point:" + end_point_of(certificate))
        server = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm, channel_bindings=bound)
        answer = server.step((yield b""))
        while not server.complete:
            answer = server.step((yield answer or b""))
        return True

    return accept


@pytest.fixture
def exchange_server(users: None, certificates: Certificates) -> Iterator[LoginServer]:
    with LoginServer(
        certificates.server_context(), {"NTLM": ntlm(certificates.good)}, {"NTLM": b"ntlm supported"}
    ) as server:
        yield server


@pytest.mark.parametrize(
    "who", [{"user": "CORP\\anna"}, {"user": "anna", "realm": "CORP"}, {"user": "bert@corp.test"}], ids=str
)
def test_mail_leaves_by_ntlm(postroom: Postroom, exchange_server: LoginServer, who: dict[str, Any]) -> None:
    postroom.deliver_to(exchange_server.port, login="ntlm", **STARTTLS, **who)
    message = postroom.api.send("ok@sink.test")
    postroom.api.wait_for_state(message, "sent")
    assert len(exchange_server.mails) == 1
    assert "canary" not in timeline(postroom, message) + postroom.log_text()


def test_a_wrong_ntlm_password_pauses_the_account_and_names_what_to_change(
    postroom: Postroom, exchange_server: LoginServer
) -> None:
    postroom.deliver_to(exchange_server.port, login="ntlm", user="CORP\\anna", **{**STARTTLS, "secret": "no-canary"})
    message = postroom.api.send("ok@sink.test")
    diagnosis(postroom, message, "ntlm-refused")
    assert exchange_server.mails == []


def test_ntlm_to_somebody_in_between_is_refused(postroom: Postroom, users: None, certificates: Certificates) -> None:
    """The real server sees its own certificate; what was said to another's link is worth nothing to it."""
    between = LoginServer(
        certificates.server_context(), {"NTLM": ntlm(certificates.wrong_host)}, {"NTLM": b"ntlm supported"}
    )
    with between:
        postroom.deliver_to(between.port, login="ntlm", user="CORP\\anna", **STARTTLS)
        diagnosis(postroom, postroom.api.send("ok@sink.test"), "ntlm-refused")
        assert between.mails == []


def hostile() -> Iterator[bytes]:
    """Challenges that are none, and real ones with some octets changed or missing."""
    import spnego

    yield from (b"", b"NTLMSSP\0", b"NTLMSSP\0\2\0\0\0", b"\0" * 4_000, b"NTLMSSP\0\1\0\0\0" + b"\xff" * 60)
    chance = random.Random(7)
    for _ in range(300):
        client, server = spnego.client("a", "b", protocol="ntlm"), spnego.server(protocol="ntlm")
        challenge = bytearray(server.step(client.step()) or b"")
        for _ in range(chance.randint(1, 4)):
            challenge[chance.randrange(8, len(challenge))] = chance.choice((0, 1, 0x7F, 0xFF, chance.randrange(256)))
        yield bytes(challenge[: chance.randrange(12, len(challenge) + 1)])


def test_whatever_a_server_says_is_no_error_of_ours(users: None) -> None:
    """It is answered, or it ends the login; nothing else is raised, and no word of it is repeated."""
    (mechanism,) = mechanisms_for(Account(1, 1, "a", "localhost", 25, login=Login.NTLM, user="anna"))
    ends = set()
    for challenge in hostile():
        exchange = mechanism.start(Credentials("anna", Secret(PASSWORD)), "")
        assert (next(exchange) or b"").startswith(b"NTLMSSP\0\1")
        try:
            answer = exchange.send(challenge) or b""
            assert answer.startswith(b"NTLMSSP\0\3")
        except StopIteration as stop:
            ends.add(stop.value)
    assert {type(end) for end in ends} == {Lost}
    assert {"challenge" in end.detail for end in ends} == {True}


# SCRAM-PLUS


def scram(name: str, kind: str, see: Callable[[ssl.SSLSocket], bytes]) -> Callable[[ssl.SSLSocket], Accept]:
    def accept(link: ssl.SSLSocket) -> Accept:
        book = ByTheBook(name, see(link), (kind,), offers_plus=True, password=PASSWORD)
        first = book.first((yield b""))
        answer = yield first
        if first.startswith(b"e="):
            return False
        final = book.final(answer)
        yield final
        return final.startswith(b"v=")

    return accept


def unique(link: ssl.SSLSocket) -> bytes:
    return link.get_channel_binding("tls-unique") or b""


@pytest.mark.parametrize(("version", "kind"), [("1.2", "tls-unique"), ("1.2", "tls-server-end-point"), ("1.3", "")])
@pytest.mark.parametrize("name", ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"])
def test_mail_leaves_after_a_login_bound_to_the_link(
    postroom: Postroom, certificates: Certificates, name: str, version: str, kind: str
) -> None:
    """Both sides find the same binding, each by its own means: of the connection, or of the certificate."""
    context = certificates.server_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2 if version == "1.2" else ssl.TLSVersion.TLSv1_3
    see = unique if kind == "tls-unique" else lambda _: end_point_of(certificates.good)
    login = scram(name, kind or "tls-server-end-point", see)
    with LoginServer(context, {name: login, "PLAIN": login}) as server:
        postroom.deliver_to(server.port, login="password", user="anna", **STARTTLS)
        message = postroom.api.send("ok@sink.test")
        postroom.api.wait_for_state(message, "sent")
        assert len(server.mails) == 1
        assert set(server.tried) == {name}
        assert "canary" not in timeline(postroom, message) + postroom.log_text()


def test_somebody_in_between_gets_no_login(postroom: Postroom, certificates: Certificates) -> None:
    """It passes the login on to the real server, which sees another certificate: nothing weaker is tried, and the
    diagnosis says that something stands between."""
    elsewhere = hashlib.sha256(b"the real server's certificate").digest()
    login = scram("SCRAM-SHA-256-PLUS", "tls-server-end-point", lambda _: elsewhere)
    context = certificates.server_context()
    with LoginServer(context, {"SCRAM-SHA-256-PLUS": login, "SCRAM-SHA-256": login, "PLAIN": login}) as server:
        postroom.deliver_to(server.port, login="password", user="anna", **STARTTLS)
        diagnosis(postroom, postroom.api.send("ok@sink.test"), "channel-binding-refused")
        assert (server.mails, set(server.tried)) == ([], {"SCRAM-SHA-256-PLUS"})
