"""Sentences of errors and findings are told in the reader's language, with what was filled in."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from postroom.addresses import Address, BadAddress
from postroom.errors import BadInput
from postroom.office.account_values import read
from postroom.office.fields import Reading
from postroom.policy.diagnosis import catalogue
from postroom.policy.rule import Case, Context
from postroom.policy.sentences import tell
from postroom.policy.translation import told
from postroom.sentence import Sentence, kept, restored

_NUMBER = Sentence("is not a whole number from {least:,} to {most:,}.", least=1, most=65_535)


def test_a_sentence_is_its_english_text_and_knows_its_places() -> None:
    assert _NUMBER == "is not a whole number from 1 to 65,535."
    assert tell(_NUMBER, "de") == "ist keine ganze Zahl von 1 bis 65.535."
    assert tell(_NUMBER, "en") is _NUMBER


def test_a_sentence_within_a_sentence_is_told_as_well() -> None:
    inner = Sentence("The name is longer than {max_name} characters.", max_name=5)
    assert tell(Sentence("is no address. {problem}", problem=inner), "de") == (
        "ist keine Adresse. Der Name ist länger als 5 Zeichen."
    )
    several = Sentence("{mails} Pause the account and try again in a minute.", mails=("Shorten it.", "Remove it."))
    assert tell(several, "de").startswith("Kürzen Sie das. Nehmen Sie es weg. Halten Sie")


@pytest.mark.parametrize("text", ["{0} of us", "{", "}{", "{name.__class__}", "%(x)s", "is empty. {most}"])
def test_text_from_outside_is_filled_in_and_never_read(text: str) -> None:
    told = tell(Sentence("contradicts {origins}.", origins=text), "de")
    assert told == f"widerspricht {text}."
    assert tell(text, "de") == text


def test_a_language_nobody_speaks_here_is_told_in_english() -> None:
    assert tell(_NUMBER, "tlh") == _NUMBER


def test_a_sentence_survives_being_kept_and_copied() -> None:
    outer = Sentence("is no address. {problem}", problem=_NUMBER)
    for again in (
        restored(json.loads(json.dumps(kept({"a": [outer]}))))["a"][0],
        copy.deepcopy(outer),
        pickle.loads(pickle.dumps(outer)),
    ):
        assert (again, tell(again, "de")) == (outer, tell(outer, "de"))


def test_what_was_kept_before_is_read_as_plain_text() -> None:
    assert restored({"title": "SPF", "say": "x"}) == {"title": "SPF", "say": "x"}


def test_every_fault_of_an_account_is_told_in_german() -> None:
    reading = Reading()
    read({"host": "mail@example.com", "port": "70000", "sender_address": "a b@c", "colour": "red"}, reading)
    with pytest.raises(BadInput) as caught:
        reading.close()
    told = [(tell(fault.problem, "de"), tell(fault.mend, "de")) for fault in caught.value.faults]
    assert len(told) == 4
    assert all(german != fault.problem for (german, _), fault in zip(told, caught.value.faults, strict=True))
    assert told[1] == ("ist keine ganze Zahl von 1 bis 65.535.", "Berichtigen Sie die Zahl.")


def test_the_fault_of_an_address_in_a_list_is_told_whole() -> None:
    with pytest.raises(BadAddress) as caught:
        Address.parse("anna@exa mple.com")
    assert tell(caught.value.problem, "de") != caught.value.problem


def test_the_title_of_a_diagnosis_that_was_written_down_is_told_again() -> None:
    """Why an account rests is kept as text; names in it are nobody's words."""
    refused = tell("smtp.firm.test refuses connections on port 587.", "de")
    assert refused == "Der Server smtp.firm.test lehnt Verbindungen auf Port 587 ab."
    assert "the server" not in tell("The server refuses connections on port (not known).", "de")
    assert tell("somebody's own reason", "de") == "somebody's own reason"
    assert tell("x" * 100_000, "de") == "x" * 100_000


def test_every_title_of_a_diagnosis_is_told_again_as_its_own_rule_tells_it() -> None:
    context = Context(host="mail.firm.test", port=587, user="ann", sender="shop@firm.test")
    for rule in catalogue().rules:
        english = rule.words(_NO_CASE, context).title
        assert tell(english, "de") in _titles_of(english, context)


def _titles_of(english: str, context: Context) -> set[str]:
    """Rules may share an English title."""
    return {
        told(one, _NO_CASE, context, "de").title
        for one in catalogue().rules
        if one.words(_NO_CASE, context).title == english
    }


_NO_CASE = Case(phase="", code=0, enhanced=None, text="", failure=None, in_doubt=False)
