"""`postroom account certificate`: what the server shows now, beside what is trusted, and trusting it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from postroom.cli import secret
from postroom.cli.account_trial import page
from postroom.cli.accounts import Ref, say_remarks
from postroom.cli.command import Call
from postroom.cli.desk import path_part
from postroom.cli.terminal import Cell
from postroom.cli.times import local
from postroom.cli.words import me

__all__ = ["page"]

Trust = Annotated[
    str, typer.Option("--trust", metavar="SHA256", help="Trust it, if this is the fingerprint of what is shown now.")
]
_CONFIRMED = 8


@page.command("certificate")
def certificate(
    call: Call,
    account: Ref,
    trust: Trust = "",
    password_stdin: secret.PasswordStdin = False,
    password_file: secret.PasswordFile = None,
) -> None:
    """Shows the certificate of an account's server as it is now. On a terminal it asks whether to trust just that."""
    password = secret.given(password_stdin, password_file)
    path = f"/v1/accounts/{path_part(account)}/certificate"
    if trust:
        _trust(call, path, trust, password)
        return
    seen = call.desk.post(path)
    call.answer(seen, lambda: _say(call, seen))
    if call.as_json or not call.terminal.interactive or not (seen.get("why") or seen.get("changed")):
        return
    shown = str(seen["chain"][0]["fingerprint"])
    call.terminal.line()
    typed = typer.prompt(
        f"To trust it, and no other from then on, type the first {_CONFIRMED} characters of its fingerprint (or Enter)",
        default="",
        show_default=False,
    )
    if typed.strip().lower() != shown[:_CONFIRMED]:
        call.terminal.line("Nothing was changed.")
        return
    if password is None and call.desk.get(f"/v1/accounts/{path_part(account)}").get("has_secret"):
        password = secret.ask("The password again, because it would go to whoever holds this certificate (not shown): ")
    _trust(call, path, shown, password or None)


def _trust(call: Call, path: str, fingerprint: str, password: str | None) -> None:
    body = {"fingerprint": fingerprint} | ({} if password is None else {"secret": password})
    answer = call.desk.post(f"{path}/trust", body)
    call.answer(answer, lambda: _trusted(call, answer))


def _trusted(call: Call, account: Mapping[str, Any]) -> None:
    call.terminal.line(f"{account.get('name')} trusts this certificate now, and no other.")
    say_remarks(call, account)
    if account.get("secret_dropped"):
        call.terminal.line(f"`{me()} account edit {account.get('name')} --password` asks for it.")


def _say(call: Call, seen: Mapping[str, Any]) -> None:
    terminal, shown, trusted = call.terminal, seen["chain"][0], seen.get("trusted")
    if seen.get("changed"):
        terminal.paragraph("The server shows another certificate than the one you trust.", style="bad")
        known = trusted or {"fingerprint": seen.get("pin")}
        terminal.columns(
            ("", "SHOWN NOW", "TRUSTED"),
            [(what, _fact(shown, name), _fact(known, name)) for what, name in _FACTS if name != "fingerprint"],
        )
        terminal.facts([("Shown now", str(shown["fingerprint"])), ("Trusted", str(seen.get("pin")))])
    else:
        terminal.facts([(what, _fact(shown, name)) for what, name in _FACTS])
    terminal.line()
    if seen.get("why"):
        terminal.paragraph(f"It is not believed by itself. {seen['why']}", style="wait")
    elif not seen.get("changed"):
        terminal.line(Cell("It is believed as it is.", "good"))
    if seen.get("pin") and not seen.get("changed"):
        terminal.line(Cell("It is the one that you trust.", "good"))
    if seen.get("why") or seen.get("changed"):
        terminal.paragraph(
            "Compare the fingerprint with what the server's administrator tells you, by another way than mail."
        )
        terminal.line(f"`{me()} account certificate {seen.get('account')} --trust {shown['fingerprint']}` trusts it.")


_FACTS = (
    ("Issued to", "subject"),
    ("Issued by", "issuer"),
    ("For", "names"),
    ("From", "not_before_at"),
    ("Until", "not_after_at"),
    ("SHA-256", "fingerprint"),
)


def _fact(certificate: Mapping[str, Any], name: str) -> str:
    value = certificate.get(name)
    if name == "names":
        return ", ".join(value or ()) or "-"
    if name.endswith("_at"):
        return local(value) if value else "-"
    return str(value or "-")
