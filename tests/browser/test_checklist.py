"""The specification's first section, row by row, in the browser: each row is one named step that asserts its effect.

One server that delivers, two mail servers (one plain, one that wants TLS and a login) and one browser serve them all;
each step has a tenant of its own, so that none needs another one to have gone before.
"""

from __future__ import annotations

import pytest

from tests.browser.checklist import active_collab, alvao, elixeum, senhasegura
from tests.browser.checklist.world import World
from tests.browser.checklist.world import world as world  # a fixture
from tests.browser.rig import ConsoleRig, running

STEPS = {**alvao.rows, **senhasegura.rows, **elixeum.rows, **active_collab.rows}

ROWS = [
    *(f"AL{n}" for n in range(1, 11)), *(f"SG{n}" for n in range(1, 14)), *(f"EL{n}" for n in range(1, 9)),
    *(f"AC{n}" for n in range(1, 11)),
]  # fmt: skip


def test_every_row_has_its_step() -> None:
    assert list(STEPS) == ROWS


@pytest.mark.parametrize("name", ROWS)
def test_row(world: World, console_rig: ConsoleRig, name: str) -> None:
    with running(console_rig.browser):
        STEPS[name](world)
