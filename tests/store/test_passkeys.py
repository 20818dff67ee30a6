"""Passkeys: signing in by one alone or after a password, and every answer that must open nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from postroom.errors import BadInput, Conflict, Forbidden, NotFound, Unauthenticated
from postroom.ids import encode
from postroom.model.application import Actor
from postroom.office import Office
from postroom.office.passkeys import MOST_PASSKEYS, AddedPasskey
from postroom.office.signing_in import SignedIn
from tests.rigs.authenticator import HONEST, Authenticator, Credential, Lies, text_of
from tests.store.house import ADMIN, House
from tests.store.test_signing_in import PASSWORD, is_over, person, signed_in, verbs

ORIGIN = "https://mail.example.com"


@pytest.fixture
def house(house: House) -> House:
    """A house that people reach by name."""
    house.settings = replace(house.settings, public_url=ORIGIN)
    house.office = Office(house.store, house.ring, house.settings)
    return house


def add(house: House, actor: Actor, key: Authenticator, lies: Lies = HONEST, name: str = "My key") -> AddedPasskey:
    asked = house.office.begin_passkey(actor, PASSWORD).result()
    return house.office.add_passkey(actor, asked.attempt, name, key.create(asked.options, lies)).result()


def enter(house: House, key: Authenticator, lies: Lies = HONEST, token: str = "", **more: Any) -> SignedIn:
    asked = house.office.ask_passkey(token).result()
    return house.office.sign_in_by_passkey(asked.attempt, key.get(asked.options, lies, **more)).result()


def refused(house: House, attempt: str, answer: Mapping[str, Any]) -> str:
    with pytest.raises(Unauthenticated) as raised:
        house.office.sign_in_by_passkey(attempt, answer).result()
    return raised.value.text


def owner(house: House, login: str = "ann") -> tuple[Actor, Authenticator]:
    """Somebody with a passkey."""
    person(house, login, "support")
    actor, key = signed_in(house, login)[1], Authenticator(ORIGIN)
    add(house, actor, key)
    return actor, key


def test_a_passkey_signs_in_by_itself(house: House) -> None:
    person(house, "ann", "support")
    other, _ = signed_in(house, "ann")
    _, actor = signed_in(house, "ann")
    key = Authenticator(ORIGIN)
    added = add(house, actor, key)
    assert (added.passkey.name, added.passkey.backed_up) == ("My key", True)
    assert len(added.recovery_codes) == 10, "the first one comes with a way back"
    assert is_over(house, other), "other sessions end"
    done = enter(house, key)
    assert (done.session.pending, done.user.login) == (False, "ann")
    assert done.token not in repr(done)
    assert house.office.authenticate(done.token).result().user_id == actor.user_id
    assert house.office.passkeys(actor).result()[0].used_ms
    assert verbs(house)[:2] == ["user.signed-in", "user.passkey-added"]
    assert house.office.audit(ADMIN).result().entries[0].after == {"by": "passkey My key"}
    assert enter(house, key).user.login == "ann"


def test_after_a_password_the_passkey_or_a_recovery_code_is_the_second_step(house: House) -> None:
    actor, key = owner(house)
    codes = house.office.renew_recovery_codes(actor, PASSWORD).result()
    first = house.office.sign_in("ann", PASSWORD).result()
    assert first.session.pending
    with pytest.raises(Unauthenticated):
        house.office.authenticate(first.token).result()
    asked = house.office.ask_passkey(first.token).result()
    assert [one["id"] for one in asked.options["allowCredentials"]] == [text_of(key.credentials[0].id)]
    answer = key.get(asked.options, Lies(without_handle=True))
    done = house.office.sign_in_by_passkey(asked.attempt, answer).result()
    assert not done.session.pending
    assert done.token != first.token
    with pytest.raises(Unauthenticated):
        house.office.ask_passkey(first.token).result()
    again = house.office.sign_in("ann", PASSWORD).result()
    assert not house.office.second_step(again.token, codes[0]).result().session.pending


def test_a_second_step_takes_the_passkeys_of_whoever_gave_the_password_only(house: House) -> None:
    owner(house, "ann")
    _, mallorys = owner(house, "mallory")
    first = house.office.sign_in("ann", PASSWORD).result()
    asked = house.office.ask_passkey(first.token).result()
    refused(house, asked.attempt, mallorys.get(asked.options))
    with pytest.raises(Unauthenticated):
        house.office.authenticate(first.token).result()
    entry = house.office.audit(ADMIN).result().entries[0]
    assert (entry.verb, entry.thing) == ("user.passkey-refused", "mallory")


@pytest.mark.parametrize(
    "lies",
    [
        Lies(origin="https://mail.example.com.evil.example"),
        Lies(origin="http://mail.example.com"),
        Lies(rp_id="evil.example"),
        Lies(challenge=text_of(os.urandom(32))),
        Lies(kind="webauthn.create"),
        Lies(verified=False),
        Lies(cross_origin=True),
        Lies(signed=b"0" * 70),
        Lies(handle=b"u_0000000000000"),
        Lies(without_handle=True),
    ],
    ids=lambda lies: repr(lies)[5:40],
)
def test_an_answer_that_is_not_right_opens_nothing_and_its_owners_trail_says_so(house: House, lies: Lies) -> None:
    _, key = owner(house)
    asked = house.office.ask_passkey().result()
    text = refused(house, asked.attempt, key.get(asked.options, lies))
    assert text == refused(house, "pq_nothing", key.get(asked.options)), "the same words for everything"
    assert verbs(house)[0] == "user.passkey-refused"
    assert refused(house, asked.attempt, key.get(asked.options)) == text, "an attempt is used up by what is refused"


def test_an_answer_is_good_once(house: House) -> None:
    _, key = owner(house)
    asked = house.office.ask_passkey().result()
    answer = key.get(asked.options)
    house.office.sign_in_by_passkey(asked.attempt, answer).result()
    refused(house, asked.attempt, answer)
    other = house.office.ask_passkey().result()
    refused(house, other.attempt, answer)


def test_an_answer_that_comes_too_late_opens_nothing(house: House) -> None:
    _, key = owner(house)
    asked = house.office.ask_passkey().result()
    house.sql("UPDATE challenge SET expires_ms = 1")
    refused(house, asked.attempt, key.get(asked.options))
    assert house.sql("SELECT count(*) AS n FROM challenge")[0].n == 0


def test_a_count_that_does_not_grow_is_a_copy(house: House) -> None:
    _, key = owner(house)
    enter(house, key)
    for count in (1, 0):
        asked = house.office.ask_passkey().result()
        refused(house, asked.attempt, key.get(asked.options, Lies(count=count)))
        entry = house.office.audit(ADMIN).result().entries[0]
        assert entry.verb == "user.passkey-refused"
        assert "copy" in str(entry.after["why"])
    assert enter(house, key).user.login == "ann"


def test_a_key_that_does_not_count_is_taken(house: House) -> None:
    person(house, "ann")
    key = Authenticator(ORIGIN, counts=False)
    add(house, signed_in(house, "ann")[1], key)
    assert [enter(house, key).user.login for _ in range(2)] == ["ann", "ann"]


def test_another_key_can_not_speak_for_somebody_elses_passkey(house: House) -> None:
    _, anns = owner(house, "ann")
    _, mallorys = owner(house, "mallory")
    forged = Credential(mallorys.credentials[0].key, anns.credentials[0].id, anns.credentials[0].handle, 50)
    asked = house.office.ask_passkey().result()
    refused(house, asked.attempt, mallorys.get(asked.options, credential=forged))
    own = Lies(handle=anns.credentials[0].handle)
    asked = house.office.ask_passkey().result()
    refused(house, asked.attempt, mallorys.get(asked.options, own))


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"id": "x", "rawId": "x", "type": "public-key", "response": {}},
        {"id": "é", "rawId": "é", "type": "public-key", "response": {"clientDataJSON": "e30"}},
        {"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": []},
        {"id": "AAAA", "rawId": "A" * 100_000, "type": "public-key", "response": {"userHandle": "AAAA"}},
    ],
)
def test_what_is_no_answer_at_all_is_refused_and_breaks_nothing(house: House, answer: dict[str, Any]) -> None:
    actor, _ = owner(house)
    refused(house, house.office.ask_passkey().result().attempt, answer)
    asked = house.office.begin_passkey(actor, PASSWORD).result()
    with pytest.raises(BadInput):
        house.office.add_passkey(actor, asked.attempt, "Odd", answer).result()


def test_every_octet_of_an_answer_may_be_wrong(house: House) -> None:
    """What the library stumbles over is a refusal, never an error of ours."""
    actor, key = owner(house)
    for place in range(0, 200, 7):
        asked = house.office.begin_passkey(actor, PASSWORD).result()
        answer = Authenticator(ORIGIN).create(asked.options)
        text = answer["response"]["attestationObject"]
        answer["response"]["attestationObject"] = text[:place] + ("A" if text[place] != "A" else "B") * 4 + text[place:]
        with pytest.raises(BadInput):
            house.office.add_passkey(actor, asked.attempt, "Odd", answer).result()
    for name in ("authenticatorData", "signature", "clientDataJSON"):
        asked = house.office.ask_passkey().result()
        answer = key.get(asked.options)
        answer["response"][name] = answer["response"][name][:-5]
        refused(house, asked.attempt, answer)


@pytest.mark.parametrize(
    "lies",
    [
        Lies(origin="https://evil.example"),
        Lies(rp_id="evil.example"),
        Lies(challenge=text_of(os.urandom(32))),
        Lies(kind="webauthn.get"),
        Lies(verified=False),
    ],
    ids=lambda lies: repr(lies)[5:40],
)
def test_a_passkey_that_was_made_wrongly_is_not_taken(house: House, lies: Lies) -> None:
    person(house, "ann")
    actor = signed_in(house, "ann")[1]
    with pytest.raises(BadInput) as raised:
        add(house, actor, Authenticator(ORIGIN), lies)
    assert raised.value.faults[0].field == "credential"
    assert (ORIGIN in raised.value.text) is bool(lies.origin), "the address is what people get wrong"
    assert house.office.passkeys(actor).result() == []
    assert not house.office.sign_in("ann", PASSWORD).result().session.pending


def test_what_is_begun_in_a_session_is_ended_in_it_and_once(house: House) -> None:
    person(house, "ann")
    actor, other = signed_in(house, "ann")[1], signed_in(house, "ann")[1]
    asked = house.office.begin_passkey(actor, PASSWORD).result()
    answer = Authenticator(ORIGIN).create(asked.options)
    with pytest.raises(BadInput, match="another session"):
        house.office.add_passkey(other, asked.attempt, "Stolen", answer).result()
    with pytest.raises(BadInput, match="over"):
        house.office.add_passkey(actor, asked.attempt, "Late", answer).result()
    asked = house.office.ask_passkey().result()
    with pytest.raises(BadInput, match="over"):
        house.office.add_passkey(actor, asked.attempt, "Of another kind", answer).result()
    assert house.office.passkeys(actor).result() == []


def test_adding_and_removing_ask_for_the_password_and_keys_have_none(house: House) -> None:
    actor, key = owner(house)
    number = f"w_{'0' * 13}"
    with pytest.raises(Forbidden):
        house.office.begin_passkey(actor, "not his password").result()
    with pytest.raises(Forbidden):
        house.office.remove_passkey(actor, number, "not his password").result()
    with pytest.raises(NotFound):
        house.office.remove_passkey(actor, number, PASSWORD).result()
    with pytest.raises(Forbidden):
        house.office.passkeys(ADMIN).result()
    assert enter(house, key).user.passkeys == 1


def test_several_with_names_of_which_one_is_taken_away(house: House) -> None:
    actor, first = owner(house)
    second = Authenticator(ORIGIN)
    assert add(house, actor, second, name="The blue one").recovery_codes == ()
    assert [one.name for one in house.office.passkeys(actor).result()] == ["My key", "The blue one"]
    names = [encode("w", one.id) for one in house.office.passkeys(actor).result()]
    assert house.office.rename_passkey(actor, names[1], "The red one").result().name == "The red one"
    other = enter(house, first)
    house.office.remove_passkey(actor, names[0], PASSWORD).result()
    assert is_over(house, other.token)
    asked = house.office.ask_passkey().result()
    refused(house, asked.attempt, first.get(asked.options))
    assert enter(house, second).user.passkeys == 1
    assert house.office.recovery_codes_left(actor).result() == 10
    house.office.remove_passkey(actor, names[1], PASSWORD).result()
    assert house.office.recovery_codes_left(actor).result() == 0
    assert not house.office.sign_in("ann", PASSWORD).result().session.pending
    expected = ["user.passkey-removed", "user.passkey-renamed"]
    assert [verb for verb in verbs(house) if verb in expected] == [expected[0], expected[0], expected[1]]


def test_the_same_passkey_is_added_once_and_not_too_many(house: House) -> None:
    actor, key = owner(house)
    asked = house.office.begin_passkey(actor, PASSWORD).result()
    assert [one["id"] for one in asked.options["excludeCredentials"]] == [text_of(key.credentials[0].id)]
    answer = key.create(asked.options | {"excludeCredentials": []})
    house.office.add_passkey(actor, asked.attempt, "Second", answer).result()
    for _ in range(MOST_PASSKEYS - 2):
        add(house, actor, Authenticator(ORIGIN))
    with pytest.raises(Conflict, match="passkeys already"):
        house.office.begin_passkey(actor, PASSWORD).result()


def test_somebody_who_may_takes_them_away_and_deletion_does(house: House) -> None:
    _, key = owner(house)
    number = encode("w", house.office.passkeys_of(ADMIN, "ann").result()[0].id)
    done = enter(house, key)
    house.office.remove_passkey_of(ADMIN, "ann", number).result()
    assert is_over(house, done.token)
    person(house, "ben")
    again = signed_in(house, "ann")[1]
    add(house, again, Authenticator(ORIGIN))
    with pytest.raises(NotFound):
        house.office.remove_passkey_of(ADMIN, "ben", encode("w", house.office.passkeys(again).result()[0].id)).result()
    assert house.office.take_second_factor(ADMIN, "ann").result().passkeys == 0
    assert not house.office.sign_in("ann", PASSWORD).result().session.pending
    add(house, signed_in(house, "ann")[1], key)
    house.office.delete_user(ADMIN, "ann").result()
    asked = house.office.ask_passkey().result()
    refused(house, asked.attempt, key.get(asked.options))
    assert house.sql("SELECT count(*) AS n FROM passkey")[0].n == 0


def test_a_deactivated_user_and_a_suspended_tenant_stay_out(house: House) -> None:
    actor = house.tenant("Acme")
    person(house, "ann", actor=actor)
    key = Authenticator(ORIGIN)
    add(house, signed_in(house, "ann")[1], key)
    house.office.change_user(actor, "ann", {"deactivated": True}).result()
    asked = house.office.ask_passkey().result()
    refused(house, asked.attempt, key.get(asked.options))
    house.office.change_user(actor, "ann", {"deactivated": False}).result()
    house.office.change_tenant(ADMIN, {"suspended": True}, actor.tenant_id).result()
    asked = house.office.ask_passkey().result()
    with pytest.raises(Forbidden, match="suspended"):
        house.office.sign_in_by_passkey(asked.attempt, key.get(asked.options)).result()


def test_tokens_of_attempts_are_kept_as_digests_only(house: House) -> None:
    actor, _ = owner(house)
    asked = house.office.ask_passkey().result()
    begun = house.office.begin_passkey(actor, PASSWORD).result()
    stored = repr(house.sql("SELECT * FROM challenge"))
    assert asked.attempt not in stored + repr(asked)
    assert begun.attempt not in stored


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("", "none is set"),
        ("https://192.0.2.7", "a number and no name"),
        ("https://[2001:db8::1]:8443", "a number and no name"),
        ("http://mail.example.com", "https only"),
    ],
)
def test_without_an_address_that_browsers_take_the_error_says_what_to_set(
    house: House, address: str, told: str
) -> None:
    person(house, "ann")
    actor = signed_in(house, "ann")[1]
    office = Office(house.store, house.ring, replace(house.settings, public_url=address))
    for ask in (lambda: office.begin_passkey(actor, PASSWORD), office.ask_passkey):
        with pytest.raises(Conflict, match=told) as raised:
            ask()  # type: ignore[operator]  # both are called alike
        assert "public_url" in raised.value.text
