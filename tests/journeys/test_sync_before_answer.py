"""P1, seen from outside: what is answered with 202 was on the disk before, as the kernel was asked, not as we say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.rigs.fixtures import require
from tests.rigs.postgres import Postgres
from tests.rigs.postroom import Postroom
from tests.rigs.trace import Call, calls, strace

MESSAGES = 25


def exchanges(traced: list[Call]) -> list[tuple[Call, Call]]:
    """For each message its request as read and its 202 as written."""
    requests = [
        call
        for call in traced
        if call.name in ("read", "recvfrom", "recvmsg") and "POST /v1/messages HTTP" in call.text
    ]
    answers = [
        call for call in traced if call.name in ("write", "writev", "sendto", "sendmsg") and "HTTP/1.1 202" in call.text
    ]
    assert len(requests) == len(answers) == MESSAGES
    return list(zip(requests, answers, strict=True))


def send(postroom: Postroom) -> None:
    for n in range(MESSAGES):
        assert postroom.api.post("/v1/messages", {"to": [f"ok+{n}@sink.test"], "text": "x"}).status == 202


def test_sqlite_is_synced_between_each_request_and_its_202(
    make_postroom: Callable[..., Postroom], tmp_path: Path
) -> None:
    require("strace")
    output = tmp_path / "trace"
    postroom = make_postroom().start(before=strace(output))
    send(postroom)
    process = postroom.process.pid
    postroom.stop()
    traced = calls(output, ended=process)
    for request, answer in exchanges(traced):
        disk = [call for call in traced if request.ended < call.ended < answer.began and (call.syncs or is_disk(call))]
        assert disk, "nothing was written"
        assert disk[-1].syncs, f"answered after {disk[-1]}, which was not synced"


def is_disk(call: Call) -> bool:
    return call.name in ("pwrite64", "pwritev")


def test_postgres_is_synced_between_each_request_and_its_202(
    make_postroom: Callable[..., Postroom], tmp_path: Path
) -> None:
    require("strace")
    with Postgres(durable=True) as postgres:
        name = postgres.create_database()
        postgres.process.stop()
        postgres_output, output = postgres.folder / "trace", tmp_path / "trace"
        postgres.start(before=strace(postgres_output, "fsync,fdatasync,pwrite64,pwritev"))
        postroom = make_postroom(database=postgres.url(name)).start(before=strace(output))
        send(postroom)
        process = postroom.process.pid
        postroom.stop()
        syncs = [call for call in calls(postgres_output) if call.syncs]
    for request, answer in exchanges(calls(output, ended=process)):
        assert any(request.ended < sync.began and sync.ended < answer.began for sync in syncs), (
            f"no sync before {answer}"
        )
