"""`postroom warnings`: what stops mail, what is unwise, what expires soon."""

from __future__ import annotations

from postroom.cli.command import Call
from postroom.cli.sections import SETUP, Page

__all__ = ["page"]

page = Page(SETUP, tenant=True)


@page.command("warnings")
def warnings(call: Call) -> None:
    """Lists what stops mail, what is unwise, and what expires soon, over all accounts."""
    answer = call.desk.get("/v1/warnings")
    call.answer(answer, lambda: _say(call, answer.get("warnings", [])))


def _say(call: Call, found: list[dict[str, object]]) -> None:
    if not found:
        call.terminal.line("All is well.")
    for each in found:
        account = f"{each['account']}: " if each.get("account") else ""
        call.terminal.paragraph(f"{account}{each.get('sentence')}", style="bad" if each.get("stops") else "wait")
