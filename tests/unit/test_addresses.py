"""There is one reading of an address, and what it lets through means the same to everybody."""

from __future__ import annotations

import re
from email.utils import parseaddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.addresses import Address, BadAddress, parse_list

GOOD = {
    "a@b.example": ("a", "b.example", ""),
    "Joe.Doe+x@EXAMPLE.com": ("Joe.Doe+x", "example.com", ""),
    "<a@b.example>": ("a", "b.example", ""),
    "  a@b.example  ": ("a", "b.example", ""),
    "Joe Doe <j@example.com>": ("j", "example.com", "Joe Doe"),
    "Joe Doe<j@example.com>": ("j", "example.com", "Joe Doe"),
    "Dr. J. Doe <j@example.com>": ("j", "example.com", "Dr. J. Doe"),
    "Jürgen Müller <j@example.com>": ("j", "example.com", "Jürgen Müller"),
    "O'Brien [EU] <o@example.com>": ("o", "example.com", "O'Brien [EU]"),
    '"Doe, Joe" <j@example.com>': ("j", "example.com", "Doe, Joe"),
    '"Joe \\"the\\" \\\\ Doe" <j@example.com>': ("j", "example.com", 'Joe "the" \\ Doe'),
    '"a <b@c>" <j@example.com>': ("j", "example.com", "a <b@c>"),
    '"" <j@example.com>': ("j", "example.com", ""),
    '"a b"@example.com': ("a b", "example.com", ""),
    '"a@b"@example.com': ("a@b", "example.com", ""),
    '"a..b"@example.com': ("a..b", "example.com", ""),
    '"plain"@example.com': ("plain", "example.com", ""),
    'Joe <"a > b"@example.com>': ("a > b", "example.com", "Joe"),
    "a@[192.0.2.1]": ("a", "[192.0.2.1]", ""),
    "a@[IPv6:2001:DB8:0:0::1]": ("a", "[IPv6:2001:db8::1]", ""),
    "a@bücher.example": ("a", "xn--bcher-kva.example", ""),
    "a@BÜCHER.example": ("a", "xn--bcher-kva.example", ""),
    "a@xn--bcher-kva.example": ("a", "xn--bcher-kva.example", ""),
    "a@XN--Bcher-kva.example": ("a", "xn--bcher-kva.example", ""),
    "a@faß.example": ("a", "xn--fa-hia.example", ""),
    "a@日本。example": ("a", "xn--wgv71a.example", ""),
    "jürgen@example.com": ("jürgen", "example.com", ""),
    "用户@例え.example": ("用户", "xn--r8jz45g.example", ""),
    "user%host@relay.example": ("user%host", "relay.example", ""),
    "root@localhost": ("root", "localhost", ""),
    "a@host1": ("a", "host1", ""),
    "a" * 64 + "@b": ("a" * 64, "b", ""),
    "a@" + ".".join(["b" * 61] * 4): ("a", ".".join(["b" * 61] * 4), ""),
    "!#$%&'*+-/?=^_`{|}~@b": ("!#$%&'*+-/?=^_`{|}~", "b", ""),
}

