"""What recipients chose is respected in the acceptance itself; a digest takes its mails' place at once or not at all.

Promises P2 and P3 for digests: nothing that waits for one is lost, and nothing goes twice, whoever is faster.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from postroom.clock import now_ms
from postroom.compose.reading import body_of, read_parts
from postroom.errors import BadInput, Conflict, Forbidden, NotFound
from postroom.ids import decode
from postroom.intake.placement import NoPlacement
from postroom.maillog import MailLog
from postroom.model.application import Actor, Scope
from postroom.model.kind import Way
from postroom.model.message import Draft, DraftAttachment
from postroom.model.preference import Suppression, Why
from postroom.model.state import State
from postroom.model.tenant import INSTALLATION
from postroom.office import Office
from postroom.outbox import Outbox, Receipt
from postroom.outbox.digests import Digests
from postroom.store.database import Store
from postroom.store.transmission import Settlement
from tests.store.hot import Hot, move
from tests.store.house import ADMIN, DAY_MS, House, plans_of

NEWS = "news"


class Post:
    """A house whose mail would leave: an account, a sender, three kinds, and recipients who may choose."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.office: Office = house.office
        self.outbox = Outbox(house.store, house.office, house.settings, MailLog(None), NoPlacement())
        self.digests = Digests(house.store, house.office, self.outbox, MailLog(None), largest=10_000_000)
        house.office.change_tenant(ADMIN, {"mode": "smtp", "recipients_choose": True}).result()
        house.account("main", user="shop@example.com", login="none")
        house.office.create_sender(ADMIN, {"address": "Shop <shop@example.com>"}).result()
        for values in (
            {"name": NEWS, "title": "News", "title_de": "Neues", "way": "daily"},
            {"name": "alerts", "title": "Alerts"},
            {"name": "security", "title": "Security", "mandatory": True},
        ):
            house.office.create_kind(ADMIN, values).result()

    def send(self, *to: str, kind: str = NEWS, **values: Any) -> Receipt:
        given = {"subject": "S", "text": "T", **values}
        return self.outbox.send(ADMIN, Draft(to=to or ("ann@example.org",), kind=kind, **given)).result()

    def choose(self, address: str = "ann@example.org", **values: Any) -> None:
        self.office.change_preference(ADMIN, address, values).result()

    def make_due(self) -> None:
        self.house.sql("UPDATE collected SET due_ms = 1")

    def run(self) -> None:
        while asyncio.run(self.digests.send_due()):
            pass

    def events(self, receipt: Receipt) -> list[str]:
        rows = self.house.sql("SELECT kind FROM event WHERE message_id = :id ORDER BY id", id=receipt.message_id)
        return [row.kind for row in rows]

    def count(self, table: str) -> int:
        return int(self.house.sql(f"SELECT count(*) AS n FROM {table}")[0].n)

    def made(self) -> list[int]:
        """The digests there are."""
        rows = self.house.sql("SELECT id FROM message WHERE tags = '[\"digest\"]' ORDER BY id")
        return [row.id for row in rows]

    def content(self, number: int) -> bytes:
        return bytes(self.house.sql("SELECT body FROM content WHERE message_id = :id", id=number)[0].body)


@pytest.fixture
def post(house: House) -> Post:
    return Post(house)


# -- accepting --------------------------------------------------------------------------------------------------------


def test_each_recipient_gets_it_as_he_chose(post: Post) -> None:
    post.choose("none@example.org", ways={NEWS: "none"})
    post.choose("Now@example.org", ways={"News": "at-once"})
    post.office.suppress(ADMIN, {"address": "Gone@example.org", "why": "no-mailbox", "note": "550 no"}).result()
    receipt = post.send("now@example.org", "usual@example.org", "none@example.org", "gone@example.org")
    assert [(one.state, one.explanation) for one in receipt.recipients] == [
        ("queued", ""), ("collected", "digest"), ("cancelled", "declined"), ("failed", "suppressed"),
    ]  # fmt: skip
    assert post.house.states(receipt.message_id) == ["queued", "collected", "cancelled", "failed"]
    assert post.events(receipt) == ["accepted", "collected", "declined", "suppressed"]
    due = receipt.recipients[1].due_ms
    assert due is not None
    assert now_ms() < due < now_ms() + DAY_MS + 1
    told = post.house.reports.timeline(ADMIN, receipt.message_id).result()
    assert [event.detail.get("suppressed") for event in told.events][-1] == "no-mailbox"


