"""HTML is read once, in linear work, and nothing that is hidden in it is taken for a tag."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.compose.markup import Kind, attributes, ends, scan, text_of

PIECES = [
    *(
        "<",
        ">",
        "</",
        "<!--",
        "-->",
        "--!>",
        "<!",
        "<?",
        "<![CDATA[",
        "]]>",
        "=",
        '"',
        "'",
        " ",
        "\n",
        "/",
        "x",
        "&amp;",
    ),
    *(
        "<p>",
        "</p>",
        "<body>",
        "</body>",
        "</BODY >",
        "</html>",
        "<script>",
        "</script>",
        "<style",
        "</style>",
        "<title>",
    ),
    *(
        '<a href="',
        "<a title='",
        "<b x=y>",
        "<!DOCTYPE html>",
        "<textarea>",
        "</textarea",
        '="</body>"',
        "<bodyx>",
        "é",
    ),
]
MARKUP = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)


def told(html: str) -> list[tuple[str, str]]:
    return [(token.kind.name, token.name or html[token.start : token.end]) for token in scan(html)]


@pytest.mark.parametrize(
    ("html", "tokens"),
    [
        ("", []),
        ("text", [("TEXT", "text")]),
        ("a < b << c", [("TEXT", "a "), ("TEXT", "< b << c")]),
        ("1<2<b>", [("TEXT", "1"), ("TEXT", "<2"), ("START", "b")]),
        ("<style x", [("UNCLOSED", "></style>")]),
        ("</style", [("UNCLOSED", ">")]),
        ("<P CLASS=x>a</P >", [("START", "p"), ("TEXT", "a"), ("END", "p")]),
        ("<br/>", [("START", "br")]),
        ('<a title="a > b">', [("START", "a")]),
        ("<a title=it's>x", [("START", "a"), ("TEXT", "x")]),
        ('<a "b>x', [("START", "a"), ("TEXT", "x")]),
        ("<a x = 'a>b'>", [("START", "a")]),
        ("<!-- <b> -->x", [("RAW", "<!-- <b> -->"), ("TEXT", "x")]),
        ("<!-->x", [("RAW", "<!-->"), ("TEXT", "x")]),
        ("<!--->x", [("RAW", "<!--->"), ("TEXT", "x")]),
        ("<!--x--!>y", [("RAW", "<!--x--!>"), ("TEXT", "y")]),
        ("<!DOCTYPE html>x", [("RAW", "<!DOCTYPE html>"), ("TEXT", "x")]),
        ("<?php x ?>y", [("RAW", "<?php x ?>"), ("TEXT", "y")]),
        ("</>x", [("RAW", "</>"), ("TEXT", "x")]),
        ("</ p>x", [("RAW", "</ p>"), ("TEXT", "x")]),
        ("<script>a<b></b></Script>x", [("START", "script"), ("RAW", "script"), ("END", "script"), ("TEXT", "x")]),
        ("<style></style>", [("START", "style"), ("RAW", "style"), ("END", "style")]),
        ("<title>a</titles></title>", [("START", "title"), ("RAW", "title"), ("END", "title")]),
        ("<!-- x", [("UNCLOSED", "-->")]),
        ("<script>x</scrip>", [("START", "script"), ("UNCLOSED", "</script>")]),
        ('<a href="x>y', [("UNCLOSED", '">')]),
        ("<a href='x>y", [("UNCLOSED", "'>")]),
        ("<a href", [("UNCLOSED", ">")]),
        ("<", [("TEXT", "<")]),
        ("</", [("TEXT", "</")]),
    ],
)
def test_tags_and_text_are_told_apart_as_the_html_standard_does(html: str, tokens: list[tuple[str, str]]) -> None:
    assert told(html) == tokens


@given(MARKUP)
def test_every_character_belongs_to_exactly_one_token(html: str) -> None:
    """The proof of linear work: the scanner never goes back, and each token moves it forward."""
    position = 0
    for token in scan(html):
        assert token.start == position
        assert token.end > position or (token.kind in {Kind.RAW, Kind.UNCLOSED} and token.end == position)
        position = token.end
    assert position == len(html)


@given(MARKUP)
def test_the_quick_look_for_the_end_of_the_body_sees_what_the_scanner_sees(html: str) -> None:
    slow = [token for token in scan(html) if token.kind is Kind.UNCLOSED or _is_end(token.kind, token.name)]
    assert list(ends(html)) == slow


def _is_end(kind: Kind, name: str) -> bool:
    return kind is Kind.END and name in {"body", "html"}


HOSTILE = {
    "unfinished tags": "<a ",
    "unfinished comments": "<!--",
    "unfinished declarations": "<!x",
    "unfinished sections": "<![CDATA[",
    "brackets": "<",
    "open quotes": '<a b="',
    "crossed quotes": "<a b=\"'",
    "attributes": "<a b='\"' c=\"'\"",
    "equals signs": "<a ====",
    "spaces after equals": "<a b=   ",
    "end tags": "</a",
    "scripts": "<script><!--",
    "scripts half closed": "<script></scrip",
    "titles": "<title></title",
    "nested tags": "<div>",
    "end tags of the body": "</body>",
    "references": "&#x",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_megabyte_is_done_in_as_many_steps_as_it_has_constructs(name: str) -> None:
    """Counted, not timed: no more tokens than pieces and a few, and an unclosed construct ends the work."""
    pieces = 1_000_000 // len(HOSTILE[name])
    html = HOSTILE[name] * pieces
    number = sum(1 for _ in scan(html))
    assert number <= 3 * pieces
    assert sum(1 for _ in ends(html)) <= number


def test_attributes_are_read_with_their_references_resolved() -> None:
    html = '<a HREF="x?a=1&amp;b=2" title=\'"hi"\' href=second checked data-x = y/z>'
    (token,) = scan(html)
    assert attributes(html, token) == {
        "href": "x?a=1&b=2",
        "title": '"hi"',
        "checked": "",
        "data-x": "y/z",
    }


def test_only_so_many_attributes_are_kept() -> None:
    html = "<a " + " ".join(f"a{n}=1" for n in range(10_000)) + ">"
    (token,) = scan(html)
    assert len(attributes(html, token)) == 64


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("a &lt;b&gt; &amp;amp; &eacute; &#8364; &#x20ac; &nbsp;|", "a <b> &amp; é € € \u00a0|"),
        ("&#" + "9" * 5000 + ";x", "\ufffdx"),
        ("&#x" + "f" * 5000 + ";x", "\ufffdx"),
        ("&#xd800;", "\ufffd"),
        ("&unknown; & &", "&unknown; & &"),
    ],
)
def test_character_references_are_resolved_and_never_fail(markup: str, text: str) -> None:
    assert text_of(markup) == text
