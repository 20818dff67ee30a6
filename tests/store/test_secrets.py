"""P7: a stored secret opens only for the server it was typed for, however that server is changed."""

from __future__ import annotations

import logging
import traceback
from dataclasses import replace
from typing import Any

import pytest

from postroom.errors import BadInput, Conflict, NotFound, PostroomError, SecretSealed
from postroom.model.account import CertificateCheck, Encryption
from postroom.office import Office
from postroom.secrets import KeyRing
from postroom.secrets.ring import Key
from tests.rigs.certificate_set import Authority
from tests.store.house import ADMIN, House

SECRET = "c4nary-hunter2"


@pytest.fixture
def account(house: House) -> int:
    values = {"name": "main", "host": "smtp.example.com", "encryption": "starttls", "user": "shop@example.com"}
    return house.office.create_account(ADMIN, values, SECRET).result().account.id


CHANGES: dict[str, dict[str, object]] = {
    "host": {"host": "evil.example"},
    "host in words of Elixeum": {"SMTP.Server": "evil.example"},
    "host as server": {"server": "evil.example"},
    "host as an address": {"host": "192.0.2.1"},
    "host, other spelling of the field": {"HOST": "evil.example"},
    "port": {"port": 2525},
    "port in words of Elixeum": {"SMTP.Port": "2525"},
    "encryption": {"encryption": "tls"},
    "encryption off": {"encryption": "none"},
    "encryption by ssl": {"ssl": True},
    "encryption by use_ssl": {"use_ssl": "yes"},
    "encryption by tls off": {"tls": False},
    "user": {"user": "else@example.com"},
    "user in words of Elixeum": {"SMTP.Username": "else@example.com"},
    "user as username": {"username": "else@example.com"},
    "certificate check": {"certificate_check": "ignore"},
    "certificate check in words of senhasegura": {"ignore certificate errors": True},
    "certificate pinned": {"certificate_pin": "ab" * 32},
    "own CA": {"certificate_authority": Authority().pem},
    "login in clear": {"allow_clear_login": True},
}


