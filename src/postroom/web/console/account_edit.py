"""The account's form: making one and changing one, without script and with it.

Rules it keeps: everything that is wrong is told at once, at its field, with what was typed kept; a secret is never put
into a page, is left as it was when nothing is typed, and is asked for again before a change would make it useless (P7).
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from starlette.responses import Response

from postroom.errors import BadInput, Fault, PostroomError
from postroom.ids import encode
from postroom.model.account import Account, Encryption, Limits, Login, default_port
from postroom.model.application import Scope
from postroom.model.tenant import INSTALLATION
from postroom.office.views import AccountView
from postroom.policy import presets
from postroom.web.console.account_fields import GROUPS, LABELS, SECRETS, given_values, stored_values
from postroom.web.console.account_summary import summaries
from postroom.web.console.forms import Form
from postroom.web.console.routes import Pages
from postroom.web.console.trials import test_path
from postroom.web.console.visit import Visit
from postroom.web.console.words import N_
from postroom.work.testing import Asked

__all__ = ["account_page", "form_page", "pages"]

pages = Pages()

_FIELDS = tuple(one.name for group in GROUPS for one in group.inputs())
_LOSES = Fault(
    "secret",
    N_("was typed for another server or user, and is good for that alone."),
    N_("Type it again, or tick the box below to save without one."),
)
_OPEN_AT_FIRST = frozenset({"server", "login", "addresses"})


class _Named(NamedTuple):
    """What a choice among named things offers: pairs of value and text."""

    connector_id: list[tuple[str, str]]
    fallback_account_id: list[tuple[str, str]]


def account_page(account: Account) -> str:
    """Its path within the console."""
    return f"/accounts/{encode('a', account.id)}"


@pages.get("/accounts/new", Scope.SETTINGS_WRITE)
async def begin(visit: Visit) -> Response:
    """An empty form, or one that discovery or a provider has filled: every field may stand in the address."""
    blank = Account(0, 0, "", "", default_port(Encryption.STARTTLS), limits=_limits(visit))
    given = {name: visit.query[name] for name in (*_FIELDS, "preset") if name in visit.query and name not in SECRETS}
    form = _with_preset(Form.of(stored_values(blank) | given), changed=bool(given.get("preset")))
    return await form_page(visit, form, None)


@pages.post("/accounts/new", Scope.SETTINGS_WRITE)
async def create(visit: Visit) -> Response:
    if visit.form.text("do") == "again":
        return await form_page(visit, _with_preset(visit.form, changed=True), None, status=200)
    try:
        if visit.form.text("do") == "test":
            return visit.go(await _tested(visit, ""))
        view = await visit.wait(visit.office.create_account(visit.actor, _values(visit.form), tenant_id=visit.tenant))
    except PostroomError as error:
        return await form_page(visit, _refused(visit.form, error), None, status=error.status)
    return _saved(visit, view, visit.say("%(name)s is there.", name=view.account.name))


@pages.get("/accounts/{account}/edit", Scope.SETTINGS_WRITE)
async def show_form(visit: Visit) -> Response:
    view = await _meant(visit)
    return await form_page(visit, Form.of(stored_values(view.account)), view)


@pages.post("/accounts/{account}/edit", Scope.SETTINGS_WRITE)
async def change(visit: Visit) -> Response:
    view = await _meant(visit)
    if visit.form.text("do") == "again":
        form = Form.of(stored_values(view.account)).with_values(**_typed(visit.form))
        return await form_page(visit, _with_preset(form, changed=True), view, status=200)
    values = _values(visit.form)
    form = Form.of(stored_values(view.account)).with_values(**_typed(visit.form))
    try:
        if visit.form.text("do") == "test":
            return visit.go(await _tested(visit, encode("a", view.account.id)))
        if "secret" not in values and not visit.form.flag("without_secret"):
            asking = visit.office.loses_secret(visit.actor, view.account.id, values, visit.tenant)
            if await visit.wait(asking):
                raise BadInput([_LOSES])
        changing = visit.office.change_account(visit.actor, view.account.id, values, tenant_id=visit.tenant)
        changed = await visit.wait(changing)
    except PostroomError as error:
        return await form_page(visit, _refused(form, error), view, status=error.status)
    return _saved(visit, changed, visit.say("%(name)s is changed.", name=changed.account.name))


async def form_page(visit: Visit, form: Form, view: AccountView | None, *, status: int = 200) -> Response:
    """The form with these values; `view`: the account that is changed, None for a new one."""
    wrong = {fault.field for fault in form.faults}
    opened = {
        group.name
        for group in GROUPS
        if (view is None and group.name in _OPEN_AT_FIRST) or wrong & {one.name for one in group.inputs()}
    }
    if view is not None and not wrong:
        opened |= {visit.query.get("group", "server")}
    return visit.page(
        "accounts/form.html",
        status,
        form=form,
        view=view,
        groups=GROUPS,
        opened=opened,
        labels={name: visit.say(label) for name, label in LABELS.items()},
        named=(await _named(visit, view))._asdict(),
        providers=_providers(),
        told=summaries(visit, form),
        loses=any(fault.problem == _LOSES.problem for fault in form.faults),
        may_allow_clear=visit.actor.tenant_id == INSTALLATION,
        shows=lambda spec: _shows(form, spec),
    )


async def _tested(visit: Visit, account: str) -> str:
    """Begins a test of what is typed, saved or not; where it is read."""
    values = _values(visit.form)
    secret = values.pop("secret", None)
    asked = Asked(account, values=values, secret=None if secret is None else str(secret))
    return test_path(await visit.desk.testing.start(visit.actor, asked, visit.tenant))


def _typed(form: Form) -> dict[str, Any]:
    return {name: values for name, values in form.values.items() if name in (*_FIELDS, "preset")}


def _values(form: Form) -> dict[str, object]:
    """What the office takes. The box of a field is preceded by a hidden one, so its last value counts."""
    given = {name: form.values[name][-1] for name in (*_FIELDS, "preset") if name in form.values}
    return given_values(given)


def _refused(form: Form, error: PostroomError) -> Form:
    """The form with its faults at the fields as they are called here."""
    refused = form.refused(error)
    at = "client_secret" if form.text("login") == Login.OAUTH2 else "secret"
    return refused.renamed("secret", at)


def _shows(form: Form, spec: str) -> bool:
    """Whether what belongs to `field=value value` is there with the values of this form."""
    name, _, values = spec.partition("=")
    given = form.values.get(name, [""])
    return not spec or given[-1] in values.split(" ")


def _with_preset(form: Form, *, changed: bool) -> Form:
    """With what the chosen provider fills, when it was chosen just now. What was typed before gives way to it: that is
    what choosing a provider is for."""
    wanted = form.text("preset")
    if not changed or not wanted or wanted == form.text("preset_before"):
        return form
    try:
        preset, region = presets.find(wanted)
    except presets.UnknownPreset as unknown:
        return form.refuse(Fault("preset", unknown.problem, unknown.mend))
    return form.with_values(**preset.values(region), name=form.text("name") or preset.name)


def _saved(visit: Visit, view: AccountView, said: str) -> Response:
    if view.secret_dropped:
        said += " " + visit.say("Its password has to be typed again before mail can leave.")
    return visit.go(account_page(view.account), said, "trouble" if view.secret_dropped else "done")


def _limits(visit: Visit) -> Limits:
    return Limits(connections=visit.desk.settings.connections_per_account)


async def _meant(visit: Visit) -> AccountView:
    return await visit.wait(visit.office.account(visit.actor, visit.request.path_params["account"], visit.tenant))


async def _named(visit: Visit, view: AccountView | None) -> _Named:
    connectors = await visit.wait(visit.office.connectors(visit.actor, visit.tenant))
    accounts = await visit.wait(visit.office.accounts(visit.actor, visit.tenant))
    own = None if view is None else view.account.id
    others = [(encode("a", one.account.id), one.account.name) for one in accounts if one.account.id != own]
    return _Named(
        [("", visit.say("Directly")), *((encode("x", one.connector.id), one.connector.name) for one in connectors)],
        [("", visit.say("None")), *others],
    )


def _providers() -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Providers by name, each with its choices: value, text, and what it fills, as JSON."""
    found = []
    for preset in presets.presets().values():
        regions = list(preset.regions) if preset.regions else [""]
        choices = [
            (f"{preset.id}:{region}" if region else preset.id, region or preset.name, json.dumps(preset.values(region)))
            for region in regions
        ]
        found.append((preset.name, choices))
    return found