def test_security_mail_passes_whatever_he_chose_and_wherever_he_is_listed(post: Post) -> None:
    post.office.suppress(ADMIN, {"address": "ann@example.org"}).result()
    assert post.send(kind="security").state == "queued"
    assert post.send(kind=NEWS).state == "failed"
    assert post.send(kind="").state == "failed"
    assert post.send(kind="", secret=True).state == "queued"


def test_mail_that_leaves_on_a_persons_word_or_stays_here_is_nobodys_choice(post: Post) -> None:
    post.choose(ways={NEWS: "none"})
    assert post.send(hold=True).state == "held"
    post.office.change_tenant(ADMIN, {"mode": "silent"}).result()
    assert post.send().state == "silenced"


def test_a_mail_that_waits_for_its_digest_is_released_or_cancelled_by_hand(post: Post) -> None:
    one, two = post.send(), post.send()
    assert post.outbox.release(ADMIN, one.message_id).result().state == "queued"
    assert post.outbox.cancel(ADMIN, two.message_id).result().state == "cancelled"
    post.make_due()
    post.run()
    assert (post.made(), post.count("collected")) == ([], 0)


def test_a_kind_is_inherited_and_an_own_one_goes_before_it(post: Post) -> None:
    tenant = post.house.tenant("acme")
    snapshot = post.office.snapshot
    assert [one.name for one in snapshot.kinds_of(tenant.tenant_id)] == [NEWS, "alerts", "security"]
    post.office.create_kind(tenant, {"name": "NEWS", "way": "none"}).result()
    own = post.office.snapshot.kind_named(tenant.tenant_id, "News")
    assert own is not None
    assert own.way is Way.NONE
    assert len(post.office.snapshot.kinds_of(tenant.tenant_id)) == 3


# -- changing one's mind ----------------------------------------------------------------------------------------------


def test_what_waits_follows_when_he_changes_his_mind(post: Post) -> None:
    news, other = post.send(), post.send("bob@example.org")
    post.choose(ways={NEWS: "none"})
    assert post.house.states(news.message_id) == ["cancelled"]
    assert post.events(news)[-1] == "declined"
    assert post.house.states(other.message_id) == ["collected"]
    post.choose("bob@example.org", ways={NEWS: "at-once"})
    post.run()
    assert post.house.states(other.message_id) == ["digested"]


def test_a_choice_is_checked_whole(post: Post) -> None:
    with pytest.raises(BadInput) as caught:
        post.choose(ways={"security": "none", "letters": "daily", NEWS: "yearly"}, hour=24, time_zone="Mars", x=1)
    assert {fault.field for fault in caught.value.faults} == {"ways.security", "ways", "ways.news", "hour",
                                                              "time_zone", "x"}  # fmt: skip
    assert post.count("preference") == 0
    with pytest.raises(NotFound):
        post.choose("not an address", hour=1)
    with pytest.raises(Forbidden):
        post.office.preference(Actor(INSTALLATION, frozenset({Scope.SEND})), "ann@example.org")


def test_without_the_switch_nothing_is_chosen(post: Post) -> None:
    post.office.change_tenant(ADMIN, {"recipients_choose": False}).result()
    with pytest.raises(BadInput):
        post.choose(ways={NEWS: "weekly"})


# -- suppressing ------------------------------------------------------------------------------------------------------


