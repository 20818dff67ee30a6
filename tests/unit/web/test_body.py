"""Bodies are bounded before they are parsed, and JSON is read strictly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from postroom.errors import TooLarge
from postroom.web.api import body
from postroom.web.api.body import declared_length, parse_json, read_body, refuse_other_media
from postroom.web.api.problems import RequestError


def arriving(*pieces: bytes, complete: bool = True) -> Callable[[], Awaitable[dict[str, Any]]]:
    """A client that sends these pieces and then ends the request, or goes away."""
    waiting: list[dict[str, Any]] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    if complete:
        waiting[-1]["more_body"] = False
    waiting.append({"type": "http.disconnect"})

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    return receive


def test_a_body_comes_whole_however_it_is_cut() -> None:
    assert asyncio.run(read_body(arriving(b"abc"), 3)) == b"abc"
    assert asyncio.run(read_body(arriving(b"a", b"", b"bc"), 3)) == b"abc"


@pytest.mark.parametrize("pieces", [(b"abcd",), (b"ab", b"cd"), (b"a", b"b", b"c", b"d", b"e")])
def test_a_body_over_the_limit_is_given_up_at_the_octet_that_is_too_much(pieces: tuple[bytes, ...]) -> None:
    with pytest.raises(TooLarge):
        asyncio.run(read_body(arriving(*pieces), 3))


def test_a_body_that_breaks_off_is_no_body() -> None:
    with pytest.raises(RequestError):
        asyncio.run(read_body(arriving(b"{}", complete=False), 100))


def test_a_body_that_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "CHUNK_SECONDS", 0.001)
    never = asyncio.Event

    async def receive() -> dict[str, Any]:
        await never().wait()
        return {}

    async def read() -> bytes:
        return await read_body(receive, 100, {"type": "http.request", "body": b"{", "more_body": True})

    with pytest.raises(RequestError) as caught:
        asyncio.run(read())
    assert caught.value.kind.status == 408


@pytest.mark.parametrize("declared", [b"11", b"99999999999999999"])
def test_a_declared_length_over_the_limit_is_refused_before_a_byte_is_read(declared: bytes) -> None:
    with pytest.raises(TooLarge):
        declared_length({b"content-length": declared}, 10)


@pytest.mark.parametrize("declared", [b"-1", b"abc", b"1.5", b"", b"9" * 30])
def test_a_declared_length_that_is_none_is_refused(declared: bytes) -> None:
    with pytest.raises(RequestError):
        declared_length({b"content-length": declared}, 10)


def test_lengths_within_the_limit_pass() -> None:
    assert declared_length({b"content-length": b"10"}, 10) == 10
    assert declared_length({}, 10) is None


@pytest.mark.parametrize(
    "headers",
    [
        {b"content-encoding": b"gzip"},
        {b"content-encoding": b"br", b"content-type": b"application/json"},
        {b"content-type": b"text/plain"},
        {b"content-type": b"application/x-www-form-urlencoded"},
        {b"content-type": b"multipart/form-data; boundary=x"},
    ],
)
def test_compressed_and_foreign_bodies_are_refused(headers: dict[bytes, bytes]) -> None:
    """A small gzip may unfold without end; a browser's form may be sent by any page."""
    with pytest.raises(RequestError) as caught:
        refuse_other_media(headers)
    assert caught.value.kind.status == 415


@pytest.mark.parametrize("declared", [b"application/json", b"Application/JSON; charset=utf-8", b"application/a+json"])
def test_json_by_any_of_its_names_passes(declared: bytes) -> None:
    refuse_other_media({b"content-type": declared, b"content-encoding": b"identity"})


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"  \n",
        b"{",
        b'{"a": 1,}',
        b"{'a': 1}",
        b"nul",
        b'{"a": 1} x',
        b'{"a": NaN}',
        b"[Infinity]",
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'{"a": "\xff"}',
        b'\xff\xfe{\x00}\x00',
        b'{"a": "tab\there"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" + b"1" * 10_000 + b"]",
        b'{"a": "\\ud800"}',
        b'{"\\uDFFF": 1}',
        b'[[["x", {"y": "\\ud83dx"}]]]',
    ],
)  # fmt: skip
def test_what_is_not_quite_json_is_refused_with_a_sentence(octets: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        parse_json(octets)
    assert caught.value.kind.status == 400
    assert caught.value.detail.endswith(".")


@pytest.mark.parametrize("piece", [b"{},", b"[],", b'"ab",', b"1,"])
def test_a_bomb_is_refused_before_it_unfolds(piece: bytes) -> None:
    """A19: 30 MB of empty objects are a gigabyte of memory."""
    with pytest.raises(TooLarge):
        parse_json(b"[" + piece * 4_000_000 + b"1]")


def test_long_prose_is_no_bomb() -> None:
    prose = "Dear Ann, this is a long letter, with [notes] and {braces} here and there. " * 100_000
    assert parse_json(json.dumps({"text": prose}).encode()) == {"text": prose}


def test_a_name_given_twice_is_told_without_what_could_disturb_a_terminal() -> None:
    with pytest.raises(RequestError) as caught:
        parse_json(b'{"\\u001b[31m": 1, "\\u001b[31m": 2}')
    assert caught.value.detail.isprintable()


@pytest.mark.parametrize(
    ("octets", "value"),
    [
        (b"{}", {}),
        (b' {"a": [1, 2.5, true, null, "\xc3\xa4"]} ', {"a": [1, 2.5, True, None, "ä"]}),
        (b'"\\ud83d\\ude00"', "\N{GRINNING FACE}"),
        (b'{"a": {"a": 1}}', {"a": {"a": 1}}),
    ],
)
def test_json_is_read(octets: bytes, value: Any) -> None:
    assert parse_json(octets) == value
