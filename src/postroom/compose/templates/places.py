"""Where in HTML a value may stand: in text and in quoted attributes, where escaping is enough; and where links lead.

Checked when a template is saved, on its source with every value as one odd character; links also when it is rendered,
because only then is it known where they lead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from postroom.compose.markup import Kind, Token, attributes, scan, text_of
from postroom.compose.templates.code import with_code
from postroom.sentence import Sentence

__all__ = ["misplaced", "strange_links"]

_VALUE = "\ue000"
_QUOTED = re.compile(r"""=[\t\n\f\r ]*("[^"]*"|'[^']*')""")
_RUNS = frozenset({"script", "iframe", "object", "embed", "applet", "base"})
_FIXED = frozenset({"style", "xmp", "noembed", "noframes"})
_LEADING = re.compile(
    r"""[\s"'/](href|src|action|formaction|background|poster|xlink:href|data|srcset)\s*=\s*("[^"]*"|'[^']*'|[^\s>]*)""",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_IGNORED = re.compile(r"[\x00-\x20\x7f-\xa0\u200b\ufeff]+")
_LEADS = frozenset({"http", "https", "mailto", "tel", "cid"})


def misplaced(html: str) -> Iterator[tuple[str, str, int]]:
    """What is wrong with a template's HTML: the end of a sentence, its mend, and the line."""
    # A value is one character, conditions are none; line ends stay so that lines can be told.
    stand = with_code(html, lambda code: (_VALUE if code[1] == "{" else "") + "\n" * code.count("\n"))
    for token in scan(stand):
        text = stand[token.start : token.end]
        for problem, mend in _of_token(stand, token, text):
            yield problem, mend, stand.count("\n", 0, token.start) + 1


def _of_token(stand: str, token: Token, text: str) -> Iterator[tuple[str, str]]:
    if token.kind is Kind.START and token.name in _RUNS:
        yield Sentence("<{name}> has no place in a mail.", name=token.name), "Mail programs throw it away; take it out."
    elif token.kind is Kind.START:
        if any(name.startswith("on") for name in attributes(stand, token)):
            yield "scripts have no place in a mail.", "Take the attributes out that begin with “on”."
        if _VALUE in text and _VALUE in _QUOTED.sub("=", text):
            yield "a value stands in a tag without quotes.", 'Write it like href="{{ link }}".'
    elif token.kind is Kind.RAW and token.name in _FIXED and _VALUE in text:
        yield (
            Sentence("a value stands within <{name}>.", name=token.name),
            "Put values into the text or into attributes.",
        )


def strange_links(html: str) -> list[str]:
    """The schemes of links in finished HTML that lead neither to the web nor to a mailbox."""
    found = []
    for match in _LEADING.finditer(html):
        address = _IGNORED.sub("", text_of(match[2].strip("\"'")))
        scheme = _SCHEME.match(address)
        if scheme is not None and scheme[1].lower() not in _LEADS and not address.lower().startswith("data:image/"):
            found.append(scheme[1].lower()[:20])
    return found
