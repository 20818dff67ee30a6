"""The fixtures for the rigs. `require` decides what a missing part means: a skip for a person, a failure in CI."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, create_engine, make_url

from postroom.model.account import Login
from postroom.store.schema import bring_up_to_date
from postroom.wire.integrated import missing as missing_login
from tests.rigs import parts
from tests.rigs.certificates import Certificates
from tests.rigs.disk import small_disk
from tests.rigs.dovecot import Dovecot
from tests.rigs.exim import Exim
from tests.rigs.postfix import Postfix
from tests.rigs.postgres import Postgres, postgres_missing
from tests.rigs.postroom import Postroom
from tests.rigs.proxy import Faults, Proxy
from tests.rigs.sink import Sink
from tests.rigs.smtp_sink import SmtpSink

__all__ = ["require", "require_login"]


def require(part: str) -> None:
    """The test can't run without this part of `parts.PARTS`."""
    _stop_if(parts.missing(part))


def require_login(login: Login) -> None:
    """The test can't run where Postroom can't log in this way."""
    _stop_if(missing_login(login))


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
    numbers = itertools.count()
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(Sink.start(tmp_path / f"sink-{next(numbers)}", **options))


@pytest.fixture
def make_proxy() -> Iterator[Callable[[int, Faults], Proxy]]:
    """Starts proxies in front of a local port."""
    with ExitStack() as stack:
        yield lambda port, faults: stack.enter_context(Proxy("127.0.0.1", port, faults))


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


@pytest.fixture(scope="session")
def postgres_with_tables(postgres: Postgres) -> str:
    """The name of a database that has this release's tables, and nothing in them. Making them takes longer than most
    tests; copying does not."""
    name = postgres.create_database()
    _make_tables(make_url(postgres.url(name)).set(drivername="postgresql+psycopg"))
    return name


@pytest.fixture
def postgres_url(postgres: Postgres, postgres_with_tables: str) -> Iterator[str]:
    """A fresh database on PostgreSQL."""
    with postgres.database(postgres_with_tables) as url:
        yield url


@pytest.fixture(scope="session")
def sqlite_with_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that has this release's tables, and nothing in them."""
    path = tmp_path_factory.mktemp("tables") / "postroom.db"
    _make_tables(make_url(f"sqlite:///{path}"))
    return path


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_with_tables: Path) -> str:
    """A fresh database file."""
    shutil.copyfile(sqlite_with_tables, tmp_path / "postroom.db")
    return f"sqlite:///{tmp_path / 'postroom.db'}"


def _make_tables(url: URL) -> None:
    engine = create_engine(url)
    bring_up_to_date(engine)
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh database; the test runs once on SQLite and once on PostgreSQL."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture
def make_postfix() -> Iterator[Callable[..., Postfix]]:
    """Starts Postfix with the arguments of `Postfix`."""
    require("postfix")
    with ExitStack() as stack:

        def start(relayhost: int, **options: Any) -> Postfix:
            if options.get("users"):
                require("dovecot")
            return stack.enter_context(Postfix(relayhost, **options))

        yield start


@pytest.fixture
def make_dovecot() -> Iterator[Callable[..., Dovecot]]:
    """Starts Dovecot with the arguments of `Dovecot`."""
    require("dovecot")
    with ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(Dovecot(*arguments, **options))


@pytest.fixture
def make_exim() -> Iterator[Callable[..., Exim]]:
    """Starts Exim with the arguments of `Exim`."""
    require("exim")
    with ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(Exim(*arguments, **options))


@pytest.fixture
def make_smtp_sink() -> Iterator[Callable[..., SmtpSink]]:
    """Starts Postfix's smtp-sink with its own options."""
    require("smtp-sink")
    with ExitStack() as stack:
        yield lambda *options: stack.enter_context(SmtpSink(*options))


@pytest.fixture
def make_postroom(tmp_path: Path) -> Iterator[Callable[..., Postroom]]:
    """Makes Postroom processes with the arguments of `Postroom`, each with its own data directory, not yet started.

    One that the test has left running must stop cleanly.
    """
    made: list[Postroom] = []

    def make(**options: Any) -> Postroom:
        made.append(Postroom(tmp_path / f"postroom-{len(made)}", **options))
        return made[-1]

    yield make
    with ExitStack() as stack:
        for postroom in made:
            stack.callback(postroom.stop)


@pytest.fixture
def make_small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Makes disks of so many MiB, each a folder of its own (`disk.fill` fills one up)."""
    require("tmpfs")
    numbers = itertools.count()
    with ExitStack() as stack:
        yield lambda mebibytes: stack.enter_context(small_disk(tmp_path / f"disk-{next(numbers)}", mebibytes))
