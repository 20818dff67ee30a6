"""Accounts: what an administrator types is understood or refused with words, and moving the default moves its mail."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest

from postroom.errors import BadInput, Conflict, Forbidden, NotFound
from postroom.ids import encode
from postroom.model.account import AccountState, Encryption, Login
from postroom.model.application import Actor, Scope
from postroom.model.state import State
from postroom.office import routing
from tests.store.house import ADMIN, House

S = State


def fields_of(future: Any) -> set[str]:
    """The fields that are at fault."""
    with pytest.raises(BadInput) as caught:
        (future() if callable(future) else future).result()
    return {fault.field for fault in caught.value.faults}


def test_the_first_account_becomes_the_default_and_a_second_one_does_not(house: House) -> None:
    first = house.office.create_account(ADMIN, {"host": "smtp.example.com"}).result()
    second = house.office.create_account(ADMIN, {"host": "other.example.com"}).result()
    assert (first.is_default, second.is_default) == (True, False)
    assert house.office.snapshot.account_for(1) is None or house.office.snapshot.account_for(1) == first.account.id
    assert [view.account.name for view in house.office.accounts(ADMIN).result()] == [
        "smtp.example.com", "other.example.com",
    ]  # fmt: skip


def test_the_only_account_becomes_the_default_when_it_is_switched_on_and_tested(house: House) -> None:
    """EL3: a tenant may prepare its account while it still uses the inherited one."""
    tenant = house.tenant("acme")
    inherited, account = house.account("ours"), house.account("theirs", tenant, enabled=False)
    mail = house.mail(("a@example.org", S.QUEUED, {"account_id": inherited}), tenant_id=tenant.tenant_id)
    assert not house.office.account(tenant, account).result().is_default
    assert not house.office.change_account(tenant, account, {"enabled": True}).result().is_default
    assert house.account_of(mail) == [inherited]
    tested = house.office.account(tenant, account).result().account
    assert house.office.note_tested(tested).result()
    assert house.office.account(tenant, account).result().is_default
    assert house.account_of(mail) == [account]
    second = house.account("second", tenant, enabled=False)
    assert not house.office.change_account(tenant, second, {"enabled": True}).result().is_default


def test_a_test_of_an_earlier_server_proves_nothing(house: House) -> None:
    """EL3: it has to be this very server and login; what else is changed does not matter."""
    house.account("ours")
    tenant = house.tenant("acme")
    account = house.account("theirs", tenant)
    tested = house.office.account(tenant, account).result().account
    house.office.change_account(tenant, account, {"host": "other.example"}).result()
    assert house.office.note_tested(tested).result() is False
    for take_over in (
        lambda: house.office.set_default_account(tenant, account).result(),
        lambda: house.office.change_tenant(tenant, {"default_account_id": "theirs"}).result(),
    ):
        with pytest.raises(Conflict):
            take_over()
    changed = house.office.change_account(tenant, account, {"footer_text": "x"}).result().account
    assert house.office.note_tested(replace(changed, footer_text="y")).result()
    assert house.office.account(tenant, account).result().is_default


def test_without_a_default_of_the_installation_a_tenant_needs_no_test(house: House) -> None:
    tenant = house.tenant("acme")
    account = house.account("theirs", tenant)
    assert house.office.account(tenant, account).result().is_default


def test_the_snapshot_has_a_change_before_the_caller_has_its_answer(house: House) -> None:
    before = house.office.snapshot
    view = house.office.create_account(ADMIN, {"host": "smtp.example.com"}).result()
    assert view.account.id not in before.accounts
    assert house.office.snapshot.accounts[view.account.id] == view.account
    assert house.office.snapshot.version == before.version + 1
    assert house.office.refresh().result() is False


def test_another_node_sees_the_change_when_it_looks(house: House) -> None:
    """Every change bumps the version in its transaction; a node that sees another version reads all anew."""
    house.sql("UPDATE account SET name = name")
    account = house.account("main")
    settled = house.office.snapshot
    house.sql("UPDATE account SET name = 'renamed elsewhere'")
    assert house.office.refresh().result() is False
    house.sql("UPDATE meta SET value = '4711' WHERE name = 'settings_version'")
    assert house.office.refresh().result() is True
    assert house.office.snapshot.accounts[account].name == "renamed elsewhere"
    assert settled.accounts[account].name == "main"


def test_all_mistakes_are_told_at_once(house: House) -> None:
    house.account("main")
    values = {
        "name": "Main", "host": "two words", "port": 0, "encryption": "rot13", "reply_to": "nobody", "limits.size": 1,
        "footer_html": 7, "nonsense": 1, "enabled": "perhaps", "sender_name": "a\r\nBcc: x",
        "limits": {"recipients": 0},
    }  # fmt: skip
    found = fields_of(lambda: house.office.create_account(ADMIN, values, "pass\nword"))
    assert found == {
        "name", "host", "port", "encryption", "reply_to", "limits.size", "footer_html", "nonsense", "enabled",
        "sender_name", "limits.recipients", "secret", "user",
    }  # fmt: skip
    assert len(house.office.accounts(ADMIN).result()) == 1


def test_nothing_is_half_done_when_a_change_is_refused(house: House) -> None:
    house.account("main")
    before = house.office.account(ADMIN, "main").result()
    fields_of(lambda: house.office.change_account(ADMIN, "main", {"name": "new", "port": 99999}, "fresh"))
    assert house.office.account(ADMIN, "main").result() == before


def test_two_accounts_never_differ_in_case_only(house: House) -> None:
    house.account("Main")
    house.account("second")
    assert fields_of(lambda: house.office.create_account(ADMIN, {"name": "MAIN", "host": "x.example"})) == {"name"}
    assert fields_of(lambda: house.office.change_account(ADMIN, "second", {"name": "main"})) == {"name"}
    assert house.office.change_account(ADMIN, "main", {"name": "MAIN"}).result().account.name == "MAIN"


def test_an_account_is_found_by_id_number_and_name(house: House) -> None:
    number = house.account("Main")
    for ref in (number, str(number), encode("a", number), "Main", " main "):
        assert house.office.account(ADMIN, ref).result().account.id == number
        assert house.office.find_account(ADMIN, ref).id == number
    for ref in (number + 1, "nothing", encode("m", number), "", -1, 1 << 80, "9" * 40):
        with pytest.raises(NotFound):
            house.office.account(ADMIN, ref).result()
        with pytest.raises(NotFound):
            house.office.find_account(ADMIN, ref)


def test_the_port_goes_with_the_encryption(house: House) -> None:
    def made(**values: object) -> tuple[Encryption, int]:
        account = house.office.create_account(ADMIN, {"name": f"n{len(values)}{values}", "host": "h.example", **values})
        found = account.result().account
        return found.encryption, found.port

    assert made() == (Encryption.STARTTLS, 587)
    assert made(encryption="tls") == (Encryption.TLS, 465)
    assert made(encryption="none") == (Encryption.NONE, 25)
    assert made(port=465) == (Encryption.TLS, 465)
    assert made(port="2525") == (Encryption.STARTTLS, 2525)
    assert made(ssl=True) == (Encryption.TLS, 465)
    assert made(ssl=False) == (Encryption.NONE, 25)
    assert made(use_tls=True, use_ssl=False) == (Encryption.STARTTLS, 587)
    assert made(**{"SMTP.Server": "h.example", "SMTP.Port": 587}) == (Encryption.STARTTLS, 587)
    changed = house.account("moved", encryption="tls")
    assert house.office.change_account(ADMIN, changed, {"encryption": "starttls"}).result().account.port == 587
    house.office.change_account(ADMIN, changed, {"port": 2525}).result()
    assert house.office.change_account(ADMIN, changed, {"encryption": "tls"}).result().account.port == 2525


def test_two_words_for_one_field_must_agree(house: House) -> None:
    values = {"host": "a.example", "SMTP.Server": "b.example", "ssl": True, "encryption": "starttls"}
    assert fields_of(lambda: house.office.create_account(ADMIN, values)) == {"SMTP.Server", "encryption"}


def test_what_is_missing_or_unwise_is_said(house: House) -> None:
    view = house.office.create_account(ADMIN, {"host": "h.example", "user": "u"}).result()
    assert view.account.login is Login.PASSWORD
    assert any("password" in need for need in view.needs)
    view = house.office.change_account(ADMIN, "h.example", {"ignore_certificate_errors": True}, "secret").result()
    assert view.needs == ()
    assert view.has_secret
    assert any("Certificate errors are ignored" in warning for warning in view.warnings)
    view = house.office.change_account(ADMIN, "h.example", {"enabled": False, "encryption": "none"}, "secret").result()
    assert any("switched off" in need for need in view.needs)
    assert any("unencrypted" in warning for warning in view.warnings)
    assert fields_of(lambda: house.office.change_account(ADMIN, "h.example", {"user": ""})) == {"user"}
    assert fields_of(lambda: house.office.change_account(ADMIN, "h.example", {"rewrite_from": True})) == {
        "rewrite_from"
    }


# -- the default and its mail -----------------------------------------------------------------------------------------


def test_moving_the_default_moves_the_mail_that_followed_it_and_no_other(house: House) -> None:
    old, new = house.account("old"), house.account("new")
    follows = house.mail(
        ("a@example.org", S.QUEUED, {"account_id": old}), ("b@example.org", S.DEFERRED, {"account_id": old})
    )
    chosen = house.mail(("a@example.org", S.QUEUED, {"account_id": old, "routed": "message"}))
    in_hand = house.mail(("a@example.org", S.SENDING, {"account_id": old}))
    over = house.mail(("a@example.org", S.FAILED, {"account_id": old}))
    view = house.office.set_default_account(ADMIN, "new").result()
    assert view.is_default
    assert house.office.account(ADMIN, "old").result().is_default is False
    assert house.account_of(follows) == [new, new]
    assert [house.account_of(number) for number in (chosen, in_hand, over)] == [[old], [old], [old]]


def test_mail_that_waited_for_an_account_leaves_once_there_is_one(house: House) -> None:
    """Nothing is lost for want of a setting; what a person holds stays held."""
    orphan = house.mail(("a@example.org", S.HELD, {"reason": "no-account"}))
    later = house.mail(("a@example.org", S.HELD, {"reason": "no-account"}), send_at_ms=1 << 42)
    by_hand = house.mail(("a@example.org", S.HELD, {"reason": "by-hand"}))
    account = house.account("first")
    assert (house.states(orphan), house.account_of(orphan)) == (["queued"], [account])
    assert house.states(by_hand) == ["held"]
    due = house.sql("SELECT due_ms FROM recipient WHERE message_id = :id", id=later)
    assert due[0].due_ms == 1 << 42
    events = house.reports.timeline(ADMIN, orphan).result().events
    assert [event.kind.value for event in events] == ["accepted", "released"]


def test_tenants_that_inherit_the_default_follow_the_installations(house: House) -> None:
    inherits, own = house.tenant("inherits"), house.tenant("own")
    old = house.account("old")
    theirs = house.account("theirs", own)
    one = house.mail(("a@example.org", S.QUEUED, {"account_id": old}), tenant_id=inherits.tenant_id)
    two = house.mail(("a@example.org", S.QUEUED, {"account_id": theirs}), tenant_id=own.tenant_id)
    new = house.account("new")
    house.office.set_default_account(ADMIN, "new").result()
    assert (house.account_of(one), house.account_of(two)) == ([new], [theirs])
    mine = house.account("mine", inherits)
    house.office.set_default_account(inherits, "mine", force=True).result()
    assert house.account_of(one) == [mine]


def test_a_long_queue_is_moved_in_batches(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each batch is a commit of its own; the answer comes when all has moved."""
    monkeypatch.setattr(routing, "BATCH", 3)
    old, new = house.account("old"), house.account("new")
    numbers = [house.mail(("a@example.org", S.QUEUED, {"account_id": old})) for _ in range(10)]
    held = [house.mail(("a@example.org", S.HELD, {"reason": "no-account"})) for _ in range(7)]
    house.office.set_default_account(ADMIN, "new").result()
    assert {tuple(house.account_of(number)) for number in numbers + held} == {(new,)}


