"""What Alvao describes of its outgoing mail, row by row."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from postroom.model.application import Scope
from tests.browser.checklist.world import SECRET, WAIT, Rows, World

rows = Rows()


@rows("AL1")
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
    (view,) = w.office.accounts(w.boss, w.number).result(WAIT)
    w.office.set_default_account(w.boss, view.account.id, w.number, force=True).result(WAIT)
    w.sender()
    w.send(subject="AL1")
    assert w.come("AL1")[1] == "box@example.com"


@rows("AL2")
def _(w: World) -> None:
    """User name and password, over an encrypted link: the mail server knows who it is."""
    w.new_tenant()
    ref = w.account(w.locked, default=False, encryption="starttls", certificate_check="ignore", allow_clear_login=True)
    page = w.open(f"/accounts/{ref}/edit")
    page.get_by_label("Way of logging in").select_option("password")
    page.get_by_label("User name", exact=True).fill("ada")
    page.get_by_label("Password", exact=True).fill(SECRET)
    w.save()
    w.office.set_default_account(w.boss, ref, w.number, force=True).result(WAIT)
    w.sender()
    w.send(subject="AL2")
    w.come("AL2", w.locked)
    assert {(one.tls, one.user) for one in w.locked.taken()} == {(True, "ada")}


@rows("AL3")
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
    (view,) = w.office.accounts(w.boss, w.number).result(WAIT)
    assert view.account.login.value == "kerberos"


@rows("AL4")
def _(w: World) -> None:
    """The password is sealed: it is in no page and in no file of the database."""
    w.new_tenant()
    ref = w.account(user="me", secret=SECRET)
    page = w.open(f"/accounts/{ref}/edit")
    expect(page.get_by_text("Left empty, it stays as it is.").first).to_be_visible()
    assert SECRET not in page.content()
    for file in (w.folder / "data").rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file


@rows("AL5")
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


@rows("AL6")
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


@rows("AL7")
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
    (till,) = w.office.applications(w.boss, w.number).result(WAIT)
    key = w.office.create_key(w.boss, till.id, [Scope.SEND], tenant_id=w.number).result(WAIT).text
    mail = {"to": ["ok@sink.test"], "from": "help@example.com", "subject": "No", "text": "No"}
    assert w.rig.api.with_key(key).post("/v1/messages", json=mail).status_code == 422


@rows("AL8")
def _(w: World) -> None:
    """The advice stands at the field, also for who hears the page."""
    w.new_tenant()
    field = w.open("/senders/new").get_by_label("Address")
    expect(field).to_have_accessible_description(re.compile("mailbox somebody reads.*no-reply@example.com"))


@rows("AL9")
def _(w: World) -> None:
    """Trouble in the settings: a mark on every page, a list, and who is written to."""
    w.new_tenant()
    w.account(user="me", login="password")
    w.office.change_tenant(w.boss, {"alarm_to": ["ops@example.org"]}, w.number).result(WAIT)
    page = w.open("/checks")
    expect(page.locator(".findings")).to_contain_text("It needs its password.")
    expect(page.get_by_text("ops@example.org")).to_be_visible()
    page = w.open("/senders")
    expect(page.get_by_role("link", name="Settings check")).to_contain_text("something is wrong")


@rows("AL10")
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