def test_a_list_is_taken_whole_or_not_at_all_and_written_as_it_is_read(post: Post) -> None:
    text = "address,why,note\nAnn@Example.org,complaint,'=note\n\nbob@example.org,,\n"
    assert post.office.import_suppressions(ADMIN, text).result() == 2
    found = post.office.suppressions(ADMIN).result()
    assert [(one.address, one.why, one.note, one.source) for one in found] == [
        ("ann@example.org", Why.COMPLAINT, "=note", "import"), ("bob@example.org", Why.BY_HAND, "", "import"),
    ]  # fmt: skip
    with pytest.raises(BadInput) as caught:
        post.office.import_suppressions(ADMIN, "address,why\ncid@example.org,\nnobody,\ndan@example.org,odd\n").result()
    assert [fault.field for fault in caught.value.faults] == ["csv (line 3).address", "csv (line 4).why"]
    assert len(post.office.suppressions(ADMIN).result()) == 2
    post.office.release_suppressed(ADMIN, "ANN@example.org").result()
    with pytest.raises(NotFound):
        post.office.release_suppressed(ADMIN, "ann@example.org").result()


def test_one_tenants_list_is_no_other_ones(post: Post) -> None:
    one = post.house.tenant("one")
    post.office.suppress(one, {"address": "ann@example.org"}).result()
    assert post.office.suppressions(ADMIN).result() == []
    assert post.send(kind="").state == "queued"


def test_a_mailbox_that_does_not_exist_is_listed_with_its_settlement(post: Post) -> None:
    hot = Hot(post.house)
    fence = hot.lane()
    number = hot.accept("x@test", state=State.SENDING, fence=fence)
    row = Suppression(INSTALLATION, "x@test", Why.NO_MAILBOX, "delivery", "550 5.1.1", 1, now_ms() + DAY_MS, number)
    hot.submit("settle", Settlement([move(number, fence, State.FAILED)], [], None, None, [row, row]))
    (found,) = post.office.suppressions(ADMIN).result()
    assert (found.address, found.why, found.message_id) == ("x@test", Why.NO_MAILBOX, number)
    by_hand = post.office.suppress(ADMIN, {"address": "x@test", "note": "mine"}).result()
    fence = hot.lane()
    number = hot.accept("x@test", state=State.SENDING, fence=fence)
    hot.submit("settle", Settlement([move(number, fence, State.FAILED)], [], None, None, [row]))
    assert post.office.suppressions(ADMIN).result() == [by_hand]


# -- digests ----------------------------------------------------------------------------------------------------------


def test_waiting_mails_become_one_which_is_read_as_they_were(post: Post) -> None:
    post.choose(language="de", time_zone="Europe/Prague")
    one = post.send(subject="First", html="<p>Hello <b>Ann</b><script>x</script></p>", text=None)
    two = post.send(subject="Second", text="Plain & simple")
    post.run()
    assert post.made() == []
    post.make_due()
    post.run()
    (number,) = post.made()
    assert post.house.states(one.message_id) == post.house.states(two.message_id) == ["digested"]
    assert post.house.states(number) == ["queued"]
    detail = post.house.reports.timeline(ADMIN, one.message_id).result().events[-1].detail
    assert decode("m", str(detail["digest"])) == number
    parts = read_parts(post.content(number))
    assert parts[0].shown("subject") == "2 Nachrichten für Sie: Neues"
    text, html = body_of(parts), body_of(parts, "text/html")
    assert text is not None
    assert html is not None
    assert text.text().index("Second") < text.text().index("First")
    assert "Hello Ann" in text.text()
    assert "<p>Hello <b>Ann</b></p>" in html.text()
    assert "Plain &amp; simple" in html.text()
    assert "<script" not in html.text()
    post.run()
    assert post.made() == [number]
    assert post.count("collected") == 0


def test_a_no_between_acceptance_and_digest_is_heard(post: Post) -> None:
    """Another node may accept a mail while its recipient says no: the digest looks once more."""
    other = post.office.create_kind(ADMIN, {"name": "tasks", "way": "daily"}).result()
    unwanted, wanted = post.send(), post.send(kind=other.name)
    values = {"id": INSTALLATION, "ways": '{"news": "none"}'}
    post.house.sql("INSERT INTO preference (tenant_id, address, ways) VALUES (:id, 'ann@example.org', :ways)", **values)
    post.make_due()
    post.run()
    assert post.house.states(unwanted.message_id) == ["cancelled"]
    assert post.events(unwanted)[-1] == "declined"
    assert post.house.states(wanted.message_id) == ["digested"]


