"""From an address to a server that works: with a real name server, real TLS and servers that say what they like."""

from __future__ import annotations

import asyncio
import http.server
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme

from postroom.addresses import Address
from postroom.model.account import Account, Encryption, Login
from postroom.model.attempt import Failure
from postroom.model.tenant import INSTALLATION
from postroom.policy.candidates import Source
from postroom.probe.discovery import Around, Discovered, discover
from postroom.settings import NameServer
from postroom.smtp.phase import Phase
from postroom.wire.dial import DialTimeouts, NoLink, Target, link_over, reach
from postroom.wire.dns import Dns
from postroom.wire.guard import AccountGuard, allow_all, guard_for, refuse_internal
from postroom.wire.link import Link
from tests.journeys.loopback import context_with
from tests.journeys.stranger import Stranger, Visit
from tests.rigs.names import NameServerRig, Zone

TENANT = 7
NAMES = ("firm.test", "smtp.firm.test", "mail.firm.test", "autoconfig.firm.test", "out.elsewhere.test")


@dataclass
class Street:
    """Houses with names and the usual numbers: what dials out is led to the loopback server that plays one.

    It stands where a connector would: (host, port) → port on loopback.
    """

    certificate: Path
    doors: dict[tuple[str, int], int] = field(default_factory=dict)
    knocked: list[tuple[str, int]] = field(default_factory=list)

    async def open(self, target: Target, timeouts: DialTimeouts, ends: float) -> Link | NoLink:
        self.knocked.append((target.host, target.port))
        port = self.doors.get((target.host, target.port))
        if port is None:
            return NoLink(Failure.REFUSED, "connection refused", Phase.CONNECT)
        won = await reach(Target("127.0.0.1", port), timeouts, ends, allow_all)
        return won if isinstance(won, NoLink) else await link_over(won[0], target, timeouts, won[1])


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("names")
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    ca.issue_cert(*NAMES).private_key_and_cert_chain_pem.write_to_path(str(folder / "names.pem"))
    return folder / "names.pem"


@pytest.fixture
def street(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Street:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_name("ca.pem")))
    return Street(certificate)


def speaks(
    street: Street, *, tls: str = "starttls", auth: str = "PLAIN LOGIN", greeting: str = "220 mail.firm.test ESMTP"
) -> Callable[[Visit], None]:
    """A mail server as it should be: `tls` is starttls, tls or none."""

    def script(visit: Visit) -> None:
        if tls == "tls":
            visit.start_tls(context_with(street.certificate))
        encrypted = tls == "tls"
        visit.say(f"{greeting}\r\n".encode())
        while line := visit.line():
            verb = line.split(None, 1)[0].upper()
            if verb == b"EHLO":
                offered = ["mail.firm.test", "PIPELINING"]
                offered += ["STARTTLS"] if tls == "starttls" and not encrypted else []
                offered += [f"AUTH {auth}"] if auth and (encrypted or tls == "none") else []
                lines = [f"250-{one}\r\n" for one in offered[:-1]] + [f"250 {offered[-1]}\r\n"]
                visit.say("".join(lines).encode())
            elif verb == b"STARTTLS":
                visit.say(b"220 go ahead\r\n")
                visit.start_tls(context_with(street.certificate))
                encrypted = True
            elif verb == b"QUIT":
                return
            else:
                visit.say(b"250 ok\r\n")

    return script


class _Web(http.server.BaseHTTPRequestHandler):
    files: Mapping[str, bytes] = {}

    def do_GET(self) -> None:
        found = self.files.get(f"{self.headers['Host']}{self.path}")
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Length", str(len(found or b"")))
        self.end_headers()
        self.wfile.write(found or b"")

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def web(street: Street, files: Mapping[str, bytes]) -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("_Files", (_Web,), {"files": files}))
    server.socket = context_with(street.certificate).wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.02))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def guard(tenant_id: int, host: str, port: int) -> AccountGuard:
    return guard_for(Account(0, tenant_id, "", host, port), ())


def look(zone: Zone, street: Street | None = None, *, tenant: int = INSTALLATION, **more: Any) -> Discovered:
    async def work(rig: NameServerRig) -> Discovered:
        around = Around(
            dns=Dns((NameServer(rig.host, rig.port),), 20.0),
            guard=partial(guard, tenant),
            web_guard=allow_all if tenant == INSTALLATION else refuse_internal,
            ehlo_name="postroom.test",
            via=street,
            own_names=True,
            seconds=more.pop("seconds", 60.0),
            each=more.pop("each", 20.0),
            **more,
        )
        return await discover(Address.parse("ann@firm.test"), around)

    with NameServerRig(zone) as rig:
        return asyncio.run(work(rig))


