"""A password kept elsewhere is for the server it was given for: who may give a reference, and what ends it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from postroom.errors import BadInput, SecretSealed
from postroom.ids import encode
from postroom.model.application import Actor, Scope
from postroom.model.tenant import INSTALLATION
from postroom.office.references import may_be_used
from postroom.secrets import Secret
from postroom.settings import Allowed, load
from tests.store.house import ADMIN, House

REFERENCE = "vault:kv/acme/relay#password"
LOGIN: dict[str, Any] = {"login": "plain", "user": "anna"}
CLERK = replace(ADMIN, scopes=frozenset({Scope.SETTINGS_READ, Scope.SETTINGS_WRITE}), name="clerk")


def listed(house: House, *allowed: Allowed) -> None:
    """The operator's decision, as if Postroom had been started with it."""
    house.office._settings = replace(house.settings, secret_references=allowed)


def fault(change: Any) -> str:
    with pytest.raises(BadInput) as caught:
        change().result()
    (found,) = caught.value.faults
    assert found.field == "secret_reference"
    return f"{found.problem} {found.mend}"


def opened(house: House, number: int) -> Secret | None:
    return house.office.open_secret(house.office.snapshot.accounts[number])


def made(house: House, actor: Actor = ADMIN, **values: Any) -> int:
    return house.account("relay", actor, **LOGIN, secret_reference=REFERENCE, **values)


def test_the_reference_is_kept_sealed_to_its_server_and_shown(house: House) -> None:
    number = made(house)
    view = house.office.account(ADMIN, number).result()
    assert view.account.secret_reference == REFERENCE
    assert view.account.has_secret
    assert view.needs == ()
    assert opened(house, number) == Secret(REFERENCE)


@pytest.mark.parametrize(
    "change",
    [
        {"host": "thief.example"}, {"port": 2525}, {"user": "mallory"}, {"encryption": "none"},
        {"certificate_check": "ignore"}, {"host": "smtp.example.com.thief.example"},
    ],
)  # fmt: skip
def test_another_server_ends_it_until_it_is_given_once_more(house: House, change: dict[str, Any]) -> None:
    """P7: nobody turns the vault's password to another server by changing everything but the reference."""
    number = made(house)
    view = house.office.change_account(CLERK, number, change).result()
    assert view.secret_dropped
    assert any("given once more" in sentence for sentence in view.needs)
    assert opened(house, number) is None
    again = house.office.change_account(CLERK, number, {"secret_reference": REFERENCE}).result()
    assert not again.account.has_secret, "who may not use references confirms none"
    house.office.change_account(ADMIN, number, {"footer_text": "x"}).result()
    assert opened(house, number) is None, "nor does anybody by another change"
    house.office.change_account(ADMIN, number, {"secret_reference": REFERENCE}).result()
    assert opened(house, number) == Secret(REFERENCE)


def test_a_row_that_was_changed_below_opens_nothing(house: House) -> None:
    number = made(house)
    account = house.office.snapshot.accounts[number]
    with pytest.raises(SecretSealed):
        house.office.open_secret(replace(account, host="thief.example"))


def test_only_an_administrator_gives_a_reference(house: House) -> None:
    """Who manages mail settings could otherwise have any file and variable of the machine sent to himself."""
    assert "administrator" in fault(
        lambda: house.office.create_account(CLERK, {"host": "h", **LOGIN, "secret_reference": "env:HOME"})
    )
    number = house.account("plain", **LOGIN, secret="typed")
    assert "administrator" in fault(
        lambda: house.office.change_account(CLERK, number, {"secret_reference": "env:HOME"})
    )
    assert opened(house, number) == Secret("typed")


def test_a_tenant_uses_what_the_operator_lists_and_nothing_else(house: House) -> None:
    tom = house.tenant("tom")
    other = house.tenant("other")
    assert "secret_references" in fault(
        lambda: house.office.create_account(tom, {"host": "h", **LOGIN, "secret_reference": REFERENCE})
    )
    assert "secret_references" in fault(
        lambda: house.office.create_account(
            ADMIN, {"host": "h", **LOGIN, "secret_reference": REFERENCE}, tenant_id=tom.tenant_id
        )
    )
    listed(house, Allowed("tom", "vault:kv/acme/*"), Allowed("tom", "env:TOM"))
    number = made(house, tom)
    assert opened(house, number) == Secret(REFERENCE)
    for reference in ("vault:kv/beta/relay#password", "env:TOMMY", "file:/etc/passwd"):
        assert "secret_references" in fault(
            lambda r=reference: house.office.change_account(tom, number, {"secret_reference": r})
        )
    assert "secret_references" in fault(
        lambda: house.office.create_account(other, {"host": "h", **LOGIN, "secret_reference": REFERENCE})
    )


