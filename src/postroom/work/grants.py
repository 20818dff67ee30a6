"""Access tokens for accounts that log in with OAuth2: kept, renewed ahead of time, asked for by one at a time.

Rules it keeps:
- One question at a time for each account, over all nodes: whoever asks holds a lease on the grant's row; the others
  wait for what he gets.
- What came is durable before it is used: a refresh token that the provider has replaced must not be lost by a crash.
  What no client can help is a crash between the provider's answer and our commit, where the provider takes the old
  token no more; then somebody has to consent again, and is told so.
- A copied database (clone) asks for nothing: it would take the original's grant away.
- What the provider says no to is data (P6): a `Result`, judged by the same rules as a server's answer.

How a question is put is `deliver.tokens`' business, when one is due `policy.renewal`'s.
"""

from __future__ import annotations

import asyncio
import secrets as randomness
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from postroom.clock import monotonic_ms, now_ms
from postroom.deliver.tokens import Code, Tokens, fetch
from postroom.errors import PostroomError
from postroom.failpoints import reach
from postroom.maillog import MailLog
from postroom.model.account import Account, AccountState, Login
from postroom.model.application import Actor
from postroom.model.attempt import Action, Failure, Result
from postroom.model.grant import Grant
from postroom.office import Office
from postroom.office.grants import Consented, meaning
from postroom.policy.renewal import WARN_DAYS, days_left, due, usable
from postroom.policy.token import no_token
from postroom.policy.verdict import why_paused
from postroom.secrets import KeyRing, SealedTo, Secret
from postroom.store import grants
from postroom.store.database import Store

__all__ = ["Grants"]

_LEASE_MS = 90_000
_WAIT_MS = 40_000.0
_LOOK_SECONDS = 0.2
_KEEP_MS = 45_000.0
"""How long it is tried to write down what came. Question and this together are well within the lease."""
_DAY_MS = 86_400_000


