"""A walk through the rows of the specification's first section: where each can be done in the console, by its words.

The rows of the mailing log and the silent mailbox (AC2, AC10, AL10) are walked in the tests of their own pages; keys of
settings as code (EL4) belong to the API and the command line; EL8 is a diagnosis, told where the server's answer is.
"""

from __future__ import annotations

from playwright.sync_api import expect

from postroom.ids import encode
from tests.browser.rig import ConsoleRig

NEW, LIST, ONE, EDIT, OUT = "/accounts/new", "/accounts", "/accounts/{account}", "/accounts/{account}/edit", "/outgoing"
ROWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "AL1": (NEW, ("Its name or IP address.", "TLS from the start", "STARTTLS", "Not encrypted", "587, 465 or 25")),
    "AL2": (NEW, ("User name and password (the strongest way both sides know)", "Log in even where others could")),
    "AL3": (NEW, ("Kerberos: integrated", "NTLM: integrated", "A keytab of this machine")),
    "AL4": (EDIT, ("Set on", "Left empty, it stays as it is.")),
    "AL5": ("/proofs", ("Which sender gets through which account", "news@example.com")),
    "AL6": (OUT, ("Default sender",)),
    "AL7": ("/senders/{sender}", ("Account its mail leaves through", "The sender chooses the account")),
    "AL7, applications": ("/applications/{application}", ("Senders it may use",)),
    "AL8": ("/senders/new", ("Use an address whose mailbox somebody reads",)),
    "AL9": (OUT, ("Alarms",)),
    "SG1": (LIST, ("Health", "Connection", "Addresses", "Settings", "Last 24 hours", "Download CSV", "default")),
    "SG2": (NEW, ("Name of the account", "Enabled")),
    "SG3": (NEW, ("Sender e-mail", "Reply-To", "Return-Path", "Confirmation e-mail")),
    "SG4": (ONE, ("Make it the default",)),
    "SG5": (NEW, ("Ask for read confirmations",)),
    "SG6": (NEW, ("These addresses stand", "applications may set their own reply addresses")),
    "SG7": (NEW, ("Add the footer", "Own footer, as text")),
    "SG8": (NEW, ("Server", "Port", "Encryption", "Way of logging in")),
    "SG9": (NEW, ("Ignore certificate errors", "The last resort", "Your authority's certificate")),
    "SG9, trust": (ONE, ("Look at the certificate", "Certificate errors are ignored")),
    "SG10": (NEW, ("Go through", "A proxy, a jump host or an agent")),
    "SG10, kinds": ("/connectors/new", ("SOCKS5 proxy", "HTTP proxy", "SSH jump host", "Agent")),
    "SG11": (NEW, ("Or where the password is kept instead", "vault:")),
    "SG12": ("/history/account/{account}", ("Compare", "All versions", "as it is now")),
    "SG13": ("/test", ("Recipient", "Subject", "Message", "Send the test")),
    "EL2": (OUT, ("Default account",)),
    "EL3": ("/tenants", ("New tenant",)),
    "EL5": (EDIT, ("Left empty, it stays as it is.",)),
    "EL6": ("/roles", ("Manages how mail leaves",)),
    "EL7": (NEW, ("Microsoft 365", "Google", "Another provider", "Client id", "Somebody consents once")),
    "AC1, AC2, AC3, AC4": (OUT, ("Mode",)),
    "AC5, AC6": (OUT, ("Sending",)),
    "AC7": (OUT, ("Recipients choose how they get mail",)),
    "AC8": (NEW, ("Sender e-mail", "Sender's name")),
    "AC9": (NEW, ("Use an address whose mailbox somebody reads",)),
}


def test_every_row_can_be_done_in_the_console(console: ConsoleRig) -> None:
    office, boss = console.api.engine.office, console.api._actor
    values = {
        "name": "Walked",
        "host": "smtp.example.com",
        "user": "u",
        "secret": "hush",
        "certificate_check": "ignore",
        "enabled": False,
    }
    number = office.create_tenant(boss, "Walked").result(60).id
    first = office.create_account(boss, {"name": "First", "host": "smtp.example.com"}, tenant_id=number).result(60)
    office.set_default_account(boss, first.account.id, number, force=True).result(60)
    account = office.create_account(boss, values, tenant_id=number).result(60).account
    sending = {"address": "news@example.com", "account_id": "Walked"}
    sender = office.create_sender(boss, sending, number).result(60).sender
    application = office.create_application(boss, "Walked shop", number).result(60)
    named = {
        "account": encode("a", account.id),
        "sender": encode("s", sender.id),
        "application": encode("p", application.id),
    }
    page = console.open("/accounts")
    missing = []
    for path in dict.fromkeys(path for path, _ in ROWS.values()):
        inside = "" if path == "/tenants" else f"/in/{encode('t', number)}"
        page.goto(f"{console.url}{inside}{path.format_map(named)}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        told = " ".join((page.locator("main").text_content() or "").split())
        missing += [
            (row, word) for row, (where, words) in ROWS.items() if where == path for word in words if word not in told
        ]
    assert missing == []
