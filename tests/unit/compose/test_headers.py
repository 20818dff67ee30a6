"""What was given comes back letter for letter from every reader, and the lines keep their measures."""

from __future__ import annotations

import email
import email.header
import email.policy
import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from postroom.addresses import Address
from postroom.compose.headers import addresses, check_value, parameters, unstructured
from postroom.compose.letter import Attachment, faults
from tests.unit.compose import reading
from tests.unit.compose.letters import TO, content, letter, rendered
from tests.unit.compose.reading import read

ANY = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029")
VALUES = st.one_of(
    st.text(ANY, max_size=120),
    st.text(st.sampled_from('ab =?_\t"\\<>@,;:.()[]é漢🎉'), max_size=120),
    st.lists(st.sampled_from(["word", "Müller", "=?utf-8?q?x?=", "", "漢字", "x" * 90, "=?", "?="]), max_size=30).map(
        " ".join
    ),
)


def _lines(header: str) -> list[str]:
    lines = header.split("\r\n")
    for line in lines:
        assert "\r" not in line
        assert "\n" not in line
        assert len(line.encode()) <= 998
        if "=?" in line:
            assert len(line) <= 76
    assert all(line.startswith(" ") and line.strip(" ") for line in lines[1:])
    return lines


def _value(header: str) -> str:
    return "".join(_lines(header)).partition(":")[2].removeprefix(" ")


@given(VALUES)
@example("")
@example(" ")
@example("a  b")
@example("a   b ")
@example(" a")
@example("é" * 500)
@example("x" * 990)
@example("x" * 5000)
@example("a é b")
def test_free_text_comes_back_through_the_strict_reader(value: str) -> None:
    if check_value("x", value) is None:
        assert reading.unstructured(_value(unstructured("Subject", value))) == value


@given(VALUES)
@example("a é  b")
@example("=?utf-8?q?harmless?=")
def test_free_text_comes_back_through_the_standard_library(value: str) -> None:
    if check_value("x", value) is not None:
        return
    raw = unstructured("X-Text", value).replace("\r\n", "")
    decoded = email.header.decode_header(raw.partition(":")[2].removeprefix(" "))
    # The old reader keeps the space between text and an encoded word on the text, and drops it on the other side.
    pieces = [piece.decode(charset or "ascii") if isinstance(piece, bytes) else piece for piece, charset in decoded]
    assert "".join(pieces).replace(" ", "") == value.replace(" ", "")


@given(VALUES)
def test_a_subject_comes_back_through_the_modern_standard_parser(value: str) -> None:
    this = letter(subject=value)
    if faults(this):
        return
    message = email.message_from_bytes(rendered(this).content, policy=email.policy.default)
    assert message["Subject"] == value


@pytest.mark.parametrize(
    ("value", "header"),
    [
        ("Hello", "S: Hello"),
        ("", "S:"),
        ("für", "S: =?utf-8?q?f=C3=BCr?="),
        ("漢字", "S: =?utf-8?b?5ryi5a2X?="),
        ("Invoice für Müller of May", "S: Invoice =?utf-8?b?ZsO8ciBNw7xsbGVy?= of May"),
        ("Invoice für Mayer of May", "S: Invoice =?utf-8?q?f=C3=BCr?= Mayer of May"),
        ("a  b", "S: =?utf-8?q?a__b?="),
        ("a =?utf-8?q?b?= c", "S: a =?utf-8?b?PT91dGYtOD9xP2I/PQ==?= c"),
        ("a\tb", "S: =?utf-8?b?YQli?="),
    ],
)
def test_only_what_needs_it_is_encoded_and_in_the_shorter_way(value: str, header: str) -> None:
    assert unstructured("S", value) == header


def test_plain_words_fold_at_78_and_keep_their_spaces() -> None:
    lines = _lines(unstructured("Subject", " ".join(["lorem"] * 100)))
    assert len(lines) > 5
    assert max(map(len, lines)) <= 78
    assert all(len(line) > 70 for line in lines[:-1])


