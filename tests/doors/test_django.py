"""Django's own mail functions and a real Postroom: what a project relies on with Django's SMTP backend holds here."""

from __future__ import annotations

import email.policy
import logging
from collections.abc import Iterator
from email.message import EmailMessage as PythonMessage
from email.mime.base import MIMEBase
from email.mime.image import MIMEImage
from email.mime.text import MIMEText
from typing import Any, cast

import httpx2
import pytest
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import (
    BadHeaderError,
    EmailMessage,
    EmailMultiAlternatives,
    get_connection,
    mail_admins,
    send_mail,
    send_mass_mail,
)
from django.core.mail.message import EmailAlternative, EmailAttachment
from django.test import override_settings
from django.utils.functional import lazystr

from postroom.client import NotAuthorised, Refused, Unreachable
from postroom.django import EmailBackend
from tests.doors.api_rig import Api
from tests.doors.django_site import settings
from tests.rigs.ports import free_port


class Post:
    """A tenant of Postroom, and what has arrived there."""

    def __init__(self, client: httpx2.Client) -> None:
        self.client = client

    def ids(self) -> list[str]:
        """The oldest first."""
        return [one["id"] for one in self.client.get("/v1/messages?limit=200").json()["messages"]][::-1]

    def octets(self) -> bytes:
        """Of the only message."""
        (one,) = self.ids()
        return self.client.get(f"/v1/messages/{one}/content").content

    def content(self) -> PythonMessage:
        return email.message_from_bytes(self.octets(), policy=email.policy.default)

    def text(self) -> str:
        return str(self.content().get_content()).replace("\r\n", "\n")

    def view(self) -> dict[str, Any]:
        (one,) = self.ids()
        found: dict[str, Any] = self.client.get(f"/v1/messages/{one}").json()
        return found

    def recipients(self) -> dict[str, str]:
        return {one["address"]: one["role"] for one in self.view()["recipients"]}

    def subjects(self) -> list[str]:
        return [self.client.get(f"/v1/messages/{one}").json()["subject"] for one in self.ids()]


@pytest.fixture
def post(api: Api) -> Iterator[Post]:
    """A tenant whose key is in Django's settings."""
    client = api.tenant()
    for address in ("shop@sender.test", "news@sender.test"):
        assert client.post("/v1/senders", json={"address": address}).status_code == 201
    key = client.headers["authorization"].removeprefix("Bearer ")
    with override_settings(POSTROOM_URL=api.server.url, POSTROOM_KEY=key):
        yield Post(client)


def message(subject: str = "Subject", **more: Any) -> EmailMessage:
    return EmailMessage(subject, "Body", None, ["ann@x.test"], **more)


NOBODY_THERE = {"POSTROOM_URL": f"http://127.0.0.1:{free_port()}", "POSTROOM_KEY": "pr_12345678", "EMAIL_TIMEOUT": 1}


def test_send_mail(post: Post) -> None:
    assert send_mail("Subject", "Text", None, ["ann@x.test", "Bob <bob@x.test>"]) == 1
    content = post.content()
    assert (content["subject"], content["from"]) == ("Subject", "Shop <shop@sender.test>")
    assert post.text() == "Text\n"
    assert post.recipients() == {"ann@x.test": "to", "bob@x.test": "to"}


def test_html_goes_beside_the_text(post: Post) -> None:
    assert send_mail("Subject", "Text", None, ["ann@x.test"], html_message="<p>HTML</p>") == 1
    content = post.content()
    assert content.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in content.iter_parts()] == ["text/plain", "text/html"]


def test_alternatives_of_any_kind(post: Post) -> None:
    sent = EmailMultiAlternatives("Subject", "Text", None, ["ann@x.test"], alternatives=[("<p>1</p>", "text/html")])
    sent.alternatives.append(EmailAlternative("BEGIN:VCALENDAR", "text/calendar"))
    assert sent.send() == 1
    kinds = [part.get_content_type() for part in post.content().iter_parts()]
    assert kinds == ["text/plain", "text/html", "text/calendar"]


