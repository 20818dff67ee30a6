"""Who may send what as whom by SMTP, and what the settings put into the mail: the same rules as at every door."""

from __future__ import annotations

import smtplib

import pytest

from postroom.model.application import Actor, Scope
from postroom.model.tenant import INSTALLATION
from tests.doors.smtp_rig import FROM, TEXT, Application, Letterbox

OTHER = TEXT.replace(b"shop@example.com", b"%b")


def refusal(letterbox: Letterbox, sender: str, content: bytes = TEXT) -> tuple[int, str]:
    """What the webshop is told when it sends this; nothing must be taken."""
    before = len(letterbox.messages())
    with letterbox.client() as client:
        try:
            client.sendmail(sender, ["b@example.org"], content)
        except smtplib.SMTPSenderRefused as error:
            found = error.smtp_code, error.smtp_error
        except smtplib.SMTPDataError as error:
            found = error.smtp_code, error.smtp_error
        else:
            return 250, ""
    assert len(letterbox.messages()) == before
    code, words = found
    return code, words.decode() if isinstance(words, bytes) else words


@pytest.mark.parametrize("sender", ["evil@example.com", "shop@example.net", "Shop@example.com", "shop@sub.example.com"])
def test_an_envelope_sender_that_is_not_ours_is_refused_at_once(letterbox: Letterbox, sender: str) -> None:
    code, words = refusal(letterbox, sender)
    assert (code, words.split()[0]) == (550, "5.7.60")
    assert "is not one of the senders" in words


@pytest.mark.parametrize(
    "header",
    [
        b"From: evil@example.com\r\n",
        b"From: shop@example.com, evil@example.com\r\n",
        b"From: evil@example.com\r\nSender: shop@example.com\r\n",
        b"From: shop@example.com\r\nSender: evil@example.com\r\n",
        b'From: "shop@example.com" <evil@example.com>\r\n',
        b"From: =?utf-8?q?shop=40example=2Ecom?= <evil@example.com>\r\n",
        b"From\t: evil@example.com\r\n",
        b"From: shop@example.com\r\n.evil@example.org\r\n",
    ],
)
def test_a_from_that_is_not_ours_is_refused_however_it_is_written(letterbox: Letterbox, header: bytes) -> None:
    code, words = refusal(letterbox, FROM, header + b"Subject: x\r\n\r\nx\r\n")
    assert code == 550
    assert words.split()[0] in ("5.7.60", "5.6.0")


@pytest.mark.parametrize(
    "header",
    [
        b"From: shop@example.com\r\nFrom: evil@example.com\r\n",
        b"From: shop@example.com\r\nfROM : evil@example.com\r\n",
        b"From: shop@example.com\r\nSender: shop@example.com\r\nSender: evil@example.com\r\n",
        b"From: shop@example.com\r\nno field at all\r\nFrom: evil@example.com\r\n",
        b" From: evil@example.com\r\nFrom: shop@example.com\r\n",
        b"From evil@example.com Fri Nov 20 10:00:00 2026\r\nFrom: shop@example.com\r\n",
        b"From: root\r\n",
        b"From: shop@example.com (a) (b)\r\n",
        b"From: (shop@example.com) evil@example.com\r\n",
        b"From: team: shop@example.com;\r\n",
        b"From: <@a.example,@b.example:shop@example.com>\r\n",
        b"From: shop@example.com\x00evil@example.com\r\n",
        b"From:\r\n",
    ],
)
def test_a_header_that_can_be_read_in_two_ways_is_refused(letterbox: Letterbox, header: bytes) -> None:
    assert refusal(letterbox, FROM, header + b"Subject: x\r\n\r\nx\r\n")[0] == 550


@pytest.mark.parametrize("sender", [FROM, "news@example.com", "", "shop+bounce-17@example.com", "bounces@example.com"])
def test_an_envelope_may_name_our_senders_their_return_paths_or_nobody(letterbox: Letterbox, sender: str) -> None:
    if sender == "bounces@example.com" and refusal(letterbox, sender)[0] != 250:
        letterbox.sender("orders@example.com", return_path="bounces@example.com")
    assert refusal(letterbox, sender) == (250, "")
    assert letterbox.last().view.message.mail_from == sender


