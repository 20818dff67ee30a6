"""Templates and layouts as settings: checked when they are saved, inherited, with versions."""

from __future__ import annotations

import pytest

from postroom.errors import BadInput, Conflict, NotFound
from postroom.model.application import Actor, Scope
from postroom.model.template import VariableType
from tests.store.house import ADMIN, House

WORDS = {"subject": "Hi {{ name }}", "html": "<p>{{ name }}</p>"}
HELLO = {"name": "hello", "texts": {"en": WORDS}, "variables": [{"name": "name", "sample": "Ann"}]}


def of(house: House) -> Actor:
    made = house.office.create_tenant(ADMIN, "Shop").result()
    return Actor(made.id, frozenset({Scope.ADMIN}), name="shop")


def faults(error: pytest.ExceptionInfo[BadInput]) -> list[str]:
    return [fault.field for fault in error.value.faults]


def test_a_template_is_kept_as_it_was_given(house: House) -> None:
    values = HELLO | {
        "kind": "news",
        "texts": {"en": WORDS, "de_at": WORDS | {"text": "Servus {{ name }}", "html": ""}},
        "variables": [{"name": "name", "sample": "Ann"}, {"name": "due", "type": "date", "required": False}],
    }
    made = house.office.create_template(ADMIN, values).result()
    assert house.office.template(ADMIN, "HELLO").result() == made
    assert set(made.texts) == {"en", "de-AT"}
    assert made.texts["de-AT"].text == "Servus {{ name }}"
    assert [(one.name, one.type, one.required) for one in made.variables] == [
        ("name", VariableType.TEXT, True),
        ("due", VariableType.DATE, False),
    ]
    assert house.office.snapshot.template_named(made.tenant_id, "hello") == made


def test_everything_wrong_is_told_at_once(house: House) -> None:
    wrong = {
        "name": "a/b",
        "language": "?",
        "texts": {"xx!": {}, "en": {"subject": "a", "body": "x"}},
        "variables": [{"name": "1"}, {"name": "a", "type": "colour"}, {"name": "n", "type": "number", "sample": "x"}],
        "color": 1,
    }
    with pytest.raises(BadInput) as error:
        house.office.create_template(ADMIN, wrong).result()
    assert sorted(faults(error)) == [
        "color", "language", "name", "texts", "texts.en.body", "variables[0].name", "variables[1].type",
        "variables[2].sample",
    ]  # fmt: skip


def test_words_that_could_never_be_sent_are_not_saved(house: House) -> None:
    for words in ({"subject": "S", "html": "{{ x }}"}, {"subject": "S", "html": "{% for %}"}, {"html": "a"}):
        with pytest.raises(BadInput) as error:
            house.office.create_template(ADMIN, {"name": "a", "texts": {"en": words}}).result()
        assert faults(error)[0].startswith("texts.en.")


def test_languages_are_changed_one_by_one(house: House) -> None:
    house.office.create_template(ADMIN, HELLO).result()
    change = house.office.change_template
    assert set(change(ADMIN, "hello", {"texts": {"de": WORDS}}).result().texts) == {"de", "en"}
    changed = change(ADMIN, "hello", {"texts": {"de": {"subject": "Hallo {{ name }}"}}}).result()
    assert (changed.texts["de"].subject, changed.texts["de"].html) == ("Hallo {{ name }}", WORDS["html"])
    with pytest.raises(BadInput) as error:
        change(ADMIN, "hello", {"texts": {"en": None}}).result()
    assert faults(error) == ["language"]
    assert set(change(ADMIN, "hello", {"texts": {"en": None}, "language": "de"}).result().texts) == {"de"}
    with pytest.raises(BadInput):
        change(ADMIN, "hello", {"name": "other"}).result()


def test_versions_are_compared_word_by_word_and_returned_to(house: House) -> None:
    made = house.office.create_template(ADMIN, HELLO).result()
    house.office.change_template(ADMIN, "hello", {"texts": {"en": {"subject": "Bye {{ name }}"}, "de": WORDS}}).result()
    found = house.office.compare(ADMIN, "template", "hello").result()
    assert [one.field for one in found.differences] == ["texts.de", "texts.en.subject"]
    house.office.return_to(ADMIN, "template", "hello", 1).result()
    again = house.office.template(ADMIN, "hello").result()
    assert (again.texts, again.variables, again.version) == (made.texts, made.variables, 3)
    house.office.delete_template(ADMIN, "hello").result()
    [gone] = house.office.deleted(ADMIN).result()
    assert gone.mark.noun == "template"
    restored = house.office.restore_deleted(ADMIN, "v_" + _tail(made.id)).result()
    assert (restored.noun, restored.id) == ("template", made.id)
    assert house.office.template(ADMIN, "hello").result().texts == made.texts


