"""Connectors in the office, on both databases: what is checked, sealed, kept apart, told, and what depends on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from postroom.errors import BadInput, Conflict, NotFound, SecretSealed, Unauthenticated
from postroom.model.account import AccountState
from postroom.model.connector import ConnectorKind
from postroom.secrets import SealedTo
from postroom.store import agents, connectors
from tests.store.house import ADMIN, House

PROXY = {"name": "office", "kind": "socks5", "host": "Proxy.Example.com", "user": "ann", "secret": "a word"}
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA==\n-----END OPENSSH PRIVATE KEY-----\n"
FINGERPRINT = f"SHA256:{'A' * 43}"


def fields_of(call: Callable[[], Any]) -> set[str]:
    with pytest.raises(BadInput) as caught:
        call().result()
    return {fault.field for fault in caught.value.faults}


def test_a_connector_is_made_with_what_its_kind_usually_has(house: House) -> None:
    made = house.office.create_connector(ADMIN, PROXY).result()
    assert (made.connector.kind, made.connector.host, made.connector.port) == (
        ConnectorKind.SOCKS5, "proxy.example.com", 1080,
    )  # fmt: skip
    assert made.connector.has_secret
    assert "a word" not in repr(made)
    opened = house.office.open_connector_secret(made.connector)
    assert opened is not None
    assert opened.reveal() == "a word"
    ssh = house.office.create_connector(
        ADMIN,
        {"kind": "ssh", "host": "jump.lan", "user": "mail", "private_key": KEY, "host_key": f"256 {FINGERPRINT} x"},
    ).result()
    assert (ssh.connector.name, ssh.connector.port, ssh.connector.host_key) == ("jump.lan", 22, FINGERPRINT)
    assert house.office.create_connector(ADMIN, {"kind": "agent", "name": "cellar"}).result().needs
    assert [one.connector.name for one in house.office.connectors(ADMIN).result()] == ["office", "jump.lan", "cellar"]


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"kind": "carrier-pigeon", "host": "a b", "port": 99_999, "speed": 1}, {"kind", "host", "port", "speed"}),
        ({"host": "h"}, {"kind"}),
        ({"kind": "http"}, {"host"}),
        ({"kind": "agent", "host": "h", "user": "u", "secret": "s"}, {"host", "user", "secret"}),
        ({"kind": "ssh", "host": "h"}, {"user"}),
        ({"kind": "ssh", "host": "h", "user": "u", "host_key": "aa:bb"}, {"host_key"}),
        ({"kind": "socks5", "host": "h", "host_key": FINGERPRINT}, {"host_key"}),
        ({"kind": "http", "host": "h", "user": "a:b", "secret": "s"}, {"user"}),
        ({"kind": "http", "host": "h", "secret": "s"}, {"user"}),
        ({"kind": "http", "host": "h", "user": "u", "secret": "a\r\nb"}, {"secret"}),
        ({"kind": "http", "host": "h", "user": "u", "secret": KEY}, {"secret"}),
        ({"kind": "socks5", "host": "h", "user": "ü" * 128, "secret": "s" * 256}, {"user", "secret"}),
        ({"kind": "ssh", "host": "h", "user": "u", "secret": KEY.replace("b3", "ENCRYPTED")}, {"secret"}),
    ],
)
def test_everything_wrong_is_told_at_once(house: House, values: dict[str, Any], fields: set[str]) -> None:
    assert fields_of(lambda: house.office.create_connector(ADMIN, values)) == fields
    assert house.office.connectors(ADMIN).result() == []


def test_two_of_one_name_are_refused_whatever_their_case(house: House) -> None:
    house.office.create_connector(ADMIN, PROXY).result()
    assert fields_of(lambda: house.office.create_connector(ADMIN, {**PROXY, "name": "OFFICE"})) == {"name"}


@pytest.mark.parametrize(
    "change", [{"host": "other.example.com"}, {"port": 1081}, {"user": "bob"}, {"kind": "http", "port": 1080}]
)
def test_a_secret_is_lost_with_what_it_was_typed_for(house: House, change: dict[str, Any]) -> None:
    """P7, by arithmetic too: the old octets do not open for the changed connector."""
    before = house.office.create_connector(ADMIN, PROXY).result().connector
    sealed = house.store.read(connectors.all_sealed).result()[0].sealed
    view = house.office.change_connector(ADMIN, "office", change).result()
    assert view.secret_dropped
    assert not view.connector.has_secret
    assert house.store.read(connectors.all_sealed).result() == []
    with pytest.raises(SecretSealed):
        house.ring.open(sealed, SealedTo.of_connector(view.connector))
    assert house.ring.open(sealed, SealedTo.of_connector(before)).reveal() == "a word"


def test_another_name_or_a_blank_secret_keeps_it(house: House) -> None:
    house.office.create_connector(ADMIN, PROXY).result()
    view = house.office.change_connector(ADMIN, "office", {"name": "new", "secret": ""}).result()
    assert (view.connector.has_secret, view.secret_dropped) == (True, False)


def test_a_host_key_is_forgotten_with_its_host(house: House) -> None:
    values = {"kind": "ssh", "name": "jump", "host": "a.lan", "user": "u", "secret": "p", "host_key": FINGERPRINT}
    house.office.create_connector(ADMIN, values).result()
    kept = house.office.change_connector(ADMIN, "jump", {"name": "jump2"}).result()
    assert kept.connector.host_key == FINGERPRINT
    moved = house.office.change_connector(ADMIN, "jump2", {"host": "b.lan"}).result()
    assert moved.connector.host_key == ""
    assert any("not confirmed" in need for need in moved.needs)


def test_accounts_choose_one_of_their_own_tenant(house: House) -> None:
    made = house.office.create_connector(ADMIN, PROXY).result().connector
    account = house.account("main", connector="OFFICE")
    found = house.office.account(ADMIN, account).result().account
    assert found.connector_id == made.id
    assert house.office.connector(ADMIN, made.id).result().accounts == ("main",)
    boss = house.tenant("acme")
    assert fields_of(
        lambda: house.office.create_account(boss, {"host": "smtp.example.com", "connector_id": "office"})
    ) == {"connector_id"}
    with pytest.raises(NotFound):
        house.office.connector(boss, made.id).result()
    with pytest.raises(Conflict, match="main go through it"):
        house.office.delete_connector(ADMIN, "office").result()
    house.office.change_account(ADMIN, "main", {"connector_id": None}).result()
    house.office.delete_connector(ADMIN, "office").result()
    assert house.office.connectors(ADMIN).result() == []
    assert house.store.read(connectors.all_sealed).result() == []


def test_another_way_takes_the_password_of_an_account_that_could_not_tell(house: House) -> None:
    """P7: without a checked certificate the new way could lead to another server."""
    house.office.create_connector(ADMIN, PROXY).result()
    login = {"connector": "office", "user": "u", "secret": "p"}
    house.account("checked", **login)
    house.account("ignoring", certificate_check="ignore", **login)
    house.account("open", encryption="none", allow_clear_login=True, **login)
    view = house.office.change_connector(ADMIN, "office", {"host": "other.example.com", "secret": "x"}).result()
    assert view.accounts_dropped == ("ignoring", "open")
    assert [house.office.account(ADMIN, name).result().has_secret for name in ("checked", "ignoring", "open")] == [
        True, False, False,
    ]  # fmt: skip


def test_a_change_lets_accounts_go_on_that_a_verdict_had_paused(house: House) -> None:
    house.office.create_connector(ADMIN, PROXY).result()
    by_verdict, by_hand = house.account("one", connector="office"), house.account("two", connector="office")
    house.office.pause_for(by_verdict, "The connector refuses us.").result()
    house.office.pause_account(ADMIN, "two").result()
    house.office.change_connector(ADMIN, "office", {"secret": "better"}).result()
    assert house.office.snapshot.accounts[by_verdict].state is AccountState.READY
    assert house.office.snapshot.accounts[by_hand].state is AccountState.PAUSED


def test_changes_are_versions_and_in_the_audit_trail(house: House) -> None:
    house.office.create_connector(ADMIN, PROXY).result()
    house.office.change_connector(ADMIN, "office", {"host": "other.example.com", "secret": "new word"}).result()
    every = house.office.versions(ADMIN, "connector", "office").result()
    assert [one.values["host"] for one in every] == ["other.example.com", "proxy.example.com"]
    back = house.office.return_to(ADMIN, "connector", "office", 1).result()
    assert (back.version, back.secret_dropped) == (3, True)
    house.office.create_connector(ADMIN, {"kind": "agent", "name": "cellar"}).result()
    assert house.office.return_to(ADMIN, "connector", "cellar", 1).result().version == 2
    trail = house.sql("SELECT * FROM audit WHERE verb LIKE 'connector.%' ORDER BY id")
    assert [row.verb for row in trail] == [
        "connector.created",
        "connector.changed",
        "connector.changed",
        "connector.created",
    ]
    assert "word" not in str(trail)


def test_settings_as_code_hold_connectors_without_secrets(house: House) -> None:
    house.office.create_connector(ADMIN, PROXY).result()
    house.office.create_connector(ADMIN, {"kind": "agent", "name": "cellar"}).result()
    house.account("main", connector="office")
    text = house.office.export(ADMIN).result()
    assert "a word" not in text
    assert 'connector = "office"' in text
    assert house.office.plan(ADMIN, text).result().changes == ()
    boss = house.tenant("acme")
    done = house.office.import_file(boss, text).result()
    assert {(change.noun, change.name) for change in done.changes} >= {("connector", "office"), ("account", "main")}
    assert any("needs its password" in warning for warning in done.warnings)
    assert house.office.account(boss, "main").result().account.connector_id is not None
    bare = "\n".join(line for line in text.splitlines() if line != 'connector = "office"')
    without = (
        bare.partition("[connectors.office]")[0]
        + '[connectors.cellar]\nkind = "agent"\n'
        + bare[bare.index("[accounts") :]
    )
    done = house.office.import_file(boss, without, prune=True).result()
    assert ("delete", "connector", "office") in {(one.what.value, one.noun, one.name) for one in done.changes}


def test_what_a_file_names_wrongly_is_told_with_its_line(house: House) -> None:
    text = '[connectors.x]\nhost = "h"\n[accounts.main]\nhost = "smtp.example.com"\nconnector = "y"\n'
    with pytest.raises(BadInput) as caught:
        house.office.plan(ADMIN, text).result()
    assert {fault.field for fault in caught.value.faults} == {
        "connectors.x.kind (line 1)", "accounts.main.connector (line 5)",
    }  # fmt: skip


def test_a_new_key_in_the_ring_seals_connectors_too(house: House) -> None:
    made = house.office.create_connector(ADMIN, PROXY).result().connector
    assert house.office.rotate_key(ADMIN).result() == 1
    sealed = house.store.read(connectors.all_sealed).result()[0].sealed
    assert house.ring.is_current(sealed, SealedTo.of_connector(made))
    assert house.office.rotate_key(ADMIN).result() == 1


def test_the_log_is_bounded_and_says_a_thing_once(house: House) -> None:
    made = house.office.create_connector(ADMIN, PROXY).result().connector
    assert house.office.note_connector(made.id, "gone", trouble=True).result()
    assert not house.office.note_connector(made.id, "gone", trouble=True).result()
    trouble = house.office.connector(ADMIN, "office").result().trouble
    assert trouble is not None
    assert trouble.text == "gone"
    house.office.note_connector(made.id, "It works again.", trouble=False).result()
    assert house.office.connector(ADMIN, "office").result().trouble is None
    lines = [event.text for event in house.office.connector_log(ADMIN, "office").result()]
    assert lines == ["It works again.", "gone"]
    for number in range(connectors.KEPT_EVENTS + 5):
        house.office.note_connector(made.id, f"line {number}", trouble=False)
    house.office.note_connector(made.id, "last", trouble=False).result()
    assert house.sql("SELECT count(*) AS many FROM connector_event")[0].many == connectors.KEPT_EVENTS


class TestAgents:
    def cellar(self, house: House) -> int:
        return house.office.create_connector(ADMIN, {"kind": "agent", "name": "cellar"}).result().connector.id

    def test_a_key_is_shown_once_and_known_until_it_is_revoked(self, house: House) -> None:
        self.cellar(house)
        new = house.office.create_agent(ADMIN, "cellar", "one").result()
        assert new.text.startswith(f"pa_{new.agent.prefix}_")
        assert new.text not in repr(new)
        connector, agent = house.office.authenticate_agent(new.text).result()
        assert (connector.name, agent.name) == ("cellar", "one")
        rows = house.sql("SELECT * FROM agent")
        assert new.text not in str(rows)
        with pytest.raises(Conflict):
            house.office.create_agent(ADMIN, "cellar", "ONE").result()
        house.office.revoke_agent(ADMIN, "cellar", "one").result()
        house.office.revoke_agent(ADMIN, "cellar", agent.id).result()
        again = house.office.create_agent(ADMIN, "cellar", "one").result()
        for wrong in (new.text, again.text[:-1] + "_", f"pa_00000000_{'x' * 43}", "", "pr_x", "\ud800"):
            with pytest.raises(Unauthenticated, match="not valid, or was revoked"):
                house.office.authenticate_agent(wrong).result()
        verbs = [row.verb for row in house.sql("SELECT verb FROM audit WHERE verb LIKE 'agent.%' ORDER BY id")]
        assert verbs == ["agent.created", "agent.revoked", "agent.created"]

    def test_only_connectors_for_agents_have_some(self, house: House) -> None:
        house.office.create_connector(ADMIN, PROXY).result()
        with pytest.raises(Conflict, match="no connector for agents"):
            house.office.create_agent(ADMIN, "office", "one").result()

    def test_where_an_agent_is_connected(self, house: House) -> None:
        number = self.cellar(house)
        agent = house.office.create_agent(ADMIN, "cellar", "one").result().agent
        house.office.agent_joined(agent, "192.0.2.7").result()
        seen = house.office.connector(ADMIN, "cellar").result().agents[0]
        assert (seen.address, seen.node, seen.connected_ms is not None) == ("192.0.2.7", house.store.worker, True)
        assert house.office.agents_elsewhere().result() == frozenset()
        assert house.store.read(lambda c: agents.elsewhere(c, "another process")).result() == {number}
        house.store.write(lambda c: agents.left(c, agent, "another process", 1)).result()
        assert house.office.connector(ADMIN, "cellar").result().agents[0].connected_ms is not None
        house.sql("UPDATE node SET seen_ms = 0")
        assert house.office.connector(ADMIN, "cellar").result().agents[0].connected_ms is None
        assert house.store.read(lambda c: agents.elsewhere(c, "another process")).result() == frozenset()
        house.office.agent_left(agent).result()
        assert house.sql("SELECT connected_ms FROM agent")[0].connected_ms is None
        assert house.office.still_wanted([agent]).result() == {agent.id}
        house.office.delete_connector(ADMIN, "cellar").result()
        assert house.office.still_wanted([agent]).result() == frozenset()
