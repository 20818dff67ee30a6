"""Mail leaves through a real server that takes access tokens: Dovecot checks the JWTs of the provider by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs.dovecot import Dovecot
from tests.rigs.fixtures import require
from tests.rigs.postroom import Postroom
from tests.rigs.provider import KEY, Provider
from tests.rigs.sink import Sink


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider(user="ann@example.test") as running:
        yield running


@pytest.fixture
def postroom(tmp_path: Path) -> Iterator[Postroom]:
    with Postroom(tmp_path / "postroom") as running:
        yield running


@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer"])
def test_mail_leaves_with_an_access_token(postroom: Postroom, provider: Provider, sink: Sink, mechanism: str) -> None:
    """The server offers the one mechanism or the other, and says itself by which the login came."""
    require("dovecot")
    api = postroom.api
    with Dovecot({"other": "word"}, relay=sink.port, token_key=KEY, tokens=mechanism) as dovecot:
        values = provider.account(
            name="Main", host="127.0.0.1", port=dovecot.port, encryption="none", allow_clear_login=True,
            sender_address="ann@example.test",
        )  # fmt: skip
        account = api.post("/v1/accounts", values).expect(201)["id"]
        refresh = provider.refresh_token()
        api.post(f"/v1/accounts/{account}/grant", {"refresh_token": refresh}).expect(200)
        api.call("PATCH", "/v1/settings", {"mode": "smtp"}).expect(200)
        first = api.send("ok@example.org")
        assert set(api.wait_for_state(first, "sent").values()) == {"sent"}
        assert len(provider.questions) == 1
        assert f"method={mechanism.upper()}" in dovecot.log.read_text()
    log = postroom.log_text()
    for secret in (*provider.issued, refresh):
        assert secret not in log
    assert "Traceback" not in log
