"""Terms and tokens: a message stands under every word that somebody may look for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.compose.message_id import message_id
from postroom.policy.terms import folded, numbered, of_message, tokens, word_term


def terms(subject: str = "", *addresses: str, kind: str = "", number: int = 7, header: str = "7@x") -> set[str]:
    return of_message(number, "Shop@example.com", subject, header, kind, 3, ["a b"], addresses)


def test_each_field_has_its_terms() -> None:
    assert terms("Ärger 100%", "Bob.Smith@example.org", kind="news") == {
        "fshop@example.com", "warger", "w100", "wbob", "wsmith", "wexample", "worg", "knews", "p3", "ta b",
    }  # fmt: skip


def test_a_message_id_is_a_term_only_where_it_does_not_tell_the_number() -> None:
    number = 382_210_327_476_961_280
    assert numbered(message_id(number, "example.com", mark="ab")) == number
    assert not any(term.startswith("i") for term in terms(number=number, header=message_id(number, "example.com")))
    assert "i17ab.x@else.example" in terms(header="<17AB.x@else.example>")


@pytest.mark.parametrize(
    ("typed", "field", "stands"),
    [
        ("smi", "bob.smith@example.org", True),
        ("mith", "bob.smith@example.org", False),
        ("@example.", "bob@example.org", True),
        ("*mith", "bob.smith@example.org", True),
        ("ARGER", "Ärger", True),
        ("100%", "100 %", False),
        ("100%", "um 100% mehr", True),
        ("案内", "会議の案内", True),
        ("b.smith", "bob.smith", False),
        ("", "anything", True),
    ],
)
def test_a_token_stands_where_a_word_begins(typed: str, field: str, stands: bool) -> None:
    assert all(token.stands_in(folded(field)) for token in tokens(typed)) is stands


@given(st.text(max_size=60), st.integers(0, 60), st.integers(1, 60))
def test_what_stands_in_a_subject_is_listed_under_a_term_that_leads_to_it(subject: str, start: int, size: int) -> None:
    """Terms may lead to too much, never past something: each is held against the words again."""
    listed = terms(subject)
    for token in tokens(subject[start : start + size].replace("*", "")):
        if not token.stands_in(folded(subject)):
            continue
        assert all(word_term(word) in listed for word in token.whole)
        beginning = word_term(token.beginning)
        assert not token.beginning or any(term.startswith(beginning) for term in listed)
