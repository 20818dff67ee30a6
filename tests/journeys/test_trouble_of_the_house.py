"""The house itself in trouble: a full disk (507, and delivery goes on), a file that another owns, a schema of tomorrow,
a PostgreSQL that is killed or cut off. Clear words, nothing half-done, and it recovers alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.journeys.aftermath import check_integrity, query
from tests.rigs.disk import fill
from tests.rigs.ledger import LedgerClient
from tests.rigs.oracle import account_of, judge
from tests.rigs.postgres import Postgres
from tests.rigs.postroom import Postroom
from tests.rigs.process import RigFailed, wait_until
from tests.rigs.proxy import Faults, Proxy
from tests.rigs.sink import Sink

LETTER = {"text": "x" * 2_000 + "\n"}


def post(postroom: Postroom, to: str) -> int:
    return postroom.api.post("/v1/messages", {"to": [to], **LETTER}).status


# -- a full disk ------------------------------------------------------------------------------------------------------


@pytest.fixture
def crowded(fork_postroom: Callable[..., Postroom], make_small_disk: Callable[[int], Path]) -> tuple[Postroom, Path]:
    """A Postroom whose database is on a disk of 24 MiB."""
    disk = make_small_disk(24)
    return fork_postroom(database=f"sqlite:///{disk / 'postroom.db'}", poll_seconds=0.1), disk


def test_a_full_disk_takes_nothing_more_and_what_was_accepted_leaves(
    crowded: tuple[Postroom, Path], sink: Sink
) -> None:
    postroom, disk = crowded
    postroom.start()
    account = postroom.deliver_to(sink.port)
    postroom.api.post(f"/v1/accounts/{account}/pause", {"reason": "until the disk is full"}).expect(200)
    accepted = [postroom.api.send(f"ok+{n}@sink.test", **LETTER) for n in range(200)]
    ballast = fill(disk)
    codes = {post(postroom, f"no+{n}@sink.test") for n in range(20)}
    assert codes <= {202, 507}
    wait_until(lambda: post(postroom, "no@sink.test") == 507, 20, lambda: "a full disk took mail")
    refused = postroom.api.post("/v1/messages", {"to": ["no@sink.test"], **LETTER})
    assert (refused.status, refused.headers["content-type"]) == (507, "application/problem+json")
    assert "disk" in str(refused.body)

    postroom.api.post(f"/v1/accounts/{account}/resume").expect(200)
    for message in accepted:
        postroom.api.wait_for_state(message, "sent")
    assert not any(account_of(postroom.api, message).doubts for message in accepted)

    ballast.unlink()
    wait_until(lambda: post(postroom, "after@sink.test") == 202, 20, lambda: "it did not recover")
    sink.wait_until(lambda records: any("after@sink.test" in one.recipients for one in records), "mail of after")
    postroom.stop()
    check_integrity(f"sqlite:///{disk / 'postroom.db'}")


def test_a_disk_that_fills_under_load_loses_and_doubles_nothing(
    crowded: tuple[Postroom, Path], sink: Sink, tmp_path: Path
) -> None:
    """Refusals are told as such; the client's next tries go in once there is room."""
    postroom, disk = crowded
    postroom.start()
    postroom.deliver_to(sink.port)
    with LedgerClient(tmp_path, postroom.connect) as client:
        client.start(400)
        wait_until(lambda: len(client.acknowledged) > 50, 30, lambda: "no load came about")
        ballast = fill(disk)
        wait_until(lambda: post(postroom, "no@sink.test") == 507, 20, lambda: "a full disk took mail")
        ballast.unlink()
        promised = client.finish()
    postroom.settle([promise.message for promise in promised])
    accounts = {promise.message: account_of(postroom.api, promise.message) for promise in promised}
    taken = [record for record in sink.taken() if "no@sink.test" not in record.recipients]
    findings = judge(promised, client.intended, accounts, taken)
    findings.assert_nothing_wrong()
    assert findings.explained == []


def test_it_starts_on_a_full_disk_and_delivers_what_waits(crowded: tuple[Postroom, Path], sink: Sink) -> None:
    postroom, disk = crowded
    postroom.start()
    account = postroom.deliver_to(sink.port)
    postroom.api.post(f"/v1/accounts/{account}/pause", {"reason": "until the disk is full"}).expect(200)
    message = postroom.api.send("ok@sink.test")
    postroom.api.post(f"/v1/accounts/{account}/resume")
    postroom.kill9()
    fill(disk)
    postroom.start()
    assert post(postroom, "no@sink.test") == 507
    postroom.settle([message])
    assert postroom.api.states(message) == {"ok@sink.test": "sent"}


# -- files that can't be used -----------------------------------------------------------------------------------------


def complaint(postroom: Postroom) -> str:
    with pytest.raises(RigFailed, match="before it was ready"):
        postroom.start()
    return postroom.log_text()


