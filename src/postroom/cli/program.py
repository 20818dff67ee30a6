"""All commands, put together."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from postroom import __version__
from postroom.cli import (
    account_life,
    applications,
    as_code,
    audit,
    backup,
    connectors,
    diagnoses,
    discover,
    dkim,
    dns,
    doctor,
    evidence,
    history,
    incoming,
    installation,
    kinds,
    log,
    mail,
    proof,
    providers,
    recipients,
    send,
    senders,
    sendmail,
    serve,
    setup,
    show,
    tenants,
    users,
    webhooks,
)
from postroom.cli.sections import Sections

__all__ = ["build"]

_PAGES = (
    serve.page,
    send.page,
    log.page,
    show.page,
    mail.page,
    evidence.page,
    diagnoses.page,
    dns.page,
    sendmail.page,
    setup.page,
    discover.page,
    account_life.page,
    connectors.page,
    incoming.page,
    kinds.page,
    recipients.page,
    recipients.suppressions,
    senders.page,
    dkim.page,
    proof.page,
    applications.page,
    applications.keys,
    users.page,
    users.roles,
    providers.page,
    tenants.page,
    history.page,
    as_code.page,
    audit.page,
    doctor.page,
    webhooks.page,
    webhooks.events,
    installation.page,
    backup.page,
)
_INTRODUCTION = """\
The outgoing-mail department of business applications.

Talks to the Postroom that runs on this machine; when none runs, it opens the database itself.
Start with `postroom serve`.

Exit codes: 0 done, 1 refused or failed, 2 usage, 3 out of reach."""


def build() -> Callable[..., Any]:
    """The program as a callable: `build()(args=[…], prog_name="postroom")`. It ends the process."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # what the terminal can't show
    return make_app()


def make_app() -> typer.Typer:
    """The tree of commands; the documentation is made from it as well."""
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
    for page in _PAGES:
        page.attach(app)
    return app


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