def test_attachments_of_every_kind(post: Post) -> None:
    sent = EmailMultiAlternatives("Subject", "Text", None, ["ann@x.test"])
    sent.attach_alternative('<img src="cid:logo">', "text/html")
    sent.attach("a.txt", "Text file", "text/plain")
    sent.attach("bill.pdf", b"%PDF\x00", "application/pdf")
    sent.attachments.append(EmailAttachment("b.bin", b"\x00\xff", "application/octet-stream"))
    sent.attach("Grüße.txt", "ä", "text/plain")
    image = MIMEImage(b"\x89PNG", "png")
    image.add_header("Content-ID", "<logo>")
    image.add_header("Content-Disposition", "inline", filename="logo.png")
    sent.attach(image)
    sent.attach("inner.eml", message("Inner"), "message/rfc822")
    assert sent.send() == 1
    found = {part.get_filename(): part for part in post.content().walk() if part.get_filename()}
    assert set(found) == {"a.txt", "bill.pdf", "b.bin", "Grüße.txt", "logo.png", "inner.eml"}
    assert found["bill.pdf"].get_payload(decode=True) == b"%PDF\x00"
    assert found["b.bin"].get_content_type() == "application/octet-stream"
    assert (found["logo.png"]["content-id"], found["logo.png"].get_content_disposition()) == ("<logo>", "inline")
    assert found["inner.eml"].get_payload(0)["subject"] == "Inner"  # type: ignore[index]  # stubs of email


def test_headers_are_those_of_the_message(post: Post) -> None:
    headers = {"X-Case": "4711", "Message-ID": "<own@sender.test>", "List-Unsubscribe": "<mailto:off@sender.test>"}
    assert message(headers=headers, reply_to=["help@sender.test", "Boss <boss@sender.test>"]).send() == 1
    content = post.content()
    assert {name: content[name] for name in headers} == headers
    assert content["reply-to"] == "help@sender.test, Boss <boss@sender.test>"
    assert post.view()["message_id"] == "own@sender.test"


def test_copies_open_and_blind(post: Post) -> None:
    assert message(cc=["bob@x.test"], bcc=["cid@x.test"]).send() == 1
    assert post.recipients() == {"ann@x.test": "to", "bob@x.test": "cc", "cid@x.test": "bcc"}
    assert b"cid@x.test" not in post.octets()


def test_only_blind_copies(post: Post) -> None:
    assert EmailMessage("Subject", "Body", None, bcc=["cid@x.test"]).send() == 1
    assert post.recipients() == {"cid@x.test": "bcc"}


def test_the_words_of_all_languages(post: Post) -> None:
    sent = EmailMessage("Grüße 世界", "Tänzer\n", "Räuber <shop@sender.test>", ["Jürgen <j@bücher.test>"])
    assert sent.send() == 1
    content = post.content()
    assert (content["subject"], post.text()) == ("Grüße 世界", "Tänzer\n")
    assert content["from"].addresses[0].display_name == "Räuber"
    assert post.recipients() == {"j@xn--bcher-kva.test": "to"}


def test_another_charset_stays_what_it_is(post: Post) -> None:
    sent = EmailMessage("Grüße", "Tänzer", None, ["ann@x.test"])
    sent.encoding = "iso-8859-1"
    assert sent.send() == 1
    assert b"iso-8859-1" in post.octets()
    assert post.text() == "Tänzer\n"


def test_lines_stay_lines(post: Post) -> None:
    body = "From here\n.\n..\n\n>From\n" + "x" * 1_500 + "\nEnd"
    assert EmailMessage("Subject", body, None, ["ann@x.test"]).send() == 1
    assert post.text().rstrip("\n") == body
    octets = post.octets()
    assert b"\n" not in octets.replace(b"\r\n", b"")
    assert max(map(len, octets.split(b"\r\n"))) < 999


def test_lazy_texts(post: Post) -> None:
    assert send_mail(lazystr("Subject"), lazystr("Text"), None, [lazystr("ann@x.test")]) == 1  # type: ignore[list-item]  # a promise of text is text to Django
    assert post.subjects() == ["Subject"]