# -- pausing ----------------------------------------------------------------------------------------------------------


def test_a_person_pauses_and_resumes(house: House) -> None:
    account = house.account("main")
    view = house.office.pause_account(ADMIN, "main", "Moving house").result()
    assert (view.account.state, view.account.paused_reason) == (AccountState.PAUSED, "Moving house")
    assert any("Moving house" in need for need in view.needs)
    assert house.office.pause_for(account, "535").result() is False
    house.office.change_account(ADMIN, "main", {"host": "new.example", "user": "u"}, "fresh").result()
    assert house.office.snapshot.accounts[account].state is AccountState.PAUSED
    assert house.office.resume_due(1 << 50).result() == []
    assert house.office.resume_account(ADMIN, "main").result().account.state is AccountState.READY


def test_what_a_server_paused_is_tried_again_after_a_change_that_may_mend_it(house: House) -> None:
    account = house.account("main", user="u", login="password")
    assert house.office.pause_for(account, "The password was refused.").result() is True
    assert house.office.pause_for(account, "again").result() is False
    house.office.change_account(ADMIN, "main", {"footer_text": "Kind regards"}).result()
    assert house.office.snapshot.accounts[account].state is AccountState.PAUSED
    house.office.change_account(ADMIN, "main", {}, "the right password").result()
    assert house.office.snapshot.accounts[account].state is AccountState.READY


