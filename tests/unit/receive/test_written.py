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
        "\n\nAm Mo., 2. Nov. 2026 um 10:00 Uhr schrieb Post <post@x.org>:\n\n> Hallo",
        "\n\nEl lun, 2 nov 2026 a las 10:00, Post (<post@x.org>) escribió:\n\n> Hola",
        "\n\nIl giorno lun 2 nov 2026 alle ore 10:00 Post <post@x.org> ha scritto:\n\n> Ciao",
        "\n\nOp ma 2 nov. 2026 om 10:00 schreef Post <post@x.org>:\n\n> Dag",
        "\n\nEm seg., 2 de nov. de 2026 às 10:00, Post <post@x.org>\nescreveu:\n\n> Oi",
        "\n\npon., 2 lis 2026 o 10:00 Post <post@x.org> napisał(a):\n\n> x",
        "\n\npo 2. 11. 2026 v 10:00 odesílatel Post <post@x.org> napsal:\n\n> x",
        "\n\nпн, 2 нояб. 2026 г. в 10:00, Post <post@x.org>:\n\n> x",
        "\n\n2026年11月2日(月) 10:00 Post <post@x.org>:\n\n> x",
        "\n\nOn Monday, November 2, 2026 at 10:00:00 AM GMT+1, Post <post@x.org> wrote:\n\n Hello Bob",
        "\n\n*From:* Post <post@x.org>\n*Sent:* Monday\n*To:* Bob\n*Subject:* x\n\nHello",
        "\n\nGesendet: Montag, 02. November 2026 um 10:00 Uhr\nVon: Post\nAn: Bob\nBetreff: x\n\nHallo",
        "\n\nVon meinem Galaxy gesendet.\n\n-------- Ursprüngliche Nachricht --------\nVon: Post\nHallo",
        "\n\nSent from Yahoo Mail on Android\n\nOn Mon, Nov 2, 2026 at 10:00, Post<post@x.org> wrote:   Hello",
        "\n\nOutlook für iOS<https://aka.ms/o0ukef> beziehen\n____________________\nVon: Post\nGesendet: x\n\nHallo",
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
        "There are 2, like Ann <ann@y.org>:\nshe may know more.",
        "Sent from the station, at 10:\nall is well.",
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
