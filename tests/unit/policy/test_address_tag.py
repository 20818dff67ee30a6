"""Whoever makes up an address is not believed (A23's kind of forging, for what comes back)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.addresses import Address
from postroom.model.account import AddressTag
from postroom.policy.address_tag import (
    BOUNCE,
    EVERYBODY,
    REPLY,
    Tag,
    find_tags,
    fits,
    make_tag,
    read_tag,
    tagged,
    tagged_spec,
)

SECRET = b"s" * 32
_TAGS = st.builds(Tag, st.sampled_from([BOUNCE, REPLY]), st.integers(0, 2**63 - 1), st.integers(0, 2**32 - 1))


@pytest.mark.parametrize("how", [AddressTag.PLUS, AddressTag.WHOLE])
@given(tag=_TAGS, tenant=st.integers(0, 2**63 - 1))
def test_it_leads_back_in_any_case_of_its_letters(how: AddressTag, tag: Tag, tenant: int) -> None:
    address = tagged(Address.parse("Post <post+news@x.org>"), how, make_tag(SECRET, tenant, tag))
    assert len(address.local) <= 64
    (found,) = find_tags(f"Post <{address.spec.upper()}>")
    assert read_tag(SECRET, tenant, found) == tag


@given(_TAGS, st.integers(0, 36), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_one_letter_that_differs_is_another_tag(tag: Tag, place: int, letter: str) -> None:
    text = make_tag(SECRET, 1, tag)
    forged = text[:place] + letter + text[place + 1 :]
    found = read_tag(SECRET, 1, forged)
    assert found in (None, tag)
    assert place >= 36 or forged == text or found is None


def test_neither_another_tenants_nor_another_installations_counts() -> None:
    text = make_tag(SECRET, 1, Tag(BOUNCE, 7, 0))
    assert read_tag(SECRET, 2, text) is None
    assert read_tag(b"t" * 32, 1, text) is None


@given(st.text(max_size=80))
def test_nothing_makes_it_fail(text: str) -> None:
    assert read_tag(SECRET, 1, text) is None
    assert all(len(tag) == 37 for tag in find_tags(text))


@pytest.mark.parametrize("local", ["a" * 27, '"two words"', "+x", "ünter"])
def test_an_address_that_a_tag_does_not_fit_into_stays_as_it_is(local: str) -> None:
    address = Address.parse(f"{local}@x.org")
    assert not fits(address, AddressTag.PLUS)
    assert tagged(address, AddressTag.PLUS, make_tag(SECRET, 1, Tag(REPLY, 7, 3))) == address


def test_the_longest_that_fits() -> None:
    local = tagged(Address("a" * 26, "x.org"), AddressTag.PLUS, make_tag(SECRET, 1, Tag(BOUNCE, 7, EVERYBODY))).local
    assert len(local) == 64
    Address.parse(f"{local}@x.org")


def test_the_null_return_path_stays_nobody() -> None:
    assert tagged_spec("", AddressTag.WHOLE, "b") == ""
