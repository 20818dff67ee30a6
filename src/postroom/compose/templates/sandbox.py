"""Runs what people wrote as a template, whoever they are: Jinja's language, cut down to what mail needs.

Rules it keeps:
- What is allowed is listed; whatever else Jinja knows (calls, macros, imports, blocks, powers, slices) is refused when
  the template is saved, with its line. So there is nothing to call, and no road from a value to Python.
- A dot reads a key of an object that the caller gave, or one of the few things a loop tells of itself. No attribute of
  a Python object is ever read, whatever it is called. Arithmetic takes numbers only.
- Every loop, comparison, filter and joining of texts asks the meter before it does anything; output is counted as it
  comes. Time and memory are bounded by counts, so nothing depends on the machine or its load.
- Nothing is worked out while compiling: what is constant is as metered as what is not.
- Undefined and empty values are errors and never an empty place in a letter.

Below stands Jinja's own immutable sandbox, as a second wall.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from postroom.compose.templates.code import Unclosed, pieces
from postroom.compose.templates.meter import LONGEST, TOO_LONG, Meter, TooMuch
from postroom.sentence import N_, Sentence

if TYPE_CHECKING:
    from jinja2 import Template as Compiled

__all__ = ["METER", "Unfit", "compiled", "in_line", "run"]

METER = "the meter"
"""Where the meter stands among the variables: no template can name it, for the space."""
_LONGEST_SOURCE = 200_000
_LONGEST_CODE = 30_000
_MOST_CODE = 2_000
_KEPT = 512
_CORRECT = N_("Correct the template.")
_GUARD = N_("Give the value, or write the place within {% if … %}.")
_TYPES = N_("Look at the types of the variables.")


class Unfit(Exception):
    """What is wrong with a template, as the end of a sentence; `line` is counted from 1, 0 where it is not known."""

    def __init__(self, problem: str, line: int = 0, mend: str = _CORRECT) -> None:
        self.problem = in_line(line, problem)
        super().__init__(self.problem)
        self.mend = mend


def in_line(line: int, problem: str) -> str:
    return Sentence("is wrong in line {line}: {problem}", line=line, problem=problem) if line else problem


class Source(NamedTuple):
    """`names`: of the variables it reads that it does not set itself."""

    compiled: Compiled
    names: frozenset[str]


@lru_cache(maxsize=_KEPT)
def compiled(source: str, markup: bool) -> Source:
    """A template that can be run. `markup`: it makes HTML, so values are escaped. Raises Unfit."""
    _bound(source)
    from jinja2 import TemplateSyntaxError

    from postroom.compose.templates.grammar import Unallowed, restricted
    from postroom.compose.templates.jinja import environment

    env = environment(markup)
    try:
        tree, names = restricted(env.parse(source))
        code = env.compile(tree, name="template", filename="<template>")
        return Source(env.template_class.from_code(env, code, env.globals), names)
    except TemplateSyntaxError as error:
        raise Unfit(_sentence(error.message or "can't be read."), error.lineno) from None
    except Unallowed as error:
        raise Unfit(error.problem, error.line, error.mend) from None
    except (RecursionError, SyntaxError, MemoryError, ValueError, OverflowError):
        raise Unfit("is nested too deeply, or has a number that is too large.") from None


def _bound(source: str) -> None:
    if len(source) > _LONGEST_SOURCE:
        raise Unfit(Sentence("is longer than {most:,} characters.", most=_LONGEST_SOURCE), mend="Shorten it.")
    length = 0
    try:
        for count, (start, end) in enumerate(pieces(source), 1):
            length += end - start
            if length > _LONGEST_CODE or count > _MOST_CODE:
                raise Unfit("has more variables and conditions than a template may.", mend="Make it simpler.")
    except Unclosed as error:
        raise Unfit(Sentence("{mark} is not closed.", mark=error.mark), error.line) from None


def run(source: str, values: Mapping[str, Any], *, markup: bool, meter: Meter | None = None) -> str:
    """What the template makes of the values. Raises Unfit."""
    template = compiled(source, markup).compiled
    from jinja2 import TemplateError, UndefinedError

    context = template.new_context({**values, METER: meter or Meter()})
    try:
        return "".join(_counted(template.root_render_func(context)))
    except TooMuch as error:
        raise Unfit(error.problem, mend="Make it simpler, or give it less.") from None
    except Unfit as error:
        raise Unfit(error.problem, _line(template, error.__traceback__), error.mend) from None
    except UndefinedError as error:
        where = _line(template, error.__traceback__)
        raise Unfit(error.message or "a value is missing.", where, _GUARD) from None
    except TemplateError as error:
        raise Unfit(_sentence(error.message or "can't be run."), _line(template, error.__traceback__)) from None
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        where = _line(template, error.__traceback__)
        raise Unfit("a value is of another type than is needed there.", where, _TYPES) from None
    except (RecursionError, MemoryError):
        raise Unfit("is nested too deeply.") from None


def _counted(pieces: Iterable[str]) -> Iterable[str]:
    left = LONGEST
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise TooMuch(TOO_LONG)
        yield piece


def _line(template: Compiled, traceback: TracebackType | None) -> int:
    """Where in the template it went wrong."""
    line = 0
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == "<template>":
            line = template.get_corresponding_lineno(traceback.tb_lineno)
        traceback = traceback.tb_next
    return line


def _sentence(text: str) -> str:
    shown = "".join(char if char.isprintable() else " " for char in text[:200])
    return shown if shown.endswith(".") else f"{shown}."
