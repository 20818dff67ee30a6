"""People are told the whole why: each step with its value, the place where it was set, and a sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postroom.model.message import Draft
from postroom.model.tenant import INSTALLATION, Mode, Sending, TenantSettings
from postroom.policy.explain import explain
from postroom.policy.route import Explanation, Route, route
from postroom.policy.snapshot import Snapshot
from tests.unit.policy.settings import ACME, MAIN, OTHER, SHARED, SMTP, SUPPORT, acme, bare, installation, other, usual

HELLO = Draft(to=("you@example.org",), subject="Hello", text="…")


def steps(snapshot: Snapshot, tenant_id: int = ACME, draft: Draft = HELLO, **special: bool) -> dict[str, Explanation]:
    found = route(snapshot, tenant_id, draft, **special)
    assert isinstance(found, Route), found
    return {one.step: one for one in explain(found)}


def test_every_step_has_a_value_and_a_sentence() -> None:
    for mode in Mode:
        found = steps(usual(mode))
        assert list(found)[:3] == ["mode", "sender", "account"]
        for one in found.values():
            assert one.value
            assert one.sentence.endswith(".")


def test_each_value_says_where_it_was_set() -> None:
    found = steps(usual(), draft=replace(HELLO, sender="sales@acme.example", reply_to=("me@app.example",)))
    assert found["mode"].source == "installation"
    assert found["sender"].source == "message"
    assert found["account"] == Explanation(
        "account",
        "Backup (backup.acme.example:587)",
        "sender sales@acme.example",
        "It goes through the account that belongs to its sender.",
    )
    assert (found["reply_to"].value, found["reply_to"].source) == ("me@app.example", "message")
    assert found["retention"].source == "default"
    assert steps(usual())["account"].source == "tenant Acme"


@pytest.mark.parametrize(
    ("snapshot", "draft", "told"),
    [
        (usual(), HELLO, "It leaves as soon as it is its turn."),
        (usual(), replace(HELLO, hold=True), "It waits until it is released, as the message asks."),
        (usual(support=replace(SUPPORT, paused_reason="x")), HELLO, "this sender's mail is held"),
        (usual(main=replace(MAIN, enabled=False)), HELLO, "the account is switched off"),
        (usual(Mode.SILENT), HELLO, "It is kept here and can be read and released."),
        (usual(Mode.DISABLED), HELLO, "sending is disabled"),
    ],
)
def test_the_first_state_is_explained(snapshot: Snapshot, draft: Draft, told: str) -> None:
    assert told in steps(snapshot, draft=draft)["state"].sentence


def test_a_newcomer_is_told_what_is_missing() -> None:
    found = steps(bare(), INSTALLATION)
    assert "No sender is set up yet" in found["sender"].sentence
    assert found["account"].sentence == "No account is set up that it could go through."
    waiting = Snapshot.of([installation(), acme(TenantSettings(default_sender_id=SUPPORT.id))], [], [SUPPORT])
    assert "it leaves once there is one" in steps(waiting)["state"].sentence


def test_rewriting_is_told() -> None:
    snapshot = Snapshot.of([installation(replace(SMTP, default_account_id=SHARED.id)), other()], [SHARED])
    found = steps(snapshot, OTHER, replace(HELLO, sender="shop@new.example"))
    assert found["sender"].value == "Shop <noreply@host.example>".replace("Shop", "Host")
    assert "replaces the From address shop@new.example by its own" in found["sender"].sentence
    assert found["reply_to"].value == "shop@new.example"


def test_the_native_command_needs_no_account() -> None:
    assert steps(usual(Mode.NATIVE))["account"].sentence == "The mail command of this machine needs no account."


def test_what_was_asked_for_is_told() -> None:
    snapshot = Snapshot.of(
        [installation(replace(SMTP, sending=Sending.INSTANTLY, footer_text="bye")), acme()], [MAIN], [SUPPORT]
    )
    draft = replace(HELLO, request_receipt=True, return_path="<>", unknown_policy="hold")
    found = steps(snapshot, draft=draft)
    assert (found["receipt_to"].value, found["receipt_to"].source) == ("support@acme.example", "tenant Acme")
    assert (found["return_path"].value, found["return_path"].source) == ("<>", "message")
    assert (found["footer"].value, found["footer"].source) == ("yes", "installation")
    assert "waits for the first answer" in found["sending"].sentence
    assert "held for a person" in found["unknown_policy"].sentence
    assert "sending" not in steps(usual(Mode.SILENT))


def test_a_guard_is_told_once_one_can_be_set() -> None:
    top = replace(SMTP, guard_redirect="all@test.example", guard_allow=("a@b.example",))
    snapshot = Snapshot.of([installation(top), acme()], [MAIN], [SUPPORT])
    found = route(snapshot, ACME, HELLO)
    assert isinstance(found, Route)
    assert [one.value for one in explain(found, found.effective) if one.step == "guard"] == [
        "all@test.example",
        "a@b.example",
    ]


def test_who_chose_the_account_is_told_for_a_test_and_a_release() -> None:
    test = steps(usual(), draft=replace(HELLO, account="Main relay"), test=True)
    assert test["account"].sentence == "It tests this account."
    released = steps(usual(), draft=replace(HELLO, sender="old@acme.example"), released=True)
    assert released["account"].sentence.startswith("It was released by a person")
