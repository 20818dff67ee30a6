"""Values are checked against what a template says it wants: everything wrong is told at once, nothing is guessed."""

from datetime import date, datetime

import pytest

from postroom.compose.templates.variables import checked, is_link, samples
from postroom.model.template import Variable, VariableType

VARIABLES = (
    Variable("name"),
    Variable("total", VariableType.NUMBER),
    Variable("due", VariableType.DATE),
    Variable("link", VariableType.URL),
    Variable("paid", VariableType.BOOLEAN),
    Variable("items", VariableType.LIST),
    Variable("who", VariableType.OBJECT),
    Variable("note", required=False),
)
GOOD = {
    "name": "Ann",
    "total": 12.5,
    "due": "2026-11-20",
    "link": "https://example.com/a?b=c",
    "paid": False,
    "items": [{"a": 1}],
    "who": {"b": None},
}


def test_what_is_right_is_taken():
    faults = []
    values = checked(VARIABLES, GOOD, faults)
    assert not faults
    assert values == GOOD | {"due": date(2026, 11, 20), "note": None}
    [later] = checked(VARIABLES[2:3], {"due": "2026-11-20T14:30:00+01:00"}, faults).values()
    assert isinstance(later, datetime)


def test_everything_wrong_is_told_at_once():
    faults = []
    wrong = {
        "total": "12",
        "due": "tomorrow",
        "link": "javascript:alert(1)",
        "paid": "yes",
        "items": {},
        "who": [],
        "x": 1,
    }
    checked(VARIABLES, wrong, faults)
    assert [(fault.field, fault.problem) for fault in faults] == [
        ("variables.x", "is no variable of the template."),
        ("variables.name", "is missing."),
        ("variables.total", "is not a number."),
        ("variables.due", "is no date that there is."),
        ("variables.link", "is not a link."),
        ("variables.paid", "is not true or false."),
        ("variables.items", "is not a list."),
        ("variables.who", "is not an object."),
    ]


@pytest.mark.parametrize(
    "value",
    [
        "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\nscript:x", "data:text/html,x", "//example.com",
        "/path", "",
        "https://", "https:///x", "https://a b", "https://user@example.com/", "http:\\\\example.com", "vbscript:x",
        "file:///etc/passwd", "https://example.com/\r\nX: y", "https://example.com/\x00", " https://a.com",
        "mailto:",
        "mailto:a@b@c", "https://" + "a" * 3000, "ftp://example.com",
    ],
)  # fmt: skip
def test_only_whole_links_to_the_web_or_to_mailboxes_are_links(value):
    assert not is_link(value)


def test_links():
    for value in (
        "https://example.com",
        "http://example.com:80/a?b#c",
        "mailto:ann@example.org",
        "HTTPS://EXAMPLE.com/ä",
    ):
        assert is_link(value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (VariableType.TEXT, "  "),
        (VariableType.TEXT, "a\x00b"),
        (VariableType.TEXT, "\ud800"),
        (VariableType.TEXT, "a" * 200_001),
        (VariableType.NUMBER, float("nan")),
        (VariableType.NUMBER, float("inf")),
        (VariableType.NUMBER, 10**400),
        (VariableType.NUMBER, True),
        (VariableType.LIST, [[[[[[[[[[[]]]]]]]]]]]),
        (VariableType.LIST, [0] * 5001),
        (VariableType.OBJECT, {1: 2}),
        (VariableType.OBJECT, {"a": object()}),
    ],
)
def test_what_no_mail_can_hold_is_refused(kind, value):
    faults = []
    checked([Variable("x", kind)], {"x": value}, faults)
    assert [fault.field for fault in faults] == ["variables.x"]


def test_a_name_from_outside_is_no_path():
    faults = []
    checked([], {"a\r\nb": 1}, faults)
    assert [fault.field for fault in faults] == ["variables"]


def test_samples_fit_their_own_types():
    faults = []
    checked(VARIABLES, samples(VARIABLES), faults)
    assert not faults
    assert samples([Variable("name", sample="Ann")]) == {"name": "Ann"}