def test_a_late_answer_to_old_settings_pauses_nothing(house: House) -> None:
    account = house.account("main")
    version = house.office.snapshot.accounts[account].version
    house.office.change_account(ADMIN, "main", {"host": "new.example"}).result()
    assert house.office.pause_for(account, "535 from the old host", version=version).result() is False
    assert house.office.pause_for(account, "535", version=version + 1).result() is True


def test_a_pause_for_a_time_ends_by_itself(house: House) -> None:
    account = house.account("main")
    house.office.pause_for(account, "The day's quota is used up.", resume_ms=1000).result()
    assert house.office.resume_due(999).result() == []
    assert house.office.resume_due(1000).result() == ["main"]
    assert house.office.snapshot.accounts[account].state is AccountState.READY


# -- deleting ---------------------------------------------------------------------------------------------------------


def test_an_account_with_waiting_mail_is_not_deleted_but_says_how_much_waits(house: House) -> None:
    account, _ = house.account("main"), house.account("second")
    house.office.create_sender(ADMIN, {"address": "shop@example.com", "account": "main"}).result()
    house.mail(("a@example.org", S.QUEUED, {"account_id": account}), ("b@example.org", S.HELD, {"account_id": account}))
    with pytest.raises(Conflict) as caught:
        house.office.delete_account(ADMIN, "main").result()
    assert "2 mails are waiting" in caught.value.text
    assert "shop@example.com" in caught.value.text
    assert "default" in caught.value.text
    assert caught.value.fields["waiting"] == 2


