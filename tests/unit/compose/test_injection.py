"""No field of a letter can add, change or end a header (P9): it is refused by name, or it stays where it belongs."""

from __future__ import annotations

import base64
import email
import email.message
import email.policy
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.addresses import Address
from postroom.compose.footer import Footer
from postroom.compose.letter import Attachment, Letter, faults, is_plainly_right
from postroom.compose.render import render
from postroom.errors import BadInput
from tests.unit.compose.letters import DATE_MS, FILE, ID, PICTURE, PLAIN, SENDER, TO, letter, rendered
from tests.unit.compose.reading import Part, read

INJECTED = "Bcc: victim@evil.example"


def _b(text: str) -> str:
    return f"=?utf-8?b?{base64.b64encode(text.encode()).decode()}?="


RAW = {
    "CR": f"a\r{INJECTED}",
    "LF": f"a\n{INJECTED}",
    "CRLF": f"a\r\n{INJECTED}",
    "CRLF folded": f"a\r\n {INJECTED}",
    "CRLF CRLF": "a\r\n\r\n<script>",
    "LF at the end": "a\n",
    "NUL": f"a\0{INJECTED}",
    "VT": f"a\x0b{INJECTED}",
    "FF": f"a\x0c{INJECTED}",
    "ESC": f"a\x1b{INJECTED}",
    "DEL": f"a\x7f{INJECTED}",
    "NEL U+0085": f"a\x85{INJECTED}",
    "U+2028": f"a\u2028{INJECTED}",
    "U+2029": f"a\u2029{INJECTED}",
    "lone surrogate": f"a\ud80d\udc0a{INJECTED}",
    "surrogate escape": f"a\udc0d\udc0a{INJECTED}",
}
HIDDEN = {
    "q LF": "=?utf-8?q?a=0ABcc:_victim=40evil.example?=",
    "q CRLF": "=?utf-8?q?a=0D=0ABcc:_victim=40evil.example?=",
    "q CR lower case": "=?UTF-8?Q?a=0dBcc:?=",
    "q NUL": "=?utf-8?q?a=00Bcc:?=",
    "q VT": "=?us-ascii?q?a=0Bb?=",
    "q U+2028": "=?utf-8?q?a=E2=80=A8b?=",
    "q U+0085": "=?utf-8?q?a=C2=85b?=",
    "q in a word": f"x=?utf-8?q?a=0A{INJECTED}?=y",
    "q with spaces": f"=?utf-8?q?a =0A{INJECTED}?=",
    "q not ended": "=?utf-8?q?a=0ABcc:",
    "q nested": "=?utf-8?q?=?utf-8?q?=0ABcc:?=?=",
    "q second word": "=?utf-8?q?ok?= =?utf-8?q?=0D=0ABcc:?=",
    "q with language": "=?utf-8*en?q?=0ABcc:?=",
    "b LF": _b(f"a\n{INJECTED}"),
    "b CRLF": _b(f"a\r\n{INJECTED}"),
    "b NUL": _b("a\0b"),
    "b without padding": _b(f"ab\n{INJECTED}").replace("=?=", "?="),
    "b U+2029": _b("a\u2029b"),
    "b UTF-16": "=?utf-16?b?" + base64.b64encode("a\nb".encode("utf-16")).decode() + "?=",
    "q latin-1 NEL": "=?iso-8859-1?q?a=85b?=",
    "q UTF-7": "=?utf-7?q?a+AAo-Bcc:?=",
    "2231": "utf-8''a%0D%0ABcc:%20victim%40evil.example",
    "2231 lower case": "UTF-8'en'a%0aBcc:",
    "2231 parameter": "x; filename*=utf-8''a%0D%0ABcc:",
    "2231 continued": "x; filename*0*=utf-8''a%0D; filename*1*=%0ABcc:",
}
HARMLESS = {
    "looks encoded, q": "=?utf-8?q?harmless?=",
    "looks encoded, b": "=?utf-8?b?aGFybWxlc3M=?=",
    "half encoded": "=?utf-8?q?open and closed?=",
    "quotes": '" <victim@evil.example>, "',
    "angle": "> <victim@evil.example",
    "comma": "a, victim@evil.example",
    "semicolon": 'a"; filename="evil.exe',
    "colon": INJECTED,
    "comment": "a (b) c",
    "backslash": 'a\\"b\\',
    "spaces": "  a   b  ",
    "tab": "a\tb",
    "percent": "100%41",
    "boundary": "--=_m0123",
    "long": "x" * 2000,
    "long words": "word " * 400,
    "turning": "a\u202egpj.exe",
    "wide": "＠，；：",
}
ALL = RAW | HIDDEN | HARMLESS
RICH = letter(html="<p>Hi</p>")

