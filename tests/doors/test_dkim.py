"""Mail through every door carries signatures that an independent verifier believes, once the record has been seen."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import dkim
import httpx2
import pytest

from postroom.model.application import Actor, Scope
from postroom.model.tenant import INSTALLATION
from tests.doors.api_rig import Api, open_api, problem
from tests.doors.smtp_rig import Letterbox, open_letterbox
from tests.rigs.names import NameServerRig

_WAIT = 60.0


@pytest.fixture(scope="module")
def names() -> Iterator[NameServerRig]:
    with NameServerRig({}) as rig:
        yield rig


@pytest.fixture(scope="module")
def door(names: NameServerRig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with open_api(tmp_path_factory.mktemp("dkim"), dns_servers=f"{names.host}:{names.port}") as opened:
        yield opened


@pytest.fixture(scope="module")
def box(names: NameServerRig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Letterbox]:
    folder = tmp_path_factory.mktemp("dkim-smtp")
    with open_letterbox(folder, dns_servers=f"{names.host}:{names.port}") as opened:
        yield opened


def publish(names: NameServerRig, key: dict[str, Any]) -> None:
    text = key["record"]["value"]
    names.zone[key["record"]["name"]] = {"TXT": [f'"{text[:250]}" "{text[250:]}"']}


def sign_for(names: NameServerRig, client: httpx2.Client, domain: str, *algorithms: str) -> list[str]:
    """Keys of this client's tenant that sign from now on; their ids."""
    made = []
    for algorithm in algorithms or ("rsa", "ed25519"):
        key = client.post("/v1/dkim-keys", json={"domain": domain, "algorithm": algorithm}).json()
        publish(names, key)
        assert client.post(f"/v1/dkim-keys/{key['id']}/check").json()["signs"] is True
        made.append(key["id"])
    return made


def believed(names: NameServerRig, content: bytes) -> list[tuple[str, str]]:
    """(domain, algorithm) of each signature, every one of which was verified."""

    def record(name: bytes, timeout: int = 5) -> bytes:
        found = names.zone[name.decode().rstrip(".")]
        assert isinstance(found, dict)
        return found["TXT"][0].replace('" "', "").strip('"').encode()

    verifier = dkim.DKIM(content)
    found = []
    for index in range(content.count(b"DKIM-Signature: ")):
        assert verifier.verify(idx=index, dnsfunc=record)
        found.append((verifier.domain.decode(), verifier.signature_fields[b"a"].decode()))
    return found


def kept(client: httpx2.Client, answer: httpx2.Response) -> bytes:
    assert answer.status_code == 202, answer.text
    number = answer.json()["id"]
    return client.get(f"/v1/messages/{number}/content").content


BOTH = [("example.com", "rsa-sha256"), ("example.com", "ed25519-sha256")]


def sender(client: httpx2.Client, address: str) -> None:
    client.post("/v1/senders", json={"address": address}).raise_for_status()


def test_a_message_by_http_is_signed_once_the_record_is_there(door: Api, names: NameServerRig) -> None:
    client = door.tenant()
    client.patch("/v1/settings", json={"mode": "silent"})
    sender(client, "shop@example.com")
    letter = {"to": "ann@example.org", "subject": "Grüße", "text": "Hallo\n" * 3}
    assert b"DKIM-Signature" not in kept(client, client.post("/v1/messages", json=letter))
    key = client.post("/v1/dkim-keys", json={"domain": "example.com"}).json()
    assert b"DKIM-Signature" not in kept(client, client.post("/v1/messages", json=letter)), "not seen yet"
    publish(names, key)
    client.post(f"/v1/dkim-keys/{key['id']}/check").raise_for_status()
    assert believed(names, kept(client, client.post("/v1/messages", json=letter))) == BOTH[:1]
    client.post(f"/v1/dkim-keys/{key['id']}/retire").raise_for_status()
    assert b"DKIM-Signature" not in kept(client, client.post("/v1/messages", json=letter))