@pytest.mark.parametrize("values", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_of_what_a_secret_was_typed_for_takes_the_secret_away(
    house: House, account: int, values: dict[str, object]
) -> None:
    before = house.office.snapshot.accounts[account]
    view = house.office.change_account(ADMIN, "main", values).result()
    after = house.office.snapshot.accounts[account]
    assert view.secret_dropped
    assert any("Type it again" in need for need in view.needs)
    assert not after.has_secret
    assert house.office.open_secret(after) is None
    assert house.sql("SELECT * FROM credential") == []
    # Back again: what is gone stays gone.
    back: dict[str, Any] = {
        "host": before.host, "port": before.port, "encryption": before.encryption.value, "user": before.user,
        "certificate_check": before.certificate_check.value, "allow_clear_login": before.allow_clear_login,
    }  # fmt: skip
    house.office.change_account(ADMIN, "main", back).result()
    assert house.office.open_secret(house.office.snapshot.accounts[account]) is None


@pytest.mark.parametrize("values", CHANGES.values(), ids=CHANGES.keys())
def test_the_sealed_octets_themselves_open_for_nothing_else(
    house: House, account: int, values: dict[str, object]
) -> None:
    """Whoever puts the old row back (a backup, a stranger with the database) still gets nothing."""
    kept = house.sql("SELECT sealed, set_ms FROM credential")[0]
    house.office.change_account(ADMIN, "main", values).result()
    house.sql(
        "INSERT INTO credential (account_id, tenant_id, sealed, set_ms) VALUES (:id, 1, :sealed, :ms)",
        id=account, sealed=bytes(kept.sealed), ms=kept.set_ms,
    )  # fmt: skip
    house.office.set_default_account(ADMIN, "main").result()
    with pytest.raises(SecretSealed):
        house.office.open_secret(house.office.snapshot.accounts[account])


def test_what_does_not_concern_the_server_leaves_the_secret_alone(house: House, account: int) -> None:
    same = {
        "name": "renamed", "host": "SMTP.Example.COM.", "port": 587, "footer_text": "Regards", "limits.per_minute": 30,
        "sender_name": "Shop", "enabled": False, "login": "scram-sha-256", "secret": "",
        "ehlo_name": "mail.example.com",
    }  # fmt: skip
    view = house.office.change_account(ADMIN, "main", same, "").result()
    assert not view.secret_dropped
    found = house.office.open_secret(view.account)
    assert found is not None
    assert found.reveal() == SECRET


def test_a_secret_typed_with_the_change_is_sealed_to_the_new_server(house: House, account: int) -> None:
    view = house.office.change_account(ADMIN, "main", {"host": "new.example"}, "fresh").result()
    assert not view.secret_dropped
    found = house.office.open_secret(view.account)
    assert found is not None
    assert found.reveal() == "fresh"


def test_a_secret_opens_for_no_account_that_is_only_made_up(house: House, account: int) -> None:
    """A test of edited values, which has an account that is not stored, gets the stored secret for none of them."""
    stored = house.office.snapshot.accounts[account]
    for edited in (
        replace(stored, host="evil.example"),
        replace(stored, port=25),
        replace(stored, encryption=Encryption.NONE),
        replace(stored, user="else"),
        replace(stored, certificate_check=CertificateCheck.IGNORE),
        replace(stored, allow_clear_login=True),
        replace(stored, tenant_id=2),
    ):
        with pytest.raises(SecretSealed):
            house.office.open_secret(edited)


def test_login_none_takes_the_secret_away(house: House, account: int) -> None:
    house.office.change_account(ADMIN, "main", {"login": "none"}).result()
    assert house.sql("SELECT * FROM credential") == []


def test_a_refused_change_leaves_the_secret_where_it_was(house: House, account: int) -> None:
    with pytest.raises(BadInput):
        house.office.change_account(ADMIN, "main", {"host": "evil.example", "port": 0}).result()
    found = house.office.open_secret(house.office.snapshot.accounts[account])
    assert found is not None
    assert found.reveal() == SECRET


def test_rotation_reseals_every_secret_and_none_is_lost(house: House, account: int) -> None:
    other = house.tenant("other")
    house.office.create_account(other, {"host": "h.example", "user": "u"}, "theirs").result()
    old = house.ring.current
    assert house.office.rotate_key(ADMIN).result() == 2
    assert house.ring.current != old
    assert house.office.reseal_secrets(ADMIN).result() == 0
    opened = [house.office.open_secret(one) for one in house.office.snapshot.accounts.values()]
    assert {one.reveal() for one in opened if one is not None} == {SECRET, "theirs"}
    with pytest.raises(NotFound):
        house.office.reseal_secrets(other)
    with pytest.raises(NotFound):
        house.office.rotate_key(other)


def test_keys_of_the_environment_are_rotated_there_and_sealed_with_here(house: House, account: int) -> None:
    new, old = Key.new(), house.ring.current
    one = Office(house.store, KeyRing((old,), old), house.settings)
    with pytest.raises(Conflict, match="POSTROOM_KEY"):
        one.rotate_key(ADMIN)
    two = Office(house.store, KeyRing((old, new), new), house.settings)
    assert two.rotate_key(ADMIN).result() == 1
    last = Office(house.store, KeyRing((new,), new), house.settings)
    found = last.open_secret(last.snapshot.accounts[account])
    assert found is not None
    assert found.reveal() == SECRET


def test_no_answer_repr_log_or_error_shows_a_secret(
    house: House, account: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    office, shown = house.office, []
    shown += [office.account(ADMIN, "main").result(), office.accounts(ADMIN).result(), office.snapshot, office]
    shown += [office._settled, office.change_account(ADMIN, "main", {"secret": SECRET}).result()]
    wrong: list[dict[str, object]] = [
        {"host": SECRET + "@"}, {"port": SECRET}, {"name": "main", "password": SECRET + "\n"}, {"login": SECRET},
        {SECRET + "\x00": 1}, {"secret": {"typed": SECRET}}, {"encryption": SECRET}, {"enabled": SECRET},
        {"reply_to": SECRET}, {"limits.size": SECRET}, {"secret_reference": SECRET}, {"footer_text": SECRET + "\x00"},
    ]  # fmt: skip
    for values in wrong:
        try:
            shown.append(office.change_account(ADMIN, "main", values, None).result())
        except PostroomError as error:
            shown.append("".join(traceback.format_exception(error)).replace(repr(values), ""))
            shown.append((error.text, error.fields, error.faults))
    shown.append(caplog.text)
    wrong_names = [text for text in map(repr, shown) if SECRET in text]
    assert [text for text in wrong_names if "no such field" not in text] == []


def test_the_database_holds_no_secret_in_the_open(house: House, account: int) -> None:
    sealed = bytes(house.sql("SELECT sealed FROM credential")[0].sealed)
    assert SECRET.encode() not in sealed
    for table in ("account", "meta", "event", "tenant"):
        assert SECRET not in repr(house.sql(f"SELECT * FROM {table}"))


@pytest.mark.parametrize("bad", ["a\nb", "a\r", "nul\x00", "\ud800", "x" * 9000])
def test_a_secret_that_was_pasted_wrongly_is_refused(house: House, account: int, bad: str) -> None:
    with pytest.raises(BadInput) as caught:
        house.office.change_account(ADMIN, "main", {}, bad).result()
    assert [fault.field for fault in caught.value.faults] == ["secret"]
    assert bad not in str(caught.value)
