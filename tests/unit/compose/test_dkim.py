"""Signatures: canonical forms as the RFCs show them, and every signature believed by an independent verifier."""

from __future__ import annotations

import base64
import hashlib
import re

import dkim
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.compose.dkim import SigningKey, body_hash, relaxed_body, relaxed_field, signature_fields
from postroom.model.dkim import DkimAlgorithm
from postroom.secrets import Secret
from postroom.secrets.dkim import made, read_pair, signer

AT_MS = 1_763_628_180_000
RSA, ED25519 = made(DkimAlgorithm.RSA, 2048), made(DkimAlgorithm.ED25519, 0)
KEYS = (
    SigningKey("example.com", "r1", "rsa-sha256", signer(RSA.private).sign),
    SigningKey("example.com", "e1", "ed25519-sha256", signer(ED25519.private).sign),
)
RECORDS = {
    "r1._domainkey.example.com.": f"v=DKIM1; k=rsa; p={RSA.public_key}",
    "e1._domainkey.example.com.": f"v=DKIM1; k=ed25519; p={ED25519.public_key}",
}
HEAD = (
    b"Received: by here\r\nDate: Thu, 20 Nov 2025 08:43:00 +0000\r\nFrom: Ann\r\n <ann@example.com>\r\n"
    b"To: b@example.org,\r\n\tc@example.org\r\nSubject:  Hello   there \r\nMessage-ID: <1@example.com>\r\n"
    b"List-Unsubscribe: <https://example.com/u/1>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
)


def record(name: bytes, timeout: int = 5) -> bytes:
    return RECORDS[name.decode()].encode()


def believed(message: bytes, signatures: int = 2) -> bool:
    verifier = dkim.DKIM(message)
    return all(verifier.verify(idx=index, dnsfunc=record) for index in range(signatures))


def signed(message: bytes, unsigned: frozenset[str] = frozenset()) -> bytes:
    return signature_fields(message, KEYS, AT_MS, unsigned) + message


def test_canonical_forms_are_those_of_rfc_6376_section_3_4_5() -> None:
    message = b"A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n"
    assert relaxed_field(b"A: X\r\n") == b"a:X\r\n"
    assert relaxed_field(b"B : Y\t\r\n\tZ  \r\n") == b"b:Y Z\r\n"
    assert b"".join(relaxed_body(message, message.index(b"\r\n\r\n") + 4)) == b" C\r\nD E\r\n"


@pytest.mark.parametrize(
    ("body", "canonical"),
    [
        (b"", b""),
        (b"\r\n", b""),
        (b" \t \r\n\r\n  ", b""),
        (b"no end", b"no end\r\n"),
        (b"a  b\tc", b"a b c\r\n"),
        (b"a \r\n \r\n\r\nb\r\n \r\n", b"a\r\n\r\n\r\nb\r\n"),
        (b"\r\n\r\nx", b"\r\n\r\nx\r\n"),
        (b"x" * 70_000 + b" \r\n" + b"y  y\r\n" * 20_000, b"x" * 70_000 + b"\r\n" + b"y y\r\n" * 20_000),
    ],
)
def test_a_body_without_what_servers_change_on_the_way(body: bytes, canonical: bytes) -> None:
    assert b"".join(relaxed_body(body)) == canonical
    assert body_hash(b"A: b\r\n\r\n" + body, 8) == hashlib.sha256(canonical).digest()


def test_the_example_of_rfc_8463_comes_out_to_the_letter() -> None:
    """Appendix A: the same key over the same fields gives the signature that is printed there."""
    body = b"Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n"
    hashed = base64.b64encode(body_hash(body)).decode()
    assert hashed == "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8="
    fields = (
        b"From: Joe SixPack <joe@football.example.com>\r\n",
        b"To: Suzie Q <suzie@shopping.example.net>\r\n",
        b"Subject: Is dinner ready?\r\n",
        b"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n",
        b"Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n",
        b"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=football.example.com; "
        b"i=@football.example.com;\r\n q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n subject : date : "
        b"message-id : from : subject : date;\r\n bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b=\r\n",
    )
    octets = b"".join(relaxed_field(field) for field in fields).removesuffix(b"\r\n")
    pair = read_pair(Secret("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="))
    assert pair.public_key == "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    made_here = base64.b64encode(signer(pair.private).sign(hashlib.sha256(octets).digest())).decode()
    assert made_here == "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw=="


def test_both_signatures_are_believed_and_the_same_each_time() -> None:
    message = HEAD + b"Hello\r\n"
    assert believed(signed(message))
    assert signed(message) == signed(message)
    assert all(len(line) <= 78 for line in signature_fields(message, KEYS, AT_MS).split(b"\r\n"))


@pytest.mark.parametrize(
    "added",
    [b"From: Eve <eve@example.net>", b"Subject: Pay", b"Reply-To: eve@example.net", b"To: eve@example.net",
     b"Content-Type: text/html", b"List-Unsubscribe: <https://example.net>"],
)  # fmt: skip
def test_nobody_can_add_a_field_that_readers_believe(added: bytes) -> None:
    assert not believed(added + b"\r\n" + signed(HEAD + b"Hello\r\n"), 1)


def test_what_a_server_on_the_way_does_to_spaces_and_folds_breaks_nothing() -> None:
    message = signed(HEAD + b"Hello  there \r\nEnd")
    moved = message.replace(b"To: b@example.org,\r\n\tc", b"To: b@example.org, c").replace(
        b"Hello  there ", b"Hello there"
    )
    assert believed(b"Received: by another server\r\n" + moved + b"\r\n\r\n")


def test_fields_that_the_provider_replaces_are_left_out_when_asked_for() -> None:
    message = signed(HEAD + b"Hello\r\n", frozenset({"date", "message-id"}))
    assert believed(message.replace(b"<1@example.com>", b"<other@provider.example>"))
    assert not re.search(rb"h=[^;]*Message-ID", message)


@pytest.mark.parametrize(
    "message",
    [b"", b"\r\n", b"no header at all", b"From: a@example.com\r\n", b"From: a@example.com\r\nodd line\r\n\r\nbody",
     b"From:\r\n\r\n", b"\r\n\r\nbody", b"\xff\xfe: x\r\n\r\n\xff"],
)  # fmt: skip
def test_even_odd_messages_get_a_field_that_can_be_read(message: bytes) -> None:
    fields = signature_fields(message, KEYS, AT_MS)
    assert fields.count(b"DKIM-Signature: ") == 2
    assert fields.isascii()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"a", b"\xff\xe4", b"=20", b"x" * 999, b".", b"From "])))
def test_whatever_a_body_holds_its_signature_is_believed(parts: list[bytes]) -> None:
    """As it arrives: SMTP ends the last line where the message does not."""
    message = HEAD + b"".join(parts)
    assert believed(signature_fields(message, KEYS, AT_MS) + message + (b"" if message.endswith(b"\r\n") else b"\r\n"))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_no_octets_stop_the_signing(message: bytes) -> None:
    assert signature_fields(message, KEYS[1:], AT_MS).startswith(b"DKIM-Signature: ")