def test_an_old_way_to_write_a_name_is_understood(letterbox: Letterbox) -> None:
    with letterbox.client() as client:
        client.sendmail(FROM, ["b@example.org"], b"From: shop@example.com (The Shop)\r\n\r\nx\r\n")
    assert letterbox.last().content.endswith(b"From: shop@example.com (The Shop)\r\n\r\nx\r\n")


def test_a_message_without_from_gets_the_envelopes(letterbox: Letterbox) -> None:
    with letterbox.client() as client:
        client.sendmail("news@example.com", ["b@example.org"], b"Subject: x\r\n\r\nx\r\n")
    assert letterbox.last().parsed["From"] == "news@example.com"


def test_a_message_without_any_header_becomes_a_body(letterbox: Letterbox) -> None:
    with letterbox.client() as client:
        client.sendmail(FROM, ["b@example.org"], b"just words\r\nFrom: nobody\r\n")
    letter = letterbox.last()
    assert letter.parsed["From"] == FROM
    assert letter.parsed.get_content() == "just words\r\nFrom: nobody\r\n"


def test_a_tenant_sees_and_uses_only_its_own(letterbox: Letterbox) -> None:
    """P8, A30: the tenant follows from the key; another tenant's sender is a stranger's."""
    number, other = letterbox.tenant(), letterbox.tenant()
    application = letterbox.application("mailer", number)
    tenants = letterbox.engine.office.snapshot.tenants
    own, foreign = (f"{tenants[one].name}@example.net" for one in (number, other))
    text = b"From: %b\r\n\r\nx\r\n"
    with letterbox.client(application, user=f"{tenants[number].name}/mailer") as client:
        client.sendmail(own, ["b@example.org"], text % own.encode())
        for sender, header in ((foreign, foreign), (own, foreign), (foreign, own)):
            with pytest.raises((smtplib.SMTPSenderRefused, smtplib.SMTPDataError), match=r"5\.7\.60"):
                client.sendmail(sender, ["b@example.org"], text % header.encode())
            client.rset()
    assert [one.message.sender for one in letterbox.messages(number)] == [own]
    assert letterbox.messages(other) == []


def account(letterbox: Letterbox, tenant_id: int, **values: object) -> None:
    actor = Actor(tenant_id, frozenset({Scope.ADMIN}))
    base = {"name": f"account {tenant_id}", "host": "mail.example.net", "port": 25, "encryption": "none"}
    letterbox.engine.office.create_account(actor, {**base, **values}, None).result(30)


def settings(letterbox: Letterbox, tenant_id: int, **values: object) -> None:
    letterbox.engine.office.change_tenant(Actor(tenant_id, frozenset({Scope.ADMIN})), values).result(30)


def test_a_footer_and_reply_address_of_the_settings_are_put_in(letterbox: Letterbox) -> None:
    number = letterbox.tenant()
    name = letterbox.engine.office.snapshot.tenants[number].name
    settings(letterbox, number, footer_text="Example Ltd, Müller Street 1")
    letterbox.sender(f"sales@{name}.example", number, reply_to="answers@example.net")
    application = letterbox.application("mailer", number)
    text = f"From: sales@{name}.example\r\nSubject: x\r\n\r\nHello.\r\n".encode()
    with letterbox.client(application) as client:
        client.sendmail(f"sales@{name}.example", ["b@example.org"], text)
    letter = letterbox.last(number)
    assert letter.parsed.get_content().replace("\r\n", "\n") == "Hello.\n\nExample Ltd, Müller Street 1\n"
    assert letter.parsed["Reply-To"] == "answers@example.net"
    with letterbox.client(application) as client:
        client.sendmail(f"sales@{name}.example", ["b@example.org"], b"Reply-To: own@example.net\r\n" + text)
    assert letterbox.last(number).parsed["Reply-To"] == "own@example.net"


def test_an_account_that_forces_its_settings_forces_them_here_too(letterbox: Letterbox) -> None:
    number = letterbox.tenant()
    name = letterbox.engine.office.snapshot.tenants[number].name
    account(
        letterbox, number, force_settings=True, reply_to="office@example.net", return_path="bounce@example.net",
        confirmation_address="receipts@example.net", request_receipt=True,
    )  # fmt: skip
    sender = f"{name}@example.net"
    text = (
        f"From: {sender}\r\nReply-To: own@example.net\r\nDisposition-Notification-To: own@example.net\r\n\r\nx\r\n"
    ).encode()
    with letterbox.client(letterbox.application("mailer", number)) as client:
        client.sendmail(sender, ["b@example.org"], text)
    letter = letterbox.last(number)
    assert letter.parsed.get_all("Reply-To") == ["office@example.net"]
    assert letter.parsed.get_all("Disposition-Notification-To") == ["receipts@example.net"]
    assert letter.view.message.mail_from == "bounce@example.net"


