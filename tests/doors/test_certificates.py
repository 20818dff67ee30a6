"""An account's certificates from the form to the server: looked at and confirmed, pinned, noticed when they change; an
own CA; a certificate of our own with its key. No password goes where nobody checked who listens (P7), no key is shown.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from postroom.settings import Role
from tests.doors.api_rig import Api, open_api, problem
from tests.journeys.stranger import Stranger, Visit
from tests.rigs.certificate_set import Authority, Issued, key_pem, short_key
from tests.rigs.process import wait_until
from tests.rigs.sink import Sink

SECRET = "c4nary-hunter2"
PASSPHRASE = "open-sesame-c4nary"
ROOT = Authority("Example Root")
MakeSink = Callable[..., Sink]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Api]:
    with open_api(tmp_path / "house", Role.ALL, poll_seconds=0.1) as opened:
        opened.boss.patch("/v1/settings", json={"mode": "smtp"}).raise_for_status()
        yield opened


def alone(name: str = "127.0.0.1") -> Issued:
    """A certificate that signed itself."""
    own = Authority(name)
    return own.issue(name, common_name=name, key=own.key)


def served(issued: Issued, make_sink: MakeSink, folder: Path, **options: Any) -> tuple[Sink, Path]:
    """A server with this certificate, and the file to put another one into."""
    path = issued.bundle(folder)
    return make_sink(tls="starttls", certificate=path, **options), path


def account(client: httpx2.Client, sink: Sink, **more: Any) -> dict[str, Any]:
    values = {"name": "Main", "host": "127.0.0.1", "port": sink.port, "sender_address": "a@sender.test"}
    made = client.post("/v1/accounts", json=values | more)
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


def shown(client: httpx2.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/v1/accounts/Main").json()
    return found


def send(client: httpx2.Client) -> str:
    mail = {"to": "ok@sink.test", "from": "a@sender.test", "subject": "Hello", "text": "…"}
    return str(client.post("/v1/messages", json=mail).json()["id"])


def place(client: httpx2.Client, message: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/v1/messages/{message}").json()["recipients"][0]
    return found


def ends(client: httpx2.Client, message: str, state: str) -> dict[str, Any]:
    wait_until(lambda: place(client, message)["state"] == state, 40, lambda: str(place(client, message)))
    return place(client, message)


def changed_to(sink: Sink, path: Path, issued: Issued) -> None:
    """The server's administrator renews its certificate."""
    sink.stop()
    path.write_text(key_pem(issued.key) + issued.chain)
    sink.run()


def test_a_certificate_is_looked_at_confirmed_trusted_and_missed_when_it_changes(
    house: Api, make_sink: MakeSink, tmp_path: Path
) -> None:
    """SG9: whoever comes later gets neither mail nor password, and everybody sees why."""
    client, first, second = house.boss, alone(), alone()
    sink, path = served(first, make_sink, tmp_path, require_auth=True)
    account(client, sink, user="anna", secret=SECRET)
    seen = client.post("/v1/accounts/Main/certificate").json()
    assert seen["why"] == "The server's certificate is self-signed: nobody vouches for it."
    assert (seen["chain"][0]["fingerprint"], seen["chain"][0]["names"]) == (first.fingerprint, ["127.0.0.1"])
    assert (seen["pin"], seen["trusted"], seen["changed"]) == ("", None, False)
    trust = "/v1/accounts/Main/certificate/trust"
    assert "another certificate now" in problem(client.post(trust, json={"fingerprint": "00" * 32}), 409)["detail"]
    assert shown(client)["certificate_check"] == "verify", "nothing was changed"

    trusted = client.post(trust, json={"fingerprint": first.fingerprint.upper(), "secret": SECRET}).json()
    assert (trusted["certificate_check"], trusted["certificate_pin"]) == ("pinned", first.fingerprint)
    assert trusted["certificates"]["trusted"]["fingerprint"] == first.fingerprint
    assert trusted["has_secret"]
    ends(client, send(client), "sent")
    logins = len(sink.entries("auth"))
    assert logins == 1

    changed_to(sink, path, second)
    message = send(client)
    held = ends(client, message, "held")
    assert "another certificate than the one you trust" in held["explanation"]
    paused = shown(client)
    assert paused["state"] == "paused"
    assert "another certificate" in paused["paused_reason"]
    assert len(sink.entries("auth")) == logins, "no password for whoever answers there now"
    seen = client.post("/v1/accounts/Main/certificate").json()
    assert (seen["changed"], seen["pin"]) == (True, first.fingerprint)
    assert (seen["trusted"]["fingerprint"], seen["chain"][0]["fingerprint"]) == (first.fingerprint, second.fingerprint)

    dropped = client.post(trust, json={"fingerprint": second.fingerprint}).json()
    assert dropped["secret_dropped"], "a password that was typed for another certificate stays here (P7)"
    client.post("/v1/accounts/Main/resume").raise_for_status()
    ends(client, message, "held")
    assert len(sink.entries("auth")) == logins
    client.patch("/v1/accounts/Main", json={"secret": SECRET}).raise_for_status()
    ends(client, message, "sent")
    changes = client.get("/v1/accounts/Main/versions").json()["versions"]
    assert len(changes) == 4, "each trust is a version"


