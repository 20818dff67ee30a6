"""The specification's first section, row by row, in the browser: each row is one named step that asserts its effect.

One server that delivers, two mail servers (one plain, one that wants TLS and a login) and one browser serve them all;
each step has a tenant of its own, so that none needs another one to have gone before.
"""

from __future__ import annotations

import base64
import email
import itertools
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from email.message import Message as Mail
from email.policy import default as modern
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from postroom.ids import decode, encode
from postroom.model.application import Actor, Scope
from postroom.model.message import Draft
from postroom.model.tenant import INSTALLATION
from postroom.settings import Role
from tests.browser.rig import ConsoleRig, running
from tests.doors.api_rig import open_api
from tests.rigs.certificate_set import Authority
from tests.rigs.process import wait_until
from tests.rigs.sink import Sink
from tests.rigs.socks import Microsocks

_WAIT = 60
_names = itertools.count(1)
SECRET = "c4nary-of-the-checklist"
_REFERENCE = "CHECKLIST_MAIL_PASSWORD"


class World:
    """What all steps share. `plain` and `locked` are the mail servers; `folder` has what they were given."""

    def __init__(self, rig: ConsoleRig, plain: Sink, locked: Sink, folder: Path) -> None:
        self.rig, self.plain, self.locked, self.folder = rig, plain, locked, folder
        self.office, self.boss = rig.api.engine.office, rig.api._actor
        self.page: Page = rig.open("/")
        self.number, self.at = INSTALLATION, ""

    def new_tenant(self, mode: str = "smtp") -> None:
        self.number = self.office.create_tenant(self.boss, f"Step {next(_names)}").result(_WAIT).id
        self.at = f"/in/{encode('t', self.number)}"
        self.office.change_tenant(self.boss, {"mode": mode}, self.number).result(_WAIT)

    def account(self, sink: Sink | None = None, *, default: bool = True, **values: Any) -> str:
        """An account's id; it is the default, and its sender too."""
        known = {"name": "Main", "host": "127.0.0.1", "port": (sink or self.plain).port, "encryption": "none"}
        known |= {"sender_address": "box@example.com"} | values
        secret = known.pop("secret", None)
        view = self.office.create_account(self.boss, known, secret, self.number).result(_WAIT)
        if default:
            self.office.set_default_account(self.boss, view.account.id, self.number, force=True).result(_WAIT)
        return encode("a", view.account.id)

    def sender(self, address: str = "box@example.com", **values: Any) -> str:
        made = self.office.create_sender(self.boss, {"address": address, **values}, self.number).result(_WAIT)
        return encode("s", made.sender.id)

    def open(self, path: str) -> Page:
        """A page of this step's tenant, with every group opened."""
        self.page.goto(f"{self.rig.url}{self.at}{path}")
        self.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        return self.page

    def save(self) -> Locator:
        self.page.get_by_role("button", name="Save").last.click()
        return self.page.get_by_role("status")

    def send(self, **values: Any) -> str:
        """A message's id, from a sender that there is."""
        actor = Actor(self.number, frozenset({Scope.ADMIN}), name="Ada")
        draft = Draft(**{"to": ("ok@sink.test",), "subject": f"Mail {next(_names)}", "text": "It works.", **values})
        return encode("m", self.rig.api.engine.outbox.send(actor, draft).result(_WAIT).message_id)

    def state(self, message: str) -> str:
        number = self.rig.api.engine.reports.message(self.boss, decode("m", message) or 0, self.number).result(_WAIT)
        return str(number.recipients[0].state)

    def becomes(self, message: str, *states: str) -> None:
        wait_until(lambda: self.state(message) in states, _WAIT, lambda: f"{states}, it is {self.state(message)}")

    def take(self, mail: str) -> None:
        """A mail that came back is handed in."""
        raw = base64.b64encode(mail.encode()).decode()
        self.rig.api.client(self.number, Scope.ADMIN).post("/v1/incoming", json={"raw": raw}).raise_for_status()

    def come(self, subject: str, sink: Sink | None = None) -> tuple[Mail, str]:
        """The mail with this subject as a server took it, and its envelope's sender."""
        found: list[tuple[Mail, str]] = []

        def look() -> bool:
            for record in (sink or self.plain).taken():
                mail = email.message_from_bytes((sink or self.plain).source(record), policy=modern)
                if mail["subject"] == subject:
                    found.append((mail, record.sender))
            return bool(found)

        wait_until(look, _WAIT, lambda: f"“{subject}” at the mail server")
        return found[0]


