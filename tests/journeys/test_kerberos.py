"""Kerberos against a real KDC and a real server: mail leaves by a ticket cache, a keytab and a password, and each
failure ends in a sentence that names the setting to change.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from postroom.deliver.results import session_result
from postroom.model.account import Account, CertificateCheck, CredentialSource, Encryption, Login
from postroom.model.attempt import Failure, Severity
from postroom.policy.verdict import Context, judge
from postroom.secrets.secret import Secret
from postroom.smtp.client import (
    Credentials,
    Failed,
    Lost,
    LostKind,
    Opened,
    Refusal,
    SessionSettings,
    Timeouts,
    open_session,
)
from postroom.smtp.sasl import Exchange
from postroom.wire.dial import DialTimeouts, Target, dial
from postroom.wire.drive import Replies, drive_open
from postroom.wire.integrated import mechanisms_for, missing
from postroom.wire.integrated.extras import why_not
from postroom.wire.link import Link
from tests.rigs.certificates import Certificates
from tests.rigs.dovecot import Dovecot
from tests.rigs.fixtures import require, require_login
from tests.rigs.kerberos import REALM, Kdc
from tests.rigs.postroom import Postroom
from tests.rigs.process import wait_until
from tests.rigs.sink import Sink

USERS = {
    "anna": "pencil-canary",
    "anna\\@company.test": "pencil-canary",
    **dict.fromkeys(("robot", "old", "locked", "gone", "changing"), "pw-canary"),
}
SERVICE = "smtp/balanced.example.test"
"""What the server is registered as: a name that leads nowhere, as a load balancer's does not lead to one machine."""
pytestmark = pytest.mark.xdist_group("kerberos")


@pytest.fixture(scope="module")
def kdc() -> Iterator[Kdc]:
    require("kdc")
    require_login(Login.KERBEROS)
    with Kdc(USERS, (SERVICE, "smtp/localhost", "smtp/rekeyed.example.test")) as running:
        running.admin(
            "modprinc -pwexpire yesterday old", "modprinc -allow_tix locked", "modprinc -expire yesterday gone"
        )
        yield running


@pytest.fixture
def realm(kdc: Kdc, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Kdc:
    """This process, and what it starts, know the realm and have no tickets of their own."""
    for name, value in kdc.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{tmp_path / 'own.tickets'}")
    monkeypatch.delenv("KRB5_CLIENT_KTNAME", raising=False)
    return kdc


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sink]:
    with Sink.start(tmp_path_factory.mktemp("sink")) as running:
        yield running


@pytest.fixture(scope="module")
def dovecot(kdc: Kdc, sink: Sink, certificates: Certificates) -> Iterator[Dovecot]:
    require("dovecot")
    require("dovecot-gssapi")
    keys = kdc.keytab(SERVICE, "smtp/localhost", "smtp/rekeyed.example.test")
    with Dovecot(
        {"anna": "scram-only"}, relay=sink.port, certificate=certificates.good, keytab=keys, krb5=kdc.environment
    ) as running:
        yield running


def account(dovecot: Dovecot, **changes: Any) -> Account:
    values: dict[str, Any] = {"login": Login.KERBEROS, "user": "anna", "service_principal": SERVICE, **changes}
    return Account(1, 1, "a", "localhost", dovecot.port, Encryption.STARTTLS, **values)


async def log_in(account: Account, authority: str, password: str = "pencil-canary", reckon: float = 30.0) -> Any:
    """The session's opening, as the courier does it: `Opened` or `Failed`."""
    account = replace(account, certificate_check=CertificateCheck.OWN_CA, certificate_authority=authority)
    target = Target.of(account)
    link = await dial(target, timeouts=DialTimeouts())
    assert isinstance(link, Link)
    settings = SessionSettings(
        "[127.0.0.1]",
        account.encryption,
        Credentials(account.user, Secret(password)),
        ("GSSAPI",),
        timeouts=Timeouts(reckon=reckon),
        integrated=mechanisms_for(account),
    )
    try:
        return await drive_open(open_session(settings), link, Replies(), target.tls)
    finally:
        link.close()


LogIn = Callable[..., Opened | Failed]