def test_a_long_word_that_machines_read_stays_whole_as_long_as_a_line_can_hold_it() -> None:
    token = "t" * 900
    assert unstructured("X-Token", token) == f"X-Token: {token}"
    assert "=?utf-8?" in unstructured("X-Token", token + "t")


def test_a_character_is_never_split_between_encoded_words() -> None:
    for text in ("é" * 300, "漢" * 300, "🎉" * 300, "e\u0301" * 300):
        for found in re.finditer(r"=\?utf-8\?[bq]\?[^?]+\?=", unstructured("Subject", text)):
            assert len(found.group()) <= 75
            match = re.fullmatch(r"=\?([^?]+)\?([bq])\?([^?]+)\?=", found.group())
            assert match
            assert unicodedata.normalize("NFC", reading.word(match))


def test_a_long_field_name_leaves_room_for_encoded_words() -> None:
    name = "X-" + "Long-" * 14
    assert reading.unstructured(_value(unstructured(name, "é" * 100))) == "é" * 100


NAMES = st.one_of(
    st.text(ANY, max_size=80),
    st.text(st.sampled_from("ab .,;:<>@()[]\"\\=?'é漢"), max_size=80),
    st.sampled_from(["Joe Doe", "Doe, Joe", 'Joe "x" Doe', "a\\b", "J. Doe", "=?utf-8?q?x?=", "x" * 256, "é" * 256]),
)
MAILBOXES = st.builds(
    Address,
    local=st.sampled_from(["joe", "a.b+c", "a b", 'a"b', "a@b", "a\\b", ".a", "x" * 64]),
    domain=st.sampled_from(["b.example", "xn--bcher-kva.example", "[192.0.2.1]", "[IPv6:2001:db8::1]"]),
    name=NAMES,
)


@given(st.lists(MAILBOXES, min_size=1, max_size=6))
def test_addresses_come_back_with_their_names_and_are_never_encoded(mailboxes: list[Address]) -> None:
    if faults(letter(to=tuple(mailboxes))):
        return
    header = addresses("To", mailboxes)
    expected = [("" if not box.name.strip(" ") else box.name, box.spec) for box in mailboxes]
    assert reading.mailboxes(_value(header)) == expected


@given(st.lists(MAILBOXES, min_size=1, max_size=4))
def test_addresses_come_back_through_the_modern_standard_parser(mailboxes: list[Address]) -> None:
    this = letter(cc=tuple(mailboxes))
    if faults(this):
        return
    message = email.message_from_bytes(rendered(this).content, policy=email.policy.default)
    # That parser (3.11) leaves a space between two encoded words of a name, so spaces do not count here.
    found = [(box.display_name.replace(" ", ""), box.username, box.domain) for box in message["Cc"].addresses]
    assert found == [(box.name.replace(" ", ""), box.local, box.domain) for box in mailboxes]


@pytest.mark.parametrize(
    ("address", "header"),
    [
        (Address("a", "b"), "To: a@b"),
        (Address("a", "b", "Joe Doe"), "To: Joe Doe <a@b>"),
        (Address("a", "b", "Doe, Joe"), 'To: "Doe, Joe" <a@b>'),
        (Address("a", "b", "J. Doe"), 'To: "J. Doe" <a@b>'),
        (Address("a", "b", 'x"y\\z'), 'To: "x\\"y\\\\z" <a@b>'),
        (Address("a", "b", "Jürgen"), "To: =?utf-8?q?J=C3=BCrgen?= <a@b>"),
        (Address("a", "b", "x" * 75), f"To: {'x' * 75}\r\n <a@b>"),
        (Address("a <b", "c", "x" * 75), f'To: {"x" * 75}\r\n <"a <b"@c>'),
        (Address("a", "b", "w " * 99 + "(w"), f'To: "{"w " * 35}w\r\n {"w " * 37}w\r\n {"w " * 25}(w" <a@b>'),
        (Address("a b", "c"), 'To: "a b"@c'),
        (Address("jürgen", "c"), "To: jürgen@c"),
    ],
)
def test_a_name_is_quoted_or_encoded_only_when_needed(address: Address, header: str) -> None:
    assert addresses("To", [address]) == header


