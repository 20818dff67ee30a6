"""`./postroom` out of a checkout: it believes only in an environment that was finished, and changes nothing else."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PYTHON_THAT_TELLS = """#!/bin/sh
case $1 in
*environment.py)
    echo "$2" >> "$CALLS"
    mkdir -p "$(dirname "$1")/../.venv/bin"
    sleep "${TAKES:-0}"
    printf '%s' "$3" > "$(dirname "$1")/../.venv/.made-for-$2"
    ;;
esac
"""
POSTROOM_THAT_TELLS = """#!/bin/sh
pwd
for argument in "$@"; do echo "<$argument>"; done
exit 7
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files the launcher needs, an environment whose programs only tell, and no stamp."""
    folder = tmp_path / "a checkout"
    (folder / ".venv/bin").mkdir(parents=True)
    shutil.copytree(ROOT / "tools", folder / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("postroom", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder / name)
    for name, text in (("python", PYTHON_THAT_TELLS), ("postroom", POSTROOM_THAT_TELLS)):
        script = folder / ".venv/bin" / name
        script.write_text(text)
        script.chmod(0o755)
    return folder


def launch(checkout: Path, *arguments: str, program: Path | None = None) -> subprocess.CompletedProcess[str]:
    ours = {"PYTHON": str(checkout / ".venv/bin/python"), "CALLS": str(checkout / "calls")}
    command = [program or checkout / "postroom", *arguments]
    environment = {**os.environ, **ours}
    return subprocess.run(command, cwd=checkout.parent, env=environment, capture_output=True, text=True, check=False)


def calls(checkout: Path) -> list[str]:
    return (checkout / "calls").read_text().split() if (checkout / "calls").exists() else []


def test_arguments_folder_and_exit_code_are_the_users(checkout: Path) -> None:
    done = launch(checkout, "send", "two words", "", "*")
    assert done.stdout.splitlines() == [str(checkout.parent), "<send>", "<two words>", "<>", "<*>"]
    assert done.returncode == 7


def test_a_link_from_elsewhere_works(checkout: Path, tmp_path: Path) -> None:
    link, second = tmp_path / "pr", tmp_path / "deeper" / "pr"
    second.parent.mkdir()
    link.symlink_to(checkout / "postroom")
    second.symlink_to("../pr")
    assert launch(checkout, "x", program=second).stdout.splitlines()[1:] == ["<x>"]


def test_the_environment_is_made_once_and_again_when_the_packages_changed(checkout: Path) -> None:
    launch(checkout)
    launch(checkout)
    assert calls(checkout) == ["run"]
    with (checkout / "constraints.txt").open("a") as file:
        file.write("# another\n")
    launch(checkout)
    assert calls(checkout) == ["run", "run"]


def test_a_checkout_that_was_moved_gets_a_new_environment(checkout: Path, tmp_path: Path) -> None:
    launch(checkout)
    moved = checkout.rename(tmp_path / "moved")
    launch(moved)
    assert calls(moved) == ["run", "run"]


# ---- making the environment, for real --------------------------------------------------------------------------------


def make_environment(folder: Path) -> subprocess.Popen[str]:
    """With no index to install from, so that it must fail."""
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_EXTRA_INDEX_URL": "", "PIP_CONFIG_FILE": os.devnull}
    return subprocess.Popen(
        [sys.executable, folder / "tools/environment.py", "run", "stamp"],
        env={**os.environ, **offline},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_failed_installation_is_told_and_not_believed_in(checkout: Path) -> None:
    shutil.rmtree(checkout / ".venv")
    with make_environment(checkout) as first:
        output, complaint = first.communicate()
    assert first.returncode == 1
    assert "could not be made; the next start tries again" in complaint
    assert output == "", "standard output is Postroom's own"
    assert not (checkout / ".venv/.made-for-run").exists()
    with make_environment(checkout) as second:
        assert second.stderr is not None
        assert "making its Python environment" in second.stderr.readline(), "a half-made one is made anew"
        second.kill()


def test_a_second_shell_waits_for_the_first(checkout: Path) -> None:
    shutil.rmtree(checkout / ".venv")
    with (checkout / "pyproject.toml").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        second = subprocess.Popen(
            [sys.executable, checkout / "tools/environment.py", "run", "stamp"], stderr=subprocess.PIPE, text=True
        )
        assert second.stderr is not None
        assert "waiting for it" in second.stderr.readline()
        # What the first shell leaves behind is what the second finds.
        (checkout / ".venv/bin").mkdir(parents=True)
        (checkout / ".venv/bin/python").symlink_to(sys.executable)
        (checkout / ".venv/.made-for-run").write_text("stamp")
    assert second.wait(20) == 0
    second.stderr.close()
