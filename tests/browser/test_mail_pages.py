"""The mailing log, a message, the silent mailbox and the queue in a real browser, with and without script.

What mail says is hostile here: nothing in it runs, and no request leaves the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.ids import encode
from postroom.model.application import Actor, Scope
from postroom.model.event import EventKind
from postroom.model.message import Draft, DraftAttachment
from postroom.model.state import WAITING, State
from postroom.store import tables
from tests.browser.rig import ConsoleRig

_WAIT = 60
_PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c63f8cfc0f01f0005000156a1f0be0000000049454e44ae426082"
)
_HOSTILE = """
<h1>Your invoice</h1><p>Hello, here is <b>your invoice</b>.</p><img src="cid:logo" alt="logo">
<script>document.title = 'owned'; fetch('OUTSIDE/script')</script>
<script src="OUTSIDE/x.js"></script>
<link rel="stylesheet" href="OUTSIDE/x.css"><link rel="dns-prefetch" href="OUTSIDE">
<meta http-equiv="refresh" content="0; url=OUTSIDE/refresh"><base href="OUTSIDE/">
<img src="OUTSIDE/track.gif" onerror="document.title='owned'"><img src=x onerror="parent.document.title='owned'">
<svg onload="document.title='owned'"><image href="OUTSIDE/svg.png"/></svg>
<style>@import url(OUTSIDE/i.css); body { background: url(OUTSIDE/bg.png) }
@font-face { font-family: x; src: url(OUTSIDE/f.woff) } p { font-family: x }</style>
<iframe src="OUTSIDE/frame"></iframe><object data="OUTSIDE/o"></object><embed src="OUTSIDE/e">
<video src="OUTSIDE/v" autoplay poster="OUTSIDE/p.png"></video><audio src="OUTSIDE/a" autoplay></audio>
<form action="OUTSIDE/form" target="_top">
<input name="x" value="1" autofocus onfocus="document.title='owned'"></form>
<a href="javascript:document.title='owned'" id="bad">click</a>
<a href="OUTSIDE/link" target="_top" id="away">away</a>
<p style="position:fixed;inset:0;background:url(OUTSIDE/inline.png)"></p>
"""


class Post:
    """A tenant of its own with mail in every state."""

    def __init__(self, console: ConsoleRig, name: str = "Northwind Post") -> None:
        self.console, self.engine = console, console.api.engine
        boss = console.api._actor
        self.tenant = self.engine.office.create_tenant(boss, name).result(_WAIT).id
        self.actor = Actor(self.tenant, frozenset({Scope.ADMIN}), name="Ada")
        values = {
            "name": "Microsoft 365",
            "host": "smtp.example.com",
            "sender_address": "news@example.com",
            "limits": {"per_minute": 30},
        }
        self.account = self.engine.office.create_account(self.actor, values).result(_WAIT).account.id
        self.shop = self.engine.office.create_application(self.actor, "Shop").result(_WAIT).id

    def send(self, subject: str, **values: object) -> int:
        draft = Draft(to=("ann@customer.example",), sender="news@example.com", subject=subject, **values)  # type: ignore[arg-type]
        return self.engine.outbox.send(self.actor, draft).result(_WAIT).message_id

    def put(self, subject: str, *to: tuple[str, State], **more: object) -> int:
        """A message in the log as a delivery would have left it."""
        number, moment = self.engine.store.ids.next(), now_ms()
        row = {
            "id": number, "tenant_id": self.tenant, "created_ms": moment, "application_id": self.shop,
            "sender": "news@example.com", "mail_from": "news@example.com", "subject": subject,
            "message_id": f"{number}@example.com", "size": 4_200, **more,
        }  # fmt: skip
        rows = [
            {
                "message_id": number, "n": n, "tenant_id": self.tenant, "address": address, "state": state.value,
                "account_id": self.account, "due_ms": moment + 3_600_000 if state in WAITING else None,
                "lease": 7 if state is State.SENDING else None, "updated_ms": moment, "attempts": 1,
                "reply": _REPLIES.get(state, ""), "diagnosis": "no-such-mailbox" if state is State.FAILED else "",
            }
            for n, (address, state) in enumerate(to)
        ]  # fmt: skip

        def write(connection: Connection) -> None:
            connection.execute(tables.message.insert().values(**row))
            connection.execute(tables.recipient.insert(), rows)
            body = b"Subject: kept\r\n\r\nkept\r\n"
            connection.execute(tables.content.insert().values(message_id=number, tenant_id=self.tenant, body=body))
            for place, kind in enumerate((EventKind.ACCEPTED, EventKind.SENDING)):
                connection.execute(tables.event.insert().values(
                    message_id=number, id=number + place + 1, tenant_id=self.tenant, at_ms=moment + place,
                    kind=kind.value, n=None, detail="{}",
                ))  # fmt: skip
            connection.execute(tables.attempt.insert().values(
                message_id=number, id=number + 9, tenant_id=self.tenant, recipients="0", account_id=self.account,
                courier="smtp", started_ms=moment, ended_ms=moment + 840, phase="rcpt", reply="",
                conversation="C: MAIL FROM:<news@example.com>\nS: 250 2.1.0 OK\nC: RCPT TO:<bob@customer.example>\n"
                "S: 550 5.1.1 <bob@customer.example>: Recipient address rejected",
            ))  # fmt: skip

        self.engine.store.write(write).result(_WAIT)
        return number


_REPLIES = {
    State.FAILED: "550 5.1.1 <bob@customer.example>: Recipient address rejected: User unknown",
    State.DEFERRED: "451 4.7.1 Please try again later",
    State.SENT: "250 2.0.0 Ok: queued as 4F2A",
}


@pytest.fixture(scope="module")
def filled(console_rig: ConsoleRig) -> Post:
    return Post(console_rig)


@pytest.fixture
def post(console: ConsoleRig, filled: Post) -> Post:
    """With a browser at hand."""
    assert filled.console is console
    return filled


class Outside(ThreadingHTTPServer):
    """Another server, and what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]  # it is ours
        self.send_error(404)

    do_POST = do_HEAD = do_OPTIONS = do_GET  # noqa: N815  (the names that the library looks for)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def outside() -> Iterator[Outside]:
    server = Outside()
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def opened(post: Post, path: str, as_: str = "administrator", **options: object) -> Page:
    return post.console.open(path, as_, post.tenant, **options)  # type: ignore[arg-type]


