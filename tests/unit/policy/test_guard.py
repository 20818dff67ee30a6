"""The non-production guard lets nothing reach a real person unless a person says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.addresses import Address
from postroom.model.message import RecipientRole
from postroom.model.tenant import INSTALLATION, Mode, Tenant, TenantSettings
from postroom.policy.guard import Guard, guard_of
from postroom.policy.snapshot import Snapshot

TO = RecipientRole.TO


def people(*texts: str) -> list[tuple[RecipientRole, Address]]:
    return [(TO, Address.parse(text)) for text in texts]


def test_everything_goes_to_the_redirect_address_once() -> None:
    guarded = Guard("tester@example.org", ()).apply(people("a@real.example", "b@real.example"))
    assert [address.spec for _, address in guarded.recipients] == ["tester@example.org"]
    assert guarded.instead_of == ("a@real.example", "b@real.example")
    assert not guarded.kept


def test_who_is_allowed_gets_his_own_and_the_others_are_kept() -> None:
    guard = Guard(None, ("me@example.org", "@team.example"))
    guarded = guard.apply(people("me@example.org", "you@real.example", "x@TEAM.example", "y@sub.team.example"))
    assert guarded.kept == {1, 3}
    assert len(guarded.recipients) == 4


def test_with_both_the_allowed_pass_and_the_rest_is_redirected() -> None:
    guarded = Guard("t@example.org", ("me@example.org",)).apply(people("me@example.org", "you@real.example"))
    assert [address.spec for _, address in guarded.recipients] == ["me@example.org", "t@example.org"]
    assert guarded.instead_of == ("you@real.example",)


def test_an_empty_list_allows_nobody() -> None:
    assert Guard(None, ()).apply(people("a@b.example")).kept == {0}


@given(st.lists(st.sampled_from(["a@real.example", "me@example.org", "b@real.example", "t@example.org"]), min_size=1))
def test_nobody_unlisted_is_ever_among_those_who_get_it(texts: list[str]) -> None:
    for redirect in (None, "t@example.org"):
        guarded = Guard(redirect, ("me@example.org",)).apply(people(*texts))
        reached = {a.spec for n, (_, a) in enumerate(guarded.recipients) if n not in guarded.kept}
        assert reached <= {"me@example.org", "t@example.org"} - ({"t@example.org"} if redirect is None else set())


def snapshot(**settings: object) -> Snapshot:
    own = TenantSettings(mode=Mode.SMTP, **settings)  # type: ignore[arg-type]
    return Snapshot.of(
        [Tenant(INSTALLATION, None, "installation", own), Tenant(2, INSTALLATION, "Acme", TenantSettings())]
    )


def test_a_tenant_inherits_the_installations_guard() -> None:
    assert guard_of(snapshot(guard_redirect="t@example.org"), 2, "default") is not None
    assert guard_of(snapshot(), 2, "default") is None


@pytest.mark.parametrize("routed", ["released", "test"])
def test_what_a_person_sends_passes(routed: str) -> None:
    assert guard_of(snapshot(guard_allow=()), 2, routed) is None
