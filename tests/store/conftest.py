"""The house that the store's tests live in, once on SQLite and once on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.house import House


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    built = House(database_url, tmp_path)
    yield built
    built.close()
