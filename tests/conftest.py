"""What holds for all tests.

    unit        pure layers: no socket, thread, clock or chance        house       layers, sizes, words, states = CHECKs
    store       one suite, both databases                             docs        what is documented is what is there
    dialogues   SMTP transcripts, real and hostile                    rigs        real counterparts (no tests)
    browser     the console in a real Chromium
    journeys    real processes, real servers, kill -9                 doors       the same cases through every door

A skipped test is told loudly at the end of a run, with its reason. In CI nothing may be skipped: a skip fails the run.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator

import pytest
from _pytest.terminal import TerminalReporter

from tests.rigs.parts import IN_CI

pytest_plugins = ["tests.rigs.fixtures"]

_MOST_MEMORY = 8 * 1024**3
_SKIPPED_IN_CI = 16


def pytest_configure(config: pytest.Config) -> None:
    """A test that asks for endless memory fails by itself, instead of taking the machine and all others with it."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = _MOST_MEMORY if hard == resource.RLIM_INFINITY else min(_MOST_MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def pytest_sessionstart() -> None:
    """Where an environment forbids bytecode on the disk, as many containers' do, each of the thousand processes that
    tests start would compile all of Postroom anew: a third of its start."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(autouse=True)
def what_it_makes_is_as_readable_as_before() -> Iterator[None]:
    """A command that runs in a test's own process keeps all its files private; the servers of later tests have users
    of their own, who must be able to read theirs."""
    mask = os.umask(0o022)
    os.umask(mask)
    yield
    os.umask(mask)


def _skipped(config: pytest.Config) -> dict[str, int]:
    """Reason → how many tests were skipped for it."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    reasons: dict[str, int] = {}
    if isinstance(reporter, TerminalReporter):
        for report in reporter.stats.get("skipped", []):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            reasons[reason] = reasons.get(reason, 0) + 1
    return reasons


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With an exit code of its own: a failure that passes when it runs once more does not mend that one was skipped."""
    if IN_CI and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) and _skipped(session.config):
        session.exitstatus = _SKIPPED_IN_CI


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    reasons = _skipped(config)
    if not reasons:
        return
    terminalreporter.section("NOT TESTED HERE", sep="!", red=IN_CI, yellow=not IN_CI)
    for reason, number in sorted(reasons.items()):
        terminalreporter.line(f"  {number:4} skipped: {reason.removeprefix('Skipped: ')}")
    if IN_CI:
        terminalreporter.line("In CI every test must run: a skip fails the run.")