@pytest.fixture(scope="module")
def world(console_rig: ConsoleRig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("checklist")
    own = Authority("127.0.0.1")
    bundle = own.issue("127.0.0.1", common_name="127.0.0.1", key=own.key).bundle(folder)
    mailer = folder / "mailer"
    mailer.write_text(f"#!/bin/sh\ncat >> {folder}/native\n")
    mailer.chmod(0o755)
    wanted = {"poll_seconds": 0.05, "instant_seconds": 20.0, "native_command": [str(mailer)], "check_seconds": 1.0}
    os.environ[_REFERENCE] = SECRET
    with ExitStack() as stack:
        plain = stack.enter_context(Sink.start(folder / "plain", keep=True))
        locked = stack.enter_context(
            Sink.start(folder / "locked", tls="starttls", certificate=bundle, require_auth=True, keep=True)
        )
        (folder / "data").mkdir()
        api = stack.enter_context(open_api(folder / "data", Role.ALL, **wanted))
        api.engine.office.change_tenant(api._actor, {"mode": "smtp"}, INSTALLATION).result(_WAIT)
        with running(console_rig.browser):
            rig = ConsoleRig(api, console_rig.browser)
            made = World(rig, plain, locked, folder)
        yield made
        with running(console_rig.browser):
            rig.fresh()
    del os.environ[_REFERENCE]


Step = Callable[[World], None]
STEPS: dict[str, Step] = {}


def row(name: str) -> Callable[[Step], Step]:
    """A row of the specification's table."""

    def take(step: Step) -> Step:
        STEPS[name] = step
        return step

    return take


# -- Alvao ------------------------------------------------------------------------------------------------------------


@row("AL1")
def _(w: World) -> None:
    """Address, port and encryption; the port follows the encryption."""
    w.new_tenant()
    page = w.open("/accounts/new")
    port = page.get_by_role("textbox", name="Port")
    for choice, number in (("TLS from the start", "465"), ("Not encrypted", "25"), ("STARTTLS", "587")):
        page.get_by_role("radio", name=choice).first.check()
        expect(port).to_have_value(number)
    page.get_by_label("Server", exact=True).fill("127.0.0.1")
    page.get_by_role("radio", name="Not encrypted").check()
    port.fill(str(w.plain.port))
    page.get_by_label("Way of logging in").select_option("none")
    page.get_by_label("Sender e-mail").fill("box@example.com")
    w.save()
    (view,) = w.office.accounts(w.boss, w.number).result(_WAIT)
    w.office.set_default_account(w.boss, view.account.id, w.number, force=True).result(_WAIT)
    w.sender()
    w.send(subject="AL1")
    assert w.come("AL1")[1] == "box@example.com"


@row("AL2")
def _(w: World) -> None:
    """User name and password, over an encrypted link: the mail server knows who it is."""
    w.new_tenant()
    ref = w.account(w.locked, default=False, encryption="starttls", certificate_check="ignore", allow_clear_login=True)
    page = w.open(f"/accounts/{ref}/edit")
    page.get_by_label("Way of logging in").select_option("password")
    page.get_by_label("User name", exact=True).fill("ada")
    page.get_by_label("Password", exact=True).fill(SECRET)
    w.save()
    w.office.set_default_account(w.boss, ref, w.number, force=True).result(_WAIT)
    w.sender()
    w.send(subject="AL2")
    w.come("AL2", w.locked)
    assert {(one.tls, one.user) for one in w.locked.taken()} == {(True, "ada")}


@row("AL3")
def _(w: World) -> None:
    """The identity that the service runs as: Kerberos and NTLM, each with its own fields."""
    w.new_tenant()
    page = w.open("/accounts/new")
    page.get_by_label("Server", exact=True).fill("exchange.example.com")
    page.get_by_label("Way of logging in").select_option("password")
    page.get_by_label("User name", exact=True).fill("svc-mail@EXAMPLE.COM")
    login = page.get_by_label("Way of logging in")
    login.select_option("ntlm")
    expect(page.get_by_label("Kerberos realm or Windows domain")).to_be_visible()
    login.select_option("kerberos")
    expect(page.get_by_label("What it proves itself with")).to_be_visible()
    w.save()
    (view,) = w.office.accounts(w.boss, w.number).result(_WAIT)
    assert view.account.login.value == "kerberos"


@row("AL4")
def _(w: World) -> None:
    """The password is sealed: it is in no page and in no file of the database."""
    w.new_tenant()
    ref = w.account(user="me", secret=SECRET)
    page = w.open(f"/accounts/{ref}/edit")
    expect(page.get_by_text("Left empty, it stays as it is.").first).to_be_visible()
    assert SECRET not in page.content()
    for file in (w.folder / "data").rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file


@row("AL5")
def _(w: World) -> None:
    """Whether the login may send for an address is proven by the server's own answer."""
    w.new_tenant()
    w.account()
    w.sender()
    w.sender("notallowed@example.com")
    page = w.open("/proofs")
    page.get_by_role("button", name="Prove box@example.com").click()
    expect(page.get_by_role("row", name=re.compile("box@example.com"))).to_contain_text("proven")
    page.get_by_role("button", name="Prove notallowed@example.com").click()
    expect(page.get_by_role("row", name=re.compile("notallowed@example.com"))).to_contain_text("refused")


@row("AL6")
def _(w: World) -> None:
    """The general sender: mail that names none leaves from it."""
    w.new_tenant()
    w.account()
    w.sender()
    ref = w.sender("news@example.com", name="Example News")
    page = w.open(f"/senders/{ref}")
    page.get_by_role("button", name="Make it the default").click()
    expect(page.get_by_role("status")).to_contain_text("leaves from news@example.com")
    w.send(subject="AL6")
    assert w.come("AL6")[0]["from"] == "Example News <news@example.com>"


@row("AL7")
def _(w: World) -> None:
    """A service's own address leaves through its own account, and an application uses only its own."""
    w.new_tenant()
    w.account()
    w.sender()
    w.account(w.locked, default=False, name="Second", encryption="starttls", certificate_check="ignore",
              allow_clear_login=True, user="second", secret=SECRET)  # fmt: skip
    page = w.open("/senders/new")
    page.get_by_label("Address").fill("help@example.com")
    page.get_by_label("Account its mail leaves through").select_option(label="Second")
    w.save()
    w.send(subject="AL7", sender="help@example.com")
    w.come("AL7", w.locked)
    page = w.open("/applications/new")
    page.get_by_label("Name", exact=True).fill("Till")
    page.get_by_label("Senders it may use").fill("box@example.com")
    w.save()
    (till,) = w.office.applications(w.boss, w.number).result(_WAIT)
    key = w.office.create_key(w.boss, till.id, [Scope.SEND], tenant_id=w.number).result(_WAIT).text
    mail = {"to": ["ok@sink.test"], "from": "help@example.com", "subject": "No", "text": "No"}
    assert w.rig.api.with_key(key).post("/v1/messages", json=mail).status_code == 422


@row("AL8")
def _(w: World) -> None:
    """The advice stands at the field, also for who hears the page."""
    w.new_tenant()
    field = w.open("/senders/new").get_by_label("Address")
    expect(field).to_have_accessible_description(re.compile("mailbox somebody reads.*no-reply@example.com"))


@row("AL9")
def _(w: World) -> None:
    """Trouble in the settings: a mark on every page, a list, and who is written to."""
    w.new_tenant()
    w.account(user="me", login="password")
    w.office.change_tenant(w.boss, {"alarm_to": ["ops@example.org"]}, w.number).result(_WAIT)
    page = w.open("/checks")
    expect(page.locator(".findings")).to_contain_text("It needs its password.")
    expect(page.get_by_text("ops@example.org")).to_be_visible()
    page = w.open("/senders")
    expect(page.get_by_role("link", name="Settings check")).to_contain_text("something is wrong")


@row("AL10")
def _(w: World) -> None:
    """What waits for its next attempt, how often it was tried, and the last error: in the console."""
    w.new_tenant()
    w.account()
    w.sender()
    message = w.send(subject="AL10", to=("defer@sink.test",))
    w.becomes(message, "deferred")
    page = w.open(f"/log/{message}")
    expect(page.locator("main")).to_contain_text("451 4.2.0 try again later")
    expect(page.locator(".timeline")).to_contain_text("it is tried again")
    expect(w.open("/queue").locator("main")).to_contain_text("Main")


# -- senhasegura ------------------------------------------------------------------------------------------------------


@row("SG1")
def _(w: World) -> None:
    """The list with its columns, filters and CSV."""
    w.new_tenant()
    w.account(reply_to="help@example.com")
    w.account(name="Other", default=False)
    page = w.open("/accounts?text=other")
    expect(page.get_by_role("rowheader")).to_have_count(1)
    page = w.open("/accounts")
    expect(page.get_by_role("row", name=re.compile("^Main"))).to_contain_text("help@example.com")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    assert "help@example.com" in Path(download.value.path()).read_text()


@row("SG2")
def _(w: World) -> None:
    """A name, and a switch that is on from the start; off, its mail waits."""
    w.new_tenant()
    expect(w.open("/accounts/new").get_by_label("Enabled")).to_be_checked()
    ref = w.account(name="Named")
    w.sender()
    page = w.open(f"/accounts/{ref}")
    page.get_by_role("button", name="Switch off").click()
    expect(page.get_by_role("status")).to_contain_text("Its mail waits")
    message = w.send(subject="SG2")
    assert w.state(message) in ("held", "queued")
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_role("status")).to_contain_text("Switched on.")
    w.come("SG2")


