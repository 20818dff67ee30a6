"""A wrong rule is refused when it is loaded, with its file, its name and what to do, and all mistakes at once."""

from __future__ import annotations

from importlib.resources import files

import pytest

from postroom.errors import BadSettings
from postroom.policy.diagnosis import load
from postroom.policy.rule import EnhancedPattern
from postroom.policy.rulebook import read_answer, read_rules

GOOD = {
    "id": '"relay"',
    "phases": '["rcpt"]',
    "codes": '["550"]',
    "scope": '"account"',
    "action": '"pause"',
    "title": '"A title."',
    "explanation": '"Why."',
    "remedy": '"What to do."',
    "source": '"observed"',
    "answers": '["550 Relaying denied"]',
}


def table(**changes: str | None) -> str:
    """One rule as TOML; None leaves a key out."""
    values = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
    return "[[rule]]\n" + "\n".join(f"{key} = {value}" for key, value in values.items())


def problems(text: str) -> str:
    _, faults = read_rules("some.toml", text)
    return "\n".join(str(fault) for fault in faults)


def shipped() -> dict[str, str]:
    folder = files("postroom.policy").joinpath("rules")
    return {file.name: file.read_text("utf-8") for file in folder.iterdir() if file.name.endswith(".toml")}


def test_a_good_rule_has_no_faults() -> None:
    rules, faults = read_rules("some.toml", table())
    assert faults == []
    assert [rule.id for rule in rules] == ["relay"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"text": '"(unclosed"'}, "text can't be read"),
        ({"id": '"Upper Case"'}, "small letters"),
        ({"id": None}, "has no id"),
        ({"remedy": None}, "has no remedy"),
        ({"title": '""'}, "title is empty"),
        ({"colour": '"red"'}, "unknown key 'colour'"),
        ({"phases": '["rctp"]'}, "the phase 'rctp' is unknown"),
        ({"phases": '"rcpt"'}, "phases is not a list"),
        ({"phases": "[5]"}, "phases holds something that is no text"),
        ({"codes": '["5x0"]'}, "the code '5x0' is none"),
        ({"codes": '["250"]'}, "the code '250' is none"),
        ({"enhanced": '["5.7"]'}, "has not three parts"),
        ({"enhanced": '["5.7.y"]'}, "no number, range or x"),
        ({"enhanced": '["5.7.9-3"]'}, "goes backwards"),
        ({"family": '"microsoft"'}, "the family 'microsoft' is unknown"),
        ({"scope": '"world"'}, "scope is 'world'"),
        ({"action": '"explode"'}, "action is 'explode'"),
        ({"unknown": '"maybe"'}, "unknown is 'maybe'"),
        ({"failures": '["tired"]', "codes": None}, "failures is 'tired'"),
        ({"encryption": '["some"]'}, "encryption is 'some'"),
        ({"login": '["some"]'}, "login is 'some'"),
        ({"field": '"colour"'}, "the field 'colour' is no setting"),
        ({"attempts": "-1"}, "attempts is below zero"),
        ({"attempts": "true"}, "attempts is not a int"),
        ({"rest": "5"}, "rests although"),
        ({"title": '"Hello {stranger}."'}, "unknown place {stranger}"),
        ({"title": '"Hello {host."'}, "braces that do not fit"),
        ({"answers": '["Relaying denied"]'}, "is no reply"),
        ({"answers": '["551 Relaying denied"]'}, "does not fit its own answer"),
        ({"text": '"quota"'}, "does not fit its own answer"),
    ],
)
def test_a_mistake_is_refused_with_what_is_wrong(changes: dict[str, str | None], told: str) -> None:
    assert told in problems(table(**changes))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"action": '"fail"'}, "fails a message for what is not the recipient's"),
        ({"action": '"fail"', "scope": '"recipient"', "codes": '["450"]', "answers": '["450 No"]'}, "without a 5xx"),
        ({"action": '"fail"', "scope": '"recipient"', "codes": None}, "without a 5xx"),
        ({"action": '"fail"', "scope": '"message"', "phases": '["auth"]'}, "before it was even announced"),
        ({"action": '"fail"', "scope": '"message"', "phases": None}, "before it was even announced"),
        ({"action": '"suppress"', "scope": '"recipient"'}, "without an exact code"),
        (
            {
                "action": '"suppress"',
                "scope": '"recipient"',
                "enhanced": '["5.1.x"]',
                "answers": '["550 5.1.1 No"]',
            },
            "without an exact code",
        ),
        (
            {
                "action": '"suppress"',
                "scope": '"recipient"',
                "enhanced": '["5.7.1"]',
                "answers": '["550 5.7.1 No"]',
            },
            "without an exact code",
        ),
        (
            {
                "action": '"suppress"',
                "scope": '"recipient"',
                "enhanced": '["5.2.1"]',
                "answers": '["550 5.2.1 No"]',
            },
            "by 5.2.1 alone",
        ),
        (
            {
                "action": '"suppress"',
                "scope": '"message"',
                "phases": '["dot"]',
                "enhanced": '["5.1.1"]',
                "answers": '["550 5.1.1 No"]',
            },
            "elsewhere than at RCPT",
        ),
        ({"scope": '"recipient"'}, "pauses an account for what is not the account's"),
        ({"scope": '"sender"', "action": '"hold-24h"'}, "pauses an account for what is not the account's"),
        ({"action": '"hold-sender"'}, "holds a sender for what is not the sender's"),
        ({"action": '"split"'}, "splits what is no message"),
        ({"action": '"none"'}, "does nothing"),
        ({"action": '"ask"'}, "asks without need"),
        ({"failures": '["timeout"]'}, "names a local failure and a reply"),
        ({"unknown": '"retry"'}, "is for a missing answer but does not retry"),
    ],
)
def test_a_rule_against_the_classification_is_refused(changes: dict[str, str | None], told: str) -> None:
    assert told in problems(table(**changes))


