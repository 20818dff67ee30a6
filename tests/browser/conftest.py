"""The installation and the browser, opened once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.rig import ConsoleRig, open_browser, running
from tests.doors.api_rig import open_api
from tests.rigs.fixtures import require


@pytest.fixture(scope="session")
def console_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleRig]:
    require("chromium")
    require("node")
    with open_api(tmp_path_factory.mktemp("console"), instant_seconds=0.1) as api, open_browser() as browser:
        yield ConsoleRig(api, browser)


@pytest.fixture
def console(console_rig: ConsoleRig) -> Iterator[ConsoleRig]:
    """The console with nothing open."""
    with running(console_rig.browser):
        yield console_rig
        console_rig.fresh()
