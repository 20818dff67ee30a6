"""The doors, opened once for all tests of this folder: a test makes tenants of its own and disturbs nobody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.doors.api_rig import Api, open_api
from tests.doors.smtp_rig import Letterbox, open_letterbox


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An installation with its HTTP door open."""
    with open_api(tmp_path_factory.mktemp("api"), instant_seconds=0.1) as opened:
        yield opened


@pytest.fixture(autouse=True)
def nobody_pays_for_the_guesses_of_others(request: pytest.FixtureRequest) -> None:
    """All tests come from one address; what one of them guesses would make the next one wait."""
    if "api" in request.fixturenames:
        request.getfixturevalue("api").forget_tries()


@pytest.fixture(scope="session")
def letterbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Letterbox]:
    """An installation with its SMTP door open."""
    with open_letterbox(tmp_path_factory.mktemp("letterbox"), smtp_timeout_scale=0.02, instant_seconds=0.1) as opened:
        yield opened
