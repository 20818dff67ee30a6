"""The benchmark must not rot: what of it needs no Debian package runs here, at its smallest, on SQLite.

Nothing is said about speed: at this size the figures mean nothing. Only that everything still fits together.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import ROOT

WITHOUT_PACKAGES = ("compose", "commit", "claim", "client", "instant", "http", "far", "bounces", "bulk", "memory")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", "--size", "tiny", "--sink", "own", "--generator", "own", *arguments],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("POSTROOM_")},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_every_part_measures_something_and_leaves_nothing_behind(tmp_path: Path) -> None:
    result, data = tmp_path / "result.json", tmp_path / "data"
    data.mkdir()
    done = run("--databases", "sqlite", "--folder", str(data), "--json", str(result), *WITHOUT_PACKAGES)
    assert done.returncode == 0, done.stderr
    found = json.loads(result.read_text())
    assert found["not_measured"] == [], done.stderr
    assert {figure["part"] for figure in found["figures"]} == set(WITHOUT_PACKAGES)
    assert [figure["name"] for figure in found["figures"] if figure["minimum"] <= 0] == []
    assert list(data.iterdir()) == []
    for part in WITHOUT_PACKAGES:
        assert any(line.startswith(part) for line in done.stdout.splitlines()), "the table has a line for each"


def test_what_is_measured_is_what_the_help_and_the_readme_say() -> None:
    from bench.program import PARTS

    readme = (ROOT / "bench" / "README.md").read_text()
    assert [part for part in PARTS if f"`{part}`" not in readme] == []
    assert {path.stem for path in (ROOT / "bench" / "parts").glob("*.py")} - {"__init__"} == set(PARTS)


@pytest.mark.parametrize(("values", "at_most", "met"), [((4.0, 6.0, 7.0), False, True), ((4.0, 6.0, 7.0), True, False)])
def test_an_aim_is_met_by_the_median(values: tuple[float, ...], at_most: bool, met: bool) -> None:
    from bench.figures import Figure

    assert Figure("part", "name", values, 5.0, at_most).met is met