# Field → a letter with the payload there. The key is the path that a fault has to name.
FIELDS: dict[str, Callable[[str], Letter]] = {
    "sender": lambda payload: letter(sender=replace(SENDER, name=payload)),
    "sender (local)": lambda payload: letter(sender=Address(payload, "sender.example")),
    "sender (domain)": lambda payload: letter(sender=Address("a", payload)),
    "to[1]": lambda payload: letter(to=(TO, replace(TO, name=payload))),
    "to[1] (local)": lambda payload: letter(to=(TO, Address(payload, "to.example"))),
    "to[1] (domain)": lambda payload: letter(to=(TO, Address("a", payload, "N"))),
    "cc[0]": lambda payload: letter(cc=(replace(TO, name=payload),)),
    "cc[0] (local)": lambda payload: letter(cc=(Address(payload, "to.example"),)),
    "reply_to[0]": lambda payload: letter(reply_to=(replace(TO, name=payload),)),
    "reply_to[0] (domain)": lambda payload: letter(reply_to=(Address("a", payload),)),
    "receipt_to": lambda payload: letter(receipt_to=replace(TO, name=payload)),
    "receipt_to (local)": lambda payload: letter(receipt_to=Address(payload, "b")),
    "originator": lambda payload: letter(originator=replace(TO, name=payload)),
    "originator (domain)": lambda payload: letter(originator=Address("a", payload)),
    "subject": lambda payload: letter(subject=payload),
    "headers.X-Foo": lambda payload: letter(headers=(("X-Foo", payload),)),
    "headers.List-Unsubscribe": lambda payload: letter(headers=(("List-Unsubscribe", payload),)),
    "headers.List-Id": lambda payload: letter(headers=(("List-Id", payload),)),
    "headers.References": lambda payload: letter(headers=(("References", payload),)),
    "attachments[0].filename": lambda payload: letter(attachments=(replace(FILE, filename=payload),)),
    "attachments[1].filename": lambda payload: replace(
        RICH, attachments=(FILE, replace(PICTURE, filename=f"{payload}.png"))
    ),
    "attachments[0].content_type": lambda payload: letter(attachments=(replace(FILE, content_type=payload),)),
    "attachments[0].content_type (subtype)": lambda payload: letter(
        attachments=(replace(FILE, content_type=f"text/{payload}"),)
    ),
    "attachments[0].content_type (parameter name)": lambda payload: letter(
        attachments=(replace(FILE, content_type=f"text/calendar; {payload}=x"),)
    ),
    "attachments[0].content_type (parameter)": lambda payload: letter(
        attachments=(replace(FILE, content_type=f'text/calendar; method="{payload}"'),)
    ),
    "attachments[0].content_id": lambda payload: letter(attachments=(replace(FILE, content_id=payload),)),
    "attachments[0].content_id (inline)": lambda payload: replace(
        RICH, attachments=(replace(PICTURE, content_id=payload),)
    ),
}
HEADER_NAME = "headers"
BODIES: dict[str, Callable[[str], Letter]] = {
    "text": lambda payload: letter(text=payload),
    "html": lambda payload: letter(text=None, html=f"<p>{payload}</p>"),
    "footer.text": lambda payload: letter(html="<p>x</p>", footer=Footer(text=payload)),
    "footer.html": lambda payload: letter(html="<p>x</p>", footer=Footer(html=f"<p>{payload}</p>")),
}


def _paths(this: Letter) -> set[str]:
    return {fault.field for fault in faults(this)}


def _all_names(part: Part) -> list[list[str]]:
    return [inner.names() for inner in part.walk()]


def _names_by_standard_parser(content: bytes, policy: email.policy.Policy) -> list[list[str]]:
    message = email.message_from_bytes(content, policy=policy)  # type: ignore[arg-type]
    return [part.keys() for part in message.walk()]