@row("SG3")
def _(w: World) -> None:
    """Sender, reply, error and confirmation address, each where it belongs in the mail."""
    w.new_tenant()
    ref = w.account()
    w.sender()
    page = w.open(f"/accounts/{ref}/edit")
    page.get_by_label("Reply e-mail (Reply-To)").fill("reply@example.com")
    page.get_by_label("Reply e-mail for delivery errors (Return-Path)").fill("errors@example.com")
    page.get_by_label("Confirmation e-mail").fill("seen@example.com")
    page.get_by_label("Ask for read confirmations").check()
    w.save()
    w.send(subject="SG3")
    mail, envelope = w.come("SG3")
    assert (mail["reply-to"], envelope) == ("reply@example.com", "errors@example.com")
    assert mail["disposition-notification-to"] == "seen@example.com"


@row("SG4")
def _(w: World) -> None:
    """Exactly one default account: the first one is, making another the default moves it, and it can't just vanish."""
    w.new_tenant()
    w.sender()
    first = w.account(default=False)
    second = w.account(name="Second", default=False)
    badge = w.open("/accounts").get_by_role("row").filter(has_text="default")
    expect(badge).to_contain_text("Main")
    page = w.open(f"/accounts/{second}")
    page.get_by_role("button", name="Make it the default").click()
    sure = page.get_by_role("button", name="Make it the default all the same")
    expect(sure.or_(page.get_by_role("status"))).to_be_visible()
    if sure.count():
        sure.click()
    expect(page.get_by_role("status")).to_contain_text("is the default account now")
    expect(w.open("/accounts").get_by_role("row").filter(has_text="default")).to_contain_text("Second")
    page = w.open(f"/accounts/{second}/delete")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("alert")).to_contain_text("can't be deleted yet")
    assert first