def test_what_depends_on_a_deleted_account_moves_to_its_heir(house: House) -> None:
    account, heir = house.account("main", user="u", login="password"), house.account("second")
    house.office.change_account(ADMIN, "main", {}, "hunter2").result()
    sender = house.office.create_sender(ADMIN, {"address": "shop@example.com", "account": "main"}).result().sender
    states = (S.QUEUED, S.DEFERRED, S.HELD, S.UNKNOWN, S.SILENCED, S.SENT)
    mail = house.mail(*[("a@example.org", state, {"account_id": account}) for state in states])
    house.office.delete_account(ADMIN, "main", move_to="second").result()
    assert house.account_of(mail) == [heir, heir, heir, heir, heir, account]
    assert house.office.snapshot.senders[sender.id].account_id == heir
    assert house.office.snapshot.tenants[1].settings.default_account_id == heir
    assert house.sql("SELECT * FROM credential") == []
    with pytest.raises(NotFound):
        house.office.account(ADMIN, account).result()


def test_an_account_in_use_at_this_moment_is_not_deleted(house: House) -> None:
    account, _ = house.account("main"), house.account("second")
    house.mail(("a@example.org", S.SENDING, {"account_id": account}))
    with pytest.raises(Conflict, match="being sent"):
        house.office.delete_account(ADMIN, "main", move_to="second").result()


