"""A second rendering: what of a message is different when it leaves through an account that has a sender of its own."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Rendering"]


class Rendering(NamedTuple):
    """`sender`: the From with its name; `mail_from`: the envelope's sender; `wanted`: the From it was written with.

    `signers`: ids of the DKIM keys that sign it; `signed_ms`: the time in their signatures.
    """

    sender: str
    mail_from: str
    wanted: str
    signers: tuple[int, ...] = ()
    signed_ms: int = 0