@row("SG5")
def _(w: World) -> None:
    """A read confirmation that comes back stands at its message."""
    w.new_tenant()
    w.account(request_receipt=True)
    w.sender()
    message = w.send(subject="SG5")
    mail, _ = w.come("SG5")
    receipt = (
        "From: ok@sink.test\r\nTo: box@example.com\r\nSubject: Read: SG5\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=disposition-notification; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nIt was read.\r\n--b\r\n"
        "Content-Type: message/disposition-notification\r\n\r\nFinal-Recipient: rfc822;ok@sink.test\r\n"
        f"Original-Message-ID: {mail['message-id']}\r\n"
        "Disposition: manual-action/MDN-sent-manually; displayed\r\n\r\n--b--\r\n"
    )
    w.take(receipt)
    expect(w.open(f"/log/{message}").locator(".timeline")).to_contain_text("A read receipt came back")


@row("SG6")
def _(w: World) -> None:
    """Force settings use: the account's addresses stand, or an application may set its own."""
    w.new_tenant()
    ref = w.account(reply_to="reply@example.com")
    w.sender()
    for forced, wanted in ((True, "reply@example.com"), (False, "own@example.com")):
        page = w.open(f"/accounts/{ref}/edit")
        page.get_by_label("These addresses stand, whatever an application asks for").set_checked(forced)
        w.save()
        w.send(subject=f"SG6 {forced}", reply_to=("own@example.com",))
        assert w.come(f"SG6 {forced}")[0]["reply-to"] == wanted


