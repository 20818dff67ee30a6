"""What ordinary mail programs do at the SMTP door, and what comes of it."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
import subprocess
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import aiosmtplib
import pytest

from postroom.errors import BadSettings
from postroom.listener.certificate import Certificate
from tests.doors.smtp_rig import FROM, TEXT, Letterbox, trusting
from tests.rigs.fixtures import require
from tests.rigs.parts import program


def mail(**fields: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = fields.pop("sender", f"Shop <{FROM}>")
    message["To"] = fields.pop("to", "b@example.org")
    message["Subject"] = fields.pop("subject", "Grüße")
    message.set_content(fields.pop("text", "Hällo.\n"))
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    return message


def test_it_offers_what_it_can(letterbox: Letterbox) -> None:
    with smtplib.SMTP("127.0.0.1", letterbox.port, timeout=30) as client:
        client.ehlo()
        clear = set(client.esmtp_features)
        client.starttls(context=trusting())
        client.ehlo()
        under_tls = dict(client.esmtp_features)
    common = {"pipelining", "size", "8bitmime", "smtputf8", "chunking", "dsn", "enhancedstatuscodes"}
    assert clear == common | {"starttls"}
    assert set(under_tls) == common | {"auth"}
    assert under_tls["auth"].split() == ["PLAIN", "LOGIN"]
    assert int(under_tls["size"]) == 25 * 1024 * 1024


@pytest.mark.parametrize("mechanism", ["plain", "login"])
def test_smtplib_logs_in_either_way_and_sends(letterbox: Letterbox, mechanism: str) -> None:
    with smtplib.SMTP("127.0.0.1", letterbox.port, timeout=30) as client:
        client.starttls(context=trusting())
        client.user, client.password = "webshop", letterbox.webshop.key
        client.ehlo()
        client.auth(mechanism, getattr(client, f"auth_{mechanism}"))
        assert client.send_message(mail(subject=f"by {mechanism}")) == {}
    letter = letterbox.last()
    assert letter.view.message.subject == f"by {mechanism}"
    assert letter.view.message.sender == FROM
    assert letter.recipients == {"b@example.org": "to"}
    assert letter.parsed.get_content() == "Hällo.\r\n"


def test_smtplib_sends_with_tls_from_the_start(letterbox: Letterbox) -> None:
    with smtplib.SMTP_SSL("127.0.0.1", letterbox.tls_port, timeout=30, context=trusting()) as client:
        client.login("webshop", letterbox.webshop.key)
        client.send_message(mail(subject="encrypted"))
    letter = letterbox.last()
    assert letter.view.message.subject == "encrypted"
    assert " with ESMTPSA id m_" in str(letter.parsed["Received"])


def test_aiosmtplib_sends_many_over_one_connection(letterbox: Letterbox) -> None:
    async def send() -> None:
        client = aiosmtplib.SMTP(
            hostname="127.0.0.1", port=letterbox.port, username="webshop", password=letterbox.webshop.key,
            start_tls=True, tls_context=trusting(),
        )  # fmt: skip
        async with client:
            for number in range(20):
                await client.send_message(mail(subject=f"number {number}"))

    asyncio.run(send())
    assert [one.message.subject for one in letterbox.messages()[:20]] == [f"number {n}" for n in reversed(range(20))]


def test_swaks_sends_pipelined_and_to_several(letterbox: Letterbox) -> None:
    require("swaks")
    swaks = program("swaks")
    assert swaks is not None
    done = subprocess.run(
        [swaks, "--server", f"127.0.0.1:{letterbox.port}", "--tls", "--auth", "PLAIN", "--auth-user", "webshop",
         "--auth-password", letterbox.webshop.key, "--from", FROM, "--to", "b@example.org,c@example.org",
         "--header", "Subject: from swaks", "--pipeline"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "250 2.0.0 Ok: kept, nothing leaves while the mode is silent as m_" in done.stdout
    assert letterbox.last().view.message.subject == "from swaks"
    assert set(letterbox.last().recipients) == {"b@example.org", "c@example.org"}


def test_a_name_beyond_ascii_needs_smtputf8_and_gets_it(letterbox: Letterbox) -> None:
    with letterbox.client() as client:
        with pytest.raises((smtplib.SMTPRecipientsRefused, UnicodeEncodeError)):
            client.sendmail(FROM, ["jörg@example.org"], TEXT)
        client.rset()
        client.send_message(mail(to="jörg@example.org"))
    letter = letterbox.last()
    assert letter.recipients == {"jörg@example.org": "to"}
    assert letter.view.message.smtputf8


def test_raw_utf8_in_the_header_leaves_as_ascii_or_asks_for_smtputf8(letterbox: Letterbox) -> None:
    """RFC 6531, 3.2: nothing beyond ASCII stands in the header of a mail that any server may get."""
    raw = "From: Jörg <shop@example.com>\r\nTo: b@example.org\r\nSubject: Grüße\r\n{}\r\nx\r\n"
    with letterbox.client() as client:
        client.sendmail(FROM, ["b@example.org"], raw.format("").encode())
        letter = letterbox.last()
        assert letter.content.isascii()
        assert not letter.view.message.smtputf8
        assert letter.view.message.subject == letter.parsed["Subject"] == "Grüße"
        client.sendmail(FROM, ["b@example.org"], raw.format("References: <ü@example.org>\r\n").encode())
        assert letterbox.last().view.message.smtputf8
        client.sendmail(FROM, ["b@example.org"], raw.format("").encode(), ["SMTPUTF8", "BODY=8BITMIME"])
        letter = letterbox.last()
        assert letter.view.message.smtputf8
        assert raw.format("").encode() in letter.content


def test_octets_stay_as_they_were(letterbox: Letterbox) -> None:
    """But for the trace before them, and date and id where they are missing."""
    header = b"X-Odd:value \r\nfROM:   <shop@example.com>\r\n \t\r\nsubject:\r\n =?utf-8?q?a?=\r\n"
    body = header + b"\r\n.\r\n..\r\n\xff\xfe \t\r\n"
    with letterbox.client() as client:
        client.sendmail(FROM, ["b@example.org"], body)
    letter = letterbox.last()
    assert letter.content.endswith(body)
    added = letter.content[: -len(body)].decode()
    assert [line.split(":")[0] for line in added.splitlines() if line[0] not in " \t"] == [
        "Received", "Date", "Message-ID",
    ]  # fmt: skip
    assert letter.view.message.message_id in added
    assert letter.view.message.subject == "a"


def test_what_the_client_gave_is_not_added_again(letterbox: Letterbox) -> None:
    given = b"Message-ID: <1@client.example>\r\nDate: Fri, 20 Nov 2026 10:00:00 +0100\r\n" + TEXT
    with letterbox.client() as client:
        client.sendmail(FROM, ["b@example.org"], given)
    letter = letterbox.last()
    assert letter.content.endswith(given)
    assert letter.content.count(b"Message-ID") == letter.content.count(b"Date:") == 1
    assert letter.view.message.message_id == "1@client.example"


def test_the_trace_tells_nothing_of_the_client(letterbox: Letterbox) -> None:
    with letterbox.client() as client:
        client.ehlo("secret-host.internal")
        client.sendmail(FROM, ["b@example.org"], TEXT)
    letter = letterbox.last()
    trace = str(letter.parsed["Received"])
    assert trace.startswith("by ")
    assert "127.0.0.1" not in trace.replace("by 127.0.0.1", "")
    assert b"secret-host" not in letter.content
    accepted = letterbox.engine.reports.timeline(letterbox.boss, letter.view.message.id).result(30).events[0]
    assert accepted.detail["client"] == "secret-host.internal"
    assert (accepted.detail["door"], accepted.detail["address"]) == ("smtp", "127.0.0.1")


def test_delivery_reports_are_kept_for_the_next_server(letterbox: Letterbox) -> None:
    with letterbox.client() as client:
        client.mail(FROM, ["RET=HDRS", "ENVID=QQ+2B1"])
        client.rcpt("b@example.org", ["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;bob@example.org"])
        client.rcpt("c@example.org")
        client.data(TEXT)
    with letterbox.engine.store.engine.connect() as connection:
        number = letterbox.last().view.message.id
        message = connection.exec_driver_sql(f"SELECT ret, envid FROM message WHERE id = {number}").one()
        recipients = connection.exec_driver_sql(
            f"SELECT notify, orcpt FROM recipient WHERE message_id = {number} ORDER BY n"
        ).all()
    assert tuple(message) == ("HDRS", "QQ+1")
    assert [tuple(row) for row in recipients] == [("SUCCESS,FAILURE", "rfc822;bob@example.org"), (None, None)]


def test_blind_copies_stay_blind(letterbox: Letterbox) -> None:
    with letterbox.client() as client:
        client.sendmail(
            FROM,
            ["b@example.org", "cc@example.org", "hidden@example.org"],
            b"Bcc: hidden@example.org\r\nCc: Copy <cc@example.org>\r\nResent-Bcc: x@example.org\r\n" + TEXT,
        )
    letter = letterbox.last()
    assert letter.recipients == {"b@example.org": "to", "cc@example.org": "cc", "hidden@example.org": "bcc"}
    assert b"hidden" not in letter.content
    assert b"bcc" not in letter.content.lower()


def test_our_own_header_fields_are_obeyed_and_removed(letterbox: Letterbox) -> None:
    fields = {
        "X_Postroom_Kind": "invoice", "X_Postroom_Priority": "Urgent", "X_Postroom_Tag": "november, paper",
        "X_Postroom_Send_At": "2099-01-01T00:00:00Z", "X_Postroom_Expires_At": "2099-01-02T00:00:00Z",
    }  # fmt: skip
    with letterbox.client() as client:
        with pytest.raises(smtplib.SMTPDataError, match="more than a year ahead"):
            client.send_message(mail(**fields))
        fields |= {"X_Postroom_Send_At": "", "X_Postroom_Expires_At": "2099-01-02T00:00:00Z"}
        del fields["X_Postroom_Send_At"]
        client.send_message(mail(**fields))
    message = letterbox.last().view.message
    assert (message.kind, message.priority, message.tags) == ("invoice", 1, ("november", "paper"))
    assert message.expires_at_ms == 4_070_995_200_000
    assert b"postroom-" not in letterbox.last().content.lower().split(b"\r\n\r\n")[0].replace(b"x-postroom", b"X")


def test_a_repeated_message_with_a_key_is_one_message(letterbox: Letterbox) -> None:
    """Also where the program makes a new date, id and boundary each time, as programs do."""
    key = f"order-{len(letterbox.messages())}"

    def again(text: str) -> tuple[int, bytes]:
        message = mail(text=text, X_Postroom_Idempotency_Key=key)
        message.add_alternative(f"<p>{text}</p>", subtype="html")
        with letterbox.client() as client:
            client.mail(FROM)
            client.rcpt("b@example.org")
            return client.data(message.as_bytes(policy=SMTP))

    code, first = again("one")
    assert code == 250
    before = len(letterbox.messages())
    code, second = again("one")
    assert (code, b"taken before" in second) == (250, True)
    assert second.split(b"m_")[1][:13] == first.split(b"m_")[1][:13]
    assert again("another")[0] == 554
    assert len(letterbox.messages()) == before


def test_the_same_message_twice_is_two_without_a_key(letterbox: Letterbox) -> None:
    before = len(letterbox.messages())
    with letterbox.client() as client:
        for _ in range(2):
            client.sendmail(FROM, ["b@example.org"], TEXT)
    assert len(letterbox.messages()) == before + 2


def test_the_certificate_of_the_first_start_is_for_this_machine(letterbox: Letterbox) -> None:
    path = letterbox.engine.settings.smtp_certificate
    assert letterbox.made_certificate
    assert path.stat().st_mode & 0o077 == 0
    context = trusting()
    context.load_verify_locations(cafile=path)
    context.verify_mode = ssl.CERT_REQUIRED
    context.check_hostname = True
    with smtplib.SMTP("localhost", letterbox.port, timeout=30) as client:
        assert client.starttls(context=context)[0] == 220


def test_a_certificate_that_is_none_is_told_before_anything_is_taken(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate")
    with pytest.raises(BadSettings, match=r"wrong\.pem can't be used"):
        Certificate(wrong, wrong, "1.2")
    with pytest.raises(BadSettings, match=r"missing\.pem with .*wrong\.pem can't be used: No such file"):
        Certificate(wrong.with_name("missing.pem"), wrong, "1.2")
