"""Ready templates: what most applications send, in English and German, and one calm layout around them.

They are words of Postroom's, in `templates.toml` and `layout.html`, to be taken over by a tenant and changed at will.
Reading them costs nothing until somebody asks.
"""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from postroom.model.kind import Kind
from postroom.model.template import Layout, Template, Variable, VariableType, Wording

__all__ = ["kind_of", "layout", "ready_templates"]

_KINDS = {
    "news": Kind(
        0,
        0,
        "news",
        title="News",
        title_de="Neuigkeiten",
        description="What is new, now and then.",
        description_de="Was es Neues gibt, dann und wann.",
        bulk=True,
    )
}


@lru_cache(maxsize=1)
def ready_templates() -> tuple[Template, ...]:
    found = tomllib.loads(files(__name__).joinpath("templates.toml").read_text("utf-8"))
    return tuple(_template(name, one) for name, one in found.items())


@lru_cache(maxsize=1)
def layout() -> Layout:
    folder = files(__name__)
    html, text = (folder.joinpath(f"layout.{kind}").read_text("utf-8") for kind in ("html", "txt"))
    return Layout(0, 0, "calm", html, text, default=True)


def kind_of(template: Template) -> Kind | None:
    """The kind that has to be there for it to be of use."""
    return _KINDS.get(template.kind)


def _template(name: str, one: dict[str, Any]) -> Template:
    texts = {language: Wording(**words) for language, words in one["texts"].items()}
    variables = tuple(Variable(**each | {"type": VariableType(each.get("type", "text"))}) for each in one["variables"])
    return Template(0, 0, name, one["kind"], "en", "", MappingProxyType(texts), variables)
