"""An account's form knows every field of the noun, in our words and in those of other products."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.errors import BadInput
from postroom.model.account import Account, CertificateCheck, Encryption, Limits, Login
from postroom.office.account_values import apply, read, read_secret
from postroom.office.fields import Reading

KEPT_BY_US = {
    "id", "tenant_id", "limits", "state", "paused_reason", "paused_by", "paused_ms", "resume_ms", "has_secret",
    "secret_set_ms", "has_client_key", "tested_ms", "granted_ms", "created_ms", "version",
}  # fmt: skip
BLANK = Account(id=1, tenant_id=1, name="", host="", port=0)


def known(field: str) -> bool:
    reading = Reading()
    read({field: None}, reading)
    return not any("no such field" in fault.problem for fault in reading.faults)


def test_every_field_of_an_account_is_either_set_by_people_or_kept_by_postroom() -> None:
    """A new field of the noun that nobody can set would be found here."""
    for name in {field.name for field in fields(Account)} - KEPT_BY_US:
        assert known(name), name
    for field in fields(Limits):
        assert known(f"limits.{field.name}")
    for name in KEPT_BY_US - {"limits"}:
        assert not known(name), name


@pytest.mark.parametrize(
    ("typed", "value", "field", "expected"),
    [
        ("SMTP.Server", "a.example", "host", "a.example"),
        ("SMTP.Port", "587", "port", 587),
        ("SMTP.Username", "u", "user", "u"),
        ("SMTP.SenderName", "Shop", "sender_name", "Shop"),
        ("SMTP.SenderAddress", "a@example.com", "sender_address", "a@example.com"),
        ("Reply e-mail".replace("e-mail", "email"), "a@example.com", "reply_to", "a@example.com"),
        ("Confirmation mail", "a@example.com", "confirmation_address", "a@example.com"),
        ("Send read confirmation", "yes", "request_receipt", True),
        ("Force settings use", "no", "force_settings", False),
        ("Enable footnote", "yes", "footer_enabled", True),
        ("Use authentication", "no", "login", Login.NONE),
        ("Ignore certificate errors", "yes", "certificate_check", CertificateCheck.IGNORE),
        ("ssl", "yes", "encryption", Encryption.TLS),
        ("use_tls", True, "encryption", Encryption.STARTTLS),
        ("encryption", "SSL", "encryption", Encryption.TLS),
        ("encryption", "SSL/TLS", "encryption", Encryption.TLS),
        ("encryption", "STARTTLS", "encryption", Encryption.STARTTLS),
        ("encryption", "start tls", "encryption", Encryption.STARTTLS),
        ("encryption", "implicit_tls", "encryption", Encryption.TLS),
        ("encryption", "unencrypted", "encryption", Encryption.NONE),
        ("Type", "SSL", "encryption", Encryption.TLS),
        ("Type", "TLS", "encryption", Encryption.STARTTLS),
        ("HOST", "a.example", "host", "a.example"),
        ("limits", {"per_day": 10}, "limits.per_day", 10),
        ("limits.per_day", None, "limits.per_day", None),
    ],
)
def test_words_of_other_products_are_understood(typed: str, value: object, field: str, expected: object) -> None:
    reading = Reading()
    assert read({typed: value}, reading) == {field: expected}
    assert reading.faults == []


@pytest.mark.parametrize(
    ("typed", "expected", "port"),
    [
        ({"Use safe connection": "yes"}, Encryption.STARTTLS, 587),
        ({"Use safe connection": "yes", "SMTP port": 465}, Encryption.TLS, 465),
        ({"Use safe connection": "yes", "Type": "SSL"}, Encryption.TLS, 465),
        ({"Use safe connection": "yes", "Type": "TLS"}, Encryption.STARTTLS, 587),
        ({"Use safe connection": "no", "Type": "TLS"}, Encryption.NONE, 25),
        ({"Secure connection": "no"}, Encryption.NONE, 25),
    ],
)
def test_a_safe_connection_is_of_the_type_that_is_said_or_that_the_port_is_for(
    typed: dict[str, object], expected: Encryption, port: int
) -> None:
    """SG8: two fields there are one here, and "no" wins over a type that the form still shows."""
    reading = Reading()
    made = apply(BLANK, read({"host": "h.example", **typed}, reading), None, reading)
    assert (made.encryption, made.port, reading.faults) == (expected, port, [])
    for before in (Encryption.TLS, Encryption.STARTTLS):
        kept = apply(replace(made, encryption=before), read({"safe connection": True}, Reading()), None, reading)
        assert kept.encryption is before, "what is safe already stays as it is"
    opened = replace(made, encryption=Encryption.NONE, port=25)
    assert apply(opened, read({"safe connection": True}, Reading()), None, reading).encryption is Encryption.STARTTLS


def test_the_secret_is_taken_from_wherever_it_was_typed_and_blank_means_unchanged() -> None:
    for name in ("secret", "password", "SMTP.Password", "Password"):
        found = read_secret({name: "s3cret"}, None, Reading())
        assert found is not None
        assert found.reveal() == "s3cret"
        assert read_secret({name: ""}, None, Reading()) is None
        assert read({name: "s3cret"}, Reading()) == {}
    assert read_secret({}, "", Reading()) is None


@given(st.dictionaries(st.text(max_size=12), st.one_of(st.none(), st.text(max_size=12), st.integers(), st.booleans())))
def test_whatever_is_typed_ends_in_values_or_faults(values: dict[str, object]) -> None:
    reading = Reading()
    found = read(values, reading)
    secret = read_secret(values, None, reading)
    apply(BLANK, found, secret, reading)
    with pytest.raises(BadInput):
        reading.close()  # no host was given, at least


def test_switches_for_encryption_work_together() -> None:
    for values, expected in (
        ({"use_ssl": False, "use_tls": False}, {"encryption": Encryption.NONE}),
        ({"use_ssl": False, "use_tls": True}, {"encryption": Encryption.STARTTLS}),
        ({"use_ssl": False, "encryption": "starttls"}, {"encryption": Encryption.STARTTLS}),
    ):
        reading = Reading()
        assert read(values, reading) == expected
        assert reading.faults == []
    reading = Reading()
    read({"use_ssl": True, "use_tls": True}, reading)
    assert "contradicts" in reading.faults[0].problem
