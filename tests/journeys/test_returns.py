"""What leaves names addresses that lead back to it, and what then comes back is believed."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.nursery import Nursery
from tests.rigs.postroom import Postroom
from tests.rigs.shell import Shell
from tests.rigs.sink import Record, Sink
from tests.unit.receive.incoming_mail import mail

TAGGED = {"return_path": "bounces@sender.test", "return_path_tag": "plus", "reply_to_tag": "plus"}
MIXED = "multipart/mixed; boundary=b"
ANSWER = """--b

Yes.

> Shall we?
--b
Content-Type: application/pdf
Content-Disposition: attachment; filename=order.pdf

PDF
--b--
"""
_BEHIND = re.compile(r"(?:bounces|postroom)\+([br][a-z2-7]{36})@sender\.test")


class Place:
    """A Postroom whose mail ends in a sink, and what of it came there."""

    def __init__(self, postroom: Postroom, sink: Sink) -> None:
        self.api, self.sink = postroom.api, sink
        self.environment = postroom.environment()
        postroom.deliver_to(sink.port)

    def set(self, **values: object) -> None:
        (account,) = self.api.get("/v1/accounts").expect(200)["accounts"]
        self.api.call("PATCH", f"/v1/accounts/{account['id']}", values).expect(200)

    def sent(self, *to: str, **fields: object) -> tuple[str, list[Record]]:
        """Its id, and each transaction that brought it."""
        before = len(self.sink.records())
        message = self.api.send(*to, **fields)
        self.api.wait_for_state(message, "sent")
        return message, self.sink.records()[before:]

    def header(self, record: Record, name: str) -> str:
        return str(message_from_bytes(self.sink.source(record), policy=policy.default)[name] or "")

    def events(self, message: str) -> list[Any]:
        return list(self.api.get(f"/v1/messages/{message}/timeline").expect(200)["events"])

    def take(self, content: bytes) -> Any:
        return self.api.post("/v1/incoming", {"raw": b64encode(content).decode()}).expect(201)


@pytest.fixture(scope="module")
def place(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("returns")
    postroom = Postroom(folder / "postroom", spawn=nursery.spawn)
    with Sink.start(folder / "sink", keep=True) as sink:
        try:
            yield Place(postroom.start(), sink)
        finally:
            postroom.stop()


def tag_of(address: str) -> str:
    found = _BEHIND.search(address)
    assert found is not None, address
    return found[1]


def test_each_recipient_has_a_return_path_of_his_own(place: Place) -> None:
    place.set(**TAGGED)
    _, records = place.sent("ann@x.test", "bob@x.test")
    assert sorted(record.recipients for record in records) == [("ann@x.test",), ("bob@x.test",)]
    assert len({tag_of(record.sender) for record in records}) == 2
    assert len({record.sha256 for record in records}) == 1, "the octets are everybody's (P5)"
    (answers,) = {place.header(record, "Reply-To") for record in records}
    assert tag_of(answers)[0] == "r"


def test_a_domain_that_takes_mail_for_any_address_needs_no_plus(place: Place) -> None:
    place.set(**TAGGED | {"return_path_tag": "whole", "reply_to_tag": "whole"})
    _, (record,) = place.sent("ann@x.test")
    assert re.fullmatch(r"b[a-z2-7]{36}@sender\.test", record.sender)
    assert re.fullmatch(r"r[a-z2-7]{36}@sender\.test", place.header(record, "Reply-To"))


@pytest.mark.parametrize(("field", "header"), [("reply_to", "Reply-To"), ("return_path", "")])
def test_what_a_message_names_itself_stays(place: Place, field: str, header: str) -> None:
    place.set(**TAGGED)
    value = ["own@x.test"] if field == "reply_to" else "own@x.test"
    _, (record,) = place.sent("ann@x.test", **{field: value})
    assert (place.header(record, header) if header else record.sender) == "own@x.test"


def test_nothing_is_tagged_where_nobody_wished_it(place: Place) -> None:
    place.set(return_path="bounces@sender.test", return_path_tag="off", reply_to_tag="off")
    _, (record,) = place.sent("ann@x.test", "bob@x.test")
    assert (record.sender, place.header(record, "Reply-To")) == ("bounces@sender.test", "")


def test_it_is_told_where_the_way_is_explained(place: Place) -> None:
    place.set(**TAGGED)
    steps = place.api.post("/v1/explain", {"to": ["ann@x.test"]}).expect(200)["explanations"]
    told = {step["step"]: step["value"] for step in steps}
    assert (told["return_path_tag"], told["reply_to_tag"]) == ("plus", "plus")


def test_an_answer_is_read_on_the_command_line_with_its_files(place: Place, tmp_path: Path) -> None:
    place.set(**TAGGED)
    message, (record,) = place.sent("ann@x.test")
    answer = mail(ANSWER, From="Ann <ann@else.test>", To=place.header(record, "Reply-To"), Content_Type=MIXED)
    shell = Shell(place.environment, tmp_path)
    taken = shell.run("incoming", "take", given=answer).expect().out
    assert message in taken, "the address alone leads to it"
    number = taken.split()[0]
    assert "order.pdf" in shell.run("incoming", "attachments", number).expect().out
    assert shell.run("incoming", "source", number, "--attachment", "2").expect().out.strip() == "PDF"
    shown = shell.run("show", message).expect().words
    assert "replied" in shown
    (event,) = [one for one in place.events(message) if one["kind"] == "replied"]
    assert event["detail"]["incoming"] == number
    assert "Yes" not in str(event), "what somebody wrote is for those who may see contents"


def test_what_nobody_understands_is_marked_as_done(place: Place, tmp_path: Path) -> None:
    taken = place.take(mail("???", Subject="Odd"))
    shell = Shell(place.environment, tmp_path)
    assert taken["id"] in shell.run("incoming", "list", "--waiting").expect().out
    shell.run("incoming", "done", taken["id"]).expect()
    assert "Nothing waits" in shell.run("incoming", "list", "--waiting").expect().out
