"""Mail that came back in a real browser: what waits for a person, one mail, hostile ones among them."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from postroom.compose.message_id import message_id
from postroom.ids import encode
from postroom.model.account import AddressTag
from postroom.model.application import Actor, Scope
from postroom.model.event import EventKind
from postroom.model.state import State
from postroom.store import tables
from postroom.store.scope import across
from tests.browser.rig import ConsoleRig
from tests.browser.test_mail_pages import Post
from tests.unit.receive.incoming_mail import LETTER, dsn, mail

_WAIT = 60
_HTML = """<h1>Thanks</h1><script>document.title = 'owned'</script>
<img src=x onerror="parent.document.title='owned'">"""
_ANSWER = f"""--b
Content-Type: text/plain

Thanks, it came.

> Hello
--b
Content-Type: text/html

{_HTML}
--b
Content-Type: application/pdf
Content-Disposition: attachment; filename=order.pdf

PDF
--b--
"""
_FAILED = """Final-Recipient: rfc822; ann@customer.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 User unknown"""


class Returned(Post):
    """A tenant to which a bounce, an answer with HTML and a file, and something that nobody understands came back."""

    def __init__(self, console: ConsoleRig) -> None:
        super().__init__(console, "Northwind Returns")
        self.sent = self.put("Your invoice", ("ann@customer.example", State.SENT))
        own = message_id(self.sent, "example.com", mark="k1")
        named = tables.message.update().where(tables.message.c.id == self.sent).values(message_id=own)
        self.engine.store.write(lambda c: c.execute(across(named, "a test's own"))).result(_WAIT)
        path = self.engine.office.tagging.return_path(self.tenant, self.sent, 0, "post@x.org", AddressTag.PLUS)
        subject = "Undelivered Mail Returned to Sender"
        self.bounce = self.take(dsn(_FAILED, gives_back=LETTER.replace("m1@x.org", own), To=path, Subject=subject))
        header = {"In_Reply_To": f"<{own}>", "Content_Type": "multipart/mixed; boundary=b"}
        self.answer = self.take(mail(_ANSWER, From="Ann <ann@customer.example>", **header))
        self.odd = self.take(mail("???", From="<script>@nowhere.example", Subject="<b>Odd</b>"))

    def take(self, content: bytes) -> str:
        return encode("b", self.engine.outbox.inbox.take(self.actor, content).result(_WAIT).received.id)


@pytest.fixture(scope="module")
def returned(console_rig: ConsoleRig) -> Returned:
    return Returned(console_rig)


def test_what_waits_is_marked_as_done(console: ConsoleRig, returned: Returned) -> None:
    page = console.open("/incoming", tenant_id=returned.tenant, script=False)
    expect(page.get_by_role("row")).to_have_count(4)
    page.get_by_role("link", name="For a person").click()
    expect(page.get_by_role("rowheader")).to_have_text(["<b>Odd</b>"])
    page.get_by_role("link", name="Odd").click()
    expect(page.get_by_text("This one waits for a person.")).to_be_visible()
    page.go_back()
    page.get_by_role("button", name="Mark as done").click()
    expect(page.get_by_role("heading", name="Nothing waits for you")).to_be_visible()
    page.goto(f"{console.url}/incoming/{returned.odd}")
    page.get_by_role("button", name="It is not done").click()
    expect(page.get_by_role("button", name="Mark as done")).to_be_visible()


def test_an_answer_is_read_and_nothing_in_it_runs(console: ConsoleRig, returned: Returned) -> None:
    page = console.open(f"/incoming/{returned.answer}", tenant_id=returned.tenant)
    expect(page.locator("pre.mail-text")).to_have_text("Thanks, it came.")
    page.get_by_role("link", name="Show it").click()
    expect(page.frame_locator("iframe.mail-frame").get_by_role("heading", name="Thanks")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="order.pdf").click()
    assert download.value.suggested_filename == "order.pdf"
    page.get_by_role("link", name="To the message").click()
    expect(page.get_by_role("list", name="How far it came")).to_contain_text("replied")
    assert page.title() != "owned"


def test_they_look_right_for_everybody(console: ConsoleRig, returned: Returned) -> None:
    pages = {"incoming": "", "incoming-waiting": "/waiting", "incoming-answer": f"/{returned.answer}?as=mail"}
    for name, path in pages.items():
        page = console.open(f"/incoming{path}", tenant_id=returned.tenant)
        console.looks_right(page, name)
    page = console.open(f"/log/{encode('m', returned.sent)}", tenant_id=returned.tenant)
    console.looks_right(page, "message-returned")
    page = console.open("/incoming?kind=delivery-report", tenant_id=returned.tenant, language="de")
    expect(page.get_by_role("heading", level=1)).to_have_text("Zurückgekommene Mail")
    expect(page.get_by_role("row")).to_have_count(2)


def test_who_may_not_see_contents_sees_none(console: ConsoleRig, returned: Returned) -> None:
    who = Actor(returned.tenant, frozenset({Scope.READ}))
    assert returned.engine.reports.timeline(who, returned.sent).result(_WAIT).events[-1].kind is EventKind.REPLIED
    page = console.open(f"/incoming/{returned.answer}", as_="reader", tenant_id=returned.tenant)
    expect(page.get_by_role("heading", name="What it is about")).to_be_visible()
    expect(page.get_by_text("Thanks, it came.")).to_have_count(0)