@pytest.fixture
def trying(realm: Kdc, dovecot: Dovecot, certificates: Certificates) -> LogIn:
    """Logs in once, with these settings of the account."""

    def attempt(password: str = "pencil-canary", reckon: float = 30.0, **changes: Any) -> Opened | Failed:
        one = account(dovecot, **changes)
        result: Opened | Failed = asyncio.run(log_in(one, certificates.ca.read_text(), password, reckon))
        return result

    return attempt


def diagnosed(failed: Opened | Failed) -> tuple[Failure | int, str]:
    """Why it failed, and the setting that the diagnosis names. The password is in neither."""
    assert isinstance(failed, Failed), failed
    result = session_result(failed.phase.value, failed.cause)
    verdict = judge(result, Context(login="kerberos", host="localhost", user="anna"))
    for shown in (result.text, verdict.explanation, failed.transcript.text(), repr(failed)):
        assert "canary" not in shown
    assert verdict.severity is Severity.TEMPORARY, "nothing bounces because of a login"
    return result.failure or result.code, verdict.field


KEYTAB = {"credential_source": CredentialSource.KEYTAB}
CACHE = {"credential_source": CredentialSource.TICKET_CACHE}


def test_with_a_password(trying: LogIn) -> None:
    """The server is reached by one name and registered under another, which no name service knows."""
    opened = trying()
    assert isinstance(opened, Opened)
    assert (opened.mechanism, opened.encrypted) == ("GSSAPI", True)


@pytest.mark.parametrize("user", ["anna", f"anna@{REALM}", "anna@example.test"])
def test_the_realm_may_be_given_apart(trying: LogIn, user: str) -> None:
    assert isinstance(trying(user=user, realm=REALM), Opened)


def test_without_a_service_name_it_is_the_host_as_it_was_typed(trying: LogIn) -> None:
    assert isinstance(trying(service_principal=""), Opened)


@pytest.mark.parametrize("user", ["robot", ""])
def test_with_a_keytab(realm: Kdc, trying: LogIn, user: str) -> None:
    """Without a user: the keytab's own."""
    assert isinstance(trying("", user=user, credential_path=str(realm.keytab("robot")), **KEYTAB), Opened)


@pytest.mark.parametrize("user", ["anna", ""])
def test_with_a_ticket_cache(realm: Kdc, trying: LogIn, user: str) -> None:
    cache = realm.tickets("anna", USERS["anna"])
    assert isinstance(trying("", user=user, credential_path=str(cache), **CACHE), Opened)


def test_with_the_identity_of_the_process(realm: Kdc, trying: LogIn) -> None:
    own = Path(os.environ["KRB5CCNAME"].removeprefix("FILE:"))
    assert diagnosed(trying("", user="", **CACHE)) == (Failure.TICKET, "credential_path")
    realm.tickets("anna", USERS["anna"], own)
    assert isinstance(trying("", user="", **CACHE), Opened)


def test_tickets_that_run_out_are_told_and_new_ones_are_taken(realm: Kdc, trying: LogIn) -> None:
    cache = realm.tickets("anna", USERS["anna"], life="1s")
    mine: dict[str, Any] = {"credential_path": str(cache), **CACHE}
    wanted = (Failure.TICKET, "credential_path")
    seen: list[Any] = []

    def ran_out() -> bool:
        result = trying("", **mine)
        seen.append(result if isinstance(result, Opened) else diagnosed(result))
        return bool(seen[-1] == wanted)

    wait_until(ran_out, 20, lambda: str(seen[-3:]))
    realm.tickets("anna", USERS["anna"])
    assert isinstance(trying("", **mine), Opened)


