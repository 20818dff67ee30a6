"""OAuth2 grants on both databases: tokens are got, kept sealed, renewed once by however many ask, and what fails says
what to do (promises P6 and P7)."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from postroom.maillog import MailLog
from postroom.model.account import Account, AccountState
from postroom.model.attempt import Failure, Result
from postroom.model.grant import Grant
from postroom.office import Office
from postroom.secrets import Secret
from postroom.store import grants
from postroom.store.database import Store
from postroom.work.grants import Grants
from tests.rigs.provider import Provider
from tests.store.house import ADMIN, House


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


class Desk:
    """A house with what asks for its tokens."""

    def __init__(self, house: House, provider: Provider) -> None:
        self.house = house
        self.provider = provider
        self.log = io.StringIO()
        self.mail_log = MailLog(stream=self.log)
        self.grants = Grants(house.store, house.office, house.ring, self.mail_log)

    def account(self, name: str = "main", **more: Any) -> Account:
        number = self.house.account(name, **self.provider.account(**more))
        return self.house.office.snapshot.accounts[number]

    def again(self, account: Account) -> Account:
        return self.house.office.snapshot.accounts[account.id]

    def connected(self, name: str = "main", **more: Any) -> Account:
        account = self.account(name, **more)
        typed = Secret(self.provider.refresh_token())
        assert run(self.grants.accept(ADMIN, account, typed)) is None
        return self.again(account)

    def token(self, account: Account, refused: Secret | None = None) -> Secret | Result:
        return run(self.grants.token(account, refused))

    def row(self, account: Account) -> Grant:
        found = self.house.store.read(lambda c: grants.get(c, account.tenant_id, account.id)).result()
        assert found is not None
        return found

    def set(self, account: Account, **values: int) -> None:
        """Moves the clock for one grant."""
        marks = ", ".join(f"{name} = :{name}" for name in values)
        statement = text(f"UPDATE oauth2_grant SET {marks} WHERE account_id = :id")
        self.house.store.write(lambda c: c.execute(statement, {**values, "id": account.id}).rowcount).result()


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


@pytest.fixture
def desk(house: House, provider: Provider) -> Desk:
    return Desk(house, provider)


def test_an_account_that_nobody_connected_says_so(desk: Desk) -> None:
    found = desk.token(desk.account())
    assert isinstance(found, Result)
    assert found.failure is Failure.NO_GRANT
    view = desk.house.office.account(ADMIN, "main").result()
    assert "postroom account connect main" in view.needs[0]
    assert desk.house.office.grant(ADMIN, "main").result().state == "not-connected"


def test_a_token_is_kept_and_asked_for_once(desk: Desk, provider: Provider) -> None:
    account = desk.connected()
    first, second = desk.token(account), desk.token(account)
    assert isinstance(first, Secret)
    assert first == second
    assert len(provider.questions) == 1
    assert desk.house.office.grant(ADMIN, "main").result().state == "connected"
    assert desk.house.office.account(ADMIN, "main").result().needs == ()


def test_a_rotated_refresh_token_is_durable_before_the_access_token_is_used(desk: Desk, provider: Provider) -> None:
    """The provider takes each refresh token once: ten renewals in a row only work if every new one was kept."""
    account = desk.connected()
    seen = set()
    for _ in range(10):
        desk.set(account, access_expires_ms=0)
        token = desk.token(account)
        assert isinstance(token, Secret), token
        seen.add(token.reveal())
    assert len(seen) == 10
    assert not provider.revoked


def test_a_provider_that_does_not_rotate_keeps_its_token(desk: Desk, provider: Provider) -> None:
    account = desk.connected()
    provider.rotates = False
    for _ in range(3):
        desk.set(account, access_expires_ms=0)
        assert isinstance(desk.token(account), Secret)


def test_whoever_asks_at_once_gets_the_same_one_token(desk: Desk, provider: Provider) -> None:
    account = desk.connected()
    desk.set(account, access_expires_ms=0)
    provider.slow = 0.1

    async def many() -> list[Secret | Result]:
        return await asyncio.gather(*[desk.grants.token(account) for _ in range(20)])

    found = run(many())
    assert {token.reveal() for token in found} == {provider.issued[-2]}
    assert len(provider.questions) == 2


def test_a_token_that_the_server_refused_is_replaced_once(desk: Desk, provider: Provider) -> None:
    account = desk.connected()
    first = desk.token(account)
    assert isinstance(first, Secret)
    second = desk.token(account, first)
    assert isinstance(second, Secret)
    assert second != first
    assert desk.token(account, first) == second
    assert len(provider.questions) == 2


def test_client_credentials_need_the_secret_and_nobody(desk: Desk, provider: Provider) -> None:
    provider.client_secret = "s3cret-of-app"
    account = desk.account(oauth2_flow="client-credentials")
    assert "secret of the application" in desk.house.office.account(ADMIN, "main").result().needs[0]
    desk.house.office.change_account(ADMIN, "main", {}, secret="another-word").result()
    found = desk.token(desk.again(account))
    assert isinstance(found, Result)
    assert found.words == "grant-refused: invalid_client: the secret is wrong"
    desk.house.office.change_account(ADMIN, "main", {}, secret="s3cret-of-app").result()
    assert isinstance(desk.token(desk.again(account)), Secret)
    assert provider.questions[-1]["scope"] == "smtp offline_access"


def test_upkeep_leaves_the_question_to_the_process_that_has_the_way(desk: Desk, provider: Provider) -> None:
    """An account whose agent is connected to another process: that one asks, and nothing is wrong here."""
    account = desk.connected()
    desk.set(account, asked_ms=1)
    desk.grants.elsewhere = lambda asked: asked.id == account.id
    run(desk.grants.check())
    assert len(provider.questions) == 1
    assert desk.house.office.grant(ADMIN, "main").result().state == "connected"
    desk.grants.elsewhere = lambda asked: False
    run(desk.grants.check())
    assert len(provider.questions) == 2


FAULTS = [
    (("invalid_client", "AADSTS7000222: The provided client secret keys are expired."), "secret", True),
    (("invalid_grant", "AADSTS50173: The provided grant has expired due to it being revoked"), "oauth2_flow", True),
    (("invalid_grant", "Token has been expired or revoked."), "oauth2_flow", True),
    (("invalid_grant", "AADSTS65001: The user has not consented"), "oauth2_client_id", True),
    (("unauthorized_client", "AADSTS700016: not found in the directory"), "oauth2_client_id", True),
    (("invalid_request", "AADSTS90002: Tenant not found"), "oauth2_tenant", True),
    (("access_denied", "AADSTS90094: admin consent"), "oauth2_client_id", True),
    (("invalid_scope", ""), "oauth2_scope", True),
    (("who_knows", "what\x1b[31m\r\nX-Injected: yes\u202e"), "oauth2_provider", True),
    (("temporarily_unavailable", ""), "oauth2_token_url", False),
    ("500", "oauth2_token_url", False),
    ("garbage", "oauth2_token_url", False),
    ("redirect", "oauth2_token_url", False),
    ("cut", "oauth2_token_url", False),
]


@pytest.mark.parametrize(("fails", "field", "pauses"), FAULTS)
def test_a_grant_that_dies_is_noticed_explained_and_holds_its_mail(
    desk: Desk, provider: Provider, fails: Any, field: str, pauses: bool
) -> None:
    """Upkeep alone notices it, though the access token is good for long and no mail is sent; what passes by itself
    pauses nothing."""
    account = desk.connected()
    provider.fails = fails
    desk.set(account, asked_ms=1)
    run(desk.grants.check())
    seen = desk.house.office.grant(ADMIN, "main").result()
    assert seen.state == "failing"
    assert seen.verdict is not None
    assert seen.verdict.field == field
    assert seen.verdict.title.isprintable()
    present = desk.again(account)
    assert present.state is (AccountState.PAUSED if pauses else AccountState.READY)
    if pauses:
        assert seen.verdict.title in present.paused_reason
        assert seen.verdict.remedy in present.paused_reason
    desk.mail_log.flush()
    told = desk.log.getvalue()
    assert "grant-trouble" in told
    assert ("account-paused" in told) is pauses
    assert "\x1b" not in told


def test_a_mended_grant_lets_the_account_go_on(desk: Desk, provider: Provider) -> None:
    account = desk.connected()
    provider.fails = ("invalid_grant", "revoked")
    desk.set(account, asked_ms=1)
    run(desk.grants.check())
    assert desk.again(account).state is AccountState.PAUSED
    provider.fails = ""
    assert run(desk.grants.accept(ADMIN, desk.again(account), Secret(provider.refresh_token()))) is None
    assert desk.again(account).state is AccountState.READY
    assert isinstance(desk.token(desk.again(account)), Secret)


def test_what_is_not_due_is_not_asked_for(desk: Desk, provider: Provider) -> None:
    desk.connected()
    for _ in range(3):
        run(desk.grants.check())
    assert len(provider.questions) == 1


def test_another_server_user_or_application_gets_neither_token_nor_refresh(desk: Desk, provider: Provider) -> None:
    """P7: a grant belongs to the server and the application it was given for."""
    for number, change in enumerate(
        (
            {"host": "evil.example.com"},
            {"user": "bob@example.test"},
            {"encryption": "none"},
            {"certificate_check": "ignore"},
            {"oauth2_token_url": "https://evil.example.com/token"},
            {"oauth2_client_id": "other"},
            {"oauth2_flow": "client-credentials"},
            {"login": "password"},
        )
    ):
        account = desk.connected(f"a{number}")
        questions = len(provider.questions)
        view = desk.house.office.change_account(ADMIN, account.id, change).result()
        assert view.account.granted_ms is None, change
        if view.account.login.value == "oauth2" and "oauth2_flow" not in change:
            assert view.secret_dropped
            found = desk.token(view.account)
            assert isinstance(found, Result)
            assert found.failure is Failure.NO_GRANT
        assert len(provider.questions) == questions


def test_sealed_tokens_of_the_database_open_for_nothing_else(desk: Desk) -> None:
    """Somebody who can write the database can't turn a refresh token into what is sent to the server."""
    account = desk.connected()
    row = desk.row(account)
    moving = text("UPDATE oauth2_grant SET access = refresh WHERE account_id = :id")
    desk.house.store.write(lambda c: c.execute(moving, {"id": account.id}).rowcount).result()
    found = desk.token(account)
    assert isinstance(found, Result)
    assert found.failure is Failure.SECRET
    assert row.refresh is not None


