"""P3, seen from outside: that a body may leave was on the disk before its last byte left, as the kernel was asked."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.rigs.fixtures import require
from tests.rigs.postroom import Postroom
from tests.rigs.sink import Sink
from tests.rigs.trace import Call, calls, strace

MESSAGES = 12
WRITES = ("write", "writev", "sendto", "sendmsg")
_HEADER = re.compile(r'"(?:From|Date|Message-ID|MIME-Version|Subject|To): ')


def durable(traced: list[Call], after: float, before: float) -> int:
    """How many commits were written and synced within this time."""
    count, written = 0, False
    for call in traced:
        if not (after < call.ended < before):
            continue
        if call.name in ("pwrite64", "pwritev"):
            written = True
        elif call.syncs and written:
            count, written = count + 1, False
    return count


@pytest.mark.parametrize(("policy", "commits"), [("hold", 2), ("retry", 1)])
@pytest.mark.parametrize("shape", ["chunking", "pipelining"])
def test_the_mark_is_on_the_disk_before_the_end_of_a_body_leaves(
    make_postroom: Callable[..., Postroom],
    make_sink: Callable[..., Sink],
    tmp_path: Path,
    shape: str,
    policy: str,
    commits: int,
) -> None:
    """Between a request and its message's end lie two commits: the acceptance, and the mark. Where sending twice is
    the policy anyway, a message that leaves at once through an open session is accepted marked: one commit is both.
    """
    require("strace")
    output = tmp_path / "trace"
    sink = make_sink(without=() if shape == "chunking" else ("CHUNKING",))
    postroom = make_postroom().start(before=strace(output))
    postroom.deliver_to(sink.port)
    postroom.api.call("PATCH", "/v1/settings", {"unknown_policy": policy}).expect(200)
    for n in range(MESSAGES):
        message = postroom.api.send(f"ok+{n}@sink.test")
        postroom.api.wait_for_state(message, "sent")
    process = postroom.process.pid
    postroom.stop()
    traced = calls(output, ended=process)
    requests = [call for call in traced if "POST /v1/messages " in call.text and call.name not in WRITES]
    sent = [call for call in traced if call.name in WRITES and ends_a_body(call, shape)]
    assert len(requests) == len(sent) == MESSAGES
    for n, (request, body) in enumerate(zip(requests, sent, strict=True)):
        assert request.ended < body.began
        enough = 2 if n == 0 else commits  # the first one waits for a session
        assert durable(traced, request.ended, body.began) >= enough, f"the mark of message {n} was not on the disk"


def ends_a_body(call: Call, shape: str) -> bool:
    """With CHUNKING everything leaves in one write, which begins with MAIL; else the body has a write of its own."""
    return "MAIL FROM:" in call.text if shape == "chunking" else bool(_HEADER.search(call.text))
