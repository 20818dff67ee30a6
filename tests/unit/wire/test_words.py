"""What the system says becomes a failure and a plain sentence (promise P6); a host name is known from anything else."""

from __future__ import annotations

import errno
import socket

import pytest

from postroom.model.account import Account, CertificateCheck, Encryption
from postroom.model.attempt import Failure
from postroom.smtp.fault import LostKind
from postroom.wire.dial import DialTimeouts, Target
from postroom.wire.drive import lost_of
from postroom.wire.failures import of_lookup, of_os_error
from postroom.wire.link import Gone
from postroom.wire.names import host_name
from postroom.wire.tls import AuthorityError, TlsSettings, context_for, normal_pin


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), Failure.REFUSED),
        (TimeoutError(errno.ETIMEDOUT, "x"), Failure.TIMEOUT),
        (TimeoutError(), Failure.TIMEOUT),
        (OSError(errno.ENETUNREACH, "x"), Failure.UNREACHABLE),
        (OSError(errno.EHOSTUNREACH, "x"), Failure.UNREACHABLE),
        (OSError(errno.EADDRNOTAVAIL, "x"), Failure.UNREACHABLE),
        (PermissionError(errno.EPERM, "x"), Failure.UNREACHABLE),
        (ConnectionResetError(errno.ECONNRESET, "x"), Failure.CLOSED),
        (BrokenPipeError(errno.EPIPE, "x"), Failure.CLOSED),
        (OSError(errno.EMFILE, "x"), Failure.INTERNAL),
        (OSError(errno.EXDEV, "x"), Failure.INTERNAL),
        (OSError("odd"), Failure.INTERNAL),
    ],
)
def test_errors_of_the_system(error: OSError, failure: Failure) -> None:
    found, words = of_os_error(error)
    assert found is failure
    assert words
    assert words != "x"


@pytest.mark.parametrize(
    ("number", "failure"),
    [
        (socket.EAI_NONAME, Failure.NAME),
        (socket.EAI_NODATA, Failure.NAME),
        (socket.EAI_AGAIN, Failure.NAME_TEMPORARY),
        (socket.EAI_FAIL, Failure.NAME_TEMPORARY),
        (socket.EAI_SYSTEM, Failure.NAME_TEMPORARY),
    ],
)
def test_errors_of_the_resolver(number: int, failure: Failure) -> None:
    found, words = of_lookup(socket.gaierror(number, "said"), "mail.example.com")
    assert found is failure
    assert "mail.example.com" in words


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("mail.example.com", "mail.example.com"),
        (" mail.example.com. ", "mail.example.com"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("my_mail", "my_mail"),
        ("localhost", "localhost"),
        ("192.0.2.1", "192.0.2.1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[IPv6:2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("0x7f000001", "0x7f000001"),
    ],
)
def test_host_names(written: str, name: str) -> None:
    assert host_name(written) == name


@pytest.mark.parametrize(
    "written",
    ["", " ", ".", "a..b", "a b", "mail.example.com:25", "user@host", "http://host", "host/path", "a\x00b", "a\r\nQUIT",
     "x" * 64, ".".join(["abc"] * 90), "bü cher.example", "\u2028.example", "[mail]", "ü" * 100, "a\u202eb.example"],
)  # fmt: skip
def test_what_is_no_host_name(written: str) -> None:
    assert host_name(written) is None


def test_the_end_of_a_link_as_a_conversation_hears_of_it() -> None:
    kinds = {
        Gone(Failure.CLOSED, "d"): LostKind.CLOSED,
        Gone(Failure.CLOSED, "d", reset=True): LostKind.RESET,
        Gone(Failure.TIMEOUT, "d"): LostKind.TIMEOUT,
        Gone(Failure.TLS, "d"): LostKind.TLS,
        Gone(Failure.CERTIFICATE, "d"): LostKind.TLS,
        Gone(Failure.INJECTED, "d"): LostKind.INJECTED,
        Gone(Failure.UNREACHABLE, "d"): LostKind.CLOSED,
    }
    assert {gone: lost_of(gone).kind for gone in kinds} == kinds
    assert lost_of(Gone(Failure.CLOSED, "d"), written=3).may_have_left(3)


def test_targets_and_tls_settings_come_from_the_account() -> None:
    account = Account(
        id=1, tenant_id=1, name="n", host="h", port=465, encryption=Encryption.TLS,
        certificate_check=CertificateCheck.PINNED, certificate_pin="sha256:AA:0b",
    )  # fmt: skip
    assert Target.of(account, "1.3") == Target("h", 465, True, TlsSettings(CertificateCheck.PINNED, "", "aa0b", "1.3"))
    assert normal_pin("AA BB") == "aabb"
    assert TlsSettings(CertificateCheck.PINNED).pin_to_check, "pinned without a pin must match nothing"
    assert not TlsSettings(CertificateCheck.VERIFY, pin="aa").pin_to_check


def test_nothing_but_the_operators_setting_lowers_tls_below_1_2() -> None:
    for minimum in ("1.2", "", "0.9", "ssl3"):
        for check in (CertificateCheck.VERIFY, CertificateCheck.IGNORE, CertificateCheck.PINNED):
            context = context_for(TlsSettings(check, minimum=minimum))
            assert context.minimum_version.name == "TLSv1_2"
    for minimum, name in (("1.3", "TLSv1_3"), ("1.1", "TLSv1_1"), ("1.0", "TLSv1")):
        assert context_for(TlsSettings(minimum=minimum)).minimum_version.name == name


def test_contexts_are_made_once() -> None:
    assert context_for(TlsSettings()) is context_for(TlsSettings())


@pytest.mark.parametrize("authority", ["", "no pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_an_own_ca_that_is_none_is_refused(authority: str) -> None:
    with pytest.raises(AuthorityError, match="PEM"):
        context_for(TlsSettings(CertificateCheck.OWN_CA, authority))


def test_timeouts_scale_together() -> None:
    assert DialTimeouts().scaled(0.1) == DialTimeouts(3.0, 1.0, 0.025, 18.0)