def test_an_own_ca_is_believed_and_described(house: Api, make_sink: MakeSink, tmp_path: Path) -> None:
    client = house.boss
    sink, _ = served(ROOT.authority("Example Middle").issue("127.0.0.1"), make_sink, tmp_path)
    made = account(client, sink, certificate_authority=f"Some words before.\n{ROOT.pem}and after")
    assert made["certificate_check"] == "own-ca", "whoever gives a CA means it"
    assert made["certificate_authority"] == ROOT.pem
    assert made["certificates"]["authority"][0]["subject"] == "Example Root"
    ends(client, send(client), "sent")
    other = Authority("Other Root")
    client.patch("/v1/accounts/Main", json={"certificate_authority": other.pem}).raise_for_status()
    found = ends(client, send(client), "held")
    assert "not the account's own" in found["reply"]


def test_a_client_certificate_opens_the_door_and_its_key_is_shown_nowhere(
    house: Api, make_sink: MakeSink, tmp_path: Path
) -> None:
    client = house.boss
    (tmp_path / "root.pem").write_text(ROOT.pem)
    issued, ours = ROOT.issue("127.0.0.1"), ROOT.issue(common_name="postroom.example")
    sink, _ = served(issued, make_sink, tmp_path, options={"client_ca": tmp_path / "root.pem"})
    account(client, sink, certificate_authority=ROOT.pem)
    message = send(client)
    ends(client, message, "deferred")  # this server only hangs up; what says why is in the certificate set

    protected = key_pem(ours.key, PASSPHRASE)
    values = {"client_certificate": ours.chain, "client_key": protected, "client_key_passphrase": PASSPHRASE}
    answer = client.patch("/v1/accounts/Main", json=values)
    assert answer.json()["has_client_key"], answer.text
    assert answer.json()["certificates"]["client"][0]["subject"] == "postroom.example"
    client.post(f"/v1/messages/{message}/retry").raise_for_status()
    ends(client, message, "sent")

    clear = key_pem(ours.key).splitlines()[1]
    paths = ("", "/versions", "/comparison")
    everything = "".join(client.get(f"/v1/accounts/Main{path}").text for path in paths) + answer.text
    everything += client.get("/v1/settings/export").text + client.get("/v1/audit").text
    assert "PRIVATE KEY" not in everything
    assert not [one for one in (clear, PASSPHRASE, protected.splitlines()[1]) if one in everything]
    assert "PRIVATE KEY" not in (house.engine.settings.data / "postroom.db").read_bytes().decode("latin-1")

    moved = client.patch("/v1/accounts/Main", json={"port": sink.port + 1}).json()
    assert not moved["has_client_key"], "the key was given for that server"
    assert any("client_key" in sentence for sentence in moved["needs"])


def test_ignored_errors_stay_visible_and_get_no_password(house: Api, make_sink: MakeSink, tmp_path: Path) -> None:
    """The last resort is for mail, not for passwords, unless the operator says just that."""
    client = house.boss
    sink, _ = served(alone("elsewhere.test"), make_sink, tmp_path, require_auth=True)
    made = account(client, sink, login="plain", user="anna", secret=SECRET, certificate_check="ignore")
    assert any("certificate_check" in sentence for sentence in made["warnings"])
    message = send(client)
    held = ends(client, message, "held")
    assert held["diagnosis"] == "login-would-be-unverified"
    assert sink.entries("auth") == []
    allowed = client.patch("/v1/accounts/Main", json={"allow_clear_login": True, "secret": SECRET}).json()
    assert any("could read the password" in sentence for sentence in allowed["warnings"])
    ends(client, message, "sent")
    listed = client.get("/v1/accounts").json()["accounts"][0]
    assert listed["warnings"] == allowed["warnings"]