@row("SG7")
def _(w: World) -> None:
    """A footnote below every mail."""
    w.new_tenant()
    ref = w.account()
    w.sender()
    page = w.open(f"/accounts/{ref}/edit")
    page.get_by_label("Own footer, as text").fill("Example Inc., Main Street 1")
    w.save()
    w.send(subject="SG7")
    body = w.come("SG7")[0].get_body()  # type: ignore[attr-defined]
    assert "Example Inc., Main Street 1" in body.get_content()


@row("SG8")
def _(w: World) -> None:
    """Host, port, safe connection, its type, authentication: a test walks through all of them."""
    w.new_tenant()
    ref = w.account(w.locked, encryption="starttls", certificate_check="ignore", allow_clear_login=True, user="ada",
                    secret=SECRET)  # fmt: skip
    w.sender()
    page = w.open(f"/test?account={ref}")
    page.get_by_label("Recipient").fill("ok@sink.test")
    page.get_by_role("button", name="Send the test").click()
    expect(page.get_by_text("It works: the server took the message")).to_be_visible()
    for step in ("Connection", "Encryption", "Login"):
        expect(page.get_by_role("listitem").filter(has_text=re.compile(rf"{step}\s+passed"))).to_have_count(1)


@row("SG9")
def _(w: World) -> None:
    """Certificate errors ignored: possible, and the warning stays; a certificate that is trusted is offered first."""
    w.new_tenant()
    ref = w.account(w.locked, encryption="starttls")
    page = w.open(f"/accounts/{ref}/edit")
    page.get_by_role("radio", name="Ignore certificate errors").check()
    w.save()
    expect(page.get_by_text("Certificate errors are ignored").first).to_be_visible()
    page.get_by_role("button", name="Look at the certificate").click()
    page.get_by_role("button", name="Trust this certificate").click()
    assert w.office.account(w.boss, ref, w.number).result(_WAIT).account.certificate_check.value == "pinned"


@row("SG10")
def _(w: World) -> None:
    """A connector that exists is chosen, and mail leaves through it."""
    w.new_tenant()
    with Microsocks(w.folder) as proxy:
        page = w.open("/connectors/new")
        page.get_by_label("Name", exact=True).fill("Proxy")
        page.get_by_label("Server", exact=True).fill("127.0.0.1")
        page.get_by_label("Port", exact=True).fill(str(proxy.port))
        w.save()
        page.get_by_label("Server behind it").fill("127.0.0.1")
        page.locator("[name=test_port]").fill(str(w.plain.port))
        page.get_by_role("button", name="Try it").click()
        expect(page.locator("#tried .note.good")).to_be_visible()
        ref = w.account()
        w.sender()
        page = w.open(f"/accounts/{ref}/edit")
        page.get_by_label("Go through").select_option(label="Proxy")
        w.save()
        w.send(subject="SG10")
        w.come("SG10")


@row("SG11")
def _(w: World) -> None:
    """A password that is kept elsewhere: only where is written down, and the login works."""
    w.number, w.at = INSTALLATION, ""
    values = {"encryption": "starttls", "certificate_check": "ignore", "allow_clear_login": True, "user": "vault"}
    ref = w.account(w.locked, default=False, name="Vaulted", login="password", **values)
    page = w.open(f"/accounts/{ref}/edit")
    page.get_by_label("Or where the password is kept instead").fill(f"env:{_REFERENCE}")
    w.save()
    expect(page.get_by_text(f"env:{_REFERENCE}").first).to_be_visible()
    page = w.open(f"/test?account={ref}")
    page.get_by_label("Recipient").fill("ok@sink.test")
    page.get_by_role("button", name="Send the test").click()
    expect(page.get_by_text("It works: the server took the message")).to_be_visible()
    assert "vault" in {one.user for one in w.locked.taken()}


