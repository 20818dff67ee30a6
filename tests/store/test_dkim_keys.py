"""DKIM keys in both databases: seen before they sign, replaced without a gap, never shown, and only their owner's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from postroom.errors import BadInput, Conflict, NotFound
from postroom.model.application import Actor, Scope
from postroom.model.dkim import DkimState
from postroom.office.dkim import DkimView
from postroom.policy.signing import PATIENCE_MS
from postroom.secrets.dkim import made, sealed_to
from tests.rigs.names import NameServerRig
from tests.store.house import ADMIN, House
from tests.store.test_signing_in import verbs


@pytest.fixture
def names(house: House) -> Iterator[NameServerRig]:
    """A name server, and an office that asks it."""
    with NameServerRig({}) as rig:
        object.__setattr__(house.office._settings, "dns_servers", (_server(rig),))
        yield rig


def _server(rig: NameServerRig) -> Any:
    from postroom.settings import NameServer

    return NameServer(rig.host, rig.port)


def create(house: House, actor: Actor = ADMIN, **values: object) -> DkimView:
    wanted = {"domain": "example.com", "algorithm": "ed25519", **values}
    return asyncio.run(house.office.create_dkim_key(actor, wanted))


def publish(names: NameServerRig, view: DkimView, value: str = "") -> None:
    text = value or view.record.value
    names.zone[view.record.name] = {"TXT": [f'"{text[:250]}" "{text[250:]}"']}


def check(house: House, view: DkimView, actor: Actor = ADMIN) -> DkimView:
    return asyncio.run(house.office.check_dkim_key(actor, view.key.id))


def state(house: House, view: DkimView) -> DkimState:
    return house.office.dkim_key(ADMIN, view.key.id).result().key.state


def test_a_key_waits_for_its_record_and_then_signs(house: House, names: NameServerRig) -> None:
    view = create(house, algorithm="rsa")
    assert view.key.state is DkimState.WAITING
    assert len(view.record.zone.split('"')) == 5, "two strings of at most 255 octets"
    assert check(house, view).seen == f"The record {view.record.name} is not there."
    assert state(house, view) is DkimState.WAITING
    publish(names, view)
    seen = check(house, view)
    assert (seen.key.state, seen.checked_ms is not None) == (DkimState.ACTIVE, True)
    assert seen.seen == f"The record {view.record.name} is there and right."
    assert [verb for verb in verbs(house) if verb.startswith("dkim")] == ["dkim-key.changed", "dkim-key.created"]


def test_a_successor_takes_over_only_when_its_record_is_there(house: House, names: NameServerRig) -> None:
    old = create(house)
    publish(names, old)
    check(house, old)
    new = asyncio.run(house.office.rotate_dkim_key(ADMIN, old.record.name))
    assert new.key.selector != old.key.selector
    assert (check(house, new).key.state, state(house, old)) == (DkimState.WAITING, DkimState.ACTIVE)
    publish(names, new)
    assert (check(house, new).key.state, state(house, old)) == (DkimState.ACTIVE, DkimState.RETIRED)
    retired = house.office.dkim_key(ADMIN, old.key.id).result()
    assert retired.stays_until_ms is not None
    house.office.delete_dkim_key(ADMIN, old.key.id).result()
    with pytest.raises(NotFound):
        house.office.dkim_key(ADMIN, old.key.id).result()


def test_a_vanished_record_stops_the_key_after_an_hour_and_a_silent_server_never_does(
    house: House, names: NameServerRig
) -> None:
    view = create(house)
    publish(names, view)
    check(house, view)
    names.zone[view.record.name] = "servfail"
    assert check(house, view).key.absent_since_ms is None
    del names.zone[view.record.name]
    gone = check(house, view)
    assert (gone.key.state, gone.key.absent_since_ms is not None) == (DkimState.ACTIVE, True)
    house.sql("UPDATE dkim_key SET absent_since_ms = absent_since_ms - :ms", ms=PATIENCE_MS)
    house.office.change_tenant(ADMIN, {"log_days": 98}).result()
    assert check(house, view).key.state is DkimState.MISSING
    with pytest.raises(Conflict):
        house.office.delete_dkim_key(ADMIN, view.key.id).result()
    publish(names, view)
    back = check(house, view).key
    assert (back.state, back.absent_since_ms) == (DkimState.ACTIVE, None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("v=DKIM1; k=ed25519; p=", "is empty, which revokes the key"),
        ("v=DKIM1; p=MCowBQYDK2VwAyEA", "holds another key"),
        ("v=spf1 -all", "holds no DKIM key"),
    ],
)
def test_another_record_is_none_of_ours(house: House, names: NameServerRig, text: str, words: str) -> None:
    view = create(house)
    publish(names, view, text)
    seen = check(house, view)
    assert words in seen.seen
    assert seen.key.state is DkimState.WAITING


def test_the_clock_looks_for_what_is_due_and_tells_what_came_of_it(house: House, names: NameServerRig) -> None:
    view = create(house)
    publish(names, view)
    found = asyncio.run(house.office.look_for_dkim_records())
    assert [(one.before.state, one.key.state) for one in found] == [(DkimState.WAITING, DkimState.ACTIVE)]
    assert asyncio.run(house.office.look_for_dkim_records()) == [], "not again within the hour"


def test_a_key_belongs_to_its_tenant(house: House, names: NameServerRig) -> None:
    acme = house.tenant("acme")
    view = create(house, acme)
    assert view.key.tenant_id == acme.tenant_id
    assert house.office.dkim_keys(ADMIN).result() == []
    with pytest.raises(NotFound):
        house.office.dkim_key(house.tenant("other"), view.key.id).result()


def test_everything_wrong_with_a_key_is_told_at_once(house: House) -> None:
    values = {"domain": "localhost", "bits": 1024, "selector": "a_b", "color": "red", "private_key": "-----BEGIN"}
    with pytest.raises(BadInput) as caught:
        asyncio.run(house.office.create_dkim_key(ADMIN, values))
    assert {fault.field for fault in caught.value.faults} == {"domain", "bits", "selector", "color", "private_key"}
    with pytest.raises(BadInput):
        create(house, bits=2048)
    first = create(house, selector="mail")
    with pytest.raises(Conflict):
        create(house, selector="Mail")
    assert create(house).key.selector != first.key.selector


def test_an_imported_key_signs_as_itself_and_is_never_shown(house: House) -> None:
    from postroom.model.dkim import DkimAlgorithm

    pair = made(DkimAlgorithm.RSA, 2048)
    pem = pair.private.reveal()
    view = asyncio.run(house.office.create_dkim_key(ADMIN, {"domain": "example.com", "private_key": pem}))
    assert view.key.public_key == pair.public_key
    core = "".join(pem.split("\n")[2:4])
    everything = repr(view) + json.dumps([entry.after for entry in house.office.audit(ADMIN).result().entries])
    assert core not in everything
    assert core.encode() not in b"".join(row.sealed for row in house.sql("SELECT sealed FROM dkim_key"))


def test_keys_are_sealed_anew_with_the_ring_and_open_for_their_own_record_only(house: House) -> None:
    view = create(house)
    before = house.sql("SELECT sealed FROM dkim_key")[0].sealed
    assert house.office.rotate_key(ADMIN).result() == 1
    after = house.sql("SELECT sealed FROM dkim_key")[0].sealed
    assert before != after
    assert house.ring.is_current(bytes(after), sealed_to(view.key))
    signer = house.office.open_dkim_key(view.key)
    assert signer is not None
    assert len(signer.sign(b"x" * 32)) == 64
    house.sql("UPDATE dkim_key SET selector = 'other'")
    house.office.change_tenant(ADMIN, {"log_days": 97}).result()
    with pytest.raises(Exception, match="type it again"):
        house.office.open_dkim_key(house.office.snapshot.dkim_keys[view.key.id])


def test_who_may_only_look_changes_nothing(house: House) -> None:
    from postroom.errors import Forbidden

    view = create(house)
    reader = Actor(1, frozenset({Scope.SETTINGS_READ}), name="reader")
    assert [one.key.id for one in house.office.dkim_keys(reader).result()] == [view.key.id]
    for act in (
        lambda: asyncio.run(house.office.create_dkim_key(reader, {"domain": "example.com"})),
        lambda: asyncio.run(house.office.check_dkim_key(reader, view.key.id)),
        lambda: asyncio.run(house.office.rotate_dkim_key(reader, view.key.id)),
        lambda: house.office.retire_dkim_key(reader, view.key.id).result(),
        lambda: house.office.delete_dkim_key(reader, view.key.id).result(),
    ):
        with pytest.raises(Forbidden):
            act()
