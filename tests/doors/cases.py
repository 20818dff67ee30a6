"""One table of messages, good and bad, for every door: what each must come to, whichever way it was handed over.

A case says in words what an application wants, `Taken` or `Refused` what has to become of it. Words that only some
doors have (`header injection` can't be said in a message that is composed already) are marked by `composed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

__all__ = ["CASES", "FROM", "Case", "Refused", "Taken", "composed", "everybody"]

FROM = "shop@sender.test"
OTHER = "somebody@else.test"
PNG = b"\x89PNG\r\n\x1a\n\x00\xff"


@dataclass(frozen=True, slots=True)
class Taken:
    """What is kept: recipients by role, and what differs from the words that were given."""

    recipients: Mapping[str, str]
    differs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """Whose fault it is: `to` (recipients), `sender`, `message` (what it says), `size`, `key`."""

    fault: str


@dataclass(frozen=True, slots=True)
class Case:
    """`composed`: it can also be said as a message that is composed already. `key`: which application hands it over.
    `not_by`: a door where it means something else, as its documentation says.
    """

    name: str
    words: Mapping[str, Any]
    result: Taken | Refused
    composed: bool = True
    key: str = "webshop"
    not_by: str = ""


def _words(**words: Any) -> dict[str, Any]:
    return {"to": ["ann@x.test"], "sender": FROM, "subject": "Subject", "text": "Text\n", **words}


_ANN = Taken({"ann@x.test": "to"})

GOOD = [
    Case("plain", _words(), _ANN),
    Case("no sender", {name: value for name, value in _words().items() if name != "sender"}, _ANN),
    Case("a name", _words(sender="The Shop <shop@sender.test>", to=["Ann Example <ann@x.test>"]), _ANN),
    Case("odd names", _words(to=['"Example, Ann (\\"A\\")" <ann@x.test>', "Räuber Hotz <bob@x.test>"]),
         Taken({"ann@x.test": "to", "bob@x.test": "to"})),
    Case("copies", _words(cc=["bob@x.test"], bcc=["cid@x.test"]),
         Taken({"ann@x.test": "to", "bob@x.test": "cc", "cid@x.test": "bcc"})),
    Case("only blind copies", _words(to=[], bcc=["ann@x.test", "cid@x.test"]),
         Taken({"ann@x.test": "bcc", "cid@x.test": "bcc"})),
    Case("twice the same", _words(to=["ann@x.test", "Ann <ann@X.TEST>"], cc=["ann@x.test"]), _ANN),
    Case("a domain of another script", _words(to=["ann@bücher.test"]), Taken({"ann@xn--bcher-kva.test": "to"})),
    Case("a quoted local part", _words(to=['"ann example"@x.test']), Taken({'"ann example"@x.test': "to"})),
    Case("an address literal", _words(to=["ann@[192.0.2.1]"]), Taken({"ann@[192.0.2.1]": "to"})),
    Case("the words of all languages", _words(subject="Grüße 世界 🎉", text="Tänzer 世界 🎉\n"), _ANN),
    Case("no subject", _words(subject=""), _ANN),
    Case("an empty text", _words(text=""), _ANN),
    Case("lines that look like others", _words(text=".\n..\nFrom here\n>From\n\n\n. \n"), _ANN),
    Case("a long line", _words(text="x" * 5_000 + "\n"), _ANN),
    Case("html beside text", _words(html="<p>Grüße</p>\n"), _ANN),
    Case("attachments", _words(attachments=[("bill.pdf", b"%PDF\x00\xff", "application/pdf"),
                                            ("Grüße.txt", b"text\r\n", "text/plain")]), _ANN),
    Case("a large attachment", _words(attachments=[("a.bin", bytes(range(256)) * 4_096, "application/octet-stream")]),
         _ANN),
    Case("an image in the html", _words(html='<img src="cid:logo">\n', inline=[("logo", PNG)]), _ANN),
    Case("headers", _words(headers={"X-Case": "4711", "List-Id": "<news.sender.test>"}), _ANN),
    Case("answers elsewhere", _words(reply_to=["help@else.test", "Boss <boss@else.test>"]), _ANN),
    Case("labels", _words(kind="invoice", tags=["november", "2026"], priority="urgent"), _ANN),
    Case("another time", _words(send_at="2026-01-01T00:00:00Z", expires_at="2099-01-01T00:00:00Z"), _ANN),
    Case("another way back", _words(return_path="shop+4711@sender.test"), _ANN),
]  # fmt: skip

BAD = [
    Case("nobody to get it", _words(to=[]), Refused("to")),
    Case("no domain", _words(to=["ann"]), Refused("to")),
    Case("an empty domain", _words(to=["ann@"]), Refused("to")),
    Case("two ats", _words(to=["ann@x.test@else.test"]), Refused("to")),
    Case("a hidden address", _words(to=["=?utf-8?q?ann=40else.test?=@x.test"]), Refused("to")),
    Case("a local part that is too long", _words(to=["a" * 65 + "@x.test"]), Refused("to")),
    Case("a line end in an address", _words(to=["ann@x.test\r\nRCPT TO:<you@x.test>"]), Refused("to"), composed=False),
    Case("another's sender", _words(sender=OTHER), Refused("sender")),
    Case("a sender that is none", _words(sender="shop"), Refused("sender"), not_by="sendmail"),  # a local user there
    Case("a line end in the subject", _words(subject="a\r\nBcc: you@x.test"), Refused("message"), composed=False),
    Case("a header that is ours", _words(headers={"DKIM-Signature": "x"}), Refused("message"), composed=False),
    Case("a line end in a header", _words(headers={"X-A": "b\nc: d"}), Refused("message"), composed=False),
    Case("a priority nobody knows", _words(priority="rocket"), Refused("message")),
    Case("a time that is over", _words(expires_at="2020-01-01T00:00:00Z"), Refused("message")),
    Case("a time that is none", _words(send_at="soon"), Refused("message")),
    Case("a kind that is too long", _words(kind="k" * 500), Refused("message")),
    Case("too large", _words(text="x" * 3_000_000), Refused("size")),
    Case("a wrong key", _words(), Refused("key"), key="nobody"),
    Case("a key that may only read", _words(), Refused("key"), key="reader"),
    Case("a suspended application", _words(), Refused("key"), key="suspended"),
]

CASES = GOOD + BAD

_OUR_FIELDS = {"kind": "Kind", "priority": "Priority", "send_at": "Send-At", "expires_at": "Expires-At"}


def everybody(words: Mapping[str, Any]) -> list[str]:
    """The envelope's recipients, as they are written."""
    return [*words["to"], *words.get("cc", ()), *words.get("bcc", ())]