@pytest.mark.parametrize(
    ("changes", "failure", "field"),
    [
        ({"user": "nobody"}, Failure.PRINCIPAL, "user"),
        ({"user": "a@b@c"}, Failure.PRINCIPAL, "user"),
        ({"user": "old"}, Failure.PASSWORD_EXPIRED, "secret"),
        ({"user": "locked"}, Failure.USER_LOCKED, "user"),
        ({"user": "gone"}, Failure.USER_LOCKED, "user"),
        ({"realm": "NOWHERE.TEST"}, Failure.REALM, "realm"),
        ({"realm": "SILENT.TEST"}, Failure.LOGIN_SERVICE, "realm"),
        ({"service_principal": "smtp/other.example.test"}, Failure.SERVICE_NAME, "service_principal"),
        ({"service_principal": "smtp/localhost@OTHER.TEST"}, Failure.SERVICE_NAME, "service_principal"),
        ({"credential_path": "/nowhere/x.keytab", **KEYTAB}, Failure.KEYTAB, "credential_path"),
        ({"credential_path": "/etc/hostname", **KEYTAB}, Failure.KEYTAB, "credential_path"),
        ({"credential_path": "/nowhere/x", **CACHE}, Failure.TICKET, "credential_path"),
    ],
    ids=lambda value: "" if isinstance(value, str) else str(value)[:40],
)
def test_each_failure_names_the_setting_to_change(
    trying: LogIn, changes: dict[str, Any], failure: Failure, field: str
) -> None:
    password = USERS.get(changes.get("user", ""), USERS["anna"])
    assert diagnosed(trying(password, **changes)) == (failure, field)


def test_a_wrong_password(trying: LogIn) -> None:
    assert diagnosed(trying("wrong-canary")) == (Failure.PASSWORD, "secret")


def test_a_keytab_or_a_cache_of_somebody_else(realm: Kdc, trying: LogIn) -> None:
    keys, tickets = realm.keytab("robot"), realm.tickets("anna", USERS["anna"])
    assert diagnosed(trying("", credential_path=str(keys), **KEYTAB)) == (Failure.KEYTAB, "credential_path")
    other = trying("", user="robot", credential_path=str(tickets), **CACHE)
    assert diagnosed(other) == (Failure.TICKET, "credential_path")


def test_a_keytab_that_is_out_of_date(realm: Kdc, trying: LogIn) -> None:
    keys = realm.keytab("changing")
    realm.admin("cpw -randkey changing")
    failed = trying("", user="changing", credential_path=str(keys), **KEYTAB)
    assert diagnosed(failed) == (Failure.KEYTAB_STALE, "credential_path")
    assert isinstance(trying("", user="changing", credential_path=str(realm.keytab("changing")), **KEYTAB), Opened)


def test_a_server_with_another_key_than_the_domain_knows(realm: Kdc, trying: LogIn) -> None:
    """The domain gives a ticket; the server can't open it and says no. New tickets are taken once that is mended."""
    realm.admin("cpw -randkey smtp/rekeyed.example.test")
    mine: dict[str, Any] = {"credential_path": str(realm.keytab("robot")), "user": "robot", **KEYTAB}
    failed = trying("", service_principal="smtp/rekeyed.example.test", **mine)
    assert diagnosed(failed) == (535, "service_principal")
    assert isinstance(trying("", **mine), Opened)


def test_clocks_that_differ(realm: Kdc, dovecot: Dovecot, trying: LogIn, monkeypatch: pytest.MonkeyPatch) -> None:
    require("faketime")
    with Kdc({"anna": USERS["anna"]}, (SERVICE,), offset="+1h") as fast:
        monkeypatch.setenv("KRB5_CONFIG", fast.environment["KRB5_CONFIG"])
        assert diagnosed(trying()) == (Failure.CLOCK, "")


def test_a_domain_that_says_nothing_stops_nobody_else(realm: Kdc, dovecot: Dovecot, certificates: Certificates) -> None:
    """The login gives up after its time, and the loop has been free all the while."""
    beats = 0

    async def work() -> Any:
        async def beat() -> None:
            nonlocal beats
            while True:
                await asyncio.sleep(0.01)
                beats += 1

        beating = asyncio.create_task(beat())
        try:
            return await log_in(account(dovecot), certificates.ca.read_text(), reckon=1.0)
        finally:
            beating.cancel()

    realm.pause()
    try:
        failed = asyncio.run(work())
    finally:
        realm.resume()
    assert diagnosed(failed) == (Failure.LOGIN_SERVICE, "realm")
    assert beats > 20


