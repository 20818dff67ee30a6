"""The text made from HTML says what a reader of the HTML would see, and costs no more than its length."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.compose.text import MAX_INDENTS, MAX_INPUT, text_from_html

CASES = {
    "paragraphs": ("<p>One</p><p>Two\n three</p>", "One\n\nTwo three"),
    "paragraphs without ends": ("<p>One<p>Two", "One\n\nTwo"),
    "heading": ("<h1>Title</h1>Text<h2>Next</h2><p>More", "Title\n\nText\n\nNext\n\nMore"),
    "line breaks": ("a<br>b<br/>c<br><br>d<br><br><br>e", "a\nb\nc\n\nd\n\ne"),
    "divs": ("<div>a</div><div>b<div>c</div></div>", "a\nb\nc"),
    "white space": ("  a \n\t b <b> c</b><i>d </i> e&nbsp;&nbsp;f ", "a b cd e f"),
    "inline elements": ("<b>a</b><i>b</i> <u>c</u>", "ab c"),
    "entities": ("&lt;b&gt; &amp;amp; &eacute; &#8364;", "<b> &amp; é €"),
    "list": ("<p>x</p><ul><li>a</li><li>b<br>c</li></ul>y", "x\n\n- a\n- b\n  c\n\ny"),
    "list without ends": ("<ul><li>a<li>b</ul>", "- a\n- b"),
    "numbered list": ("<ol><li>a</li><li>b</li></ol>", "1. a\n2. b"),
    "numbered from": ('<ol start="9"><li>a</li><li>b<p>c</li></ol>', "9. a\n10. b\n\n    c"),
    "numbered from nonsense": ('<ol start="x9²"><li>a</ol>', "1. a"),
    "nested lists": (
        "<ul><li>a<ol><li>b</li><li>c<ul><li>d</ul></ol></li><li>e</li></ul>",
        "- a\n  1. b\n  2. c\n     - d\n- e",
    ),
    "quotation": ("a<blockquote>b<p>c</p></blockquote>d", "a\n\n> b\n>\n> c\n\nd"),
    "nested quotation": ("<blockquote>a<blockquote>b</blockquote></blockquote>", "> a\n>\n> > b"),
    "quotation in a list": ("<ul><li><blockquote>a<br>b</blockquote></ul>", "- > a\n  > b"),
    "link": ('<a href="https://x.example/a?b=1&amp;c=2">here</a>.', "here (https://x.example/a?b=1&c=2)."),
    "link that says its address": ('<a href="https://x.example/">x.example</a> or', "x.example or"),
    "link to an address": ('<a href="mailto:a@b.example">a@b.example</a>', "a@b.example"),
    "link around a picture": ('<a href="https://x.example"><img src=x alt="Shop"></a>', "[Shop] (https://x.example)"),
    "link without words": ('<a href="https://x.example"><img src=x></a>', "https://x.example"),
    "link over blocks": ('<a href="https://x.example"><p>a</p><p>b</p></a>', "a\n\nb\n\n(https://x.example)"),
    "link not ended": (
        '<a href="https://x.example">a<a href="https://y.example">b',
        "a (https://x.example)b (https://y.example)",
    ),
    "anchor": ('<a name="x">a</a> <a href="#x">b</a> <a href="/rel">c</a>', "a b c"),
    "dangerous link": ('<a href="javascript:alert(1)">a</a><a href=" data:text/html,x">b</a>', "ab"),
    "dangerous link, disguised": (
        '<a href="java\nscript:x">a</a> <a href="https://x\r\n.example">b</a>',
        "a b (https://x.example)",
    ),
    "picture": ('<img alt="A  cat" src=x> <img src=y><img alt="">', "[A cat]"),
    "table": ("<table><tr><th>A<th>B<tr><td>1<td>2</table>x", "A | B\n1 | 2\n\nx"),
    "table with blocks": ("<table><tr><td><p>a</p></td><td><div>b</div></td></tr></table>", "a\n\nb"),
    "layout table": ("<table><tr><td></td><td>Hello</td><td> </td></tr></table>", "Hello"),
    "pre": ("<p>x<pre>a  b\n  c\n\nd</pre>y", "x\n\na  b\n  c\n\nd\n\ny"),
    "rule": ("a<hr>b", "a\n\n----------\n\nb"),
    "head, style and script": (
        "<html><head><title>T</title><style>p{}</style></head><body>a<script>b</script></body></html>",
        "a",
    ),
    "comments": ("a<!-- <p>b -->c<!--[if mso]>d<![endif]-->e<![if !mso]>f<![endif]>", "acef"),
    "what is not displayed": (
        '<div style="display: none">x<div>y</div>z</div>a<span hidden>b</span><svg><text>c</text></svg>d',
        "ad",
    ),
    "a word about hidden things": ("<td title='not hidden at all'>a</td>", "a"),
    "end tags without start": ("a</blockquote></ul></li></a></div>b", "a\n\nb"),
    "markup that is none": ("a < b > c & d", "a < b > c & d"),
    "nothing": ("", ""),
    "only markup": ("<p></p><br><ul><li></li></ul>", ""),
    "invisible characters": ("a\u200bb\u00adc\ufeffd&#7;&#27;e", "abcde"),
}


@pytest.mark.parametrize("name", CASES)
def test_html_reads_well_as_text(name: str) -> None:
    html, text = CASES[name]
    assert text_from_html(html) == text


def test_nesting_stops_moving_the_text_to_the_right() -> None:
    text = text_from_html("<blockquote>" * 30_000 + "x" + "</blockquote>" * 30_000 + "y")
    assert text == "> " * MAX_INDENTS + "x\n\ny"


NESTED = [
    "<div>",
    "<ul><li>",
    "<ol><li>x",
    "<table><tr><td>x",
    "<blockquote>x",
    "<a href='https://x'>",
    "<svg>",
    "<pre>",
]


def _steps(html: str) -> int:
    """How many instructions of Python were run: a measure of work that no busy machine changes."""
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> Callable[..., object]:
        nonlocal count
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        count += event == "opcode"
        return note

    before = sys.gettrace()
    sys.settrace(note)
    try:
        text_from_html(html)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("opening", [*NESTED, "<", "&#", "<!--", "<a b='", "<p>x", "<td>", "<br>", "</ul>", "\n"])
@pytest.mark.parametrize("closing", ["", "</ul>", "</li>x", "<p>x</a>"])
def test_twice_the_input_is_twice_the_work(opening: str, closing: str) -> None:
    once, twice = (_steps(opening * number + closing * number) for number in (100, 200))
    assert twice <= 2.1 * once + 500


@pytest.mark.parametrize("opening", NESTED)
@pytest.mark.parametrize("closing", ["", "</div>", "</blockquote>x", "</li>", "<p>x"])
def test_a_hundred_thousand_nested_tags_give_no_more_text_than_they_hold(opening: str, closing: str) -> None:
    """No recursion, no search through what is open, and an indentation that is bounded: the output shows it."""
    html = opening * 100_000 + closing * 20_000
    text = text_from_html(html)
    assert len(text) <= 6 * MAX_INPUT
    widest_indent = MAX_INDENTS * len("100000. ")
    assert max(len(line) - len(line.lstrip("> -0123456789.")) for line in text.split("\n")) <= widest_indent


def test_a_document_over_the_limit_is_cut_and_says_so() -> None:
    text = text_from_html("x" * (MAX_INPUT + 10))
    assert text == "x" * MAX_INPUT + "\n\n[…]"


@given(st.text(max_size=200))
def test_text_that_is_escaped_comes_back_as_its_words(text: str) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    invisible = dict.fromkeys([*range(9), 11, 12, *range(14, 32), *range(127, 160), 0x200B, 0xFEFF, 0xAD])
    assert text_from_html(f"<p>{escaped}</p>").split() == text.translate(invisible).split()


@given(
    st.lists(
        st.sampled_from(
            ["<p>", "</p>", "<ul>", "<li>", "</ul>", "<ol>", "</ol>", "<pre>", "</pre>", "a", " ", "\n", "\x07"]
        )
        | st.sampled_from(
            ["<a href='https://x'>", "</a>", "<br>", "<td>", "<tr>", "<blockquote>", "</blockquote>", "<svg>"]
        )
        | st.text(max_size=4),
        max_size=40,
    ).map("".join)
)
def test_any_markup_gives_clean_text(html: str) -> None:
    text = text_from_html(html)
    assert text == text.strip("\n")
    assert "\n\n\n" not in text
    assert not any(char < " " and char not in "\n\t" for char in text)
    assert all(line == line.rstrip() for line in text.split("\n"))
