"""Each message goes the one way that its settings say: sender, account, courier, first state, and every refusal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postroom.addresses import Address
from postroom.errors import Fault
from postroom.ids import encode
from postroom.model.account import AccountState
from postroom.model.message import Draft, Priority
from postroom.model.sender import Sender
from postroom.model.state import FIRST, State
from postroom.model.tenant import INSTALLATION, Footer, Mode, Sending, TenantSettings, UnknownPolicy
from postroom.policy.route import NATIVE, PLACEHOLDER, Route, route
from postroom.policy.snapshot import Snapshot
from tests.unit.policy.settings import (
    ACME,
    BACKUP,
    FOREIGN,
    HOST,
    MAIN,
    OTHER,
    SALES,
    SHARED,
    SMTP,
    SUPPORT,
    acme,
    bare,
    installation,
    other,
    usual,
)

HELLO = Draft(to=("you@example.org",), subject="Hello", text="…")


def way(snapshot: Snapshot, tenant_id: int = ACME, draft: Draft = HELLO, **special: bool) -> Route:
    found = route(snapshot, tenant_id, draft, **special)
    assert isinstance(found, Route), found
    return found


def faults(snapshot: Snapshot, tenant_id: int = ACME, draft: Draft = HELLO, **special: bool) -> list[Fault]:
    found = route(snapshot, tenant_id, draft, **special)
    assert isinstance(found, list), found
    return found


def ask(**wishes: object) -> Draft:
    return replace(HELLO, **wishes)  # type: ignore[arg-type]


# -- a newcomer's first minutes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "state"), [(Mode.SILENT, State.SILENCED), (Mode.DISABLED, State.DISABLED)])
def test_the_first_mail_is_taken_before_anything_is_set_up(mode: Mode, state: State) -> None:
    found = way(bare(mode), INSTALLATION)
    assert (found.state, found.sender, found.account_id, found.sender_id) == (state, PLACEHOLDER, None, None)
    assert found.return_path == "postroom@localhost.invalid"


def test_the_first_mail_keeps_the_from_it_names() -> None:
    found = way(bare(), INSTALLATION, ask(sender="Me <me@example.org>"))
    assert found.sender == Address("me", "example.org", "Me")
    assert found.effective.sender.source == "message"


@pytest.mark.parametrize("mode", [Mode.SMTP, Mode.NATIVE])
def test_once_mail_leaves_a_sender_has_to_be_set_up(mode: Mode) -> None:
    (missing,) = faults(bare(mode), INSTALLATION)
    assert missing.field == "sender"
    assert "postroom sender add" in missing.mend
    (unknown,) = faults(bare(mode), INSTALLATION, ask(sender="me@example.org"))
    assert "me@example.org is not one of the senders" in unknown.problem


def test_an_account_with_an_e_mail_address_as_its_user_is_enough_to_send() -> None:
    account = replace(SHARED, sender_address="", sender_name="", user="me@host.example", rewrite_from=False)
    snapshot = Snapshot.of([installation(replace(SMTP, default_account_id=account.id))], [account])
    found = way(snapshot, INSTALLATION)
    assert (found.sender.spec, found.state, found.account_id) == ("me@host.example", State.QUEUED, account.id)
    assert way(snapshot, INSTALLATION, ask(sender="me@host.example")).sender.spec == "me@host.example"


def test_another_tenants_senders_do_not_end_a_new_tenants_first_minutes() -> None:
    snapshot = Snapshot.of([installation(TenantSettings()), acme(TenantSettings()), other()], [], [HOST, SUPPORT])
    assert way(Snapshot.of([installation(TenantSettings()), other()], [], [SUPPORT]), OTHER).sender == PLACEHOLDER
    (fault,) = faults(snapshot, OTHER)
    assert fault.field == "sender", "the installation has a sender that could be made the default"


# -- sender -----------------------------------------------------------------------------------------------------------


def test_the_default_sender_is_used_when_the_message_names_none() -> None:
    found = way(usual())
    assert (found.sender, found.sender_id) == (Address("support", "acme.example", "Acme Support"), SUPPORT.id)
    assert found.effective.sender.source == "tenant Acme"


def test_a_named_sender_must_be_one_of_the_tenants() -> None:
    found = way(usual(), draft=ask(sender="sales@acme.example"))
    assert (found.sender.spec, found.sender_id) == ("sales@acme.example", SALES.id)
    (fault,) = faults(usual(), draft=ask(sender="boss@acme.example"))
    assert fault.field == "sender"
    assert "sales@acme.example, support@acme.example" in fault.mend
    assert "service@host.example" not in fault.mend


@pytest.mark.parametrize("address", ["them@other.example", "service@host.example", "Support@acme.example"])
@pytest.mark.parametrize("mode", list(Mode))
def test_nobody_sends_as_somebody_else_in_any_mode(address: str, mode: Mode) -> None:
    """Silent mode behaves like the real thing: what would be refused there is refused here."""
    assert [fault.field for fault in faults(usual(mode), draft=ask(sender=address))] == ["sender"]


def test_the_name_is_the_messages_else_the_senders() -> None:
    assert way(usual(), draft=ask(sender="support@acme.example")).sender.name == "Acme Support"
    assert way(usual(), draft=ask(sender="Hi <support@acme.example>")).sender.name == "Hi"


def test_a_tenant_without_senders_uses_the_installations() -> None:
    snapshot = Snapshot.of(
        [installation(replace(SMTP, default_sender_id=HOST.id, default_account_id=SHARED.id)), other()],
        [replace(SHARED, rewrite_from=False)],
        [HOST],
    )
    assert way(snapshot, OTHER).sender_id == HOST.id
    assert way(snapshot, OTHER, ask(sender="service@host.example")).sender_id == HOST.id
    assert faults(snapshot, OTHER, ask(sender="shop@other.example"))


def test_a_tenant_with_senders_does_not_inherit_the_installations_default_sender() -> None:
    snapshot = Snapshot.of(
        [installation(replace(SMTP, default_sender_id=HOST.id)), acme(TenantSettings())], [], [HOST, SUPPORT]
    )
    assert [fault.field for fault in faults(snapshot)] == ["sender"]


def test_an_account_without_a_default_sender_sends_from_its_own_address() -> None:
    snapshot = Snapshot.of([installation(), acme(TenantSettings(default_account_id=MAIN.id))], [MAIN])
    found = way(snapshot)
    assert (found.sender.spec, found.effective.sender.source) == ("mail@acme.example", "account Main relay")
    assert found.account_id == MAIN.id


def test_the_own_address_of_an_account_leaves_through_that_account() -> None:
    second = replace(BACKUP, sender_address="news@acme.example", sender_name="News")
    snapshot = Snapshot.of([installation(), acme()], [MAIN, second], [SUPPORT])
    found = way(snapshot, draft=ask(sender="news@acme.example"))
    assert (found.account_id, found.sender, found.routed) == (
        second.id,
        Address("news", "acme.example", "News"),
        "sender",
    )
    assert way(snapshot, draft=ask(sender="mail@acme.example")).routed == "default"


@pytest.mark.parametrize("row", [None, Sender(200, ACME, "nonsense"), replace(SUPPORT, tenant_id=OTHER)])
def test_a_default_sender_that_is_gone_or_unreadable_or_anothers_counts_as_none(row: Sender | None) -> None:
    snapshot = Snapshot.of([installation(), acme(), other()], [replace(MAIN, sender_address="")], [row] if row else [])
    assert [fault.field for fault in faults(snapshot)] == ["sender"]


# -- the default mailbox (EL2) ----------------------------------------------------------------------------------------


def test_a_tenant_without_anything_sends_through_the_default_mailbox() -> None:
    found = way(usual(), OTHER, ask(sender="them@other.example"))
    assert found.account_id == FOREIGN.id, "its own sender has its own account"
    snapshot = Snapshot.of([installation(replace(SMTP, default_account_id=SHARED.id)), other()], [SHARED])
    found = way(snapshot, OTHER, ask(sender="Shop <shop@new.example>"))
    assert found.sender == Address("noreply", "host.example", "Shop")
    assert found.reply_to == (Address("shop", "new.example", "Shop"),)
    assert found.return_path == "noreply@host.example"
    assert (found.account_id, found.sender_id, found.routed) == (SHARED.id, None, "default")


def test_the_default_mailbox_is_also_a_default_sender() -> None:
    snapshot = Snapshot.of([installation(replace(SMTP, default_account_id=SHARED.id)), other()], [SHARED])
    found = way(snapshot, OTHER)
    assert (found.sender, found.reply_to) == (Address("noreply", "host.example", "Host"), ())


def test_a_tenant_with_senders_is_held_to_them_through_the_default_mailbox_too() -> None:
    snapshot = Snapshot.of(
        [installation(replace(SMTP, default_account_id=SHARED.id)), acme(TenantSettings())], [SHARED], [SUPPORT]
    )
    assert faults(snapshot, draft=ask(sender="boss@acme.example"))
    found = way(snapshot, draft=ask(sender="support@acme.example"))
    assert (found.sender.spec, found.reply_to[0].spec) == ("noreply@host.example", "support@acme.example")


def test_the_default_mailbox_takes_no_bulk_mail() -> None:
    snapshot = Snapshot.of([installation(replace(SMTP, default_account_id=SHARED.id)), other()], [SHARED])
    (fault,) = faults(snapshot, OTHER, ask(priority=Priority.BULK))
    assert fault.field == "priority"
    assert isinstance(route(usual(), ACME, ask(priority=Priority.BULK)), Route)
    assert isinstance(route(snapshot, INSTALLATION, ask(priority=Priority.BULK)), Route), "its owner's own"


# -- account ----------------------------------------------------------------------------------------------------------


def test_the_messages_account_goes_before_the_senders_and_that_before_the_default() -> None:
    assert (way(usual()).account_id, way(usual()).routed) == (MAIN.id, "default")
    sales = way(usual(), draft=ask(sender="sales@acme.example"))
    assert (sales.account_id, sales.routed) == (BACKUP.id, "sender")
    named = way(usual(), draft=ask(sender="sales@acme.example", account="main relay"))
    assert (named.account_id, named.routed) == (MAIN.id, "message")


@pytest.mark.parametrize("name", ["Backup", "backup", encode("a", BACKUP.id), str(BACKUP.id)])
def test_an_account_is_named_by_its_name_or_its_id(name: str) -> None:
    assert way(usual(), draft=ask(account=name)).account_id == BACKUP.id


@pytest.mark.parametrize("name", ["nowhere", encode("a", FOREIGN.id), str(FOREIGN.id), "9" * 30, "²", "a_"])
def test_an_account_of_nobody_or_of_another_tenant_is_no_account(name: str) -> None:
    (fault,) = faults(usual(), draft=ask(account=name))
    assert fault == Fault("account", "There is no such account here.", "Give the name or id of one, or leave it out.")


def test_an_installations_account_may_be_named() -> None:
    assert way(usual(), draft=ask(account="Default mailbox")).account_id == SHARED.id


def test_a_named_account_sends_from_its_own_address_unless_the_message_says_otherwise() -> None:
    assert way(usual(), draft=ask(account="Main relay")).sender.spec == "mail@acme.example"
    assert way(usual(), draft=ask(account="Backup")).sender.spec == "support@acme.example"


def test_a_senders_account_that_is_gone_or_anothers_counts_as_none() -> None:
    for account_id in (FOREIGN.id, 999):
        snapshot = usual(support=replace(SUPPORT, account_id=account_id))
        assert (way(snapshot).account_id, way(snapshot).routed) == (MAIN.id, "default")


def test_without_an_account_the_message_waits_and_is_not_lost() -> None:
    snapshot = Snapshot.of([installation(), acme(TenantSettings(default_sender_id=SUPPORT.id))], [], [SUPPORT])
    found = way(snapshot)
    assert (found.state, found.reason, found.account_id, found.routed) == (State.HELD, "no-account", None, "default")
    assert found.recipients_per_transaction == 100


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"enabled": False}, "account-disabled"), ({"state": AccountState.PAUSED}, "account-paused"), ({}, "")],
)
def test_mail_for_an_account_that_is_off_or_paused_waits_in_the_queue(change: dict[str, object], reason: str) -> None:
    found = way(usual(main=replace(MAIN, **change)))  # type: ignore[arg-type]
    assert (found.state, found.reason, found.account_id) == (State.QUEUED, reason, MAIN.id)


# -- tenant, mode and first state -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "courier", "state", "account_id"),
    [
        (Mode.DISABLED, "disabled", State.DISABLED, MAIN.id),
        (Mode.SILENT, "silent", State.SILENCED, MAIN.id),
        (Mode.NATIVE, "native", State.QUEUED, NATIVE),
        (Mode.SMTP, "smtp", State.QUEUED, MAIN.id),
    ],
)
def test_the_mode_decides_the_courier_and_the_first_state(
    mode: Mode, courier: str, state: State, account_id: int
) -> None:
    found = way(usual(mode))
    assert (found.courier, found.state, found.account_id) == (courier, state, account_id)
    assert found.state in FIRST


@pytest.mark.parametrize("mode", [Mode.NATIVE, Mode.SMTP])
def test_a_message_is_held_when_it_asks_for_it_or_its_sender_is(mode: Mode) -> None:
    held = way(usual(mode), draft=ask(hold=True))
    assert (held.state, held.reason) == (State.HELD, "by-hand")
    paused = way(usual(mode, support=replace(SUPPORT, paused_reason="not allowed to send as")))
    assert (paused.state, paused.reason) == (State.HELD, "sender-held")


@pytest.mark.parametrize("mode", [Mode.SILENT, Mode.DISABLED])
def test_what_stays_here_is_not_held_besides(mode: Mode) -> None:
    state = way(usual(mode, support=replace(SUPPORT, paused_reason="x")), draft=ask(hold=True)).state
    assert state in (State.SILENCED, State.DISABLED)


def test_in_native_mode_no_account_takes_part() -> None:
    account = replace(MAIN, reply_to="relay@acme.example", footer_text="account's", rewrite_from=True)
    found = way(usual(Mode.NATIVE, main=account))
    assert (found.reply_to, found.footer, found.sender.spec) == ((), None, "support@acme.example")
    assert found.recipients_per_transaction == 100


def test_nothing_is_accepted_for_a_suspended_tenant_or_one_that_is_not_there() -> None:
    snapshot = Snapshot.of([installation(), acme(suspended=True)], [MAIN], [SUPPORT])
    (fault,) = faults(snapshot)
    assert fault.problem == "Acme is suspended: nothing is accepted for it."
    assert [fault.field for fault in faults(usual(), 99)] == ["tenant"]


def test_a_suspended_installation_suspends_all_tenants() -> None:
    snapshot = Snapshot.of([replace(installation(), suspended=True), acme()], [MAIN], [SUPPORT])
    assert [fault.field for fault in faults(snapshot)] == ["tenant"]


# -- what the message asks for ----------------------------------------------------------------------------------------


def test_the_way_carries_everything_that_is_in_effect() -> None:
    account = replace(MAIN, footer_text="bye", limits=replace(MAIN.limits, recipients=7))
    top = replace(SMTP, sending=Sending.INSTANTLY)
    snapshot = Snapshot.of([installation(top), acme()], [account], [SUPPORT])
    draft = ask(
        reply_to=("a@app.example", "B <b@app.example>"),
        return_path="back@app.example",
        receipt_to="read@app.example",
        unknown_policy="hold",
    )
    found = way(snapshot, draft=draft)
    assert found.reply_to == (Address("a", "app.example"), Address("b", "app.example", "B"))
    assert found.return_path == "back@app.example"
    assert found.receipt_to == Address("read", "app.example")
    assert found.unknown_policy is UnknownPolicy.HOLD
    assert (found.footer, found.instantly, found.recipients_per_transaction) == (Footer("bye"), True, 7)


def test_a_null_return_path_is_written_with_angle_brackets() -> None:
    assert way(usual(), draft=ask(return_path="<>")).return_path == ""
    assert way(usual(), draft=ask(return_path="  ")).return_path == "support@acme.example"


def test_everything_that_is_wrong_is_told_at_once() -> None:
    draft = ask(
        sender="nonsense",
        reply_to=("fine@app.example", "bad"),
        return_path="bad",
        receipt_to="bad",
        unknown_policy="maybe",
        account="nowhere",
    )
    found = {fault.field for fault in faults(usual(), draft=draft)}
    assert found == {"sender", "reply_to[1]", "return_path", "receipt_to", "unknown_policy", "account"}


@pytest.mark.parametrize("field", ["sender", "return_path", "receipt_to"])
@pytest.mark.parametrize("evil", ["a@b.example\r\nBcc: x@y.example", "a@b.example\0", "a@b.example\u2028"])
def test_no_control_character_gets_into_a_way(field: str, evil: str) -> None:
    assert [fault.field for fault in faults(usual(), draft=ask(**{field: evil}))] == [field]


# -- tests and releases -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", list(Mode))
def test_a_test_leaves_through_its_account_whatever_the_mode_is(mode: Mode) -> None:
    found = way(usual(mode), draft=ask(account="Main relay"), test=True)
    assert (found.courier, found.state, found.account_id, found.routed) == ("smtp", State.QUEUED, MAIN.id, "test")


def test_a_test_of_an_account_without_any_address_says_what_is_missing() -> None:
    snapshot = Snapshot.of([installation(TenantSettings())], [replace(SHARED, sender_address="", rewrite_from=False)])
    (fault,) = faults(snapshot, INSTALLATION, ask(account="Default mailbox"), test=True)
    assert fault.field == "sender"


@pytest.mark.parametrize(
    ("mode", "courier", "account_id"),
    [(Mode.SILENT, "smtp", MAIN.id), (Mode.SMTP, "smtp", MAIN.id), (Mode.NATIVE, "native", NATIVE)],
)
def test_what_a_person_releases_leaves_with_the_from_it_has(mode: Mode, courier: str, account_id: int) -> None:
    found = way(usual(mode), draft=ask(sender="old@acme.example"), released=True)
    assert (found.state, found.courier, found.account_id, found.routed) == (
        State.QUEUED,
        courier,
        account_id,
        "released",
    )
    assert found.sender.spec == "old@acme.example"


def test_what_a_person_releases_still_waits_for_a_held_sender_and_for_an_account() -> None:
    snapshot = usual(support=replace(SUPPORT, paused_reason="x"))
    assert way(snapshot, draft=ask(sender="support@acme.example"), released=True).reason == "sender-held"
    assert way(bare(), INSTALLATION, ask(sender="me@example.org"), released=True).reason == "no-account"


def test_nothing_is_released_while_sending_is_disabled() -> None:
    (fault,) = faults(usual(Mode.DISABLED), draft=ask(sender="support@acme.example"), released=True)
    assert fault.field == "mode"


def test_the_placeholder_never_leaves() -> None:
    (fault,) = faults(usual(), draft=ask(sender=PLACEHOLDER.spec), released=True)
    assert "hand the message over again" in fault.mend
    assert faults(usual(), draft=ask(sender=PLACEHOLDER.spec))


# -- remembering ------------------------------------------------------------------------------------------------------


def test_messages_without_wishes_share_one_way_and_wishes_are_not_remembered() -> None:
    snapshot = usual()
    assert way(snapshot) is way(snapshot, draft=ask(subject="Other"))
    assert way(snapshot, draft=ask(reply_to=("a@b.example",))).reply_to != way(snapshot).reply_to
    assert way(snapshot, draft=ask(hold=True)).state is State.HELD
    assert way(snapshot).state is State.QUEUED
    assert way(snapshot, draft=ask(request_receipt=True)).receipt_to is not None
    assert way(snapshot).receipt_to is None


def test_very_long_names_are_not_remembered() -> None:
    snapshot = usual()
    before = len(snapshot._memory)
    assert faults(snapshot, draft=ask(sender="x" * 10_000))
    assert way(snapshot, draft=ask(sender=f"{'y' * 250} <support@acme.example>")).sender_id == SUPPORT.id
    assert all(len(str(key)) < 1_000 for key in snapshot._memory)
    assert len(snapshot._memory) > before


def test_refusals_are_remembered_without_being_shared() -> None:
    snapshot = usual()
    first = faults(snapshot, draft=ask(sender="nobody@acme.example"))
    first.append(Fault("to", "", ""))
    assert len(faults(snapshot, draft=ask(sender="nobody@acme.example"))) == 1
