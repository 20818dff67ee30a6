"""What people see instead of a page: not signed in, not allowed, not there, or an error of ours. Kind, no traces."""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import RedirectResponse, Response

from postroom.errors import Forbidden, NotFound, PostroomError, Unauthenticated
from postroom.web.api.problems import problem_of
from postroom.web.console.visit import PREFIX, SESSION, Visit

__all__ = ["refuse", "safe_next"]


def refuse(visit: Visit, error: Exception) -> Response:
    """The page for an error. One that nobody raised on purpose is logged by kind and place, and not told."""
    if isinstance(error, Unauthenticated):
        return _to_sign_in(visit)
    identity = str(visit.request.scope.get("state", {}).get("request_id", ""))
    problem = problem_of(error, identity)
    title, sentence = _words(visit, error, problem.detail)
    values = {"title": title, "sentence": sentence, "identity": identity if problem.status >= 500 else ""}
    status = problem.status if problem.status != HTTPStatus.UNPROCESSABLE_ENTITY else HTTPStatus.BAD_REQUEST
    response = visit.page("refusal.html", int(status), faults=problem.faults, **values)
    for name, value in problem.headers:
        response.headers[name] = value
    return response


def _words(visit: Visit, error: Exception, detail: str) -> tuple[str, str]:
    if isinstance(error, Forbidden):
        return visit.say("You may not do this"), visit.say(error.text)
    if isinstance(error, NotFound):
        return visit.say("There is nothing here"), visit.say(
            "The page is gone, was never there, or belongs to somebody else."
        )
    if isinstance(error, PostroomError):
        return visit.say("That did not work"), visit.say(error.title if error.faults else detail)
    return visit.say("Something went wrong on our side"), visit.say(
        "Nothing was half done. Try again; if it happens again, tell whoever runs this Postroom the number below."
    )


def _to_sign_in(visit: Visit) -> Response:
    """A form that came too late is lost; a page that was asked for comes after signing in."""
    request = visit.request
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    following = wanted if request.method == "GET" and visit.path not in ("/", "") else ""
    visit.tenant = None
    response = RedirectResponse(visit.url("/sign-in", next=following), 303)
    if visit.token:
        visit.jar.drop(response, SESSION)
    return response


def safe_next(wanted: str) -> str:
    """Where to go after signing in: a page of the console, or its first page for anything else."""
    plain = wanted.isascii() and wanted.isprintable() and "\\" not in wanted and "//" not in wanted.partition("?")[0]
    return wanted if plain and wanted.startswith(f"{PREFIX}/") and ".." not in wanted else f"{PREFIX}/"
