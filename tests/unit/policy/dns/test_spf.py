"""SPF as RFC 7208 has it: every mechanism, every limit, every macro; and no record makes it raise or run on."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.policy.dns.question import Answer, Asking, Question
from postroom.policy.dns.spf import MOST_ASKING, Result, check_host, survey
from postroom.policy.dns.spf_record import Around, expand, is_spf, read_record
from tests.unit.policy.dns.answers import Table, run

# The zone of RFC 7208, appendix A, in our own words: a domain with two hosts, two mail servers, reverse names.
ZONE: Table = {
    "example.com": {"MX": ["10 mail-a.example.com.", "20 mail-b.example.com."], "A": ["192.0.2.10", "192.0.2.11"]},
    "amy.example.com": {"A": ["192.0.2.65"]},
    "bob.example.com": {"A": ["192.0.2.66"]},
    "mail-a.example.com": {"A": ["192.0.2.129"]},
    "mail-b.example.com": {"A": ["192.0.2.130"]},
    "example.org": {"MX": ["10 mail-c.example.org."]},
    "mail-c.example.org": {"A": ["192.0.2.140"]},
    "10.2.0.192.in-addr.arpa": {"PTR": ["example.com"]},
    "65.2.0.192.in-addr.arpa": {"PTR": ["amy.example.com"]},
    "140.2.0.192.in-addr.arpa": {"PTR": ["mail-c.example.org"]},
    "4.2.0.192.in-addr.arpa": {"PTR": ["bob.example.com"]},
}


def zone(record: str, more: Table | None = None) -> dict[str, object]:
    table: dict[str, object] = {**ZONE, **(more or {})}
    table["example.com"] = {**ZONE["example.com"], "TXT": [record]}  # type: ignore[dict-item]
    return table


def result(record: str, ip: str, more: Table | None = None, sender: str = "a@example.com") -> Result:
    return run(check_host(ip_address(ip), sender), zone(record, more)).result  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("record", "ip", "expected"),
    [
        # appendix A.1: simple ones
        ("v=spf1 +all", "203.0.113.7", "pass"),
        ("v=spf1 a -all", "192.0.2.10", "pass"),
        ("v=spf1 a -all", "192.0.2.65", "fail"),
        ("v=spf1 a:example.org -all", "192.0.2.10", "fail"),
        ("v=spf1 mx -all", "192.0.2.129", "pass"),
        ("v=spf1 mx -all", "192.0.2.140", "fail"),
        ("v=spf1 mx:example.org -all", "192.0.2.140", "pass"),
        ("v=spf1 mx mx:example.org -all", "192.0.2.130", "pass"),
        ("v=spf1 mx/30 mx:example.org/30 -all", "192.0.2.131", "pass"),
        ("v=spf1 mx/30 mx:example.org/30 -all", "192.0.2.143", "pass"),
        ("v=spf1 mx/30 -all", "192.0.2.132", "fail"),
        ("v=spf1 ptr -all", "192.0.2.10", "pass"),
        ("v=spf1 ptr -all", "192.0.2.65", "pass"),
        ("v=spf1 ptr -all", "192.0.2.140", "fail"),
        ("v=spf1 ptr -all", "192.0.2.4", "fail"),
        ("v=spf1 ip4:192.0.2.128/28 -all", "192.0.2.65", "fail"),
        ("v=spf1 ip4:192.0.2.128/28 -all", "192.0.2.129", "pass"),
        ("v=spf1 ip6:2001:db8::/32 -all", "2001:db8::9", "pass"),
        ("v=spf1 ip6:2001:db8::/32 -all", "192.0.2.9", "fail"),
        # qualifiers, cases, and what stands after all
        ("V=SPF1 IP4:192.0.2.1 ?ALL", "192.0.2.1", "pass"),
        ("v=spf1 ~all", "192.0.2.1", "softfail"),
        ("v=spf1 ?all", "192.0.2.1", "neutral"),
        ("v=spf1", "192.0.2.1", "neutral"),
        ("v=spf1 -all ip4:192.0.2.1", "192.0.2.1", "fail"),
        ("v=spf1 -ip4:192.0.2.1 +all", "192.0.2.1", "fail"),
        ("v=spf1  a   -all", "192.0.2.10", "pass"),
        ("v=spf1 moo=%{d} exp=why.%{d} -all", "192.0.2.1", "fail"),
        # mistakes make the whole useless, also behind what would match
        ("v=spf1 ip4:192.0.2.1 inclood:example.org -all", "192.0.2.1", "permerror"),
        ("v=spf1 ip4:192.0.2.1/33 -all", "192.0.2.1", "permerror"),
        ("v=spf1 ip4:2001:db8::1 -all", "192.0.2.1", "permerror"),
        ("v=spf1 ip4 -all", "192.0.2.1", "permerror"),
        ("v=spf1 a/33 -all", "192.0.2.1", "permerror"),
        ("v=spf1 a//129 -all", "192.0.2.1", "permerror"),
        ("v=spf1 a/024 -all", "192.0.2.1", "permerror"),
        ("v=spf1 include -all", "192.0.2.1", "permerror"),
        ("v=spf1 all:example.org", "192.0.2.1", "permerror"),
        ("v=spf1 a:%{x}.org -all", "192.0.2.1", "permerror"),
        ("v=spf1 a:%d -all", "192.0.2.1", "permerror"),
        ("v=spf1 exists:%{c}.example.org -all", "192.0.2.1", "permerror"),
        ("v=spf1 redirect=a.example redirect=b.example", "192.0.2.1", "permerror"),
        ("v=spf1 redirect=", "192.0.2.1", "permerror"),
        ("v=spf1 ip4:192.0.2.1 \u00e4 -all", "192.0.2.1", "permerror"),
        ("v=spf10 -all", "192.0.2.1", "none"),
        ("spf1 -all", "192.0.2.1", "none"),
    ],
)
def test_what_a_record_says_of_an_address(record: str, ip: str, expected: str) -> None:
    assert result(record, ip) == Result(expected)


INCLUDED = {"pass.example": {"TXT": ["v=spf1 ip4:192.0.2.1 -all"]}, "none.example": {"TXT": ["hello"]},
            "broken.example": {"TXT": ["v=spf1 what"]}, "silent.example": "?"}  # fmt: skip


@pytest.mark.parametrize(
    ("record", "ip", "expected"),
    [
        ("v=spf1 include:pass.example -all", "192.0.2.1", "pass"),
        ("v=spf1 include:pass.example ~all", "192.0.2.2", "softfail"),
        ("v=spf1 -include:pass.example +all", "192.0.2.1", "fail"),
        ("v=spf1 include:none.example +all", "192.0.2.1", "permerror"),
        ("v=spf1 include:gone.example +all", "192.0.2.1", "permerror"),
        ("v=spf1 include:broken.example +all", "192.0.2.1", "permerror"),
        ("v=spf1 include:silent.example +all", "192.0.2.1", "temperror"),
        ("v=spf1 a:silent.example +all", "192.0.2.1", "temperror"),
        ("v=spf1 redirect=pass.example", "192.0.2.2", "fail"),
        ("v=spf1 redirect=pass.example", "192.0.2.1", "pass"),
        ("v=spf1 redirect=none.example", "192.0.2.1", "permerror"),
        ("v=spf1 ?all redirect=pass.example", "192.0.2.1", "neutral"),
        ("v=spf1 include:example.com -all", "192.0.2.1", "permerror"),
        ("v=spf1 redirect=example.com", "192.0.2.1", "permerror"),
    ],
)
def test_records_that_lead_to_others(record: str, ip: str, expected: str) -> None:
    assert result(record, ip, INCLUDED) == Result(expected)  # type: ignore[arg-type]


def test_two_records_are_none_and_no_answer_is_a_temporary_error() -> None:
    two: Table = {"example.com": {"TXT": ["v=spf1 +all", "v=spf1 -all"]}}
    verdict = run(check_host(ip_address("192.0.2.1"), "a@example.com"), two)
    assert (verdict.result, "2 SPF records" in verdict.why) == (Result.PERMERROR, True)
    assert run(check_host(ip_address("192.0.2.1"), "a@example.com"), {"example.com": "?"}).result is Result.TEMPERROR
    assert run(check_host(ip_address("192.0.2.1"), "a@localhost"), {}).result is Result.NONE


def chain(links: int) -> Table:
    table: dict[str, dict[str, list[str]]] = {
        f"n{n}.example": {"TXT": [f"v=spf1 include:n{n + 1}.example -all"]} for n in range(links)
    }
    return table | {f"n{links}.example": {"TXT": ["v=spf1 ip4:192.0.2.1 -all"]}}


def test_ten_look_ups_are_allowed_and_the_eleventh_ends_it() -> None:
    ten, eleven = chain(MOST_ASKING), chain(MOST_ASKING + 1)
    assert run(check_host(ip_address("192.0.2.1"), "a@n0.example"), ten).result is Result.PASS
    verdict = run(check_host(ip_address("192.0.2.1"), "a@n0.example"), eleven)
    assert (verdict.result, verdict.why) == (Result.PERMERROR, "it takes more than 10 look-ups")
    assert (run(survey("n0.example"), ten).asking, run(survey("n0.example"), eleven).asking) == (10, 11)


def test_two_names_may_lead_to_nothing_and_the_third_ends_it() -> None:
    assert result("v=spf1 a:x1.example mx:x2.example ip4:192.0.2.1 -all", "192.0.2.1") is Result.PASS
    assert result("v=spf1 a:x1.example a:x2.example exists:x3.example +all", "192.0.2.1") is Result.PERMERROR


def test_more_than_ten_mail_servers_are_too_many() -> None:
    hosts = [f"{n} h{n}.example." for n in range(11)]
    table: Table = {"many.example": {"MX": hosts}, **{f"h{n}.example": {"A": ["192.0.2.200"]} for n in range(11)}}
    assert result("v=spf1 mx:many.example +all", "192.0.2.1", table) is Result.PERMERROR


AROUND = Around(ip_address("192.0.2.3"), "email.example.com", "strong-bad@email.example.com", "mx.example.org")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # section 7.4
        ("%{s}", "strong-bad@email.example.com"),
        ("%{o}", "email.example.com"),
        ("%{d}", "email.example.com"),
        ("%{d4}", "email.example.com"),
        ("%{d2}", "example.com"),
        ("%{d1}", "com"),
        ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"),
        ("%{l}", "strong-bad"),
        ("%{l-}", "strong.bad"),
        ("%{lr}", "strong-bad"),
        ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"),
        ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
        ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
        ("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"),
        ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
        ("%{S}", "strong-bad%40email.example.com"),
        ("a%%b%_c%-d", "a%b c%20d"),
        ("%{h}.%{p}", "mx.example.org.unknown"),
    ],
)
def test_macros_are_spelled_out_as_the_rfc_shows(text: str, expected: str) -> None:
    assert expand(text, AROUND) == expected


def test_an_ipv6_address_is_spelled_in_nibbles_and_long_names_lose_labels() -> None:
    around = AROUND._replace(ip=ip_address("2001:db8::cb01"))
    nibbles = "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com"
    assert expand("%{ir}.%{v}._spf.%{d2}", around) == nibbles
    assert len(expand("%{l}." * 60 + "example.com", around)) <= 253


def test_a_record_made_to_cost_time_or_words_costs_little() -> None:
    """Macros that spell out a megabyte of labels, and a thousand includes that lead back."""
    sender = "." * 5 + "a.b" * 80 + "@" + "x." * 60 + "example.com"
    assert len(expand("%{s}" * 3_000 + ".example.com", AROUND._replace(sender=sender))) <= 253
    many: Table = {"example.com": {"TXT": ["v=spf1 " + "include:example.com include:gone.example " * 500 + "-all"]}}
    assert len(run(survey("example.com"), many).faults) == 2


def test_exists_asks_for_what_the_macro_says() -> None:
    asked: list[Question] = []
    table = zone("v=spf1 exists:%{ir}.%{l1r+-}._spf.%{d} -all", {"1.2.0.192.a._spf.example.com": {"A": ["127.0.0.2"]}})
    verdict = run(check_host(ip_address("192.0.2.1"), "a+b@example.com"), table, asked)  # type: ignore[arg-type]
    assert verdict.result is Result.PASS
    assert asked[-1] == Question("1.2.0.192.a._spf.example.com", "A")


def test_a_survey_tells_what_is_included_what_is_broken_and_what_goes_round_in_circles() -> None:
    table: Table = {
        "example.com": {"TXT": ["v=spf1 include:a.example include:gone.example ptr ~all"]},
        "a.example": {"TXT": ["v=spf1 a mx ip4:192.0.2.0/24 include:b.example -all"]},
        "b.example": {"TXT": ["v=spf1 include:a.example ?all"]},
    }
    found = run(survey("example.com"), table)
    assert found.included == ["a.example", "b.example", "gone.example"]
    assert (found.asking, found.all, found.deprecated) == (7, "~", True)
    assert [str(network) for network in found.networks] == ["192.0.2.0/24"]
    assert found.faults == [
        "The SPF record of b.example leads back to a.example: it goes round in circles.",
        "The SPF record of example.com says include:gone.example, but gone.example has no SPF record.",
    ]


def test_a_survey_ends_however_records_point_at_one_another() -> None:
    table: Table = {
        f"n{n}.example": {"TXT": ["v=spf1 " + " ".join(f"include:n{m}.example" for m in range(40)) + " -all"]}
        for n in range(40)
    }
    asked: list[Question] = []
    assert run(survey("n0.example"), table, asked).asking > MOST_ASKING
    assert len(asked) < 50


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_no_octets_make_the_parser_raise(octets: bytes) -> None:
    for text in (octets, b"v=spf1 " + octets):
        record = read_record(text)
        assert record.fault.isprintable()
        assert isinstance(is_spf(text), bool)


WORDS = st.sampled_from(
    ["a", "mx", "ptr", "all", "-all", "include:example.com", "redirect=example.com", "exists:%{ir}.%{d}", "a:%{d9r-}",
     "ip4:192.0.2.1", "ip6:::1/0", "mx//", "%{", "exp=%{p}", "a/0//0", "?include:%{o}.example", "=", ":", "/"]
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(WORDS, max_size=12), st.sampled_from(["192.0.2.1", "2001:db8::1"]), st.text(max_size=12), st.data())
def test_any_words_over_any_answers_come_to_a_verdict(
    words: list[str], ip: str, local: str, data: st.DataObject
) -> None:
    record = ("v=spf1 " + " ".join(words)).encode()
    answers = [
        Answer(True, texts=(record,)), Answer(True, texts=(record, b"v=spf1")), Answer(), Answer(trouble="nobody"),
        Answer(True, addresses=(ip_address(ip),)), Answer(True, mx=((1, "m.example"), (2, ""))),
        Answer(True, names=("x.example.com", "\u00fc")),
    ]  # fmt: skip
    for asking in (check_host(ip_address(ip), f"{local}@example.com"), survey("example.com")):
        assert _ended(asking, answers, data), "it never ends"


def _ended(asking: Asking[object], answers: list[Answer], data: st.DataObject) -> bool:
    try:
        next(asking)
        asking.send(answers[0])
        for _ in range(400):
            asking.send(data.draw(st.sampled_from(answers)))
    except StopIteration as over:
        return over.value is not None
    return False
