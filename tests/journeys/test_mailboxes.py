"""Mail is fetched from a real IMAP server, each exactly once, and its original is treated as was wanted."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from postroom import Postroom as Embedded
from postroom.errors import Conflict
from postroom.ids import encode
from postroom.model.grant import OAuth2Flow
from postroom.model.mailbox import MailboxState
from postroom.model.staged import Finding, StagedState, StagedTest, StepName
from postroom.office.mailboxes import MAILBOX
from postroom.outbox.inbox import Inbox
from postroom.policy.staged_words import sentence
from postroom.work.testing import Asked
from tests.rigs.certificates import Certificates
from tests.rigs.fixtures import require
from tests.rigs.imap import ImapServer
from tests.rigs.postfix import Postfix
from tests.rigs.postroom import Postroom
from tests.rigs.process import wait_until
from tests.rigs.provider import KEY, Provider
from tests.rigs.sink import Sink
from tests.rigs.socks import Microsocks

_users = itertools.count()


@pytest.fixture(scope="module")
def server(certificates: Certificates) -> Iterator[ImapServer]:
    require("imap")
    users = {f"user{n}": f"word-of-{n}" for n in range(40)}
    with ImapServer(users, certificate=certificates.good, token_key=KEY) as running:
        yield running


class Box:
    """A mailbox of one user's own, read by an engine in this process."""

    def __init__(self, engine: Embedded, server: ImapServer, ca: Path, values: dict[str, Any]) -> None:
        number = next(_users)
        self.user, self.word, self.server, self.engine = f"user{number}", f"word-of-{number}", server, engine
        there = {"name": self.user, "host": "localhost", "port": server.tls_port, "user": self.user}
        trusted = {"certificate_check": "own-ca", "certificate_authority": ca.read_text()}
        self.values = {**there, **trusted, "poll_seconds": 30, **values}

    def make(self, secret: str = "") -> None:
        self.engine.office.create_mailbox(self.engine.actor, self.values, secret or self.word).result()

    @property
    def state(self) -> MailboxState:
        return self.engine.office.mailbox(self.engine.actor, self.user).result().state

    def wait(self, reached: Callable[[MailboxState], bool]) -> MailboxState:
        wait_until(lambda: reached(self.state), 60, lambda: f"{self.state} {self.log()}")
        return self.state

    def log(self) -> list[str]:
        events = self.engine.office.mailbox_log(self.engine.actor, self.user).result()
        return [one.text for one in events]

    def change(self, **values: Any) -> None:
        self.engine.office.change_mailbox(self.engine.actor, self.user, values).result()


def mails(*names: str) -> list[bytes]:
    return [f"From: ann@example.org\r\nSubject: {name}\r\n\r\nHello {name}.\r\n".encode() for name in names]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Embedded]:
    with Embedded(f"sqlite:///{tmp_path / 'mail.db'}", data=tmp_path, poll_seconds=0.05) as running:
        yield running


@pytest.fixture
def make_box(engine: Embedded, server: ImapServer, certificates: Certificates) -> Callable[..., Box]:
    return lambda **values: Box(engine, server, certificates.ca, values)


def subjects(engine: Embedded) -> list[str]:
    found = Inbox(engine._engine.store, engine.office).list(engine.actor, limit=200).result()
    return sorted(one.subject for one in found)


def test_what_lies_there_and_what_comes_is_taken_in_and_marked(make_box: Callable[..., Box], engine: Embedded) -> None:
    """The second mail is told of by the server itself (IDLE): the mailbox's own turn would be an hour later."""
    box = make_box(poll_seconds=3600)
    box.server.put(box.user, mails("one"))
    box.make()
    box.wait(lambda one: one.taken == 1 and one.idles)
    box.server.deliver(box.user, mails("two")[0])
    state = box.wait(lambda one: one.taken == 2)
    assert (state.trouble, state.passed) == (0, 0)
    assert subjects(engine) == ["one", "two"]
    wait_until(lambda: list(box.server.lying(box.user).values()) == ["S", "S"], 30, "both are marked as seen")


@pytest.mark.parametrize(
    ("afterwards", "left", "moved"),
    [("move", 0, 2), ("delete", 0, 0), ("leave", 2, 0)],
    ids=["move", "delete", "leave"],
)
def test_the_original_is_treated_as_was_wanted(
    make_box: Callable[..., Box], engine: Embedded, afterwards: str, left: int, moved: int
) -> None:
    box = make_box(afterwards=afterwards, move_to="Dône" if afterwards == "move" else "")
    box.server.put(box.user, mails("one", "two"))
    box.make()
    box.wait(lambda one: one.taken == 2)
    wait_until(lambda: len(box.server.lying(box.user)) == left, 30, lambda: str(box.server.lying(box.user)))
    assert set(box.server.lying(box.user).values()) <= {""}
    done = [one for part in ("new", "cur") for one in (box.server.folder / "mail" / box.user).glob(f".D*/{part}/*")]
    assert len(done) == moved
    assert subjects(engine) == ["one", "two"]