def _assert_only_the_intended_headers(this: Letter, like: Letter) -> None:
    """All three readers see the names that a letter of the same shape with plain words has."""
    content = rendered(this).content
    names = _all_names(read(content))
    assert names == _all_names(read(rendered(like).content))
    assert "bcc" not in {name.lower() for part in names for name in part}
    for policy in (email.policy.compat32, email.policy.default):
        # A message/rfc822 part would show its own header here; none of these letters has one.
        assert _names_by_standard_parser(content, policy) == names


@pytest.mark.parametrize("payload", ALL)
@pytest.mark.parametrize("path", FIELDS)
def test_a_field_is_refused_by_name_or_stays_in_its_place(path: str, payload: str) -> None:
    this = FIELDS[path](ALL[payload])
    found = _paths(this)
    if found:
        assert found == {path.partition(" (")[0]}
        with pytest.raises(BadInput) as error:
            rendered(this)
        assert {fault.field for fault in error.value.faults} == found
        return
    assert payload in HARMLESS
    _assert_only_the_intended_headers(this, FIELDS[path](_plain_for(path)))


def _plain_for(path: str) -> str:
    if path.endswith("content_type"):
        return "text/plain"
    return "to.example" if "domain" in path else "x"


@pytest.mark.parametrize("payload", ALL)
def test_a_header_name_is_refused_unless_it_is_one(payload: str) -> None:
    with pytest.raises(BadInput) as error:
        rendered(letter(headers=(("X-Good", "1"), (ALL[payload], "x"))))
    (fault,) = error.value.faults
    assert fault.field in {"headers[1]", f"headers.{ALL[payload]}"}
    assert not set("\r\n\0\x0b\x0c\x85\u2028\u2029") & set(str(error.value))


@pytest.mark.parametrize("payload", ALL)
@pytest.mark.parametrize("path", BODIES)
def test_what_stands_in_a_body_never_becomes_a_header(path: str, payload: str) -> None:
    this = BODIES[path](ALL[payload])
    found = _paths(this)
    if found:
        assert found == {path}
        assert payload in {"NUL", "lone surrogate", "surrogate escape"}
        return
    assert payload not in {"NUL", "lone surrogate", "surrogate escape"}
    names = _all_names(read(rendered(this).content))
    plain = [["Content-Type", "Content-Transfer-Encoding"]] * (len(names) - 1)
    assert names[0][:5] == ["Date", "From", "To", "Subject", "Message-ID"]
    assert names[1:] == plain


@pytest.mark.parametrize("payload", RAW | HIDDEN)
def test_no_message_id_of_a_careless_caller_reaches_the_header(payload: str) -> None:
    with pytest.raises(BadInput) as error:
        render(PLAIN, message_id=f"{ALL[payload]}@x.example", date_ms=DATE_MS)
    assert [fault.field for fault in error.value.faults] == ["message_id"]


@pytest.mark.parametrize("name", ["a%0D%0ABcc: x.txt", "a%0a.txt", "a%00.pdf", "a%E2%80%A8.txt", "a%c2%85.txt"])
def test_a_file_name_with_an_escaped_line_end_is_never_innocent(name: str) -> None:
    assert _paths(letter(attachments=(replace(FILE, filename=name),))) == {"attachments[0].filename"}


@pytest.mark.parametrize("extra", ["a@b>\r\nBcc: x", "a b@c", "<a@b>", "a@b@c", "", "a", "=?q?@b", "a@b c"])
def test_a_message_id_has_no_room_for_anything_else(extra: str) -> None:
    with pytest.raises(BadInput):
        render(PLAIN, message_id=extra, date_ms=DATE_MS)


@pytest.mark.parametrize(
    "name",
    """From from FROM Sender Reply-To To Cc Bcc BCC bcc Subject Date Message-ID MIME-Version Content-Type content-type
    Content-Transfer-Encoding Content-Disposition Content-Anything Received Return-Path DKIM-Signature Delivered-To
    Authentication-Results ARC-Seal ARC-Message-Signature Resent-To Resent-Bcc Resent-From X-Postroom-Kind
    x-postroom-anything Disposition-Notification-To Return-Receipt-To Errors-To Apparently-To X-Original-To Envelope-To
    X-Envelope-To Received-SPF TLS-Required DomainKey-Signature""".split(),  # noqa: SIM905
)
def test_fields_that_belong_to_others_are_refused_with_a_sentence(name: str) -> None:
    (fault,) = faults(letter(headers=((name, "x"),)))
    assert fault.field == f"headers.{name}"
    assert fault.problem.endswith(".")
    assert fault.mend.endswith(".")


