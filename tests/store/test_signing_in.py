"""People: signing in, the second step, sessions and their ends, links, roles, and what nobody may do to whom."""

from __future__ import annotations

from typing import Any

import pytest

from postroom.clock import now_ms
from postroom.errors import BadInput, Conflict, Forbidden, NotFound, TooMany, Unauthenticated
from postroom.model.application import Actor, Scope
from postroom.model.person import Purpose, User, login_key
from postroom.office.second_factor import STEP_SECONDS, code_at
from postroom.policy.rights import READY
from tests.store.house import ADMIN, House, tenant_admin

PASSWORD = "correct horse battery"
OTHER = "another horse, other battery"


def person(house: House, login: str, *roles: str, actor: Actor = ADMIN) -> User:
    """Somebody who has chosen his password."""
    link = house.office.create_user(actor, {"login": login, "roles": list(roles)}).result()
    return house.office.redeem(link.token, PASSWORD, address=login).result()


def signed_in(house: House, login: str) -> tuple[str, Actor]:
    token = house.office.sign_in(login, PASSWORD, address=login).result().token
    return token, house.office.authenticate(token).result()


def is_over(house: House, token: str) -> bool:
    """Refused, also by what is remembered of it."""
    if house.office.authenticated(token) is not None:
        return False
    with pytest.raises(Unauthenticated):
        house.office.authenticate(token).result()
    return True


def verbs(house: House, actor: Actor = ADMIN) -> list[str]:
    return [entry.verb for entry in house.office.audit(actor, limit=1000).result().entries]


def test_a_user_signs_in_after_he_chose_a_password_by_the_link(house: House) -> None:
    link = house.office.create_user(ADMIN, {"login": "Ann@example.com", "name": "Ann", "roles": ["support"]}).result()
    assert link.purpose is Purpose.INVITATION
    assert link.token not in repr(link)
    with pytest.raises(Unauthenticated):
        house.office.sign_in("ann@example.com", PASSWORD).result()
    assert house.office.redeem(link.token, PASSWORD).result().has_password
    done = house.office.sign_in("ANN@example.com", PASSWORD, address="192.0.2.1", agent="a browser").result()
    assert (done.session.pending, done.session.address, done.session.agent) == (False, "192.0.2.1", "a browser")
    assert done.token not in repr(done)
    actor = house.office.authenticate(done.token).result()
    assert (actor.name, actor.user_id, actor.session_id) == ("Ann@example.com", link.user.id, done.session.id)
    assert actor.scopes == READY["support"].scopes
    assert house.office.authenticated(done.token) == actor
    assert actor.everywhere, "a user of the installation has his rights in every tenant"


