"""Templates made into pages: Jinja2 with autoescape, strict about names that are missing.

What a template may call (`_`, `url`, `ago` …) depends on who reads, so it is looked up in the visit that is being
rendered; macros that are imported know it too.
"""

from __future__ import annotations

from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from postroom.ids import encode
from postroom.model.application import Scope
from postroom.model.tenant import INSTALLATION
from postroom.web.console import shown
from postroom.web.console.assets import asset
from postroom.web.console.icons import icon
from postroom.web.console.navigation import navigation

if TYPE_CHECKING:
    from postroom.web.console.visit import Visit

__all__ = ["TEMPLATES", "environment", "render"]

TEMPLATES = Path(__file__).parent / "templates"
_visit: ContextVar[Visit] = ContextVar("visit")


def render(visit: Visit, template: str, values: dict[str, Any]) -> str:
    """The page as HTML."""
    token = _visit.set(visit)
    try:
        return environment().get_template(template).render(visit=visit, **values)
    finally:
        _visit.reset(token)


@cache
def environment() -> Environment:
    """Made once; a template is compiled at its first use and kept."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    made.globals |= {
        "N_": str,
        "_": _say,
        "_html": _say_html,
        "_count": _count,
        "url": lambda path, **query: _visit.get().url(path, **query),
        "here": lambda **query: _visit.get().here(**query),
        "may": lambda scope: _visit.get().may(scope),
        "form_token": _form_token,
        "navigation": lambda: navigation(_visit.get()),
        "asset": asset,
        "icon": icon,
        "Scope": Scope,
        "pairs": lambda choices: [one[:2] for one in choices],
        "of_installation": lambda: _visit.get().actor.tenant_id == INSTALLATION,
        "encode": encode,
    }
    made.filters |= {
        "ago": lambda at_ms: shown.ago(at_ms, _visit.get()),
        "moment": lambda at_ms: shown.moment(at_ms, _visit.get()),
        "day": lambda at_ms: shown.day(at_ms, _visit.get()),
        "number": lambda number: shown.number(number, _visit.get().language),
        "size": lambda octets: shown.size(octets, _visit.get().language),
        "seconds": lambda ms: shown.seconds(ms, _visit.get().language),
        "printable": shown.printable,
    }
    return made


def _say(text: str, /, **named: Any) -> str:
    return _visit.get().words.say(text, **named)


def _say_html(text: str, /, **named: Any) -> Markup:
    return _visit.get().words.say_html(text, **named)


def _count(one: str, many: str, number: int, /, **named: Any) -> str:
    return _visit.get().words.count(one, many, number, **named)


def _form_token() -> Markup:
    """The hidden field that every form carries."""
    return Markup('<input type="hidden" name="form-token" value="{}">').format(_visit.get().form_token)
