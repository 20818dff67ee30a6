"""A report that is proven is acted upon; one that may be forged changes nothing but the timeline.

Proven is what came to the return path that we signed for one recipient. Everything that a forger could write without
having seen it is tried here.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from postroom.clock import now_ms
from postroom.compose.message_id import message_id
from postroom.model.account import AddressTag
from postroom.model.application import Actor
from postroom.model.event import Event, EventKind
from postroom.model.incoming import IncomingKind
from postroom.model.kind import Way
from postroom.model.preference import SUPPRESSED_MS, Suppression, Why
from postroom.model.state import State
from postroom.model.tenant import INSTALLATION
from postroom.outbox.inbox import Inbox, Taken
from postroom.policy.address_tag import BOUNCE, REPLY, Tag, make_tag
from tests.store.house import ADMIN, DAY_MS, House, tenant_admin
from tests.unit.receive.incoming_mail import LETTER, dsn, mail, report

FAILED = "Final-Recipient: rfc822; {}\nAction: failed\nStatus: {}\nDiagnostic-Code: smtp; {}"
NO_USER = ("5.1.1", "550 5.1.1 User unknown")
FULL = ("5.2.2", "552 5.2.2 Mailbox full")


class Desk:
    """A tenant that wants mailboxes suppressed which do not exist, and what it sent to Bob and Ann."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.inbox = Inbox(house.store, house.office)
        house.office.change_tenant(ADMIN, {"suppress_unknown": True}).result()
        self.number, self.own = self.sent("bob@y.org", "ann@y.org")

    def sent(self, *to: str, days_ago: int = 0, **more: object) -> tuple[int, str]:
        at = now_ms() - days_ago * DAY_MS
        rows = ((address, State.SENT, {"updated_ms": at}) for address in to)
        number = self.house.mail(*rows, at_ms=at if days_ago else None, **more)
        own = message_id(number, "example.com", mark="k1")
        self.house.sql("UPDATE message SET message_id = :own WHERE id = :id", own=own, id=number)
        return number, own

    def path(self, n: int = 0, number: int | None = None, tenant_id: int = INSTALLATION) -> str:
        """The return path that a recipient's mail was sent with."""
        tagging = self.house.office.tagging
        return tagging.return_path(tenant_id, number or self.number, n, "post@x.org", AddressTag.PLUS)

    def bounce(self, to: str, about: str = "bob@y.org", answer: tuple[str, str] = NO_USER, own: str = "") -> Taken:
        """Taken, as it came to this address."""
        content = dsn(FAILED.format(about, *answer), gives_back=LETTER.replace("m1@x.org", own or self.own), To=to)
        return self.inbox.take(ADMIN, content).result()

    def events(self, number: int | None = None) -> list[Event]:
        """Of a message of whatever tenant."""
        number = number or self.number
        ((tenant_id,),) = self.house.sql("SELECT tenant_id FROM message WHERE id = :id", id=number)
        events = self.house.reports.timeline(ADMIN, number, tenant_id).result().events
        return [one for one in events if one.kind is not EventKind.ACCEPTED]

    def suppressed(self) -> list[Suppression]:
        return list(self.house.office.suppressions(ADMIN).result())


@pytest.fixture
def desk(house: House) -> Desk:
    return Desk(house)


def test_a_proven_bounce_of_a_mailbox_that_does_not_exist_suppresses_it(desk: Desk) -> None:
    desk.bounce(desk.path())
    (event,) = desk.events()
    assert (event.kind, event.n) == (EventKind.BOUNCED, 0)
    assert (event.detail["proven"], event.detail["suppressed"]) == (True, "no-mailbox")
    (one,) = desk.suppressed()
    assert (one.address, one.why, one.source, one.message_id) == ("bob@y.org", Why.NO_MAILBOX, "report", desk.number)
    assert one.note == "550 5.1.1 User unknown"
    assert one.expires_ms == one.created_ms + SUPPRESSED_MS
    assert desk.house.states(desk.number) == ["sent", "sent"], "that it was handed over stays true"


