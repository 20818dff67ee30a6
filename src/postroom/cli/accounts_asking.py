"""Asking for an account at the terminal, one plain question after the other. Nothing is decided or saved here."""

from __future__ import annotations

from typing import Any

from postroom.cli import secret
from postroom.cli.complaint import usage
from postroom.cli.terminal import Cell, Terminal, plain
from postroom.model.account import Encryption, default_port

__all__ = ["ask_for_account", "ask_for_client", "ask_for_user"]

_CHOICES = (
    (Encryption.STARTTLS, "STARTTLS: begins in clear, is encrypted before anything is said. Usual with port 587."),
    (Encryption.TLS, "TLS from the start, which many call SSL. Usual with port 465."),
    (Encryption.NONE, "Not encrypted. Only for a server on this machine or in a network you trust. Port 25."),
)


def ask_for_account(terminal: Terminal, values: dict[str, Any], password: str | None) -> str | None:
    """Fills `values` with what was not given as options; returns the password. Ctrl-C and Ctrl-D end it."""
    terminal.line("A new way out. Your provider's page about SMTP says what to type; Enter takes what is in brackets.")
    terminal.line()
    values["host"] = _ask(terminal, "Server (its name or IP address)", "")
    if "encryption" not in values:
        values["encryption"] = _ask_encryption(terminal)
    if "port" not in values:
        values["port"] = _ask_port(terminal, str(values["encryption"]))
    if "user" not in values:
        values["user"] = _ask(terminal, "User name (empty: the server wants no login)", "", empty=True)
    if values["user"] and password is None and "secret_reference" not in values:
        password = secret.ask("Password (not shown): ")
    if "sender_address" not in values:
        likely = values["user"] if "@" in values["user"] else ""
        values["sender_address"] = _ask(terminal, "Address mail leaves from", likely, empty=True)
    if "name" not in values:
        values["name"] = _ask(terminal, "A name for this account", values["host"])
    return password or None


def ask_for_user(terminal: Terminal, words: str) -> str:
    """The user name, after saying what it is with this provider."""
    return _ask(terminal, f"User name ({plain(words)})", "")


def ask_for_client(terminal: Terminal) -> str:
    """The client id of the application for OAuth2; "" for who wants a password."""
    return _ask(terminal, "Client id of your OAuth2 application (empty: log in with a password)", "", empty=True)


def _ask_encryption(terminal: Terminal) -> str:
    terminal.line("How is the connection protected?")
    for number, (_, words) in enumerate(_CHOICES, start=1):
        terminal.line(Cell(f"  {number}  ", "strong"), words)
    while True:
        typed = _ask(terminal, "Number", "1").lower()
        if typed.isascii() and typed.isdigit() and 1 <= int(typed) <= len(_CHOICES):
            return _CHOICES[int(typed) - 1][0].value
        if typed in list(Encryption):
            return typed
        terminal.line("  1, 2 or 3, please.")


def _ask_port(terminal: Terminal, encryption: str) -> int:
    known = encryption if encryption in list(Encryption) else Encryption.STARTTLS
    while True:
        typed = _ask(terminal, "Port", str(default_port(Encryption(known))))
        if typed.isascii() and typed.isdigit() and 1 <= int(typed[:6]) <= 65_535:
            return int(typed)
        terminal.line("  A number from 1 to 65535, please.")


def _ask(terminal: Terminal, question: str, default: str, *, empty: bool = False) -> str:
    while True:
        try:
            typed = input(f"{question}{f' [{plain(default)}]' if default else ''}: ").strip() or default
        except EOFError:
            print(file=terminal.out)
            raise usage("Nothing was saved.") from None
        if typed or empty:
            return typed
