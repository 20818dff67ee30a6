"""A form as it came or as it is shown: its values, and what is wrong with each.

Values stay text; the office reads them with the same readers as the API's, and its faults come back to the fields with
everything that was typed kept. A secret is never put into a page again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

from postroom.errors import BadInput, Fault, PostroomError
from postroom.web.api.body import Receive, read_body

__all__ = ["TOKEN", "Form", "read_form"]

TOKEN = "form-token"  # noqa: S105 - the name of a field
LONGEST = 1024 * 1024
"""Octets of a form; the longest field, a footer, has a bound of its own."""
_MOST_FIELDS = 2_000


@dataclass(frozen=True, slots=True)
class Form:
    """`values`: name → what was given, a list, for a name may come several times. `error`: what is wrong as a whole."""

    values: Mapping[str, list[str]] = field(default_factory=dict, repr=False)
    faults: tuple[Fault, ...] = ()
    error: str = ""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Form:
        """A form filled in with what is stored: None is empty, true is ticked, a list is several values."""
        return cls({name: _texts(value) for name, value in values.items()})

    def text(self, name: str, default: str = "") -> str:
        return self.values.get(name, [default])[0]

    def all(self, name: str) -> list[str]:
        """Everything that was chosen under this name, without empty ones."""
        return [one for one in self.values.get(name, []) if one]

    def flag(self, name: str) -> bool:
        """Whether a box was ticked."""
        return self.text(name).lower() in ("true", "on", "yes", "1")

    def given(self, *names: str) -> dict[str, str]:
        """Those of these that came with the form: a field that was not on the page is not changed by it."""
        return {name: self.text(name) for name in names if name in self.values}

    def boxes(self, *names: str) -> dict[str, bool]:
        """Whether these are ticked, of those that were on the page: each stands behind a hidden field of its name."""
        return {name: bool(self.values[name][-1]) for name in names if name in self.values}

    def with_values(self, **more: Any) -> Form:
        return replace(self, values={**self.values, **{name: _texts(value) for name, value in more.items()}})

    def refused(self, error: PostroomError) -> Form:
        """The same with what an office verb said against it."""
        faults = error.faults if isinstance(error, BadInput) else ()
        return replace(self, faults=tuple(faults), error="" if faults else error.text)

    def refuse(self, *faults: Fault) -> Form:
        return replace(self, faults=(*self.faults, *faults))

    def renamed(self, old: str, new: str) -> Form:
        """The same where the office's name of a field is another one on the page."""
        return replace(self, faults=tuple(replace(one, field=new) if one.field == old else one for one in self.faults))

    def faults_of(self, name: str) -> list[Fault]:
        """Also those of its parts: `to[2]` belongs to `to`."""
        return [one for one in self.faults if one.field == name or one.field.startswith((f"{name}[", f"{name}."))]

    @property
    def wrong(self) -> bool:
        return bool(self.faults or self.error)


def _texts(value: Any) -> list[str]:
    if isinstance(value, bool):
        return ["true"] if value else [""]
    if value is None:
        return [""]
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [str(one) for one in value]
    return [str(value)]


async def read_form(receive: Receive) -> Form:
    """The form in a request's body, as browsers write it. Raises TooLarge, RequestError, BadInput."""
    body = await read_body(receive, LONGEST)
    try:
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        problem = f"has more than {_MOST_FIELDS} fields."
        raise BadInput([Fault("form", problem, "Go back and change less at once.")]) from None
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        # browsers end lines with CR LF in forms (HTML living standard, 4.10.21.4); everything of ours has LF
        values.setdefault(name, []).append(value.replace("\r\n", "\n"))
    return Form(values)