def test_only_where_the_tenant_wants_it(desk: Desk) -> None:
    desk.house.office.change_tenant(ADMIN, {"suppress_unknown": False}).result()
    desk.bounce(desk.path())
    assert desk.suppressed() == []
    assert desk.events()[0].detail["proven"] is True


def _altered(desk: Desk) -> str:
    """One letter of the signature differs."""
    local, _, domain = desk.path().rpartition("@")
    place = len(local) - 5
    return f"{local[:place]}{'a' if local[place] != 'a' else 'b'}{local[place + 1 :]}@{domain}"


def _of_another_tenant(desk: Desk) -> str:
    return desk.path(tenant_id=desk.house.tenant("other").tenant_id)


def _by_another_key(desk: Desk) -> str:
    return f"post+{make_tag(b'k' * 32, INSTALLATION, Tag(BOUNCE, desk.number, 0))}@x.org"


def _for_answers(desk: Desk) -> str:
    """The reply address, which every recipient of the message has read."""
    tag = desk.house.office.tagging._made(INSTALLATION, Tag(REPLY, desk.number, 0))
    return f"post+{tag}@x.org"


@pytest.mark.parametrize(
    "forged",
    [lambda _: "post@x.org", _altered, _of_another_tenant, _by_another_key, _for_answers],
    ids=["no tag", "a letter of it differs", "another tenant's", "another key's", "that for answers"],
)
def test_what_may_be_forged_is_told_and_nothing_follows(desk: Desk, forged: Callable[[Desk], str]) -> None:
    desk.bounce(forged(desk))
    assert desk.suppressed() == []
    (event,) = desk.events()
    assert (event.kind, event.n, "proven" in event.detail) == (EventKind.BOUNCED, 0, False)


def test_a_tag_speaks_for_its_own_message_only(desk: Desk) -> None:
    """Ann has a mail of ours, and with its return path reports about one that went to Bob."""
    theirs, own = desk.sent("bob@y.org")
    mine, _ = desk.sent("ann@y.org")
    desk.bounce(desk.path(0, mine), about="bob@y.org", own=own)
    assert (desk.suppressed(), desk.events(theirs)) == ([], [])
    assert [event.n for event in desk.events(mine)] == [0]


def test_a_tag_speaks_for_its_own_recipient_only(desk: Desk) -> None:
    desk.bounce(desk.path(1), about="bob@y.org")
    assert desk.suppressed() == []
    assert [event.n for event in desk.events()] == [1]


def test_a_forwarder_says_nothing_of_the_mailbox_that_forwards(desk: Desk) -> None:
    desk.bounce(desk.path(), about="bob@old.example")
    assert desk.suppressed() == []
    assert [(event.n, event.detail["proven"]) for event in desk.events()] == [(0, True)]


@pytest.mark.parametrize("answer", [FULL, ("4.4.7", "451 4.4.7 Delayed"), ("5.7.1", "550 5.7.1 Rejected as spam")])
def test_what_says_nothing_of_the_mailbox_suppresses_nobody(desk: Desk, answer: tuple[str, str]) -> None:
    desk.bounce(desk.path(), answer=answer)
    assert desk.suppressed() == []
    assert desk.events()[0].detail["proven"] is True


def test_one_that_comes_long_after_is_only_told(desk: Desk) -> None:
    number, own = desk.sent("bob@y.org", days_ago=15)
    desk.bounce(desk.path(0, number), own=own)
    assert desk.suppressed() == []
    assert len(desk.events(number)) == 1


@pytest.mark.parametrize("state", [State.QUEUED, State.HELD, State.FAILED, State.SILENCED])
def test_one_about_mail_that_did_not_leave_is_only_told(desk: Desk, state: State) -> None:
    number = desk.house.mail(("bob@y.org", state))
    desk.bounce(desk.path(0, number))
    assert desk.suppressed() == []


