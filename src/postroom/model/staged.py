"""The staged test of an account: its steps in their order, what was found at each, and the test as a whole.

A step says what was done and seen, never what would probably have happened: what was not done is `NOT_TESTED`, what
this way does not have is `NOT_NEEDED`, and neither counts as success. `seen` holds facts only (texts, numbers, lists);
the sentences for people are made from them (`policy.staged_words`), in the reader's language.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

__all__ = ["Diagnosed", "Finding", "StagedState", "StagedStep", "StagedTest", "StepName"]


class StepName(StrEnum):
    """The steps, in the order of a delivery with TLS from the start; with STARTTLS the greeting comes before it."""

    RESOLVE = "resolve"
    CONNECTOR = "connector"
    CONNECT = "connect"
    TLS = "tls"
    GREETING = "greeting"
    EHLO = "ehlo"
    LOGIN = "login"
    SENDER = "sender"
    RECIPIENT = "recipient"
    CONTENT = "content"
    ACCEPTED = "accepted"
    ARRIVED = "arrived"


class Finding(StrEnum):
    """`WAITING`: it is under way, or nobody knows yet how it ended."""

    PASSED = "passed"
    FAILED = "failed"
    WAITING = "waiting"
    NOT_TESTED = "not-tested"
    NOT_NEEDED = "not-needed"


class StagedState(StrEnum):
    """`PASSED`: the server took the message, which says nothing about its arrival. `INCOMPLETE`: nothing failed, but
    the message was not taken either. `STOPPED`: Postroom ended before the test did."""

    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    INCOMPLETE = "incomplete"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """Which rule explains a failure, and what *Apply* would set on the account as it was tested."""

    id: str
    family: str = ""
    apply: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StagedStep:
    """One report of a step, the `n`th of its test; a later one of the same step takes the place of an earlier one.

    `ms`: how long it took; `said`: the server's own words, or those of the local failure; `lines`: the conversation,
    secrets blanked.
    """

    step: StepName
    finding: Finding
    at_ms: int = 0
    ms: int = 0
    n: int = 0
    seen: Mapping[str, Any] = field(default_factory=dict)
    said: str = ""
    lines: tuple[str, ...] = ()
    diagnosis: Diagnosed | None = None

    @property
    def answered(self) -> bool:
        """Whether `said` is an answer of the server's, and not a failure on this side of it."""
        return re.match(r"[2-5][0-9][0-9](?: |$)", self.said) is not None


@dataclass(frozen=True, slots=True)
class StagedTest:
    """`edited`: values that are not saved were tested; `by`: who started it; `account_id` None: an account that is not
    saved at all. `host` to `sender` are what was tested, for the sentences of diagnoses. `worker`: the process
    that runs it, by its node's name."""

    id: int
    tenant_id: int
    account_id: int | None
    account: str
    state: StagedState
    started_ms: int
    to: str
    subject: str
    edited: bool = False
    by: str = ""
    host: str = ""
    port: int = 0
    user: str = ""
    sender: str = ""
    mode: str = ""
    worker: str = ""
    ended_ms: int | None = None
    message_id: int | None = None
    steps: tuple[StagedStep, ...] = ()

    @property
    def latest(self) -> tuple[StagedStep, ...]:
        """What holds of each step now, in the order in which they were first told of."""
        return tuple({one.step: one for one in self.steps}.values())
