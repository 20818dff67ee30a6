"""The two environments that templates are compiled in: one escapes for HTML, one makes plain text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from operator import add, floordiv, mod, mul, sub, truediv
from typing import Any

from jinja2 import StrictUndefined, Undefined, pass_context
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from postroom.compose.templates import filters
from postroom.compose.templates.meter import Meter
from postroom.compose.templates.sandbox import METER, Unfit
from postroom.sentence import Sentence

__all__ = ["COMPARE", "CONCAT", "EACH", "FILTERS", "TESTS", "environment"]

EACH, CONCAT, COMPARE = "each of", "joined to", "compared to"
"""What loops, joinings and comparisons become. No template can name them, for the space."""

TESTS = frozenset({"defined", "undefined", "none", "string", "number", "boolean", "even", "odd", "true", "false"})
_LOOP = frozenset({"index", "index0", "revindex", "revindex0", "first", "last", "length"})
_LARGEST = 10**15
_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": add,
    "-": sub,
    "*": mul,
    "/": truediv,
    "//": floordiv,
    "%": mod,
}


class _Missing(StrictUndefined):
    """A value that is not there: whatever is done with it, but asking whether it is, is an error that names it."""

    @property
    def _undefined_message(self) -> str:
        return Sentence("there is no “{name}” among the values.", name=filters.shown(self._undefined_name))


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({*_OPERATORS, "**"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A key of an object, or what a loop tells of itself."""
        if type(obj) is dict:
            found = obj.get(attribute)
            return self.undefined(name=attribute) if attribute not in obj else found
        if type(obj) is LoopContext and attribute in _LOOP:
            return getattr(obj, attribute)
        if isinstance(obj, Undefined):
            return obj
        return self.undefined(name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if type(obj) in (list, tuple) and type(argument) is int:
            return obj[argument] if -len(obj) <= argument < len(obj) else self.undefined(name=str(argument))
        if type(obj) is dict and type(argument) is str and argument in obj:
            return obj[argument]
        return obj if isinstance(obj, Undefined) else self.undefined(name=str(argument)[:40])

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Numbers only: texts and lists would grow."""
        for one in (left, right):
            if type(one) not in (int, float):
                mend = "Join texts with ~." if operator == "+" else "Look at the types of the variables."
                raise Unfit(Sentence("{operator} is for numbers.", operator=operator), mend=mend)
        result = _OPERATORS[operator](left, right)
        if not -_LARGEST <= result <= _LARGEST:
            raise Unfit("a number becomes too large.")
        return result

    def call(self, *_args: Any, **_named: Any) -> Any:
        """No template that is let through has a call."""
        raise Unfit("Functions can't be called in templates.")

    def is_safe_callable(self, obj: Any) -> bool:
        return False

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return False


@lru_cache(maxsize=2)
def environment(markup: bool) -> _Environment:
    """`markup`: what is put in is escaped for HTML."""
    made = _Environment(
        undefined=_Missing,
        autoescape=markup,
        optimized=False,
        finalize=_put_in,
        cache_size=0,
        keep_trailing_newline=True,
    )
    made.globals.clear()
    made.filters.clear()
    made.filters.update(FILTERS)
    made.filters.update({EACH: _each, CONCAT: _concat, COMPARE: _compare})
    made.tests = {name: test for name, test in made.tests.items() if name in TESTS}
    return made


def _meter(context: Context) -> Meter:
    meter: Meter = context.parent[METER]
    return meter


@pass_context
def _put_in(context: Context, value: Any) -> Any:
    """What stands in the mail where a value stands in the template."""
    kind = type(value)
    if kind is str or kind is Markup:
        _meter(context).spend_on(len(value))
        return value
    if kind is int or kind is float:
        return str(value)
    if isinstance(value, date):
        return filters.day(value, "", filters.locale_of(context))
    if value is None:
        raise Unfit(
            "a value that is not given would stand there.", mend="Write it within {% if … %}, or |default('…')."
        )
    if isinstance(value, Undefined):
        return str(value)  # which raises, and names it
    if kind is bool:
        raise Unfit("yes or no can't stand in a mail.", mend="Write {% if … %}the words{% endif %}.")
    raise Unfit("a list or an object can't stand in a mail as it is.", mend="Name a part of it, or go through it.")


@pass_context
def _each(context: Context, value: Any, parts: int) -> Any:
    """Pays for a whole loop before it begins."""
    if type(value) not in (list, tuple):
        if isinstance(value, Undefined):
            iter(value)
        raise Unfit("a loop goes through a list, and this is none.", mend="Look at the types of the variables.")
    _meter(context).spend(1 + len(value) * parts)
    return value


@pass_context
def _concat(context: Context, first: Any, *others: Any) -> Any:
    texts = [_put_in(context, one) for one in (first, *others)]
    meter, length = _meter(context), sum(len(text) for text in texts)
    meter.spend_on(length)
    if context.eval_ctx.autoescape and any(type(text) is Markup for text in texts):
        meter.spend_on(length)
        return Markup("").join(texts)
    return "".join(texts)


@pass_context
def _compare(context: Context, left: Any, operator: str, right: Any) -> bool:
    for one in (left, right):
        if isinstance(one, Undefined):
            bool(one)
        _meter(context).spend_on(_weight(one))
    if operator in ("in", "notin"):
        if type(right) is str and type(left) is not str:
            raise TypeError
        if type(right) in (list, tuple):
            _meter(context).spend_on(_weight(left) * len(right))
        return (left in right) is (operator == "in")
    return _COMPARED[operator](left, right)


def _weight(value: Any, depth: int = 0) -> int:
    """About how long it takes to look at a value: its characters, or its elements."""
    if type(value) is str or type(value) is Markup:
        return len(value)
    if type(value) in (list, tuple, dict) and depth < filters.DEEPEST:
        parts = value.values() if type(value) is dict else value
        return 8 * len(value) + sum(_weight(one, depth + 1) for one in parts)
    return 8


_COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: bool(a == b),
    "ne": lambda a, b: bool(a != b),
    "lt": lambda a, b: bool(a < b),
    "lteq": lambda a, b: bool(a <= b),
    "gt": lambda a, b: bool(a > b),
    "gteq": lambda a, b: bool(a >= b),
}


def _metered(function: Callable[..., Any], *, locale: bool = False) -> Callable[..., Any]:
    """A filter that pays for what it is given, and for what it makes before anybody else sees it."""

    def call(context: Context, value: Any, *args: Any) -> Any:
        meter = _meter(context)
        for one in (value, *args):
            if isinstance(one, Undefined):
                str(one)
            meter.spend_on(_weight(one))
        made = function(value, *args, filters.locale_of(context)) if locale else function(value, *args)
        if type(made) is str or type(made) is Markup:
            meter.spend_on(len(made))
        return made

    return pass_context(call)


@pass_context
def _default(context: Context, value: Any, instead: Any = "") -> Any:
    """Also for what is empty: a letter that begins "Dear ," is wrong whoever forgot the name."""
    _meter(context).spend(1)
    return instead if value is None or isinstance(value, Undefined) or value == "" else value


FILTERS: dict[str, Callable[..., Any]] = {
    "default": _default,
    **{name: _metered(function) for name, function in filters.PLAIN.items()},
    **{name: _metered(function, locale=True) for name, function in filters.LOCAL.items()},
}
