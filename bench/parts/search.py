"""Searches and lists in a full mailing log: the first pages of each, on each database.

The log is a year's, with a few per cent of everything that is rare, one recipient of a thousand, several senders,
kinds, applications and tags, and subjects of a small vocabulary with a number in each. All of it is listed under its
terms, as upkeep does it; the last messages are not, as in life. The figure is the longest of several pages, in
milliseconds: what a person waits for is no ratio.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice

from sqlalchemy import Connection, text

from bench.bench import Bench
from bench.figures import Figure
from postroom.clock import now_ms
from postroom.ids import id_at
from postroom.reports import Query
from postroom.store import tables, terms
from postroom.store.bulk import Row, insert_rows
from postroom.store.database import Store
from tests.store.house import ADMIN, DAY_MS, House

__all__ = ["measure"]

_AIM = 200.0
_PAGES = 4
_YEAR_MS = 365 * DAY_MS
_MESSAGE = (
    "id", "tenant_id", "created_ms", "application_id", "sender", "mail_from", "subject", "message_id", "size", "kind",
    "tags",
)  # fmt: skip
_RECIPIENT = ("message_id", "n", "tenant_id", "address", "state", "account_id", "due_ms", "updated_ms", "reply")
_WORDS = ("order", "invoice", "reminder", "welcome", "ticket", "Änderung", "report", "password", "meeting", "shipment")
_KINDS = ("", "news", "invoice", "alert", "reset")
_QUERIES = {
    "everything": Query(),
    "an address": Query(recipient="joe.777@customer7.example"),
    "an address that all have": Query(recipient="all@customer.example"),
    "an address's beginning": Query(recipient="joe.12*"),
    "a part of an address": Query(recipient="@customer99.example"),
    "a part inside a word": Query(recipient="*stomer99.exa"),
    "a sender": Query(sender="sales3@"),
    "a word of the subject": Query(subject="anderung"),
    "two words of the subject": Query(subject="invoice 4711"),
    "a word nobody wrote": Query(text="xylophone"),
    "free text, rare": Query(text="needle"),
    "free text, frequent": Query(text="order joe"),
    "a beginning of many words": Query(text="jo"),
    "failed": Query(state="failed"),
    "waiting": Query(state="queued"),
    "sent of a kind": Query(state="sent", kind="alert"),
    "an application": Query(application="shop"),
    "a tag": Query(tag="batch-3"),
    "an old kind and a new word": Query(kind="reset", subject="needle"),
    "a month of a year ago": Query(since_ms=1, until_ms=2, text="report"),
    "a cry in the wilderness": Query(text="*zzzz"),
}  # fmt: skip


def measure(bench: Bench) -> list[Figure]:
    figures = []
    with ExitStack() as stack:
        for database in bench.databases:
            folder = bench.folder_for(f"search-{database}")
            house = House(bench.database(stack, database) or f"sqlite:///{folder / 'postroom.db'}", folder)
            stack.callback(house.close)
            _fill(bench, house, database)
            for name, ask in _questions(house).items():
                found = tuple(_longest(ask) for _ in range(max(bench.size.rounds, 2)))
                bench.say(f"  {database}, {name}: {max(found):.1f} ms")
                figures.append(Figure("search", f"{name}, {database}", found, _AIM, at_most=True, unit="ms"))
    return figures


def _questions(house: House) -> dict[str, Callable[[], list[float]]]:
    pages = {name: _pages_of(house, query) for name, query in _QUERIES.items()}
    return pages | {"the queue": lambda: [_timed(lambda: house.reports.queue(ADMIN).result())[0]]}


def _pages_of(house: House, query: Query) -> Callable[[], list[float]]:
    if query.until_ms is not None:
        start = now_ms() - _YEAR_MS
        query = Query(text=query.text, since_ms=start, until_ms=start + 30 * DAY_MS)

    def ask() -> list[float]:
        cursor, times = None, []
        for _ in range(_PAGES):
            at = cursor
            took, page = _timed(lambda: house.reports.search(ADMIN, query, at).result())  # noqa: B023  (called at once)
            times.append(took)
            cursor = page.next
            if cursor is None:
                break
        return times

    return ask


def _timed(function: Callable[[], object]) -> tuple[float, object]:
    began = time.perf_counter()
    answer = function()
    return (time.perf_counter() - began) * 1000, answer


def _longest(ask: Callable[[], list[float]]) -> float:
    return max(ask())


# -- a year's mail ----------------------------------------------------------------------------------------------------


def _fill(bench: Bench, house: House, database: str) -> None:
    messages = bench.size.searched
    bench.say(f"  {database}: writing a log of {messages:,}")
    rows = _mail(messages, now_ms(), house.office.create_application(ADMIN, "shop").result().id)
    while some := list(islice(rows, 20_000)):
        _write(house.store, some)
    _settle(house.store)
    began = time.perf_counter()
    house.list_everything(until_ms=now_ms() - terms.SETTLED_MS)
    bench.say(f"  {database}: listed, {(time.perf_counter() - began) / messages * 1e6:.0f} µs a message")
    _settle(house.store)


def _write(store: Store, some: Sequence[tuple[Row, list[Row]]]) -> None:
    def write(connection: Connection) -> None:
        insert_rows(connection, tables.message, _MESSAGE, [message for message, _ in some])
        insert_rows(connection, tables.recipient, _RECIPIENT, [row for _, to in some for row in to])

    store.write(write).result()


def _mail(messages: int, now: int, shop: int) -> Iterator[tuple[Row, list[Row]]]:
    """Spread over a year, up to this moment."""
    step = _YEAR_MS / messages
    for n in range(messages):
        at = int(now - _YEAR_MS + (n + 1) * step)
        number = id_at(at) + n % 4096
        word, other = _WORDS[n % 10], _WORDS[n // 10 % 10]
        subject = f"{word} {n * 7919 % 100_003} {other}" + (" needle" if n % 250_000 == 77 else "")
        sender = f"sales{n % 7}@shop.example"
        tags = f'["batch-{n % 400}"]' if n % 4 == 0 else None
        kind = "reset" if n < messages // 10 else _KINDS[n % 4]
        yield (
            (
                number,
                1,
                at,
                shop if n % 9 == 4 else None,
                sender,
                sender,
                subject,
                f"{number}@shop.example",
                2_000,
                kind,
                tags,
            ),
            _recipients(number, n, messages, at),
        )


def _recipients(number: int, n: int, messages: int, at: int) -> list[Row]:
    state = "sent"
    if n > messages - messages // 500:
        state = "queued"
    elif n % 97 == 0:
        state = "failed"
    elif n % 1013 == 0:
        state = "silenced"
    due = at if state == "queued" else None
    to = [f"joe.{n % 50_000}@customer{n % 1_000}.example"] + (["all@customer.example"] if n % 3 == 0 else [])
    return [(number, place, 1, one, state, 5, due, at + 900, "") for place, one in enumerate(to)]


def _settle(store: Store) -> None:
    if store.sqlite:
        return
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT", postroom_writes=True) as connection:
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("CHECKPOINT"))
