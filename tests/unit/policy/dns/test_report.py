"""From what the DNS says to words: each fault is found, with the record that mends it, and nothing is guessed."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from postroom.model.account import Account, Encryption
from postroom.model.dkim import DkimAlgorithm, DkimKey, DkimState
from postroom.model.dns import DnsRecord, Finding, Severity, worst
from postroom.policy.dns.dkim_record import record_of
from postroom.policy.dns.examine import Setup, examine_dkim, examine_dmarc, examine_spf
from postroom.policy.dns.origin import origin_of, origins
from postroom.policy.dns.recipient import examine_recipient
from postroom.policy.dns.report import report
from postroom.policy.presets import presets
from tests.unit.policy.dns.answers import Table, run

KEY = DkimKey(
    7, 1, "example.com", "pr1", DkimAlgorithm.ED25519, 256, "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    DkimState.ACTIVE, activated_ms=1,
)  # fmt: skip
GOOD: Table = {
    "example.com": {"TXT": ["v=spf1 ip4:192.0.2.25 -all"], "MX": ["10 mail.example.com."]},
    "_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject"]},
    KEY.name: {"TXT": [record_of(KEY).value]},
}
RELAY = Setup("example.com", "news@example.com", "Relay", "relay.example.net", addresses=(ip_address("192.0.2.25"),))
CLOUD = Setup("example.com", "news@example.com", "Cloud", "smtp.office365.com", origins()["microsoft365"])


def changed(**names: Any) -> Table:
    """The good zone with other records; `spf="…"` and `dmarc="…"` for short."""
    table: dict[str, Any] = {**GOOD, **names.pop("more", {})}
    if "spf" in names:
        table["example.com"] = {**table["example.com"], "TXT": [names["spf"]] if names["spf"] else []}
    if "dmarc" in names:
        table["_dmarc.example.com"] = {"TXT": [names["dmarc"]] if names["dmarc"] else []}
    return table


def found(setup: Setup, table: Table) -> dict[str, Finding]:
    dkim, dmarc = run(examine_dkim(setup), table), run(examine_dmarc(setup), table)
    spf = run(examine_spf(setup), table) if setup.envelope else None
    findings = report(setup, spf, dkim, dmarc)
    assert all(one.title and one.what and one.what[-1] != " " for one in findings)
    return {one.id: one for one in findings}


def value(finding: Finding) -> str:
    assert finding.record is not None
    return finding.record.value


def test_where_all_is_right_nothing_is_wrong() -> None:
    seen = found(Setup(**{**as_dict(RELAY), "keys": (KEY,)}), GOOD)
    assert set(seen) == {"spf-covers", "dkim-signs", "dmarc-policy", "dmarc-passes"}
    assert worst(seen.values()) is Severity.OK


def as_dict(setup: Setup) -> dict[str, Any]:
    return {name: getattr(setup, name) for name in setup.__slots__}


@pytest.mark.parametrize(
    ("spf", "finding", "record"),
    [
        ("", "spf-missing", "v=spf1 ip4:192.0.2.25 ~all"),
        ("v=spf1 ip4:192.0.2.7 -all", "spf-lacks-address", "v=spf1 ip4:192.0.2.7 ip4:192.0.2.25 -all"),
        ("v=spf1 ip4:192.0.2.7 redirect=x.example", "spf-lacks-address", ""),
        ("v=spf1 ip4:192.0.2.25 +all", "spf-allows-all", "v=spf1 ip4:192.0.2.25 ~all"),
        ("v=spf1 ip4:192.0.2.25", "spf-no-end", "v=spf1 ip4:192.0.2.25 ~all"),
        ("v=spf1 ip4:192.0.2.25 ptr ~all", "spf-ptr", None),
        ("v=spf1 ip4:192.0.2.25 wrong ~all", "spf-broken", None),
        ("v=spf1 ip4:192.0.2.25 include:gone.example ~all", "spf-broken", None),
        ("v=spf1 ip4:192.0.2.25 " + "a:h.example " * 11 + "-all", "spf-too-many-lookups", None),
        ("v=spf1 ip4:192.0.2.25 " + "a:h.example " * 9 + "-all", "spf-near-limit", None),
    ],
)
def test_faults_of_spf_and_the_record_to_set(spf: str, finding: str, record: str | None) -> None:
    seen = found(RELAY, changed(spf=spf))
    assert finding in seen
    if record:
        assert seen[finding].record == DnsRecord.txt("example.com", record)


def test_a_providers_servers_are_covered_by_name_or_by_what_was_copied_from_it() -> None:
    include = {"spf.protection.outlook.com": {"TXT": ["v=spf1 ip4:198.51.100.0/24 -all"]}}
    named = "v=spf1 include:spf.protection.outlook.com -all"
    assert "spf-covers" in found(CLOUD, changed(spf=named, more=include))
    nested = {**include, "all.example": {"TXT": [named]}}
    assert "spf-covers" in found(CLOUD, changed(spf="v=spf1 include:all.example -all", more=nested))
    assert "spf-covers" in found(CLOUD, changed(spf="v=spf1 ip4:198.51.100.0/24 -all", more=include))
    lacks = found(CLOUD, changed(more=include))
    assert value(lacks["spf-lacks-provider"]) == "v=spf1 ip4:192.0.2.25 include:spf.protection.outlook.com -all"
    assert lacks["dmarc-fails"].severity is Severity.FAULT


def test_a_provider_with_its_own_return_path_is_said_to_have_one() -> None:
    seen = found(Setup(**{**as_dict(CLOUD), "origin": origins()["sendgrid"]}), changed(spf=""))
    assert "spf-elsewhere" in seen
    assert "spf-missing" not in seen
    assert seen["dmarc-unknown"].severity is Severity.INFO


def test_what_can_not_be_known_is_said_and_not_guessed() -> None:
    nowhere = Setup("example.com", "news@example.com", "Relay", "relay.internal")
    seen = found(nowhere, GOOD)
    assert {"spf-unknown-origin", "dmarc-unknown"} <= set(seen)
    server = {"relay.internal": {"A": ["192.0.2.7"]}}
    perhaps = found(nowhere, changed(more=server))
    assert perhaps["spf-lacks-address"].severity is Severity.WARNING
    assert "dmarc-unknown" in perhaps


def test_nobody_answering_is_no_fault_of_the_domain() -> None:
    silent: Table = dict.fromkeys((*GOOD, "relay.example.net"), "?")
    seen = found(Setup(**{**as_dict(RELAY), "keys": (KEY,)}), silent)
    assert {"spf-trouble", "dkim-trouble", "dmarc-trouble"} <= set(seen)
    assert worst(seen.values()) is Severity.WARNING
    assert not {"dmarc-passes", "dmarc-fails"} & set(seen)
    half = found(RELAY, changed(spf="v=spf1 include:slow.example -all", more={"slow.example": "?"}))
    assert half["spf-trouble"].severity is Severity.WARNING
    assert not {"spf-lacks-address", "dmarc-passes", "dmarc-fails"} & set(half)


def test_keys_of_ours_are_looked_for() -> None:
    signing = Setup(**{**as_dict(RELAY), "keys": (KEY,)})
    gone = found(signing, changed(more={KEY.name: {}}))
    assert value(gone["dkim-record-gone"]) == record_of(KEY).value
    waiting = DkimKey(**{name: getattr(KEY, name) for name in KEY.__slots__} | {"state": DkimState.WAITING})
    seen = found(Setup(**{**as_dict(RELAY), "keys": (waiting,)}), changed(more={KEY.name: {}}))
    assert {"dkim-waiting", "dkim-none"} <= set(seen)
    assert value(seen["dkim-waiting"]) == record_of(KEY).value


def test_keys_of_a_provider_are_looked_for_and_weak_ones_told() -> None:
    short = (
        "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSs"
        "q631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"
    )
    more = {"selector1._domainkey.example.com": {"TXT": [f"v=DKIM1; k=rsa; p={short}"]},
            "selector2._domainkey.example.com": {"TXT": ["v=DKIM1; p=%%%"]}}  # fmt: skip
    seen = found(CLOUD, changed(more=more))
    assert {"dkim-provider", "dkim-weak", "dkim-provider-broken"} <= set(seen)
    assert "dkim-none" not in seen


@pytest.mark.parametrize(
    ("dmarc", "finding", "severity"),
    [
        ("", "dmarc-missing", Severity.WARNING),
        ("v=DMARC1; p=none", "dmarc-policy", Severity.INFO),
        ("v=DMARC1; p=perhaps", "dmarc-broken", Severity.FAULT),
        ("v=DMARC1; p=reject; t=y", "dmarc-testing", Severity.INFO),
        ("v=DMARC1; p=reject; pct=50", "dmarc-historic", Severity.INFO),
    ],
)
def test_faults_of_dmarc(dmarc: str, finding: str, severity: Severity) -> None:
    assert found(RELAY, changed(dmarc=dmarc))[finding].severity is severity


def test_a_return_path_elsewhere_does_not_stand_for_the_sender() -> None:
    away = Setup(**{**as_dict(RELAY), "envelope": "bounces@example.net"})
    more = {"example.net": {"TXT": ["v=spf1 ip4:192.0.2.25 -all"]}}
    seen = found(away, changed(more=more))
    assert {"spf-covers", "spf-not-aligned", "dmarc-fails"} <= set(seen)
    signed = found(Setup(**{**as_dict(away), "keys": (KEY,)}), changed(more=more))
    assert signed["dmarc-passes"].severity is Severity.OK
    below = Setup(**{**as_dict(RELAY), "envelope": "b@bounce.example.com"})
    more = {"bounce.example.com": {"TXT": ["v=spf1 ip4:192.0.2.25 -all"]}}
    assert "dmarc-passes" in found(below, changed(more=more))


def test_mail_without_a_return_path_has_only_dkim() -> None:
    assert "spf-no-return-path" in found(Setup(**{**as_dict(RELAY), "envelope": ""}), GOOD)


def test_a_sender_that_can_not_be_answered_is_told() -> None:
    assert "sender-null-mx" in found(RELAY, changed(more={"example.com": {**GOOD["example.com"], "MX": ["0 ."]}}))
    assert "sender-no-mail" in found(Setup("gone.example", "a@gone.example", ""), GOOD)


@pytest.mark.parametrize(
    ("domain", "finding"),
    [("example.com", "recipient-ok"), ("null.example", "recipient-null-mx"), ("a.example", "recipient-no-mx"),
     ("gone.example", "recipient-no-domain"), ("empty.example", "recipient-no-domain"),
     ("silent.example", "recipient-trouble")],
)  # fmt: skip
def test_whether_a_recipient_takes_mail(domain: str, finding: str) -> None:
    table: Table = {**GOOD, "null.example": {"MX": ["0 ."]}, "a.example": {"A": ["192.0.2.1"]}, "empty.example": {},
                    "silent.example": "?"}  # fmt: skip
    assert run(examine_recipient(domain), table).id == finding


def test_a_long_record_is_split_for_zone_files_and_quoted() -> None:
    record = DnsRecord.txt("x.example", "a" * 256)
    assert record.zone == f'x.example. IN TXT ( "{"a" * 255}" "a" )'
    assert DnsRecord.txt("x.example", 'say "hi" \\').zone == 'x.example. IN TXT "say \\"hi\\" \\\\"'


def test_every_provider_told_of_is_a_preset_and_is_known_by_its_host_too() -> None:
    assert set(origins()) <= set(presets())
    typed = Account(1, 1, "Mail", "smtp.office365.com", 587, Encryption.STARTTLS)
    assert origin_of(typed) == origins()["microsoft365"]
    europe = origin_of(Account(1, 1, "Mail", "smtppro.zoho.eu", 465, Encryption.TLS))
    assert europe is not None
    assert europe.include == "zohomail.eu"
    older = Setup("example.com", "news@example.com", "Mail", "smtppro.zoho.eu", europe)
    zone = changed(spf="v=spf1 include:zoho.eu -all", more={"zoho.eu": {"TXT": ["v=spf1 ip4:198.51.100.9 -all"]}})
    assert "spf-covers" in found(older, zone)
    assert origin_of(Account(1, 1, "Mail", "mail.example.com", 587, Encryption.STARTTLS)) is None
