"""The stream that tells pages of news: who gets it, when it speaks, when it ends, and that there are not too many."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import pytest

from postroom.web.console.live import MOST_OF_ONE, _news
from tests.doors.api_rig import Api
from tests.doors.test_console_hostile import SESSION, Visitor, come, visitor  # noqa: F401

_MAIL = {"to": "ann@example.org", "subject": "News", "text": "T"}


def test_it_speaks_when_mail_comes_and_ends_with_the_session(api: Api, visitor: Visitor) -> None:  # noqa: F811
    with visitor.client.stream("GET", "/live") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert next(lines) == "retry: 5000"
        api.boss.post("/v1/messages", json=_MAIL).raise_for_status()
        assert next(line for line in lines if line.startswith("event:")) == "event: news"
        visitor.client.post("/sign-out", data={"form-token": visitor.token("/profile")})
        api.boss.post("/v1/messages", json=_MAIL).raise_for_status()
        assert len(list(lines)) < 20  # it is over; else this would never come back
    assert visitor.client.get("/live").status_code == 303


def test_there_are_so_many_of_one_session_and_nobody_looks_when_all_are_gone(
    api: Api,
    visitor: Visitor,  # noqa: F811
) -> None:
    with ExitStack() as stack:
        for _ in range(MOST_OF_ONE):
            answer = stack.enter_context(visitor.client.stream("GET", "/live"))
            assert answer.status_code == 200
        assert visitor.client.get("/live").status_code == 503
        assert _news[api.engine.office]._tenants
    for _ in range(600):  # the server hears a little later that they are gone
        if not _news[api.engine.office]._tenants:
            break
        api.boss.get("/v1/health")
    assert not _news[api.engine.office]._tenants
    assert not _news[api.engine.office]._streams


@pytest.mark.usefixtures("visitor")
def test_nobody_hears_of_mail_without_the_right_to_see_any(api: Api, come: Callable[[], Visitor]) -> None:  # noqa: F811
    nobody = come()
    assert nobody.client.get("/live").status_code == 303
    assert not nobody.client.cookies.get(SESSION)