def test_empty_pages_say_what_to_do(console: ConsoleRig) -> None:
    boss = console.api._actor
    empty = console.api.engine.office.create_tenant(boss, "Nobody yet").result(_WAIT).id
    for path, said in (("/log", "No mail yet"), ("/silent", "Nothing is kept here"), ("/queue", "No accounts yet")):
        page = console.open(path, tenant_id=empty)
        expect(page.locator("main h2").first).to_have_text(said)
        console.looks_right(page, f"empty{path.replace('/', '-')}")


def test_the_log_is_searched_and_acted_upon_without_script(console: ConsoleRig, post: Post) -> None:
    post.put("Rechnung Änderung 4711", ("bob@customer.example", State.FAILED))
    for n in range(3):
        post.put(f"Monday newsletter {n}", (f"reader{n}@customer.example", State.QUEUED), kind="news")
    page = opened(post, "/log", script=False)
    page.get_by_label("Search").fill("anderung")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("row")).to_have_count(2)
    expect(page.get_by_role("row").last).to_contain_text("User unknown")
    page.goto(f"{console.url}/log?text=monday")
    for box in page.get_by_role("checkbox", name="Choose").all()[:2]:
        box.check()
    page.get_by_role("button", name="Hold").click()
    expect(page.get_by_text("2 messages are chosen.")).to_be_visible()
    page.get_by_role("button", name="Hold").click()
    expect(page.get_by_role("status")).to_contain_text("2 messages are held.")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).to_contain_text("2 messages are released.")


