"""What ends a conversation, as the `Result` by which it is explained."""

from __future__ import annotations

from postroom.model.attempt import Failure, Result
from postroom.smtp.phase import Phase
from postroom.wire.dial import NoLink
from postroom.wire.link import Gone

__all__ = ["Trouble", "of_gone", "of_no_link"]


class Trouble(Exception):
    """Raised and caught inside this package and by who drives it; never seen by a person."""

    def __init__(self, failure: Failure, text: str, phase: Phase = Phase.AUTH) -> None:
        super().__init__(text)
        self.result = Result(phase.value, text=text, failure=failure)


def of_gone(gone: Gone, phase: Phase) -> Trouble:
    """The link is of no use any more."""
    return Trouble(gone.failure, gone.detail, phase)


def of_no_link(no_link: NoLink) -> Trouble:
    """There was none to begin with."""
    return Trouble(no_link.failure, no_link.detail, no_link.phase)