class Grants:
    """One for the process. `token` is what couriers ask; `connect` and `accept` are for doors; `check` for upkeep.

    `elsewhere`: whether another process has the agent through which an account's questions go, and this one has not.
    """

    def __init__(self, store: Store, office: Office, ring: KeyRing, log: MailLog) -> None:
        self._store = store
        self._office = office
        self._ring = ring
        self._log = log
        self.elsewhere: Callable[[Account], bool] = lambda account: False
        self._asking: dict[int, asyncio.Task[Secret | Result]] = {}
        self._warned: dict[int, int] = {}

    async def stop(self, seconds: float) -> None:
        """What was asked is waited for and written down, at most for so long."""
        if self._asking:
            await asyncio.wait(list(self._asking.values()), timeout=seconds)

    # -- for couriers -----------------------------------------------------------------------------------------------

    async def token(self, account: Account, refused: Secret | None = None) -> Secret | Result:
        """An access token, or why there is none. `refused`: one that the server did not take, so another is wanted."""
        try:
            grant = await self._read(account)
            kept = self._kept(account, grant)
            if kept is not None and kept != refused:
                return kept
            return await self._renewed(account, refused)
        except PostroomError as error:  # a seal that does not open, a store that does not answer
            return no_token(Failure.SECRET, error.text)

    async def _renewed(self, account: Account, refused: Secret | None) -> Secret | Result:
        """Asks, or waits for whoever asks already. Who calls may go away; what was begun ends in order."""
        task = self._asking.get(account.id)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._in_turn(account, refused))
            self._asking[account.id] = task
            task.add_done_callback(lambda _: self._asking.pop(account.id, None))
        return await asyncio.shield(task)

    async def _in_turn(self, account: Account, refused: Secret | None) -> Secret | Result:
        fence, ends = self._store.ids.next(), monotonic_ms() + _WAIT_MS
        whose = (account.tenant_id, account.id)
        while (grant := await self._write(lambda c: grants.lease(c, *whose, _LEASE_MS, fence))) is None:
            if monotonic_ms() > ends:
                return no_token(Failure.GRANT_LATER, "Another process asks the identity provider, and has no answer.")
            await asyncio.sleep(_LOOK_SECONDS)
            kept = self._kept(account, await self._read(account))
            if kept is not None and kept != refused:
                return kept
        kept = self._kept(account, grant)
        if kept is not None and kept != refused:
            await self._write(lambda c: grants.release(c, *whose, fence))
            return kept
        try:
            return await self._asked(account, grant, fence)
        except BaseException:
            await self._write(lambda c: grants.release(c, *whose, fence))
            raise

    async def _asked(self, account: Account, grant: Grant, fence: int) -> Secret | Result:
        """Under the lease: one question, and what came of it written down."""
        have = None
        if account.oauth2_flow.needs_consent:
            if grant.refresh is None:
                await self._write(lambda c: grants.release(c, account.tenant_id, account.id, fence))
                return no_token(Failure.NO_GRANT, f"The account {account.name} is not connected.")
            have = self._ring.open(grant.refresh, SealedTo.of_grant(account, "refresh"))
        answer = await self._fetched(account, have)
        reach("grant.after-answer")
        if isinstance(answer, Result):
            fault, moment = answer.words, now_ms()
            await self._kept_down(lambda c: grants.put_trouble(c, grant, fence, fault, moment))
            return answer
        if not await self._kept_down(lambda c: self._put(c, account, grant, fence, answer)):
            return no_token(Failure.GRANT_LATER, "The account was changed, or connected anew, at that very moment.")
        reach("grant.after-commit")
        self._log.grant_renewed(account.name)
        return answer.access

    async def _fetched(self, account: Account, have: Code | Secret | None) -> Tokens | Result:
        proof = self._office.open_secret(account)
        way = self._office.way_of(account)
        return await fetch(account, proof, have, now_ms(), randomness.token_urlsafe(16), way)

    def _put(self, connection: Any, account: Account, grant: Grant, fence: int, tokens: Tokens) -> bool:
        access = self._ring.seal(tokens.access, SealedTo.of_grant(account, "access"))
        refresh = None
        if tokens.refresh is not None and account.oauth2_flow.needs_consent:
            refresh = self._ring.seal(tokens.refresh, SealedTo.of_grant(account, "refresh"))
        return grants.put_renewed(connection, grant, fence, access, tokens.expires_ms, refresh, now_ms())

    def _kept(self, account: Account, grant: Grant | None) -> Secret | None:
        if grant is None or grant.access is None or not usable(grant, now_ms()):
            return None
        return self._ring.open(grant.access, SealedTo.of_grant(account, "access"))

    # -- for doors --------------------------------------------------------------------------------------------------

    async def connect(self, consented: Consented, code: Secret) -> Result | None:
        """Redeems the code of a consent; None when the account is connected, else why not."""
        given = Code(code, consented.verifier, consented.redirect_url)
        return await self._take_on(consented.by, consented.account, given)

    async def accept(self, actor: Actor, account: Account, refresh: str | Secret) -> Result | None:
        """Takes on a refresh token that somebody typed, once the provider has taken it."""
        return await self._take_on(actor, account, Secret(refresh))

    async def _take_on(self, actor: Actor, account: Account, have: Code | Secret) -> Result | None:
        try:
            answer = await self._fetched(account, have)
        except PostroomError as error:
            return no_token(Failure.SECRET, error.text)
        if isinstance(answer, Result):
            return answer
        refresh = answer.refresh or (have if isinstance(have, Secret) else None)
        if refresh is None:
            text = "no_refresh_token: the provider gave an access token, but nothing to renew it with"
            return no_token(Failure.GRANT, text)
        noted = await asyncio.wrap_future(
            self._office.note_granted(actor, account, refresh, answer.access, answer.expires_ms)
        )
        if not noted:
            return no_token(Failure.GRANT_LATER, "The account was changed at that very moment; connect it again.")
        self._log.grant_given(account.name, actor.name)
        return None

    # -- for upkeep -------------------------------------------------------------------------------------------------

    async def check(self) -> None:
        """Renews what is due. A grant that died pauses its account, which keeps its mail, and says so."""
        if self._office.snapshot.clone is not None:
            return
        known = {one.account_id: one for one in await self._done(self._store.read(grants.all_grants))}
        moment = now_ms()
        for account in list(self._office.snapshot.accounts.values()):
            if account.login is not Login.OAUTH2 or not account.enabled or account.state is AccountState.PAUSED:
                continue
            self._warn(account, moment)
            grant = known.get(account.id)
            if due(account, grant, moment) and not self.elsewhere(account):
                await self._check_one(account, grant)

    async def _check_one(self, account: Account, grant: Grant | None) -> None:
        try:
            answer = await self._renewed(account, self._kept(account, grant))
        except PostroomError as error:
            answer = no_token(Failure.SECRET, error.text)
        if isinstance(answer, Secret):
            return
        verdict = meaning(account, answer)
        self._log.grant_trouble(account.name, verdict.diagnosis, answer.words)
        if verdict.action is Action.PAUSE:
            why = why_paused(verdict)
            if await self._done(self._office.pause_for(account.id, why, None, account.version)):
                self._log.account_paused(account.name, verdict.title)

    def _warn(self, account: Account, moment: int) -> None:
        """Once a day, while the end of the application's secret is near."""
        left = days_left(account, moment)
        if left is None or left > WARN_DAYS or self._warned.get(account.id) == moment // _DAY_MS:
            return
        self._warned[account.id] = moment // _DAY_MS
        self._log.secret_expires(account.name, account.oauth2_secret_expires, left)

    # -- inside -----------------------------------------------------------------------------------------------------

    async def _read(self, account: Account) -> Grant | None:
        found: Grant | None = await self._done(self._store.read(lambda c: grants.get(c, account.tenant_id, account.id)))
        return found

    async def _kept_down(self, function: Any) -> bool:
        """Writes, and does not give up at once: what the provider just replaced is known only here."""
        ends = monotonic_ms() + _KEEP_MS
        while True:
            try:
                return bool(await self._write(function))
            except Exception as error:
                self._log.store_trouble(f"grant: {error}")
                if monotonic_ms() > ends:
                    raise
                await asyncio.sleep(_LOOK_SECONDS)

    async def _write(self, function: Any) -> Any:
        return await self._done(self._store.write(function))

    @staticmethod
    async def _done(future: Future[Any]) -> Any:
        return await asyncio.wrap_future(future)
