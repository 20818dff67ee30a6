"""Postroom inside a program: the same engine without a door, told what to hand over.

python -m bench.programs.embedded DATA [--database URL] [--port SINK --lanes 4] [--without-worker] [--instantly]

{"do": "many", "messages": 10000, "batch": 500, "ahead": 4}     send_many, so many calls under way at once
{"do": "each", "messages": 100}                                 send, one after the other
"""

from __future__ import annotations

import argparse
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from bench.child import serve
from bench.letter import SENDER, draft
from postroom.embedded import Postroom
from postroom.errors import PostroomError
from tests.rigs.process import RigFailed


def main(given: argparse.Namespace) -> None:
    database = {"database": given.database} if given.database else {}
    with Postroom(data=given.data, worker=not given.without_worker, **database) as postroom:
        if given.port:
            _through(postroom, given)
        ways: dict[str, Callable[..., dict[str, Any]]] = {"many": many, "each": each}
        serve(lambda do, **command: ways[do](postroom, **command))


def _through(postroom: Postroom, given: argparse.Namespace) -> None:
    """Mode smtp, by an account for the sink."""
    values = {
        "name": "sink",
        "host": "127.0.0.1",
        "port": given.port,
        "encryption": "none",
        "login": "none",
        "sender_address": SENDER.spec,
        "sender_name": SENDER.name,
        "limits": {"connections": given.lanes},
    }
    postroom.office.create_account(postroom.actor, values, None).result()
    sending = "instantly" if given.instantly else "background"
    postroom.office.change_tenant(postroom.actor, {"mode": "smtp", "sending": sending}).result()


def many(postroom: Postroom, messages: int, batch: int, ahead: int) -> dict[str, Any]:
    """As a program with much to send would: drafts made as it goes, the next call made before the last is answered."""
    began = time.monotonic()
    waiting: deque[Future[Any]] = deque()
    for start in range(0, messages, batch):
        drafts = [draft() for _ in range(min(batch, messages - start))]
        waiting.append(postroom.post_many(drafts))
        if len(waiting) > ahead:
            _all_taken(waiting.popleft())
    while waiting:
        _all_taken(waiting.popleft())
    return {"began": began, "ended": time.monotonic()}


def _all_taken(answers: Future[Any]) -> None:
    for answer in answers.result(120):
        if isinstance(answer, PostroomError):
            raise answer


def each(postroom: Postroom, messages: int) -> dict[str, Any]:
    began = time.monotonic()
    for _ in range(messages):
        receipt = postroom.post(draft()).result(60)
        if not receipt.instantly or receipt.state != "sent":
            raise RigFailed(f"a message that was to be sent instantly is {receipt.state}")
    return {"began": began, "ended": time.monotonic()}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--database", default="")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--lanes", type=int, default=4)
    parser.add_argument("--without-worker", action="store_true")
    parser.add_argument("--instantly", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main(_arguments())