def test_everything_that_is_found_is_a_job_counted_watched_and_undone(console: ConsoleRig, post: Post) -> None:
    """It says first how many there are, what it could not be done to and why, and takes exactly that back."""
    mail = [post.put(f"Mass mail {n}", (f"m{n}@customer.example", State.DEFERRED), kind="mass") for n in range(4)]
    post.put("Mass mail that has left", ("gone@customer.example", State.SENT), kind="mass")
    page = opened(post, "/log?kind=mass")
    page.get_by_label("all that the filters find").check()
    page.get_by_role("button", name="Hold").click()
    expect(page.get_by_text("5 messages are found.")).to_be_visible()
    console.looks_right(page, "job-sure")
    page.get_by_role("button", name="Hold").click()
    expect(page.get_by_role("status")).to_contain_text("4 messages are done. One could not be.")
    expect(page.get_by_role("row", name="Mass mail that has left")).to_contain_text("sent")
    console.looks_right(page, "job")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("It takes back what this job did.")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("4 messages are done.")
    reports = post.engine.reports
    states = [reports.message(post.actor, number).result(_WAIT).recipients[0].state for number in mail]
    assert set(states) == {State.QUEUED}
    page.goto(f"{console.url}/jobs")
    expect(page.get_by_role("row", name="Hold messages")).to_contain_text("Kind: mass")
    console.looks_right(page, "jobs")
    assert opened(post, "/log?kind=mass", as_="reader").get_by_role("button", name="Hold").count() == 0


def test_a_search_is_kept_shared_and_deleted(console: ConsoleRig, post: Post) -> None:
    """It is a chip above the log, for oneself or for everybody of the tenant; without script."""
    page = opened(post, "/log?text=monday&since=2026-01-01", script=False)
    page.get_by_text("Keep this search").click()
    page.get_by_label("Name").fill("Mondays")
    page.get_by_label("for everybody of the tenant").check()
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("The search is kept.")
    chip = page.get_by_role("navigation", name="Kept searches").get_by_role("link", name="Mondays")
    expect(chip).to_have_attribute("aria-current", "true")
    page.goto(f"{console.url}/log")
    console.looks_right(opened(post, "/log?text=other"), "log-chips")
    chip.click()
    expect(page.get_by_role("searchbox")).to_have_value("monday")
    assert "since=2026-01-01" in page.url
    reader = opened(post, "/filters", as_="reader")
    expect(reader.get_by_role("row", name="Mondays")).to_contain_text("Everybody of the tenant")
    assert reader.get_by_role("button", name="Delete").count() == 0
    console.looks_right(opened(post, "/filters"), "filters")
    page.goto(f"{console.url}/filters")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status")).to_contain_text("The search is deleted.")


def test_a_wrong_day_is_told_at_its_field(post: Post) -> None:
    page = opened(post, "/log?since=tomorrow", script=False)
    expect(page.get_by_role("alert")).to_contain_text("is no day")


def test_the_log_follows_what_comes_and_looks_right(console: ConsoleRig, post: Post) -> None:
    post.put("Welcome aboard", ("eve@customer.example", State.SENT), ("carl@customer.example", State.SENT))
    post.put("Ticket 77 was answered", ("dora@customer.example", State.DEFERRED), tags='["tickets", "vip"]')
    post.put("Payment reminder", ("finn@customer.example", State.UNKNOWN))
    page = opened(post, "/log")
    number = post.put("It came a moment ago", ("ann@customer.example", State.SENDING))
    expect(page.get_by_role("link", name="It came a moment ago")).to_be_visible()
    console.looks_right(page, "log")
    page.goto(f"{console.url}/log/{encode('m', number)}")
    expect(page.get_by_role("heading", level=1)).to_have_text("It came a moment ago")