ZONE: dict[str, dict[str, list[str]]] = {
    "firm.test": {"MX": ["10 mail.firm.test."]},
    "_submissions._tcp.firm.test": {"SRV": ["0 1 465 smtp.firm.test."]},
    "_submission._tcp.firm.test": {"SRV": ["0 1 587 smtp.firm.test."]},
}


def test_the_best_server_is_found_and_nothing_but_its_greeting_and_capabilities_is_asked(street: Street) -> None:
    with ExitStack() as stack:
        best = stack.enter_context(Stranger(speaks(street, tls="tls", auth="SCRAM-SHA-256 PLAIN")))
        second = stack.enter_context(Stranger(speaks(street)))
        incoming = stack.enter_context(Stranger(speaks(street, auth="")))
        street.doors = {
            ("smtp.firm.test", 465): best.port,
            ("smtp.firm.test", 587): second.port,
            ("mail.firm.test", 25): incoming.port,
        }
        found = look(ZONE, street, autoconfig=False)
        heard = b"".join(bytes(visit.heard) for one in (best, second, incoming) for visit in one.visits).upper()
    assert [(one.host, one.port, one.encryption, one.login) for one in found.offers] == [
        ("smtp.firm.test", 465, Encryption.TLS, Login.PASSWORD),
        ("smtp.firm.test", 587, Encryption.STARTTLS, Login.PASSWORD),
        ("mail.firm.test", 25, Encryption.STARTTLS, Login.NONE),
    ]
    assert found.offers[0].source is Source.SRV
    assert found.offers[0].logins == ("SCRAM-SHA-256", "PLAIN")
    assert "TLS" in found.offers[0].tls
    assert all(one.reasons for one in found.offers)
    assert found.offers[2].cautions
    for word in (b"AUTH", b"MAIL FROM", b"RCPT"):
        assert word not in heard
    assert any("mail.firm.test" in one.words for one in found.heard if one.what == "mx")


def test_the_domain_s_own_file_for_mail_programs_is_believed_over_a_guess(street: Street) -> None:
    text = (
        "<clientConfig><emailProvider><outgoingServer type='smtp'><hostname>out.elsewhere.test</hostname>"
        "<port>2587</port><socketType>STARTTLS</socketType><username>%EMAILLOCALPART%</username>"
        "<authentication>password-cleartext</authentication></outgoingServer></emailProvider></clientConfig>"
    )
    files = {"autoconfig.firm.test/mail/config-v1.1.xml": text.encode()}
    with web(street, files) as port, Stranger(speaks(street)) as told, Stranger(speaks(street)) as guessed:
        street.doors = {
            ("autoconfig.firm.test", 443): port,
            ("firm.test", 443): port,
            ("out.elsewhere.test", 2587): told.port,
            ("smtp.firm.test", 587): guessed.port,
        }
        found = look({"firm.test": {}}, street)
        without = look({"firm.test": {}}, street, autoconfig=False)
    assert [(one.host, one.source) for one in found.offers] == [
        ("out.elsewhere.test", Source.AUTOCONFIG), ("smtp.firm.test", Source.NAME),
    ]  # fmt: skip
    assert found.offers[0].user == "ann"
    assert found.offers[0].cautions, "it is not in the mailbox's own domain"
    assert [one.host for one in without.offers] == ["smtp.firm.test"], "the operator may switch it off"


@pytest.mark.parametrize(
    "answer",
    [
        b"<!DOCTYPE a [<!ENTITY b '12345'>]><a>&b;</a>",
        b"<a>" * 30_000,
        b"x" * 200_000,
        b"\xff\xfe\x00",
        b"<html>Welcome</html>",
    ],
)
def test_a_hostile_file_is_nothing_but_said(street: Street, answer: bytes) -> None:
    files = {"autoconfig.firm.test/mail/config-v1.1.xml": answer}
    with web(street, files) as port:
        street.doors = {("autoconfig.firm.test", 443): port}
        found = look({}, street)
    assert found.offers == ()
    assert any(one.what == "mx" and "no domain" in one.words for one in found.heard)


def _wrong_names(street: Street, folder: Path) -> Callable[[Visit], None]:
    return speaks(Street(folder), tls="tls")


