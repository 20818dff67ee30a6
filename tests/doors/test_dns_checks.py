"""Looking into the DNS, over a real name server with good, broken and hostile zones, through API and command line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from postroom.model.application import Scope
from tests.doors.api_rig import Api, open_api, problem
from tests.rigs.names import NameServerRig

ZONE: dict[str, Any] = {
    "good.test": {"TXT": ['"v=spf1 ip4:192.0.2.25 ~all"'], "MX": ["10 mail.good.test."], "A": ["192.0.2.80"]},
    "_dmarc.good.test": {"TXT": ['"v=DMARC1; p=reject; rua=mailto:d@good.test"']},
    "broken.test": {"TXT": ['"v=spf1 include:broken.test nonsense -all"', '"v=spf1 -all"'], "MX": ["0 ."]},
    "_dmarc.broken.test": {"TXT": ['"v=DMARC1; p=often"']},
    "silent.test": "servfail",
    "_dmarc.silent.test": "servfail",
    "bad.test": {
        "MX": ["10 bad.test."],
        "TXT": ['"v=spf1 ' + "a:x.bad.test " * 15 + '" "' + "a:x.bad.test " * 15 + '-all"'],
    },
    "x.bad.test": "flood",
    "_dmarc.bad.test": "truncated",
    "inside.test": {"TXT": ['"v=spf1 a:host.inside.test -all"'], "MX": ["10 m.inside.test."]},
    "host.inside.test": {"A": ["10.1.2.3"]},
    **{f"l{n}.test": {"TXT": [f'"v=spf1 include:l{n + 1}.test include:l{(n + 5) % 20}.test ?all"']} for n in range(20)},
}


@pytest.fixture(scope="module")
def names() -> Iterator[NameServerRig]:
    with NameServerRig(ZONE) as rig:
        yield rig


@pytest.fixture(scope="module")
def door(names: NameServerRig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("dns")
    with open_api(folder, dns_servers=f"{names.host}:{names.port}", dns_seconds=2.0) as opened:
        yield opened


def firm(door: Api, *senders: str) -> httpx2.Client:
    client = door.tenant()
    client.post("/v1/accounts", json={"name": "Relay", "host": "relay.good.test"}).raise_for_status()
    for address in senders:
        client.post("/v1/senders", json={"address": address}).raise_for_status()
    return client


def look(client: httpx2.Client, **values: Any) -> dict[str, Any]:
    answer = client.post("/v1/dns-checks", json=values)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ids(check: dict[str, Any]) -> set[str]:
    return {finding["id"] for finding in check["findings"]}


def test_a_good_zone_is_good_and_the_result_is_kept_with_its_date(door: Api) -> None:
    client = firm(door, "news@good.test", "other@good.test")
    check = look(client, sender="other@good.test", account="Relay", addresses=["192.0.2.25"])
    assert ids(check) == {"spf-covers", "dmarc-policy", "dmarc-passes", "dkim-none"}
    assert (check["from_domain"], check["envelope_domain"], check["account"]) == ("good.test", "good.test", "Relay")
    kept = client.get("/v1/dns-checks").json()["dns_checks"]
    assert kept == [check]
    again = look(client, sender="other@good.test")
    assert [one["checked_at"] for one in client.get("/v1/dns-checks").json()["dns_checks"]] == [again["checked_at"]]
    client.delete("/v1/senders/other@good.test").raise_for_status()
    assert client.get("/v1/dns-checks").json()["dns_checks"] == [], "what is not there any more is not shown"


def test_a_key_of_ours_is_part_of_what_is_found(door: Api, names: NameServerRig) -> None:
    client = firm(door, "news@good.test")
    key = client.post("/v1/dkim-keys", json={"domain": "good.test", "algorithm": "ed25519"}).json()
    assert "dkim-waiting" in ids(look(client, sender="news@good.test"))
    names.zone[key["record"]["name"]] = {"TXT": [f'"{key["record"]["value"]}"']}
    client.post(f"/v1/dkim-keys/{key['id']}/check").raise_for_status()
    seen = look(client, sender="news@good.test")
    assert {"dkim-signs", "dmarc-passes"} <= ids(seen)


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        ("a@broken.test", {"spf-several", "dmarc-broken", "sender-null-mx", "dkim-none"}),
        ("a@gone.test", {"spf-missing", "dmarc-missing", "sender-no-mail"}),
        ("a@silent.test", {"spf-trouble", "dmarc-trouble"}),
        ("a@bad.test", {"spf-too-many-lookups"}),
        ("a@l0.test", {"spf-too-many-lookups", "spf-broken"}),
    ],
)
def test_broken_and_hostile_zones_come_to_findings(door: Api, sender: str, expected: set[str]) -> None:
    check = look(firm(door, sender), sender=sender, addresses=["192.0.2.25"])
    assert expected <= ids(check)
    assert all(finding["title"] and finding["what"] for finding in check["findings"])


def test_a_tenants_record_is_no_way_to_find_out_addresses_inside(door: Api) -> None:
    """`a:host.inside.test` is 10.1.2.3; whether that was guessed right is the operator's to know, not a tenant's."""
    asked = {"sender": "a@inside.test", "addresses": ["10.1.2.3"]}
    assert "spf-lacks-address" in ids(look(firm(door, "a@inside.test"), **asked))
    door.boss.post("/v1/senders", json={"address": "a@inside.test"}).raise_for_status()
    assert "spf-covers" in ids(look(door.boss, **asked))


def test_recipients_at_fault(door: Api) -> None:
    client = firm(door)

    def one(address: str) -> str:
        return str(client.post("/v1/dns-checks/recipient", json={"address": address}).json()["id"])

    assert one("ann@good.test") == "recipient-ok"
    assert one("ann@broken.test") == "recipient-null-mx"
    assert one("gone.test") == "recipient-no-domain"
    assert one("ann@silent.test") == "recipient-trouble"
    problem(client.post("/v1/dns-checks/recipient", json={"address": "not an address"}), 422)


def test_everything_wrong_with_a_question_is_told(door: Api) -> None:
    client = firm(door, "news@good.test")
    asked = {"sender": 7, "account": ["x"], "addresses": ["here"], "colour": "red"}
    told = problem(client.post("/v1/dns-checks", json=asked), 422)
    assert {fault["field"] for fault in told["faults"]} == {"sender", "account", "addresses", "colour"}
    problem(client.post("/v1/dns-checks", json={"sender": "other@example.com"}), 422)
    problem(client.post("/v1/dns-checks", json={"account": "Nobody's"}), 422)


def test_who_may_only_look_starts_no_questions_and_sees_only_his_own(door: Api, names: NameServerRig) -> None:
    client = firm(door, "news@good.test")
    look(client, sender="news@good.test")
    assert door.tenant().get("/v1/dns-checks").json() == {"dns_checks": []}
    reader = door.tenant(Scope.SETTINGS_READ)
    names.asked.clear()
    problem(reader.post("/v1/dns-checks", json={}), 403)
    problem(reader.post("/v1/dns-checks/recipient", json={"address": "a@good.test"}), 403)
    assert reader.get("/v1/dns-checks").status_code == 200
    assert names.asked == []
