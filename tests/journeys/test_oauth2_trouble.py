"""What goes wrong with access tokens on the way, with a real server that checks them: tokens that it takes no longer,
and kill -9 around a renewal. No mail is lost by it (P2), and what a person has to do is said (P6)."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.aftermath import query
from tests.rigs.dovecot import Dovecot
from tests.rigs.fixtures import require
from tests.rigs.postroom import Postroom
from tests.rigs.process import wait_until
from tests.rigs.provider import KEY, Provider
from tests.rigs.sink import Sink

NEW_KEY = b"the key that signs the access tokens after the first one was lost"
TO = "ok@example.org"


class Scene:
    """A Postroom with one account, connected to a provider whose tokens a Dovecot takes."""

    def __init__(self, postroom: Postroom, provider: Provider, dovecot: Dovecot, url: str) -> None:
        self.postroom = postroom
        self.provider = provider
        self.dovecot = dovecot
        self.url = url
        self.account = ""

    def set_up(self) -> None:
        values = self.provider.account(
            name="Main", host="127.0.0.1", port=self.dovecot.port, encryption="none", allow_clear_login=True,
            sender_address=self.provider.user,
        )  # fmt: skip
        self.account = f"/v1/accounts/{self.postroom.api.post('/v1/accounts', values).expect(201)['id']}"
        self.connect()
        self.postroom.api.call("PATCH", "/v1/settings", {"mode": "smtp"}).expect(200)

    def connect(self) -> None:
        given = {"refresh_token": self.provider.refresh_token()}
        self.postroom.api.post(f"{self.account}/grant", given).expect(200)

    def state(self) -> Any:
        return self.postroom.api.get(self.account).expect(200)

    def paused(self) -> str:
        """Why the account waits, as soon as it does."""
        wait_until(lambda: self.state()["state"] == "paused", 60, lambda: f"the pause; the account is {self.state()}")
        return str(self.state()["paused_reason"])

    def check_kept(self, message: str) -> None:
        """Its mail waits, and nothing has bounced."""
        self.postroom.api.wait_for_state(message, "queued", "deferred", "held")

    def die_at(self, point: str) -> None:
        """The account's access token is at its end, and a renewal is cut off at this point; a message was handed over
        (or will be, for its key is the same)."""
        self.postroom.stop()
        query(self.url, "UPDATE oauth2_grant SET access_expires_ms = 1")
        self.postroom.launch(failpoint=point)
        postroom = self.postroom
        wait_until(lambda: not postroom.is_running or postroom.ready(), 60, lambda: "it to take mail, or to die")
        with suppress(OSError, http.client.HTTPException):
            self.hand_over()
        self.postroom.wait_killed()
        query(self.url, "UPDATE oauth2_grant SET leased_until_ms = 0")
        self.postroom.start()

    def hand_over(self) -> str:
        return self.postroom.api.send(TO, key="one and the same")


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider(user="ann@example.test") as running:
        yield running


@pytest.fixture
def dovecot(sink: Sink) -> Iterator[Dovecot]:
    require("dovecot")
    with Dovecot({"other": "word"}, relay=sink.port, token_key=KEY) as running:
        yield running


@pytest.fixture
def scene(
    fork_postroom: Callable[..., Postroom], provider: Provider, dovecot: Dovecot, database_url: str, tmp_path: Path
) -> Scene:
    postroom = fork_postroom(database=database_url, poll_seconds=0.05)
    made = Scene(postroom.start(), provider, dovecot, database_url)
    made.set_up()
    return made


def test_a_kill_after_a_renewal_was_kept_loses_nothing_and_asks_nothing_again(scene: Scene) -> None:
    scene.die_at("grant.after-commit")
    assert len(scene.provider.questions) == 2
    scene.postroom.api.wait_for_state(scene.hand_over(), "sent")
    assert len(scene.provider.questions) == 2
    assert not scene.provider.revoked


def test_a_kill_after_the_answer_costs_nothing_where_a_refresh_token_is_taken_again(scene: Scene) -> None:
    scene.provider.grace = True
    scene.die_at("grant.after-answer")
    scene.postroom.api.wait_for_state(scene.hand_over(), "sent")
    assert len(scene.provider.questions) == 3
    assert scene.state()["state"] == "ready"


def test_a_kill_after_the_answer_of_a_strict_provider_wants_a_person_and_keeps_the_mail(scene: Scene) -> None:
    """What no client can help: the new refresh token is known to nobody. Then it is said, and nothing bounces."""
    scene.die_at("grant.after-answer")
    message = scene.hand_over()
    why = scene.paused()
    assert "Connect the account again" in why
    scene.check_kept(message)
    scene.connect()
    scene.postroom.api.wait_for_state(message, "sent")
    assert scene.state()["state"] == "ready"


def test_a_token_that_the_server_takes_no_longer_is_renewed_once_and_the_mail_leaves(scene: Scene) -> None:
    """The server's trust was moved to another key before the token's time: its 535 brings one fresh token."""
    scene.dovecot.take_tokens_of(NEW_KEY)
    scene.provider.key = NEW_KEY
    scene.postroom.api.wait_for_state(scene.hand_over(), "sent")
    assert len(scene.provider.questions) == 2
    assert scene.state()["state"] == "ready"


def test_a_fresh_token_that_is_refused_too_pauses_the_account_and_keeps_the_mail(scene: Scene, sink: Sink) -> None:
    scene.dovecot.take_tokens_of(NEW_KEY)
    message = scene.hand_over()
    why = scene.paused()
    assert "does not take the access token for ann@example.test" in why, "no word of a password"
    scene.check_kept(message)
    assert len(scene.provider.questions) == 2, "one fresh token is asked for, and not more"
    assert not sink.taken()
    scene.provider.key = NEW_KEY
    scene.postroom.api.post(f"{scene.account}/resume").expect(200)
    scene.postroom.api.wait_for_state(message, "sent")
    assert len(sink.taken()) == 1
