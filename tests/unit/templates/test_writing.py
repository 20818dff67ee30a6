"""From a template and values to subject, HTML and text; what would be wrong in a mail is refused."""

import pytest

from postroom.compose.templates.mjml import Unreadable, html_of
from postroom.compose.templates.styles import TooComplex, inlined
from postroom.compose.templates.writing import layout_faults, template_faults, write
from postroom.model.template import Layout, Template, Variable, VariableType, Wording

LAYOUT = Layout(
    1, 1, "house", "<html lang='{{ language }}'><body><b>{{ content }}</b></body></html>", "{{ content }}\n-- \nus"
)


def template(subject="Hello {{ name }}", html="<p>{{ name }}</p>", text="", **others):
    variables = others.pop("variables", (Variable("name"),))
    return Template(1, 1, "welcome", texts={"en": Wording(subject, html, text)}, variables=variables, **others)


def written(one, layout=None, **values):
    faults = []
    return write(one, layout, "en", values, faults), [(fault.field, fault.problem) for fault in faults]


def test_the_layout_is_around_the_words():
    made, faults = written(template(text="Hi {{ name }}"), LAYOUT, name="<Ann>")
    assert not faults
    assert made.subject == "Hello <Ann>"
    assert made.html == "<html lang='en'><body><b><p>&lt;Ann&gt;</p></b></body></html>"
    assert made.text == "Hi <Ann>\n-- \nus"


def test_text_is_left_to_be_made_from_the_html():
    assert written(template(), LAYOUT, name="a")[0].text is None


def test_a_whole_page_stands_alone():
    made, _ = written(template(html="<!DOCTYPE html><html><body>{{ name }}</body></html>"), LAYOUT, name="a")
    assert "<b>" not in made.html


def test_a_subject_is_one_line_whatever_is_in_a_value():
    for name in ("a\r\nBcc: x@example.com", "a\nb", "a\u2028b", "=?utf-8?q?a=0Ab?="):
        made, faults = written(template(), name=name)
        assert made is None
        assert [field for field, _ in faults] == ["subject"]


@pytest.mark.parametrize(
    "value", ["javascript:x", " java\tscript:x", "&#106;avascript:x", "data:text/html,x", "vbscript:x"]
)
def test_no_link_runs_anything(value):
    made, faults = written(template(html='<a href="{{ name }}">x</a>'), name=value)
    escaped = value.startswith("&#")  # which is text, because it is escaped once more
    assert (made is not None) == escaped
    assert escaped or faults[0][0] == "html"
    assert written(template(html=f'<a href="{value}">{{{{ name }}}}</a>'), name="x")[0] is None


def test_styles_go_where_mail_programs_find_them():
    style = "p { color: red } @media (max-width: 9px) { p { color: blue } }"
    html = f"<html><head><style>{style}</style></head><body><p>{{{{ name }}}}</p></body></html>"
    made, faults = written(template(html=html), name="Ann")
    assert not faults
    assert '<p style="color: red;">Ann</p>' in made.html
    assert "@media" in made.html


def test_nothing_is_fetched_for_styles(tmp_path):
    (tmp_path / "a.css").write_text("p { color: red }")
    style = f'@import url("file://{tmp_path}/a.css"); b {{ color: blue }}'
    linked = f'<link rel="stylesheet" href="file://{tmp_path}/a.css"><style>{style}</style>'
    page = f"<html><head>{linked}</head><body><p>a</p></body></html>"
    assert "red" not in inlined(page)


@pytest.mark.parametrize(
    "html",
    [
        "<style>p{a:b}</style>" + "<div>" * 200,
        "<style>" + "p,div * b > i{a:b} " * 1000 + "</style>" + "<p>a</p>" * 1000,
        "<style>" + "a" * 60_000 + "</style><p>",
        "<style>p:has(a):has(b){a:b}</style><p>",
    ],
)
def test_styles_that_would_take_long_are_not_tried(html):
    with pytest.raises(TooComplex):
        inlined(html)


@pytest.mark.parametrize(
    ("html", "line"),
    [
        ("<p>\n<a href={{ name }}>", 2),
        ("<p {{ name }}>", 1),
        ("<p a='b'{{ name }}>", 1),
        ("<style>\np { color: {{ name }} }</style>", 1),
        ("\n\n<script>alert({{ name }})</script>", 3),
        ("<p onclick=\"x('{{ name }}')\">", 1),
        ("<iframe src='{{ name }}'></iframe>", 1),
        ("{% if name %}<p onload=x>{% endif %}", 1),
    ],
)
def test_values_stand_only_where_escaping_is_enough(html, line):
    found = list(template_faults(template(html=html)))
    assert found
    assert {fault.field for fault in found} == {"texts.en.html"}
    assert f"line {line}" in found[0].problem


def test_everything_wrong_with_a_template_is_told():
    texts = {
        "en": Wording("", "<p>{{ nme }}</p>", ""),
        "de": Wording("a\nb", "", ""),
        "fr": Wording("a", "{{ x( }}", ""),
    }
    found = [fault.field for fault in template_faults(Template(1, 1, "a", texts=texts, variables=(Variable("name"),)))]
    assert found == ["texts.en.subject", "texts.en.html", "texts.de.subject", "texts.de.html", "texts.fr.html"]


def test_a_layout_says_where_the_words_go():
    assert not list(layout_faults(LAYOUT))
    assert [fault.field for fault in layout_faults(Layout(1, 1, "a", "<p>{{ contents }}</p>", "x"))] == [
        "html",
        "html",
        "text",
    ]
    assert [fault.field for fault in layout_faults(Layout(1, 1, "a"))] == ["html"]


MJML = """<mjml><mj-body><mj-section><mj-column>
<mj-text>Hi {{ name }}{% if total &lt; 3 %}!{% endif %}</mj-text></mj-column></mj-section></mj-body></mjml>"""


def test_mjml_becomes_html_with_its_values_in_place():
    html = html_of(MJML)
    assert "{{ name }}{% if total < 3 %}!{% endif %}" in html
    values = (Variable("name"), Variable("total", VariableType.NUMBER))
    one = template(html=html, variables=values)
    assert not list(template_faults(one))
    made, faults = written(one, LAYOUT, name="<Ann>", total=2)
    assert not faults
    assert "Hi &lt;Ann&gt;!" in made.html


@pytest.mark.parametrize(
    "mjml",
    [
        "<p>no</p>",
        "<mjml>",
        "",
        "<mj-section>" * 100_000,
        "<mjml><mj-body>" + "<mj-section>" * 60 + "</mj-section>" * 60 + "</mj-body></mjml>",
        "a" * 300_000,
        "<mjml><mj-body><mj-include path='/etc/passwd' /></mj-body></mjml>",
    ],
    ids=range(7),
)
def test_mjml_that_is_none_is_refused_before_it_can_do_harm(mjml):
    with pytest.raises(Unreadable):
        html_of(mjml)
