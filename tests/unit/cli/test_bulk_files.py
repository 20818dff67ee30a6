"""Files of recipients: tables and lines become rows whose values are what the template wants."""

import json

import pytest

from postroom.cli.bulks import _lines
from postroom.cli.complaint import CommandError
from postroom.cli.variables import values_of

TYPES = {"name": "text", "total": "number", "paid": "boolean", "rows": "list"}


def rows(path):
    return [json.loads(line) for line in _lines({"template": "a"}, path, TYPES)][1:]


def test_a_table_has_a_column_for_each_variable(tmp_path):
    file = tmp_path / "readers.csv"
    file.write_text(
        '\ufeffto,name,total,paid,language,rows\nann@x.test,"Ann, A.",12.5,yes,de,"[1]"\nben@x.test,Ben,,no,,\n'
    )
    assert rows(file) == [
        {
            "to": "ann@x.test",
            "variables": {"name": "Ann, A.", "total": 12.5, "paid": True, "rows": [1]},
            "language": "de",
        },
        {"to": "ben@x.test", "variables": {"name": "Ben", "paid": False}},
    ]


def test_a_table_may_have_semicolons(tmp_path):
    file = tmp_path / "readers.csv"
    file.write_text("to;name\nann@x.test;Ann\n")
    assert rows(file) == [{"to": "ann@x.test", "variables": {"name": "Ann"}}]


def test_lines_are_sent_as_they_are(tmp_path):
    file = tmp_path / "readers.ndjson"
    file.write_text('{"to": "a@x.test"}\n\n{"to": "b@x.test"}')
    assert rows(file) == [{"to": "a@x.test"}, {"to": "b@x.test"}]


def test_a_table_without_recipients_is_refused(tmp_path):
    file = tmp_path / "readers.csv"
    file.write_text("mail,name\n")
    with pytest.raises(CommandError, match="column `to`"):
        rows(file)
    with pytest.raises(CommandError, match="can't be read"):
        rows(tmp_path / "nothing.csv")


def test_variables_are_typed_as_the_template_wants_them(tmp_path):
    file = tmp_path / "more.json"
    file.write_text('{"name": "B", "paid": true}')
    assert values_of(["name=A=1", "total=3", 'x:={"a": 1}'], file, TYPES) == {
        "name": "A=1",
        "paid": True,
        "total": 3,
        "x": {"a": 1},
    }
    for wrong in (["name"], ["=x"], ["x:={"]):
        with pytest.raises(CommandError):
            values_of(wrong, None, TYPES)
