"""The console against whoever means ill: other sites' forms, planted cookies, odd bytes, addresses that lead away."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from html.parser import HTMLParser

import httpx2
import pytest

from postroom.clock import now_ms
from postroom.model.application import Scope
from postroom.model.tenant import INSTALLATION
from postroom.office.second_factor import STEP_SECONDS, code_at
from postroom.web.console.app import PARTS
from postroom.web.console.cookies import Flash, form_token, read_flash, same_form, written_flash
from postroom.web.console.refusals import safe_next
from tests.doors.api_rig import Api

PASSWORD = "four words in a row"
SESSION = "postroom-session"
_numbers = itertools.count()
OPEN = {"/sign-in", "/sign-in/forgotten", "/sign-in/second-step", "/sign-in/provider", "/welcome"}


def person(api: Api, role: str = "administrator", name: str = "") -> str:
    """A login of somebody with this role."""
    login = f"visitor{next(_numbers)}@example.com"
    office = api.engine.office
    made = office.create_user(api._actor, {"login": login, "name": name, "roles": [role]}, INSTALLATION).result(60)
    office.redeem(made.token, PASSWORD).result(60)
    return login


class Visitor:
    """A browser without a window: keeps cookies, follows nothing."""

    def __init__(self, api: Api) -> None:
        self.client = httpx2.Client(base_url=f"{api.server.url}/console", trust_env=False, timeout=60)

    def token(self, path: str) -> str:
        return self.client.get(path).text.partition('name="form-token" value="')[2].partition('"')[0]

    def sign_in(self, login: str, **more: str) -> httpx2.Response:
        sent = {"login": login, "password": PASSWORD, "form-token": self.token("/sign-in"), **more}
        return self.client.post("/sign-in", data=sent)

    @property
    def session(self) -> str:
        return self.client.cookies.get(SESSION) or ""


@pytest.fixture
def come(api: Api) -> Iterator[Callable[[], Visitor]]:
    """Makes visitors who have not signed in."""
    with ExitStack() as stack:

        def make() -> Visitor:
            made = Visitor(api)
            stack.callback(made.client.close)
            return made

        yield make


@pytest.fixture
def visitor(api: Api, come: Callable[[], Visitor]) -> Visitor:
    """An administrator who has signed in."""
    made = come()
    made.sign_in(person(api))
    return made


def retention(api: Api) -> int:
    return api.engine.office.snapshot.settings(INSTALLATION).log_days.value


# -- other sites' forms -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
def test_a_form_of_another_site_is_refused_even_with_the_right_token(
    api: Api, visitor: Visitor, headers: dict[str, str]
) -> None:
    before = retention(api)
    sent = {"log_days": "7", "form-token": visitor.token("/outgoing/retention")}
    assert visitor.client.post("/outgoing/retention", data=sent, headers=headers).status_code == 403
    assert retention(api) == before


def test_a_form_needs_the_token_of_its_own_session(api: Api, visitor: Visitor, come: Callable[[], Visitor]) -> None:
    before, other = retention(api), come()
    other.sign_in(person(api))
    for token in ("", "x", other.token("/outgoing/retention"), form_token("")):
        answer = visitor.client.post("/outgoing/retention", data={"log_days": "7", "form-token": token})
        assert answer.status_code == 403, token
    assert retention(api) == before


def test_nobody_is_signed_in_by_another_sites_form(api: Api, come: Callable[[], Visitor]) -> None:
    """Login CSRF: somebody would work in an account that is not his."""
    login, stranger = person(api), come()
    sent = {"login": login, "password": PASSWORD, "form-token": come().token("/sign-in")}
    assert stranger.client.post("/sign-in", data=sent).status_code == 403
    assert not stranger.session


def test_every_form_is_guarded_and_every_page_asks_who_comes(api: Api, visitor: Visitor) -> None:
    pages = [page for part in PARTS for page in part.found]
    assert {page.path for page in pages if page.open and page.method == "GET"} == OPEN
    with httpx2.Client(base_url=f"{api.server.url}/console", trust_env=False, timeout=60) as nobody:
        for page in pages:
            path = re.sub(r"\{[^}]*\}", "x", page.path)
            if page.method == "POST":
                assert visitor.client.post(path, data={"a": "b"}).status_code == 403, path
            elif not page.open:
                answer = nobody.get(path)
                assert (answer.status_code, answer.headers["location"][:16]) == (303, "/console/sign-in"), path


# -- sessions ---------------------------------------------------------------------------------------------------------


def test_a_session_that_was_planted_before_is_not_the_one_that_begins(api: Api, come: Callable[[], Visitor]) -> None:
    planted, victim = come(), come()
    planted.sign_in(person(api))
    victim.client.cookies.set(SESSION, planted.session, domain="127.0.0.1", path="/")
    victim.client.cookies.set("postroom-visitor", "planted-by-somebody", domain="127.0.0.1", path="/")
    login = person(api)
    token = form_token("planted-by-somebody")
    answer = victim.client.post("/sign-in", data={"login": login, "password": PASSWORD, "form-token": token})
    given = answer.headers.get_list("set-cookie")
    fresh = next(one for one in given if one.startswith(f"{SESSION}=ps_"))
    assert planted.session not in fresh
    assert "HttpOnly" in fresh
    assert "samesite=lax" in fresh.lower()


def test_signing_out_ends_the_session_itself(api: Api, visitor: Visitor) -> None:
    kept = visitor.session
    visitor.client.post("/sign-out", data={"form-token": visitor.token("/me")})
    visitor.client.cookies.set(SESSION, kept, domain="127.0.0.1", path="/")
    assert visitor.client.get("/").status_code == 303


def test_the_first_of_two_steps_opens_nothing(api: Api, come: Callable[[], Visitor]) -> None:
    login = person(api)
    office = api.engine.office
    actor = office.authenticate(office.sign_in(login, PASSWORD).result(60).token).result(60)
    secret = office.begin_second_factor(actor, PASSWORD).result(60).secret
    office.confirm_second_factor(actor, code_at(secret, now_ms() // 1000 // STEP_SECONDS)).result(60)
    visitor = come()
    answer = visitor.sign_in(login)
    assert answer.headers["location"].startswith("/console/sign-in/second-step")
    step = visitor.client.cookies["postroom-step"]
    visitor.client.cookies.set(SESSION, step, domain="127.0.0.1", path="/")
    assert visitor.client.get("/").status_code == 303


def test_a_key_is_no_session(api: Api, visitor: Visitor) -> None:
    visitor.client.cookies.set(SESSION, api.key(INSTALLATION, Scope.ADMIN), domain="127.0.0.1", path="/")
    assert visitor.client.get("/").status_code == 303


# -- where it leads ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example", "https://evil.example", "/console\\evil", "/console//evil", "/console/../v1", "/docs", "",
     "/console/\r\nset-cookie: a=b", "javascript:alert(1)", "/console/é", "/consolevil/"],
)  # fmt: skip
def test_signing_in_leads_nowhere_else(wanted: str) -> None:
    assert safe_next(wanted) == "/console/"


def test_signing_in_leads_to_the_page_that_was_asked_for(api: Api) -> None:
    assert safe_next("/console/in/t_0123456789abc/accounts?a=//b") == "/console/in/t_0123456789abc/accounts?a=//b"


# -- what is typed ----------------------------------------------------------------------------------------------------


def test_nothing_of_a_page_is_run_that_somebody_typed(api: Api, come: Callable[[], Visitor]) -> None:
    """No inline script, style or handler is in any page, and names are text."""
    visitor = come()
    visitor.sign_in(person(api, name='<img src=x onerror="alert(1)">"\'</script>'))
    for path in ("/", "/outgoing", "/outgoing/mode", "/me", "/nowhere", "/welcome/key", "/in/t_0000000000000/"):
        answer = visitor.client.get(path)
        assert "<img src=x" not in answer.text
        assert _Read(answer.text).wrong == [], path
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert len(answer.content) < 100_000


class _Read(HTMLParser):
    """What of a page could run or style something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        if tag == "style" or (tag == "script" and "src" not in names):
            self.wrong.append(tag)
        self.wrong += [f"{tag} {name}" for name in names if name == "style" or name.startswith("on")]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"form-token=" + b"a" * 2_000_000, 413),
        (b"&".join([b"a=b"] * 3_000), 400),
        (b"\xff\xfe%00%ED%A0%80=%00", 403),
        (b"", 403),
        (b"form-token=%C3%A9%00", 403),
    ],
)
def test_odd_bodies_are_refused_by_a_page(visitor: Visitor, body: bytes, status: int) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = visitor.client.post("/outgoing/retention", content=body, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")


def test_odd_characters_in_fields_are_faults(api: Api, visitor: Visitor) -> None:
    token = visitor.token("/outgoing/guard")
    for text in ("a\x00b@example.com", "\ufffd", "a" * 70_000, "\u202eevil@example.com"):
        answer = visitor.client.post("/outgoing/guard", data={"guard_redirect": text, "form-token": token})
        assert answer.status_code == 422, text[:20]
    assert api.engine.office.snapshot.settings(INSTALLATION).guard_redirect.value is None


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/x.css", "/static/"])
def test_only_our_own_files_are_served(visitor: Visitor, path: str) -> None:
    assert visitor.client.get(path).status_code in (404, 303)


def test_languages_and_zones_that_are_none_do_no_harm(visitor: Visitor) -> None:
    for zone in ("../../etc/passwd", "Mars/Olympus", "x" * 500, "Europe/Berlin/../../x", "UTC\x00"):
        visitor.client.cookies.set("postroom-zone", zone.replace("\x00", "%00"), domain="127.0.0.1", path="/")
        answer = visitor.client.get("/me", headers={"accept-language": "de;q=x,,;;,*;q=9"})
        assert answer.status_code == 200, zone


# -- what is said on the next page ------------------------------------------------------------------------------------


def test_nobody_else_can_put_words_on_the_next_page() -> None:
    said = written_flash("key", Flash("done", "Saved."))
    assert read_flash("key", said) == Flash("done", "Saved.")
    for forged in (said[:-1], "x" + said, "", ".", "a.b", written_flash("other", Flash("done", "Evil")), "é.é"):
        assert read_flash("key", forged) is None
    assert read_flash("", written_flash("", Flash("done", "x"))) is None
    assert not same_form("", form_token(""))
