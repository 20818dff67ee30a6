"""Accounts that log in by Kerberos or NTLM: what goes together, and whose decision this machine's own tickets are."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from postroom.errors import BadInput
from postroom.model.account import Account, CredentialSource, Login
from postroom.secrets import SealedTo
from postroom.wire.integrated.extras import why_not
from tests.rigs.fixtures import require_login
from tests.store.house import ADMIN, House

KERBEROS = {"host": "mail.example.com", "login": "kerberos"}
KEYTAB = {**KERBEROS, "credential_source": "keytab", "credential_path": "/etc/postroom/smtp.keytab"}
SECRET = "c4nary-hunter2"


@pytest.fixture(autouse=True)
def _installed() -> None:
    require_login(Login.KERBEROS)
    require_login(Login.NTLM)


def made(house: House, values: dict[str, Any], actor: Any = ADMIN, secret: str | None = None) -> Account:
    return house.office.create_account(actor, values, secret).result().account


def faults(future: Any) -> dict[str, str]:
    with pytest.raises(BadInput) as caught:
        future.result()
    return {fault.field: fault.problem for fault in caught.value.faults}


@pytest.mark.parametrize("word", ["kerberos", "integrated", "Integrated", "GSSAPI"])
def test_without_a_user_it_is_the_identity_of_the_service(house: House, word: str) -> None:
    """AL3: "integrated" means the identity of the account that runs the service; nothing has to be typed."""
    view = house.office.create_account(ADMIN, {"host": "mail.example.com", "login": word}).result()
    account = view.account
    assert (account.login, account.credential_source) == (Login.KERBEROS, CredentialSource.TICKET_CACHE)
    assert view.needs == ()


def test_with_a_user_it_needs_his_password(house: House) -> None:
    view = house.office.create_account(ADMIN, {**KERBEROS, "user": "anna", "realm": "EXAMPLE.COM"}).result()
    assert view.account.credential_source is CredentialSource.PASSWORD
    assert "password" in view.needs[0]
    assert house.office.change_account(ADMIN, view.account.id, {}, SECRET).result().needs == ()


def test_a_keytab_needs_no_password_and_keeps_none(house: House) -> None:
    account = made(house, {**KERBEROS, "user": "anna"}, secret=SECRET)
    changed = house.office.change_account(
        ADMIN, account.id, {"credential_source": "keytab", "credential_path": "/etc/x.keytab"}
    ).result()
    assert (changed.needs, changed.account.has_secret) == ((), False)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("smtp/mail.example.com", "smtp/mail.example.com"),
        ("SMTP/mail.example.com@EXAMPLE.COM", "SMTP/mail.example.com@EXAMPLE.COM"),
        ("smtp@mail.example.com", "smtp/mail.example.com"),
        ("  smtp/mail  ", "smtp/mail"),
        (None, ""),
    ],
)
def test_the_names_of_services(house: House, typed: str | None, kept: str) -> None:
    assert made(house, {**KERBEROS, "service_principal": typed}).service_principal == kept
    assert made(house, {**KERBEROS, "name": "b", "spn": typed}).service_principal == kept


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({**KERBEROS, "service_principal": "mail.example.com"}, "service_principal"),
        ({**KERBEROS, "service_principal": "smtp/a b"}, "service_principal"),
        ({**KERBEROS, "service_principal": "smtp/a@B@C"}, "service_principal"),
        ({**KERBEROS, "realm": "EXAMPLE COM"}, "realm"),
        ({**KERBEROS, "realm": "a/../b"}, "realm"),
        ({**KERBEROS, "credential_source": "keytab"}, "credential_path"),
        ({**KERBEROS, "credential_source": "keytab", "credential_path": "x.keytab"}, "credential_path"),
        ({**KERBEROS, "credential_source": "ticket-cache", "credential_path": "MEMORY:other"}, "credential_path"),
        ({**KERBEROS, "user": "anna", "credential_path": "/etc/x.keytab"}, "credential_path"),
        ({**KERBEROS, "user": "anna", "credential_source": "smartcard"}, "credential_source"),
        ({**KERBEROS, "credential_source": "password"}, "user"),
        ({**KERBEROS, "user": "CORP\\anna"}, "user"),
        ({"host": "a.example", "login": "ntlm"}, "user"),
        ({"host": "a.example", "login": "ntlm", "user": "u", "credential_source": "keytab"}, "credential_source"),
        ({"host": "a.example", "login": "password", "user": "u", "realm": "EXAMPLE.COM"}, "realm"),
        ({"host": "a.example", "user": "u", "service_principal": "smtp/x"}, "service_principal"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_told_by_its_field(house: House, values: dict[str, Any], field: str) -> None:
    assert field in faults(house.office.create_account(ADMIN, values))


def test_a_password_besides_a_keytab_is_told(house: House) -> None:
    assert "secret" in faults(house.office.create_account(ADMIN, KEYTAB, SECRET))


def test_another_login_takes_back_what_only_kerberos_knows(house: House) -> None:
    account = made(house, {**KEYTAB, "realm": "EXAMPLE.COM", "service_principal": "smtp/x"})
    changed = (
        house.office.change_account(ADMIN, account.id, {"login": "password", "user": "u"}, SECRET).result().account
    )
    assert (changed.realm, changed.service_principal, changed.credential_path) == ("", "", "")
    assert changed.credential_source is CredentialSource.PASSWORD


class TestWithoutTheExtra:
    @pytest.fixture(autouse=True)
    def _not_installed(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        for module in ("gssapi", "spnego"):
            monkeypatch.setitem(sys.modules, module, None)
        why_not.cache_clear()
        yield
        monkeypatch.undo()
        why_not.cache_clear()

    @pytest.mark.parametrize("login", ["kerberos", "ntlm"])
    def test_it_is_told_with_what_to_install(self, house: House, login: str) -> None:
        with pytest.raises(BadInput) as caught:
            house.office.create_account(ADMIN, {"host": "a.example", "login": login, "user": "u"}, SECRET).result()
        (fault,) = caught.value.faults
        assert fault.field == "login"
        assert f"pip install 'postroom[{login}]'" in fault.mend


def test_an_account_whose_extra_went_away_can_still_be_changed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    account = made(house, KERBEROS)
    monkeypatch.setitem(sys.modules, "gssapi", None)
    why_not.cache_clear()
    try:
        assert not house.office.change_account(ADMIN, account.id, {"enabled": False}).result().account.enabled
    finally:
        monkeypatch.undo()
        why_not.cache_clear()


# Whose decision it is


@pytest.mark.parametrize("values", [KERBEROS, KEYTAB, {**KERBEROS, "credential_source": "ticket-cache"}], ids=str)
def test_a_tenant_can_not_use_this_machines_identity(house: House, values: dict[str, Any]) -> None:
    tenant = house.tenant("acme")
    assert "operator" in faults(house.office.create_account(tenant, values))["credential_source"]
    account = made(house, {**KERBEROS, "user": "anna"}, tenant, SECRET)
    change = {name: value for name, value in values.items() if name != "host"}
    if "credential_source" in change:
        assert "credential_source" in faults(house.office.change_account(tenant, account.id, change))


@pytest.mark.parametrize(
    "change",
    [
        {"host": "thief.example"},
        {"port": 2525},
        {"service_principal": "smtp/other.example.com"},
        {"realm": "THIEF.TEST"},
        {"user": "somebody"},
        {"encryption": "none"},
        {"certificate_check": "ignore"},
        {"credential_path": "/etc/krb5.keytab"},
    ],
    ids=str,
)
def test_a_tenant_can_not_turn_it_to_another_server_either(house: House, change: dict[str, Any]) -> None:
    """What the operator gave for one server and service stays there; a password would have been lost by that."""
    tenant = house.tenant("acme")
    given = house.office.create_account(ADMIN, KEYTAB, tenant_id=tenant.tenant_id).result().account
    assert "credential_source" in faults(house.office.change_account(tenant, given.id, change))
    assert house.office.account(tenant, given.id).result().account == given
    assert house.office.change_account(ADMIN, given.id, change, tenant_id=tenant.tenant_id).result()


def test_a_tenant_may_change_what_does_not_matter_or_give_it_up(house: House) -> None:
    tenant = house.tenant("acme")
    given = house.office.create_account(ADMIN, KEYTAB, tenant_id=tenant.tenant_id).result().account
    assert house.office.change_account(tenant, given.id, {"sender_address": "a@example.com"}).result()
    changed = house.office.change_account(tenant, given.id, {"login": "password", "user": "u"}, SECRET).result()
    assert changed.account.credential_source is CredentialSource.PASSWORD
    assert "credential_source" in faults(house.office.return_to(tenant, "account", given.id, 1))


REALMS = [
    ({"user": "anna", "realm": "THIEF.TEST"}, "realm"),
    ({"user": "anna@THIEF.TEST"}, "user"),
    ({"user": "anna", "service_principal": "smtp/x@THIEF.TEST"}, "service_principal"),
]


@pytest.mark.parametrize(("values", "field"), REALMS, ids=str)
def test_a_tenant_names_no_realm_that_the_operator_has_not_opened(
    house: House, values: dict[str, Any], field: str
) -> None:
    """Its Kerberos servers are where its owner's DNS says, be that inside this machine's network."""
    tenant = house.tenant("acme")
    assert "tenants" in faults(house.office.create_account(tenant, {**KERBEROS, **values}, SECRET))[field]
    account = made(house, {**KERBEROS, "user": "anna"}, tenant, SECRET)
    assert field in faults(house.office.change_account(tenant, account.id, values))
    assert made(house, {**KERBEROS, "name": "b", **values}, secret=SECRET), "the operator may"


@pytest.mark.parametrize(("values", "field"), REALMS, ids=str)
def test_a_realm_that_is_open_to_tenants(tmp_path: Path, values: dict[str, Any], field: str) -> None:
    opened = House(f"sqlite:///{tmp_path / 'x.db'}", tmp_path)
    opened.office._settings = replace(opened.settings, tenant_realms=("Thief.Test",))
    try:
        assert made(opened, {**KERBEROS, **values}, opened.tenant("acme"), SECRET)
    finally:
        opened.close()


def test_nor_by_a_file(house: House) -> None:
    tenant = house.tenant("acme")
    house.office.create_account(ADMIN, {**KEYTAB, "name": "main"}, tenant_id=tenant.tenant_id).result()
    text = house.office.export(tenant).result()
    assert house.office.import_file(tenant, text).result().changes == ()
    for changed in (text.replace("mail.example.com", "thief.example"), text.replace("[accounts.main]", "[accounts.x]")):
        assert changed != text
        with pytest.raises(BadInput) as caught:
            house.office.import_file(tenant, changed).result()
        assert ".credential_source (line " in caught.value.faults[0].field


def test_it_survives_an_export_and_an_import(house: House) -> None:
    whole = {**KEYTAB, "name": "main", "realm": "EXAMPLE.COM", "service_principal": "smtp/x", "user": "robot"}
    before = made(house, whole)
    text = house.office.export(ADMIN).result()
    assert "password" not in text.partition("[accounts.main]")[2].lower()
    house.office.delete_account(ADMIN, before.id).result()
    house.office.import_file(ADMIN, text).result()
    (view,) = house.office.accounts(ADMIN).result()
    assert view.needs == ()
    for name in ("realm", "service_principal", "credential_source", "credential_path", "login", "user"):
        assert getattr(view.account, name) == getattr(before, name)


@pytest.mark.parametrize("change", [{"realm": "OTHER.TEST"}, {"service_principal": "smtp/other"}], ids=str)
def test_a_password_opens_only_for_its_realm_and_service(house: House, change: dict[str, str]) -> None:
    account = made(house, {**KERBEROS, "user": "anna", "realm": "EXAMPLE.COM"}, secret=SECRET)
    changed = house.office.change_account(ADMIN, account.id, change).result()
    assert (changed.secret_dropped, changed.account.has_secret) == (True, False)
    assert SealedTo.of(account) != SealedTo.of(changed.account)


def test_secrets_from_before_these_fields_still_open(house: House) -> None:
    """They were sealed without them."""
    account = made(house, {"host": "mail.example.com", "user": "anna"}, secret=SECRET)
    assert b"realm" not in SealedTo.of(account).associated_data()