_GOOD = ROOT.issue(common_name="us")
_OLD = ROOT.issue(common_name="us", until=-1)
UNFIT: dict[str, tuple[dict[str, object], str, str]] = {
    "no PEM": ({"certificate_authority": "hello"}, "certificate_authority", "no certificate in PEM"),
    "a leaf as CA": ({"certificate_authority": _GOOD.pem}, "certificate_authority", "of a server"),
    "a key beside the CA": (
        {"certificate_authority": ROOT.pem + key_pem(_GOOD.key)}, "certificate_authority", "private key",
    ),
    "an expired CA": (
        {"certificate_authority": ROOT.authority("Old", until=-1).pem}, "certificate_authority", "expired on",
    ),
    "a broken CA": (
        {"certificate_authority": ROOT.pem.replace("M", "N")}, "certificate_authority", "can't be read",
    ),
    "own-ca without a CA": ({"certificate_check": "own-ca"}, "certificate_authority", "missing"),
    "pinned without a pin": ({"certificate_check": "pinned"}, "certificate_pin", "missing"),
    "half a fingerprint": ({"certificate_pin": "ab:cd"}, "certificate_pin", "fingerprint"),
    "pin and certificate differ": (
        {"certificate_pin": "00" * 32, "certificate_trusted": ROOT.pem}, "certificate_pin", "not the fingerprint",
    ),
    "another's key": (
        {"client_certificate": _GOOD.pem, "client_key": key_pem(_OLD.key)}, "client_key", "does not belong",
    ),
    "a key without a certificate": ({"client_key": key_pem(_GOOD.key)}, "client_certificate", "missing"),
    "a protected key": (
        {"client_certificate": _GOOD.pem, "client_key": key_pem(_GOOD.key, PASSPHRASE)}, "client_key", "passphrase",
    ),
    "the wrong passphrase": (
        {"client_certificate": _GOOD.pem, "client_key": key_pem(_GOOD.key, PASSPHRASE), "client_key_passphrase": "x"},
        "client_key_passphrase", "does not open",
    ),
    "an expired client certificate": (
        {"client_certificate": _OLD.pem, "client_key": key_pem(_OLD.key)}, "client_certificate", "expired on",
    ),
    "no key": ({"client_certificate": _GOOD.pem, "client_key": "hello"}, "client_key", "no private key"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNFIT)
def test_what_does_not_fit_is_told_by_its_field_and_never_repeated(house: Api, name: str) -> None:
    values, field, words = UNFIT[name]
    answer = house.boss.post("/v1/accounts", json={"name": "Main", "host": "smtp.example.com"} | values)
    found = {fault["field"]: fault["problem"] for fault in problem(answer, 422)["faults"]}
    assert list(found) == [field]
    assert words in found[field]
    assert PASSPHRASE not in answer.text
    assert not [line for line in str(values.get("client_key", "")).splitlines()[1:-1] if line in answer.text]


def test_what_expires_is_told_ahead(house: Api) -> None:
    client, soon = house.boss, ROOT.issue(common_name="us", until=20, key=short_key())
    values = {"client_certificate": key_pem(soon.key) + soon.pem, "certificate_authority": ROOT.authority(until=5).pem}
    made = client.post("/v1/accounts", json={"name": "Main", "host": "smtp.example.com"} | values).json()
    assert made["has_client_key"], "a key that stands in the same file is found there"
    assert "PRIVATE" not in made["client_certificate"]
    told = [sentence for sentence in made["warnings"] if "expires on" in sentence]
    assert len(told) == 2
    assert any("certificate_authority" in sentence for sentence in told)
    assert any("client_certificate" in sentence for sentence in told)


def test_a_server_that_shows_none_is_explained(house: Api, make_sink: MakeSink) -> None:
    client, sink = house.boss, make_sink()
    account(client, sink, encryption="starttls")
    told = problem(client.post("/v1/accounts/Main/certificate"), 409)["detail"]
    assert "does not offer to encrypt" in told
    assert told.endswith("The field to change is encryption.")
    client.patch("/v1/accounts/Main", json={"encryption": "none", "port": sink.port}).raise_for_status()
    assert "Set encryption to starttls or tls" in problem(client.post("/v1/accounts/Main/certificate"), 409)["detail"]


def test_what_is_unwise_and_what_stops_mail_is_listed_over_all_accounts(house: Api) -> None:
    client = house.boss
    values = {"host": "smtp.example.com", "user": "u"}
    client.post("/v1/accounts", json=values | {"name": "Careless", "certificate_check": "ignore", "secret": "x"})
    client.post("/v1/accounts", json=values | {"name": "Locked"})
    found = [one for one in client.get("/v1/checks").json()["problems"] if one["about"]]
    assert [(one["about"], one["stops"]) for one in found][:2] == [("Locked", True), ("Careless", False)]
    assert "certificate_check" in found[1]["what"]
    assert house.tenant().get("/v1/checks").json()["problems"] == [], "each his own"


STRIPPED = {
    "offers none": (b"250 stranger.test\r\n", b"502 no\r\n", "starttls-not-offered"),
    "refuses it": (b"250-stranger.test\r\n250 STARTTLS\r\n", b"502 not here\r\n", ""),
    "not now": (b"250-stranger.test\r\n250 STARTTLS\r\n", b"454 not now\r\n", ""),
    "injects": (b"250-stranger.test\r\n250 STARTTLS\r\n", b"220 go\r\n250 evil\r\n", "bytes-before-tls"),
    "goes on in clear": (b"250-stranger.test\r\n250 STARTTLS\r\n", b"220 go\r\n", ""),
}


@pytest.mark.parametrize("name", STRIPPED)
def test_looking_at_a_hostile_server_says_nothing_and_trusts_nothing(house: Api, name: str) -> None:
    """A7: a look goes no further than TLS, and where that is taken away it ends with words for people."""
    abilities, answer, diagnosis = STRIPPED[name]

    def script(visit: Visit) -> None:
        visit.say(b"220 stranger.test ESMTP\r\n")
        visit.answer({b"EHLO": abilities, b"STARTTLS": answer, b"QUIT": b"221 bye\r\n"})

    with Stranger(script) as stranger:
        values = {"name": "Main", "host": "127.0.0.1", "port": stranger.port, "user": "u", "secret": SECRET}
        house.boss.post("/v1/accounts", json=values).raise_for_status()
        told = problem(house.boss.post("/v1/accounts/Main/certificate"), 409)
        trust = {"fingerprint": "ab" * 32}
        problem(house.boss.post("/v1/accounts/Main/certificate/trust", json=trust), 409)
        heard = stranger.heard.upper()
    assert told["detail"]
    assert told.get("diagnosis", diagnosis) == diagnosis or not diagnosis
    assert not [word for word in (b"AUTH", b"MAIL", SECRET.upper().encode()) if word in heard]
    assert shown(house.boss)["certificate_pin"] == ""


def test_a_key_that_would_take_for_ever_to_open_is_not_opened(house: Api) -> None:
    """Whoever may enter a key must not be able to stop everybody else's mail with it."""
    ours = ROOT.issue(common_name="us")
    protected = key_pem(ours.key, PASSPHRASE)
    octets = base64.b64decode("".join(protected.splitlines()[1:-1]))
    few = b"\x02\x02\x08\x00"  # 2048 iterations, as OpenSSL writes them
    assert octets.count(few) == 1
    for many in (b"\x02\x02\x7f\xff", b"\x02\x04\x7f\xff\xff\xff"):
        altered = octets.replace(few, many)
        grown = len(many) - len(few)
        altered = _lengthened(altered, grown, altered.index(many)) if grown else altered
        body = base64.encodebytes(altered).decode()
        pem = f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{body}-----END ENCRYPTED PRIVATE KEY-----\n"
        values = {"host": "smtp.example.com", "client_certificate": ours.pem, "client_key": pem}
        answer = house.boss.post("/v1/accounts", json=values | {"client_key_passphrase": PASSPHRASE})
        (fault,) = problem(answer, 422)["faults"]
        told = "takes too long" if grown else "does not open"
        assert told in fault["problem"]


def _lengthened(der: bytes, by: int, place: int) -> bytes:
    """The lengths of everything around `place`, made to fit again (X.690, 8.1.3)."""
    at, changed = 0, bytearray(der)
    while at < place:
        length = changed[at + 1]
        more = length & 0x7F if length & 0x80 else 0
        inside = at + 2 + more
        size = int.from_bytes(changed[at + 2 : inside]) if more else length
        if changed[at] & 0x20 and inside <= place < inside + size + by:
            if more:
                changed[at + 2 : inside] = (size + by).to_bytes(more)
            else:
                changed[at + 1] = size + by
            at = inside
        else:
            at = inside + size
    return bytes(changed)