def test_ten_thousand_recipients_fold_between_addresses() -> None:
    many = tuple(Address(f"recipient{n}", "example.com", f"Name {n}" if n % 2 else "") for n in range(10_000))
    data = content(to=many)
    assert max(map(len, data.split(b"\r\n"))) <= 78
    assert len(reading.mailboxes(read(data).raw("To"))) == 10_000
    message = email.message_from_bytes(data)
    assert len(email.utils.getaddresses([message["To"]])) == 10_000


FILENAMES = st.one_of(
    st.text(ANY, min_size=1, max_size=150),
    st.text(st.sampled_from("ab .;=\"'%*?é漢()"), min_size=1, max_size=100),
    st.sampled_from(["x" * 200, "é" * 200, "漢字.pdf", "=?utf-8?q?x?=.txt", "a'b''c", "100%.txt"]),
)


@given(FILENAMES)
def test_a_file_name_comes_back_from_every_reader(filename: str) -> None:
    this = letter(attachments=(Attachment(filename, b"x"),))
    if faults(this):
        return
    expected = re.split(r"[/\\]", filename)[-1].strip()
    data = rendered(this).content
    part = read(data).parts[1]
    assert reading.parameters(part.raw("Content-Disposition")) == ("attachment", {"filename": expected})
    modern = email.message_from_bytes(data, policy=email.policy.default)
    assert list(modern.walk())[2]["Content-Disposition"].params["filename"] == expected
    old = email.message_from_bytes(data)
    # The old reader takes off quotes and brackets that are part of a name.
    if expected[0] not in '"<':
        assert list(old.walk())[2].get_filename() == expected


@pytest.mark.parametrize(
    ("filename", "header"),
    [
        ("a.pdf", "D: attachment; filename=a.pdf"),
        ("my file.pdf", 'D: attachment; filename="my file.pdf"'),
        ("größe.pdf", "D: attachment; filename*=utf-8''gr%C3%B6%C3%9Fe.pdf"),
        ('a"b.pdf', "D: attachment; filename*=utf-8''a%22b.pdf"),
    ],
)
def test_a_parameter_has_one_spelling(filename: str, header: str) -> None:
    assert parameters("D", "attachment", [("filename", filename)]) == header


def test_a_long_parameter_goes_on_in_numbered_sections() -> None:
    header = parameters("Content-Disposition", "attachment", [("filename", "漢" * 100)])
    lines = header.split("\r\n")
    assert lines[0] == "Content-Disposition: attachment;"
    assert lines[1].startswith(" filename*0*=utf-8''%E6%BC%A2")
    assert lines[2].startswith(" filename*1*=%E6%BC%A2")
    assert max(map(len, lines)) <= 78


@pytest.mark.parametrize("value", ["<https://x.example/?a=%0D%0A&b='>", "it's 50%0ff", "mailto:a@b?body=x%0D%0Ay"])
def test_an_encoded_line_end_in_a_link_is_no_attack(value: str) -> None:
    assert check_value("headers.List-Unsubscribe", value, "List-Unsubscribe") is None


@pytest.mark.parametrize("value", ["für", "a  b", "", " a", "=?utf-8?q?x?=", "x" * 901])
def test_a_field_that_machines_read_takes_only_what_needs_no_encoding(value: str) -> None:
    assert check_value("headers.References", value, "References") is not None


def test_a_value_has_a_limit() -> None:
    assert check_value("subject", "x " * 4_000) is None
    assert check_value("subject", "x " * 4_001) is not None


def test_an_unset_name_is_no_name() -> None:
    assert addresses("To", [Address("a", "b", " ")]) == "To: a@b"
    assert addresses("To", [TO, Address("a", "b")]) == "To: Joe Doe <joe@to.example>, a@b"
