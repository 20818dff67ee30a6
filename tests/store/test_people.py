"""Tenants, senders, applications and keys."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from postroom.clock import now_ms
from postroom.errors import BadInput, Conflict, Forbidden, NotFound, Unauthenticated
from postroom.ids import encode
from postroom.model.application import Actor, Scope
from postroom.model.message import Draft
from postroom.model.state import State
from postroom.model.tenant import INSTALLATION, Mode, TenantSettings
from postroom.office import Office
from tests.store.house import ADMIN, House

S = State


def faults_of(call: Any) -> dict[str, str]:
    with pytest.raises(BadInput) as caught:
        call().result()
    return {fault.field: fault.problem for fault in caught.value.faults}


# -- tenants ----------------------------------------------------------------------------------------------------------


def test_the_first_start_founds_the_installation_in_silent_mode_and_no_later_one_does(house: House) -> None:
    assert house.office.founded
    assert house.office.tenant(ADMIN).result().settings.mode is Mode.SILENT
    house.office.change_tenant(ADMIN, {"mode": "smtp"}).result()
    again = Office(house.store, house.ring, house.settings)
    assert not again.founded
    assert again.snapshot.tenants[INSTALLATION].settings.mode is Mode.SMTP


def test_every_setting_of_a_tenant_is_set_and_inherited_again(house: House) -> None:
    tenant = house.tenant("acme")
    account = house.account("main", tenant)
    sender = house.office.create_sender(tenant, {"address": "a@example.com"}).result().sender
    given: dict[str, object] = {
        "mode": "SMTP", "sending": "instantly", "default_sender_id": encode("s", sender.id),
        "default_account_id": account,
        "footer_text": "Kind\r\nregards", "footer_html": "<p>Kind regards</p>", "recipients_choose": True,
        "unknown_policy": "hold", "content_days": 7, "log_days": "90", "retry_minutes": "1, 5,15", "retry_days": 2,
        "guard_redirect": None, "guard_allow": None, "foreign_from": "rewrite", "reset_fallback": True,
        "language": "DE", "time_zone": "europe/prague", "suppress_unknown": True,
        "alarm_to": "a@example.com, b@example.com",
    }  # fmt: skip
    assert set(given) == {field.name for field in fields(TenantSettings)}
    settings = house.office.change_tenant(tenant, given).result().settings
    assert settings.footer_text == "Kind\nregards"
    assert settings.retry_minutes == (1, 5, 15)
    assert (settings.default_account_id, settings.default_sender_id) == (account, sender.id)
    assert house.office.tenant(tenant).result().settings == settings
    cleared = house.office.change_tenant(tenant, dict.fromkeys(given)).result().settings
    assert cleared == TenantSettings()


def test_all_mistakes_in_a_tenants_settings_are_told_at_once(house: House) -> None:
    house.tenant("taken")
    wrong: dict[str, object] = {
        "mode": "loud", "sending": 1, "content_days": -1, "log_days": 0, "retry_minutes": [], "retry_days": "many",
        "footer_text": "\x00", "default_sender": "nobody@example.com", "default_account_id": "nothing", "unknown": 1,
        "unknown_policy": "", "guard_redirect": "nobody", "guard_allow": ["x y"], "suspended": True,
        "recipients_choose": "perhaps", "name": "", "language": "klingon", "time_zone": "../etc/passwd",
        "suppress_unknown": 3,
    }  # fmt: skip
    found = faults_of(lambda: house.office.change_tenant(ADMIN, wrong))
    assert set(found) == {"default_sender_id" if name == "default_sender" else name for name in wrong}
    assert house.office.tenant(ADMIN).result().version == 1
    assert set(faults_of(lambda: house.office.change_tenant(ADMIN, {"name": "taken"}))) == {"name"}


def test_a_tenant_sees_and_changes_only_itself(house: House) -> None:
    one, two = house.tenant("one"), house.tenant("two")
    assert [tenant.name for tenant in house.office.tenants(one).result()] == ["one"]
    assert [tenant.name for tenant in house.office.tenants(ADMIN).result()] == ["installation", "one", "two"]
    for call in (
        lambda: house.office.tenant(one, two.tenant_id),
        lambda: house.office.change_tenant(one, {"mode": "disabled"}, two.tenant_id),
        lambda: house.office.change_tenant(one, {"mode": "disabled"}, INSTALLATION),
        lambda: house.office.create_tenant(one, "three"),
        lambda: house.office.tenant(ADMIN, 999).result(),
    ):
        with pytest.raises(NotFound):
            call()
    assert set(faults_of(lambda: house.office.change_tenant(one, {"suspended": False}))) == {"suspended"}
    with pytest.raises(Conflict):
        house.office.create_tenant(ADMIN, "one").result()


def test_mail_held_for_a_suspension_leaves_when_it_ends(house: House) -> None:
    tenant = house.tenant("acme")
    house.office.change_tenant(ADMIN, {"suspended": True}, tenant.tenant_id).result()
    mail = house.mail(("a@example.org", S.HELD, {"reason": "tenant-suspended"}), tenant_id=tenant.tenant_id)
    house.office.change_tenant(ADMIN, {"footer_text": "x"}, tenant.tenant_id).result()
    assert house.states(mail) == ["held"]
    house.office.change_tenant(ADMIN, {"suspended": False}, tenant.tenant_id).result()
    assert house.states(mail) == ["queued"]


def test_mail_that_waited_for_an_account_leaves_by_the_native_mailer_once_that_is_chosen(house: House) -> None:
    mail = house.mail(("a@example.org", S.HELD, {"reason": "no-account"}))
    house.office.change_tenant(ADMIN, {"mode": "native"}).result()
    assert (house.states(mail), house.account_of(mail)) == (["queued"], [-1])


def test_explain_tells_the_way_or_what_keeps_the_message_from_being_accepted(house: House) -> None:
    house.account("main", user="shop@example.com", login="password")
    house.office.change_tenant(ADMIN, {"mode": "smtp"}).result()
    steps = {one.step: one for one in house.office.explain(ADMIN, Draft(to=("a@example.org",)))}
    assert steps["mode"].source == "installation"
    assert "main" in steps["account"].value
    with pytest.raises(BadInput):
        house.office.explain(ADMIN, Draft(to=("a@example.org",), sender="stranger@example.net"))


# -- senders ----------------------------------------------------------------------------------------------------------


def test_a_sender_is_made_from_an_address_with_its_name(house: House) -> None:
    house.account("main")
    view = house.office.create_sender(
        ADMIN, {"address": "Shop Team <shop@MÜNCHEN.example>", "account": "main", "reply_to": '"A, B" <a@example.com>'}
    ).result()
    assert (view.sender.address, view.sender.name, view.is_default) == (
        "shop@xn--mnchen-3ya.example", "Shop Team", True,
    )  # fmt: skip
    assert view.sender.reply_to == '"A, B" <a@example.com>'
    for ref in (view.sender.id, encode("s", view.sender.id), "shop@münchen.example", "shop@XN--MNCHEN-3YA.example"):
        assert house.office.sender(ADMIN, ref).result() == view


def test_all_mistakes_in_a_sender_are_told_at_once(house: House) -> None:
    house.office.create_sender(ADMIN, {"address": "a@example.com"}).result()
    wrong: dict[str, object] = {
        "address": "A@b@c", "name": "x\r\nBcc: y", "reply_to": "a@example.com\r\nBcc: b@example.com",
        "return_path": "Name <a@example.com>", "confirmation_address": "nobody", "account_id": "nothing", "colour": 1,
    }  # fmt: skip
    assert set(faults_of(lambda: house.office.create_sender(ADMIN, wrong))) == set(wrong)
    assert set(faults_of(lambda: house.office.create_sender(ADMIN, {}))) == {"address"}
    assert set(faults_of(lambda: house.office.create_sender(ADMIN, {"address": "a@EXAMPLE.com"}))) == {"address"}


def test_a_held_sender_is_released_with_its_mail_and_no_other(house: House) -> None:
    one = house.office.create_sender(ADMIN, {"address": "one@example.com"}).result().sender
    two = house.office.create_sender(ADMIN, {"address": "two@example.com"}).result().sender
    assert house.office.hold_sender(one.id, "550 5.7.60 SendAsDenied").result() is True
    assert house.office.hold_sender(one.id, "again").result() is False
    assert house.office.hold_sender(999, "gone").result() is False
    mine = house.mail(("a@example.org", S.HELD, {"reason": "sender-held", "sender_id": one.id}))
    other = house.mail(("a@example.org", S.HELD, {"reason": "sender-held", "sender_id": two.id}))
    by_hand = house.mail(("a@example.org", S.HELD, {"reason": "by-hand", "sender_id": one.id}))
    with pytest.raises(Conflict, match="1 of its mails"):
        house.office.delete_sender(ADMIN, two.id).result()
    view = house.office.release_sender(ADMIN, "one@example.com").result()
    assert view.sender.paused_reason == ""
    assert [house.states(number) for number in (mine, other, by_hand)] == [["queued"], ["held"], ["held"]]


def test_the_default_sender_moves_and_goes_last(house: House) -> None:
    for address in ("one@example.com", "two@example.com"):
        house.office.create_sender(ADMIN, {"address": address}).result()
    with pytest.raises(Conflict):
        house.office.delete_sender(ADMIN, "one@example.com").result()
    assert house.office.set_default_sender(ADMIN, "two@example.com").result().is_default
    assert [view.is_default for view in house.office.senders(ADMIN).result()] == [False, True]
    house.office.delete_sender(ADMIN, "one@example.com").result()
    house.office.delete_sender(ADMIN, "two@example.com").result()
    assert house.office.snapshot.tenants[INSTALLATION].settings.default_sender_id is None


def test_no_verb_reaches_another_tenants_sender(house: House) -> None:
    mine, theirs = house.tenant("mine"), house.tenant("theirs")
    sender = house.office.create_sender(theirs, {"address": "a@example.com"}).result().sender
    for ref in (sender.id, encode("s", sender.id), "a@example.com"):
        for call in (
            lambda ref=ref: house.office.sender(mine, ref),
            lambda ref=ref: house.office.change_sender(mine, ref, {"name": "x"}),
            lambda ref=ref: house.office.delete_sender(mine, ref),
            lambda ref=ref: house.office.set_default_sender(mine, ref),
            lambda ref=ref: house.office.release_sender(mine, ref),
        ):
            with pytest.raises(NotFound):
                call().result()
    assert house.office.snapshot.senders[sender.id] == sender


# -- applications and keys --------------------------------------------------------------------------------------------


def test_a_key_speaks_for_its_application_and_is_stored_only_as_a_digest(house: House) -> None:
    application = house.office.create_application(ADMIN, "shop").result()
    new = house.office.create_key(ADMIN, "shop", ["messages:send", Scope.READ]).result()
    assert len(new.text) == len("pr_") + 8 + 1 + 43
    assert new.text.startswith(f"pr_{new.key.prefix}_")
    assert new.text not in repr(new)
    actor = house.office.authenticate(new.text).result()
    rights = frozenset({Scope.SEND, Scope.READ})
    assert actor == Actor(INSTALLATION, rights, application.id, "shop", key_id=new.key.id)
    assert house.office.authenticated(new.text) == actor
    secret = new.text.rsplit("_", 1)[-1]
    assert secret not in repr(house.sql("SELECT * FROM api_key"))
    assert secret not in repr(house.office.keys(ADMIN).result())


def test_wrong_and_unknown_keys_are_told_the_same(house: House) -> None:
    house.office.create_application(ADMIN, "shop").result()
    text = house.office.create_key(ADMIN, "shop", ["admin"]).result().text
    wrong = [
        text[:-1] + ("A" if text[-1] != "A" else "B"), "pr_00000000_" + text[12:], text.upper(), text + "x", "", "pr_",
        text[:-1], "\ud800", "pr_" + "x" * 100_000, text + "\n", "' OR 1=1 --", text.replace("_", "-"), "\x00",
    ]  # fmt: skip
    for each in wrong:
        with pytest.raises(Unauthenticated) as caught:
            house.office.authenticate(each).result()
        assert caught.value.text == "The key is not valid."
        assert house.office.authenticated(each) is None


def test_a_revoked_key_is_refused_at_once(house: House) -> None:
    house.office.create_application(ADMIN, "shop").result()
    new = house.office.create_key(ADMIN, "shop", ["admin"]).result()
    house.office.authenticate(new.text).result()
    revoked = house.office.revoke_key(ADMIN, encode("k", new.key.id)).result()
    assert revoked.revoked_ms is not None
    assert house.office.authenticated(new.text) is None
    with pytest.raises(Unauthenticated, match="revoked"):
        house.office.authenticate(new.text).result()
    assert house.office.revoke_key(ADMIN, new.key.prefix).result().revoked_ms == revoked.revoked_ms


def test_a_key_ends_at_its_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.office.create_application(ADMIN, "shop").result()
    moment = now_ms()
    text = house.office.create_key(ADMIN, "shop", ["admin"], moment + 60_000).result().text
    house.office.authenticate(text).result()
    monkeypatch.setattr("postroom.office.keys.now_ms", lambda: moment + 60_001)
    assert house.office.authenticated(text) is None
    with pytest.raises(Unauthenticated, match="expired"):
        house.office.authenticate(text).result()


def test_suspended_tenants_and_applications_are_refused_with_words(house: House) -> None:
    tenant = house.tenant("acme")
    house.office.create_application(tenant, "shop").result()
    text = house.office.create_key(tenant, "shop", ["messages:send"]).result().text
    house.office.authenticate(text).result()
    house.office.change_tenant(ADMIN, {"suspended": True}, tenant.tenant_id).result()
    assert house.office.authenticated(text) is None
    with pytest.raises(Forbidden, match="suspended"):
        house.office.authenticate(text).result()
    house.office.change_tenant(ADMIN, {"suspended": False}, tenant.tenant_id).result()
    house.office.authenticate(text).result()
    house.office.suspend_application(tenant, "shop").result()
    assert house.office.authenticated(text) is None
    with pytest.raises(Forbidden, match="suspended"):
        house.office.authenticate(text).result()


def test_mistakes_with_keys_are_told(house: House) -> None:
    house.office.create_application(ADMIN, "shop").result()
    assert set(faults_of(lambda: house.office.create_key(ADMIN, "shop", ["everything"], 1))) == {"scopes", "expires"}
    assert set(faults_of(lambda: house.office.create_key(ADMIN, "shop", []))) == {"scopes"}
    assert set(faults_of(lambda: house.office.create_application(ADMIN, "a\nb"))) == {"name"}
    with pytest.raises(Conflict):
        house.office.create_application(ADMIN, "shop").result()
    other = house.tenant("other")
    for call in (
        lambda: house.office.create_key(other, "shop", ["admin"]),
        lambda: house.office.revoke_key(other, 5),
        lambda: house.office.suspend_application(other, "shop"),
    ):
        with pytest.raises(NotFound):
            call().result()


def test_the_last_use_of_a_key_is_noted(house: House) -> None:
    house.office.create_application(ADMIN, "shop").result()
    text = house.office.create_key(ADMIN, "shop", ["admin"]).result().text
    house.office.authenticate(text).result()
    house.store.write(lambda _: None).result()
    assert house.office.keys(ADMIN).result()[0].last_used_ms is not None