def test_the_only_account_can_go_when_nothing_needs_it(house: House) -> None:
    account = house.account("main")
    silenced = house.mail(("a@example.org", S.SILENCED, {"account_id": account}))
    house.office.delete_account(ADMIN, "main").result()
    assert house.office.snapshot.tenants[1].settings.default_account_id is None
    assert house.account_of(silenced) == [None]


def test_the_heir_must_be_another_account_of_the_same_tenant(house: House) -> None:
    house.account("main")
    other = house.tenant("other")
    foreign = house.account("foreign", other)
    for heir in ("main", foreign, "nothing"):
        assert fields_of(lambda heir=heir: house.office.delete_account(ADMIN, "main", move_to=heir)) == {"move_to"}


# -- walls ------------------------------------------------------------------------------------------------------------


def test_no_verb_reaches_another_tenants_account(house: House) -> None:
    """P8: by whatever reference; the answer is the same as for an account that does not exist."""
    mine, theirs = house.tenant("mine"), house.tenant("theirs")
    account = house.account("target", theirs)
    before = house.office.snapshot.accounts[account]
    office = house.office
    for ref in (account, encode("a", account), "target"):
        for call in (
            lambda ref=ref: office.account(mine, ref),
            lambda ref=ref: office.change_account(mine, ref, {"host": "evil.example"}, "x"),
            lambda ref=ref: office.delete_account(mine, ref),
            lambda ref=ref: office.set_default_account(mine, ref),
            lambda ref=ref: office.pause_account(mine, ref),
            lambda ref=ref: office.resume_account(mine, ref),
        ):
            with pytest.raises(NotFound):
                call().result()
    with pytest.raises(NotFound):
        office.accounts(mine, theirs.tenant_id)
    assert fields_of(lambda: office.create_sender(mine, {"address": "a@example.com", "account": account})) == {
        "account_id"
    }
    assert fields_of(lambda: office.change_tenant(mine, {"default_account": account})) == {"default_account_id"}
    assert house.office.snapshot.accounts[account] == before


@pytest.mark.parametrize("scope", [Scope.SEND, Scope.READ, Scope.CONTENT, Scope.ACT, Scope.SETTINGS_READ])
def test_only_who_may_write_settings_writes_them(house: House, scope: Scope) -> None:
    house.account("main")
    actor = Actor(1, frozenset({scope}))
    calls: list[Any] = [
        lambda: house.office.create_account(actor, {"host": "x.example"}),
        lambda: house.office.change_account(actor, "main", {}),
        lambda: house.office.delete_account(actor, "main"),
        lambda: house.office.set_default_account(actor, "main"),
        lambda: house.office.pause_account(actor, "main"),
        lambda: house.office.resume_account(actor, "main"),
        lambda: house.office.change_tenant(actor, {}),
        lambda: house.office.create_sender(actor, {"address": "a@example.com"}),
        lambda: house.office.create_tenant(actor, "x"),
        lambda: house.office.create_application(actor, "x"),
        lambda: house.office.create_key(actor, "x", [Scope.ADMIN]),
        lambda: house.office.revoke_key(actor, "x"),
        lambda: house.office.reseal_secrets(actor),
    ]
    for call in calls:
        with pytest.raises(Forbidden):
            call()
    readable: list[Future[Any]] = []
    if scope is Scope.SETTINGS_READ:
        readable = [house.office.accounts(actor), house.office.tenant(actor), house.office.keys(actor)]
    assert all(future.result() is not None for future in readable)