def test_the_list_is_asked_at_every_use(house: House) -> None:
    tom = house.tenant("tom")
    tenants = house.office.snapshot.tenants
    with_list = replace(house.settings, secret_references=(Allowed(encode("t", tom.tenant_id), "env:A*"),))
    assert may_be_used(with_list, tenants, tom.tenant_id, "env:ABC")
    assert not may_be_used(with_list, tenants, tom.tenant_id, "env:B")
    assert not may_be_used(house.settings, tenants, tom.tenant_id, "env:ABC"), "taken from the list"
    assert not may_be_used(with_list, {}, tom.tenant_id + 1, "env:ABC")
    assert may_be_used(house.settings, tenants, INSTALLATION, "env:ABC")


def test_a_password_and_a_reference_are_not_both_given(house: House) -> None:
    assert "only one" in fault(
        lambda: house.office.create_account(ADMIN, {"host": "h", **LOGIN, "secret_reference": REFERENCE}, "x")
    )
    number = made(house)
    assert "only one" in fault(lambda: house.office.change_account(ADMIN, number, {"secret": "typed"}))
    house.office.change_account(CLERK, number, {"secret_reference": "", "secret": "typed"}).result()
    assert opened(house, number) == Secret("typed")


def test_a_reference_taken_away_leaves_nothing_behind(house: House) -> None:
    """Least of all its own text, to be sent as a password."""
    number = made(house)
    view = house.office.change_account(CLERK, number, {"secret_reference": ""}).result()
    assert not view.account.has_secret
    assert opened(house, number) is None


def test_going_back_to_a_version_confirms_nothing(house: House) -> None:
    number = made(house)
    house.office.change_account(CLERK, number, {"host": "other.example"}).result()
    returned = house.office.return_to(ADMIN, "account", number, 1).result()
    assert "given once more" in " ".join(returned.needs)
    assert opened(house, number) is None


def test_what_somebody_else_prepared_is_not_confirmed_by_going_back_to_it(house: House) -> None:
    """A clerk names his own server and takes the reference away, or deletes the account; an administrator undoes it."""
    number = made(house)
    house.office.change_account(CLERK, number, {"host": "thief.example"}).result()
    house.office.change_account(CLERK, number, {"secret_reference": ""}).result()
    house.office.return_to(ADMIN, "account", number, 2).result()
    assert opened(house, number) is None
    house.account("other")
    house.office.delete_account(CLERK, number, move_to="other").result()
    house.office.restore_deleted(ADMIN, encode("a", number), 2).result()
    assert house.office.snapshot.accounts[number].host == "thief.example"
    assert opened(house, number) is None


def test_files_carry_references_and_an_administrator_s_import_confirms_them(house: House) -> None:
    made(house)
    text = house.office.export(ADMIN).result()
    assert f'secret_reference = "{REFERENCE}"' in text
    assert "--password" not in text.partition("[accounts.relay]")[2]
    assert house.office.plan(ADMIN, text, prune=True).result().changes == ()
    moved = text.replace("smtp.example.com", "other.example.com")
    plan = house.office.import_file(CLERK, moved).result()
    assert plan.warnings
    number = next(iter(house.office.snapshot.accounts))
    assert opened(house, number) is None
    house.office.import_file(ADMIN, moved.replace("other.example.com", "third.example.com")).result()
    assert opened(house, number) == Secret(REFERENCE)
    with pytest.raises(BadInput, match=r"accounts\.relay\.secret_reference"):
        house.office.import_file(CLERK, text.replace(REFERENCE, "env:HOME")).result()


def test_a_new_key_seals_references_as_well(house: House) -> None:
    number = made(house)
    assert house.office.rotate_key(ADMIN).result() == 1
    assert opened(house, number) == Secret(REFERENCE)


def test_the_audit_trail_tells_who_gave_which_reference(house: House) -> None:
    number = made(house)
    house.office.change_account(ADMIN, number, {"secret_reference": "env:OTHER"}).result()
    rows = house.sql("SELECT who, after FROM audit WHERE verb = 'account.changed'")
    assert [(row.who, "env:OTHER" in row.after) for row in rows] == [("ada", True)]


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("acme=vault:kv/acme/*, t_0000000000001=env:X", True), ("acme", False), ("=env:X", False), ("acme=", False),
        ("acme=hunter2", False), ("acme=*", False),
    ],
)  # fmt: skip
def test_the_operator_s_list_is_read_strictly(tmp_path: Path, text: str, fine: bool) -> None:
    environ = {"POSTROOM_DATA": str(tmp_path), "POSTROOM_SECRET_REFERENCES": text}
    if fine:
        assert load(environ, tmp_path).secret_references[0] == Allowed("acme", "vault:kv/acme/*")
        return
    with pytest.raises(Exception, match="SECRET_REFERENCES"):
        load(environ, tmp_path)
