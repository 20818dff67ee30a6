"""One message: what became of it for each recipient and why, everything that happened, and what can be done now.

Its content is `content`'s business. Facts and attempts need the right to see messages; nothing here shows content.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from starlette.responses import Response

from postroom.errors import BadInput, NotFound, PostroomError
from postroom.ids import decode, encode
from postroom.model.application import Scope
from postroom.model.message import Draft
from postroom.model.state import WAITING, State
from postroom.reports import MessageView
from postroom.web.console.acts import ACTS, act_on
from postroom.web.console.happened import course_told, told
from postroom.web.console.routes import Pages
from postroom.web.console.why import origin, step

if TYPE_CHECKING:
    from postroom.policy.way import Explanation
    from postroom.web.console.visit import Visit

__all__ = ["number_of", "pages", "views_of"]

pages = Pages()

_CAN = {
    "hold": WAITING,
    "retry": WAITING,
    "release": frozenset({State.HELD, State.SILENCED}),
    "cancel": frozenset({State.QUEUED, State.DEFERRED, State.HELD, State.SILENCED, State.UNKNOWN}),
}
_RESENDS = frozenset({State.SENT, State.FAILED, State.CANCELLED, State.EXPIRED, State.DIGESTED, State.DISABLED})


@pages.get("/log/{message}", Scope.READ)
async def shown(visit: Visit) -> Response:
    view = await _view(visit)
    timeline = await visit.wait(
        visit.reports.timeline(visit.actor, view.message.id, visit.tenant, language=visit.language)
    )
    return visit.page("log/message.html", **_values(visit, view), timeline=timeline, told=told)


@pages.get("/log/{message}/why", Scope.SETTINGS_READ)
async def why(visit: Visit) -> Response:
    """Why it goes (would go today) this way."""
    visit.need(Scope.READ)
    view = await _view(visit)
    one = view.message
    draft = Draft(
        to=tuple(to.address for to in view.recipients[:10]), sender=one.sender, subject=one.subject, kind=one.kind
    )
    steps: list[Explanation] = []
    faults: tuple[object, ...] = ()
    try:
        steps = visit.office.explain(visit.actor, draft, visit.tenant)
    except BadInput as error:
        faults = tuple(error.faults)
    return visit.page(
        "log/why.html",
        **_values(visit, view),
        steps=steps,
        faults=faults,
        step=partial(step, visit),
        origin=partial(origin, visit),
    )


@pages.post("/log/{message}", Scope.ACT)
async def act(visit: Visit) -> Response:
    """Buttons of the page. What can't be taken back is asked about first, by a page."""
    number, name = number_of(visit), visit.form.text("act")
    path = f"/log/{encode('m', number)}"
    to = visit.form.text("to").replace(",", " ").split()
    try:
        if name in ("was-sent", "send-again"):
            await visit.wait(visit.outbox.settle_unknown(visit.there, number, sent=name == "was-sent"))
            return visit.go(path, said=visit.say("It is settled."))
        if name not in ACTS:
            raise NotFound
        if ACTS[name].danger and not to and not visit.form.flag("sure"):
            return _sure(visit, name, path)
        receipt = await visit.wait(act_on(visit, name, number, to=to or None))
    except PostroomError as error:
        if isinstance(error, NotFound):
            raise
        return await _refused(visit, error)
    done = ACTS[name].done(visit.words, 1)
    return visit.go(f"/log/{encode('m', receipt.message_id)}", said=done)


def _sure(visit: Visit, name: str, path: str) -> Response:
    one = ACTS[name]
    return visit.page(
        "confirm.html",
        form=visit.form,
        title=visit.say(one.button),
        sentence=visit.say("This message:") + " " + visit.form.text("subject"),
        consequences=[visit.say(text) for text in one.consequences],
        action=visit.url(path),
        save=visit.say(one.button),
        cancel=visit.url(path),
        hidden={"act": name, "sure": "true"},
    )


async def _refused(visit: Visit, error: PostroomError) -> Response:
    view = await _view(visit)
    timeline = await visit.wait(
        visit.reports.timeline(visit.actor, view.message.id, visit.tenant, language=visit.language)
    )
    form = visit.form.refused(error)
    values = _values(visit, view) | {"form": form}
    return visit.page("log/message.html", error.status, **values, timeline=timeline, told=told)


def number_of(visit: Visit) -> int:
    """The message that the address names. Raises NotFound."""
    number = decode("m", visit.request.path_params["message"])
    if number is None:
        raise NotFound("There is no such message here.")
    return number


async def _view(visit: Visit) -> MessageView:
    return await visit.wait(visit.reports.message(visit.actor, number_of(visit), visit.tenant, visit.language))


def _values(visit: Visit, view: MessageView) -> dict[str, object]:
    states = set(view.states)
    raw = {one.state for one in view.recipients}
    acts = [name for name, able in _CAN.items() if able & states]
    if states & _RESENDS:
        acts.append("resend")
    return {
        "form": visit.form,
        "view": view,
        "message": view.message,
        "id": encode("m", view.message.id),
        "acts": [(name, visit.say(ACTS[name].button), ACTS[name].danger) for name in acts],
        "course_words": lambda steps: course_told(visit, steps),
        "in_doubt": State.UNKNOWN in raw,
        "tabs": views_of(visit, view),
        "accounts": {one.account_id: one.account for one in view.recipients},
    }


def views_of(visit: Visit, view: MessageView) -> list[tuple[str, str, bool]]:
    """The ways to look at it that this reader has: address, text, whether it is this one."""
    path = f"/log/{encode('m', view.message.id)}"
    found = [(path, visit.say("What happened"))]
    if view.has_content and not view.message.secret and visit.may(Scope.CONTENT):
        found += [
            (f"{path}/content", visit.say("Mail")),
            (f"{path}/headers", visit.say("Headers")),
            (f"{path}/source", visit.say("Source")),
        ]
    if visit.may(Scope.SETTINGS_READ):
        found.append((f"{path}/why", visit.say("Why this way")))
    return [(visit.url(one), text, visit.path == one) for one, text in found]
