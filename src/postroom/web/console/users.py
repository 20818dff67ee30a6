"""Users: who signs in, as what, where he is signed in; invitations, and what an administrator does for somebody who is
locked out."""

from __future__ import annotations

from starlette.responses import Response

from postroom.errors import PostroomError
from postroom.ids import encode
from postroom.model.application import Scope
from postroom.model.person import User
from postroom.office.people import NewLink
from postroom.office.roles import role_word
from postroom.web.console.forms import Form
from postroom.web.console.routes import Pages
from postroom.web.console.visit import Visit
from postroom.web.console.words import N_
from postroom.web.letters import address_of, send_link

__all__ = ["pages"]

pages = Pages()

_LABELS = {"login": N_("Login"), "name": N_("Name"), "email": N_("E-mail"), "roles": N_("Roles")}
_FIELDS = ("login", "name", "email")


@pages.get("/users", Scope.USERS)
async def list_users(visit: Visit) -> Response:
    found = await visit.wait(visit.office.users(visit.actor, visit.tenant))
    roles = {role_word(one): one.name for one in await visit.wait(visit.office.roles(visit.actor, visit.tenant))}
    said = visit.query.get("text", "").strip()
    fits = [one for one in found if said.casefold() in f"{one.login} {one.name} {one.email}".casefold()]
    return visit.page("users/list.html", every=found, found=fits, roles=roles, form=Form.of({"text": said}))


@pages.get("/users/new", Scope.USERS)
async def begin(visit: Visit) -> Response:
    return await _form(visit, Form.of({"mail": True}))


@pages.post("/users/new", Scope.USERS)
async def create(visit: Visit) -> Response:
    """Makes him and sends him a link to choose a password; where it can't be sent, the link is shown here."""
    try:
        values = {**visit.form.given(*_FIELDS), "roles": visit.form.all("roles")}
        link = await visit.wait(visit.office.create_user(visit.actor, values, visit.tenant))
    except PostroomError as error:
        return await _form(visit, visit.form.refused(error), status=error.status)
    return await _invited(visit, link, mail=visit.form.values.get("mail", [""])[-1] == "true")


@pages.get("/users/{user}", Scope.USERS)
async def show(visit: Visit) -> Response:
    user = await _meant(visit)
    stored = {name: getattr(user, name) for name in _FIELDS}
    return await _page(visit, user, Form.of({**stored, "roles": user.roles}))


@pages.post("/users/{user}", Scope.USERS)
async def change(visit: Visit) -> Response:
    user = await _meant(visit)
    values = {**visit.form.given(*_FIELDS), "roles": visit.form.all("roles")}
    try:
        changed = await visit.wait(visit.office.change_user(visit.actor, user.id, values, visit.tenant))
    except PostroomError as error:
        return await _page(visit, user, visit.form.refused(error), status=error.status)
    return visit.go(_path(changed), visit.say("%(name)s is changed.", name=changed.login))


@pages.post("/users/{user}/invite", Scope.USERS)
async def invite(visit: Visit) -> Response:
    user = await _meant(visit)
    try:
        link = await visit.wait(visit.office.invite(visit.actor, user.id, visit.tenant))
    except PostroomError as error:
        return await _refused(visit, user, error)
    return await _invited(visit, link, mail=bool(user.email) and not visit.form.flag("show"))


@pages.post("/users/{user}/active", Scope.USERS)
async def activate(visit: Visit) -> Response:
    """Lets him sign in, or not any more."""
    user, active = await _meant(visit), visit.form.flag("active")
    try:
        values = {"deactivated": not active}
        await visit.wait(visit.office.change_user(visit.actor, user.id, values, visit.tenant))
    except PostroomError as error:
        return await _refused(visit, user, error)
    said = visit.say("He can sign in again.") if active else visit.say("He is signed out and can't sign in any more.")
    return visit.go(_path(user), said)


