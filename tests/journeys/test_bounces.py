"""Real servers give back mail of ours; what they write is understood, believed where it is proven, and acted upon."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable

import pytest

from tests.rigs.exim import Exim
from tests.rigs.postfix import Postfix
from tests.rigs.postroom import Postroom
from tests.rigs.sink import Record, Sink


@pytest.fixture(params=["postfix", "exim"])
def relay(request: pytest.FixtureRequest, make_sink: Callable[..., Sink]) -> tuple[Postfix | Exim, Sink]:
    """A server that passes everything on to a sink, where reports arrive as well."""
    sink = make_sink(keep=True)
    return request.getfixturevalue(f"make_{request.param}")(sink.port), sink


def _reports(records: list[Record]) -> list[Record]:
    return [record for record in records if record.sender == ""]


def test_a_bounce_of_a_real_server_leads_back_to_its_message(
    make_postroom: Callable[..., Postroom], relay: tuple[Postfix | Exim, Sink]
) -> None:
    server, sink = relay
    postroom = make_postroom().start()
    postroom.deliver_to(server.port, return_path_tag="plus")
    api = postroom.api
    api.call("PATCH", "/v1/settings", {"suppress_unknown": True}).expect(200)
    good, bad = api.send("ok@sink.test"), api.send("fail@sink.test")
    assert {state for message in (good, bad) for state in api.wait_for_state(message, "sent").values()} == {"sent"}
    (report,) = _reports(sink.wait_until(lambda found: bool(_reports(found)), "a report", seconds=120))
    raw = b64encode(sink.source(report)).decode()
    taken = api.post("/v1/incoming", {"raw": raw}).expect(201)
    assert (taken["kind"], taken["message_id"], taken["recipient"]) == ("delivery-report", bad, 0)
    assert api.post("/v1/incoming", {"raw": raw}).expect(200)["id"] == taken["id"]
    (event,) = [
        one for one in api.get(f"/v1/messages/{bad}/timeline").expect(200)["events"] if one["kind"] == "bounced"
    ]
    assert event["detail"]["diagnosis"] == "no-such-mailbox"
    assert "5.1.1" in event["detail"]["reply"]
    assert event["detail"]["proven"] is True, "it came to the return path that was signed for this recipient"
    (suppressed,) = api.get("/v1/suppressions").expect(200)["suppressions"]
    assert (suppressed["address"], suppressed["source"]) == ("fail@sink.test", "report")
    (recipient,) = api.get(f"/v1/messages/{bad}").expect(200)["recipients"]
    assert [step["stage"] for step in recipient["course"]] == ["accepted", "handed-over", "bounced"]
    listed = api.get("/v1/incoming?kind=delivery-report").expect(200)["incoming"]
    assert [one["id"] for one in listed] == [taken["id"]]