def test_all_mistakes_of_all_files_are_told_at_once() -> None:
    wrong = {
        "google.toml": table(text='"("', title='""'),
        "local.toml": "what = is this",
        "generic.toml": "[rule]\nid=1",
    }
    with pytest.raises(BadSettings) as caught:
        load(wrong)
    told = "\n".join(str(fault) for fault in caught.value.faults)
    assert "google.toml: relay: title is empty" in told
    assert "local.toml: is not TOML" in told
    assert "generic.toml: has a rule that is no table" in told


def test_an_unknown_key_of_a_file_is_refused() -> None:
    assert "unknown key 'rules'" in problems("rules = 1")


@pytest.mark.parametrize(
    ("name", "family", "wrong"),
    [("extra.toml", None, True), ("generic.toml", '"postfix"', True), ("postfix.toml", '"postfix"', False)],
)
def test_a_rule_stands_in_the_file_of_its_family(name: str, family: str | None, wrong: bool) -> None:
    texts = shipped()
    texts[name] = texts.get(name, "") + "\n" + table(family=family)
    if not wrong:
        assert "relay" in load(texts).by_id
        return
    with pytest.raises(BadSettings, match=rf"{name}: relay: is in the wrong file"):
        load(texts)


def test_one_id_is_given_once() -> None:
    texts = shipped()
    texts["generic.toml"] += "\n" + table(id='"login-refused"')
    with pytest.raises(BadSettings, match="has an id that"):
        load(texts)


@pytest.mark.parametrize(
    ("file", "name", "told"),
    [
        ("classes.toml", "not-understood", "no last resort"),
        ("local.toml", "connection-refused", "none for every connection-refused"),
        ("local.toml", "answer-missing-ask", "missing answer under the policy hold"),
    ],
)
def test_a_catalogue_with_a_gap_is_refused(file: str, name: str, told: str) -> None:
    texts = shipped()
    before, _, rest = texts[file].partition(f'[[rule]]\nid = "{name}"')
    _, found, after = rest.partition("[[rule]]")
    texts[file] = before + found + after
    with pytest.raises(BadSettings, match=told):
        load(texts)


def test_a_second_last_resort_would_hide_rules_and_is_refused() -> None:
    texts = shipped()
    texts["generic.toml"] += "\n" + table(id='"anything"', phases=None, codes=None, answers='["550 No"]')
    with pytest.raises(BadSettings, match="no last resort, or not at the end"):
        load(texts)


@pytest.mark.parametrize(
    ("text", "numbers", "fits"),
    [
        ("5.7.1", (5, 7, 1), True),
        ("5.7.1", (5, 7, 10), False),
        ("5.7.x", (5, 7, 999), True),
        ("x.7.26", (4, 7, 26), True),
        ("4.7.500-699", (4, 7, 500), True),
        ("4.7.500-699", (4, 7, 699), True),
        ("4.7.500-699", (4, 7, 700), False),
        ("5.1.x", (5, 2, 1), False),
    ],
)
def test_a_pattern_fits_the_codes_it_means(text: str, numbers: tuple[int, int, int], fits: bool) -> None:
    assert EnhancedPattern.parse(text).fits(numbers) is fits


def test_a_recorded_answer_is_read_as_it_was_said() -> None:
    (rule,), _ = read_rules("some.toml", table())
    result = read_answer("550 5.1.1 User unknown", "rcpt", rule)
    assert (result.code, result.enhanced, result.text) == (550, "5.1.1", "User unknown")
    assert read_answer("550 5.1.1", "rcpt", rule).enhanced == "5.1.1"
