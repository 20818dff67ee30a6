"""Where code stands in a template: between `{{ }}`, `{% %}` and `{# #}`. One pass, whatever is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

__all__ = ["Unclosed", "pieces", "with_code"]

_OPENED = re.compile(r"\{[{%#]")
_CLOSING = {"{": "}}", "%": "%}", "#": "#}"}


class Unclosed(Exception):
    """`line` is where it was opened."""

    def __init__(self, mark: str, line: int) -> None:
        super().__init__(mark)
        self.mark, self.line = mark, line


def pieces(source: str) -> Iterator[tuple[int, int]]:
    """From and to, from left to right. Raises Unclosed."""
    position = 0
    while (opened := _OPENED.search(source, position)) is not None:
        closed = source.find(_CLOSING[opened[0][1]], opened.end())
        if closed < 0:
            raise Unclosed(opened[0], source.count("\n", 0, opened.start()) + 1)
        position = closed + 2
        yield opened.start(), position


def with_code(source: str, change: Callable[[str], str]) -> str:
    """The source with each piece of code changed. Raises Unclosed."""
    made, position = [], 0
    for start, end in pieces(source):
        made += [source[position:start], change(source[start:end])]
        position = end
    return "".join([*made, source[position:]])
