"""What leaves names addresses that lead back to it, and what then comes back is believed."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from email import message_from_bytes, policy
from typing import Any

import pytest

from tests.journeys.nursery import Nursery
from tests.rigs.postroom import Postroom
from tests.rigs.sink import Record, Sink

TAGGED = {"return_path": "bounces@sender.test", "return_path_tag": "plus", "reply_to_tag": "plus"}
_BEHIND = re.compile(r"(?:bounces|postroom)\+([br][a-z2-7]{36})@sender\.test")


class Place:
    """A Postroom whose mail ends in a sink, and what of it came there."""

    def __init__(self, postroom: Postroom, sink: Sink) -> None:
        self.api, self.sink = postroom.api, sink
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
