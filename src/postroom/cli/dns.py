"""`postroom dns …`: what receivers find in the DNS about a sender, and how to mend it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from postroom.cli.command import Call
from postroom.cli.complaint import usage
from postroom.cli.dkim import say_record
from postroom.cli.sections import MAIL, Page
from postroom.cli.terminal import Cell
from postroom.cli.times import local
from postroom.cli.words import me

__all__ = ["page"]

page = Page(MAIL, tenant=True)
Sender = Annotated[str, typer.Argument(metavar="[SENDER]", help="Its address; without it the default sender.")]
Account = Annotated[str, typer.Option("--account", metavar="ACCOUNT", help="The account; else the one it would take.")]
Addresses = Annotated[
    list[str] | None,
    typer.Option("--address", metavar="IP", help="A public address from which the mail comes in the end."),
]
Recipient = Annotated[str, typer.Option("--recipient", metavar="ADDRESS", help="Look at a recipient's domain instead.")]
Last = Annotated[bool, typer.Option("--last", help="Show what was last found, for every sender and account.")]
_SHOWN = {"ok": ("right", "good"), "info": ("note", "dim"), "warning": ("warning", "wait"), "fault": ("fault", "bad")}


@page.command("dns")
def dns(
    call: Call,
    sender: Sender = "",
    account: Account = "",
    address: Addresses = None,
    recipient: Recipient = "",
    last: Last = False,
) -> None:
    """Checks SPF, DKIM and DMARC of a sender. Says what to set where something is wrong."""
    if bool(recipient) + last + bool(sender or account or address) > 1:
        raise usage("Give a sender, or --recipient, or --last.")
    if recipient:
        finding = call.desk.post("/v1/dns-checks/recipient", {"address": recipient})
        call.answer(finding, lambda: _finding(call, finding))
    elif last:
        answer = call.desk.get("/v1/dns-checks")
        call.answer(answer, lambda: _list(call, answer.get("dns_checks", [])))
    else:
        asked = {"sender": sender, "account": account, "addresses": address or []}
        check = call.desk.post("/v1/dns-checks", {name: value for name, value in asked.items() if value})
        call.answer(check, lambda: _show(call, check))


def _list(call: Call, checks: list[dict[str, Any]]) -> None:
    if not checks:
        call.terminal.line(f"Nothing was looked at yet. `{me()} dns SENDER` looks now.")
        return
    rows = [
        (
            str(check.get("sender")),
            str(check.get("account") or "(none)"),
            Cell(*_SHOWN.get(str(check.get("severity")), ("", ""))),
            local(check.get("checked_at")),
            "; ".join(
                str(one.get("title"))
                for one in check.get("findings", [])
                if one.get("severity") in ("fault", "warning")
            ),
        )
        for check in checks
    ]
    call.terminal.columns(("SENDER", "ACCOUNT", "", "LOOKED AT", "WRONG"), rows)


def _show(call: Call, check: dict[str, Any]) -> None:
    through = f" through {check['account']}" if check.get("account") else ""
    call.terminal.line(Cell(str(check.get("sender")), "strong"), through)
    for finding in check.get("findings", []):
        _finding(call, finding)


def _finding(call: Call, finding: dict[str, Any]) -> None:
    word, style = _SHOWN.get(str(finding.get("severity")), ("", ""))
    call.terminal.line(Cell(f"{word:<9}", style), Cell(str(finding.get("title", "")), "strong"))
    call.terminal.paragraph(str(finding.get("what", "")), indent=" " * 9)
    if finding.get("mend"):
        call.terminal.paragraph(str(finding["mend"]), indent=" " * 9)
    if finding.get("record"):
        say_record(call, finding["record"], indent=" " * 9)