@row("SG12")
def _(w: World) -> None:
    """Editing makes a version with who did it; one returns to an earlier one."""
    w.new_tenant()
    ref = w.account()
    page = w.open(f"/accounts/{ref}/edit")
    page.get_by_label("Name of the account").fill("Renamed")
    w.save()
    page = w.open(f"/history/account/{ref}")
    page.get_by_role("button", name="Return to it").last.click()
    page.get_by_role("button", name="Return to it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Main")


@row("SG13")
def _(w: World) -> None:
    """*Test setting*: recipient, subject and message are there already; a real message arrives."""
    w.new_tenant()
    ref = w.account()
    w.sender()
    page = w.open(f"/test?account={ref}")
    expect(page.get_by_label("Recipient")).to_have_value(re.compile("@"))
    expect(page.get_by_label("Message")).not_to_have_value("")
    page.get_by_label("Recipient").fill("ok@sink.test")
    page.get_by_label("Subject").fill("SG13")
    page.get_by_role("button", name="Send the test").click()
    expect(page.get_by_text("It works: the server took the message")).to_be_visible()
    w.come("SG13")


# -- Elixeum ----------------------------------------------------------------------------------------------------------


@row("EL1")
def _(w: World) -> None:
    """Registration, reset, notices: each has its kind, by which the log is filtered."""
    w.new_tenant()
    w.account()
    w.sender()
    page = w.open("/kinds/new")
    page.get_by_label("The word that applications use").fill("registration")
    page.get_by_label("Mandatory: always, and at once").check()
    w.save()
    w.send(subject="EL1", kind="registration")
    w.send(subject="Another")
    w.come("EL1")
    page = w.open("/log?kind=registration")
    expect(page.get_by_role("link", name="EL1")).to_be_visible()
    expect(page.get_by_role("link", name="Another")).to_have_count(0)


@row("EL2")
def _(w: World) -> None:
    """Without a set-up of its own a tenant's mail leaves through the installation's mailbox, from its address."""
    w.number, w.at = INSTALLATION, ""
    w.account(name="House", sender_address="house@example.com", rewrite_from=True)
    w.new_tenant()
    w.sender("shop@tenant.example")
    expect(w.open("/outgoing").get_by_role("region", name="Defaults")).to_contain_text("inherited from")
    w.send(subject="EL2")
    mail, _ = w.come("EL2")
    assert ("house@example.com" in mail["from"], mail["reply-to"]) == (True, "shop@tenant.example")


@row("EL3")
def _(w: World) -> None:
    """A tenant's own server, once it is proved by a test, carries all of its mail."""
    w.new_tenant()
    ref = w.account(default=False)
    w.sender()
    page = w.open(f"/test?account={ref}")
    page.get_by_label("Recipient").fill("ok@sink.test")
    page.get_by_role("button", name="Send the test").click()
    expect(page.get_by_text("It works: the server took the message")).to_be_visible()
    page = w.open(f"/accounts/{ref}")
    make = page.get_by_role("button", name="Make it the default")
    if make.count():
        make.click()
    w.send(subject="EL3")
    assert w.come("EL3")[1] == "box@example.com"


@row("EL4")
def _(w: World) -> None:
    """The keys of other systems' settings are understood; the console shows what came of them."""
    w.new_tenant()
    file = (
        '[SMTP]\nServer = "smtp.example.com"\nPort = 587\nUsername = "me"\nSenderName = "Example"\n'
        'SenderAddress = "me@example.com"\n'
    )
    page = w.open("/settings-file")
    page.get_by_label("The file", exact=True).fill(file.replace("587", '"many"'))
    page.get_by_role("button", name="Show what would change").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("The file", exact=True).fill(file)
    page.get_by_role("button", name="Show what would change").click()
    expect(page.locator("#plan")).to_contain_text("smtp.example.com")
    w.rig.looks_right(page, "settings-file")
    page.get_by_role("button", name="Take it over").click()
    expect(page.get_by_role("status")).to_contain_text("It is taken over")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the settings").click()
    assert "smtp.example.com" in Path(download.value.path()).read_text()
    expect(w.open("/accounts").get_by_role("row", name=re.compile("smtp.example.com:587"))).to_be_visible()