@pytest.mark.parametrize("name", ["", " ", "X Foo", "X-Foo:", "X-Foo ", "Ünder", "X\tY", "X-" + "y" * 90, ":"])
def test_a_header_name_is_printable_ascii_without_colon(name: str) -> None:
    found = faults(letter(headers=((name, "x"),)))
    assert [fault.field.startswith("headers") for fault in found] == [True]


def test_a_field_that_may_stand_once_is_not_written_twice() -> None:
    this = letter(headers=(("References", "<a@b>"), ("X-A", "1"), ("x-a", "2"), ("references", "<c@d>")))
    assert [fault.field for fault in faults(this)] == ["headers.references"]


def test_too_many_headers_or_attachments_are_refused_once() -> None:
    many = letter(headers=tuple((f"X-{n}", "1") for n in range(51)), attachments=(FILE,) * 501)
    assert [fault.field for fault in faults(many)] == ["headers", "attachments"]


def test_all_faults_are_told_at_once_in_the_order_of_the_fields() -> None:
    this = Letter(
        replace(SENDER, name="a\nb"),
        to=(TO, Address("", "x")),
        cc=(Address("a", "b c"),),
        reply_to=(Address("a", "b", "\0"),),
        subject="a\rb",
        attachments=(
            Attachment("../..", b"", "nothing", "a b"),
            replace(PICTURE, filename="a\u202eb"),
            replace(PICTURE, filename=""),
        ),
        headers=(("Bcc", "x"), ("X-Foo", "a\nb"), ("a b", "c")),
        receipt_to=Address("", ""),
        footer=Footer("\0", "\ud800"),
        originator=Address("x", "y", "\u2028"),
    )
    assert [fault.field for fault in faults(this)] == [
        "sender",
        "to[1]",
        "cc[0]",
        "reply_to[0]",
        "receipt_to",
        "originator",
        "subject",
        "headers.Bcc",
        "headers.X-Foo",
        "headers[2]",
        "footer.text",
        "footer.html",
        "attachments[0].filename",
        "attachments[0].content_type",
        "attachments[0].content_id",
        "attachments[1].filename",
        "attachments[2].content_id",
    ]


def test_a_letter_without_anything_to_say_is_refused() -> None:
    assert [fault.field for fault in faults(letter(text=None))] == ["text"]
    assert faults(letter(text="")) == ()
    assert faults(letter(text=None, attachments=(FILE,))) == ()


def test_contents_stay_out_of_repr() -> None:
    this = letter(text="the secret", html="the secret", headers=(("X-A", "the secret"),), footer=Footer("the secret"))
    assert "the secret" not in repr(replace(this, attachments=(Attachment("a.txt", b"the secret"),)))
    assert "the secret" not in repr(rendered(this))


ODD = st.text(st.sampled_from("ab =?_%0ADqQbB'\"\\<>@,;:.()[]\r\n\0\x0b\x0c\x85\u2028\u202eé漢\t"), max_size=30)


@given(ODD, ODD, ODD, ODD, ODD)
def test_whatever_is_put_together_the_header_set_is_the_intended_one(
    subject: str, name: str, value: str, filename: str, local: str
) -> None:
    this = letter(
        subject=subject,
        sender=Address("a", "sender.example", name),
        to=(Address(local, "to.example", name), TO),
        headers=(("X-Foo", value),),
        attachments=(replace(FILE, filename=filename),),
    )
    if faults(this):
        with pytest.raises(BadInput):
            rendered(this)
        return
    like = letter(headers=(("X-Foo", "x"),), attachments=(FILE,))
    _assert_only_the_intended_headers(this, like)


@given(ODD, ODD, ODD)
def test_what_the_quick_look_lets_pass_has_no_faults(subject: str, name: str, text: str) -> None:
    this = letter(subject=subject, to=(Address("a", "b", name),), text=text)
    assert not (is_plainly_right(this) and faults(this))


def test_the_id_in_use_is_one() -> None:
    assert b"\r\nMessage-ID: <" + ID.encode() + b">\r\n" in rendered(PLAIN).content
