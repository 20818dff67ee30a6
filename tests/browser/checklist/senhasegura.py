"""What senhasegura describes of its outgoing mail, row by row."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect

from postroom.model.tenant import INSTALLATION
from tests.browser.checklist.world import REFERENCE, SECRET, WAIT, Rows, World
from tests.rigs.socks import Microsocks

rows = Rows()


@rows("SG1")
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


@rows("SG2")
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


@rows("SG3")
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


@rows("SG4")
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


@rows("SG5")
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


@rows("SG6")
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


@rows("SG7")
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


@rows("SG8")
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


@rows("SG9")
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
    assert w.office.account(w.boss, ref, w.number).result(WAIT).account.certificate_check.value == "pinned"


@rows("SG10")
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


@rows("SG11")
def _(w: World) -> None:
    """A password that is kept elsewhere: only where is written down, and the login works."""
    w.number, w.at = INSTALLATION, ""
    values = {"encryption": "starttls", "certificate_check": "ignore", "allow_clear_login": True, "user": "vault"}
    ref = w.account(w.locked, default=False, name="Vaulted", login="password", **values)
    page = w.open(f"/accounts/{ref}/edit")
    page.get_by_label("Or where the password is kept instead").fill(f"env:{REFERENCE}")
    w.save()
    expect(page.get_by_text(f"env:{REFERENCE}").first).to_be_visible()
    page = w.open(f"/test?account={ref}")
    page.get_by_label("Recipient").fill("ok@sink.test")
    page.get_by_role("button", name="Send the test").click()
    expect(page.get_by_text("It works: the server took the message")).to_be_visible()
    assert "vault" in {one.user for one in w.locked.taken()}


@rows("SG12")
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


@rows("SG13")
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
