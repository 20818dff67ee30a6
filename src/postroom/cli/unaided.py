"""What `postroom doctor` can see when there is no Postroom to ask: settings, data directory, key ring, lock, database.

Rules it keeps: it reads and makes nothing; what it finds has the shape of the API's answer; it never raises for what is
out of order, for that is what it is asked about.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from postroom.cli import local
from postroom.cli.complaint import CommandError, ExitCode
from postroom.cli.desk import client_environment, language, load_settings
from postroom.clock import iso, now_ms
from postroom.errors import BadSettings, KeyUnreadable
from postroom.model.problem import Finding
from postroom.model.tenant import INSTALLATION
from postroom.policy.checks import catalogue, order, told, weight_of

if TYPE_CHECKING:
    from postroom.cli.command import Where
    from postroom.settings import Settings

__all__ = ["before_opening", "is_out_of_order", "is_remote", "without_postroom"]


def is_remote(where: Where) -> bool:
    """Whether a Postroom elsewhere is meant, of which nothing can be seen from here."""
    return bool(where.url or client_environment()[1])


def is_out_of_order(error: CommandError) -> bool:
    """Whether it tells that Postroom can't be asked, and not that it refused to answer us."""
    return error.code in (ExitCode.OUT_OF_REACH, ExitCode.USAGE) or "status" not in error.problem


def before_opening(where: Where) -> dict[str, Any] | None:
    """What keeps a look from even beginning: wrong settings, or no installation, which a look must not make."""
    try:
        settings = load_settings(where)
    except BadSettings as error:
        return _answer([_finding("settings-wrong", str(fault), why=str(fault)) for fault in error.faults])
    file = settings.database.file
    if file is None:
        return None
    try:
        if file.exists():
            return None
    except OSError as error:
        return _answer([_finding("data-out-of-reach", folder=str(file.parent), why=_why(error))])
    found = [_finding("no-installation", folder=str(file.parent), why=f"{file.name} is not there.")]
    return _answer([*found, *_local(settings)])


def without_postroom(where: Where, error: CommandError) -> dict[str, Any]:
    """All that can be seen although Postroom neither answers nor can be opened."""
    settings = load_settings(where)
    why = " ".join(part for part in (error.sentence, error.hint) if part)
    check = "not-running" if error.code is ExitCode.OUT_OF_REACH else "can-not-start"
    return _answer([_finding(check, why=why), *_local(settings)])


def _local(settings: Settings) -> Iterator[Finding]:
    from postroom.office.checks.machine import room

    yield from _reach(settings)
    yield from room(settings.data)
    yield from _keys(settings)
    yield from _database(settings)


def _reach(settings: Settings) -> Iterator[Finding]:
    """Whether this user can work in the data directory, and whether a Postroom says that it runs."""
    try:
        known = local.read(settings.data)
    except CommandError as error:
        yield _finding("data-out-of-reach", folder=str(settings.data), why=error.sentence)
        return
    if settings.data.exists() and not os.access(settings.data, os.R_OK | os.W_OK | os.X_OK):
        yield _finding("data-out-of-reach", folder=str(settings.data), why="this user may not read and write there.")
    if known is not None and known.url and not known.runs:
        yield _finding("not-running", "process", why=f"the process {known.pid} that listened at {known.url} is gone.")


def _keys(settings: Settings) -> Iterator[Finding]:
    from postroom.secrets import KeyRing

    if not settings.key and not settings.key_file.exists():
        return  # whether one is needed, only the database tells
    try:
        KeyRing.load(settings.key_file, settings.key, sealed_exist=True)
    except KeyUnreadable as error:
        yield _finding("can-not-start", "key ring", why=error.text)


def _database(settings: Settings) -> Iterator[Finding]:
    """Whether the file is a database of ours at all; opened so that nothing is changed."""
    file = settings.database.file
    if file is None or not file.exists():
        return
    try:
        connection = sqlite3.connect(f"{Path(file).resolve().as_uri()}?mode=ro", uri=True, timeout=1.0)
        try:
            connection.execute("SELECT version_num FROM alembic_version").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        yield _finding("can-not-start", "database", why=f"{file}: {error}.")


def _finding(check: str, subject: str = "", **values: str) -> Finding:
    return Finding(check, INSTALLATION, subject, values)


def _why(error: OSError) -> str:
    return f"{error.strerror or type(error).__name__}."


def _answer(findings: list[Finding]) -> dict[str, Any]:
    """In the shape of `/v1/checks`. Since when it is so, nobody has written down."""
    found = sorted({one.key: one for one in findings}.values(), key=order)
    return {
        "worst": weight_of(found[0]).value if found else None,
        "looked_at": iso(now_ms()),
        "problems": [_told(one) for one in found],
        "over": [],
    }


def _told(finding: Finding) -> dict[str, Any]:
    words = told(finding, language())
    return {
        "id": finding.key,
        "check": finding.check,
        "weight": weight_of(finding).value,
        "stops": catalogue()[finding.check].stops,
        "tenant_id": None,
        "tenant": "",
        "subject": finding.subject,
        "about": words.about,
        "what": words.what,
        "ask": words.ask,
        "mend": words.mend,
        "command": words.command,
        "field": words.field,
        "since_at": None,
        "over_at": None,
    }