def test_a_failed_message_says_why_and_what_to_do(console: ConsoleRig, post: Post) -> None:
    number = post.put(
        "Your order is on its way", ("bob@customer.example", State.FAILED), ("ann@customer.example", State.SENT)
    )
    page = opened(post, f"/log/{encode('m', number)}")
    expect(page.get_by_text("What to do:")).to_be_visible()
    expect(page.get_by_text("Recipient address rejected").first).to_be_visible()
    console.looks_right(page, "message")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download all of it for a help desk").click()
    assert download.value.suggested_filename == f"evidence-{encode('m', number)}.zip"
    german = opened(post, f"/log/{encode('m', number)}", language="de")
    expect(german.get_by_text("Was zu tun ist:")).to_be_visible()
    page.goto(f"{console.url}/log/{encode('m', number)}/why")
    expect(page.get_by_role("table")).to_contain_text("This is the From address that recipients see.")
    console.looks_right(page, "message-why")
    german.goto(f"{console.url}/log/{encode('m', number)}/why")
    expect(german.get_by_role("row", name="Absender").first).to_contain_text("Das ist die Absenderadresse")
    expect(german.get_by_role("row", name="Modus")).to_contain_text("die Installation")


def test_hostile_mail_runs_nothing_and_reaches_nobody(console: ConsoleRig, post: Post, outside: Outside) -> None:
    """Not in the frame, not in headers, names of files or subjects; and not when something in it is clicked."""
    number = post.send(
        "<script>document.title='owned'</script> Invoice\u202e",
        text="Hello,\n<b>plain</b> as it is.",
        html=_HOSTILE.replace("OUTSIDE", outside.url),
        headers=(("X-Note", "\"><img src=x onerror=document.title='owned'>"),),
        attachments=(
            DraftAttachment("logo.png", _PIXEL, "image/png", content_id="logo", inline=True),
            DraftAttachment("<img src=x onerror=alert(1)>.html", b"<script>alert(1)</script>", "text/html"),
        ),
    )
    context = console.context("administrator", post.tenant)
    page = context.new_page()
    page.goto(f"{console.url}/log/{encode('m', number)}/content")
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", name="Your invoice")).to_be_visible()
    expect(frame.get_by_alt_text("logo")).to_have_js_property("naturalWidth", 1)
    for name in ("#bad", "#away"):
        frame.locator(name).dispatch_event("click")
    expect(page.get_by_role("link", name="onerror=alert(1)")).to_be_visible()
    with page.expect_download() as got:
        page.get_by_role("link", name="onerror=alert(1)").click()
    assert "<" not in got.value.suggested_filename
    console.looks_right(page, "message-content")
    for view in ("", "/content?as=text", "/headers", "/source"):
        page.goto(f"{console.url}/log/{encode('m', number)}{view}")
        assert "owned" not in page.title() or page.title().startswith("<script>")
        assert page.locator("main script, main [onerror]").count() == 0
    console.looks_right(page, "message-source")
    assert outside.asked == []
    answer = page.request.get(f"{console.url}/log/{encode('m', number)}/frame")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_the_silent_mailbox_is_read_and_released(console: ConsoleRig, post: Post) -> None:
    post.send("Kept for you", text="Dear Ann,\n\nthis is only a rehearsal.\n\nNorthwind", kind="news")
    post.send("Second letter", text="short", html="<p>Short, but <b>bold</b>.</p>")
    page = opened(post, "/silent")
    console.looks_right(page, "silent")
    page.get_by_role("link", name="Kept for you").click()
    expect(page.get_by_text("this is only a rehearsal")).to_be_visible()
    console.looks_right(page, "silent-mail")
    page.get_by_role("button", name="Release", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("on its way")
    page.goto(f"{console.url}/silent")
    page.get_by_role("button", name="Release all").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Release all?")
    page.get_by_role("button", name="Release all").click()
    expect(page.get_by_role("status")).to_contain_text("done")
    expect(page.get_by_role("heading", level=1)).to_have_text("Release messages")


def test_on_a_telephone_one_pane_is_seen_at_a_time(post: Post) -> None:
    post.send("On the telephone", text="Small.")
    page = opened(post, "/silent", width=360)
    page.get_by_role("link", name="On the telephone").click()
    expect(page.get_by_text("Small.")).to_be_visible()
    expect(page.get_by_role("searchbox")).to_be_hidden()
    page.get_by_role("link", name="Back to the list").click()
    expect(page.get_by_role("searchbox")).to_be_visible()


def test_the_queue_shows_what_waits_and_can_be_paused(console: ConsoleRig, post: Post) -> None:
    post.put("Waits", ("ann@customer.example", State.DEFERRED))
    page = opened(post, "/queue")
    expect(page.get_by_role("row", name="Microsoft 365")).to_contain_text("30 a minute")
    console.looks_right(page, "queue")
    page.get_by_role("button", name="Try now").click()
    expect(page.get_by_role("status")).to_contain_text("done")
    expect(page.get_by_text("Microsoft 365")).to_be_visible()
    page.goto(f"{console.url}/queue")
    page.get_by_role("button", name="Pause").click()
    page.get_by_label("Why").fill("The password changes today.")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("row", name="Microsoft 365")).to_contain_text("The password changes today.")
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("status")).to_contain_text("sends again")


