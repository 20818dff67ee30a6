"""The private key of a client certificate is kept as a password is: sealed to its server and its certificate (P7),
sealed anew with a new key of the ring, gone with its account, and in no version, file or trail.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from postroom.errors import BadInput, SecretSealed
from postroom.secrets import SealedTo
from tests.rigs.certificate_set import Authority, key_pem
from tests.store.house import ADMIN, House

ROOT = Authority("Example Root")
OURS, LATER = ROOT.issue(common_name="ours"), ROOT.issue(common_name="later")


@pytest.fixture
def account(house: House) -> int:
    return house.account("main", client_certificate=OURS.chain, client_key=key_pem(OURS.key))


def key_of(house: House, account: int) -> str | None:
    found = house.office.open_client_key(house.office.snapshot.accounts[account])
    return None if found is None else found.reveal()


def test_it_opens_for_its_server_and_its_certificate_only(house: House, account: int) -> None:
    stored = house.office.snapshot.accounts[account]
    assert key_of(house, account) == key_pem(OURS.key)
    (row,) = house.sql("SELECT sealed FROM client_key")
    sealed = bytes(row.sealed)
    for other in (
        replace(stored, host="evil.example"),
        replace(stored, port=26),
        replace(stored, tenant_id=2),
        replace(stored, id=stored.id + 1),
        replace(stored, client_certificate=LATER.chain),
    ):
        with pytest.raises(SecretSealed):
            house.ring.open(sealed, SealedTo.client_key(other))
    with pytest.raises(SecretSealed):
        house.ring.open(sealed, SealedTo.of(stored))


@pytest.mark.parametrize("change", [{"host": "evil.example"}, {"port": 2525}, {"client_certificate": LATER.chain}])
def test_a_change_of_what_it_was_given_for_takes_it_away(house: House, account: int, change: dict[str, object]) -> None:
    view = house.office.change_account(ADMIN, "main", change).result()
    assert any("client_key" in need for need in view.needs)
    assert house.sql("SELECT * FROM client_key") == []
    assert key_of(house, account) is None


def test_other_changes_leave_it_where_it_is(house: House, account: int) -> None:
    for change in ({"footer_text": "x"}, {"certificate_check": "ignore"}, {"user": "u", "secret": "s"}):
        house.office.change_account(ADMIN, "main", change).result()
        assert key_of(house, account) == key_pem(OURS.key)
    both = {"client_certificate": LATER.chain, "client_key": key_pem(LATER.key)}
    assert house.office.change_account(ADMIN, "main", both).result().account.has_client_key
    assert key_of(house, account) == key_pem(LATER.key)
    house.office.change_account(ADMIN, "main", {"client_certificate": ""}).result()
    assert house.sql("SELECT * FROM client_key") == []


def test_a_new_key_of_the_ring_seals_it_anew(house: House, account: int) -> None:
    assert house.office.rotate_key(ADMIN).result() == 1
    assert house.office.reseal_secrets(ADMIN).result() == 0
    assert key_of(house, account) == key_pem(OURS.key)


def test_it_goes_with_its_account_and_is_told_nowhere(house: House, account: int) -> None:
    secret_line = key_pem(OURS.key).splitlines()[1]
    told = [house.office.export(ADMIN).result(), repr(house.office.versions(ADMIN, "account", "main").result())]
    told += [repr(house.sql("SELECT * FROM audit")), repr(house.office.snapshot), repr(house.office._settled)]
    assert not [one for one in told if secret_line in one or "PRIVATE" in one]
    assert "'client_key': 'set'" in told[2].replace('"', "'")
    house.office.delete_account(ADMIN, "main").result()
    assert house.sql("SELECT * FROM client_key") == []


def test_a_file_brings_the_certificate_and_never_the_key(house: House, account: int) -> None:
    code = house.office.export(ADMIN).result()
    assert "BEGIN CERTIFICATE" in code
    assert house.office.import_file(ADMIN, code).result().changes == ()
    assert key_of(house, account) == key_pem(OURS.key), "the same file takes nothing away"
    with_key = code.replace("[accounts.main]\n", f"[accounts.main]\nclient_key = '''{key_pem(OURS.key)}'''\n")
    with pytest.raises(BadInput, match="no place for private keys") as caught:
        house.office.import_file(ADMIN, with_key).result()
    assert key_pem(OURS.key).splitlines()[1] not in str(caught.value)
