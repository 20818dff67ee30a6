"""The ready templates: they can be saved, say everything with their samples, and are fit to be read by everybody."""

import re

import pytest

from postroom.compose.templates.variables import checked, samples
from postroom.compose.templates.writing import layout_faults, template_faults, write
from postroom.compose.text import text_from_html
from postroom.policy.ready import kind_of, layout, ready_templates

EVERY = [(one, language) for one in ready_templates() for language in one.texts]


def made(one, language, values):
    faults = []
    told = write(one, layout(), language, checked(one.variables, values, faults), faults)
    assert not faults
    return told


def test_there_is_one_for_what_most_applications_send():
    assert [one.name for one in ready_templates()] == ["registration", "password-reset", "invitation", "alert", "news"]
    assert all(set(one.texts) == {"en", "de"} for one in ready_templates())
    assert not list(layout_faults(layout()))
    assert [kind_of(one) is not None for one in ready_templates()] == [False, False, False, False, True]


@pytest.mark.parametrize(("one", "language"), EVERY, ids=[f"{one.name}-{language}" for one, language in EVERY])
def test_each_says_everything_and_can_be_read_by_everybody(one, language):
    assert not list(template_faults(one))
    told = made(one, language, samples(one.variables))
    assert f'<html lang="{language}"' in told.html
    assert f"<title>{told.subject}</title>" in told.html.replace("&amp;", "&")
    assert told.html.count("<table") == told.html.count('role="presentation"') + told.html.count('class="facts"')
    assert "prefers-color-scheme: dark" in told.html
    assert "max-width: 480px" in told.html
    assert len(re.findall("<h1", told.html)) == 1
    assert "{{" not in told.html + told.subject
    assert len(text_from_html(told.html).splitlines()) > 2


@pytest.mark.parametrize(("one", "language"), EVERY, ids=[f"{one.name}-{language}" for one, language in EVERY])
def test_what_may_be_left_out_leaves_no_hole(one, language):
    told = made(one, language, {v.name: v.sample for v in one.variables if v.required})
    assert not re.search(r"<p[^>]*>\s*</p>|<td[^>]*>\s*</td>|  ,|\bNone\b", told.html)


def test_both_languages_take_the_same_variables():
    for one in ready_templates():
        names = {
            language: {v.name for v in one.variables if re.search(rf"\b{v.name}\b", words.subject + words.html)}
            for language, words in one.texts.items()
        }
        assert names["en"] == names["de"] == {v.name for v in one.variables}, one.name