def test_a_database_in_use_says_by_whom(fork_postroom: Callable[..., Postroom], sqlite_url: str) -> None:
    first = fork_postroom(database=sqlite_url).start()
    words = complaint(fork_postroom(database=sqlite_url))
    assert f"process {first.process.pid}" in words
    assert "Traceback" not in words
    first.kill9()
    fork_postroom(database=sqlite_url).start()


def test_a_schema_of_tomorrow_is_refused_and_left_alone(
    fork_postroom: Callable[..., Postroom], database_url: str
) -> None:
    fork_postroom(database=database_url).start().stop()
    query(database_url, "UPDATE alembic_version SET version_num = '9999'")
    words = complaint(fork_postroom(database=database_url))
    assert "9999" in words
    assert "newer" in words
    assert query(database_url, "SELECT version_num FROM alembic_version") == [("9999",)]


def test_a_file_that_is_no_database_is_refused_and_left_alone(
    fork_postroom: Callable[..., Postroom], tmp_path: Path
) -> None:
    letter = tmp_path / "postroom.db"
    letter.write_bytes(b"Dear Sir or Madam,\n" * 500)
    words = complaint(fork_postroom(database=f"sqlite:///{letter}"))
    assert "Traceback" not in words
    assert letter.read_bytes() == b"Dear Sir or Madam,\n" * 500


# -- PostgreSQL in trouble --------------------------------------------------------------------------------------------


def recovers(postroom: Postroom, sink: Sink, name: str, seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while post(postroom, f"{name}@sink.test") != 202:
        assert time.monotonic() < end, f"it takes no mail {seconds} s after {name}"
        time.sleep(0.05)
    sink.wait_until(lambda records: any(f"{name}@sink.test" in one.recipients for one in records), name, seconds)


def test_a_postgresql_that_is_killed_and_comes_back_costs_no_message(
    fork_postroom: Callable[..., Postroom], sink: Sink, own_postgres: Postgres, tmp_path: Path
) -> None:
    """Under load, kill -9 of the whole server (F3, F8): 503 meanwhile, and nothing by hand afterwards."""
    url = own_postgres.url(own_postgres.create_database())
    postroom = fork_postroom(database=url, poll_seconds=0.1, lease_seconds=3, heartbeat_seconds=0.5).start()
    postroom.deliver_to(sink.port)
    with LedgerClient(tmp_path, postroom.connect) as client:
        client.start(300)
        wait_until(lambda: len(client.acknowledged) > 50, 30, lambda: "no load came about")
        own_postgres.kill9()
        wait_until(lambda: post(postroom, "no@sink.test") == 503, 10, lambda: "it does not say that it can't")
        own_postgres.start()
        promised = client.finish()
    recovers(postroom, sink, "after")
    postroom.settle([promise.message for promise in promised])
    accounts = {promise.message: account_of(postroom.api, promise.message) for promise in promised}
    taken = [record for record in sink.taken() if not {"no@sink.test", "after@sink.test"} & set(record.recipients)]
    judge(promised, client.intended, accounts, taken).assert_nothing_wrong()


def test_a_postgresql_that_is_cut_off_and_comes_back(
    fork_postroom: Callable[..., Postroom], sink: Sink, postgres: Postgres, make_proxy: Callable[[int, Faults], Proxy]
) -> None:
    proxy = make_proxy(postgres.port, Faults())
    url = postgres.tcp_url(postgres.create_database(), proxy.port)
    postroom = fork_postroom(database=url, poll_seconds=0.1).start()
    postroom.deliver_to(sink.port)
    for n in range(3):
        recovers(postroom, sink, f"before{n}")
        proxy.faults = Faults(refuse=True)
        proxy.cut_all()
        assert post(postroom, "no@sink.test") == 503
        proxy.faults = Faults()
        recovers(postroom, sink, f"after{n}")
    postroom.stop()


def test_it_stops_in_time_while_its_database_is_gone(
    fork_postroom: Callable[..., Postroom], make_sink: Callable[..., Sink], own_postgres: Postgres
) -> None:
    """With results in hand that nobody takes any more: they are in doubt, and the next start says so."""
    sink = make_sink(options={"dot_delay": 0.3})
    url = own_postgres.url(own_postgres.create_database())
    postroom = fork_postroom(database=url, poll_seconds=0.1, lease_seconds=3, heartbeat_seconds=0.5).start()
    postroom.deliver_to(sink.port)
    message = postroom.api.send("ok@sink.test")
    sink.wait_for(1)
    own_postgres.kill9()
    postroom.stop(20)
    own_postgres.start()
    postroom.start()
    postroom.settle([message])
    assert account_of(postroom.api, message).doubts == {"ok@sink.test": 1}
    postroom.stop()