def test_without_the_extra_it_says_what_to_install(trying: LogIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gssapi", None)
    why_not.cache_clear()
    try:
        assert "pip install 'postroom[kerberos]'" in missing(Login.KERBEROS)
        assert diagnosed(trying()) == (Failure.NOT_INSTALLED, "login")
    finally:
        monkeypatch.undo()
        why_not.cache_clear()


def test_two_realms_at_once(
    realm: Kdc, dovecot: Dovecot, sink: Sink, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each account goes by its own realm, keytab and cache; nothing of the process is changed for them."""
    with Kdc({"bert": "quill-canary"}, (SERVICE,), realm="SECOND.TEST") as second:
        both = f"{realm.environment['KRB5_CONFIG']}:{second.environment['KRB5_CONFIG']}"
        monkeypatch.setenv("KRB5_CONFIG", both)
        keys = second.keytab(SERVICE)
        with Dovecot(
            {}, relay=sink.port, certificate=certificates.good, keytab=keys, krb5={"KRB5_CONFIG": both}
        ) as other:
            authority = certificates.ca.read_text()
            keytab = str(second.keytab("bert"))
            logins = [
                (account(dovecot, realm=REALM), USERS["anna"]),
                (account(other, user="bert", realm="SECOND.TEST"), "quill-canary"),
                (account(dovecot, credential_path=str(realm.tickets("anna", USERS["anna"])), **CACHE), ""),
                (account(other, user="bert", realm="SECOND.TEST", credential_path=keytab, **KEYTAB), ""),
            ]

            async def work() -> list[Any]:
                return await asyncio.gather(*(log_in(one, authority, word) for one, word in logins * 3))

            before = dict(os.environ)
            results = asyncio.run(work())
    assert [type(one) for one in results] == [Opened] * 12
    assert dict(os.environ) == before


# What a server may do in the security context itself: an acceptor in this process, with the service's own key.


class Acceptor:
    """The server's side of RFC 4752. `binding`: what it sees of the link; None: it does not look."""

    def __init__(self, keytab: Path, binding: bytes | None = None) -> None:
        self.gssapi: Any = pytest.importorskip("gssapi")
        creds = self.gssapi.Credentials(usage="accept", store={"keytab": str(keytab)})
        bound = None if binding is None else self.gssapi.raw.ChannelBindings(application_data=binding)
        self.context = self.gssapi.SecurityContext(usage="accept", creds=creds, channel_bindings=bound)

    def take(self, token: bytes) -> bytes:
        answer: bytes = self.context.step(token)
        return answer

    def wrapped(self, offer: bytes) -> bytes:
        wrapped: bytes = self.context.wrap(offer, False).message
        return wrapped


BINDINGS = (("tls-unique", b"x"), ("tls-server-end-point", b"the certificate's hash"))


@pytest.fixture
def exchange(realm: Kdc) -> Exchange:
    one = Account(1, 1, "a", "localhost", 25, login=Login.KERBEROS, user="anna", service_principal=SERVICE)
    credentials = Credentials("anna", Secret(USERS["anna"]), BINDINGS)
    (mechanism,) = mechanisms_for(one)
    assert mechanism.blocking
    return mechanism.start(credentials, "")


def ended(exchange: Exchange, heard: bytes | None) -> Lost | Refusal | None:
    with pytest.raises(StopIteration) as stopped:
        exchange.send(heard)
    result: Lost | Refusal | None = stopped.value.value
    return result


@pytest.mark.parametrize("offer", [b"\1\0\0\0", b"\7\0\xff\xff"])
def test_no_layer_is_chosen(exchange: Exchange, realm: Kdc, offer: bytes) -> None:
    """RFC 4752, 3.1 and 3.3: one octet of choice, no size, no other identity."""
    acceptor = Acceptor(realm.keytab(SERVICE), b"tls-server-end-point:the certificate's hash")
    token = next(exchange)
    assert token is not None
    assert exchange.send(acceptor.take(token)) == b""
    chosen = exchange.send(acceptor.wrapped(offer))
    assert acceptor.context.unwrap(chosen).message == b"\1\0\0\0"
    assert ended(exchange, None) is None


def test_a_link_to_somebody_else_is_noticed_by_the_server(exchange: Exchange, realm: Kdc) -> None:
    acceptor = Acceptor(realm.keytab(SERVICE), b"tls-server-end-point:another certificate's hash")
    token = next(exchange)
    assert token is not None
    complaint = acceptor.take(token)
    with pytest.raises(acceptor.gssapi.exceptions.BadChannelBindingsError):
        acceptor.wrapped(b"")
    assert isinstance(ended(exchange, complaint), Lost)


def test_a_name_whose_domain_is_not_its_realm(realm: Kdc) -> None:
    """As in a domain whose people write `anna@company.example` (RFC 6806, 5)."""
    user = "anna@company.test"
    one = Account(1, 1, "a", "localhost", 25, login=Login.KERBEROS, realm=REALM, service_principal=SERVICE)
    (mechanism,) = mechanisms_for(one)
    acceptor = Acceptor(realm.keytab(SERVICE))
    token = next(mechanism.start(Credentials(user, Secret(USERS["anna"])), ""))
    assert token is not None
    acceptor.take(token)
    assert str(acceptor.context.initiator_name) == rf"anna\@company.test@{REALM}"


def test_a_server_that_leaves_the_layers_out(exchange: Exchange, realm: Kdc) -> None:
    """It has proved itself, and none were wanted."""
    acceptor = Acceptor(realm.keytab(SERVICE))
    token = next(exchange)
    assert token is not None
    assert exchange.send(acceptor.take(token)) == b""
    assert ended(exchange, None) is None


@pytest.mark.parametrize("offer", [b"", b"\1", b"\1\0\0\0\0", b"\6\0\xff\xff", b"\0\0\0\0"])
def test_an_impossible_offer_of_layers(exchange: Exchange, realm: Kdc, offer: bytes) -> None:
    acceptor = Acceptor(realm.keytab(SERVICE))
    token = next(exchange)
    assert token is not None
    exchange.send(acceptor.take(token))
    assert ended(exchange, acceptor.wrapped(offer)) is not None


@pytest.mark.parametrize("challenge", [b"", b"nonsense", b"\x60\x82" + b"\xff" * 400, None])
def test_a_server_that_does_not_prove_itself(exchange: Exchange, challenge: bytes | None) -> None:
    next(exchange)
    fault = ended(exchange, challenge)
    assert isinstance(fault, Lost)
    assert fault.kind is LostKind.UNPROVEN


def test_an_offer_that_somebody_has_changed(exchange: Exchange, realm: Kdc) -> None:
    acceptor = Acceptor(realm.keytab(SERVICE))
    token = next(exchange)
    assert token is not None
    exchange.send(acceptor.take(token))
    changed = bytearray(acceptor.wrapped(b"\1\0\0\0"))
    changed[-1] ^= 1
    assert isinstance(ended(exchange, bytes(changed)), Lost)


# Postroom itself


def test_mail_leaves_by_cache_keytab_and_password_and_waits_while_there_is_no_ticket(
    realm: Kdc,
    dovecot: Dovecot,
    sink: Sink,
    fork_postroom: Callable[..., Postroom],
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
    postroom = fork_postroom(poll_seconds=0.1).start()
    shared = {"host": "localhost", "encryption": "starttls", "login": "kerberos", "service_principal": SERVICE}
    keys = str(realm.keytab("robot"))
    cache = realm.folder / "later.tickets"
    ways: dict[str, dict[str, Any]] = {
        "password": {"user": "anna", "secret": USERS["anna"], "realm": REALM},
        "keytab": {"credential_source": "keytab", "credential_path": keys},
        "ticket-cache": {"credential_source": "ticket-cache", "credential_path": str(cache)},
    }
    for name, way in ways.items():
        postroom.deliver_to(dovecot.port, **{"name": name, **shared, **way})
    messages = {name: postroom.api.send(f"ok+{name}@sink.test", account=name) for name in ways}
    for name in ("password", "keytab"):
        postroom.api.wait_for_state(messages[name], "sent")
    waiting = messages["ticket-cache"]

    def told() -> str:
        return str(postroom.api.get(f"/v1/messages/{waiting}/timeline").expect(200))

    wait_until(lambda: str(cache) in told(), 60, told)
    assert set(postroom.api.states(waiting).values()) <= {"queued", "deferred"}
    realm.tickets("anna", USERS["anna"], cache)
    assert set(postroom.settle([waiting])[waiting].values()) == {"sent"}
    arrived = {address for _, address in sink.deliveries()}
    assert {f"ok+{name}@sink.test" for name in ways} <= arrived
    shown = postroom.log_text() + told() + postroom.api.get("/v1/accounts").expect(200).__repr__()
    assert "canary" not in shown