@row("EL5")
def _(w: World) -> None:
    """The password's field is blank; blank when saved, it stays."""
    w.new_tenant()
    ref = w.account(user="me", secret=SECRET)
    page = w.open(f"/accounts/{ref}/edit")
    expect(page.get_by_label("Password", exact=True)).to_have_value("")
    page.get_by_label("Name of the account").fill("Renamed")
    w.save()
    view = w.office.account(w.boss, ref, w.number).result(_WAIT)
    assert (view.account.name, view.has_secret) == ("Renamed", True)


@row("EL6")
def _(w: World) -> None:
    """Managing mail settings is a right of its own."""
    w.new_tenant()
    for role, title in (("mail-administrator", "New account"), ("reader", "You may not do this")):
        page = w.rig.open("/accounts/new", as_=role, tenant_id=w.number)
        expect(page.get_by_role("heading", level=1)).to_have_text(title)
        page.context.close()


@row("EL7")
def _(w: World) -> None:
    """OAuth2 now: Microsoft's form asks for what it takes, and offers to connect."""
    w.new_tenant()
    page = w.open("/accounts/new")
    page.get_by_label("Provider", exact=True).select_option("microsoft365:worldwide")
    page.get_by_label("User name", exact=True).fill("alerts@example.com")
    page.get_by_label("Client id").fill("postroom")
    w.save()
    expect(page.get_by_role("link", name="Connect with Microsoft")).to_be_visible()


@row("EL8")
def _(w: World) -> None:
    """When the server's answer says that Authenticated SMTP is off, how to allow it is shown right there."""
    w.new_tenant()
    ref = w.account(w.locked, encryption="starttls", certificate_check="ignore", allow_clear_login=True,
                    user="disabled", secret=SECRET)  # fmt: skip
    w.sender()
    off = "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant."
    w.locked.answer(connect="220 AM0PR01CA0001.outlook.office365.com Microsoft ESMTP MAIL Service ready", auth=off)
    page = w.open(f"/test?account={ref}")
    page.get_by_label("Recipient").fill("ok@sink.test")
    page.get_by_role("button", name="Send the test").click()
    expect(page.get_by_text("It did not go")).to_be_visible()
    w.locked.answer()
    expect(page.locator(".staged .bad .remedy")).to_contain_text(
        re.compile("SmtpClientAuthentication|Authenticated SMTP")
    )


# -- activeCollab -----------------------------------------------------------------------------------------------------


def _mode(w: World, choice: str, said: str = "Saved.") -> None:
    page = w.open("/outgoing/mode")
    page.get_by_role("radio", name=choice).check()
    expect(w.save()).to_contain_text(said)


@row("AC1")
def _(w: World) -> None:
    """Disabled: nothing is sent, it is noted, and the application gets no error."""
    w.new_tenant()
    w.account()
    w.sender()
    _mode(w, "Disabled")
    message = w.send(subject="AC1")
    expect(w.open(f"/log/{message}").locator("main")).to_contain_text("sending is disabled")
    assert w.state(message) == "disabled"


@row("AC2")
def _(w: World) -> None:
    """Silent: mail is read here, and one is released."""
    w.new_tenant()
    w.account()
    w.sender()
    _mode(w, "Silent")
    message = w.send(subject="AC2", text="Read it here.")
    assert w.state(message) == "silenced"
    page = w.open(f"/silent?message={message}")
    page.get_by_role("link", name=re.compile("AC2")).first.click()
    expect(page.locator(".letter")).to_contain_text("Read it here.")
    page.get_by_role("button", name="Release", exact=True).click()
    w.come("AC2")


@row("AC3")
def _(w: World) -> None:
    """The host's own mailer, which only the operator sets."""
    w.number, w.at = INSTALLATION, ""
    w.office.create_sender(w.boss, {"address": "native@example.com"}).result(_WAIT)
    _mode(w, "This machine's mailer", "Mail leaves from now on.")
    try:
        w.send(subject="AC3", sender="native@example.com")
        file = w.folder / "native"
        wait_until(lambda: file.exists() and "AC3" in file.read_text(), _WAIT, lambda: "mail at the host's mailer")
    finally:
        w.office.change_tenant(w.boss, {"mode": "smtp"}, INSTALLATION).result(_WAIT)


