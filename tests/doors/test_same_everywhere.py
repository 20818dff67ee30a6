"""One table of cases through every door: the same result, the same refusals, whichever way a message is handed over."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any, cast

import pytest

from tests.doors.cases import CASES, FROM, Case, Refused, Taken
from tests.doors.cases_doors import DOORS, IN_WORDS, House, open_house


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """An installation with all its doors open."""
    with open_house(tmp_path_factory.mktemp("house")) as opened:
        yield opened


def fits(case: Case, door: str) -> bool:
    """Whether this can be said at this door: the engine in a program asks for no key, and so on."""
    return (
        (case.composed or door in IN_WORDS)
        and (case.key == "webshop" or door != "embedded")
        and door.partition(" ")[0] != case.not_by
    )


TABLE = [pytest.param(door, case, id=f"{case.name}-{door}") for case in CASES for door in DOORS if fits(case, door)]


@pytest.mark.parametrize(("door", "case"), TABLE)
def test_every_door_comes_to_the_same(house: House, door: str, case: Case) -> None:
    before = house.count(door)
    came = DOORS[door](house, case)
    if isinstance(case.result, Refused):
        assert came == case.result
        assert house.count(door) == before, "what is refused leaves nothing behind"
        return
    assert isinstance(came, str), came
    view, octets = house.look(door, came)
    seen = _seen(view, email.message_from_bytes(octets, policy=email.policy.default))
    assert seen == _wanted(case, case.result)
    for one in case.words.get("bcc", ()):
        assert one.encode() not in octets
    assert b"\n" not in octets.replace(b"\r\n", b"")
    assert b"x-postroom-" not in octets.lower()


def _wanted(case: Case, result: Taken) -> dict[str, Any]:
    words = case.words
    author = email.message_from_string(f"From: {words.get('sender', FROM)}\n\n", policy=email.policy.default)["from"]
    return {
        "recipients": dict(result.recipients),
        "author": (author.addresses[0].display_name, FROM),
        "sender": FROM,
        "return_path": words.get("return_path", FROM),
        "subject": words.get("subject", ""),
        "headers": dict(words.get("headers", {})),
        "reply_to": list(words.get("reply_to", ())),
        "kind": words.get("kind", ""),
        "tags": list(words.get("tags", ())),
        "priority": words.get("priority", "normal"),
        "times": tuple(_moment(words.get(name)) for name in ("send_at", "expires_at")),
        "text": words.get("text", "").rstrip("\n"),
        "html": words["html"].rstrip("\n") if "html" in words else None,
        "files": sorted((name, octets, kind) for name, octets, kind in words.get("attachments", ())),
        "images": sorted((name, octets) for name, octets in words.get("inline", ())),
        "dated": True,
    }


def _moment(text: str | None) -> str | None:
    return text and text.replace("Z", ".000Z")


def _seen(view: dict[str, Any], message: EmailMessage) -> dict[str, Any]:
    author = message["from"].addresses[0]
    parts = [cast(EmailMessage, part) for part in message.walk() if not part.is_multipart()]
    images = [part for part in parts if part["content-id"]]
    files = [part for part in parts if part.get_content_disposition() == "attachment" and part not in images]
    bodies = {part.get_content_subtype(): part for part in parts if part not in [*images, *files]}
    own = ("x-case", "list-id")
    return {
        "recipients": {one["address"]: one["role"] for one in view["recipients"]},
        "author": (author.display_name, author.addr_spec),
        "sender": view["from"],
        "return_path": view["return_path"],
        "subject": view["subject"],
        "headers": {name: str(value) for name, value in message.items() if name.lower() in own},
        "reply_to": [str(one) for one in message["reply-to"].addresses] if message["reply-to"] else [],
        "kind": view["kind"],
        "tags": view["tags"],
        "priority": view["priority"],
        "times": (view["send_at"], view["expires_at"]),
        "text": _text(bodies.get("plain")) or "",
        "html": _text(bodies.get("html")),
        "files": sorted((part.get_filename(), _octets(part), part.get_content_type()) for part in files),
        "images": sorted((str(part["content-id"]).strip("<>"), _octets(part)) for part in images),
        "dated": bool(message["date"] and message["message-id"] and view["message_id"]),
    }


def _text(part: EmailMessage | None) -> str | None:
    return None if part is None else str(part.get_content()).replace("\r\n", "\n").rstrip("\n")


def _octets(part: EmailMessage) -> bytes:
    return cast(bytes, part.get_payload(decode=True))
