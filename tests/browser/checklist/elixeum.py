"""What Elixeum describes of its outgoing mail, row by row."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect

from postroom.model.tenant import INSTALLATION
from tests.browser.checklist.world import SECRET, WAIT, Rows, World

rows = Rows()


@rows("EL1")
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


@rows("EL2")
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


@rows("EL3")
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


@rows("EL4")
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


@rows("EL5")
def _(w: World) -> None:
    """The password's field is blank; blank when saved, it stays."""
    w.new_tenant()
    ref = w.account(user="me", secret=SECRET)
    page = w.open(f"/accounts/{ref}/edit")
    expect(page.get_by_label("Password", exact=True)).to_have_value("")
    page.get_by_label("Name of the account").fill("Renamed")
    w.save()
    view = w.office.account(w.boss, ref, w.number).result(WAIT)
    assert (view.account.name, view.has_secret) == ("Renamed", True)


@rows("EL6")
def _(w: World) -> None:
    """Managing mail settings is a right of its own."""
    w.new_tenant()
    for role, title in (("mail-administrator", "New account"), ("reader", "You may not do this")):
        page = w.rig.open("/accounts/new", as_=role, tenant_id=w.number)
        expect(page.get_by_role("heading", level=1)).to_have_text(title)
        page.context.close()


@rows("EL7")
def _(w: World) -> None:
    """OAuth2 now: Microsoft's form asks for what it takes, and offers to connect."""
    w.new_tenant()
    page = w.open("/accounts/new")
    page.get_by_label("Provider", exact=True).select_option("microsoft365:worldwide")
    page.get_by_label("User name", exact=True).fill("alerts@example.com")
    page.get_by_label("Client id").fill("postroom")
    w.save()
    expect(page.get_by_role("link", name="Connect with Microsoft")).to_be_visible()


@rows("EL8")
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
