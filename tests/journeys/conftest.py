"""What journeys share besides the rigs: Postroom processes that start fast enough to be killed by the hundred."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.nursery import Nursery
from tests.rigs.postroom import Postroom
from tests.rigs.shell import Shell


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with Nursery(tmp_path_factory.mktemp("nursery")) as open_one:
        yield open_one


@pytest.fixture
def fork_postroom(nursery: Nursery, tmp_path: Path) -> Iterator[Callable[..., Postroom]]:
    """As `make_postroom`, out of the nursery. What should not happen is logged loudly, and none of it may be."""
    made: list[Postroom] = []

    def make(**options: Any) -> Postroom:
        made.append(Postroom(tmp_path / f"postroom-{len(made)}", spawn=nursery.spawn, **options))
        return made[-1]

    yield make
    with ExitStack() as stack:
        for postroom in made:
            stack.callback(postroom.stop)
    for postroom in made:
        log = postroom.log_text()
        assert "Z unexpected " not in log, log[-4000:]
        assert "Traceback" not in log, log[-4000:]


@pytest.fixture
def postroom(tmp_path: Path) -> Iterator[Postroom]:
    with Postroom(tmp_path / "postroom") as running:
        yield running


@pytest.fixture
def shell(postroom: Postroom) -> Shell:
    """Commands that talk to the running Postroom."""
    return Shell(postroom.environment(), postroom.folder)