BAD = {
    "": "empty",
    "   ": "empty",
    "abc": "no @",
    "@b.example": "nothing before|route",
    '""@b.example': "nothing before",
    "a@": "nothing after",
    "<>": "no @",
    "a@b@c": "more than one @",
    "Joe @ Work <a@b>": "@ outside quotes",
    "a@b <c@d>": "@ outside quotes",
    "a@b>": "without a <",
    "<a@b": "angle brackets",
    "A <B <c@d>": "angle brackets",
    "<a@b> x": "angle brackets",
    "Joe (work) <a@b>": "comment",
    "a@b (Joe)": "comment",
    "(x)a@b": "comment",
    "friends: a@b, c@d;": "group",
    "friends:;": "group",
    "<@relay.example:a@b>": "route",
    "<@a,@b:c@d>": "route",
    "a@b,c@d": "comma",
    "a@b;c@d": "group",
    "Doe, Joe <a@b>": "comma",
    '"Joe" Doe <a@b>': "part of the name",
    '"Joe <a@b>': "quotation mark",
    '"a@b': "quotation mark",
    '"a"b@c': "not allowed there",
    '"a".b@c': "not allowed there",
    "a b@c": "space",
    "a @c": "space",
    ".a@b": "dot",
    "a.@b": "dot",
    "a..b@c": "dot",
    "a@.b": "dot too many",
    "a@b.": "dot too many",
    "a@b..c": "dot too many",
    "a@b c": "space",
    "a@b_c.example": "no domain",
    "a@-b.example": "no domain",
    "a@b-.example": "no domain",
    "a@ü_x.example": "international",
    "a@192.0.2.1": "ends in a number",
    "a@１.2.3.４": "ends in a number",
    "a@[192.0.2]": "no IP",
    "a@[192.0.2.1": "no IP",
    "a@[::1]": "no IP",
    "a@[IPv6:fe80::1%eth0]": "no IP",
    "a@[IPv6:nothing]": "no IP",
    "a@[example.com]": "no IP",
    "a@" + "b" * 64: "63 octets",
    "a" * 65 + "@b": "64 octets",
    "ü" * 33 + "@b": "64 octets",
    "a@" + ".".join(["b" * 62] * 5): "253 octets",
    "x" * 2000 + "@b": "1000 characters",
    "N" * 300 + " <a@b>": "longer than 256",
    "=?utf-8?q?a=40evil.example?=@b": "looks encoded",
    "a%0d%0aRCPT@b": "looks encoded",
    '"a%00"@b': "looks encoded",
    "a＠evil.example@b": "mistaken",
    "a\u00a0b@c": "mistaken|not allowed",
    "a\u200bb@c": "mistaken",
    "a@℀.example": "international",
    "a@b＠c.example": "international",
}


@pytest.mark.parametrize("text", GOOD)
def test_what_is_an_address_is_read_as_meant(text: str) -> None:
    address = Address.parse(text)
    assert (address.local, address.domain, address.name) == GOOD[text]
    address.check()


@pytest.mark.parametrize("text", GOOD)
def test_the_spelling_of_an_address_is_read_as_the_same_address(text: str) -> None:
    address = Address.parse(text)
    assert Address.parse(address.spec).key == address.key
    assert address.domain.isascii()


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_address_is_refused_in_words(text: str) -> None:
    with pytest.raises(BadAddress) as error:
        Address.parse(text)
    assert re.search(BAD[text], error.value.problem), error.value.problem
    assert error.value.problem.endswith(".")
    assert error.value.mend


UNFIT = ["\r", "\n", "\r\n", "\0", "\x0b", "\x0c", "\t", "\x1b", "\x7f", "\x80", "\x85", "\x9f", "\u2028", "\u2029"]
TURNING = ["\u200e", "\u200f", "\u202a", "\u202e", "\u2066", "\u2069", "\u061c", "\ufeff", "\ud800"]


@pytest.mark.parametrize("unfit", UNFIT + TURNING, ids=ascii)
@pytest.mark.parametrize("place", ["{}a@b", "a{}@b", "a@{}b", "a@b{}", "N{}x <a@b>", '"N{}" <a@b>', '"a{}"@b', "{}"])
def test_invisible_characters_are_refused_everywhere_and_not_repeated(unfit: str, place: str) -> None:
    with pytest.raises(BadAddress) as error:
        Address.parse(place.format(unfit))
    assert unfit not in str(error.value)


@pytest.mark.parametrize(
    "address",
    [
        Address("a\r\nb", "c.example"),
        Address("", "c.example"),
        Address("a", ""),
        Address("a", "C.example"),
        Address("a", "bücher.example"),
        Address("a", "b@c"),
        Address("a", "b\r\nX: y"),
        Address("a", "b> , <c"),
        Address("a", "[192.0.2.01]"),
        Address("a", "[IPv6:2001:DB8::1]"),
        Address("=?x?", "b"),
        Address("a", "b", "x\ny"),
        Address("a", "b", "x" * 300),
        Address("a" * 65, "b"),
    ],
    ids=ascii,
)
def test_an_address_put_together_by_hand_is_held_to_the_same_rules(address: Address) -> None:
    with pytest.raises(BadAddress):
        address.check()