def test_a_new_key_of_the_ring_seals_the_tokens_as_well(desk: Desk) -> None:
    account = desk.connected()
    first = desk.token(account)
    before = desk.row(account)
    assert desk.house.office.rotate_key(ADMIN).result() == 1
    after = desk.row(account)
    assert before.refresh != after.refresh
    assert before.access != after.access
    assert desk.token(account) == first


def test_a_deleted_account_leaves_nothing(desk: Desk) -> None:
    account = desk.connected()
    desk.house.office.begin_consent(ADMIN, "main").result()
    desk.house.office.delete_account(ADMIN, "main").result()
    for table in ("oauth2_grant", "oauth2_start"):
        counting = text(f"SELECT count(*) FROM {table}")
        assert desk.house.store.read(lambda c, q=counting: c.execute(q).scalar_one()).result() == 0
    assert account.id not in desk.house.office.snapshot.accounts


def test_no_secret_is_in_the_log_the_audit_trail_an_export_or_a_view(desk: Desk, provider: Provider) -> None:
    provider.client_secret = "canary-client-secret"
    account = desk.connected(secret="canary-client-secret")
    desk.set(account, access_expires_ms=0)
    assert isinstance(desk.token(account), Secret)
    provider.fails = ("invalid_grant", f"{provider.issued[-1]} canary-client-secret is bad")
    desk.set(account, asked_ms=1, access_expires_ms=0)
    found = desk.token(account)
    run(desk.grants.check())
    office = desk.house.office
    desk.mail_log.flush()
    shown = [
        desk.log.getvalue(),
        repr(found),
        repr(office.account(ADMIN, "main").result()),
        repr(office.grant(ADMIN, "main").result()),
        repr(office.export(ADMIN).result()),
        repr(office.audit(ADMIN).result()),
        repr(office.versions(ADMIN, "account", "main").result()),
        repr(desk.row(account)),
    ]
    for canary in ("canary-client-secret", *provider.issued):
        for place in shown:
            assert canary not in place


