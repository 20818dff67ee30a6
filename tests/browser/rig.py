"""One installation and one Chromium for all tests of this folder, and what such tests ask for again and again.

    def test_it(console: ConsoleRig) -> None:
        page = console.open("/accounts")                 # signed in as the installation's administrator
        page = console.open("/log", as_="reader")        # as somebody with this ready role
        page = console.open("/test", script=False)       # in a browser that runs no script
        console.looks_right(page, "accounts")            # axe in both themes; pictures where they are wanted

People who sign in are made once a role. A page belongs to its test: `console.fresh()` is called before each and
closes what the last one opened. Waits are Playwright's own, with `WAIT_MS`. Pictures of every page that `looks_right`
was asked about, at three widths and in both themes, are put into the folder that POSTROOM_PICTURES names.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from postroom.model.tenant import INSTALLATION
from tests.doors.api_rig import Api
from tests.rigs.axe import axe_source
from tests.rigs.parts import program

__all__ = ["PASSWORD", "WAIT_MS", "WIDTHS", "ConsoleRig", "open_browser", "running"]

WAIT_MS = 30_000
WIDTHS = (360, 768, 1440)
PASSWORD = "four words in a row"
expect.set_options(timeout=WAIT_MS)
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_AXE = "() => axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
Look = Literal["light", "dark"]


@contextlib.contextmanager
def open_browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(program("chromium")), args=_FLAGS)
        loop = asyncio.get_running_loop()
        asyncio.events._set_running_loop(None)
        try:
            yield browser
        finally:
            asyncio.events._set_running_loop(loop)
            browser.close()


@contextlib.contextmanager
def running(browser: Browser) -> Iterator[None]:
    """Playwright marks its loop as running in this thread for as long as it lives; between its own tests the mark is
    taken away, for other tests run loops of their own here."""
    asyncio.events._set_running_loop(browser._loop)
    try:
        yield
    finally:
        asyncio.events._set_running_loop(None)


@dataclass
class ConsoleRig:
    """`api` is the installation behind it (see `tests.doors.api_rig`): `api.engine.office` and so on are at hand."""

    api: Api
    browser: Browser
    _tokens: dict[tuple[str, int], str] = field(default_factory=dict)
    _open: list[BrowserContext] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.api.server.url}/console"

    def user(self, role: str, tenant_id: int = INSTALLATION, login: str = "") -> str:
        """The login of somebody with this role and `PASSWORD`; made at the first call."""
        office, login = self.api.engine.office, login or f"{role}-{tenant_id}@example.com"
        values = {"login": login, "name": role.capitalize(), "email": login, "roles": [role]}
        link = office.create_user(self.api._actor, values, tenant_id).result(60)
        office.redeem(link.token, PASSWORD).result(60)
        return login

    def token(self, role: str, tenant_id: int = INSTALLATION) -> str:
        """A session of somebody with this role."""
        if (role, tenant_id) not in self._tokens:
            login = self.user(role, tenant_id)
            self._tokens[role, tenant_id] = self.api.engine.office.sign_in(login, PASSWORD).result(60).token
        return self._tokens[role, tenant_id]

    def context(
        self,
        as_: str = "administrator",
        tenant_id: int = INSTALLATION,
        *,
        script: bool = True,
        language: str = "en",
        width: int = 1280,
        look: Look = "light",
    ) -> BrowserContext:
        """A browser of its own, signed in; `as_=""` is nobody."""
        made = self.browser.new_context(
            java_script_enabled=script,
            locale=language,
            viewport={"width": width, "height": 900},
            color_scheme=look,
            timezone_id="Europe/Berlin",
        )
        made.set_default_timeout(WAIT_MS)
        self._open.append(made)
        if as_:
            cookie = {"name": "postroom-session", "value": self.token(as_, tenant_id), "url": self.api.server.url}
            made.add_cookies([cookie])  # type: ignore[list-item]  # its TypedDict says no more than this
        return made

    def open(self, path: str, as_: str = "administrator", tenant_id: int = INSTALLATION, **options: Any) -> Page:
        """A page of the console (`path` without `/console`) in a browser of its own."""
        page = self.context(as_, tenant_id, **options).new_page()
        page.goto(f"{self.url}{path}")
        return page

    def fresh(self) -> None:
        """Closes every page that is open, and nobody pays for the guesses of others."""
        for context in self._open:
            context.close()
        self._open.clear()
        self.api.forget_tries()

    def looks_right(self, page: Page, name: str) -> None:
        """axe finds nothing in either theme, nothing is wider than a telephone; pictures are taken where wanted. The
        browser has to run scripts.
        """
        for look in ("light", "dark"):
            page.emulate_media(color_scheme=look)
            found = self._violations(page)
            assert found == [], f"{name} ({look}): {found}"
        page.set_viewport_size({"width": 320, "height": 700})
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 320, f"{name} is {wide} pixels wide on a telephone of 320"
        folder = os.environ.get("POSTROOM_PICTURES", "")
        if folder:
            self._take_pictures(page, Path(folder), name)
        page.set_viewport_size({"width": 1280, "height": 900})

    @staticmethod
    def _violations(page: Page) -> list[str]:
        page.evaluate(f"() => {{ {axe_source()} }}; ") if not page.evaluate("'axe' in window") else None
        result = page.evaluate(_AXE)
        return [
            f"{one['id']}: {one['help']} at {[node['target'] for node in one['nodes']][:3]} "
            f"{one['nodes'][0].get('failureSummary', '')[:300]}"
            for one in result["violations"]
        ]

    @staticmethod
    def _take_pictures(page: Page, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for look in ("light", "dark"):
            page.emulate_media(color_scheme=look)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                page.screenshot(path=folder / f"{name}-{look}-{width}.png", full_page=True)
