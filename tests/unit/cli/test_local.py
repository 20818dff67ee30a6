"""`local.json`: its owner's alone, whole or not there, and its key shown nowhere (promise P7)."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from postroom.cli import local
from postroom.cli.local import Local


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    written = Local("pr_key", "http://127.0.0.1:8025", os.getpid())
    local.write(tmp_path / "new", written)
    assert local.read(tmp_path / "new") == written


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    local.write(tmp_path / "new", Local("pr_key"))
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "new" / "local.json").stat().st_mode) == 0o600


def test_replacing_leaves_nothing_behind(tmp_path: Path) -> None:
    for number in range(3):
        local.write(tmp_path, Local(f"pr_{number}"))
    assert [each.name for each in tmp_path.iterdir()] == ["local.json"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"key": 1, "url": "", "pid": 0}', '{"key": "a", "url": "b", "pid": true}', "\0"]
)
def test_what_is_damaged_counts_as_not_there(tmp_path: Path, text: str) -> None:
    (tmp_path / "local.json").write_text(text)
    assert local.read(tmp_path) is None
    assert local.read(tmp_path / "nowhere") is None


def test_a_process_that_is_gone_does_not_run() -> None:
    gone = os.spawnlp(os.P_NOWAIT, "true", "true")
    os.waitpid(gone, 0)
    assert not Local("k", "http://127.0.0.1:1", gone).runs
    assert not Local("k", "", os.getpid()).runs
    assert not Local("k", "http://127.0.0.1:1", -1).runs
    assert Local("k", "http://127.0.0.1:1", os.getpid()).runs


def test_the_key_is_in_no_repr() -> None:
    assert "hidden" not in repr(Local("hidden", "http://127.0.0.1:1", 1))
