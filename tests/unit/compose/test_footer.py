"""A footer is seen in both bodies, whatever the HTML around it looks like, and can't break out of its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.compose.footer import Footer, html_with_footer, text_with_footer
from postroom.compose.markup import Kind, scan
from tests.unit.compose.test_markup import MARKUP

BOTH = Footer("Text footer", "<i>HTML footer</i>")
IN_HTML = "\n<div><i>HTML footer</i></div>\n"


def test_each_body_gets_its_own_form() -> None:
    assert text_with_footer("Hello\n\n\n", BOTH) == "Hello\n\nText footer\n"
    assert html_with_footer("<p>Hello</p>", BOTH) == f"<p>Hello</p>{IN_HTML}"


def test_a_missing_form_is_made_from_the_other() -> None:
    only_text = Footer(text="A & B <c>\nd\r\ne\n")
    assert html_with_footer("x", only_text) == "x\n<div><p>A &amp; B &lt;c&gt;<br>\nd<br>\ne</p></div>\n"
    only_html = Footer(html='<p>A &amp; B</p><a href="https://x.example">x</a>')
    assert text_with_footer("x", only_html) == "x\n\nA & B\n\nx (https://x.example)\n"
    blank = Footer(text=" \n", html="<p>x</p>")
    assert text_with_footer("y", blank) == "y\n\nx\n"


@pytest.mark.parametrize("footer", [None, Footer(), Footer("", ""), Footer(" \n", "  "), Footer(html="<p> </p>")])
def test_without_words_there_is_no_footer_in_the_text(footer: Footer | None) -> None:
    assert text_with_footer("x\n\n", footer) == "x\n\n"


@pytest.mark.parametrize("footer", [None, Footer(), Footer("\n", " ")])
def test_without_words_there_is_no_footer_in_the_html(footer: Footer | None) -> None:
    assert html_with_footer("<p>x", footer) == "<p>x"


def test_the_text_footer_is_no_signature_that_programs_would_cut() -> None:
    assert "-- " not in text_with_footer("x", BOTH)
    assert text_with_footer("", BOTH) == "Text footer\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<html><body>x", "</body></html>"),
        ("<BODY>x", "</BODY>\n</HTML>\n"),
        ("<body>x", "</body\n>"),
        ("<body>x</body>y", "</body>"),
        ("<html>x", "</html>"),
        ("x", ""),
        ("", ""),
        ("<body>x", "</body><!-- </body> -->"),
        ("<body>x", "</body><script>'</body>'</script>"),
        ("<body>x", "</body><style>/* </body> */</style>"),
        ("<body>x", "</body><a title='</body>'>"),
        ("<body><!-- </body> -->x", "</body>"),
        ("<body><script>document.write('</body>')</script>x", "</body>"),
        ("<body><!--[if mso]></body><![endif]-->x", ""),
        ("<p title='</body>'>x</p>", ""),
        ("<textarea></body></textarea>", ""),
        ("<p>a < b", "</body>"),
        ("<bodyx></bodyx>", ""),
    ],
)
def test_the_footer_goes_before_the_last_end_of_the_body_that_is_one(before: str, after: str) -> None:
    assert html_with_footer(before + after, BOTH) == before + IN_HTML + after


@pytest.mark.parametrize(
    ("html", "closing"),
    [
        ("x<!-- open", "-->"),
        ("x<!-- open </body>", "-->"),
        ("x<script>if (a", "</script>"),
        ("x<style>p {", "</style>"),
        ("x<textarea>", "</textarea>"),
        ('x<a href="y', '">'),
        ("x<a href='</body>", "'>"),
        ("x<a href", ">"),
        ("x<!DOCTYPE", ">"),
        ("x<style", "></style>"),
        ("x<script src='y", "'></script>"),
    ],
)
def test_what_is_left_open_is_closed_so_that_it_does_not_swallow_the_footer(html: str, closing: str) -> None:
    assert html_with_footer(html, BOTH) == html + closing + IN_HTML


@given(MARKUP)
def test_in_any_html_the_footer_stands_as_markup_of_its_own(html: str) -> None:
    """Never inside a comment, script, attribute or title: the scanner meets its tags."""
    done = html_with_footer(html, Footer("f", "<i id=footer>f</i>"))
    found = [token for token in scan(done) if done[token.start : token.end] == "<i id=footer>"]
    assert [token.kind for token in found] == [Kind.START]


@given(st.text(max_size=60))
def test_a_text_footer_is_only_words_in_html(text: str) -> None:
    done = html_with_footer("<p>x</p>", Footer(text))
    names = {token.name for token in scan(done) if token.kind in {Kind.START, Kind.END}}
    assert names <= {"p", "div", "br"}
    assert not any(token.kind in {Kind.RAW, Kind.UNCLOSED} for token in scan(done))