def test_two_who_gather_the_same_mails_make_one_digest(post: Post) -> None:
    receipts = [post.send() for _ in range(3)]
    keys = [(one.message_id, 0) for one in receipts]
    draft = Draft(to=("ann@example.org",), subject="D", text="D", tags=("digest",))
    asked = [post.outbox.send_digest(INSTALLATION, draft, keys, (NEWS,)) for _ in range(3)]
    answers = [future.exception() for future in asked]
    assert [isinstance(one, Conflict) for one in answers].count(True) == 2
    assert len(post.made()) == 1
    assert all(post.events(one) == ["accepted", "collected", "digested"] for one in receipts)


def test_a_digest_whose_mail_was_cancelled_meanwhile_is_not_sent(post: Post) -> None:
    one, two = post.send(), post.send()
    post.outbox.cancel(ADMIN, two.message_id).result()
    draft = Draft(to=("ann@example.org",), subject="D", text="D", tags=("digest",))
    keys = [(one.message_id, 0), (two.message_id, 0)]
    with pytest.raises(Conflict):
        post.outbox.send_digest(INSTALLATION, draft, keys, (NEWS,)).result()
    assert post.made() == []
    assert post.house.states(one.message_id) == ["collected"]


def test_what_can_not_go_into_a_digest_leaves_by_itself(post: Post) -> None:
    large = post.send(text="x" * 6_000_000)
    gone, small = post.send(), post.send()
    post.house.sql("DELETE FROM content WHERE message_id = :id", id=gone.message_id)
    post.make_due()
    post.run()
    states = [post.house.states(one.message_id) for one in (large, gone, small)]
    assert states == [["queued"], ["queued"], ["digested"]]


def test_a_tenant_that_can_not_send_keeps_what_waits(post: Post) -> None:
    tenant = post.house.tenant("acme")
    post.office.change_tenant(tenant, {"mode": "smtp"}).result()
    post.house.account("own", tenant, user="acme@example.com", login="none")
    receipt = post.outbox.send(tenant, Draft(to=("ann@example.org",), kind=NEWS, subject="S", text="T")).result()
    assert receipt.state in ("collected", "held")
    post.office.change_tenant(ADMIN, {"suspended": True}, tenant.tenant_id).result()
    post.make_due()
    post.run()
    assert post.house.states(receipt.message_id) == [receipt.state]


def test_attachments_are_kept_or_linked_as_the_kind_says(post: Post) -> None:
    attached = (DraftAttachment("a.txt", b"octets", "text/plain"),)
    post.send(attachments=attached)
    post.make_due()
    post.run()
    (number,) = post.made()
    assert [part.octets() for part in read_parts(post.content(number)) if part.filename == "a.txt"] == [b"octets"]


def test_a_tenant_without_kinds_asks_nothing(house: House) -> None:
    """The hot path pays a look into a dictionary: no question about recipients reaches the database."""
    outbox = Outbox(house.store, house.office, house.settings, MailLog(None), NoPlacement())
    with plans_of(house) as plans:
        outbox.send(ADMIN, Draft(to=("ann@example.org",), kind="anything", subject="S", text="T")).result()
    assert not [plan for plan in plans if "preference" in plan or "suppression" in plan]


def test_a_no_that_was_committed_holds_for_the_next_mail_of_any_process(post: Post) -> None:
    if post.house.store.sqlite:  # one process owns a file
        return
    other = Store(post.house.store.url)
    try:
        outbox = Outbox(other, post.office, post.house.settings, MailLog(None), NoPlacement())
        post.choose(ways={NEWS: "none"})
        receipt = outbox.send(ADMIN, Draft(to=("ann@example.org",), kind=NEWS, subject="S", text="T")).result()
        assert receipt.state == "cancelled"
    finally:
        other.close()
