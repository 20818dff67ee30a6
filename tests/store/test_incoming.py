"""What comes back is kept once, tied to its message, told of in the timeline, and forgotten with the log."""

from __future__ import annotations

import pytest

from postroom.clock import now_ms
from postroom.compose.message_id import message_id
from postroom.errors import BadInput, Forbidden, NotFound
from postroom.ids import encode
from postroom.model.application import Actor, Scope
from postroom.model.audit import Entry
from postroom.model.event import Event, EventKind
from postroom.model.incoming import IncomingKind
from postroom.model.state import State
from postroom.model.tenant import INSTALLATION
from postroom.outbox.inbox import Inbox, Taken
from postroom.store import retention
from tests.store.house import ADMIN, DAY_MS, House
from tests.unit.receive.incoming_mail import LETTER, dsn, mail, report

FAILED = "Final-Recipient: rfc822; {}\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 User unknown"
SENT = State.SENT


@pytest.fixture
def inbox(house: House) -> Inbox:
    return Inbox(house.store, house.office)


def sent(house: House, *to: str, **more: int) -> tuple[int, str]:
    """The number of a message that was sent, and its Message-ID."""
    number = house.mail(*((address, SENT) for address in to), **more)  # type: ignore[arg-type]
    own = message_id(number, "example.com", mark="k1")
    house.sql("UPDATE message SET message_id = :own WHERE id = :id", own=own, id=number)
    return number, own


def told(house: House, number: int) -> list[Event]:
    events = house.reports.timeline(ADMIN, number).result().events
    return [one for one in events if one.kind is not EventKind.ACCEPTED]


def bounce(own: str, *to: str, **more: str) -> bytes:
    return dsn(*map(FAILED.format, to), gives_back=LETTER.replace("m1@x.org", own), **more)


def test_a_bounce_is_told_of_with_its_diagnosis_and_the_state_stays(house: House, inbox: Inbox) -> None:
    number, own = sent(house, "bob@y.org", "ann@y.org")
    taken = inbox.take(ADMIN, bounce(own, "Bob@Y.org")).result()
    assert (taken.received.kind, taken.received.message_id, taken.received.n) == (IncomingKind.REPORT, number, 0)
    (event,) = told(house, number)
    assert (event.kind, event.n) == (EventKind.BOUNCED, 0)
    assert event.detail["diagnosis"] == "no-such-mailbox"
    assert event.detail["reply"] == "550 5.1.1 User unknown"
    assert event.detail["incoming"] == encode("b", taken.received.id)
    assert house.states(number) == ["sent", "sent"], "a report may be forged: it is told of and changes nothing"


def test_the_same_mail_again_changes_nothing(house: House, inbox: Inbox) -> None:
    number, own = sent(house, "bob@y.org")
    first = inbox.take(ADMIN, bounce(own, "bob@y.org")).result()
    again = inbox.take(ADMIN, bounce(own, "bob@y.org")).result()
    assert (first.again, again.again) == (False, True)
    assert first.received == again.received
    assert len(told(house, number)) == 1


def test_many_at_once_are_each_answered_for_themselves(house: House, inbox: Inbox) -> None:
    """One that is no mail, one that is there twice and one that had come before cost the others nothing."""
    number, own = sent(house, "bob@y.org", "ann@y.org")
    old, bob, ann = bounce(own, "bob@y.org", "ann@y.org"), bounce(own, "bob@y.org"), bounce(own, "ann@y.org")
    inbox.take(ADMIN, old).result()
    answers = inbox.take_many(ADMIN, [bob, b" ", old, ann, bob]).result()
    assert isinstance(answers[1], BadInput)
    taken = [one for one in answers if isinstance(one, Taken)]
    assert [(one.again, one.received.n) for one in taken] == [(False, 0), (True, None), (False, 1), (True, 0)]
    assert taken[0].received == taken[3].received
    assert [event.n for event in told(house, number)] == [0, 1, 0, 1]
    assert inbox.take_many(ADMIN, []).result() == []