def test_a_folder_that_is_numbered_anew_is_read_again_and_changes_nothing(
    make_box: Callable[..., Box], engine: Embedded
) -> None:
    box = make_box()
    box.server.put(box.user, mails("one", "two", "three"))
    box.make()
    first = box.wait(lambda one: one.uid == 3)
    box.change(enabled=False)
    wait_until(lambda: box.state.leased_until_ms == 0, 30, "it is let go")
    box.server.number_anew(box.user)
    box.server.put(box.user, mails("four"))
    box.change(enabled=True)
    state = box.wait(lambda one: one.uid_validity not in (None, first.uid_validity) and one.uid == 4)
    assert state.taken == 7
    assert subjects(engine) == ["four", "one", "three", "two"]
    assert any("numbers the folder anew" in line for line in box.log())


def test_only_what_is_new_where_that_is_wanted(make_box: Callable[..., Box], engine: Embedded) -> None:
    box = make_box(only_new=True, poll_seconds=3600)
    box.server.put(box.user, mails("old", "older"))
    box.make()
    box.wait(lambda one: one.looked_ms is not None)
    box.server.deliver(box.user, mails("new")[0])
    box.wait(lambda one: one.taken == 1)
    assert subjects(engine) == ["new"]


def test_a_mail_that_is_too_large_is_noted_and_left_and_holds_up_nobody(
    make_box: Callable[..., Box], engine: Embedded
) -> None:
    box = make_box(afterwards="move", move_to="Done")
    box.server.put(
        box.user, [*mails("one"), b"Subject: large\r\n\r\n" + b"0123456789\r\n" * 2_600_000, b"", *mails("two")]
    )
    box.make()
    state = box.wait(lambda one: one.uid == 4)
    assert (state.taken, state.passed) == (2, 2)
    assert subjects(engine) == ["one", "two"]
    assert len(box.server.lying(box.user)) == 2
    assert [line for line in box.log() if "Mail number 2 has 31,200,0" in line]
    assert [line for line in box.log() if "Mail number 3" in line]


@pytest.mark.parametrize("login", ["password", "plain", "login", "cram-md5", "scram-sha-1", "scram-sha-256"])
def test_every_way_of_logging_in(make_box: Callable[..., Box], engine: Embedded, login: str) -> None:
    box = make_box(login=login, encryption="starttls", port=0)
    box.values["port"] = box.server.port
    trial = _trial(engine, box, box.word)
    assert trial.ok, trial
    taken = {"plain": "PLAIN", "login": "LOGIN", "cram-md5": "CRAM-MD5"}.get(login, "SCRAM")
    assert any(taken in step.words for step in trial.steps if step.step == "login"), trial.steps
    assert box.word not in repr(trial)
    refused = _trial(engine, box, "wrong")
    assert refused.verdict is not None
    assert refused.verdict.diagnosis == "mailbox-login-refused"
    assert refused.verdict.field == "secret"


def _trial(engine: Embedded, box: Box, secret: str, **values: Any) -> Any:
    asking = engine._engine.mailboxes.test(engine.actor, None, {**box.values, **values}, secret)
    return engine._on_loop(asking).result()


def test_a_trial_shows_the_steps_and_changes_nothing(make_box: Callable[..., Box], engine: Embedded) -> None:
    box = make_box()
    box.server.put(box.user, mails("one"))
    trial = _trial(engine, box, box.word)
    assert [step.step for step in trial.steps] == ["connect", "tls", "greeting", "login", "folder"]
    assert "INBOX holds 1 mails" in trial.steps[-1].words
    assert any(line.startswith("C: P") for line in trial.lines)
    assert list(box.server.lying(box.user).values()) == [""]
    assert subjects(engine) == []