def test_servers_that_do_not_work_are_told_with_their_reason(street: Street, tmp_path: Path) -> None:
    other = trustme.CA().issue_cert("smtp.firm.test")
    other.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "other.pem"))
    with ExitStack() as stack:
        doors = {
            "web.firm.test": lambda visit: visit.say(b"HTTP/1.1 400 canary-9\r\n\r\n"),
            "busy.firm.test": lambda visit: visit.say(b"421 come back later\r\n"),
            "closes.firm.test": lambda visit: None,
            "endless.firm.test": lambda visit: visit.say(b"220-x\r\n" * 5_000),
            "untrusted.firm.test": _wrong_names(street, tmp_path / "other.pem"),
        }
        for place, script in enumerate(doors.values()):
            street.doors[(list(doors)[place], 465 if "untrusted" in list(doors)[place] else 587)] = stack.enter_context(
                Stranger(script)
            ).port
        encrypted = [f"0 1 587 {name}." for name in list(doors)[:4]]
        found = look(
            {
                "firm.test": {},
                "_submission._tcp.firm.test": {"SRV": encrypted},
                "_submissions._tcp.firm.test": {"SRV": ["0 1 465 untrusted.firm.test."]},
            },
            street,
            autoconfig=False,
        )
    assert found.offers == ()
    why = {one.host: one for one in found.tried if one.source == "srv"}
    assert "untrusted.firm.test" in why
    assert why["untrusted.firm.test"].diagnosis.startswith("certificate")
    assert all(one.words and len(one.words) < 700 and one.words.isprintable() for one in found.tried)
    assert "canary-9" not in why["web.firm.test"].words


def test_a_server_without_encryption_is_named_last_and_with_a_warning(street: Street) -> None:
    with Stranger(speaks(street, tls="none", auth="")) as plain:
        street.doors = {("smtp.firm.test", 25): plain.port}
        found = look({"firm.test": {}}, street, autoconfig=False)
    assert [(one.encryption, one.login) for one in found.offers] == [(Encryption.NONE, Login.NONE)]
    assert any("not encrypted" in caution for caution in found.offers[0].cautions)


def test_a_silent_server_holds_up_nobody_and_the_search_ends_in_time(street: Street) -> None:
    def silent(visit: Visit) -> None:
        visit.wait_for_the_end()

    with Stranger(silent) as mute, Stranger(speaks(street)) as good:
        street.doors = {("smtp.firm.test", port): mute.port for port in (465, 2525, 25)}
        street.doors[("smtp.firm.test", 587)] = good.port
        found = look({"firm.test": {}}, street, autoconfig=False, each=3.0)
    assert [(one.host, one.port) for one in found.offers] == [("smtp.firm.test", 587)]
    assert {one.port for one in found.tried if one.host == "smtp.firm.test"} == {465, 2525, 25}
    assert len(street.knocked) == len(set(street.knocked))


def test_a_name_server_that_says_nothing_leaves_the_guesses(street: Street) -> None:
    with Stranger(speaks(street)) as good:
        street.doors = {("smtp.firm.test", 587): good.port}
        silent: Zone = {
            "firm.test": "silence", "_submission._tcp.firm.test": "garbage", "_submissions._tcp.firm.test": "servfail",
        }  # fmt: skip

        async def work(rig: NameServerRig) -> Discovered:
            servers = (NameServer(rig.host, rig.port),)
            around = Around(
                Dns(servers, 0.5),
                partial(guard, INSTALLATION),
                allow_all,
                "postroom.test",
                via=street,
                autoconfig=False,
            )
            return await discover(Address.parse("ann@firm.test"), around)

        with NameServerRig(silent) as rig:
            found = asyncio.run(work(rig))
    assert [one.host for one in found.offers] == ["smtp.firm.test"]
    assert any("could not be looked up" in one.words for one in found.heard)


def test_a_tenant_reaches_nothing_inside_and_is_told_nothing_of_it(street: Street) -> None:
    """A9: hosts that the domain's owner chose freely, which lead to this machine and its network."""
    with Stranger(speaks(street, greeting="220 canary-7")) as inside:
        zone = {
            "firm.test": {"MX": ["10 mail.firm.test."], "A": ["127.0.0.1"]},
            "_submissions._tcp.firm.test": {"SRV": [f"0 1 {inside.port} smtp.firm.test.", "1 1 465 inner.firm.test."]},
            "_submission._tcp.firm.test": {"SRV": ["0 1 587 localhost.", "0 2 25 inner.firm.test."]},
            "smtp.firm.test": {"A": ["127.0.0.1"], "AAAA": ["::1"]},
            "mail.firm.test": {"A": ["10.0.0.1", "169.254.169.254"], "AAAA": ["::ffff:127.0.0.1"]},
            "inner.firm.test": {"A": ["192.168.7.7"]},
        }
        found = look(zone, tenant=TENANT, autoconfig=False)
        assert inside.visits == []
    assert found.offers == ()
    assert found.tried == ()
    assert "canary-7" not in repr(found)


def test_the_operator_s_own_search_reaches_inside(street: Street) -> None:
    with Stranger(speaks(street)) as inside:
        zone = {
            "firm.test": {},
            "_submission._tcp.firm.test": {"SRV": [f"0 1 {inside.port} smtp.firm.test."]},
            "smtp.firm.test": {"A": ["127.0.0.1"]},
        }
        found = look(zone, autoconfig=False, each=5.0)
    assert [(one.host, one.port) for one in found.offers] == [("smtp.firm.test", inside.port)]