def test_one_that_the_database_refuses_is_refused_alone(house: House, inbox: Inbox) -> None:
    house.sql(
        "CREATE TRIGGER no BEFORE INSERT ON incoming WHEN NEW.subject = 'No' BEGIN SELECT RAISE(ABORT, 'no'); END"
        if house.store.sqlite
        else "ALTER TABLE incoming ADD CONSTRAINT no CHECK (subject <> 'No')"
    )
    answers = inbox.take_many(ADMIN, [mail("x"), mail("x", Subject="No"), mail("y")]).result()
    assert [isinstance(one, Taken) for one in answers] == [True, False, True]
    assert len(inbox.list(ADMIN).result()) == 2


def test_the_envelope_id_leads_back_where_no_message_id_does(house: House, inbox: Inbox) -> None:
    number, _ = sent(house, "bob@y.org")
    about = f"Reporting-MTA: dns; mx\nOriginal-Envelope-Id: {encode('m', number)}"
    report = dsn(FAILED.format("bob@y.org"), about=about, gives_back="")
    assert inbox.take(ADMIN, report).result().received.message_id == number


def test_a_forwarder_reports_the_address_that_he_knows(house: House, inbox: Inbox) -> None:
    number, own = sent(house, "bob@y.org")
    inbox.take(ADMIN, bounce(own, "bob@somewhere.else")).result()
    assert [event.n for event in told(house, number)] == [0]


def test_an_address_that_the_message_was_not_sent_to_is_nobodys(house: House, inbox: Inbox) -> None:
    number, own = sent(house, "bob@y.org", "ann@y.org")
    inbox.take(ADMIN, bounce(own, "eve@y.org")).result()
    assert [event.n for event in told(house, number)] == [None]


@pytest.mark.parametrize("own", ["0@example.com", "zzzzzzzzzzzzzzzz@example.com", "ü@example.com", "7.k1@example.com"])
def test_what_is_about_nothing_of_ours_is_kept_and_says_so(house: House, inbox: Inbox, own: str) -> None:
    received = inbox.take(ADMIN, bounce(own, "bob@y.org")).result().received
    assert received.message_id is None
    assert received.why == "It is about a message that Postroom did not send, or does not keep any more."


def test_a_message_id_that_only_begins_like_ours_is_not_ours(house: House, inbox: Inbox) -> None:
    _, own = sent(house, "bob@y.org")
    forged = own.replace("example.com", "evil.example")
    assert inbox.take(ADMIN, bounce(forged, "bob@y.org")).result().received.message_id is None


def test_a_reply_is_handed_over_without_what_it_quotes(house: House, inbox: Inbox) -> None:
    number, own = sent(house, "bob@y.org", "ann@y.org")
    content = mail("Yes, please.\n\n> Shall we?\n", In_Reply_To=f"<{own}>")
    received = inbox.take(ADMIN, content).result().received
    assert (received.kind, received.text, received.n) == (IncomingKind.REPLY, "Yes, please.", 0)
    assert [(event.kind, event.n) for event in told(house, number)] == [(EventKind.REPLIED, 0)]
    assert inbox.content(ADMIN, received.id).result() == content


def test_nobody_reaches_another_tenants_mail(house: House, inbox: Inbox) -> None:
    """P8."""
    other = house.tenant("other")
    number, own = sent(house, "bob@y.org")
    theirs = inbox.take(other, bounce(own, "bob@y.org")).result().received
    assert (theirs.message_id, told(house, number)) == (None, [])
    for look in (inbox.get, inbox.content):
        with pytest.raises(NotFound):
            look(ADMIN, theirs.id).result()
    assert list(inbox.list(ADMIN).result()) == []
    assert inbox.take(ADMIN, bounce(own, "bob@y.org")).result().again is False, "another tenant's is another mail"


def test_the_list_goes_back_in_pages_and_by_kind(house: House, inbox: Inbox) -> None:
    _, own = sent(house, "bob@y.org")
    made = [inbox.take(ADMIN, mail(f"{n}", In_Reply_To=f"<{own}>")).result().received.id for n in range(5)]
    report = inbox.take(ADMIN, bounce(own, "bob@y.org")).result().received.id
    first = inbox.list(ADMIN, limit=3).result()
    assert [one.id for one in first] == [report, made[4], made[3]]
    assert [one.id for one in inbox.list(ADMIN, before=first[-1].id).result()] == [made[2], made[1], made[0]]
    assert [one.id for one in inbox.list(ADMIN, kind="delivery-report").result()] == [report]
    with pytest.raises(BadInput, match="no kind"):
        inbox.list(ADMIN, kind="bounce")


