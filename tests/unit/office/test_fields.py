"""Each reader of a field takes what people mean and refuses the rest with words, whatever comes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.addresses import parse_list
from postroom.errors import BadInput
from postroom.model.account import Encryption
from postroom.model.tenant import Mode
from postroom.office import fields
from postroom.office.fields import Reader, Reading, Unfit

ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.binary(max_size=20), st.text(max_size=80),
    st.lists(st.integers(), max_size=5), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip
READERS: dict[str, Reader] = {
    "line": fields.line(),
    "name": fields.name,
    "block": fields.block(2048),
    "address": fields.address,
    "addresses": fields.addresses,
    "flag": fields.flag,
    "one_of": fields.one_of(Mode),
    "count": fields.count(1, 10),
    "numbers": fields.numbers(1, 10, 5),
    "host": fields.host,
    "ehlo_name": fields.ehlo_name,
}


def refusal(reader: Reader, value: object) -> str | None:
    """The words of the refusal, None if there was none. Any other exception is a mistake of ours."""
    try:
        reader(value)
    except Unfit as unfit:
        return f"{unfit.problem} {unfit.mend}".strip()
    return None


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS.keys())
@given(value=ANYTHING)
def test_a_reader_gives_a_value_or_refuses_with_words(reader: Reader, value: Any) -> None:
    said = refusal(reader, value)
    assert said is None or said
    assert said is None or not isinstance(value, str) or len(value) < 4 or value not in said


@pytest.mark.parametrize("name", ["line", "name", "address", "addresses", "host", "ehlo_name"])
@pytest.mark.parametrize("evil", ["\r", "\n", "\r\n", "\0", "\x0b", "\x0c", "\x85", "\u2028", "\u2029", "\x1b", "\x7f"])
def test_what_ends_a_line_never_gets_into_a_field_of_one_line(name: str, evil: str) -> None:
    """P9: such a value would end up in a header or a command."""
    for text in (f"a{evil}b", f"a@example.com{evil}b", f"host.example{evil}QUIT", f'"a{evil}b" <a@example.com>'):
        with pytest.raises(Unfit):
            READERS[name](text)


@given(st.text(max_size=300))
def test_a_host_that_was_read_is_plain_and_reads_the_same_again(text: str) -> None:
    try:
        host = fields.host(text)
    except Unfit:
        return
    assert host.isascii()
    assert host == host.lower()
    assert not set(host) & set(' \r\n\t"<>()[]@/\\,;%')
    assert fields.host(host) == host


@pytest.mark.parametrize(
    ("typed", "host"),
    [
        ("SMTP.Example.COM", "smtp.example.com"),
        (" smtp.example.com ", "smtp.example.com"),
        ("smtp.example.com.", "smtp.example.com"),
        ("mail", "mail"),
        ("my_relay.local", "my_relay.local"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("192.0.2.1", "192.0.2.1"),
        ("[192.0.2.1]", "192.0.2.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("[IPv6:2001:db8::1]", "2001:db8::1"),
        ("::1", "::1"),
    ],
)
def test_hosts_are_kept_in_one_spelling(typed: str, host: str) -> None:
    assert fields.host(typed) == host


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "empty"),
        ("two words", "host name"),
        ("smtp://mail.example.com", "web address"),
        ("mail.example.com/path", "web address"),
        ("mail.example.com:587", "port"),
        ("me@example.com", "e-mail address"),
        ("-mail.example.com", "host name"),
        ("mail..example.com", "host name"),
        ("a" * 64 + ".example", "host name"),
        (".".join(["a" * 60] * 5), "host name"),
        ("2130706433", "ends in a number"),
        ("0x7f000001", "ends in a number"),
        ("127.1", "ends in a number"),
        ("256.1.1.1", "ends in a number"),
        ("fe80::1%eth0", "interface"),
        ("mail.example.com;rm", "host name"),
        ("xn--\u2028x", "control"),
        ("\u202emoc.elpmaxe", "control"),
        (7, "not text"),
    ],
)
def test_what_is_no_host_is_refused_with_the_reason(typed: object, words: str) -> None:
    with pytest.raises(Unfit) as caught:
        fields.host(typed)
    assert words in caught.value.problem


def test_an_ehlo_name_is_a_host_or_a_literal() -> None:
    assert fields.ehlo_name("") == ""
    assert fields.ehlo_name("Mail.Example.com") == "mail.example.com"
    assert fields.ehlo_name("192.0.2.1") == "[192.0.2.1]"
    assert fields.ehlo_name("2001:db8::1") == "[IPv6:2001:db8::1]"
    with pytest.raises(Unfit):
        fields.ehlo_name("a b")


def test_several_addresses_are_read_back_as_they_were_kept() -> None:
    kept = fields.addresses('Anna <a@Example.com>, "B, \\"C\\"" <b@example.com>, c@example.com')
    assert [(one.name, one.spec) for one in parse_list(kept)] == [
        ("Anna", "a@example.com"), ('B, "C"', "b@example.com"), ("", "c@example.com"),
    ]  # fmt: skip
    assert fields.addresses(kept) == kept
    assert fields.addresses(["a@example.com", "b@example.com"]) == "a@example.com, b@example.com"
    with pytest.raises(Unfit):
        fields.addresses(", ".join(f"a{n}@example.com" for n in range(11)))


@pytest.mark.parametrize(
    ("given_", "value"), [(True, True), ("Yes", True), ("on", True), ("0", False), (" no ", False)]
)
def test_true_and_false_are_understood_as_people_write_them(given_: object, value: bool) -> None:
    assert fields.flag(given_) is value


@pytest.mark.parametrize("odd", [1, 0, None, "", "maybe", "ja", [], 1.0])
def test_anything_else_is_neither_true_nor_false(odd: object) -> None:
    with pytest.raises(Unfit):
        fields.flag(odd)


@pytest.mark.parametrize("odd", [True, 1.5, "1e3", "٣", "", None, "0x10", 11, 0, -1, "99999999999999999999999"])
def test_numbers_are_numbers(odd: object) -> None:
    assert fields.count(1, 10)(" 7 ") == 7
    with pytest.raises(Unfit):
        fields.count(1, 10)(odd)


def test_words_of_other_products_are_taken_and_later_ones_refused() -> None:
    reader = fields.one_of(Encryption, {"ssl": Encryption.TLS}, later=(Encryption.NONE,))
    assert reader("SSL") is Encryption.TLS
    assert reader("StartTLS") is Encryption.STARTTLS
    with pytest.raises(Unfit, match="not available yet"):
        reader("none")


@pytest.mark.parametrize("odd", ["", " ", "123", "a_0000000000000", "x" * 101])
def test_a_name_is_never_taken_for_an_id(odd: str) -> None:
    with pytest.raises(Unfit):
        fields.name(odd)


def test_a_block_of_text_keeps_its_lines_and_nothing_that_is_no_text() -> None:
    read = fields.block(10)
    assert read("a\r\nb\rc\n\td") == "a\nb\nc\n\td"
    for odd in ("\0", "\x1b[0m", "x" * 11, "\ud800", 7):
        with pytest.raises(Unfit):
            read(odd)


def test_everything_wrong_is_told_at_once_and_a_near_miss_is_named() -> None:
    reading = Reading()
    reading.take("port", fields.count(1, 65535), 0)
    reading.unknown("prot", ["port", "host"])
    reading.unknown("\x00\x1b" + "x" * 500, ["port"])
    with pytest.raises(BadInput) as caught:
        reading.close()
    assert [fault.field for fault in caught.value.faults][:2] == ["port", "prot"]
    assert caught.value.faults[1].mend == "Did you mean port?"
    assert caught.value.faults[2].field.isprintable()
    assert len(caught.value.faults[2].field) <= 60
