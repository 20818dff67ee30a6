"""Mail by templates through the API and the command line: written at acceptance, in the right language, told of."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage

import httpx2
import pytest

from tests.doors.api_rig import Api

WORDS = {"subject": "Hi {{ name }}", "html": "<p>Hello {{ name }}</p>"}
GERMAN = {"subject": "Hallo {{ name }}", "html": "<p>Guten Tag {{ name }}</p>"}
HELLO = {"name": "hello", "kind": "greeting", "texts": {"en": WORDS, "de": GERMAN}, "variables": [{"name": "name"}]}
MAIL = {"to": "Ann <ann@example.org>", "template": "hello", "variables": {"name": "Ann"}}


@pytest.fixture
def shop(api: Api) -> httpx2.Client:
    client = api.tenant()
    client.patch("/v1/settings", json={"mode": "silent"}).raise_for_status()
    client.post("/v1/senders", json={"address": "shop@example.com"}).raise_for_status()
    client.post("/v1/templates", json=HELLO).raise_for_status()
    return client


def content(client: httpx2.Client, message: str) -> EmailMessage:
    octets = client.get(f"/v1/messages/{message}/content").content
    return message_from_bytes(octets, policy=policy.default)  # type: ignore[return-value]


def sent(client: httpx2.Client, **more: object) -> str:
    answer = client.post("/v1/messages", json=MAIL | more)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def faults(answer: httpx2.Response) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    return {fault["field"]: fault["problem"] for fault in answer.json()["faults"]}


def test_a_message_says_what_the_template_says(shop: httpx2.Client) -> None:
    number = sent(shop, variables={"name": "A & B"})
    mail = content(shop, number)
    assert mail["Subject"] == "Hi A & B"
    assert mail.get_body(("html",)).get_content().strip() == "<p>Hello A &amp; B</p>"
    assert mail.get_body(("plain",)).get_content().strip() == "Hello A & B"
    view = shop.get(f"/v1/messages/{number}").json()
    assert (view["template"], view["template_version"], view["kind"]) == ("hello", 1, "greeting")
    [accepted] = shop.get(f"/v1/messages/{number}/timeline").json()["events"]
    assert (accepted["detail"]["template"], accepted["detail"]["language"]) == ("hello", "en")


def test_what_was_accepted_stays_as_it_was_written(shop: httpx2.Client) -> None:
    number = sent(shop)
    shop.patch("/v1/templates/hello", json={"texts": {"en": {"subject": "Bye {{ name }}"}}}).raise_for_status()
    assert content(shop, number)["Subject"] == "Hi Ann"
    assert content(shop, sent(shop))["Subject"] == "Bye Ann"


def test_the_language_is_the_messages_then_the_recipients_then_the_templates(shop: httpx2.Client) -> None:
    shop.patch("/v1/preferences/ann@example.org", json={"language": "de"}).raise_for_status()
    assert content(shop, sent(shop))["Subject"] == "Hallo Ann"
    assert content(shop, sent(shop, language="en-GB"))["Subject"] == "Hi Ann"
    assert content(shop, sent(shop, to="ben@example.org", language="de-AT"))["Subject"] == "Hallo Ann"
    assert content(shop, sent(shop, to="ben@example.org", language="fr"))["Subject"] == "Hi Ann"
    batch = [MAIL, MAIL | {"to": "ben@example.org"}]
    found = shop.post("/v1/messages", json=batch).json()["results"]
    assert [content(shop, one["message"]["id"])["Subject"] for one in found] == ["Hallo Ann", "Hi Ann"]


def test_everything_wrong_is_told_at_once_and_nothing_is_sent(shop: httpx2.Client) -> None:
    wrong = {"template": "hello", "to": ["nobody"], "variables": {"nam": "x"}, "subject": "S"}
    assert set(faults(shop.post("/v1/messages", json=wrong))) == {"variables.nam", "variables.name", "to[0]", "subject"}
    assert set(faults(shop.post("/v1/messages", json=MAIL | {"template": "other"}))) == {"template"}
    assert set(faults(shop.post("/v1/messages", json={"to": "a@x.test", "text": "T", "variables": {"a": 1}}))) == {
        "variables"
    }
    injected = MAIL | {"variables": {"name": "x\r\nBcc: eve@example.org"}}
    assert "line end" in faults(shop.post("/v1/messages", json=injected))["variables"]
    assert shop.get("/v1/messages").json()["messages"] == []


def test_a_repeated_request_is_the_same_though_template_and_recipient_changed(shop: httpx2.Client) -> None:
    key = {"Idempotency-Key": "one"}
    first = shop.post("/v1/messages", json=MAIL, headers=key).json()["id"]
    shop.patch("/v1/templates/hello", json={"texts": {"en": {"subject": "Bye {{ name }}"}}}).raise_for_status()
    shop.patch("/v1/preferences/ann@example.org", json={"language": "de"}).raise_for_status()
    again = shop.post("/v1/messages", json=MAIL, headers=key)
    assert (again.json()["id"], again.headers["idempotency-replayed"]) == (first, "true")
    other = shop.post("/v1/messages", json=MAIL | {"variables": {"name": "Ben"}}, headers=key)
    assert other.status_code == 409


def test_explain_names_the_template(shop: httpx2.Client) -> None:
    steps = shop.post("/v1/explain", json=MAIL).json()["explanations"]
    assert (steps[0]["step"], steps[0]["value"]) == ("template", "hello, version 1, en")


def test_a_preview_is_a_preview(shop: httpx2.Client) -> None:
    told = shop.post("/v1/templates/hello/preview", json={"variables": {"name": "Ann"}, "language": "de"}).json()
    assert (told["subject"], told["text"], told["faults"]) == ("Hallo Ann", "Guten Tag Ann", [])
    wrong = shop.post("/v1/templates/hello/preview", json={"variables": {}}).json()
    assert [fault["field"] for fault in wrong["faults"]] == ["variables.name"]
    changed = {"values": {"texts": {"en": {"subject": "{{ x"}}}}
    assert set(faults(shop.post("/v1/templates/hello/preview", json=changed))) == {"texts.en.subject"}
    assert set(faults(shop.post("/v1/templates/hello/preview", json={"variables": []}))) == {"variables"}


def test_a_ready_one_is_taken_over_and_sent_with(shop: httpx2.Client) -> None:
    names = [one["name"] for one in shop.get("/v1/ready-templates").json()["templates"]]
    assert "password-reset" in names
    shop.post("/v1/ready-templates/password-reset", json={"name": "reset"}).raise_for_status()
    values = {"service": "Shop", "link": "https://shop.example.com/r/1", "minutes": 20}
    mail = content(shop, sent(shop, template="reset", variables=values, language="de"))
    assert mail["Subject"] == "Neues Passwort für Shop wählen"
    assert "https://shop.example.com/r/1" in mail.get_body(("plain",)).get_content()
    bad = MAIL | {"template": "reset", "variables": values | {"link": "javascript:alert(1)"}}
    assert set(faults(shop.post("/v1/messages", json=bad))) == {"variables.link"}
