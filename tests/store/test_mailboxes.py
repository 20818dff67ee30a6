"""Mailboxes in the office, on both databases: typed values are checked, secrets stay with their server, one reads."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from postroom.clock import now_ms
from postroom.errors import BadInput, Conflict, Forbidden, NotFound
from postroom.ids import encode
from postroom.model.account import CertificateCheck, Encryption, Login
from postroom.model.application import Actor, Scope
from postroom.model.clone import Clone
from postroom.model.mailbox import ACCESS, Afterwards, Mailbox
from postroom.model.tenant import INSTALLATION
from postroom.office.mailbox_health import health, wrong_of
from postroom.office.mailboxes import MailboxView
from postroom.store import mailbox_reading
from tests.store.house import ADMIN, House, tenant_admin

HOST = {"host": "imap.example.com", "user": "bounces@example.com"}
ENTRA: dict[str, object] = {
    "name": "cloud", "host": "outlook.office365.com", "user": "me@example.com", "oauth2_provider": "microsoft",
    "oauth2_client_id": "postroom",
}  # fmt: skip


def made(house: House, actor: Actor = ADMIN, secret: str | None = "hush", **values: Any) -> MailboxView:
    return house.office.create_mailbox(actor, {**HOST, **values}, secret).result()


def faults(call: Any) -> dict[str, str]:
    with pytest.raises(BadInput) as caught:
        call().result()
    return {one.field: one.problem for one in caught.value.faults}


def test_little_has_to_be_typed(house: House) -> None:
    view = made(house)
    found = view.mailbox
    assert (found.name, found.port, found.encryption, found.login) == (
        "bounces@example.com", 993, Encryption.TLS, Login.PASSWORD,
    )  # fmt: skip
    assert (found.folder, found.afterwards, found.address) == ("INBOX", Afterwards.SEEN, "bounces@example.com")
    assert found.has_secret
    assert view.secret_set_by == "ada"
    assert health(view) == "waiting"


@pytest.mark.parametrize(
    ("typed", "port", "encryption"),
    [
        ({"encryption": "starttls"}, 143, "starttls"),
        ({"port": 143}, 143, "starttls"),
        ({"port": "993"}, 993, "tls"),
        ({"encryption": "ssl"}, 993, "tls"),
        ({"encryption": "none"}, 143, "none"),
        ({"port": 10143, "encryption": "none"}, 10143, "none"),
    ],
)
def test_port_and_encryption_go_together(house: House, typed: dict[str, Any], port: int, encryption: str) -> None:
    found = made(house, **typed).mailbox
    assert (found.port, found.encryption.value) == (port, encryption)


def test_everything_wrong_is_told_at_once(house: House) -> None:
    values = {
        "port": "many", "afterwards": "move", "folder": "A*", "poll_seconds": 3, "address": "no address",
        "login": "kerberos", "colour": "red", "connector_id": "nowhere", "sender_address": "a@example.com",
    }  # fmt: skip
    told = faults(lambda: house.office.create_mailbox(ADMIN, values))
    assert set(told) == {
        "port", "move_to", "folder", "poll_seconds", "address", "login", "colour", "connector_id", "host", "user",
        "sender_address",
    }  # fmt: skip


def test_a_folder_to_move_to_says_that_mail_is_moved_and_is_another_one(house: House) -> None:
    assert made(house, move_to="Done").mailbox.afterwards is Afterwards.MOVE
    assert "move_to" in faults(lambda: house.office.create_mailbox(ADMIN, {**HOST, "name": "b", "move_to": "inbox"}))


@pytest.mark.parametrize(
    "change",
    [
        {"host": "imap.evil.example"},
        {"port": 1993},
        {"encryption": "none"},
        {"user": "other@example.com"},
        {"certificate_check": "ignore"},
        {"allow_clear_login": True},
    ],
)
def test_a_secret_opens_only_for_the_server_it_was_typed_for(house: House, change: dict[str, Any]) -> None:
    view = made(house)
    assert house.office.open_secret(view.mailbox.access).reveal() == "hush"  # type: ignore[union-attr]
    changed = house.office.change_mailbox(ADMIN, view.mailbox.id, change).result()
    assert changed.secret_dropped
    assert not changed.mailbox.has_secret
    assert house.office.open_secret(changed.mailbox.access) is None
    assert house.sql("SELECT * FROM credential") == []
    again = house.office.change_mailbox(ADMIN, view.mailbox.id, change, "typed anew").result()
    assert house.office.open_secret(again.mailbox.access).reveal() == "typed anew"  # type: ignore[union-attr]


def test_what_is_no_matter_of_the_server_keeps_the_secret(house: House) -> None:
    view = made(house)
    changed = house.office.change_mailbox(
        ADMIN, view.mailbox.id, {"folder": "Back", "name": "b", "secret": ""}
    ).result()
    assert not changed.secret_dropped
    assert house.office.open_secret(changed.mailbox.access).reveal() == "hush"  # type: ignore[union-attr]
    assert "hush" not in repr(changed)


def test_values_that_are_not_saved_are_tried_only_with_what_is_typed_along(house: House) -> None:
    view = made(house)
    number = view.mailbox.id
    assert not house.office.mailbox_to_try(ADMIN, number).result().edited
    assert not house.office.mailbox_to_try(ADMIN, number, {"folder": "INBOX"}).result().edited
    told = faults(lambda: house.office.mailbox_to_try(ADMIN, number, {"host": "imap.evil.example"}))
    assert set(told) == {"secret"}
    tried = house.office.mailbox_to_try(ADMIN, number, {"host": "imap.other.example"}, "typed").result()
    assert (tried.mailbox.host, tried.secret.reveal()) == ("imap.other.example", "typed")  # type: ignore[union-attr]
    assert house.office.mailbox(ADMIN, number).result().mailbox.host == "imap.example.com"


def test_tenants_name_no_internal_server_and_no_port_that_is_none_of_imap(house: House) -> None:
    tenant = house.tenant("acme")
    assert set(faults(lambda: house.office.create_mailbox(tenant, {**HOST, "host": "127.0.0.1"}, "pw"))) == {"host"}
    assert set(faults(lambda: house.office.create_mailbox(tenant, {**HOST, "port": 6379}, "pw"))) == {"port"}
    assert "allow_clear_login" in faults(
        lambda: house.office.create_mailbox(tenant, {**HOST, "allow_clear_login": True}, "pw")
    )
    house.office.create_mailbox(tenant, HOST, "pw").result()


def test_every_tenant_has_its_own_and_rights_are_asked(house: House) -> None:
    tenant = house.tenant("acme")
    mine = made(house)
    with pytest.raises(NotFound):
        house.office.mailbox(tenant, mine.mailbox.id).result()
    made(house, tenant, name="own")
    assert [one.mailbox.name for one in house.office.mailboxes(tenant).result()] == ["own"]
    with pytest.raises(Forbidden):
        house.office.create_mailbox(Actor(INSTALLATION, frozenset({Scope.READ})), HOST)
    house.office.delete_tenant(ADMIN, tenant.tenant_id, confirm="acme").result()
    assert [one.name for one in house.office.snapshot.mailboxes.values()] == ["bounces@example.com"]


def test_names_are_taken_once_and_deleting_takes_all(house: House) -> None:
    view = made(house, name="Back")
    assert "name" in faults(lambda: house.office.create_mailbox(ADMIN, {**HOST, "name": "BACK"}, "pw"))
    house.office.delete_mailbox(ADMIN, "back").result()
    for table in ("mailbox", "mailbox_state", "mailbox_event", "credential"):
        assert house.sql(f"SELECT * FROM {table}") == [], table
    back = house.office.restore_deleted(ADMIN, encode("z", view.mailbox.id)).result()
    assert back.returned.needs == ("It needs its password.",)
    assert house.office.mailbox(ADMIN, "Back").result().mailbox.id == view.mailbox.id


def test_going_back_to_a_version_takes_no_secret_along(house: House) -> None:
    view = made(house)
    house.office.change_mailbox(ADMIN, view.mailbox.id, {"host": "imap.other.example"}, "other").result()
    back = house.office.return_to(ADMIN, "mailbox", view.mailbox.id, 1).result()
    assert back.secret_dropped
    assert house.office.mailbox(ADMIN, view.mailbox.id).result().mailbox.host == "imap.example.com"


def test_reading_is_what_tokens_are_asked_for_and_nobody_consented_yet(house: House) -> None:
    view = house.office.create_mailbox(ADMIN, ENTRA).result()
    assert view.mailbox.login is Login.OAUTH2
    assert view.mailbox.oauth2_scope == "https://outlook.office.com/IMAP.AccessAsUser.All offline_access"
    assert health(view) == "incomplete"
    typed = house.office.change_mailbox(ADMIN, "cloud", {"oauth2_scope": "https://mine"}).result()
    assert typed.mailbox.oauth2_scope == "https://mine"


def test_the_key_ring_seals_secrets_of_mailboxes_anew(house: House) -> None:
    view = made(house)
    assert house.office.rotate_key(ADMIN).result() == 1
    assert house.office.open_secret(view.mailbox.access).reveal() == "hush"  # type: ignore[union-attr]


def test_a_connector_in_use_is_not_deleted_and_its_change_takes_unproven_passwords(house: House) -> None:
    house.office.create_connector(ADMIN, {"kind": "socks5", "name": "way", "host": "proxy.example.com"}).result()
    made(house, name="plain", encryption="none", connector_id="way")
    with pytest.raises(Conflict, match="plain"):
        house.office.delete_connector(ADMIN, "way").result()
    changed = house.office.change_connector(ADMIN, "way", {"host": "other.example.com"}).result()
    assert changed.accounts_dropped == ("plain",)
    assert not house.office.mailbox(ADMIN, "plain").result().mailbox.has_secret


def test_a_copy_of_the_database_reads_nobodys_mail(house: House) -> None:
    made(house)
    copy = json.dumps(Clone(1, 0, "here", "there")._asdict())
    house.sql("INSERT INTO meta (name, value) VALUES ('clone', :value)", value=copy)
    house.office.change_tenant(ADMIN, {"log_days": 99}).result()
    with pytest.raises(Conflict, match="may be a copy"):
        house.office.mailbox_to_try(ADMIN, "bounces@example.com").result()
    house.office.confirm_home(ADMIN, original=False).result()
    assert [one.enabled for one in house.office.snapshot.mailboxes.values()] == [False]


# -- who reads, and how far -------------------------------------------------------------------------------------------


def test_one_reads_at_a_time_and_whoever_lost_it_moves_nothing(house: House) -> None:
    box = made(house).mailbox
    whose = (box.tenant_id, box.id)

    def lease(fence: int, ms: int = 60_000) -> Any:
        return house.store.write(lambda c: mailbox_reading.lease(c, *whose, ms, fence, "node")).result()

    held = lease(1, 0)
    other = lease(2)
    assert lease(3) is None
    moved = lambda of: house.store.write(  # noqa: E731  (a word for what follows)
        lambda c: mailbox_reading.advance(c, of, 7, 12, 3, 1, now_ms(), 60_000)
    ).result()
    assert not moved(held)
    assert moved(other)
    state = house.office.mailbox(ADMIN, box.id).result().state
    assert (state.uid_validity, state.uid, state.taken, state.passed) == (7, 12, 3, 1)
    house.store.write(lambda c: mailbox_reading.release(c, other)).result()
    assert lease(4) is not None


def test_another_folder_is_read_from_its_beginning_by_somebody_who_asks_anew(house: House) -> None:
    box = made(house).mailbox
    held = house.store.write(lambda c: mailbox_reading.lease(c, box.tenant_id, box.id, 60_000, 1, "n")).result()
    house.store.write(lambda c: mailbox_reading.advance(c, held, 7, 12, 3, 0, 1, 60_000)).result()
    house.office.change_mailbox(ADMIN, box.id, {"poll_seconds": 60}).result()
    assert house.office.mailbox(ADMIN, box.id).result().state.uid == 12
    house.office.change_mailbox(ADMIN, box.id, {"folder": "Back"}).result()
    state = house.office.mailbox(ADMIN, box.id).result().state
    assert (state.uid_validity, state.uid, state.taken) == (None, 0, 3)
    assert not house.store.write(lambda c: mailbox_reading.advance(c, held, 7, 13, 1, 0, 1, 60_000)).result()


def test_trouble_is_kept_with_its_beginning_and_explained_until_it_is_over(house: House) -> None:
    box = made(house).mailbox
    held = house.store.write(lambda c: mailbox_reading.lease(c, box.tenant_id, box.id, 60_000, 1, "n")).result()
    for moment in (5, 9):
        house.store.write(
            lambda c, at=moment: mailbox_reading.fail(c, held, "connect", "connection-refused", "refused", at)  # type: ignore[misc]
        ).result()
    view = house.office.mailbox(ADMIN, box.id).result()
    assert (view.state.trouble, view.state.trouble_ms, health(view)) == (2, 5, "failing")
    assert wrong_of(view) is not None
    house.store.write(lambda c: mailbox_reading.looked(c, held, 11, idles=True)).result()
    view = house.office.mailbox(ADMIN, box.id).result()
    assert (view.state.trouble, view.state.looked_ms, view.state.idles, health(view)) == (0, 11, True, "reading")
    assert wrong_of(view) is None


def test_whatever_a_mailbox_shares_with_accounts_goes_along(house: House) -> None:
    """A field that is new on both has to be carried over, or a secret would be sealed to less than it should."""
    shared = {one.name for one in dataclasses.fields(Mailbox)} & {
        one.name for one in dataclasses.fields(type(Mailbox(1, 1, "", "", 1).access))
    }
    assert shared == {*ACCESS, "id", "tenant_id", "name", "host", "port"}
    box = made(house, certificate_check="ignore").mailbox
    assert box.access.certificate_check is CertificateCheck.IGNORE


def test_a_tenants_administrator_asks_for_a_fetch_of_what_is_switched_on(house: House) -> None:
    number = house.tenant("acme").tenant_id
    made(house, tenant_admin(number), name="own")
    before = now_ms()
    assert (house.office.fetch_mailbox(tenant_admin(number), "own").result().state.asked_ms or 0) >= before
    house.office.change_mailbox(tenant_admin(number), "own", {"enabled": False}).result()
    with pytest.raises(Conflict, match="switched off"):
        house.office.fetch_mailbox(tenant_admin(number), "own").result()
