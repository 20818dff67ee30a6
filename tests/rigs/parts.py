"""What the tests need besides Python: which parts there are, whether this machine has them, how to get them.

`./test` installs what is missing where it may (root on Debian or Ubuntu). Elsewhere a test that needs a missing part is
skipped, loudly; in CI it fails.
"""

from __future__ import annotations

import os
import pwd
import shutil
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CACHE", "EXIM_FOLDER", "EXIM_USER", "IN_CI", "PARTS", "Part", "missing", "program", "user_exists"]

_SEARCH = os.pathsep.join(
    [os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/lib/postfix/sbin"]
)
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "postroom-tests"
"""Where what the tests fetch for themselves is kept."""

IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")
"""In CI a missing part is a failure."""

EXIM_FOLDER = CACHE / "exim"
"""Where `./test` unpacks Exim: as a package it would push out Postfix."""

EXIM_USER = "Debian-exim"
"""Compiled into Debian's Exim, which does not start where there is no such user."""


def user_exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def program(name: str) -> Path | None:
    """Where a program is, in the folders of system programs too."""
    found = shutil.which(name, path=_SEARCH)
    return Path(found) if found else None


@dataclass(frozen=True, slots=True)
class Part:
    """Something a test may need: how to see that it is here, and the Debian packages that bring it."""

    here: Callable[[], bool]
    packages: tuple[str, ...]
    root: bool = False
    """Whether only root can use it."""


def _programs(*names: str) -> Callable[[], bool]:
    return lambda: all(program(name) for name in names)


def _can_build_gssapi() -> bool:
    """Python's own headers too: `./test` asks with the Python that its environment is made of."""
    header = Path(sysconfig.get_path("include"), "Python.h")
    return all(map(program, ("krb5-config", "gcc"))) and header.exists()


def _faketime() -> bool:
    return any(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))


def _sshd() -> bool:
    """With what shows it users of a test's own."""
    wrapper = any(Path("/usr/lib").glob("*/libnss_wrapper.so"))
    return wrapper and all(map(program, ("sshd", "ssh-keygen", "openssl")))


def _exim_here() -> bool:
    return (EXIM_FOLDER / "usr/sbin/exim4").exists() and user_exists(EXIM_USER)


PARTS = {
    "postfix": Part(_programs("postfix", "postconf"), ("postfix",), root=True),
    "smtp-sink": Part(_programs("smtp-sink", "smtp-source"), ("postfix",)),
    "dovecot": Part(
        lambda: program("dovecot") is not None and Path("/usr/lib/dovecot/submission-login").exists(),
        ("dovecot-core", "dovecot-submissiond"),
        root=True,
    ),
    "imap": Part(
        lambda: (
            program("dovecot") is not None
            and Path("/usr/lib/dovecot/lmtp").exists()
            and Path("/usr/lib/dovecot/imap").exists()
        ),
        ("dovecot-imapd", "dovecot-lmtpd"),
        root=True,
    ),
    "dovecot-gssapi": Part(
        lambda: Path("/usr/lib/dovecot/modules/auth/libmech_gssapi.so").exists(), ("dovecot-gssapi",), root=True
    ),
    "kerberos": Part(_can_build_gssapi, ("libkrb5-dev", "gcc", "libc6-dev", "python3-dev")),
    "kdc": Part(
        _programs("krb5kdc", "kdb5_util", "kadmin.local", "kinit"), ("krb5-kdc", "krb5-admin-server", "krb5-user")
    ),
    "faketime": Part(_faketime, ("libfaketime",)),
    "exim": Part(_exim_here, ("exim4-daemon-light",), root=True),
    "microsocks": Part(_programs("microsocks"), ("microsocks",)),
    "dante": Part(_programs("danted"), ("dante-server",), root=True),
    "tinyproxy": Part(_programs("tinyproxy"), ("tinyproxy",)),
    "sshd": Part(_sshd, ("openssh-server", "libnss-wrapper", "openssl"), root=True),
    "curl": Part(_programs("curl"), ("curl",)),
    "swaks": Part(_programs("swaks"), ("swaks", "libnet-ssleay-perl")),
    "testssl": Part(_programs("testssl"), ("testssl.sh",)),
    "nmap": Part(_programs("nmap"), ("nmap",)),
    "php": Part(_programs("php"), ("php-cli",)),
    "mailx": Part(_programs("mailx"), ("bsd-mailx",)),
    "node": Part(_programs("node", "npm"), ("nodejs", "npm")),
    "chromium": Part(_programs("chromium"), ("chromium",)),
    "strace": Part(_programs("strace"), ("strace",)),
    "tmpfs": Part(lambda: os.geteuid() == 0 and program("mount") is not None, ("mount",), root=True),
}


def missing(name: str) -> str:
    """Why the part `name` can't be used on this machine; empty when it can."""
    part = PARTS[name]
    if part.root and os.geteuid() != 0:
        return f"{name}: only root can run it"
    if not part.here():
        return f"{name}: not installed (Debian: {' '.join(part.packages)})"
    return ""
