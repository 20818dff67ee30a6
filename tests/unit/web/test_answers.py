"""Nouns in JSON: ids as text, times as RFC 3339, and the hand-written receipt is the JSON it claims to be."""

from __future__ import annotations

import json

from postroom import ids
from postroom.model.account import Account, Encryption
from postroom.model.application import Key, Scope
from postroom.outbox import Receipt, RecipientReceipt
from postroom.web.api.answers import plain, receipt_json


def test_a_receipt_is_json_whatever_a_server_said() -> None:
    reply = '550 "no" \\ \x00\x1b[31m </script> \u2028 ä \N{GRINNING FACE}\r\n'
    one = RecipientReceipt(0, '"a b"@example.org', "failed", reply, "user-unknown", "It's gone.", None, 3)
    two = RecipientReceipt(1, "ä@example.org", "queued", due_ms=1_795_181_400_000)
    found = json.loads(receipt_json(Receipt(7, (one, two))))
    assert found == {
        "id": ids.encode("m", 7),
        "state": "mixed",
        "recipients": [
            {
                "n": 0,
                "address": '"a b"@example.org',
                "state": "failed",
                "reply": reply,
                "diagnosis": "user-unknown",
                "explanation": "It's gone.",
                "due_at": None,
                "attempts": 3,
            },
            {
                "n": 1,
                "address": "ä@example.org",
                "state": "queued",
                "reply": "",
                "diagnosis": "",
                "explanation": "",
                "due_at": "2026-11-20T13:30:00.000Z",
                "attempts": 0,
            },
        ],
    }


def test_a_noun_shows_its_ids_and_times_in_words() -> None:
    account = Account(5, 1, "Main", "h", 25, Encryption.NONE, created_ms=1_000, fallback_account_id=6)
    shown = plain(account, "a")
    assert shown["id"] == ids.encode("a", 5)
    assert shown["tenant_id"] == ids.encode("t", 1)
    assert shown["fallback_account_id"] == ids.encode("a", 6)
    assert shown["encryption"] == "none"
    assert shown["created_at"] == "1970-01-01T00:00:01.000Z"
    assert shown["limits"]["connections"] == 4


def test_lists_of_words_are_in_order() -> None:
    key = Key(1, 1, 1, "abc", frozenset({Scope.SEND, Scope.ACT, Scope.READ}), 0)
    assert plain(key, "k")["scopes"] == sorted(["messages:send", "messages:act", "messages:read"])