@pytest.mark.parametrize(
    ("values", "diagnosis", "field"),
    [
        ({"folder": "Nowhere"}, "mailbox-folder-refused", "folder"),
        ({"certificate_check": "verify", "certificate_authority": ""}, "certificate-", ""),
        ({"port": 1}, "imap-connection-refused", "port"),
        ({"port": "plain"}, "imap-plain-text", "encryption"),
        ({"encryption": "starttls"}, "imap-greeting-missing", "encryption"),
        ({"encryption": "none", "port": "plain", "login": "plain"}, "login-would-be-in-clear", ""),
        ({"host": "nowhere.invalid"}, "name-not-found", "host"),
        ({"encryption": "none", "port": "lmtp", "allow_clear_login": True}, "imap-not-spoken", "port"),
    ],
)
def test_what_is_wrong_is_explained(
    make_box: Callable[..., Box], engine: Embedded, values: dict[str, Any], diagnosis: str, field: str
) -> None:
    box = make_box()
    ports = {"plain": box.server.port, "lmtp": box.server.lmtp_port}
    given = {name: ports.get(value, value) if name == "port" else value for name, value in values.items()}
    engine._engine.mailboxes._patience = engine._engine.mailboxes._patience.scaled(0.05)
    trial = _trial(engine, box, box.word, **given)
    assert trial.verdict is not None
    assert trial.verdict.diagnosis.startswith(diagnosis), trial
    assert not field or trial.verdict.field == field
    assert not trial.steps[-1].ok


def test_a_mailbox_is_opened_with_an_access_token_once_somebody_consented(
    make_box: Callable[..., Box], engine: Embedded
) -> None:
    box = make_box()
    user = f"{box.user}@example.test"
    with Provider(user=user) as provider:
        granted = {name: value for name, value in provider.account().items() if name.startswith("oauth2_")}
        box.values |= {**granted, "user": user, "login": "oauth2"}
        box.server.put(box.user, mails("by token"))
        engine.office.create_mailbox(engine.actor, box.values).result()
        view = engine.office.mailbox(engine.actor, box.user).result()
        assert view.needs == ("Nobody has consented yet: connect it.",)
        number = encode(MAILBOX, view.mailbox.id)
        holder = engine.office.oauth_account(engine.actor, number, OAuth2Flow.REFRESH_TOKEN).result()
        refused = engine._on_loop(engine._engine.grants.accept(engine.actor, holder, provider.refresh_token())).result()
        assert refused is None
        box.wait(lambda one: one.taken == 1)
        assert engine.office.grant(engine.actor, number).result().state == "connected"
        assert "user" in box.server.log.read_text()
        assert not any(token in repr(engine.office.snapshot) for token in provider.issued)
    assert subjects(engine) == ["by token"]


def test_a_mailbox_behind_a_proxy_is_read_through_it(
    make_box: Callable[..., Box], engine: Embedded, tmp_path: Path
) -> None:
    require("microsocks")
    with Microsocks(tmp_path, "u", "p") as proxy:
        way = {"kind": "socks5", "name": "way", "host": "127.0.0.1", "port": proxy.port, "user": "u", "secret": "p"}
        engine.office.create_connector(engine.actor, way).result()
        box = make_box(connector_id="way")
        box.server.put(box.user, mails("through"))
        box.make()
        box.wait(lambda one: one.taken == 1)
    with pytest.raises(Conflict, match=box.user):
        engine.office.delete_connector(engine.actor, "way").result()


def test_a_bounce_of_a_real_server_comes_back_through_the_mailbox(
    engine: Embedded, make_box: Callable[..., Box], make_postfix: Callable[..., Postfix], make_sink: Callable[..., Sink]
) -> None:
    """Postfix gives the message back; its report lies in the mailbox, and the message's timeline tells of it."""
    sink = make_sink(keep=True)
    postfix = make_postfix(sink.port)
    account = {"name": "relay", "host": "127.0.0.1", "port": postfix.port, "encryption": "none"}
    engine.office.create_account(engine.actor, {**account, "sender_address": "postroom@sender.test"}).result()
    engine.office.change_tenant(engine.actor, {"mode": "smtp"}).result()
    message = engine.send(to="fail@sink.test", subject="Hello", text="…").message_id
    reports = lambda found: [one for one in found if one.sender == ""]  # noqa: E731  (a word for what follows)
    (report,) = reports(sink.wait_until(lambda found: bool(reports(found)), "a report", seconds=120))
    box = make_box()
    box.make()
    box.server.deliver(box.user, sink.source(report))
    box.wait(lambda one: one.taken == 1)
    (event,) = [
        one for one in engine.reports.timeline(engine.actor, message).result().events if one.kind.value == "bounced"
    ]
    assert event.detail["diagnosis"] == "no-such-mailbox"