def composed(words: Mapping[str, Any], *, bcc: bool) -> bytes:
    """The same as a composed message, as an ordinary program makes it; with the blind copies in a field or without."""
    mail = _body(words)
    fields = [("From", words.get("sender", "")), ("Subject", words.get("subject", ""))]
    fields += [("Reply-To", ", ".join(words.get("reply_to", ()))), *words.get("headers", {}).items()]
    fields += [(f"X-Postroom-{field}", words[name]) for name, field in _OUR_FIELDS.items() if name in words]
    fields += [("X-Postroom-Tag", tag) for tag in words.get("tags", ())]
    head = b"".join(_field(name, value) for name, value in fields if value)
    for name, people in (("To", words["to"]), ("Cc", words.get("cc")), ("Bcc", words.get("bcc") if bcc else ())):
        head += _field(name, ", ".join(people)) if people else b""
    return head + mail


def _field(name: str, value: str) -> bytes:
    """As plainly as programs write it: what is not ASCII is an encoded word where it may be one, else raw UTF-8."""
    from email.header import Header
    from email.utils import getaddresses

    if name in ("From", "To", "Cc", "Bcc", "Reply-To") and not value.isascii():
        people = []
        for shown, address in getaddresses([value]):
            people.append(f"{Header(shown, 'utf-8').encode()} <{address}>" if shown else address)
        value = ", ".join(people)
    elif not value.isascii():
        value = Header(value, "utf-8", header_name=name).encode(linesep="\r\n")
    return f"{name}: {value}\r\n".encode()


def _body(words: Mapping[str, Any]) -> bytes:
    """The MIME structure, from the first Content- field on."""
    mail = EmailMessage()
    mail.set_content(words.get("text", ""), cte="quoted-printable")
    if "html" in words:
        mail.add_alternative(words["html"], subtype="html")
        for name, octets in words.get("inline", ()):
            html = mail.get_payload()[1]  # type: ignore[index]  # an alternative has parts
            html.add_related(octets, "image", "png", cid=f"<{name}>", filename=f"{name}.png")  # type: ignore[union-attr]
    for name, octets, kind in words.get("attachments", ()):
        main, _, sub = kind.partition("/")
        mail.add_attachment(octets, main, sub, filename=name)
    return mail.as_bytes(policy=mail.policy.clone(linesep="\r\n"))