@row("AC4")
def _(w: World) -> None:
    """SMTP servers."""
    w.new_tenant("silent")
    w.account()
    w.sender()
    _mode(w, "SMTP servers", "Mail leaves from now on.")
    w.send(subject="AC4")
    w.come("AC4")


@row("AC5")
def _(w: World) -> None:
    """Instantly: whoever hands it over is told what the server said."""
    w.new_tenant()
    w.account()
    w.sender()
    _mode(w, "Instantly")
    client = w.rig.api.client(w.number, Scope.SEND)
    told = client.post("/v1/messages", json={"to": ["ok@sink.test"], "subject": "AC5", "text": "Now"})
    assert told.json()["state"] == "sent"


@row("AC6")
def _(w: World) -> None:
    """In the background: taken at once, sent as soon as possible."""
    w.new_tenant()
    w.account()
    w.sender()
    _mode(w, "Instantly")
    _mode(w, "In the background")
    client = w.rig.api.client(w.number, Scope.SEND)
    told = client.post("/v1/messages", json={"to": ["ok@sink.test"], "subject": "AC6", "text": "Later"})
    assert (told.status_code, told.json()["state"]) == (202, "queued")
    w.come("AC6")


@row("AC7")
def _(w: World) -> None:
    """Recipients choose how they get their mail."""
    w.new_tenant()
    w.account()
    w.sender()
    w.office.create_kind(w.boss, {"name": "news", "title": "News"}, w.number).result(_WAIT)
    page = w.open("/outgoing/recipients")
    page.get_by_role("group", name="Recipients choose how they get mail").get_by_label("Yes").check()
    w.save()
    page = w.open("/recipients?address=ok@sink.test")
    page.get_by_label("News", exact=True).select_option("weekly")
    page.get_by_role("button", name="Choose so for this person").click()
    assert w.state(w.send(subject="AC7", kind="news")) == "collected"


@row("AC8")
def _(w: World) -> None:
    """From: address and name."""
    w.new_tenant()
    w.account()
    page = w.open("/senders/new")
    page.get_by_label("Address").fill("team@example.com")
    page.get_by_label("Name that goes with it").fill("The Team")
    w.save()
    w.send(subject="AC8")
    assert w.come("AC8")[0]["from"] == "The Team <team@example.com>"


@row("AC9")
def _(w: World) -> None:
    """Answers to the same address find their message."""
    w.new_tenant()
    w.account()
    w.sender()
    message = w.send(subject="AC9")
    mail, _ = w.come("AC9")
    answer = (
        f"From: ok@sink.test\r\nTo: box@example.com\r\nSubject: Re: AC9\r\nIn-Reply-To: {mail['message-id']}\r\n"
        "Message-ID: <1@sink.test>\r\nDate: Fri, 20 Nov 2026 20:00:00 +0000\r\n\r\nThank you.\r\n"
    )
    w.take(answer)
    expect(w.open(f"/log/{message}").locator(".timeline")).to_contain_text("Somebody replied")


@row("AC10")
def _(w: World) -> None:
    """The mailing log finds it, and says what became of it."""
    w.new_tenant()
    w.account()
    w.sender()
    message = w.send(subject="Zebra crossing")
    w.becomes(message, "sent")
    page = w.open("/log?text=zebra")
    page.get_by_role("link", name="Zebra crossing").click()
    expect(page.locator(".timeline")).to_contain_text("The server took it")


ROWS = [
    *(f"AL{n}" for n in range(1, 11)), *(f"SG{n}" for n in range(1, 14)), *(f"EL{n}" for n in range(1, 9)),
    *(f"AC{n}" for n in range(1, 11)),
]  # fmt: skip


def test_every_row_has_its_step() -> None:
    assert list(STEPS) == ROWS


@pytest.mark.parametrize("name", ROWS)
def test_row(world: World, console_rig: ConsoleRig, name: str) -> None:
    with running(console_rig.browser):
        STEPS[name](world)
