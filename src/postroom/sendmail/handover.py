"""Handing a mail to Postroom, or keeping it until that is possible; and handing over what was kept.

Rules it keeps: a mail is accepted when Postroom has it or when it is on this machine's disk, never before. The direct
attempt and every later one carry the same idempotency key, so a mail whose answer was lost is not doubled (for as long
as Postroom remembers keys: `idempotency_hours`). What Postroom refuses is told to who brought it, while he is there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from postroom.client.errors import (
    ClientError,
    NotAuthorised,
    Refused,
    TooLarge,
    Unexpected,
    Unreachable,
)
from postroom.client.exchange import Patience
from postroom.client.plain import drive
from postroom.client.shapes import Receipt
from postroom.client.verbs import Verbs
from postroom.client.whereabouts import Whereabouts
from postroom.sendmail.configuration import Configuration
from postroom.sendmail.exits import Ending, Exit
from postroom.sendmail.spool import Damaged, Kept, Mail, Spool, SpoolUnusable

__all__ = ["Accepted", "HandedOver", "exit_of", "hand_over", "hand_over_spool", "submit"]

_PATIENCE = Patience(attempts=2, seconds=60.0, answer_seconds=45.0)
"""A person or a web page waits for it, and the spool is there for everything that takes longer."""

Submit = Callable[[Whereabouts, Mail], Receipt]


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a mail: Postroom's receipt, or None and why it is in the spool."""

    receipt: Receipt | None
    reason: str = ""


def submit(where: Whereabouts, mail: Mail) -> Receipt:
    """Gives it to Postroom. Raises ClientError."""
    verbs = Verbs(_PATIENCE)
    return drive(verbs.send_raw(mail.octets, sender=mail.sender, to=mail.to, idempotency_key=mail.key), where)


def hand_over(mail: Mail, configuration: Configuration, give: Submit = submit) -> Accepted:
    """To Postroom, else into the spool. Raises Ending when it is refused or can be kept nowhere."""
    try:
        return Accepted(give(configuration.whereabouts(), mail))
    except (Unreachable, Unexpected) as error:
        reason = error.text
    except ClientError as error:
        raise Ending(exit_of(error), error.text) from None
    try:
        Spool(configuration.spool, private=configuration.private).keep(mail)
    except SpoolUnusable as error:
        raise Ending(Exit.TEMPFAIL, f"{reason} {error}") from None
    return Accepted(None, reason)


def exit_of(error: ClientError) -> Exit:
    """The exit code for an error of the client's."""
    if isinstance(error, NotAuthorised):
        return Exit.NOPERM
    if isinstance(error, TooLarge):
        return Exit.UNAVAILABLE
    if isinstance(error, Refused) and error.faults:
        only_recipients = all(fault.field.partition("[")[0] == "to" for fault in error.faults)
        return Exit.NOUSER if only_recipients else Exit.DATAERR
    return Exit.UNAVAILABLE if isinstance(error, Refused) else Exit.TEMPFAIL


@dataclass(slots=True)
class HandedOver:
    """What a turn of handing over came to. `trouble` is why it ended early."""

    accepted: int = 0
    refused: int = 0
    damaged: int = 0
    left: int = 0
    trouble: str = ""

    def __bool__(self) -> bool:
        return bool(self.accepted or self.refused or self.damaged)


def hand_over_spool(
    configuration: Configuration,
    *,
    seconds: float = 60.0,
    give: Submit = submit,
    clock: Callable[[], float] = time.monotonic,
) -> HandedOver:
    """Hands over what waits, the oldest first, for about so many seconds. Raises nothing but mistakes of ours."""
    spool, told, end = Spool(configuration.spool, private=configuration.private), HandedOver(), clock() + seconds
    with spool.locked() as ours:
        waiting = spool.waiting() if ours else []
        try:
            if ours:
                told.damaged += spool.set_forgotten_aside()
            if waiting:
                where = configuration.whereabouts()
                _hand_over_all(spool, waiting, lambda mail: give(where, mail), lambda: clock() < end, told)
        except (Ending, Unreachable, NotAuthorised, SpoolUnusable) as error:
            told.trouble = str(error)
            told.left = len(spool.waiting())
    return told


def _hand_over_all(
    spool: Spool, waiting: list[Kept], give: Callable[[Mail], Receipt], in_time: Callable[[], bool], told: HandedOver
) -> None:
    """Raises what stops all of them: nobody there, no valid key, a folder that can't be worked in."""
    for place, kept in enumerate(waiting):
        if not in_time():
            told.left += len(waiting) - place
            return
        try:
            mail = kept.open(own=spool.own)
        except FileNotFoundError:
            continue
        except Damaged as error:
            spool.set_aside(kept, f"Damaged: {error}.", folder="damaged")
            told.damaged += 1
            continue
        except OSError:
            told.left += 1
            continue
        _hand_over_one(spool, kept, mail, give, told)


def _hand_over_one(spool: Spool, kept: Kept, mail: Mail, give: Callable[[Mail], Receipt], told: HandedOver) -> None:
    try:
        give(mail)
    except (Unreachable, NotAuthorised):
        raise
    except Unexpected:  # perhaps this one mail's doing: the others have their turn
        told.left += 1
    except ClientError as error:
        spool.set_aside(kept, error.text, folder="refused")
        told.refused += 1
    else:
        spool.done(kept)
        told.accepted += 1
