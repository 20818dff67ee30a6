"""What a person wrote is found among what he quotes and signs with; nothing of it is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.receive.written import written

ANSWER = "Thanks, that helps.\n\nBob"


@pytest.mark.parametrize(
    "below",
    [
        "",
        "\n\n> Hello Bob\n> your invoice",
        "\n\nOn Mon, 2 Nov 2026 at 10:00, Post <post@x.org> wrote:\n\n> Hello Bob\n> your invoice\n",
        "\n\nOn Mon, 2 Nov 2026 at 10:00, Post Office of the Firm\n<post@x.org> wrote:\n> Hello Bob",
        "\n\nAm 02.11.26 um 10:00 schrieb Post:\n> Hallo Bob",
        "\n\nLe lun. 2 nov. 2026 à 10:00, Post <post@x.org> a écrit :\n> Bonjour",
        "\n\n-----Original Message-----\nFrom: Post\nSent: Monday\n\nHello Bob",
        "\n\n________________________________\nFrom: Post <post@x.org>\nSent: Monday\n\nHello Bob",
        "\n\nVon: Post <post@x.org>\nGesendet: Montag, 2. November 2026\nAn: Bob\nBetreff: Rechnung\n\nHallo Bob",
        "\n\nFrom: Post <post@x.org>\nDate: Monday\nTo: Bob\nSubject: x\n\nHello Bob",
        "\n-- \nBob, Firm\nPhone 1",
        "\n-- \nBob\n\nOn Monday, Post wrote:\n> Hello",
        "\n\nSent from my iPhone",
        "\n\nVon meinem iPhone gesendet\n\nAm 02.11.26 um 10:00 schrieb Post <post@x.org>:\n> Hallo",
        "\n\nGet Outlook for iOS\n________________________________\nFrom: Post\nSent: x\n\nHello",
    ],
)
def test_what_stands_below_goes(below: str) -> None:
    assert written(ANSWER + below) == ANSWER


@pytest.mark.parametrize(
    "text",
    [
        "On Monday Bob wrote:\n> When?\nTomorrow.\n> Where?\nHere.",
        "> When?\n\nTomorrow.",
        "On Friday I will call. From: here on we are done.",
        "I wrote:\nnothing, in fact.\nMore.",
        "a\n---\nb",
    ],
)
def test_an_answer_between_quotes_is_kept_whole(text: str) -> None:
    assert written(text) == text


@pytest.mark.parametrize("text", ["> only\n> quoted", "--\nonly signed", "Sent from my iPhone"])
def test_where_nothing_else_is_left_all_of_it_is_the_answer(text: str) -> None:
    assert written(text) == text


@given(st.text(max_size=300))
def test_it_is_a_beginning_of_what_came(text: str) -> None:
    """Nothing is invented, and nothing is taken out of the middle."""
    plain = text.replace("\r", "")
    whole = "\n".join(line.rstrip() for line in plain.split("\n")).strip("\n")
    assert whole.startswith(written(plain))