@pytest.mark.parametrize("afterwards", ["seen", "move", "delete"])
def test_the_test_of_an_account_waits_until_its_message_is_in_the_mailbox(
    engine: Embedded, make_box: Callable[..., Box], make_postfix: Callable[..., Postfix], afterwards: str
) -> None:
    """Whatever the mailbox's own reader does with it meanwhile."""
    box = make_box(afterwards=afterwards, move_to="Done" if afterwards == "move" else "")
    box.values["address"] = f"{box.user}@dovecot.test"
    box.make()
    box.wait(lambda one: one.looked_ms is not None)
    there = f"inline:{{ dovecot.test=lmtp:inet:127.0.0.1:{box.server.lmtp_port} }}"
    _relay(engine, make_postfix(1, settings={"transport_maps": there}).port)
    test = _tested(engine, f"{box.user}+probe@DOVECOT.test")
    arrived = {one.step: one for one in test.latest}[StepName.ARRIVED]
    assert (arrived.finding, arrived.seen["mailbox"], arrived.seen["spam"]) == (Finding.PASSED, box.user, False)
    assert arrived.seen["folder"] in ("INBOX", "Done")
    assert f"arrived in the mailbox {box.user}, folder" in sentence(arrived)
    assert "angekommen" in sentence(arrived, "de")


def test_a_message_that_does_not_arrive_is_said_to_be_missing_and_one_for_nobodys_mailbox_not_looked_for(
    engine: Embedded, make_box: Callable[..., Box], make_sink: Callable[..., Sink]
) -> None:
    box = make_box(address="ann@example.org")
    box.make()
    engine._engine.mailboxes._settings = replace(engine._engine.mailboxes._settings, smtp_timeout_scale=0.01)
    _relay(engine, make_sink().port)
    arrived = {one.step: one for one in _tested(engine, "ann@example.org").latest}[StepName.ARRIVED]
    assert (arrived.finding, arrived.seen["where"]) == (Finding.WAITING, "not-arrived")
    assert "have it looked for" in sentence(arrived)
    arrived = {one.step: one for one in _tested(engine, "bob@example.org").latest}[StepName.ARRIVED]
    assert (arrived.finding, arrived.seen["because"]) == (Finding.NOT_TESTED, "no-mailbox")
    box.change(host="localhost", port=1, secret=box.word)
    arrived = {one.step: one for one in _tested(engine, "ann@example.org").latest}[StepName.ARRIVED]
    assert (arrived.finding, arrived.seen["because"]) == (Finding.NOT_TESTED, "mailbox-unread")
    assert "refuses connections on port 1" in sentence(arrived)


def _relay(engine: Embedded, port: int) -> None:
    account = {"name": "relay", "host": "127.0.0.1", "port": port, "encryption": "none"}
    engine.office.create_account(engine.actor, {**account, "sender_address": "postroom@sender.test"}).result()


def _tested(engine: Embedded, to: str) -> StagedTest:
    testing = engine._engine.testing
    test = engine._on_loop(testing.start(engine.actor, Asked("relay", to=to))).result()
    ended = lambda: engine._on_loop(testing.read(engine.actor, test.id)).result()  # noqa: E731  (a word for what follows)
    wait_until(lambda: ended().state is not StagedState.RUNNING, 60, lambda: str(ended()))
    found: StagedTest = ended()
    assert found.state is StagedState.PASSED, found
    return found


POINTS = ("mailbox.after-fetch", "mailbox.after-take", "mailbox.after-put-away:2")


def test_a_kill_at_each_step_loses_no_mail_and_takes_none_in_twice(
    fork_postroom: Callable[..., Postroom], server: ImapServer, certificates: Certificates
) -> None:
    user = f"user{next(_users)}"
    postroom = fork_postroom(poll_seconds=0.05).start()
    values = {
        "name": "box", "host": "localhost", "port": server.tls_port, "user": user, "certificate_check": "own-ca",
        "certificate_authority": certificates.ca.read_text(), "secret": f"word-of-{user[4:]}", "move_to": "Done",
    }  # fmt: skip
    postroom.api.post("/v1/mailboxes", values).expect(201)
    wanted = []
    for round_, point in enumerate(POINTS):
        postroom.stop()
        names = [f"{round_}-{n}" for n in range(60)]
        wanted += names
        server.put(user, mails(*names))
        postroom.launch(failpoint=point)
        postroom.wait_killed()
        postroom.start()
        wait_until(lambda: not server.lying(user), 60, lambda: str(postroom.api.get("/v1/mailboxes/box").body))
    listed = postroom.api.get("/v1/incoming?limit=200").expect(200)["incoming"]
    assert sorted(one["subject"] for one in listed) == sorted(wanted)
    assert len(server.lying(user, "Done")) == len(wanted)
    assert postroom.api.get("/v1/mailboxes/box").expect(200)["passed"] == 0