def test_an_account_that_rewrites_from_rewrites_the_octets(letterbox: Letterbox) -> None:
    """The default mailbox of the installation: whatever From is wished for, its own leaves, and answers go back."""
    tenant = letterbox.engine.office.create_tenant(letterbox.boss, "without senders").result(30)
    account(letterbox, tenant.id, sender_address="box@example.net", sender_name="Box", rewrite_from=True)
    content = b"From: =?utf-8?q?J=C3=B6rg?= <joerg@customer.example>\r\nSubject: x\r\n\r\nx\r\n"
    with letterbox.client(letterbox.application("mailer", tenant.id)) as client:
        client.sendmail("joerg@customer.example", ["b@example.org"], content)
    letter = letterbox.last(tenant.id)
    assert str(letter.parsed["From"]) == "Jörg <box@example.net>"
    assert letter.parsed["Reply-To"] == "joerg@customer.example"
    assert letter.view.message.mail_from == "box@example.net"
    assert letter.content.count(b"From:") == 1


def test_a_signed_message_gets_no_footer_and_no_change(letterbox: Letterbox) -> None:
    number = letterbox.tenant()
    sender = f"{letterbox.engine.office.snapshot.tenants[number].name}@example.net"
    settings(letterbox, number, footer_text="Example Ltd")
    signed = (
        f"From: {sender}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b; "
        'protocol="application/pgp-signature"\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n'
        "Content-Type: application/pgp-signature\r\n\r\nsignature\r\n--b--\r\n"
    ).encode()
    with letterbox.client(letterbox.application("mailer", number)) as client:
        client.sendmail(sender, ["b@example.org"], signed)
    assert letterbox.last(number).content.endswith(signed)


def test_the_mode_holds_here_too(letterbox: Letterbox) -> None:
    number = letterbox.tenant()
    sender = f"{letterbox.engine.office.snapshot.tenants[number].name}@example.net"
    content = f"From: {sender}\r\n\r\nx\r\n".encode()
    application = letterbox.application("mailer", number)
    told = []
    for mode in ("silent", "disabled", "smtp"):
        settings(letterbox, number, mode=mode)
        with letterbox.client(application) as client:
            client.mail(sender)
            client.rcpt("b@example.org")
            told.append(client.data(content)[1].decode())
    assert [words.split(" as m_")[0] for words in told] == [
        "2.0.0 Ok: kept, nothing leaves while the mode is silent",
        "2.0.0 Ok: noted, sending is disabled",
        "2.0.0 Ok: held back",
    ]
    assert [one.states for one in letterbox.messages(number)] == [{"held": 1}, {"disabled": 1}, {"silenced": 1}]


def test_a_loop_has_an_end(letterbox: Letterbox) -> None:
    hop = b"Received: by somewhere; Fri, 20 Nov 2026 10:00:00 +0000\r\n"
    assert refusal(letterbox, FROM, hop * 50 + TEXT) == (250, "")
    code, words = refusal(letterbox, FROM, hop * 51 + TEXT)
    assert (code, words.split()[0]) == (554, "5.4.6")


@pytest.mark.parametrize(
    ("field", "words"),
    [
        (b"X-Postroom-Priority: very\r\n", "x-postroom-priority: This is no priority"),
        (b"X-Postroom-Sendat: 2026-11-20T14:30:00Z\r\n", "There is no such field"),
        (b"X-Postroom-Send-At: tomorrow\r\n", "is not a time like"),
        (b"X-Postroom-Expires-At: 2020-01-01T00:00:00Z\r\n", "This time is over already"),
        (b"X-Postroom-Kind: a\r\nX-Postroom-Kind: b\r\n", "This field is there twice"),
        (b"X-Postroom-Kind:\r\n", "empty"),
        (b"X-Postroom-Kind: " + b"k" * 200 + b"\r\n", "x-postroom-kind"),
        (b"X-Postroom-Idempotency-Key: " + b"k" * 300 + b"\r\n", "x-postroom-idempotency-key"),
    ],
)
def test_our_own_fields_are_checked_and_never_ignored(letterbox: Letterbox, field: bytes, words: str) -> None:
    code, told = refusal(letterbox, FROM, field + TEXT)
    assert (code, told.split()[0]) == (550, "5.6.0")
    assert words in told.replace("\n5.6.0", "")


