"""All commands, put together. What one command needs is loaded for it; help, and a mistyped word, need all of them."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Annotated, Any

import typer

from postroom import __version__
from postroom.cli.sections import Page, Sections

__all__ = ["build"]

_PAGES = (
    ("serve.page", "serve"),
    ("send.page", "send"),
    ("log.page", "log queue"),
    ("show.page", "show"),
    ("bulks.page", "bulk"),
    ("mail.page", "cancel hold release retry resend settle"),
    ("jobs.page", "job"),
    ("filters.page", "filter"),
    ("evidence.page", "evidence"),
    ("diagnoses.page", "diagnosis"),
    ("dns.page", "dns"),
    ("sendmail.page", "sendmail"),
    ("setup.page", "mode sending settings explain"),
    ("discover.page", "discover"),
    ("account_life.page", "account"),
    ("connectors.page", "connector"),
    ("incoming.page", "incoming"),
    ("mailboxes.page", "mailbox"),
    ("kinds.page", "kind"),
    ("templates.page", "template"),
    ("templates.layouts", "layout"),
    ("recipients.page", "recipient"),
    ("recipients.suppressions", "suppression"),
    ("senders.page", "sender"),
    ("dkim.page", "dkim"),
    ("proof.page", "proof"),
    ("applications.page", "app"),
    ("applications.keys", "key"),
    ("users.page", "user"),
    ("users.roles", "role"),
    ("providers.page", "provider"),
    ("tenants.page", "tenant"),
    ("history.page", "history"),
    ("as_code.page", "export plan import"),
    ("audit.page", "audit audit-export"),
    ("doctor.page", "doctor"),
    ("webhooks.page", "webhook"),
    ("webhooks.events", "events"),
    ("installation.page", "config rotate-key openapi"),
    ("backup.page", "backup restore confirm"),
)
"""Where commands are, in the order in which help tells of them, and the words by which each page is meant."""
_INTRODUCTION = """\
The outgoing-mail department of business applications.

Talks to the Postroom that runs on this machine; when none runs, it opens the database itself.
Start with `postroom serve`.

Exit codes: 0 done, 1 refused or failed, 2 usage, 3 out of reach."""


def build(words: Sequence[str] = ()) -> Callable[..., Any]:
    """The program as a callable: `build()(args=[…], prog_name="postroom")`. It ends the process.

    `words`: what was typed, where that is known; then only the command that is meant is loaded.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # what the terminal can't show
    return make_app(words[0] if words else "")


def make_app(meant: str = "") -> typer.Typer:
    """The tree of commands; the documentation is made from it as well. `meant`: the only one wanted, if it is one."""
    app = typer.Typer(
        cls=Sections,
        help=_INTRODUCTION,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    )
    app.callback()(_everywhere)
    for page in _pages(meant):
        page.attach(app)
    return app


def _pages(meant: str) -> Iterator[Page]:
    places = [place for place, words in _PAGES if meant in words.split()] or [place for place, _ in _PAGES]
    for place in places:
        module, _, name = place.partition(".")
        yield getattr(import_module(f"postroom.cli.{module}"), name)


def _say_version(wanted: bool) -> None:
    if wanted:
        print(f"postroom {__version__}")
        raise typer.Exit


def _everywhere(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    pass
