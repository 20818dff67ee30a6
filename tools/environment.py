"""Makes the Python environment in `.venv`: called by `./postroom` and `./test` when there is none or it no longer fits.

    python tools/environment.py run STAMP     what Postroom needs to run
    python tools/environment.py dev STAMP     that, and what its tests need

An environment counts as made when its stamp file holds STAMP (the checkout's path, the checksums of `pyproject.toml`
and `constraints.txt`, and what an extra is built from), which is written last. One that was left half-made is made anew
from nothing. Extras that have to be compiled are added where the machine has what that takes; where it fails,
everything else works all the same.
Two shells that start together wait for each other on a lock. Standard library only; it speaks on standard error,
because standard output is Postroom's own.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".venv"
PYTHON = FOLDER / "bin" / "python"
HALF_MADE = FOLDER / ".half-made"
PROJECT = ROOT / "pyproject.toml"


def main(kind: str, stamp: str) -> int:
    made = FOLDER / f".made-for-{kind}"
    with lock():
        if made.exists() and made.read_text() == stamp and PYTHON.exists():
            return 0
        fresh = HALF_MADE.exists() or not usable()
        say("making its Python environment in .venv, once; this takes a minute" if fresh else "updating .venv")
        failure = (create() if fresh else "") or install(kind)
        if not failure and shutil.which("krb5-config") and (missed := pip("--editable", f"{ROOT}[kerberos]")):
            say(f'the extra "kerberos" could not be built; all else works. Its last words:\n{missed[-1000:]}')
        if failure:
            say(f"the environment could not be made; the next start tries again.\n{failure}")
            return 1
        for satisfied in ("run", kind):  # what is enough for the tests is enough to run
            (FOLDER / f".made-for-{satisfied}").write_text(stamp)
        HALF_MADE.unlink(missing_ok=True)
    return 0


def say(text: str) -> None:
    print(f"postroom: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def lock() -> Iterator[None]:
    """Held by one process of this checkout at a time; gone with its holder."""
    with PROJECT.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another shell is making the environment; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def usable() -> bool:
    """Whether there is an environment that can be brought up to date."""
    check = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    return PYTHON.exists() and subprocess.run([PYTHON, "-c", check], capture_output=True, check=False).returncode == 0


def create() -> str:
    """An empty environment with pip; the error's text, or nothing."""
    try:
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir()
        HALF_MADE.touch()
        venv.EnvBuilder(with_pip=True, symlinks=True).create(FOLDER)
    except (OSError, subprocess.CalledProcessError) as error:
        return str(error)
    return ""


def install(kind: str) -> str:
    """Installs Postroom (editable) with the pinned versions; the error's text, or nothing."""
    HALF_MADE.touch()
    group = tomllib.loads(PROJECT.read_text())["dependency-groups"]["dev"] if kind == "dev" else []
    return pip("--editable", f"{ROOT}[ntlm]", *group)


def pip(*wanted: str) -> str:
    """Installs what is wanted, pinned; the error's text, or nothing."""
    command: list[str | Path] = [PYTHON, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    command += ["--constraint", ROOT / "constraints.txt", *wanted]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.stdout[-4000:] if done.returncode else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
