"""How pages are declared: an address, who may see it, and the handler that is given a `Visit`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from starlette.responses import Response

from postroom.model.application import Scope
from postroom.web.console.visit import Visit

__all__ = ["Handler", "Page", "Pages"]

Handler: TypeAlias = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Page:
    """`open`: for people who have not signed in. `needs`: the right without which the answer is a kind refusal."""

    method: str
    path: str
    handler: Handler
    needs: Scope | None = None
    open: bool = False


@dataclass(slots=True)
class Pages:
    """The pages of one module, for `app.PARTS`."""

    found: list[Page] = field(default_factory=list)

    def get(self, path: str, needs: Scope | None = None, *, open: bool = False) -> Callable[[Handler], Handler]:  # noqa: A002
        """A page that is looked at; it changes nothing."""
        return self._take("GET", path, needs, open)

    def post(self, path: str, needs: Scope | None = None, *, open: bool = False) -> Callable[[Handler], Handler]:  # noqa: A002
        """A form that is sent. Its token and where it came from have been checked when the handler is called."""
        return self._take("POST", path, needs, open)

    def _take(self, method: str, path: str, needs: Scope | None, open_: bool) -> Callable[[Handler], Handler]:
        def declare(handler: Handler) -> Handler:
            self.found.append(Page(method, path, handler, needs, open_))
            return handler

        return declare
