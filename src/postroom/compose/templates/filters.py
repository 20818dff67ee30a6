"""What can be done with a value in a template: `{{ total|money("EUR") }}`. All of them end soon, and make bounded text.

Each takes the value first and raises TypeError or ValueError for one it can't take; the sandbox pays the meter. What
people of a language write otherwise (days, numbers, money) is written as the mail's language has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from markupsafe import Markup, escape

from postroom.compose.templates.meter import LONGEST, TOO_LONG, TooMuch

if TYPE_CHECKING:
    from babel import Locale
    from jinja2.runtime import Context

__all__ = ["DEEPEST", "LOCAL", "PLAIN", "day", "locale_of", "shown"]

DEEPEST = 8
"""Levels of lists and objects that a value may have."""
_WIDTHS = ("", "short", "medium", "long", "full")


def shown(name: object) -> str:
    """A name out of a template, as a sentence may hold it."""
    return "".join(char for char in str(name)[:40] if char.isprintable())


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if type(value) in (int, float):
        return str(value)
    raise TypeError


def _replace(value: Any, old: Any, new: Any) -> str:
    text, old, new = _text(value), _text(old), _text(new)
    if len(text) + text.count(old) * len(new) > LONGEST:
        raise TooMuch(TOO_LONG)
    return str(text).replace(old, new)


def _truncate(value: Any, length: Any = 100, end: Any = "…") -> str:
    text, end = _text(value), _text(end)
    if type(length) is not int or length < 1:
        raise TypeError
    return text if len(text) <= length else text[: max(0, length - len(end))].rstrip() + end


def _join(value: Any, between: Any = ", ") -> str:
    texts: list[str] = [_text(one) for one in _list(value)]
    separator = _text(between)
    if sum(map(len, texts)) + len(separator) * len(texts) > LONGEST:
        raise TooMuch(TOO_LONG)
    return separator.join(texts)


def _list(value: Any) -> Any:
    if type(value) not in (list, tuple):
        raise TypeError
    return value


def _length(value: Any) -> int:
    if isinstance(value, str) or type(value) in (list, tuple, dict):
        return len(value)
    raise TypeError


def _end(value: Any, place: int) -> Any:
    return _list(value)[place] if value else None


def _round(value: Any, digits: Any = 0) -> int | float:
    if type(digits) is not int or not 0 <= digits <= 9:
        raise TypeError
    rounded = round(_number(value), digits)
    return rounded if digits else int(rounded)


def _number(value: Any) -> Any:
    if type(value) not in (int, float):
        raise TypeError
    return value


def _lines(value: Any) -> Markup:
    """Text with its line ends, in HTML."""
    return Markup("<br>\n").join(_text(value).splitlines())


PLAIN: Mapping[str, Callable[..., Any]] = {
    "upper": lambda value: str(_text(value)).upper(),
    "lower": lambda value: str(_text(value)).lower(),
    "capitalize": lambda value: str(_text(value)).capitalize(),
    "trim": lambda value: str(_text(value)).strip(),
    "replace": _replace,
    "truncate": _truncate,
    "join": _join,
    "length": _length,
    "first": lambda value: _end(value, 0),
    "last": lambda value: _end(value, -1),
    "round": _round,
    "abs": lambda value: abs(_number(value)),
    "urlencode": lambda value: quote(_text(value), safe=""),
    "lines": _lines,
    "escape": lambda value: escape(_text(value)),
}


def locale_of(context: Context) -> Locale:
    return _locale(str(context.parent.get("language", "en")))


@lru_cache(maxsize=64)
def _locale(language: str) -> Locale:
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        base = language.partition("-")[0]
        return Locale.parse("en") if base == language else _locale(base)


def day(value: Any, width: Any, locale: Locale) -> str:
    """A date, without the time: 20 November 2026."""
    from babel.dates import format_date

    if not isinstance(value, date) or width not in _WIDTHS:
        raise TypeError
    return format_date(value, width or "long", locale)


def _time(value: Any, *more: Any) -> str:
    from babel.dates import format_time

    width, locale = (more[0] if len(more) > 1 else "short"), more[-1]
    if not isinstance(value, datetime) or width not in _WIDTHS:
        raise TypeError
    return format_time(value.time(), width or "short", locale=locale)


def _day(value: Any, *more: Any) -> str:
    return day(value, more[0] if len(more) > 1 else "", more[-1])


def _in_digits(value: Any, *more: Any) -> str:
    from babel.numbers import format_decimal

    return str(format_decimal(_number(value), locale=more[-1]))


def _percent(value: Any, *more: Any) -> str:
    from babel.numbers import format_percent

    return str(format_percent(_number(value), locale=more[-1]))


def _money(value: Any, currency: Any, locale: Locale) -> str:
    from babel.numbers import format_currency

    if type(currency) is not str or len(currency) != 3 or not currency.isalpha() or not currency.isascii():
        raise TypeError
    return str(format_currency(_number(value), currency.upper(), locale=locale))


LOCAL: Mapping[str, Callable[..., Any]] = {
    "date": _day,
    "time": _time,
    "number": _in_digits,
    "percent": _percent,
    "money": _money,
}