def test_the_same_again_changes_nothing_even_after_somebody_took_him_off(desk: Desk) -> None:
    desk.bounce(desk.path())
    desk.house.office.release_suppressed(ADMIN, "bob@y.org").result()
    assert desk.bounce(desk.path()).again
    assert desk.suppressed() == []


def test_tags_made_before_the_ring_was_rotated_still_prove(desk: Desk) -> None:
    path = desk.path()
    desk.house.ring.rotate()
    assert path != desk.path()
    desk.bounce(path)
    assert [one.address for one in desk.suppressed()] == ["bob@y.org"]


def complaint(desk: Desk, path: str, own: str = "") -> Taken:
    told = f"Feedback-Type: abuse\nVersion: 1\nOriginal-Mail-From: <{path}>"
    content = report("feedback-report", told, gives_back=LETTER.replace("m1@x.org", own or desk.own))
    return desk.inbox.take(ADMIN, content).result()


def test_who_complains_gets_no_more_of_that_kind(desk: Desk) -> None:
    desk.house.office.create_kind(ADMIN, {"name": "news"}).result()
    number, own = desk.sent("bob@y.org", "ann@y.org", kind="news")
    assert complaint(desk, desk.path(1, number), own).received.kind is IncomingKind.COMPLAINT
    assert desk.house.office.preference(ADMIN, "ann@y.org").result().preference.ways == {"news": Way.NONE}
    assert desk.suppressed() == []
    (event,) = desk.events(number)
    assert (event.kind, event.n, event.detail["stopped"]) == (EventKind.COMPLAINED, 1, "news")
    assert desk.house.office.audit(ADMIN).result().entries[0].verb == "preference.changed"


def test_who_complains_of_mail_without_a_kind_gets_nothing_more(desk: Desk) -> None:
    complaint(desk, desk.path(1))
    assert [(one.address, one.why, one.expires_ms) for one in desk.suppressed()] == [("ann@y.org", Why.COMPLAINT, None)]


@pytest.mark.parametrize("forged", [_altered, _for_answers, lambda _: "post@x.org"])
def test_a_complaint_that_may_be_forged_takes_nothing_from_anybody(desk: Desk, forged: Callable[[Desk], str]) -> None:
    complaint(desk, forged(desk))
    assert desk.suppressed() == []
    assert [event.kind for event in desk.events()] == [EventKind.COMPLAINED]


def test_a_reply_is_led_back_by_its_tag_alone(desk: Desk) -> None:
    content = mail("Yes.", From="Bob <bob@elsewhere.org>", To=_for_answers(desk))
    received = desk.inbox.take(ADMIN, content).result().received
    assert (received.kind, received.message_id, received.n) == (IncomingKind.REPLY, desk.number, 0)


def test_what_comes_to_a_return_path_and_is_no_report_is_for_a_person(desk: Desk) -> None:
    content = mail("Kaputt.", From="x@y.org", Subject="?", To=desk.path(1), Return_Path="<>", X_Loop="y")
    received = desk.inbox.take(ADMIN, content).result().received
    assert (received.kind, received.message_id, received.n) == (IncomingKind.AUTOMATIC, desk.number, 1)


# -- loops ----------------------------------------------------------------------------------------------------------


def answer_of(desk: Desk, who: str, nth: int, **more: str) -> IncomingKind:
    """What the answer to a fresh mail is taken for."""
    _, own = desk.sent(who)
    content = mail(f"{nth}", From=who, In_Reply_To=f"<{own}>", **more)
    return desk.inbox.take(ADMIN, content).result().received.kind


def test_who_answers_each_mail_at_once_is_a_program(desk: Desk) -> None:
    """Two that answer each other and say nothing of themselves: the fourth answer within minutes is not handed on."""
    kinds = [answer_of(desk, "robot@z.org", nth) for nth in range(6)]
    assert kinds == [IncomingKind.REPLY] * 3 + [IncomingKind.AUTOMATIC] * 3
    assert answer_of(desk, "person@z.org", 0) is IncomingKind.REPLY, "others are not meant"
    last = desk.inbox.list(ADMIN, kind="automatic").result()[0]
    assert "goes round" in last.why


