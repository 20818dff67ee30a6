"""A receipt on the terminal: the message's id, and a line for each recipient with what became of him so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from postroom.cli.terminal import Cell, Terminal
from postroom.cli.times import local
from postroom.cli.words import state_cell

__all__ = ["say_receipt"]

_STATE_WIDTH = 10


def say_receipt(terminal: Terminal, receipt: Mapping[str, Any]) -> None:
    """The id first, so that a script finds it there."""
    terminal.line(Cell(str(receipt.get("id", "")), "strong"), "  (the same as before)" if receipt.get("again") else "")
    for each in receipt.get("recipients") or ():
        terminal.line(
            "  ", state_cell(each.get("state"), pad=_STATE_WIDTH), str(each.get("address")), Cell(_why(each), "dim")
        )


def _why(recipient: Mapping[str, Any]) -> str:
    explanation = str(recipient.get("explanation") or "")
    if recipient.get("state") in ("queued", "deferred") and recipient.get("due_at") and recipient.get("attempts"):
        return f"  {recipient.get('reply') or explanation}  next at {local(recipient['due_at'])}"
    words = recipient.get("reply") or (explanation if " " in explanation else "")
    return f"  {words}" if words else ""
