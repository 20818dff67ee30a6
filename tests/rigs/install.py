"""Installs the programs that the tests need and this machine lacks: `python -m tests.rigs.install`, called by `./test`.

Only as root on Debian or Ubuntu, by apt, without starting any of the services. Exim is unpacked into a folder of its
own, because as a package it would push out Postfix. What can't be installed is told; the tests that need it say so
again.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.rigs.parts import EXIM_FOLDER, EXIM_USER, PARTS, missing, user_exists

__all__ = ["main"]

_POLICY = Path("/usr/sbin/policy-rc.d")
_EXIM = ("exim4-base", "exim4-daemon-light")
_PRESEED = "postfix postfix/main_mailer_type select No configuration\n"


def main() -> None:
    lacking = [name for name, part in PARTS.items() if not part.here()]
    if lacking and _may_install():
        _say(f"installing what the tests need: {', '.join(lacking)}")
        try:
            _install(lacking)
        except subprocess.CalledProcessError as error:
            _say(f"{' '.join(map(str, error.cmd))} failed:\n{error.stdout[-3000:]}")
    for reason in filter(None, map(missing, PARTS)):
        _say(f"!! tests that need it will not run: {reason}")


def _say(text: str) -> None:
    print(f"test: {text}", file=sys.stderr, flush=True)


def _may_install() -> bool:
    return os.geteuid() == 0 and Path("/etc/debian_version").exists() and shutil.which("apt-get") is not None


def _install(lacking: list[str]) -> None:
    packages = {package for name in lacking if name != "exim" for package in PARTS[name].packages}
    with _services_stay_down():
        _run("apt-get", "update", "--quiet")
        if packages:
            if "postfix" in packages and shutil.which("debconf-set-selections"):
                _run("debconf-set-selections", given=_PRESEED)
            _apt_install(sorted(packages))
        if "exim" in lacking:
            _unpack_exim()


def _apt_install(packages: list[str]) -> None:
    _run("apt-get", "install", "--quiet", "--yes", "--no-install-recommends", *packages)


def _unpack_exim() -> None:
    """Exim's files, and by apt the libraries it is linked with."""
    with tempfile.TemporaryDirectory() as folder:
        _run("apt-get", "-o", "APT::Sandbox::User=root", "download", *_EXIM, cwd=folder)
        archives = sorted(Path(folder).glob("*.deb"))
        needs = "".join(_run("dpkg-deb", "--field", archive, "Depends") for archive in archives)
        _apt_install(sorted(set(re.findall(r"\blib[a-z0-9.+-]+", needs))))
        half = EXIM_FOLDER.with_suffix(".new")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        for archive in archives:
            _run("dpkg", "--extract", archive, half)
        shutil.rmtree(EXIM_FOLDER, ignore_errors=True)
        half.replace(EXIM_FOLDER)
    if not user_exists(EXIM_USER):
        _run("useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", EXIM_USER)


@contextlib.contextmanager
def _services_stay_down() -> Iterator[None]:
    """Debian asks this script whether a service may be started; afterwards it is as before."""
    before = _POLICY.read_bytes() if _POLICY.exists() else None
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        if before is None:
            _POLICY.unlink()
        else:
            _POLICY.write_bytes(before)


def _run(*command: str | Path, cwd: str | None = None, given: str = "") -> str:
    """What the command printed; `CalledProcessError` with it when the command failed."""
    done = subprocess.run(
        command,
        cwd=cwd,
        input=given,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    return done.stdout


if __name__ == "__main__":
    main()
