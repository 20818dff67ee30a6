"""The fixtures for the rigs. `require` decides what a missing part means: a skip for a person, a failure in CI."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rigs import parts
from tests.rigs.certificates import Certificates
from tests.rigs.postgres import Postgres, postgres_missing
from tests.rigs.proxy import Faults, Proxy
from tests.rigs.sink import Sink

__all__ = ["require"]


def require(part: str) -> None:
    """The test can't run without this part of `parts.PARTS`."""
    _stop_if(parts.missing(part))


def _stop_if(reason: str) -> None:
    if reason and parts.IN_CI:
        pytest.fail(f"CI must run every test, but {reason}", pytrace=False)
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """The CA and all its good and bad certificates."""
    return Certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    """A recording sink without TLS that offers everything."""
    with Sink.start(tmp_path / "sink") as running:
        yield running


@pytest.fixture
def make_sink(tmp_path: Path) -> Iterator[Callable[..., Sink]]:
    """Starts sinks with the options of `Sink.start`; each has its own folder, all are stopped at the end."""
    started: list[Sink] = []

    def start(**options: Any) -> Sink:
        started.append(Sink.start(tmp_path / f"sink-{len(started)}", **options))
        return started[-1]

    yield start
    for running in started:
        running.stop()


@pytest.fixture
def make_proxy() -> Iterator[Callable[[int, Faults], Proxy]]:
    """Starts proxies in front of a local port."""
    started: list[Proxy] = []

    def start(port: int, faults: Faults | None = None) -> Proxy:
        started.append(Proxy("127.0.0.1", port, faults or Faults()).start())
        return started[-1]

    yield start
    for running in started:
        running.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL for the whole run of a worker. A test that kills or freezes it takes `own_postgres`."""
    _stop_if(postgres_missing())
    with Postgres() as running:
        yield running


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A PostgreSQL for this test alone."""
    _stop_if(postgres_missing())
    with Postgres() as running:
        yield running


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """A fresh database on PostgreSQL."""
    with postgres.database() as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A database file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'postroom.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh database; the test runs once on SQLite and once on PostgreSQL."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))
