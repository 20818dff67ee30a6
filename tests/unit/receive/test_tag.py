"""Whoever makes up an address is not believed (A23's kind of forging, for what comes back)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from postroom.receive.tag import BOUNCE, REPLY, Tag, find_tags, make_tag, read_tag, with_tag

SECRET = b"s" * 32
_TAGS = st.builds(Tag, st.sampled_from([BOUNCE, REPLY]), st.integers(0, 2**63 - 1), st.integers(0, 2**32 - 1))


@given(_TAGS, st.integers(0, 2**63 - 1))
def test_it_leads_back_in_any_case_of_its_letters(tag: Tag, tenant: int) -> None:
    local = with_tag("post+news", make_tag(SECRET, tenant, tag))
    assert len(local) <= 64
    (found,) = find_tags(f"Post <{local.upper()}@X.ORG>")
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


def test_a_long_local_part_is_cut_and_not_the_tag() -> None:
    tag = make_tag(SECRET, 1, Tag(REPLY, 7, 3))
    assert with_tag("a" * 64, tag).endswith("+" + tag)
    assert len(with_tag("a" * 64, tag)) <= 64
