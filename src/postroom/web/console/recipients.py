"""Recipients: what one of them chose, choosing for him, and the link to the page where he does it himself."""

from __future__ import annotations

from babel.dates import get_day_names
from starlette.responses import Response

from postroom.errors import Fault, NotFound, PostroomError
from postroom.model.application import Scope
from postroom.office.preference_values import ChosenKind, PreferenceView
from postroom.policy.tongue import LANGUAGES
from postroom.web.console import zones
from postroom.web.console.forms import Form
from postroom.web.console.kinds import WAYS
from postroom.web.console.routes import Pages
from postroom.web.console.suppressions import REASONS, path_of_message, source_words
from postroom.web.console.visit import Visit
from postroom.web.console.words import N_

__all__ = ["pages"]

pages = Pages()

_OWN = ("language", "time_zone", "hour", "weekday")
_LABELS = {
    "address": N_("E-mail address"),
    "language": N_("Language"),
    "time_zone": N_("Time zone"),
    "hour": N_("Hour of daily and weekly digests"),
    "weekday": N_("Day of weekly digests"),
}
_LANGUAGE_NAMES = {"en": "English", "de": "Deutsch"}


@pages.get("/recipients", Scope.RECIPIENTS)
async def look_up(visit: Visit) -> Response:
    address = visit.query.get("address", "").strip()
    form = Form.of({"address": address})
    return await _page(visit, form, address) if address else _blank(visit, form)


@pages.post("/recipients", Scope.RECIPIENTS)
async def choose(visit: Visit) -> Response:
    """Chooses for him. An empty way is what the kind has for everybody."""
    form, address = visit.form, visit.form.text("address").strip()
    values: dict[str, object] = dict(form.given(*_OWN))
    values["ways"] = {name.removeprefix("ways."): form.text(name) or None
                      for name in form.values if name.startswith("ways.")}  # fmt: skip
    try:
        await visit.wait(visit.office.change_preference(visit.actor, address, values, visit.tenant))
    except PostroomError as error:
        return await _page(visit, form.refused(error), address, status=error.status)
    return visit.go("/recipients", visit.say("It is chosen for %(address)s.", address=address), address=address)


@pages.post("/recipients/link", Scope.RECIPIENTS)
async def make_link(visit: Visit) -> Response:
    """The link is in this answer and nowhere else: whoever has it may choose."""
    address = visit.form.text("address").strip()
    return await _page(visit, Form.of({"address": address}), address, link=True)


async def _page(visit: Visit, form: Form, address: str, *, link: bool = False, status: int = 200) -> Response:
    try:
        view = await visit.wait(visit.office.preference(visit.actor, address, visit.tenant))
        url, until_ms = visit.office.preference_link(visit.actor, address, visit.tenant) if link else ("", 0)
    except NotFound:
        problem = Fault("address", N_("is no address that anybody could have."), N_("Write it like ann@example.org."))
        return _blank(visit, form.refuse(problem))
    one = view.suppression
    return visit.page(
        "recipients/show.html",
        status,
        form=form if form.wrong else _stored(view),
        view=view,
        mine=view.preference,
        suppression=one,
        reason=visit.say(REASONS[one.why][1]) if one else "",
        source=source_words(visit, one.source) if one else "",
        message=path_of_message(visit, one) if one else "",
        link=url,
        until_ms=until_ms,
        public=bool(visit.desk.settings.public_url),
        kinds=[(one, _choices(visit, one)) for one in view.kinds],
        ways=WAYS,
        labels=_labels(visit, view),
        languages=[
            ("", visit.say("As usual here (%(value)s)", value=_LANGUAGE_NAMES[visit.held.language.value])),
            *((name, _LANGUAGE_NAMES[name]) for name in LANGUAGES),
        ],
        zones=[
            ("", visit.say("As usual here (%(value)s)", value=visit.held.time_zone.value)),
            *((name, name) for name in zones.names()),
        ],
        hours=[(hour, f"{hour:02}:00") for hour in range(24)],
        weekdays=list(get_day_names("wide", locale=visit.language).items()),
    )


def _blank(visit: Visit, form: Form) -> Response:
    return visit.page(
        "recipients/look.html", form=form, labels={name: visit.say(text) for name, text in _LABELS.items()}
    )


def _stored(view: PreferenceView) -> Form:
    mine = view.preference
    values: dict[str, object] = {name: getattr(mine, name) for name in _OWN}
    ways = {f"ways.{one.kind.name}": one.way.value if one.chosen else "" for one in view.kinds}
    return Form.of({"address": mine.address, **values, **ways})


def _choices(visit: Visit, one: ChosenKind) -> list[tuple[str, str]]:
    usual = visit.say("As usual (%(value)s)", value=visit.say(WAYS[one.kind.way]))
    return [("", usual), *((way.value, visit.say(WAYS[way])) for way in one.may)] if one.may else []


def _labels(visit: Visit, view: PreferenceView) -> dict[str, str]:
    fixed = {name: visit.say(text) for name, text in _LABELS.items()}
    return fixed | {f"ways.{one.kind.name}": one.kind.called(visit.language) for one in view.kinds}
