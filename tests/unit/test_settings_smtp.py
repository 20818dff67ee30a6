"""The settings of the SMTP door: how they are written, and that mistakes are told in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroom.errors import BadSettings
from postroom.settings import Listen, Settings, load


def loaded(**given: object) -> Settings:
    return load({"HOME": "/nowhere"}, cwd=Path("/nowhere"), overrides=given)


def test_it_listens_on_this_machine_alone_unless_told_otherwise() -> None:
    settings = loaded()
    assert settings.listen_smtp == Listen("127.0.0.1", 8587)
    assert settings.listen_smtps == Listen("127.0.0.1", 8465)
    assert settings.smtp_trusted == ()
    assert not settings.smtp_clear_login
    assert settings.smtp_certificate == settings.smtp_certificate_key == settings.data / "smtp-certificate.pem"


@pytest.mark.parametrize("word", ["off", " OFF ", "no", False])
def test_a_port_can_be_left_shut(word: object) -> None:
    assert loaded(listen_smtp=word).listen_smtp is None


def test_the_key_is_with_the_certificate_unless_it_is_elsewhere() -> None:
    assert loaded(smtp_certificate="/etc/mail.pem").smtp_certificate_key == Path("/etc/mail.pem")
    apart = loaded(smtp_certificate="/etc/mail.pem", smtp_certificate_key="/etc/mail.key")
    assert apart.smtp_certificate_key == Path("/etc/mail.key")


@pytest.mark.parametrize(
    "given",
    ["192.0.2.7=webshop, 2001:db8::/64 = acme/billing", ["192.0.2.7 = webshop", "2001:db8::/64=acme/billing"]],
)
def test_networks_speak_for_applications(given: object) -> None:
    trusted = loaded(smtp_trusted=given).smtp_trusted
    assert [str(one) for one in trusted] == ["192.0.2.7/32=webshop", "2001:db8::/64=acme/billing"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("192.0.2.7", "does not say network=application"),
        ("192.0.2.7=", "does not say network=application"),
        ("somewhere=webshop", "names something that is no network"),
        ("192.0.2.7/24=webshop", "names something that is no network"),
        ("0.0.0.0/0=webshop", "trusts everybody"),
        ("::/0=webshop", "trusts everybody"),
        (["192.0.2.7=web\nshop"], "does not say network=application"),
        ([7], "is no list of network=application"),
    ],
)
def test_a_network_that_can_not_be_meant_is_refused(given: object, words: str) -> None:
    with pytest.raises(BadSettings, match=words):
        loaded(smtp_trusted=given)


@pytest.mark.parametrize("given", ["nowhere", "127.0.0.1", "127.0.0.1:99999", 587, True])
def test_an_address_that_is_none_is_refused(given: object) -> None:
    with pytest.raises(BadSettings, match="is neither host:port nor off"):
        loaded(listen_smtps=given)
