"""kill -9 while a job works: each message is acted upon once, and it goes on by itself (P2), on both databases."""

from __future__ import annotations

from collections.abc import Callable

from tests.journeys.aftermath import check_integrity, end_leases, query
from tests.rigs.postroom import Postroom
from tests.rigs.process import wait_until

MESSAGES = 120


def test_a_kill_in_the_middle_of_a_job_leaves_no_message_out_and_takes_none_twice(
    fork_postroom: Callable[..., Postroom], database_url: str
) -> None:
    postroom = fork_postroom(database=database_url, poll_seconds=0.05)
    postroom.start()
    mail = [{"to": "ann@test", "subject": f"Number {number}", "text": "T"} for number in range(MESSAGES)]
    postroom.api.post("/v1/messages", mail).expect(200, 202, 207)
    postroom.kill9()
    query(database_url, "UPDATE recipient SET state = 'deferred', due_ms = 9999999999999")

    end_leases(database_url)
    postroom.start(failpoint="job.before-commit:2")
    asked = {"act": "hold", "search": {"state": "deferred"}}
    job = postroom.api.post("/v1/jobs", asked).expect(202)["id"]
    postroom.wait_killed()
    assert query(database_url, "SELECT done, state FROM bulk_job") == [(50, "running")]

    end_leases(database_url)
    query(database_url, "UPDATE bulk_job SET leased_until_ms = 0")
    postroom.launch(failpoint="job.after-commit")
    postroom.wait_killed()
    assert query(database_url, "SELECT done, state FROM bulk_job") == [(100, "running")]

    end_leases(database_url)
    query(database_url, "UPDATE bulk_job SET leased_until_ms = 0")
    postroom.start()
    wait_until(
        lambda: postroom.api.get(f"/v1/jobs/{job}").expect(200)["state"] == "done", 60, lambda: "the job is not over"
    )
    over = postroom.api.get(f"/v1/jobs/{job}").expect(200)
    assert (over["found"], over["done"], over["refused"]) == (MESSAGES, MESSAGES, 0)
    assert query(database_url, "SELECT DISTINCT state FROM recipient") == [("held",)]
    held = "SELECT count(*), count(DISTINCT message_id) FROM event WHERE kind = 'held'"
    assert query(database_url, held) == [(MESSAGES, MESSAGES)]
    postroom.stop()
    check_integrity(database_url)