def test_rights(house: House, inbox: Inbox) -> None:
    content = mail("x")
    number = inbox.take(ADMIN, content).result().received.id
    for scope, calls in {
        Scope.ACT: (inbox.list, lambda who: inbox.get(who, number), lambda who: inbox.content(who, number)),
        Scope.READ: (lambda who: inbox.take(who, content), lambda who: inbox.content(who, number)),
        Scope.CONTENT: (lambda who: inbox.take(who, content), inbox.list),
    }.items():
        who = Actor(INSTALLATION, frozenset({scope}), name="eve")
        for call in calls:
            with pytest.raises(Forbidden):
                call(who)


def test_every_look_at_a_content_is_in_the_trail(house: House, inbox: Inbox) -> None:
    number = inbox.take(ADMIN, mail("x")).result().received.id
    inbox.content(ADMIN, number).result()
    entry: Entry = house.office.audit(ADMIN).result().entries[0]
    assert (entry.verb, entry.thing_id, entry.who) == ("incoming.content-seen", number, "ada")


def test_it_is_forgotten_with_the_log(house: House, inbox: Inbox) -> None:
    house.office.change_tenant(ADMIN, {"log_days": 10}).result()
    number = inbox.take(ADMIN, mail("x")).result().received.id

    def sweep(days: int) -> int:
        return house.store.write(lambda c: retention.sweep(c, now_ms() + days * DAY_MS, 100)).result().incoming

    assert (sweep(9), sweep(11), sweep(11)) == (0, 1, 0)
    with pytest.raises(NotFound):
        inbox.get(ADMIN, number).result()
    assert house.sql("SELECT count(*) FROM incoming_content")[0][0] == 0


def test_what_waits_for_a_person_is_marked_as_done_by_somebody(house: House, inbox: Inbox) -> None:
    _, own = sent(house, "bob@y.org")
    inbox.take(ADMIN, bounce(own, "bob@y.org")).result()
    odd = inbox.take(ADMIN, mail("???")).result().received
    lost = inbox.take(ADMIN, bounce("zzzz@x.org", "bob@y.org")).result().received
    assert [one.id for one in inbox.list(ADMIN, waiting=True).result()] == [lost.id, odd.id]
    done = inbox.mark(ADMIN, odd.id, done=True).result()
    assert (done.waits, done.done_by) == (False, "ada")
    assert inbox.mark(ADMIN, odd.id, done=True).result() == done, "once is enough"
    assert [one.id for one in inbox.list(ADMIN, waiting=True).result()] == [lost.id]
    assert inbox.mark(ADMIN, odd.id, done=False).result().waits
    verbs = [entry.verb for entry in house.office.audit(ADMIN).result().entries]
    assert verbs[:2] == ["incoming.reopened", "incoming.done"]
    with pytest.raises(NotFound):
        inbox.mark(house.tenant("other"), odd.id, done=True).result()
    with pytest.raises(Forbidden):
        inbox.mark(Actor(INSTALLATION, frozenset({Scope.READ})), odd.id, done=True)


def test_how_far_it_came_is_told_step_by_step(house: House, inbox: Inbox) -> None:
    """Accepted, then what came back about each recipient, each once, in its order."""
    number, own = sent(house, "bob@y.org", "ann@y.org")
    arrived = "Final-Recipient: rfc822; bob@y.org\nAction: delivered\nStatus: 2.0.0"
    back = LETTER.replace("m1@x.org", own)
    read = "Final-Recipient: rfc822; bob@y.org\nDisposition: manual-action/MDN-sent-manually; displayed"
    for content in (
        dsn(arrived, gives_back=back),
        report("disposition-notification", read, gives_back=back),
        mail("Thanks.", In_Reply_To=f"<{own}>"),
        mail("Thanks again.", In_Reply_To=f"<{own}>"),
        bounce(own, "ann@y.org"),
    ):
        inbox.take(ADMIN, content).result()
    bob, ann = house.reports.message(ADMIN, number).result().recipients
    assert [step.stage for step in bob.course] == ["accepted", "delivered", "read", "replied"]
    assert [step.stage for step in ann.course] == ["accepted", "said-to-bounce"]


def test_nothing_is_taken_for_a_mail_that_is_none(house: House, inbox: Inbox) -> None:
    with pytest.raises(BadInput, match="empty"):
        inbox.take(ADMIN, b" \r\n")