def test_the_envelope_may_differ_from_the_author(post: Post) -> None:
    sent = EmailMessage("Subject", "Body", "news@sender.test", ["ann@x.test"], headers={"From": "shop@sender.test"})
    assert sent.send() == 1
    assert (post.view()["from"], post.view()["return_path"]) == ("shop@sender.test", "news@sender.test")


def test_what_postroom_is_asked_stands_in_headers(post: Post) -> None:
    assert message(headers={"X-Postroom-Kind": "invoice", "X-Postroom-Tag": "november"}).send() == 1
    assert (post.view()["kind"], post.view()["tags"]) == ("invoice", ["november"])
    assert "x-postroom-kind" not in post.content()


# -- how many, in which order ---------------------------------------------------------------------------------------


def test_the_number_of_messages_is_told(post: Post) -> None:
    rows = [(f"{n}", "Text", None, [f"a{n}@x.test"]) for n in range(3)]
    assert send_mass_mail(rows) == 3
    assert post.subjects() == ["0", "1", "2"]


def test_nothing_to_send(post: Post) -> None:
    connection = get_connection()
    assert connection.send_messages([]) == 0
    assert connection.send_messages([EmailMessage("Nobody", "Body", None, [])]) == 0
    assert EmailMessage("Nobody", "Body", None, []).send() == 0
    assert connection.send_messages([EmailMessage("Nobody"), message("Somebody")]) == 1
    assert post.subjects() == ["Somebody"]


def test_a_refusal_is_raised_and_stops_what_follows(post: Post) -> None:
    bad = message("Bad", bcc=["nobody"])
    with pytest.raises(Refused) as caught:
        get_connection().send_messages([message("First"), bad, message("Last")])
    assert caught.value.faults[0].field == "to[1]"
    assert post.subjects() == ["First"]


def test_silently_the_refused_one_is_passed_over_and_not_counted(post: Post) -> None:
    connection = get_connection(fail_silently=True)
    assert connection.send_messages([message("First"), message("Bad", bcc=["nobody"]), message("Last")]) == 2
    assert post.subjects() == ["First", "Last"]


def test_a_sender_that_is_not_ours_is_refused(post: Post) -> None:
    with pytest.raises(Refused):
        send_mail("Subject", "Text", "somebody@else.test", ["ann@x.test"])


def test_nobody_there() -> None:
    with override_settings(**NOBODY_THERE):
        with pytest.raises(Unreachable):
            message().send()
        assert message().send(fail_silently=True) == 0


def test_a_key_that_is_none(post: Post) -> None:
    with pytest.raises(NotAuthorised):
        send_mail("Subject", "Text", None, ["ann@x.test"], auth_password="pr_00000000_nobodys")
    assert send_mail("S", "T", None, ["ann@x.test"], auth_password="pr_00000000_nobodys", fail_silently=True) == 0
    assert post.ids() == []


def test_a_mistake_in_the_message_is_never_silent(post: Post) -> None:
    """Threat A1: nothing that could begin a header leaves, and the programmer is told as Django does."""
    for fields in ({"subject": "a\nBcc: you@x.test"}, {"headers": {"X-A": "b\r\nc: d"}}):
        with pytest.raises(BadHeaderError):
            message(**fields).send(fail_silently=True)
    with pytest.raises(BadHeaderError):
        EmailMessage("S", "B", "a@x.test\nBcc: b@x.test", ["ann@x.test"]).send(fail_silently=True)
    with pytest.raises(BadHeaderError):
        EmailMessage("S", "B", None, ["ann@x.test\nBcc: b@x.test"]).send(fail_silently=True)
    assert post.ids() == []


def test_a_hidden_line_end_in_the_envelope_is_refused(post: Post) -> None:
    with pytest.raises(Refused):
        message(bcc=["a@x.test\r\nRCPT TO:<b@x.test>"]).send()
    assert post.ids() == []


# -- connections ----------------------------------------------------------------------------------------------------