@pages.post("/users/{user}/sign-out", Scope.USERS)
async def sign_out(visit: Visit) -> Response:
    user = await _meant(visit)
    ended = await visit.wait(visit.office.end_sessions_of(visit.actor, user.id, visit.tenant))
    said = visit.words.count("%(number)s session has ended.", "%(number)s sessions have ended.", ended)
    return visit.go(_path(user), said)


@pages.post("/users/{user}/second-factor", Scope.USERS)
async def take_second_factor(visit: Visit) -> Response:
    user = await _meant(visit)
    try:
        await visit.wait(visit.office.take_second_factor(visit.actor, user.id, visit.tenant))
    except PostroomError as error:
        return await _refused(visit, user, error)
    return visit.go(_path(user), visit.say("It is not asked for any more, and he is signed out."))


@pages.get("/users/{user}/delete", Scope.USERS)
async def ask_delete(visit: Visit) -> Response:
    return _delete_page(visit, await _meant(visit), Form())


@pages.post("/users/{user}/delete", Scope.USERS)
async def delete(visit: Visit) -> Response:
    user = await _meant(visit)
    try:
        await visit.wait(visit.office.delete_user(visit.actor, user.id, visit.tenant))
    except PostroomError as error:
        return _delete_page(visit, user, visit.form.refused(error), status=error.status)
    return visit.go("/users", visit.say("%(name)s is deleted.", name=user.login))


def _delete_page(visit: Visit, user: User, form: Form, *, status: int = 200) -> Response:
    return visit.page(
        "confirm.html",
        status,
        form=form,
        title=visit.say("Delete %(name)s?", name=user.login),
        sentence=visit.say("He is signed out at once and can't sign in any more. It can't be undone."),
        consequences=[visit.say("What he did stays in the audit trail.")],
        action=visit.url(f"{_path(user)}/delete"),
        save=visit.say("Delete"),
        cancel=visit.url(_path(user)),
    )


async def _invited(visit: Visit, link: NewLink, *, mail: bool) -> Response:
    mailed = await send_link(visit.desk, link) if mail else None
    if mailed is not None and mailed.sent:
        said = visit.say("A link to choose a password is on its way to %(address)s.", address=link.user.email)
        return visit.go(_path(link.user), said)
    address = address_of(visit.desk, link)
    return visit.page("users/link.html", user=link.user, link=link, address=address, tried=mail, back=_path(link.user))


async def _refused(visit: Visit, user: User, error: PostroomError) -> Response:
    stored = {name: getattr(user, name) for name in _FIELDS}
    form = Form.of({**stored, "roles": user.roles}).refused(error)
    return await _page(visit, user, form, status=error.status)


async def _page(visit: Visit, user: User, form: Form, *, status: int = 200) -> Response:
    sessions = await visit.wait(visit.office.sessions_of(visit.actor, user.id, visit.tenant))
    identities = await visit.wait(visit.office.identities_of(visit.actor, user.id, visit.tenant))
    return visit.page(
        "users/show.html",
        status,
        user=user,
        id=encode("u", user.id),
        form=form,
        sessions=sessions,
        identities=identities,
        roles=await _roles(visit),
        labels={name: visit.say(text) for name, text in _LABELS.items()},
        myself=user.id == visit.actor.user_id,
    )


async def _form(visit: Visit, form: Form, *, status: int = 200) -> Response:
    labels = {name: visit.say(text) for name, text in _LABELS.items()}
    return visit.page("users/new.html", status, form=form, roles=await _roles(visit), labels=labels)


async def _roles(visit: Visit) -> list[tuple[str, str, str]]:
    """Value, name and a sentence of every role there is to give."""
    found = await visit.wait(visit.office.roles(visit.actor, visit.tenant))
    return [
        (
            role_word(one),
            visit.say(one.name),
            visit.say(one.sentence) if one.sentence else ", ".join(sorted(one.scopes)),
        )
        for one in found
    ]


def _path(user: User) -> str:
    return f"/users/{encode('u', user.id)}"


async def _meant(visit: Visit) -> User:
    return await visit.wait(visit.office.user(visit.actor, visit.request.path_params["user"], visit.tenant))
