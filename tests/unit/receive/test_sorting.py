"""What comes back is understood for what it is, whoever wrote it and however badly."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.model.incoming import Fate, FateOf, Incoming, IncomingKind
from postroom.receive.sorting import understand
from tests.unit.compose.test_reading import MOVES_A_CURSOR
from tests.unit.receive.incoming_mail import LETTER, dsn, mail, report


def only(found: Incoming) -> FateOf:
    (fate,) = found.fates
    return fate


class TestDeliveryReports:
    FAILED = (
        "Final-Recipient: rfc822; bob@y.org\nOriginal-Recipient: rfc822;Bob@y.org\nAction: failed\nStatus: 5.1.1\n"
        "Remote-MTA: dns; mail.y.org\nDiagnostic-Code: smtp; 550 5.1.1 <bob@y.org>: Recipient\n address"
        " rejected: User unknown"
    )

    def test_everything_that_it_tells(self) -> None:
        found = understand(dsn(self.FAILED))
        assert found.kind is IncomingKind.REPORT
        assert (found.envelope_id, found.message_ids, found.reporter) == ("env1", ("m1@x.org",), "mx.y.org")
        assert only(found) == FateOf(
            "bob@y.org",
            Fate.FAILED,
            "Bob@y.org",
            550,
            "5.1.1",
            "<bob@y.org>: Recipient address rejected: User unknown",
            "mail.y.org",
        )

    @pytest.mark.parametrize("fate", [Fate.FAILED, Fate.DELAYED, Fate.DELIVERED, Fate.RELAYED, Fate.EXPANDED])
    def test_each_action(self, fate: Fate) -> None:
        assert only(understand(dsn(f"Final-Recipient: rfc822;a@y.org\nAction: {fate.title()} (at last)"))).fate is fate

    def test_each_recipient_has_his_own_fate(self) -> None:
        found = understand(dsn(self.FAILED, "Final-Recipient: rfc822;c@y.org\nAction: delivered\nStatus: 2.0.0"))
        assert [(one.address, one.fate) for one in found.fates] == [
            ("bob@y.org", Fate.FAILED),
            ("c@y.org", Fate.DELIVERED),
        ]

    @pytest.mark.parametrize(
        ("told", "answer"),
        [
            ("smtp; 550-5.7.1 not you\n 550 5.7.1 go away", (550, "5.7.1")),
            ("smtp;550 #5.1.0 Address rejected", (550, "5.1.0")),
            ("smtp; 452 4.2.2 mailbox full", (452, "4.2.2")),
            ("smtp; 554 delivery error: dd no account here", (554, "5.1.1")),
            ("X-Postfix; unknown user: 'bob'", (0, "5.1.1")),
            ("x-unix; user unknown", (0, "5.1.1")),
            ("", (0, "5.1.1")),
        ],
    )
    def test_the_answer_that_decided_is_read_as_it_was_given(self, told: str, answer: tuple[int, str]) -> None:
        fate = only(understand(dsn(f"Final-Recipient: rfc822;b@y.org\nStatus: 5.1.1\nDiagnostic-Code: {told}")))
        assert (fate.code, fate.enhanced) == answer

    @pytest.mark.parametrize(
        ("status", "fate"),
        [("2.1.5", Fate.DELIVERED), ("4.4.1", Fate.DELAYED), ("5.0.0", Fate.FAILED), ("x", Fate.FAILED)],
    )
    def test_without_an_action_the_status_decides(self, status: str, fate: Fate) -> None:
        assert only(understand(dsn(f"Final-Recipient: rfc822;b@y.org\nStatus: {status}"))).fate is fate

    def test_one_that_forgets_the_empty_line(self) -> None:
        told = f"Reporting-MTA: dns; mx\n{self.FAILED}"
        assert only(understand(report("delivery-status", told))).address == "bob@y.org"

    def test_one_that_gives_back_the_header_alone(self) -> None:
        content = dsn(self.FAILED).replace(b"message/rfc822\r\n", b"text/rfc822-headers\r\n")
        assert understand(content).message_ids == ("m1@x.org",)

    def test_a_report_that_somebody_forwards_is_not_his_report(self) -> None:
        inner = dsn(self.FAILED).decode().replace("\r\n", "\n").replace("=b", "=c").replace("--b", "--c")
        forwarded = mail(
            f"--b\n\nLook what came.\n--b\nContent-Type: message/rfc822\n\n{inner}\n--b--\n",
            Content_Type="multipart/mixed; boundary=b",
        )
        found = understand(forwarded)
        assert found.kind is IncomingKind.OTHER
        assert found.fates == ()


class TestLooseReports:
    """From before RFC 3464, and from those who do not care for it."""

    EXIM = (
        "This message was created automatically by mail delivery software.\n\nA message that you sent could not be "
        "delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n"
        "  bob@y.org\n    host mail.y.org [192.0.2.1]\n    SMTP error from remote mail server after RCPT "
        "TO:<bob@y.org>:\n"
        "    550 5.1.1 No such user\n\n------ This is a copy of the message, including all the headers. ------\n\n"
        f"{LETTER}"
    )
    QMAIL = (
        "Hi. This is the qmail-send program at mx.y.org.\nI'm afraid I wasn't able to deliver your message to the "
        "following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n<bob@y.org>:\n"
        "192.0.2.1 does not like recipient.\nRemote host said: 550 5.1.1 User unknown\nGiving up on 192.0.2.1.\n\n"
        f"--- Below this line is a copy of the message.\n\n{LETTER}"
    )
    SENDMAIL = (
        "The original message was received at Mon, 2 Nov 2026 10:00:00 GMT\n\n"
        "   ----- The following addresses had permanent fatal errors -----\n<bob@y.org>\n"
        "    (reason: 550 5.1.1 Unknown)\n\n"
        "   ----- Transcript of session follows -----\n... while talking to mail.y.org.:\n>>> RCPT To:<bob@y.org>\n"
        f"<<< 550 5.1.1 Unknown\n\n   ----- Original message follows -----\n\n{LETTER}"
    )
    POSTFIX = (
        "This is the mail system at host mx.y.org.\n\nI'm sorry to have to inform you that your message could not\nbe "
        "delivered to one or more recipients.\n\n<bob@y.org>: host mail.y.org[192.0.2.1] said: 550 5.1.1\n"
        f"    <bob@y.org>: unknown (in reply to RCPT TO command)\n\n-- original message --\n{LETTER}"
    )
    EXCHANGE = (
        "Delivery has failed to these recipients or distribution lists:\n\nbob@y.org\nThe e-mail address you entered "
        "couldn't be found.\n\nDiagnostic information for administrators:\n\nGenerating server: mx.y.org\n\nbob@y.org\n"
        f"#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##\n\nOriginal message headers:\n\n{LETTER}"
    )

    @pytest.mark.parametrize("text", [EXIM, QMAIL, SENDMAIL, POSTFIX, EXCHANGE])
    def test_who_failed_and_why(self, text: str) -> None:
        found = understand(mail(text, From="Mail Delivery System <MAILER-DAEMON@mx.y.org>", Subject="failure notice"))
        assert found.kind is IncomingKind.REPORT
        assert found.message_ids == ("m1@x.org",)
        fate = only(found)
        assert (fate.address, fate.fate, fate.code, fate.enhanced) == ("bob@y.org", Fate.FAILED, 550, "5.1.1")

    def test_a_warning_is_no_failure(self) -> None:
        text = "Warning: message m1 delayed.\n\nThe address to which it has not yet been delivered is:\n\n  bob@y.org\n"
        found = understand(mail(text, From="MAILER-DAEMON@y.org", Subject="Warning: message delayed 24 hours"))
        assert only(found).fate is Fate.DELAYED

    def test_the_header_that_names_them(self) -> None:
        found = understand(mail("Sorry.", From="postmaster@y.org", X_Failed_Recipients="bob@y.org,\n c@y.org"))
        assert [fate.address for fate in found.fates] == ["bob@y.org", "c@y.org"]

    def test_a_person_who_writes_of_failures_is_a_person(self) -> None:
        found = understand(mail("The delivery failed:\n\nbob@y.org\n550 5.1.1 no", In_Reply_To="<m1@x.org>"))
        assert found.kind is IncomingKind.REPLY
        assert found.fates == ()


class TestReceiptsAndComplaints:
    RECEIPT = (
        "Reporting-UA: y.org; Reader\nFinal-Recipient: rfc822;bob@y.org\nOriginal-Message-ID: <m1@x.org>\nDisposition: "
    )

    @pytest.mark.parametrize(
        ("disposition", "fate"),
        [
            ("manual-action/MDN-sent-manually; displayed", Fate.READ),
            ("automatic-action/MDN-sent-automatically; displayed/error", Fate.READ),
            ("manual-action/MDN-sent-automatically;deleted", Fate.DELETED_UNREAD),
        ],
    )
    def test_a_read_receipt(self, disposition: str, fate: Fate) -> None:
        found = understand(report("disposition-notification", self.RECEIPT + disposition, gives_back=""))
        assert (found.kind, found.message_ids) == (IncomingKind.RECEIPT, ("m1@x.org",))
        assert (only(found).address, only(found).fate) == ("bob@y.org", fate)

    def test_a_receipt_that_says_nothing_of_reading(self) -> None:
        found = understand(report("disposition-notification", self.RECEIPT + "x/y; dispatched"))
        assert (found.kind, found.fates) == (IncomingKind.RECEIPT, ())

    def test_a_complaint(self) -> None:
        told = "Feedback-Type: abuse\nUser-Agent: FBL/1\nVersion: 1\n"
        told += "Original-Rcpt-To: <bob@y.org>\nOriginal-Envelope-Id: env1"
        found = understand(report("feedback-report", told))
        assert (found.kind, found.envelope_id, found.message_ids) == (IncomingKind.COMPLAINT, "env1", ("m1@x.org",))
        assert (only(found).address, only(found).fate, only(found).words) == ("bob@y.org", Fate.COMPLAINED, "abuse")

    def test_a_complaint_that_names_nobody(self) -> None:
        found = understand(report("feedback-report", "Feedback-Type: abuse\nVersion: 1"))
        assert (found.kind, found.fates) == (IncomingKind.COMPLAINT, ())

    def test_whoever_says_that_it_is_no_spam_does_not_complain(self) -> None:
        found = understand(report("feedback-report", "Feedback-Type: not-spam"))
        assert found.kind is not IncomingKind.COMPLAINT


class TestAnswers:
    @pytest.mark.parametrize(
        "fields",
        [
            {"Auto_Submitted": "auto-replied (vacation)"},
            {"Precedence": "bulk"},
            {"X_Autoreply": "yes"},
            {"List_Id": "<talk.y.org>"},
            {"Return_Path": "<>"},
            {"From": "no-reply@y.org"},
            {"Subject": "Automatic reply: Your invoice"},
            {"Subject": "=?utf-8?q?Abwesenheitsnotiz=3A_Ihre_Rechnung?="},
            {"Subject": "Re: Out of Office"},
        ],
    )
    def test_what_a_program_answers_is_kept_apart(self, fields: dict[str, str]) -> None:
        found = understand(mail("I am away.", In_Reply_To="<m1@x.org>", **fields))
        assert found.kind is IncomingKind.AUTOMATIC
        assert found.why_automatic.endswith(".")
        assert found.message_ids == ("m1@x.org",)

    def test_a_persons_reply(self) -> None:
        found = understand(
            mail(
                "Thanks!\n\n> Hello Bob\n",
                In_Reply_To="<m2@x.org>",
                References="<m0@x.org> <m1@x.org>",
                Auto_Submitted="no",
            )
        )
        assert (found.kind, found.sender, found.text) == (IncomingKind.REPLY, "bob@y.org", "Thanks!")
        assert found.message_ids == ("m2@x.org", "m1@x.org", "m0@x.org")

    def test_html_alone_is_read_as_text(self) -> None:
        found = understand(mail("<p>Thanks &amp; bye</p>", Content_Type="text/html", In_Reply_To="<m1@x.org>"))
        assert found.text == "Thanks & bye"

    def test_what_answers_nothing_is_for_a_person_to_see(self) -> None:
        assert understand(mail("Buy now")).kind is IncomingKind.OTHER

    def test_a_tag_in_any_address_field_is_found(self) -> None:
        tag = "r" + "a2" * 18
        for name in ("To", "Cc", "Delivered-To", "X-Original-To"):
            assert understand(mail("x", **{name: f"Post <post+{tag.upper()}@x.org>"})).tags == (tag,)


_HEADS = (
    "Content-Type: multipart/report; boundary=b",
    "Content-Type: message/delivery-status",
    "Content-Type: message/feedback-report",
    "Final-Recipient: rfc822;",
    "Diagnostic-Code: smtp; 550",
    "Disposition: ;",
    "From: MAILER-DAEMON",
    "X-Failed-Recipients: a@b",
)
_OTHERS = ("--b", "--b--", "", "\xff\x00", "<a@b>:", "> x", "On x wrote:", "From: <", "-- ")
_LINES = st.sampled_from([*_HEADS, *_OTHERS])


ODD = {
    "Domino": ("DELIVERY FAILURE: not listed", "Your message\n\n  Subject: x\n\nwas not delivered to:\n\n  bob@y.org"
               "\n\nbecause:\n\n  User bob is in no directory\n"),
    "GroupWise": ("Mail System Error", "It was undeliverable to the following:\n\n\tbob@y.org (unknown)\n"),
    "a webmailer": ("failure notice", "Unable to deliver message to the following address(es).\n\n"
                          "<bob@y.org>:\n554 delivery error: no such account\n\n--- Original message follows.\n"),
    "old Exchange": ("Undeliverable: x", "The following recipient(s) could not be reached:\n\n"
                     "      'bob@y.org' on 1/1/2026 10:01 AM\n            No such account. <mx.y.org #5.1.1>\n"),
    "Courier": ("NOTICE: mail delivery status.", "UNDELIVERABLE MAIL\n\n<bob@y.org>:\n    mx.y.org [192.0.2.1]:\n"
                "<<< 550 User unknown.\n"),
    "smail": ("Undeliverable message", "|--- Failed addresses follow: ---|\n <bob@y.org> ... unknown user\n"),
    "MDaemon": ("Permanent Delivery Failure", "Failed address: bob@y.org\n\n--- Session Transcript ---\n"
                " <-- 550 5.1.1 unknown\n"),
    "in a sentence": ("Undeliverable mail", "Could not deliver to bob@y.org: 550 No such user\n"),
    "in a bracket": ("Delivery Failure", "The message to <bob@y.org> was undeliverable.\n5.1.0 - Unknown\n"),
    "Google": ("Delivery Status Notification (Failure)", "** Address not found **\n\nYour message wasn't delivered to "
               "bob@y.org because it couldn't be found.\n\n550 5.1.1 no such account\n"),
    "French": ("Non remis : Facture", "Échec de remise :\n\nbob@y.org (bob@y.org)\nIntrouvable. 550 5.1.10\n"),
    "German": ("Unzustellbar: x", "Nicht erreicht:\n\n   bob@y.org am 01.01.2026 10:01\n   Kein Konto. <mx #5.1.1>\n"),
}  # fmt: skip


@pytest.mark.parametrize(("subject", "text"), ODD.values(), ids=ODD)
def test_whom_the_odd_formats_of_the_world_tell_of(subject: str, text: str) -> None:
    found = understand(mail(text, From="MAILER-DAEMON@mx.y.org", Subject=subject, Return_Path="<>"))
    assert found.kind is IncomingKind.REPORT
    assert [(one.address, one.fate) for one in found.fates] == [("bob@y.org", Fate.FAILED)]


def test_one_that_names_nobody_says_so() -> None:
    found = understand(mail("It failed. 550 5.2.1 off\n", From="MAILER-DAEMON@y.org", Subject="failure notice"))
    assert [(one.address, one.enhanced) for one in found.fates] == [("", "5.2.1")]


def test_neither_who_reports_nor_to_whom_is_reported_on() -> None:
    text = "postmaster@y.org says to post@x.org that bob@y.org is not there.\n"
    found = understand(mail(text, From="postmaster@y.org", To="post@x.org", Subject="Undeliverable"))
    assert [one.address for one in found.fates] == ["bob@y.org"]


@pytest.mark.parametrize(
    "content",
    [
        b"X: y\r\n" * 200_000 + b"\r\nx",
        b"Subject: " + b"x" * 5_000_000 + b"\r\n\r\nx",
        b"Subject: " + b"=?utf-8?q?x?= " * 100_000 + b"\r\n\r\nx",
        b"References: " + b"<a@b> " * 300_000 + b"\r\n\r\nx",
        b"To: " + b"a <b@c>, " * 200_000 + b"\r\n\r\nx",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 200_000,
        b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        + b"Final-Recipient: rfc822; a@b\r\nAction: failed\r\n\r\n" * 100_000,
        b"Content-Type: text/plain; charset=" + b"x" * 100_000 + b"\r\n\r\nx",
        b"Content-Type: text/html\r\n\r\n" + b"<div>" * 300_000,
        b"Content-Transfer-Encoding: base64\r\n\r\n" + b"QUFB" * 1_000_000,
        "".join(
            f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(2_000)
        ).encode(),
        b"Content-Type: message/rfc822\r\n\r\n" * 5_000 + b"x",
    ],
    ids=[
        "fields", "one long field", "encoded words", "references", "addresses", "parts", "recipients", "charset",
        "open tags", "base64", "nested parts", "nested messages",
    ],
)  # fmt: skip
def test_bombs_are_read_within_limits(content: bytes) -> None:
    """A19: neither time nor memory grows faster than what came. The limit is generous, for machines that are busy."""
    tracemalloc.start()
    try:
        found = understand(content)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 40 * len(content) + 60_000_000
    assert len(found.fates) <= 1_000
    assert len(found.message_ids) <= 50


@given(st.binary(max_size=400), st.sampled_from(["utf-16", "utf-7", "x-unknown", "iso-2022-jp", "idna", "rot13"]))
def test_any_octets_in_any_charset_are_read(octets: bytes, charset: str) -> None:
    head = f"From: a@b\r\nContent-Type: text/plain; charset={charset}\r\nIn-Reply-To: <a@b>\r\n\r\n".encode()
    assert understand(head + octets).kind is IncomingKind.REPLY
    understand(octets)


@given(st.lists(_LINES | st.text(max_size=20), max_size=30))
def test_no_octets_make_it_fail(lines: list[str]) -> None:
    found = understand("\n".join(lines).encode("utf-8", "surrogatepass"))
    shown = [found.sender, found.subject, found.message_id, found.envelope_id, found.reporter, *found.message_ids]
    for fate in found.fates:
        shown += [fate.address, fate.original, fate.words, fate.remote, fate.enhanced]
    assert not MOVES_A_CURSOR.search("".join(shown))
    assert "\0" not in "".join([*shown, found.text]).encode().decode(), "every database can keep it"


@pytest.mark.parametrize(
    "piece", ["a@b ", "<a@b>:\n", "550 ", "5.1.1 ", "> ", "On a wrote:\n", "<", "Message-ID: <a", "  a@b\n"]
)
def test_endless_repetition_is_read_in_bounded_time(piece: str) -> None:
    """A19."""
    text = piece * 30_000
    understand(mail(text, From="MAILER-DAEMON@y.org", Subject="failure notice"))
    understand(mail(text, In_Reply_To=text[:100_000].replace("\n", "")))
    understand(dsn(f"Final-Recipient: rfc822;{text}\nDiagnostic-Code: smtp; {text}".replace("\n", "\n ")))
