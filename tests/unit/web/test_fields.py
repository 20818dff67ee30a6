"""A message in JSON: what becomes of it, and that everything wrong with it is told at once."""

from __future__ import annotations

import base64
import dataclasses
import json
from typing import Any

import pytest

from postroom.errors import BadInput, Fault
from postroom.model.message import Draft, DraftAttachment, Priority
from postroom.web.api.document import example_message
from postroom.web.api.faults import MOST, Faults
from postroom.web.api.fields import ATTACHMENT, MESSAGE, draft_from, in_json_names


def faults_of(given: Any, most: int = MOST) -> dict[str, str]:
    faults = Faults(most)
    draft_from(given, faults)
    return {fault.field: f"{fault.problem} {fault.mend}" for fault in faults}


def draft_of(given: Any) -> Draft:
    faults = Faults()
    draft = draft_from(given, faults)
    assert not faults
    return draft


def test_every_field_arrives_in_the_draft() -> None:
    draft = draft_of({
        "from": "News <news@example.com>",
        "to": "a@example.org",
        "cc": ["b@example.org", "c@example.org"],
        "bcc": [],
        "reply_to": ["d@example.org"],
        "return_path": "bounces@example.com",
        "subject": "Grüße",
        "text": "t",
        "html": "<p>h",
        "attachments": [{"filename": "a.txt", "content": "aGk=", "content_type": "text/plain", "inline": True}],
        "headers": {"X-One": "1", "X-Two": ["2", "3"]},
        "kind": "invoice",
        "priority": "urgent",
        "send_at": "2026-11-20T14:30:00+01:00",
        "expires_at": "2026-11-21T00:00:00Z",
        "tags": ["x", "y"],
        "metadata": {"order": "4711"},
        "account": "Main",
        "hold": True,
        "secret": True,
        "receipt": False,
        "receipt_to": "r@example.com",
        "unknown": "hold",
    })  # fmt: skip
    assert draft == Draft(
        to=("a@example.org",),
        cc=("b@example.org", "c@example.org"),
        sender="News <news@example.com>",
        subject="Grüße",
        text="t",
        html="<p>h",
        reply_to=("d@example.org",),
        return_path="bounces@example.com",
        receipt_to="r@example.com",
        request_receipt=False,
        attachments=(DraftAttachment("a.txt", b"hi", "text/plain", None, True),),
        headers=(("X-One", "1"), ("X-Two", "2"), ("X-Two", "3")),
        kind="invoice",
        priority=Priority.URGENT,
        send_at_ms=1_795_181_400_000,
        expires_at_ms=1_795_219_200_000,
        tags=("x", "y"),
        metadata=(("order", "4711"),),
        account="Main",
        hold=True,
        secret=True,
        unknown_policy="hold",
    )


def test_a_draft_has_no_field_that_json_can_not_give_but_what_others_say() -> None:
    """A field added to the draft is not forgotten at this door."""
    ours = {"message_id", "template_version", "bulk_id"}
    assert {row.into for row in MESSAGE.values()} == {field.name for field in dataclasses.fields(Draft)} - ours
    assert {row.into for row in ATTACHMENT.values()} == {field.name for field in dataclasses.fields(DraftAttachment)}


def test_the_documented_example_is_a_good_message() -> None:
    assert draft_of(example_message()).to


@pytest.mark.parametrize("name", MESSAGE)
def test_null_means_not_given(name: str) -> None:
    assert draft_of({name: None}) == Draft()


@pytest.mark.parametrize("wrong", [3, 1.5, {"a": {"b": 1}}, [[]], [3]])
def test_wrong_types_everywhere_are_told_all_at_once(wrong: Any) -> None:
    """One answer names every field; nothing has to be sent twice to find the next mistake."""
    found = faults_of(dict.fromkeys(MESSAGE, wrong))
    wanted = set(MESSAGE) - ({"variables"} if isinstance(wrong, dict) else set())  # they may be any object
    assert {field.partition("[")[0].partition(".")[0] for field in found} == wanted