def test_tokens_passwords_and_codes_are_stored_as_digests_only(house: House) -> None:
    link = house.office.create_user(ADMIN, {"login": "ann"}).result()
    house.office.redeem(link.token, PASSWORD).result()
    token, actor = signed_in(house, "ann")
    setup = house.office.begin_second_factor(actor, PASSWORD).result()
    codes = house.office.confirm_second_factor(actor, code_at(setup.secret, now_ms() // 1000 // STEP_SECONDS)).result()
    stored = "".join(
        repr(house.sql(f"SELECT * FROM {table}"))
        for table in ("person", "person_session", "person_link", "recovery_code", "audit")
    )
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in stored
    for secret in (link.token, token, PASSWORD, setup.secret, *codes, token.split("_", 2)[2]):
        assert secret not in stored


def test_a_link_is_good_once_and_only_the_newest(house: House) -> None:
    first = house.office.create_user(ADMIN, {"login": "ann"}).result()
    second = house.office.invite(ADMIN, "ann").result()
    for token in (first.token, "pl_" + "x" * 43, ""):
        with pytest.raises(NotFound):
            house.office.redeem(token, PASSWORD).result()
    house.office.redeem(second.token, PASSWORD).result()
    with pytest.raises(NotFound):
        house.office.redeem(second.token, OTHER).result()


def test_a_link_that_is_too_old_or_whose_user_is_deactivated_is_worthless(house: House) -> None:
    link = house.office.create_user(ADMIN, {"login": "ann"}).result()
    house.sql("UPDATE person_link SET expires_ms = 1")
    with pytest.raises(NotFound):
        house.office.redeem(link.token, PASSWORD).result()
    link = house.office.invite(ADMIN, "ann").result()
    house.office.change_user(ADMIN, "ann", {"deactivated": True}).result()
    with pytest.raises(NotFound):
        house.office.redeem(link.token, PASSWORD).result()
    with pytest.raises(Conflict):
        house.office.invite(ADMIN, "ann").result()


def test_whatever_is_wrong_is_refused_in_the_same_words_after_the_same_work(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No user oracle, held by counting the work instead of measuring time."""
    person(house, "ann")
    person(house, "bob")
    house.office.change_user(ADMIN, "bob", {"deactivated": True}).result()
    house.office.create_user(ADMIN, {"login": "cid"}).result()
    done: list[str] = []
    hasher = house.office._passwords._hasher
    verify = type(hasher).verify
    monkeypatch.setattr(type(hasher), "verify", lambda self, *given: (done.append("hash"), verify(self, *given))[1])
    told = set()
    for place, (login, password) in enumerate(
        [("ann", OTHER), ("bob", PASSWORD), ("cid", PASSWORD), ("nobody", PASSWORD), ("", ""), ("\ud800", "\ud800")]
    ):
        with pytest.raises(Unauthenticated) as refused:
            house.office.sign_in(login, password, address=f"192.0.2.{place}").result()
        told.add(refused.value.text)
    assert len(told) == 1
    assert done == ["hash"] * 6


def test_guessing_is_slowed_per_login_and_per_address_alike_for_those_who_do_not_exist(house: House) -> None:
    person(house, "ann")
    for login in ("ann", "nobody"):
        for n in range(5):
            with pytest.raises(Unauthenticated):
                house.office.sign_in(login, OTHER, address=f"192.0.2.{n}-{login}").result()
        with pytest.raises(TooMany) as slowed:
            house.office.sign_in(login, PASSWORD, address="198.51.100.1")
        assert slowed.value.seconds >= 1
    for n in range(30):
        with pytest.raises(Unauthenticated):
            house.office.sign_in(f"guess {n}", OTHER, address="203.0.113.9").result()
    with pytest.raises(TooMany):
        house.office.sign_in("somebody", OTHER, address="203.0.113.9")


def test_sessions_end_with_a_new_password_other_roles_and_deactivation(house: House) -> None:
    person(house, "ann", "support")
    first, actor = signed_in(house, "ann")
    second, _ = signed_in(house, "ann")
    with pytest.raises(Forbidden):
        house.office.change_password(actor, OTHER, "yet another one here").result()
    house.office.change_password(actor, PASSWORD, OTHER).result()
    assert is_over(house, second)
    assert house.office.authenticate(first).result() == actor
    for change in ({"roles": ["reader"]}, {"deactivated": True}):
        house.office.change_user(ADMIN, "ann", change).result()
        assert is_over(house, first)
        house.office.change_user(ADMIN, "ann", {"deactivated": False}).result()
        first = house.office.sign_in("ann", OTHER).result().token
    house.office.redeem(house.office.invite(ADMIN, "ann").result().token, PASSWORD).result()
    assert is_over(house, first)


def test_sessions_end_when_their_role_changes_or_the_user_is_deleted(house: House) -> None:
    role = house.office.create_role(ADMIN, {"name": "Night shift", "scopes": ["messages:read"]}).result()
    person(house, "ann", "night SHIFT")
    token, actor = signed_in(house, "ann")
    assert actor.scopes == {Scope.READ}
    with pytest.raises(Conflict):
        house.office.delete_role(ADMIN, "Night shift").result()
    house.office.change_role(ADMIN, role.name, {"scopes": ["messages:read", "messages:act"]}).result()
    assert is_over(house, token)
    token, actor = signed_in(house, "ann")
    assert actor.scopes == {Scope.READ, Scope.ACT}
    house.office.delete_user(ADMIN, "ann").result()
    assert is_over(house, token)
    house.office.delete_role(ADMIN, "Night shift").result()


def test_sessions_end_by_hand_by_age_and_when_idle(house: House) -> None:
    person(house, "ann")
    first, actor = signed_in(house, "ann")
    second, _ = signed_in(house, "ann")
    third, _ = signed_in(house, "ann")
    found = house.office.sessions(actor).result()
    assert len(found) == 3
    house.office.end_session(actor, found[0].id).result()
    assert is_over(house, third)
    assert house.office.end_other_sessions(actor).result() == 1
    assert is_over(house, second)
    with pytest.raises(NotFound):
        house.office.end_session(actor, found[0].id).result()
    house.office._lately.clear()
    house.sql("UPDATE person_session SET seen_ms = seen_ms - 2 * 3600 * 1000")
    assert is_over(house, first)
    fourth, _ = signed_in(house, "ann")
    house.office._lately.clear()
    house.sql("UPDATE person_session SET expires_ms = 1")
    assert is_over(house, fourth)


def test_nobody_ends_the_sessions_of_somebody_else_as_his_own(house: House) -> None:
    person(house, "ann")
    person(house, "bob")
    token, _ = signed_in(house, "ann")
    _, bob = signed_in(house, "bob")
    session = house.office.authenticate(token).result().session_id
    assert session is not None
    with pytest.raises(NotFound):
        house.office.end_session(bob, session).result()
    assert not any(one.id == session for one in house.office.sessions(bob).result())


def test_the_second_step_is_asked_for_and_its_token_is_a_new_one(house: House) -> None:
    person(house, "ann")
    _, actor = signed_in(house, "ann")
    setup = house.office.begin_second_factor(actor, PASSWORD).result()
    assert not house.office.sign_in("ann", PASSWORD).result().session.pending, "not confirmed, so not asked for"
    step = now_ms() // 1000 // STEP_SECONDS
    with pytest.raises(BadInput):
        house.office.confirm_second_factor(actor, "000000x").result()
    codes = house.office.confirm_second_factor(actor, code_at(setup.secret, step)).result()
    assert len(set(codes)) == 10
    pending = house.office.sign_in("ann", PASSWORD).result()
    assert pending.session.pending
    assert is_over(house, pending.token), "it opens nothing but the second step"
    with pytest.raises(Unauthenticated):
        house.office.second_step(pending.token, code_at(setup.secret, step)).result()  # used by the confirmation
    done = house.office.second_step(pending.token, code_at(setup.secret, step + 1)).result()
    assert done.token != pending.token
    assert house.office.authenticate(done.token).result().user_id == actor.user_id
    with pytest.raises(Unauthenticated):
        house.office.second_step(pending.token, codes[0]).result()
    pending = house.office.sign_in("ann", PASSWORD).result()
    house.office.second_step(pending.token, codes[0].upper().replace("-", " ")).result()
    assert house.office.recovery_codes_left(actor).result() == 9
    pending = house.office.sign_in("ann", PASSWORD).result()
    for n in range(5):
        with pytest.raises(Unauthenticated):
            house.office.second_step(pending.token, codes[0], address=str(n)).result()
    with pytest.raises(TooMany):
        house.office.second_step(pending.token, codes[1]).result()


def test_the_second_factor_goes_with_the_password_or_by_somebody_who_may(house: House) -> None:
    person(house, "ann")
    token, actor = signed_in(house, "ann")
    setup = house.office.begin_second_factor(actor, PASSWORD).result()
    code = code_at(setup.secret, now_ms() // 1000 // STEP_SECONDS)
    old = house.office.confirm_second_factor(actor, code).result()
    new = house.office.renew_recovery_codes(actor, PASSWORD).result()
    assert not set(old) & set(new)
    with pytest.raises(Forbidden):
        house.office.remove_second_factor(actor, OTHER).result()
    house.office.remove_second_factor(actor, PASSWORD).result()
    assert house.office.recovery_codes_left(actor).result() == 0
    assert not house.office.sign_in("ann", PASSWORD).result().session.pending
    setup = house.office.begin_second_factor(actor, PASSWORD).result()
    code = code_at(setup.secret, now_ms() // 1000 // STEP_SECONDS)
    house.office.confirm_second_factor(actor, code).result()
    assert house.office.sign_in("ann", PASSWORD).result().session.pending
    house.office.take_second_factor(ADMIN, "ann").result()
    assert is_over(house, token)
    assert not house.office.sign_in("ann", PASSWORD).result().session.pending


def test_a_second_factor_opens_after_the_ring_was_rotated(house: House) -> None:
    person(house, "ann")
    _, actor = signed_in(house, "ann")
    setup = house.office.begin_second_factor(actor, PASSWORD).result()
    assert house.office.rotate_key(ADMIN).result() == 1
    code = code_at(setup.secret, now_ms() // 1000 // STEP_SECONDS)
    assert house.office.confirm_second_factor(actor, code).result()


@pytest.mark.parametrize(
    "other", ["ANN@EXAMPLE.COM", "ann@example.com", "ａｎｎ@example.com", "ann@e\N{LATIN SMALL LETTER LONG S}ample.com"]
)
def test_logins_that_look_alike_collide(house: House, other: str) -> None:
    """A21 (Django CVE-2019-19844): a reset or a sign-in can't be turned to a look-alike."""
    person(house, "ann@example.com")
    person(house, "ann@esample.com")
    with pytest.raises(Conflict):
        house.office.create_user(ADMIN, {"login": other}).result()
    house.office.create_user(ADMIN, {"login": "bob"}).result()
    with pytest.raises(Conflict):
        house.office.change_user(ADMIN, "bob", {"login": other}).result()


def test_a_login_of_mixed_scripts_with_spaces_or_that_is_an_id_is_refused(house: House) -> None:
    for login in ("\u0430nn", "a nn", "u_0000000000000", "", "ann\u202e", "ann\x00", "12"):
        with pytest.raises(BadInput):
            house.office.create_user(ADMIN, {"login": login}).result()
    assert login_key("STRASSE") == login_key("straße")


def test_a_reset_goes_to_the_stored_address_and_nobody_learns_who_exists(house: House) -> None:
    house.office.create_user(ADMIN, {"login": "ann", "email": "ann@example.com"}).result()
    link = house.office.forgotten("ANN").result()
    assert link is not None
    assert link.user.email == "ann@example.com"
    house.office.redeem(link.token, PASSWORD).result()
    reset = house.office.forgotten("ann").result()
    assert reset is not None
    assert reset.purpose is Purpose.RESET
    assert house.office.sign_in("ann", PASSWORD).result(), "the old password is good until the link is used"
    assert house.office.forgotten("nobody").result() is None
    for n in range(2):
        assert house.office.forgotten("nobody", address=f"192.0.2.{n}").result() is None
    with pytest.raises(TooMany):
        house.office.forgotten("nobody")


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaa", "ann.example.com1", "x" * 257, "\ud800" * 14])
def test_a_password_that_is_easy_to_guess_is_refused(house: House, password: str) -> None:
    link = house.office.create_user(ADMIN, {"login": "ann.example.com"}).result()
    with pytest.raises(BadInput) as refused:
        house.office.redeem(link.token, password).result()
    assert password not in str(refused.value)
    assert house.office.redeem(link.token, PASSWORD).result(), "the link is still good"


# -- who may do what to whom ------------------------------------------------------------------------------------------


def test_nobody_gives_what_he_does_not_have_or_touches_whom_he_does_not_equal(house: House) -> None:
    house.office.create_role(
        ADMIN, {"name": "clerk", "scopes": ["users:manage", "applications:manage", "messages:read"]}
    ).result()
    person(house, "root", "administrator")
    person(house, "clerk", "clerk")
    person(house, "reader", "reader")
    _, clerk = signed_in(house, "clerk")
    office = house.office
    refused: list[Any] = [
        lambda: office.create_user(clerk, {"login": "x", "roles": ["administrator"]}),
        lambda: office.create_user(clerk, {"login": "x", "roles": ["support"]}),
        lambda: office.change_user(clerk, "reader", {"roles": ["support"]}),
        lambda: office.change_user(clerk, "root", {"email": "evil@example.com"}),
        lambda: office.change_user(clerk, "root", {"deactivated": True}),
        lambda: office.invite(clerk, "root"),
        lambda: office.delete_user(clerk, "root"),
        lambda: office.take_second_factor(clerk, "root"),
        lambda: office.end_sessions_of(clerk, "root"),
        lambda: office.create_role(clerk, {"name": "more", "scopes": ["admin"]}),
        lambda: office.change_role(clerk, "clerk", {"scopes": ["admin"]}),
        lambda: office.create_key(clerk, "shop", ["admin"]),
        lambda: office.create_key(clerk, "shop", ["messages:content"]),
    ]
    office.create_application(ADMIN, "shop").result()
    before = house.sql("SELECT * FROM person ORDER BY id")
    for call in refused:
        with pytest.raises(Forbidden):
            call().result()
    assert house.sql("SELECT * FROM person ORDER BY id") == before
    office.create_key(clerk, "shop", ["messages:send", "messages:read"]).result()
    office.change_user(clerk, "reader", {"name": "Rita"}).result()
    for change in ({"roles": ["reader"]}, {"deactivated": True}):
        with pytest.raises(Conflict):
            office.change_user(clerk, "clerk", change).result()
    with pytest.raises(Conflict):
        office.delete_user(clerk, "clerk").result()


def test_a_tenants_users_are_its_own_and_have_their_rights_there_only(house: House) -> None:
    one, two = house.tenant("one"), house.tenant("two")
    person(house, "ann", "administrator", actor=one)
    _, ann = signed_in(house, "ann")
    assert not ann.everywhere
    for call in (
        lambda: house.office.user(two, "ann").result(),
        lambda: house.office.change_user(two, "ann", {"name": "x"}).result(),
        lambda: house.office.users(ann, two.tenant_id),
        lambda: house.office.user(ann, "root", 1),
        lambda: house.office.audit(ann, tenant_id=two.tenant_id),
    ):
        with pytest.raises(NotFound):
            call()
    assert [user.login for user in house.office.users(ann).result()] == ["ann"]
    person(house, "eva", "reader")
    _, eva = signed_in(house, "eva")
    assert house.reports.search(eva, None, None, 10, one.tenant_id).result()
    with pytest.raises(Forbidden):
        house.office.users(eva, one.tenant_id)


def test_a_suspended_tenant_lets_nobody_in(house: House) -> None:
    one = house.tenant("one")
    person(house, "ann", "administrator", actor=one)
    token, _ = signed_in(house, "ann")
    house.office.change_tenant(ADMIN, {"suspended": True}, one.tenant_id).result()
    assert house.office.authenticated(token) is None
    with pytest.raises(Forbidden):
        house.office.authenticate(token).result()
    with pytest.raises(Forbidden):
        house.office.sign_in("ann", PASSWORD).result()


def test_keys_have_no_self(house: House) -> None:
    for call in (
        lambda: house.office.me(ADMIN),
        lambda: house.office.sessions(ADMIN),
        lambda: house.office.change_password(ADMIN, PASSWORD, OTHER),
        lambda: house.office.begin_second_factor(ADMIN, PASSWORD),
        lambda: house.office.confirm_second_factor(ADMIN, "123456"),
    ):
        for _ in range(10):  # however often: it is no guess at anybody's password
            with pytest.raises(Forbidden):
                call().result()


def test_what_people_do_is_in_the_trail_of_their_tenant(house: House) -> None:
    one = house.tenant("one")
    person(house, "ann", "administrator", actor=one)
    with pytest.raises(Unauthenticated):
        house.office.sign_in("ann", OTHER, address="192.0.2.9").result()
    _, ann = signed_in(house, "ann")
    found = verbs(house, tenant_admin(one.tenant_id))
    for verb in ("user.created", "user.invitation-made", "user.password-set", "user.sign-in-refused", "user.signed-in"):
        assert verb in found
    refused = house.office.audit(ann).result().entries
    assert next(one for one in refused if one.verb == "user.sign-in-refused").address == "192.0.2.9"