def test_attachments_html_long_lines_and_raw_messages_are_signed_by_both_keys(door: Api, names: NameServerRig) -> None:
    client = door.tenant()
    client.patch("/v1/settings", json={"mode": "silent"})
    sender(client, "shop@example.com")
    sign_for(names, client, "example.com")
    file = {"filename": "ü.bin", "content": base64.b64encode(bytes(range(256)) * 900).decode()}
    full = {
        "to": ["ann@example.org", "bob@example.org"], "subject": "Long " * 40, "text": "wörd " * 5_000,
        "html": "<p>" + "x" * 5_000 + "</p>", "attachments": [file],
        "headers": {
            "List-Unsubscribe": "<https://example.com/u>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
    }  # fmt: skip
    content = kept(client, client.post("/v1/messages", json=full))
    assert believed(names, content) == BOTH
    assert b"List-Unsubscribe:List-Unsubscribe" in content.replace(b"\r\n\t", b"")
    raw = "From: shop@example.com\r\nTo: a@example.org\r\nSubject: s\r\n\r\n8 bit: ü " + "y" * 900 + "  \r\n\r\n\r\n"
    mail = client.post("/v1/messages/raw", json={"raw": base64.b64encode(raw.encode()).decode()})
    assert believed(names, kept(client, mail)) == BOTH
    batch = client.post("/v1/messages", json=[full | {"subject": str(n)} for n in range(5)]).json()
    for one in batch["results"]:
        content = client.get(f"/v1/messages/{one['message']['id']}/content").content
        assert believed(names, content) == BOTH
        page = client.get(f"/v1/messages/{one['message']['id']}").json()
        assert page["size"] == len(content)


def test_a_tenant_has_no_use_of_the_installations_key_for_a_sender_that_he_made_up(
    door: Api, names: NameServerRig
) -> None:
    sign_for(names, door.boss, "provider.example", "ed25519")
    client = door.tenant()
    client.patch("/v1/settings", json={"mode": "silent"})
    sender(client, "ceo@provider.example")
    mail = client.post("/v1/messages", json={"to": "a@example.org", "subject": "s", "text": "t"})
    assert b"DKIM-Signature" not in kept(client, mail)


def test_where_from_is_rewritten_its_new_domain_signs(door: Api, names: NameServerRig) -> None:
    """The default mailbox of the installation: the tenant's mail leaves from it, signed by it."""
    sign_for(names, door.boss, "mailbox.example", "ed25519")
    door.boss.post(
        "/v1/accounts",
        json={
            "name": "Mailbox",
            "host": "127.0.0.1",
            "sender_address": "no-reply@mailbox.example",
            "rewrite_from": True,
        },
    ).raise_for_status()
    door.boss.patch("/v1/settings", json={"default_account": None}).raise_for_status()
    client = door.tenant()
    client.patch("/v1/settings", json={"mode": "silent"})
    mail = client.post(
        "/v1/messages",
        json={"from": "x@firm.example", "account": "Mailbox", "to": "a@example.org", "subject": "s", "text": "t"},
    )
    content = kept(client, mail)
    assert b"no-reply@mailbox.example" in content
    assert believed(names, content) == [("mailbox.example", "ed25519-sha256")]


def test_a_domain_signs_for_those_below_it(door: Api, names: NameServerRig) -> None:
    client = door.tenant()
    client.patch("/v1/settings", json={"mode": "silent"})
    sender(client, "shop@news.example.com")
    sign_for(names, client, "example.com", "ed25519")
    mail = client.post("/v1/messages", json={"to": "a@example.org", "subject": "s", "text": "t"})
    assert believed(names, kept(client, mail)) == BOTH[1:]


def test_mail_by_smtp_is_signed_as_it_was_taken(box: Letterbox, names: NameServerRig) -> None:
    office = box.engine.office
    boss = Actor(INSTALLATION, frozenset({Scope.ADMIN}), name="tests")
    for algorithm in ("rsa", "ed25519"):
        view = box.run(office.create_dkim_key(boss, {"domain": "example.com", "algorithm": algorithm}))
        publish(names, {"record": {"name": view.record.name, "value": view.record.value}})
        assert box.run(office.check_dkim_key(boss, view.key.id)).key.signs
    bodies = [
        b"A test.\r\n", b"8 bit \xc3\xbc \xff\r\n", b".\r\n..dots\r\n.\r\n", b"x" * 990 + b"\r\n", b"\r\n\r\n",
        b"a \t b  \r\n \r\n", b"no line end",
    ]  # fmt: skip
    with box.client() as client:
        for body in bodies:
            text = b"From: shop@example.com\r\nTo: b@example.org\r\nSubject: Hello\r\n\r\n" + body
            client.sendmail("shop@example.com", ["b@example.org"], text, ["BODY=8BITMIME"])
            content = box.last().content
            assert believed(names, content if content.endswith(b"\r\n") else content + b"\r\n") == BOTH
            assert content.count(b"Received: ") == 1


def test_a_key_that_is_unknown_or_another_tenants_is_not_there(door: Api, names: NameServerRig) -> None:
    client, other = door.tenant(), door.tenant()
    (key,) = sign_for(names, client, "example.com", "ed25519")
    for call in ("", "/check", "/rotate", "/retire"):
        method = other.post if call else other.get
        problem(method(f"/v1/dkim-keys/{key}{call}"), 404)
    problem(client.delete(f"/v1/dkim-keys/{key}"), 409)
    shown = client.get(f"/v1/dkim-keys/{key}").json()
    assert not {"private_key", "sealed", "secret"} & set(shown)