def test_wrong_text_where_text_is_not_enough() -> None:
    words = dict.fromkeys(("hold", "secret", "receipt"), "yes") | {"priority": "high", "unknown": "maybe"}
    moments = {"send_at": "tomorrow", "expires_at": "2026-11-20T14:30:00"}
    objects = dict.fromkeys(("attachments", "headers", "metadata"), "text")
    assert set(faults_of(words | moments | objects)) == set(words | moments | objects)


@pytest.mark.parametrize("given", [[], "text", 3, None, True])
def test_a_message_is_an_object(given: Any) -> None:
    assert faults_of(given)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("subjct", "subject"),
        ("sender", "from"),
        ("replyTo", "reply_to"),
        ("body", "text"),
        ("TO", "to"),
        ("htm", "html"),
    ],
)
def test_an_unknown_field_is_a_fault_and_says_what_was_probably_meant(typed: str, meant: str) -> None:
    assert f"Did you mean {meant}?" in faults_of({typed: "x"})[typed]


def test_the_message_id_can_not_be_chosen() -> None:
    assert "Postroom makes it" in faults_of({"message_id": "<x@example.org>"})["message_id"]


def test_faults_are_told_in_their_place() -> None:
    found = faults_of({
        "to": ["a@example.org", 3],
        "attachments": [{"filename": "a"}, 5, {"name": "b", "content": "%"}],
        "metadata": {"a": 1},
        "headers": {"X-A": [1]},
    })  # fmt: skip
    assert set(found) == {
        "to[1]",
        "attachments[0].content",
        "attachments[1]",
        "attachments[2].name",
        "attachments[2].content",
        "attachments[2].filename",
        "metadata.a",
        "headers.X-A[0]",
    }


def test_faults_are_bounded() -> None:
    """A million wrong values are not answered by a million faults."""
    found = faults_of({"to": [1] * 100_000, "cc": [2] * 100_000})
    assert len(found) == MOST + 1
    assert "there is more wrong" in found[""]


def test_a_monstrous_name_is_neither_echoed_nor_compared() -> None:
    field, words = next(iter(faults_of({"x" * 1_000_000: 1}).items()))
    assert len(field) <= 60
    assert "Leave it out" in words
    assert "\x1b" not in next(iter(faults_of({"\x1b[31m\r\nred": 1})))


@pytest.mark.parametrize("spelled", [base64.b64encode(b"x" * 100).decode(), base64.encodebytes(b"x" * 100).decode()])
def test_base64_may_be_broken_into_lines(spelled: str) -> None:
    draft = draft_of({"attachments": [{"filename": "a", "content": spelled}]})
    assert draft.attachments[0].content == b"x" * 100


@pytest.mark.parametrize("spelled", ["%%%", "aGk", "aGk=aGk=", "aGk-", "ä", "aGk=\x00", "=", "a"])
def test_what_is_not_quite_base64_is_refused(spelled: str) -> None:
    assert "attachments[0].content" in faults_of({"attachments": [{"filename": "a", "content": spelled}]})


@pytest.mark.parametrize(
    "moment", ["", "0000-00-00T00:00:00Z", "9999-12-31T23:59:59-23:59", "2026-11-20", "x" * 10_000]
)
def test_odd_times_are_faults_and_not_crashes(moment: str) -> None:
    found = faults_of({"send_at": moment})
    assert not found or list(found) == ["send_at"]


def test_faults_from_behind_the_door_get_the_names_of_json() -> None:
    error = BadInput([Fault("sender", "p", "m"), Fault("send_at_ms", "p", "m"), Fault("to[3]", "p", "m")])
    assert [fault.field for fault in in_json_names(error).faults] == ["from", "send_at", "to[3]"]


def test_values_that_look_like_types_are_not_taken_for_them() -> None:
    """JSON's 1 is no true, and true is no text."""
    found = faults_of(json.loads('{"hold": 1, "subject": true, "tags": {"0": "a"}}'))
    assert set(found) == {"hold", "subject", "tags"}