def test_answers_of_one_batch_count_as_well(desk: Desk) -> None:
    mails = [mail(f"{n}", From="robot@z.org", In_Reply_To=f"<{desk.sent('robot@z.org')[1]}>") for n in range(5)]
    taken = [one.received.kind for one in desk.inbox.take_many(ADMIN, mails).result() if isinstance(one, Taken)]
    assert taken == [IncomingKind.REPLY] * 3 + [IncomingKind.AUTOMATIC] * 2


def test_a_person_who_answers_many_mails_that_have_gathered_is_none(desk: Desk) -> None:
    for nth in range(8):
        number, own = desk.sent("boss@z.org", days_ago=1)
        content = mail(f"Approved {nth}.", From="boss@z.org", In_Reply_To=f"<{own}>")
        assert desk.inbox.take(ADMIN, content).result().received.kind is IncomingKind.REPLY
        assert [one.kind for one in desk.events(number)] == [EventKind.REPLIED]


def test_our_own_mail_that_comes_back_is_no_answer(desk: Desk) -> None:
    content = mail("Hello Bob", From="post@x.org", Message_ID=f"<{desk.own}>", In_Reply_To=f"<{desk.own}>")
    received = desk.inbox.take(ADMIN, content).result().received
    assert (received.kind, received.message_id, received.waits) == (IncomingKind.OTHER, desk.number, False)
    assert received.why == "It is mail of this Postroom itself, which came back."
    assert desk.events() == []


def test_the_installations_mailbox_takes_what_comes_back_for_its_tenants(desk: Desk) -> None:
    """They inherit its accounts, so their bounces come there; each is its own tenant's, by that one's key."""
    house, theirs = desk.house, desk.house.tenant("theirs")
    house.office.change_tenant(theirs, {"suppress_unknown": True}, theirs.tenant_id).result()
    number, own = desk.sent("bob@y.org", tenant_id=theirs.tenant_id)
    desk.bounce(desk.path(0, number), own=own)
    assert desk.suppressed() == []
    assert [event.detail.get("proven") for event in desk.events(number)] == [None], "signed with the wrong tenant's key"
    taken = desk.bounce(desk.path(0, number, theirs.tenant_id), own=own)
    assert (taken.received.tenant_id, taken.received.message_id) == (theirs.tenant_id, number)
    assert desk.suppressed() == []
    assert [one.address for one in house.office.suppressions(theirs).result()] == ["bob@y.org"]
    assert desk.inbox.list(ADMIN).result() == [], "it is not the installation's"
    mixed = [mail("a", In_Reply_To=f"<{own}>"), mail("b", In_Reply_To=f"<{desk.own}>"), mail("c")]
    taken_many = [one.received for one in desk.inbox.take_many(ADMIN, mixed).result() if isinstance(one, Taken)]
    assert [one.message_id for one in taken_many] == [number, desk.number, None]


def test_a_message_id_that_only_begins_like_a_tenants_stays_the_installations(desk: Desk) -> None:
    theirs = desk.house.tenant("theirs")
    _, own = desk.sent("bob@y.org", tenant_id=theirs.tenant_id)
    taken = desk.bounce("post@x.org", own=own.replace("example.com", "evil.example"))
    assert (taken.received.tenant_id, taken.received.message_id) == (INSTALLATION, None)


def test_tenants_are_told_apart(desk: Desk) -> None:
    """P8: a report that a tenant hands in proves nothing about another one's mail, whatever tag it has."""
    other: Actor = tenant_admin(desk.house.tenant("other").tenant_id)
    content = dsn(FAILED.format("bob@y.org", *NO_USER), gives_back=LETTER.replace("m1@x.org", desk.own), To=desk.path())
    assert desk.inbox.take(other, content).result().received.message_id is None
    assert desk.suppressed() == []
