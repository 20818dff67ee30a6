"""A node that stops in the middle of a transaction (frozen, its cable pulled) holds up no other node for long."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import Connection, text

from postroom.store import engine
from postroom.store.database import Store

TOUCH = text("UPDATE node SET role = :words")
NODES = 2


def touch(connection: Connection, words: str) -> int:
    return connection.execute(TOUCH, {"words": words}).rowcount


def test_its_locks_are_gone_soon_and_it_works_on_afterwards(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_STUCK_MS", 200)
    stuck, other = Store(postgres_url), Store(postgres_url)
    holds, goes_on = threading.Event(), threading.Event()

    def stop_in_the_middle(connection: Connection) -> int:
        changed = touch(connection, "stuck")
        holds.set()
        goes_on.wait(60)
        return changed

    try:
        frozen = stuck.write(stop_in_the_middle)
        assert holds.wait(30)
        assert other.write(lambda c: touch(c, "other")).result(timeout=30) == NODES
        assert not frozen.done()
        goes_on.set()
        assert frozen.result(timeout=30) == NODES, "its transaction was gone: what it was doing is done anew"
        found = other.read(lambda c: c.execute(text("SELECT DISTINCT role FROM node")).scalars().all()).result()
        assert found == ["stuck"]
    finally:
        goes_on.set()
        other.close()
        stuck.close()