def test_the_same_mailbox_has_one_key_and_another_has_another() -> None:
    assert Address.parse("Joe <a@Bücher.example>").key == Address.parse("a@xn--bcher-kva.example").key
    assert Address.parse('"a"@b').key == Address.parse("a@b").key
    assert Address.parse("A@b").key != Address.parse("a@b").key
    # Characters that fold or normalise to others stay apart: only the mailbox's own server may treat them alike.
    assert Address.parse("mike@ex.example").key != Address.parse("mıke@ex.example").key
    assert Address.parse("ﬁ@b").key != Address.parse("fi@b").key
    assert Address.parse("é@b").key != Address.parse("e\u0301@b").key


def test_only_a_local_part_beyond_ascii_needs_smtputf8() -> None:
    assert Address.parse("jürgen@example.com").needs_smtputf8
    assert not Address.parse("Jürgen <j@bücher.example>").needs_smtputf8


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a@bücher.example", "a@bücher.example"),
        ("Jo <a@日本語ドメイン.example>", "Jo <a@日本語ドメイン.example>"),
        ("a@правда.example", "a@правда.example"),
        ("a@аpple.example", "a@xn--pple-43d.example"),  # Cyrillic а and Latin letters
        ("a@аррӏе.example", "a@xn--80ak6aa92e.example"),  # all Cyrillic, reads like Latin
        ("a@bücher.аррӏе.example", "a@bücher.xn--80ak6aa92e.example"),
        ("a@xn--a.example", "a@xn--a.example"),
        ("a@xn--ls8h.example", "a@xn--ls8h.example"),
        ('"boss@bank.example" <a@evil.example>', '"boss@bank.example" <a@evil.example>'),
        ("J. Doe <a@b>", "J. Doe <a@b>"),
    ],
)
def test_people_see_readable_domains_but_no_look_alikes(text: str, shown: str) -> None:
    assert Address.parse(text).display() == shown


def test_what_is_shown_is_safe_even_for_an_address_nobody_checked() -> None:
    assert Address("a\u202e", "b", "x\r\ny").display() == "x\ufffd\ufffdy <a\ufffd@b>"


def test_a_list_is_split_where_commas_mean_it() -> None:
    found = parse_list('"Doe, Joe" <"a,b"@c.example>, d@e.example ,Jürgen <f@g.example>')
    assert [(address.name, address.key) for address in found] == [
        ("Doe, Joe", "a,b@c.example"),
        ("", "d@e.example"),
        ("Jürgen", "f@g.example"),
    ]


@pytest.mark.parametrize("text", ["a@b,", ",a@b", "a@b,,c@d", "", "a@b, c", "a@b\n, c@d", 'a@b, "c'])
def test_a_list_with_one_wrong_entry_is_refused(text: str) -> None:
    with pytest.raises(BadAddress):
        parse_list(text)


def test_a_list_says_which_entry_is_wrong() -> None:
    with pytest.raises(BadAddress, match=r"^Address 2 of 3: There is no @"):
        parse_list("a@b, c, d@e")


LOCALS = st.text(
    st.characters(exclude_categories=["Cc", "Cf", "Cs", "Cn", "Co", "Zs", "Zl", "Zp"]), min_size=1, max_size=15
)


@given(LOCALS)
def test_every_local_part_that_is_taken_survives_its_own_spelling(local: str) -> None:
    address = Address(local, "example.com")
    try:
        address.check()
    except BadAddress:
        return
    assert Address.parse(address.spec) == address
    assert Address.parse(f"Name <{address.spec}>") == Address(local, "example.com", "Name")


@given(st.text(st.sampled_from('ab.@<>()[]:;,\\" \t\r\n=?é'), max_size=25))
def test_nothing_is_read_in_another_way_than_the_standard_library_would(text: str) -> None:
    """What we take, the other reader takes for the same mailbox (A20): no mail to another domain than was checked."""
    try:
        address = Address.parse(text)
    except BadAddress:
        return
    other = parseaddr(address.spec)[1]
    assert other.rpartition("@")[2] == address.domain
    assert parseaddr(f"x <{address.spec}>")[1] == other


@given(st.text(max_size=60))
def test_any_text_is_either_an_address_or_a_plain_refusal(text: str) -> None:
    try:
        address = Address.parse(text)
    except BadAddress:
        return
    address.check()
    assert Address.parse(address.spec).key == address.key
