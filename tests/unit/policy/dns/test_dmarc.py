"""DMARC as RFC 9989 has it: which record counts, what it asks for, and whose domain stands for whose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.policy.dns.dkim_record import read_key, read_tags
from postroom.policy.dns.dmarc import aligned, discover, organisation, read_record
from postroom.policy.dns.question import Question
from tests.unit.policy.dns.answers import Table, run

ZONE: Table = {
    "_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject; sp=quarantine; np=none"]},
    "_dmarc.strict.example.com": {"TXT": ["v=DMARC1; p=none; aspf=s; adkim=s"]},
    "_dmarc.test.example": {"TXT": ["v=DMARC1; p=reject; t=y; pct=10"]},
    "_dmarc.cut.example": {"TXT": ["v=DMARC1; p=reject; psd=n"]},
    "_dmarc.example": {"TXT": ["v=DMARC1; p=none; psd=y; np=reject"]},
    "_dmarc.two.test": {"TXT": ["v=DMARC1; p=reject", "v=DMARC1; p=none"]},
    "_dmarc.odd.test": {"TXT": ["v=DMARC1; p=maybe; rua=mailto:a@odd.test"]},
    "_dmarc.other.test": {"TXT": ["something else"]},
    "_dmarc.silent.test": "?",
}


@pytest.mark.parametrize(
    ("domain", "policy", "where"),
    [
        ("example.com", "reject", "example.com"),
        ("news.example.com", "quarantine", "example.com"),
        ("a.b.c.d.e.f.g.h.i.example.com", "quarantine", "example.com"),
        ("strict.example.com", "none", "strict.example.com"),
        ("x.strict.example.com", "quarantine", "example.com"),
        ("test.example", "quarantine", "test.example"),
        ("cut.example", "reject", "cut.example"),
        ("x.cut.example", "reject", "cut.example"),
        ("shop.firm.example", "none", "example"),
        ("two.test", "", ""),
        ("odd.test", "none", "odd.test"),
        ("other.test", "", ""),
        ("gone.test", "", ""),
    ],
)
def test_which_record_counts_and_what_it_asks_for(domain: str, policy: str, where: str) -> None:
    found = run(discover(domain), ZONE)
    assert (found.policy, found.record.domain if found.record else "") == (policy, where)


def test_names_that_do_not_exist_have_a_policy_of_their_own() -> None:
    assert run(discover("x.example.com", exists=False), ZONE).policy == "none"
    assert run(discover("x.firm.example", exists=False), ZONE).policy == "reject"


def test_long_names_skip_to_seven_labels_and_no_name_is_asked_twice() -> None:
    asked: list[Question] = []
    run(discover("a.b.c.d.e.f.g.h.i.j.example.com"), {}, asked)
    names = [question.name for question in asked]
    assert names[:3] == [
        "_dmarc.a.b.c.d.e.f.g.h.i.j.example.com",
        "_dmarc.f.g.h.i.j.example.com",
        "_dmarc.g.h.i.j.example.com",
    ]
    assert len(names) == len(set(names)) == 8


@pytest.mark.parametrize(
    ("domain", "top"),
    [("a.example.com", "example.com"), ("x.cut.example", "cut.example"), ("shop.firm.example", "firm.example"),
     ("a.gone.test", "a.gone.test")],
)  # fmt: skip
def test_where_an_organisation_begins(domain: str, top: str) -> None:
    assert run(organisation(domain), ZONE) == top


@pytest.mark.parametrize(
    ("one", "other", "strict", "fits"),
    [
        ("example.com", "EXAMPLE.com", True, True),
        ("news.example.com", "example.com", False, True),
        ("news.example.com", "shop.example.com", False, True),
        ("news.example.com", "example.com", True, False),
        ("a.firm.example", "b.firm.example", False, True),
        ("a.firm.example", "b.other.example", False, False),
        ("example.com", "example.net", False, False),
    ],
)
def test_alignment(one: str, other: str, strict: bool, fits: bool) -> None:
    assert run(aligned(one, other, strict=strict), ZONE) is fits


def test_words_of_former_times_and_mistakes_are_told() -> None:
    found = read_record("test.example", b"v=DMARC1; p=reject; pct=10; rf=afrf; ri=86400; t=y")
    assert found is not None
    assert (found.historic, found.testing, found.fault) == (("pct", "rf", "ri"), True, "")
    broken = read_record("x", b"v=DMARC1; p=none; p=reject")
    assert broken is not None
    assert "twice" in broken.fault
    assert read_record("x", b"p=none; v=DMARC1") is None
    assert read_record("x", b"v=dmarc1; p=none") is None
    assert run(discover("silent.test"), ZONE).trouble


@given(st.binary(max_size=200))
def test_no_octets_make_a_parser_raise(octets: bytes) -> None:
    for text in (octets, b"v=DMARC1;" + octets, b"v=DKIM1; p=" + octets):
        read_record("example.com", text)
        read_key(text)
        read_tags(text.decode("latin-1"))


def test_one_policy_that_is_none_spoils_the_record_unless_it_asks_for_reports() -> None:
    """RFC 9989, 4.10.1."""
    spoilt = read_record("a.test", b"v=DMARC1; p=reject; sp=quarantaine")
    asking = read_record("a.test", b"v=DMARC1; p=reject; np=never; rua=mailto:a@a.test")
    assert spoilt is not None
    assert asking is not None
    assert (spoilt.policy, spoilt.fault) == ("", "says sp=quarantaine, which is no policy")
    assert (asking.policy, asking.fault) == ("none", "says np=never, which is no policy")


def test_a_walk_ends_at_a_public_suffix_also_where_it_begins() -> None:
    """RFC 9989, 4.10, step 2: what stands above a public suffix has nothing to say of it."""
    zone: Table = {
        "_dmarc.bank.test": {"TXT": ["v=DMARC1; p=reject; psd=y"]},
        "_dmarc.test": {"TXT": ["v=DMARC1; p=none"]},
    }
    assert run(organisation("bank.test"), zone) == "bank.test"
    assert run(discover("bank.test"), zone).policy == "reject"
