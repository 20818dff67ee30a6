"""This machine: its clock, its disk, its certificate, and what is known of the versions it runs.

Only what is certain is said: two clocks that differ don't tell which is wrong, several that agree do.
"""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from postroom.clock import iso
from postroom.model.problem import Finding, Weight
from postroom.model.tenant import INSTALLATION
from postroom.office.checks.circumstances import DAY_MS, Circumstances
from postroom.store.lanes import database_ms
from postroom.wire import sightings
from postroom.wire.certificate import read

__all__ = ["look", "look_at_clock", "look_at_home", "look_at_versions", "name", "room"]

_MIB = 1024 * 1024
_ALMOST_FULL = 200 * _MIB
_LITTLE = 1024 * _MIB
_AHEAD_MS = 30 * DAY_MS
_DIFFERS_SECONDS = 30
_AGREE_SECONDS = 10
_OLD_TLS = frozenset({"1.0", "1.1"})


def name() -> str:
    """What people call this machine."""
    return socket.gethostname()


def look_at_home(at: Circumstances) -> Iterator[Finding]:
    """The clone guard (see `store.clone`)."""
    clone = at.snapshot.clone
    if clone is not None:
        values = {"count": f"{clone.waiting:,}", "home": clone.home, "was": clone.was}
        yield Finding("database-moved", INSTALLATION, values=values)


def look(at: Circumstances) -> Iterator[Finding]:
    if at.settings.tls_minimum in _OLD_TLS:
        yield Finding("old-tls-allowed", INSTALLATION, name())
    folders = {at.settings.data}
    if at.settings.database.file is not None:
        folders.add(at.settings.database.file.parent)
    for folder in sorted(folders):
        yield from room(folder)
    yield from _own_certificate(at.settings.smtp_certificate, at.now_ms)


def room(folder: Path) -> Iterator[Finding]:
    """What is left on the disk of this folder, where that is little."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return
    if usage.free > _LITTLE or usage.free > usage.total // 10:
        return
    urgent = usage.free <= min(_ALMOST_FULL, usage.total // 20)
    shown = usage.free // (50 * _MIB) * 50  # told in steps, so that it is not another sentence with every look
    values = {"node": name(), "folder": str(folder), "free": f"{shown or '< 50'} MiB"}
    yield Finding("disk-full", INSTALLATION, f"{name()} {folder}", values, Weight.PROBLEM if urgent else None)


def _own_certificate(file: Path, now_ms: int) -> Iterator[Finding]:
    try:
        pem = file.read_bytes()
    except FileNotFoundError:
        return  # none is made before SMTP is served
    except OSError as error:
        why = f"{file}: {os.strerror(error.errno or 0)}"
        yield Finding("own-certificate-unreadable", INSTALLATION, name(), {"why": why})
        return
    try:
        found = read(x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER))
    except ValueError:
        found = None
    if found is None:
        yield Finding("own-certificate-unreadable", INSTALLATION, name(), {"why": f"{file} is no certificate in PEM"})
    elif found.not_after_ms - now_ms <= _AHEAD_MS:
        values = {"certificate": found.subject, "day": iso(found.not_after_ms)[:10]}
        over = found.not_after_ms - now_ms <= 3 * DAY_MS
        yield Finding("own-certificate-ends", INSTALLATION, name(), values, Weight.PROBLEM if over else None)


def look_at_clock(at: Circumstances) -> Iterator[Finding]:
    """Against the database's clock where that is another machine's, and against what web servers said."""
    if at.connection.dialect.name == "postgresql":
        seconds = round((database_ms(at.connection) - at.now_ms) / 1000)
        if abs(seconds) >= _DIFFERS_SECONDS:
            values = {"node": name(), "seconds": _told(seconds)}
            yield Finding("clock-differs-from-database", INSTALLATION, name(), values)
    wrong = {host: seconds for host, seconds in sightings.seen().items() if abs(seconds) >= _DIFFERS_SECONDS}
    right = len(sightings.seen()) - len(wrong)
    if not wrong:
        return
    middle = sorted(wrong.values())[len(wrong) // 2]
    agreed = sorted(host for host, seconds in wrong.items() if abs(seconds - middle) <= _AGREE_SECONDS)
    values = {"node": name(), "others": ", ".join(agreed[:3]), "seconds": _told(middle)}
    several = len(agreed) > 1 and len(agreed) > right
    yield Finding("clock-wrong" if several else "clock-doubtful", INSTALLATION, name(), values)


def _told(seconds: int) -> str:
    """In steps, so that a clock that drifts is not another sentence with every look."""
    return str(abs(seconds) // 10 * 10)


def look_at_versions(at: Circumstances) -> Iterator[Finding]:
    """Faults that the makers have told of: sqlite.org/wal.html (WAL-reset), CPython's e-mail package."""
    if at.connection.dialect.name == "sqlite" and (3, 7, 0) <= sqlite3.sqlite_version_info < (3, 51, 3):
        yield Finding("sqlite-known-fault", INSTALLATION, name(), {"version": sqlite3.sqlite_version})
    mended = {(3, 11): 15, (3, 12): 13, (3, 13): 12}.get(sys.version_info[:2])
    if mended is not None and sys.version_info[2] < mended:
        version = ".".join(map(str, sys.version_info[:3]))
        yield Finding("python-known-fault", INSTALLATION, name(), {"version": version})
