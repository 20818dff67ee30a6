"""Style sheets into `style` attributes, because many mail programs read no others.

The work grows with rules times elements times their depth, so all three are bounded before it is begun: HTML that is
more than a mail is refused and not tried. Nothing is fetched, neither from the net nor from a disk.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from postroom.compose.markup import Kind, scan
from postroom.sentence import Sentence

__all__ = ["TooComplex", "deepest", "inlined"]

_MOST_WORK = 400_000
_DEEPEST = 100
_LONGEST_STYLES = 50_000
_STYLE = re.compile(r"<style", re.IGNORECASE)
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
)
_LINKED = re.compile(r"<link\b[^>]*>", re.IGNORECASE)


class TooComplex(Exception):
    """`problem` is the end of a sentence."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def inlined(html: str) -> str:
    """The same page with its styles where all mail programs find them. Raises TooComplex."""
    if _STYLE.search(html) is None:
        return html
    elements, styles, depth = _measured(html)
    selectors = styles.count("{") + styles.count(",") + styles.count(" ") // 4 + 1
    if depth > _DEEPEST:
        raise TooComplex(Sentence("is nested deeper than {most} levels.", most=_DEEPEST))
    if len(styles) > _LONGEST_STYLES or selectors * elements > _MOST_WORK or ":has(" in styles:
        raise TooComplex("has too many style rules for so many elements.")
    import css_inline

    try:
        return str(_inliner().inline(_LINKED.sub("", html)))
    except css_inline.InlineError:
        raise TooComplex("has a style sheet that can't be read.") from None


@lru_cache(maxsize=1)
def _inliner() -> Any:
    import css_inline

    return css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


def deepest(html: str) -> int:
    """How deep elements stand within each other."""
    return _measured(html)[2]


def _measured(html: str) -> tuple[int, str, int]:
    """How many elements, the text of all style sheets, and the greatest depth."""
    elements = depth = most = 0
    styles = []
    for token in scan(html):
        if token.kind is Kind.START:
            elements += 1
            if token.name not in _VOID and html[token.end - 2 : token.end] != "/>":
                depth += 1
                most = max(most, depth)
        elif token.kind is Kind.END:
            depth = max(0, depth - 1)
        elif token.kind in (Kind.RAW, Kind.UNCLOSED) and token.name in ("style", "</style>"):
            styles.append(html[token.start : token.end])
    return elements, "\n".join(styles), most
