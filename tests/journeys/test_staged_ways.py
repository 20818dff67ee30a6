"""The test of an account by every way of logging in and of getting to a server: the right steps, success and failure.

Real counterparts: Dovecot with the tests' identity provider and KDC, a server that speaks NTLM as Exchange does, one
that wants a client certificate, sshd, tinyproxy, and the agent as a process of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.login_server import LoginServer
from tests.journeys.test_bound_logins import PASSWORD as NTLM_PASSWORD
from tests.journeys.test_bound_logins import ntlm
from tests.journeys.test_bound_logins import users as users  # a fixture
from tests.journeys.test_connectors import Closed
from tests.journeys.test_kerberos import SERVICE, USERS
from tests.journeys.test_kerberos import dovecot as dovecot  # a fixture
from tests.journeys.test_kerberos import kdc as kdc  # a fixture
from tests.journeys.test_kerberos import realm as realm  # a fixture
from tests.journeys.test_kerberos import sink as sink  # a fixture
from tests.journeys.test_staged import Steps, findings, walked
from tests.rigs.certificate_set import Authority, key_pem
from tests.rigs.certificates import Certificates
from tests.rigs.dovecot import Dovecot
from tests.rigs.fixtures import require
from tests.rigs.kerberos import REALM, Kdc
from tests.rigs.postroom import Postroom
from tests.rigs.provider import KEY, Provider
from tests.rigs.sink import Sink
from tests.rigs.sshd import Sshd
from tests.rigs.tinyproxy import Tinyproxy

pytestmark = pytest.mark.xdist_group("kerberos")
ROOT = Authority("Example Root")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def postroom(
    fork_postroom: Callable[..., Postroom], certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> Postroom:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
    return fork_postroom(poll_seconds=0.1, instant_seconds=20).start()


def works(postroom: Postroom, account: str, **asked: Any) -> Steps:
    """All of it passed, but the arrival, which nobody has looked at."""
    found, latest = walked(postroom, account, **asked)
    assert found["state"] == "passed", (findings(latest), postroom.log_text()[-2_000:])
    assert set(findings(latest).values()) <= {"passed", "not-needed", "not-tested"}
    assert [name for name, one in findings(latest).items() if one == "not-tested"] == ["arrived"]
    return latest


def fails(postroom: Postroom, account: str, step: str, diagnosis: str, **asked: Any) -> Steps:
    """At this step, explained by this rule, and nothing after it counts."""
    found, latest = walked(postroom, account, **asked)
    assert found["state"] == "failed"
    assert [name for name, one in findings(latest).items() if one == "failed"] == [step], findings(latest)
    assert latest[step]["diagnosis"]["id"] == diagnosis, json.dumps(latest[step])
    assert "passed" not in list(findings(latest).values())[list(latest).index(step) + 1 :] or step == "connector"
    assert postroom.api.get(f"/v1/accounts/{account}").expect(200)["state"] == "ready", "a walk pauses no account"
    return latest


@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer"])
def test_oauth2_with_an_identity_provider(postroom: Postroom, sink: Sink, mechanism: str, stack: ExitStack) -> None:
    require("dovecot")
    provider = stack.enter_context(Provider(user="ann@example.test"))
    server = stack.enter_context(Dovecot({"other": "word"}, relay=sink.port, token_key=KEY, tokens=mechanism))
    place = {"host": "127.0.0.1", "port": server.port, "encryption": "none", "allow_clear_login": True}
    postroom.api.call("PATCH", "/v1/settings", {"mode": "smtp"}).expect(200)
    for name, user in (
        ("connected", "ann@example.test"),
        ("not-yet", "ann@example.test"),
        ("other", "bob@example.test"),
    ):
        values = provider.account(name=name, sender_address="ann@example.test", **place)
        postroom.api.post("/v1/accounts", {**values, "user": user}).expect(201)
    for name in ("connected", "other"):
        refresh = {"refresh_token": provider.refresh_token()}
        postroom.api.post(f"/v1/accounts/{name}/grant", refresh).expect(200)
        if name == "connected":
            login = works(postroom, name)["login"]
            assert login["seen"]["chosen"] == mechanism.upper()
    fails(postroom, "not-yet", "login", "grant-missing")
    told = fails(postroom, "other", "login", "token-refused")
    assert not any(one in json.dumps(told) for one in provider.issued)


def test_kerberos_with_a_password_and_a_keytab(
    realm: Kdc, dovecot: Dovecot, sink: Sink, fork_postroom: Callable[..., Postroom], postroom: Postroom
) -> None:
    shared = {"host": "localhost", "encryption": "starttls", "login": "kerberos", "service_principal": SERVICE}
    person = {"user": "anna", "secret": USERS["anna"], "realm": REALM}
    keys = {"credential_source": "keytab", "credential_path": str(realm.keytab("robot"))}
    for name, way in {"password": person, "keytab": keys, "wrong": {**person, "secret": "no-canary"}}.items():
        postroom.deliver_to(dovecot.port, **{"name": name, **shared, **way})
    for name in ("password", "keytab"):
        latest = works(postroom, name)
        assert (latest["tls"]["finding"], latest["login"]["seen"]["chosen"]) == ("passed", "GSSAPI")
    told = fails(postroom, "wrong", "login", "kerberos-password-refused")
    assert "canary" not in json.dumps(told)


def test_ntlm(postroom: Postroom, users: None, certificates: Certificates) -> None:
    offer = {"NTLM": ntlm(certificates.good)}
    with LoginServer(certificates.server_context(), offer, {"NTLM": b"ntlm supported"}) as server:
        shared = {"host": "localhost", "encryption": "starttls", "login": "ntlm", "user": "CORP\\anna"}
        postroom.deliver_to(server.port, name="right", secret=NTLM_PASSWORD, **shared)
        postroom.deliver_to(server.port, name="wrong", secret="no-canary", **shared)
        assert works(postroom, "right")["login"]["seen"]["chosen"] == "NTLM"
        told = fails(postroom, "wrong", "login", "ntlm-refused")
    assert "canary" not in json.dumps(told)


def test_a_client_certificate(postroom: Postroom, make_sink: Callable[..., Sink], tmp_path: Path) -> None:
    issued, ours = ROOT.issue("127.0.0.1"), ROOT.issue(common_name="postroom.example")
    (tmp_path / "root.pem").write_text(ROOT.pem)
    (tmp_path / "server.pem").write_text(key_pem(issued.key) + issued.chain)
    server = make_sink(
        certificate=tmp_path / "server.pem", tls="implicit", options={"client_ca": tmp_path / "root.pem"}
    )
    shared = {"host": "127.0.0.1", "encryption": "tls", "certificate_authority": ROOT.pem}
    ours_too = {"client_certificate": ours.chain, "client_key": key_pem(ours.key)}
    postroom.deliver_to(server.port, name="with", **shared, **ours_too)
    postroom.deliver_to(server.port, name="without", **shared)
    assert works(postroom, "with")["tls"]["finding"] == "passed"
    _, latest = walked(postroom, "without")
    assert "failed" in (latest["tls"]["finding"], latest["greeting"]["finding"])
    assert latest["accepted"]["finding"] == "not-tested"


def test_a_jump_host_and_an_http_proxy(postroom: Postroom, sink: Sink, tmp_path: Path, stack: ExitStack) -> None:
    require("sshd")
    require("tinyproxy")
    sshd = stack.enter_context(Sshd([f"127.0.0.1:{sink.port}"]))
    proxy = stack.enter_context(Tinyproxy(tmp_path / "proxy", [sink.port]))
    jump = {"kind": "ssh", "port": sshd.port, "user": sshd.user, "secret": sshd.private_key}
    for name, values in {"jump": jump, "office": {"kind": "http", "port": proxy.port}}.items():
        postroom.api.post("/v1/connectors", {"name": name, "host": "127.0.0.1", **values}).expect(201)
        postroom.deliver_to(sink.port, name=name, connector=name)
    fails(postroom, "jump", "connector", "connector-key-not-confirmed")
    postroom.api.call("PATCH", "/v1/connectors/jump", {"host_key": sshd.fingerprint}).expect(200)
    for name in ("jump", "office"):
        latest = works(postroom, name)
        assert (latest["resolve"]["finding"], latest["connector"]["finding"]) == ("not-needed", "passed")
    fails(postroom, "office", "connector", "connector-forbids-server", values={"port": sink.port + 1})


def test_an_agent(make_postroom: Callable[..., Postroom], sink: Sink, tmp_path: Path, stack: ExitStack) -> None:
    closed = Closed(make_postroom, tmp_path, stack)
    closed.postroom.deliver_to(sink.port, name="relay", connector_id="cellar")
    fails(closed.postroom, "relay", "connector", "connector-unreachable")
    closed.agent("one", f"127.0.0.1:{sink.port}").start()
    closed.wait_for("one")
    assert works(closed.postroom, "relay")["connector"]["finding"] == "passed"
