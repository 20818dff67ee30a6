"""Which servers are tried for an address, and which of those that work is named first, with reasons."""

from __future__ import annotations

import pytest

from postroom.addresses import Address
from postroom.model.account import Encryption, Login
from postroom.policy.autoconfig import Outgoing
from postroom.policy.candidates import MOST, Candidate, Seen, Service, Source, candidates, ranked
from postroom.policy.presets import find, presets
from postroom.policy.presets.mailboxes import mailboxes, recognise

ANN = Address.parse("ann@firm.test")
TLS, STARTTLS, NONE = Encryption.TLS, Encryption.STARTTLS, Encryption.NONE


def test_every_entry_of_the_table_names_a_preset_with_a_server_and_a_source() -> None:
    for one in mailboxes():
        preset = presets()[one.preset]
        assert preset.regions.get(one.region, preset.host), one
        assert one.source
        assert one.domains or one.mx
        assert not one.region or find(f"{one.preset}:{one.region}")
        assert all(name == name.lower() and not name.endswith(".") for name in (*one.domains, *one.mx))


@pytest.mark.parametrize(
    ("domain", "mx", "wanted"),
    [
        ("gmail.com", (), "gmail"),
        ("firm.onmicrosoft.com", (), "microsoft365:worldwide"),
        ("firm.test", ("firm-test.mail.protection.outlook.com",), "microsoft365:worldwide"),
        ("firm.test", ("firm-test.a-v1.mx.microsoft",), "microsoft365:worldwide"),
        ("agency.test", ("agency.mail.protection.office365.us",), "microsoft365:gcc-high"),
        ("firm.test", ("alt1.aspmx.l.google.com", "aspmx.l.google.com"), "google-workspace"),
        ("firm.test", ("smtp.google.com.",), "google-workspace"),
        ("firm.test", ("mx.zoho.eu",), "zoho:eu"),
        ("firm.test", ("mx01.mail.icloud.com",), "icloud"),
    ],
)
def test_providers_are_recognised(domain: str, mx: tuple[str, ...], wanted: str) -> None:
    found = recognise(domain, mx)
    assert found is not None
    assert found.name == wanted
    assert found.by_mx == (mx[0] if mx else "")


@pytest.mark.parametrize(
    "mx", ["mail.protection.outlook.com.evil.test", "evilmail.protection.outlook.com.", "xgmail.com", "mx.firm.test"]
)
def test_who_only_looks_like_a_provider_is_none(mx: str) -> None:
    assert recognise("firm.test", [mx]) is None
    assert recognise("notgmail.com", []) is None


def test_what_is_tried_comes_in_the_order_of_who_said_it_and_each_server_once() -> None:
    provider = recognise("firm.test", ["x.mail.protection.outlook.com"])
    services = [Service("smtp.firm.test", 465, TLS)]
    outgoing = [Outgoing("smtp.firm.test", 465, TLS, Login.PASSWORD, "ann"), Outgoing("out.test", 587, STARTTLS)]
    found = candidates(ANN, provider, services, outgoing, ["mx.firm.test"])
    assert [(one.host, one.port, one.source) for one in found[:3]] == [
        ("smtp.office365.com", 587, Source.PROVIDER),
        ("smtp.firm.test", 465, Source.SRV),
        ("out.test", 587, Source.AUTOCONFIG),
    ]
    assert found[1].also == (Source.AUTOCONFIG, Source.NAME)
    assert (found[1].user, found[1].login) == ("ann", Login.PASSWORD)
    assert ("mx.firm.test", 25) in [(one.host, one.port) for one in found]
    assert len({(one.host, one.port) for one in found}) == len(found) <= MOST


def test_hostile_answers_do_not_make_more_tries() -> None:
    services = [Service(f"s{n}.test", 25, TLS) for n in range(100)]
    outgoing = [Outgoing(f"o{n}.test", 25, TLS) for n in range(8)]
    assert len(candidates(ANN, None, services, outgoing, [f"mx{n}.test" for n in range(100)])) == MOST


def seen(
    host: str = "smtp.firm.test",
    port: int = 587,
    encryption: Encryption = STARTTLS,
    source: Source = Source.NAME,
    logins: tuple[str, ...] = ("PLAIN", "LOGIN"),
    known: tuple[Login, ...] = (Login.PASSWORD,),
    login: Login | None = None,
    preset: str = "",
) -> Seen:
    return Seen(Candidate(host, port, encryption, source, login=login, preset=preset), encryption, logins, known)


def order(*found: Seen) -> list[tuple[str, int]]:
    return [(one.host, one.port) for one in ranked(found, ANN)]


def test_who_was_named_comes_before_who_was_guessed() -> None:
    assert order(
        seen("mx.firm.test", 587, source=Source.MX),
        seen("smtp.firm.test", 465, TLS),
        seen("auto.firm.test", source=Source.AUTOCONFIG),
        seen("srv.firm.test", source=Source.SRV),
        seen("smtp.office365.com", source=Source.PROVIDER, preset="microsoft365:worldwide"),
    ) == [
        ("smtp.office365.com", 587),
        ("srv.firm.test", 587),
        ("auto.firm.test", 587),
        ("smtp.firm.test", 465),
        ("mx.firm.test", 587),
    ]


def test_of_guesses_tls_from_the_start_is_first_and_what_has_no_login_behind_what_has_one() -> None:
    assert order(
        seen("smtp.firm.test", 25, logins=(), known=()),
        seen("smtp.firm.test", 2525),
        seen("smtp.firm.test", 587),
        seen("smtp.firm.test", 465, TLS),
    ) == [("smtp.firm.test", 465), ("smtp.firm.test", 587), ("smtp.firm.test", 2525), ("smtp.firm.test", 25)]


def test_what_is_not_encrypted_is_last_whoever_names_it_and_says_so() -> None:
    found = ranked([seen(encryption=NONE, source=Source.SRV), seen("mx.firm.test", source=Source.MX)], ANN)
    assert [one.host for one in found] == ["mx.firm.test", "smtp.firm.test"]
    assert any("not encrypted" in caution for caution in found[1].cautions)


def test_the_values_fill_the_form_and_a_provider_fills_its_own() -> None:
    plain, microsoft = ranked([seen()], ANN)[0], ranked([
        seen("smtp.office365.com", source=Source.PROVIDER, preset="microsoft365:worldwide", login=Login.OAUTH2,
             logins=("LOGIN", "XOAUTH2"), known=(Login.PASSWORD, Login.OAUTH2))], ANN)[0]  # fmt: skip
    assert plain.values == {
        "host": "smtp.firm.test", "port": 587, "encryption": "starttls", "login": "password", "user": "ann@firm.test",
        "sender_address": "ann@firm.test",
    }  # fmt: skip
    assert microsoft.values["preset"] == "microsoft365:worldwide"
    assert (microsoft.values["login"], microsoft.values["oauth2_provider"]) == ("oauth2", "microsoft")


def test_what_was_told_of_the_login_counts_only_where_it_is_offered() -> None:
    assert ranked([seen(login=Login.OAUTH2)], ANN)[0].login is Login.PASSWORD
    none = ranked([seen(logins=("DIGEST-MD5",), known=())], ANN)[0]
    assert (none.login, none.user) == (Login.NONE, "")
    assert any("DIGEST-MD5" in caution for caution in none.cautions)


def test_a_stranger_s_server_named_by_the_dns_is_to_be_looked_at() -> None:
    assert ranked([seen("smtp.elsewhere.test", source=Source.SRV)], ANN)[0].cautions
    assert not ranked([seen("smtp.firm.test", source=Source.SRV)], ANN)[0].cautions