def _tail(number: int) -> str:
    from postroom.ids import encode

    return encode("v", number)[2:]


def test_a_tenant_inherits_templates_and_layouts_and_sees_no_foreign_ones(house: House) -> None:
    shop, other = (
        of(house),
        Actor(house.office.create_tenant(ADMIN, "B").result().id, frozenset({Scope.ADMIN})),
    )
    house.office.create_template(ADMIN, HELLO).result()
    house.office.create_layout(ADMIN, {"name": "house", "html": "<i>{{ content }}</i>"}).result()
    own = house.office.create_template(shop, HELLO | {"texts": {"en": WORDS | {"subject": "Ours"}}}).result()
    assert [one.id for one in house.office.templates(shop).result()] == [own.id]
    assert [one.name for one in house.office.templates(other).result()] == ["hello"]
    assert house.office.template(other, "hello").result().tenant_id != other.tenant_id
    for verb in (house.office.template, house.office.delete_template):
        with pytest.raises(NotFound):
            verb(other, own.id).result()
    with pytest.raises(NotFound):
        house.office.change_template(other, "hello", {"kind": "x"}).result()
    assert "<i>" in house.office.preview_template(shop, "hello").result().written.html


def test_one_layout_is_the_default(house: House) -> None:
    layout = {"html": "<b>{{ content }}</b>"}
    first = house.office.create_layout(ADMIN, {"name": "one", **layout}).result()
    assert first.default
    house.office.create_layout(ADMIN, {"name": "two", "default": True, "html": "<u>{{ content }}</u>"}).result()
    assert [(one.name, one.default) for one in house.office.layouts(ADMIN).result()] == [("one", False), ("two", True)]
    house.office.create_template(ADMIN, HELLO | {"layout": "one"}).result()
    with pytest.raises(Conflict, match="hello"):
        house.office.delete_layout(ADMIN, "one").result()
    with pytest.raises(BadInput) as error:
        house.office.change_template(ADMIN, "hello", {"layout": "three"}).result()
    assert faults(error) == ["layout"]
    told = {}
    for name in ("one", "", "none"):
        house.office.change_template(ADMIN, "hello", {"layout": name}).result()
        told[name] = house.office.preview_template(ADMIN, "hello").result().written.html
    assert told == {"one": "<b><p>Ann</p></b>", "": "<u><p>Ann</p></u>", "none": "<p>Ann</p>"}


def test_a_preview_tells_faults_and_tries_what_is_not_saved(house: House) -> None:
    house.office.create_template(ADMIN, HELLO).result()
    preview = house.office.preview_template
    assert preview(ADMIN, "hello").result().written.subject == "Hi Ann"
    assert preview(ADMIN, "hello").result().text == "Ann"
    wrong = preview(ADMIN, "hello", variables={"nam": "x"}).result()
    assert [fault.field for fault in wrong.faults] == ["variables.nam", "variables.name"]
    tried = preview(ADMIN, "hello", {"texts": {"en": {"subject": "Ho {{ name }}"}}}, variables={"name": "B"}).result()
    assert tried.written.subject == "Ho B"
    assert house.office.template(ADMIN, "hello").result().version == 1
    new = {"texts": {"de": {"subject": "S", "text": "T"}}}
    assert preview(ADMIN, None, new).result().language == "de"


def test_a_ready_one_is_usable_at_once(house: House) -> None:
    for one in house.office.ready_templates(ADMIN):
        house.office.use_ready(ADMIN, one.name).result()
        assert not house.office.preview_template(ADMIN, one.name, language="de-CH").result().faults
        assert not house.office.preview_ready(ADMIN, one.name).faults
    assert [one.name for one in house.office.layouts(ADMIN).result()] == ["calm"]
    assert house.office.kind(ADMIN, "news").result().bulk
    with pytest.raises(BadInput):
        house.office.use_ready(ADMIN, "news").result()
    assert house.office.use_ready(ADMIN, "news", "monthly").result().name == "monthly"
    with pytest.raises(NotFound):
        house.office.use_ready(ADMIN, "nothing").result()


def test_there_is_an_end_to_how_many_a_tenant_has(house: House) -> None:
    big = {"subject": "S", "html": "x" * 199_000, "text": "x" * 199_000}
    texts = {"en": big, "de": big, "fr": big}
    for place in range(4):
        house.office.create_template(ADMIN, {"name": f"big{place}", "texts": texts}).result()
    with pytest.raises(BadInput) as error:
        house.office.create_template(ADMIN, {"name": "one more", "texts": texts}).result()
    assert faults(error) == ["texts"]