class TestTwoNodes:
    @pytest.fixture
    def nodes(self, postgres_url: str, tmp_path: Path, provider: Provider) -> Iterator[tuple[Desk, Desk]]:
        house = House(postgres_url, tmp_path)
        second = Store(postgres_url)
        one, two = Desk(house, provider), Desk(house, provider)
        two.grants = Grants(second, Office(second, house.ring, house.settings), house.ring, two.mail_log)
        yield one, two
        second.close()
        house.close()

    def test_they_renew_once(self, nodes: tuple[Desk, Desk], provider: Provider) -> None:
        one, two = nodes
        account = one.connected()
        provider.slow = 0.05
        for _ in range(5):
            before = len(provider.questions)
            one.set(account, access_expires_ms=0)

            async def both() -> list[Secret | Result]:
                return await asyncio.gather(
                    *[node.grants.token(account) for node in (one, two, one, two)], return_exceptions=False
                )

            found = run(both())
            assert all(isinstance(token, Secret) for token in found)
            assert len({token.reveal() for token in found}) == 1
            assert len(provider.questions) == before + 1
        assert not provider.revoked

    def test_a_node_that_died_asking_delays_only_until_its_lease_ends(
        self, nodes: tuple[Desk, Desk], provider: Provider
    ) -> None:
        one, two = nodes
        account = one.connected()
        one.set(account, access_expires_ms=0)
        one.house.store.write(lambda c: grants.lease(c, account.tenant_id, account.id, 700, 12345)).result()
        assert isinstance(two.token(account), Secret)
        assert not provider.revoked