def test_all_faults_are_told_at_once(letterbox: Letterbox) -> None:
    content = b"X-Postroom-Priority: very\r\nX-Postroom-Send-At: soon\r\nFrom: evil@example.com\r\n\r\nx\r\n"
    code, told = refusal(letterbox, FROM, content)
    assert (code, told.split()[0]) == (550, "5.7.60")
    assert [word in told for word in ("x-postroom-priority", "x-postroom-send-at", "evil@example.com")] == [True] * 3


def test_an_application_without_the_right_to_send_does_not_get_in(letterbox: Letterbox) -> None:
    reader = letterbox.application("reader", INSTALLATION, Scope.READ)
    with pytest.raises(smtplib.SMTPAuthenticationError, match="may not hand over"), letterbox.client(reader):
        pass


def restricted(letterbox: Letterbox, number: int, **values: object) -> Application:
    """An application of this tenant that may not use everything."""
    application = letterbox.application("restricted", number)
    actor = Actor(number, frozenset({Scope.ADMIN}))
    letterbox.engine.office.change_application(actor, "restricted", values).result(30)
    return application


def test_an_application_uses_only_its_own_senders_and_kinds(letterbox: Letterbox) -> None:
    number = letterbox.tenant()
    own, other = (f"{name}{number}@example.net" for name in ("own", "other"))
    for address in (own, other):
        letterbox.sender(address, number)
    application = restricted(letterbox, number, senders=[own], kinds=["invoice"])

    def told(envelope: str, header: str, kind: str = "invoice") -> tuple[int, str]:
        with letterbox.client(application) as client:
            code, words = client.mail(envelope)
            if code == 250:
                client.rcpt("b@example.org")
                text = f"From: {header}\r\nX-Postroom-Kind: {kind}\r\n\r\nx\r\n"
                code, words = client.data(text)
            return code, words.decode().split()[0]

    assert told(own, own) == (250, "2.0.0")
    assert told(other, own) == (550, "5.7.60")
    assert told(own, other) == (550, "5.7.60")
    assert told(own, f"{own}, {other}") == (550, "5.7.60")
    assert told(own, own, "newsletter") == (550, "5.6.0")


def test_a_foreign_from_is_rewritten_where_the_tenant_chose_so(letterbox: Letterbox) -> None:
    number = letterbox.tenant()
    own = f"own{number}@example.net"
    letterbox.sender(own, number)
    settings(letterbox, number, foreign_from="rewrite")
    application = restricted(letterbox, number, senders=[own])
    for envelope in ("anna@customer.example", "bounces@customer.example", own):
        with letterbox.client(application) as client:
            client.sendmail(envelope, ["b@example.org"], b"From: Anna <anna@customer.example>\r\n\r\nx\r\n")
        letter = letterbox.last(number)
        assert str(letter.parsed["From"]) == f"Anna <{own}>"
        assert letter.parsed["Reply-To"] == "anna@customer.example"
        assert letter.view.message.mail_from == own


def test_a_rate_is_told_as_something_that_passes(letterbox: Letterbox) -> None:
    number = letterbox.tenant()
    own = f"own{number}@example.net"
    letterbox.sender(own, number)
    application = restricted(letterbox, number, per_minute=1)
    text = f"From: {own}\r\n\r\nx\r\n"
    with letterbox.client(application) as client:
        client.sendmail(own, ["b@example.org"], text)
        with pytest.raises(
            smtplib.SMTPDataError, match=r"4\.7\.1 restricted may hand over 1 messages a minute"
        ) as told:
            client.sendmail(own, ["b@example.org"], text)
    assert told.value.smtp_code == 450


def test_an_id_is_data_and_no_path(letterbox: Letterbox) -> None:
    """A31."""
    with letterbox.client() as client:
        client.sendmail(FROM, ["b@example.org"], b"Message-ID: <../../etc/passwd@x/../..>\r\n" + TEXT)
    assert letterbox.last().view.message.message_id == "../../etc/passwd@x/../.."