def test_a_connection_is_opened_once_and_closed_by_who_opened_it(post: Post) -> None:
    connection = cast(EmailBackend, get_connection())
    assert connection.open() is True
    assert connection.open() is False
    assert message(connection=connection).send() == 1
    assert connection.open() is False, "sending leaves a connection open that was open before"
    connection.close()
    connection.close()
    assert connection.send_messages([message()]) == 1
    assert connection.open() is True, "sending closes what it opened itself"
    connection.close()
    with get_connection() as opened:
        assert opened.open() is False
        assert opened.send_messages([message(), message()]) == 2
    assert len(post.ids()) == 4


def test_a_failure_closes_what_was_opened_for_it(post: Post) -> None:
    connection = cast(EmailBackend, get_connection())
    with pytest.raises(Refused):
        connection.send_messages([message(bcc=["nobody"])])
    assert connection.open() is True
    connection.close()


@override_settings(POSTROOM_URL="mail.example.org", POSTROOM_KEY="pr_12345678")
def test_settings_that_make_no_sense_are_a_mistake_of_the_project() -> None:
    with pytest.raises(ImproperlyConfigured, match="POSTROOM_URL"):
        message().send()
    silent = cast(EmailBackend, get_connection(fail_silently=True))
    assert silent.open() is None
    assert silent.send_messages([message()]) == 0


def test_address_and_key_may_be_given_to_the_connection(post: Post, api: Api) -> None:
    key = str(settings.POSTROOM_KEY)
    with override_settings(**NOBODY_THERE):
        connection = get_connection(url=api.server.url, key=key)
        assert message(connection=connection).send() == 1


def test_no_repr_or_error_shows_the_key(post: Post) -> None:
    connection = cast(EmailBackend, get_connection())
    connection.open()
    assert str(settings.POSTROOM_KEY) not in repr(vars(connection)["_client"])
    connection.close()


# -- what projects do besides ---------------------------------------------------------------------------------------


class Signed(EmailMessage):
    """A class whose message exists only when it is asked for, as those that sign or encrypt."""

    def message(self, **_: Any) -> Any:
        made = MIMEBase("multipart", "signed", protocol="application/pgp-signature", boundary="the-boundary")
        made["Subject"], made["From"], made["To"] = str(self.subject), str(self.from_email), ", ".join(self.to)
        made.attach(MIMEText("Signed  \n", "plain"))
        made.attach(MIMEBase("application", "pgp-signature"))
        return made


class Modern(EmailMessage):
    def message(self, **_: Any) -> Any:
        made = PythonMessage(policy=email.policy.SMTP)
        made["Subject"], made["From"], made["To"] = str(self.subject), str(self.from_email), ", ".join(self.to)
        made.set_content("Modern")
        return made


def test_a_message_that_composes_itself_keeps_its_octets(post: Post) -> None:
    assert Signed("Signed", "", None, ["ann@x.test"]).send() == 1
    octets = post.octets()
    assert post.content()["content-type"].params["boundary"] == "the-boundary"
    assert b"\r\n\r\nSigned  \r\n" in octets


def test_a_message_of_the_newer_kind_is_taken_too(post: Post) -> None:
    assert Modern("Modern", "", None, ["ann@x.test"]).send() == 1
    assert post.content().get_content().strip() == "Modern"


def test_the_people_who_run_the_site_get_their_mail(post: Post) -> None:
    mail_admins("Trouble", "Text")
    assert post.subjects() == ["[Django] Trouble"]
    with override_settings(**NOBODY_THERE):
        mail_admins("Trouble", "Text", fail_silently=True)


def test_a_log_that_mails_never_breaks_the_page(post: Post) -> None:
    from django.utils.log import AdminEmailHandler

    logger = logging.Logger("a page")
    logger.addHandler(AdminEmailHandler())
    logger.error("It broke")
    assert len(post.ids()) == 1
    with override_settings(**NOBODY_THERE):
        logger.error("It broke again")


def test_djangos_tests_keep_their_outbox() -> None:
    """With Django's own test backend nothing of ours is in the way."""
    mail.outbox = []
    connection = get_connection("django.core.mail.backends.locmem.EmailBackend")
    assert message(connection=connection).send() == 1
    assert len(mail.outbox) == 1
