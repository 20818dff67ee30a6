"""The list of accounts: the columns people know from other products, with health and volume; filters; CSV."""

from __future__ import annotations

from typing import NamedTuple

from starlette.responses import Response

from postroom.ids import encode
from postroom.model.account import Encryption
from postroom.model.application import Scope
from postroom.model.tenant import INSTALLATION
from postroom.office.views import AccountHealth, AccountView
from postroom.reports.views import Volume
from postroom.web.api.account_table import account_csv
from postroom.web.console.forms import Form
from postroom.web.console.routes import Pages
from postroom.web.console.visit import Visit
from postroom.web.console.words import N_

__all__ = ["ENCRYPTION_WORDS", "HEALTH", "pages"]

pages = Pages()

HEALTH = {
    AccountHealth.READY: ("good", N_("ready")),
    AccountHealth.SLOWED: ("wait", N_("slowed down")),
    AccountHealth.UNREACHABLE: ("bad", N_("can't be reached")),
    AccountHealth.INCOMPLETE: ("warn", N_("not complete")),
    AccountHealth.PAUSED: ("warn", N_("paused")),
    AccountHealth.OFF: ("idle", N_("switched off")),
}
"""How an account stands: the colour and the word."""
ENCRYPTION_WORDS = {
    Encryption.STARTTLS: N_("STARTTLS"),
    Encryption.TLS: N_("TLS from the start"),
    Encryption.NONE: N_("not encrypted"),
}
_FILTERS = ("text", "health", "encryption", "sender")


class Line(NamedTuple):
    """An account as a line of the list."""

    view: AccountView
    id: str
    volume: Volume


@pages.get("/accounts", Scope.SETTINGS_READ)
async def list_accounts(visit: Visit) -> Response:
    """The accounts, as they are filtered."""
    every = await _lines(visit)
    form = Form.of({name: visit.query.get(name, "") for name in _FILTERS})
    inherited = visit.office.snapshot.tenants[INSTALLATION].settings.default_account_id
    return visit.page(
        "accounts/list.html",
        every=every,
        shown=[line for line in every if _fits(line.view, form)],
        form=form,
        filtered=any(form.text(name) for name in _FILTERS),
        health=HEALTH,
        encryptions=ENCRYPTION_WORDS,
        no_default=bool(every) and not any(line.view.is_default for line in every),
        inherits=visit.tenant_id != INSTALLATION and inherited is not None,
    )


@pages.get("/accounts/accounts.csv", Scope.SETTINGS_READ)
async def export(visit: Visit) -> Response:
    """The same list as a file."""
    lines = await _lines(visit)
    text = account_csv([line.view for line in lines], {line.volume.account_id: line.volume for line in lines})
    headers = {"content-disposition": 'attachment; filename="accounts.csv"'}
    return Response(text, headers=headers, media_type="text/csv; charset=utf-8")


async def _lines(visit: Visit) -> list[Line]:
    views = await visit.wait(visit.office.accounts(visit.actor, visit.tenant))
    volumes = await visit.wait(visit.reports.volumes(visit.actor, visit.tenant))
    return [
        Line(view, encode("a", view.account.id), volumes.get(view.account.id) or Volume(view.account.id))
        for view in views
    ]


def _fits(view: AccountView, form: Form) -> bool:
    one = view.account
    said, sender = form.text("text").strip().casefold(), form.text("sender").strip().casefold()
    told = " ".join((one.name, one.host, one.user, encode("a", one.id))).casefold()
    addresses = " ".join((one.sender_address, one.reply_to, one.return_path, one.confirmation_address)).casefold()
    wanted = (form.text("health"), form.text("encryption"))
    has = (view.health.value, one.encryption.value)
    return (
        said in told
        and sender in addresses
        and all(not want or want == is_ for want, is_ in zip(wanted, has, strict=True))
    )