def test_who_may_not_see_contents_sees_none(console: ConsoleRig, post: Post) -> None:
    """And who may not act is shown no button; another tenant's message is not there."""
    number = post.send("Between us", text="the secret word")
    here = f"/log/{encode('m', number)}"
    page = opened(post, here, as_="reader")
    expect(page.get_by_role("heading", level=1)).to_have_text("Between us")
    assert page.get_by_role("button", name="Release").count() == 0
    assert page.get_by_role("link", name="Source").count() == 0
    for view in ("content", "headers", "source", "frame", "file/eml"):
        answer = page.request.get(f"{console.url}{here}/{view}")
        assert (answer.status, "the secret word" in answer.text()) == (403, False), view
    page.goto(f"{console.url}/silent?message={encode('m', number)}")
    expect(page.get_by_text("needs the right to see contents")).to_be_visible()
    stranger = console.context("administrator", console.api.engine.office.create_tenant(
        console.api._actor, "Strangers").result(_WAIT).id)  # fmt: skip
    for view in ("", "/content", "/frame", "/source"):
        assert stranger.new_page().request.get(f"{console.url}{here}{view}").status == 404, view


def test_the_log_is_gone_through_by_keyboard(console: ConsoleRig, post: Post) -> None:
    """j and k move the focus from row to row, x chooses, / searches, Enter opens; with the focus in the list only."""
    for n in range(3):
        post.put(f"By keyboard {n}", ("ann@customer.example", State.SENT), kind="keys")
    page = opened(post, "/log?kind=keys")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="By keyboard 2")).not_to_be_focused()
    page.get_by_role("region", name="Messages").focus()
    for keys, subject in (("j", "By keyboard 2"), ("jj", "By keyboard 0"), ("k", "By keyboard 1")):
        for key in keys:
            page.keyboard.press(key)
        expect(page.get_by_role("link", name=subject)).to_be_focused()
    page.keyboard.press("x")
    expect(page.get_by_role("checkbox", name="By keyboard 1")).to_be_checked()
    console.looks_right(page, "log-keys")
    page.keyboard.press("/")
    page.keyboard.type("jkx/")
    expect(page.get_by_role("searchbox")).to_have_value("jkx/")
    page.get_by_role("link", name="By keyboard 1").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("By keyboard 1")


def test_pages_hear_of_news_by_a_stream(console: ConsoleRig, post: Post) -> None:
    """The log shows what came long before it would ask by itself."""
    page = opened(post, "/log")
    with page.expect_response(lambda answer: answer.url.endswith("/live")) as heard:
        page.reload()
    assert heard.value.headers["content-type"].startswith("text/event-stream")
    page.evaluate("document.querySelector('#rows').dataset.live = '3600'")
    post.put("Brought by the stream", ("ann@customer.example", State.SENDING))
    expect(page.get_by_role("link", name="Brought by the stream")).to_be_visible()
