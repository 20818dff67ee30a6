"""Templates of mail, and the layouts they stand in: what a tenant's applications send by name and with variables.

A template has its words once for each language, and says which variables it wants. A layout is the frame around the
words of many templates. Both are settings: they have versions, and are read by the snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

__all__ = ["NO_LAYOUT", "Layout", "Template", "Variable", "VariableType", "Wording", "Written"]

NO_LAYOUT = "none"
"""As a template's layout: its words stand alone."""


class VariableType(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    URL = "url"
    BOOLEAN = "boolean"
    LIST = "list"
    OBJECT = "object"


@dataclass(frozen=True, slots=True)
class Variable:
    """`sample` is a value of it as JSON holds it, for previews; None where there is none."""

    name: str
    type: VariableType = VariableType.TEXT
    required: bool = True
    sample: Any = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Wording:
    """What a template says in one language. Empty `text`: it is made from the HTML. `mjml`: what the HTML came from."""

    subject: str = ""
    html: str = ""
    text: str = ""
    mjml: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """`name` is the applications' word; `kind` the kind of mail it is, where a message names none; `language` the one
    for recipients nothing is known of; `layout` the name of its layout, empty for the tenant's default, `NO_LAYOUT`.

    `texts`: by language, `de` or `de-AT`.
    """

    id: int
    tenant_id: int
    name: str
    kind: str = ""
    language: str = "en"
    layout: str = ""
    texts: Mapping[str, Wording] = field(default_factory=lambda: MappingProxyType({}))
    variables: tuple[Variable, ...] = ()
    created_ms: int = 0
    version: int = 1

    @property
    def size(self) -> int:
        """Characters of all its words."""
        return sum(len(one.subject) + len(one.html) + len(one.text) + len(one.mjml) for one in self.texts.values())


@dataclass(frozen=True, slots=True)
class Layout:
    """A frame around the words of templates: `{{ content }}` is where they go. `default`: of the tenant's templates
    that name none. Without `text`, plain text stands alone.
    """

    id: int
    tenant_id: int
    name: str
    html: str = ""
    text: str = ""
    default: bool = False
    created_ms: int = 0
    version: int = 1


@dataclass(frozen=True, slots=True)
class Written:
    """What a template says with somebody's values. `text` None: it is made from the HTML."""

    subject: str
    html: str | None = field(repr=False)
    text: str | None = field(repr=False)
    language: str = ""
