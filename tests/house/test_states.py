"""The words in code and the words the database accepts are the same (promise P4), on both databases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum

import pytest
from sqlalchemy import CheckConstraint, Engine, create_engine, inspect, make_url

from postroom.model.account import AccountState, CertificateCheck, Encryption, Login
from postroom.model.message import RecipientRole
from postroom.model.state import FIRST, LEASED, MOVES, OVER, WAITING, State
from postroom.store.schema import REVISIONS, bring_up_to_date
from postroom.store.tables import metadata
from tests.house.tree import ROOT


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    url = make_url(database_url)
    made = create_engine(url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url)
    bring_up_to_date(made)
    yield made
    made.dispose()


def words_of(engine: Engine, table: str, constraint: str) -> set[str]:
    """The quoted words of a CHECK constraint, as the database itself tells it."""
    found = {check["name"]: check["sqltext"] for check in inspect(engine).get_check_constraints(table)}
    return set(re.findall(r"'([a-z0-9-]+)'", found[f"ck_{table}_{constraint}"]))


def test_every_check_in_the_tables_is_in_the_database(engine: Engine) -> None:
    for table in metadata.sorted_tables:
        wanted = {str(check.name) for check in table.constraints if isinstance(check, CheckConstraint)}
        assert {check["name"] for check in inspect(engine).get_check_constraints(table.name)} == wanted


@pytest.mark.parametrize(
    ("table", "column", "words"),
    [
        ("recipient", "state", State),
        ("recipient", "role", RecipientRole),
        ("account", "encryption", Encryption),
        ("account", "login", Login),
        ("account", "certificate_check", CertificateCheck),
        ("account", "state", AccountState),
    ],
)
def test_the_database_accepts_the_words_of_the_code(
    engine: Engine, table: str, column: str, words: type[StrEnum]
) -> None:
    assert words_of(engine, table, column) == {word.value for word in words}


def test_the_database_knows_which_states_wait_and_which_are_leased(engine: Engine) -> None:
    assert words_of(engine, "recipient", "waiting_has_due") == {state.value for state in WAITING}
    assert words_of(engine, "recipient", "leased_has_lease") == {state.value for state in LEASED}


def test_the_table_of_moves_is_whole() -> None:
    assert set(MOVES) == set(State)
    assert set(State) == FIRST | {new for onward in MOVES.values() for new in onward}, "a state nothing leads to"
    assert not OVER & (WAITING | LEASED)


def test_each_migration_has_a_number_of_its_own_and_follows_the_one_before() -> None:
    """Two that were written at the same time merge without a conflict, and one of them would never run."""
    found = []
    for path in sorted((ROOT / "src/postroom/store/migrations/versions").glob("r*.py")):
        text = path.read_text("utf-8")
        own, before = (re.search(rf'^{name} = (?:"(\d+)"|None)$', text, re.M) for name in ("revision", "down_revision"))
        assert own is not None, path
        assert before is not None, path
        assert path.name.startswith(f"r{own[1]}_"), path
        found.append((own[1], before[1]))
    assert [own for own, _ in found] == list(REVISIONS)
    assert [before for _, before in found] == [None, *REVISIONS[:-1]]
