"""kill -9 while a digest is made: its mails are in it or wait for it, and it goes once (P2, P3), on both databases."""

from __future__ import annotations

from collections.abc import Callable
from email import message_from_bytes, policy

from tests.journeys.aftermath import check_integrity, end_leases, query
from tests.rigs.postroom import Postroom
from tests.rigs.process import wait_until
from tests.rigs.sink import Sink

ANN = "ok-ann@test"


def test_a_kill_while_a_digest_is_made_loses_nothing_and_doubles_nothing(
    fork_postroom: Callable[..., Postroom], make_sink: Callable[..., Sink], database_url: str
) -> None:
    postroom, sink = fork_postroom(database=database_url, poll_seconds=0.05), make_sink(keep=True)
    postroom.start()
    postroom.deliver_to(sink.port)
    postroom.api.post("/v1/kinds", {"name": "news", "title": "News", "way": "daily"}).expect(201)
    waiting = [postroom.api.send(ANN, kind="news", subject=f"News {number}") for number in range(3)]
    for message in waiting:
        assert postroom.api.states(message) == {ANN: "collected"}
    postroom.kill9()
    query(database_url, "UPDATE collected SET due_ms = 1")

    for point, left in (("digest.before-commit", "collected"), ("digest.after-commit", "digested")):
        end_leases(database_url)
        postroom.launch(failpoint=point)
        postroom.wait_killed()
        states = query(database_url, "SELECT state, count(*) FROM recipient GROUP BY state ORDER BY state")
        assert [count for state, count in states if state == left] == [3], (point, states)
        digests = query(database_url, "SELECT count(*) FROM message WHERE tags IS NOT NULL")
        assert digests == [(int(left == "digested"),)], point

    end_leases(database_url)
    postroom.start()
    wait_until(lambda: len(sink.taken()) == 1, 60, lambda: f"{len(sink.taken())} digests at the server")
    (number,) = query(database_url, "SELECT id FROM message WHERE tags IS NOT NULL")[0]
    wait_until(
        lambda: query(database_url, f"SELECT state FROM recipient WHERE message_id = {number}") == [("sent",)],
        60,
        lambda: "the digest is not settled",
    )
    assert [postroom.api.states(message) for message in waiting] == [{ANN: "digested"}] * 3
    assert query(database_url, "SELECT count(*) FROM collected") == [(0,)]
    postroom.stop()
    (taken,) = sink.taken()
    mail = message_from_bytes(sink.source(taken), policy=policy.default)
    body = mail.get_body(("plain",))
    assert body is not None
    assert all(f"News {number}" in body.get_content() for number in range(3))
    check_integrity(database_url)
