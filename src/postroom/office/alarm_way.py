"""What there is to write to people about, and which account may carry it: never one that is broken.

Rules it keeps:
- A letter has all the news of a tenant; there is at most one in a quarter of an hour, so that what comes and goes
  floods nobody. Once a week all that lasts is listed again, if there is anything.
- The account is the usual one for such mail if it works, else the installation's default mailbox, else another of the
  tenant's own that works. A broken one is asked for nothing.
- Where nothing leaves anyway (silent, disabled, a copy), no letter is written: the log and webhooks tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.ids import encode
from postroom.model.account import Account
from postroom.model.message import Draft
from postroom.model.problem import Problem, Weight
from postroom.model.state import State
from postroom.model.tenant import INSTALLATION, Mode
from postroom.office.changes import Changes
from postroom.office.checks.readers import addresses_of
from postroom.office.views import account_needs
from postroom.policy.route import Route, route
from postroom.policy.snapshot import NATIVE
from postroom.store import paces, problems
from postroom.store.problems import ENDED, Alarm

__all__ = ["AlarmVerbs", "Letter"]

GAP_MS = 15 * 60_000
WEEK_MS = 7 * 24 * 3600 * 1000
_RANK = {Weight.PROBLEM: 2, Weight.WARNING: 1, Weight.NOTE: 0}
_LEAVES = frozenset({Mode.SMTP, Mode.NATIVE})


@dataclass(frozen=True, slots=True)
class Letter:
    """What a tenant's people are to be told. `lasting`: what is not news; `account`: the id of the account to name, ""
    for the usual way; `name`: what it is called. `trouble`: the check that says why it can't be sent, or "".
    """

    tenant_id: int
    readers: tuple[str, ...]
    new: tuple[Problem, ...]
    over: tuple[Problem, ...]
    lasting: tuple[Problem, ...]
    language: str
    account: str = ""
    name: str = ""
    trouble: str = ""

    @property
    def reminds(self) -> bool:
        return not self.new and not self.over


class AlarmVerbs(Changes):
    def letters_due(self, gap_ms: int = GAP_MS) -> Future[list[Letter]]:
        """For upkeep: what is to be written now, a letter for each tenant that has news or is due for its list."""
        moment = now_ms()

        def work(connection: Connection) -> list[Letter]:
            by_tenant: dict[int, list[Problem]] = {}
            for one in problems.all_problems(connection):
                by_tenant.setdefault(one.finding.tenant_id, []).append(one)
            found = [self._letter(connection, number, known, moment, gap_ms) for number, known in by_tenant.items()]
            return [one for one in found if one is not None]

        return self._store.read(work)

    def note_letter(self, letter: Letter, trouble: str) -> Future[bool]:
        """It was written (`trouble` is ""), or could not be. True when that is another trouble than before.

        A letter that was handed over and stayed here is tried again after the gap, what was not even written at once.
        """
        moment = now_ms()

        def work(connection: Connection) -> bool:
            alarm = problems.alarm_of(connection, letter.tenant_id)
            mailed_ms = alarm.mailed_ms if letter.trouble else moment
            if not trouble:
                problems.mark_told(connection, (*letter.new, *letter.over))
            listed_ms = alarm.listed_ms if trouble else moment
            noted = Alarm(letter.tenant_id, mailed_ms, listed_ms, trouble)
            if noted != alarm:
                problems.put_alarm(connection, noted)
            return trouble != alarm.trouble

        return self._store.write(work)

    def _letter(
        self, connection: Connection, tenant_id: int, known: list[Problem], moment: int, gap_ms: int
    ) -> Letter | None:
        tenant = self.snapshot.tenants.get(tenant_id)
        if tenant is None or tenant.deleted_ms is not None or not self._anything_leaves(tenant_id):
            return None
        alarm = problems.alarm_of(connection, tenant_id)
        if 0 <= moment - alarm.mailed_ms < gap_ms:
            return None
        new = tuple(one for one in known if _is_new(one))
        over = tuple(one for one in known if one.closed and one.told not in ("", ENDED))
        lasting = tuple(
            one for one in known if one.ended_ms is None and one not in new and one.weight is not Weight.NOTE
        )
        if not new and not over and (not lasting or 0 <= moment - alarm.listed_ms < WEEK_MS):
            return None
        readers = tuple(addresses_of(connection, self.snapshot, tenant_id))
        language = self.snapshot.settings(tenant_id).language.value
        letter = Letter(tenant_id, readers, new, over, lasting, language)
        return self._with_way(connection, letter) if readers else replace(letter, trouble="alarm-has-no-reader")

    def _anything_leaves(self, tenant_id: int) -> bool:
        return self.snapshot.clone is None and self.snapshot.settings(tenant_id).mode.value in _LEAVES

    def _with_way(self, connection: Connection, letter: Letter) -> Letter:
        for named, account in self._ways_of_letter(letter):
            if account is None or not _is_broken(connection, account):
                return replace(letter, account=named, name="" if account is None else account.name)
        return replace(letter, trouble="alarm-has-no-account")

    def _ways_of_letter(self, letter: Letter) -> Iterator[tuple[str, Account | None]]:
        """The account to name and the account that is then used, in the order in which they are asked."""
        snapshot, number = self.snapshot, letter.tenant_id
        usual = self._used(letter, "")
        if usual is not None:
            yield "", snapshot.accounts.get(usual)
        default = snapshot.may_use(number, snapshot.settings(INSTALLATION).default_account_id.value)
        own = [one for one in snapshot.accounts.values() if one.tenant_id == number]
        for one in [*([default] if default is not None else []), *own]:
            named = encode("a", one.id)
            if one.id != usual and self._used(letter, named) == one.id:
                yield named, one

    def _used(self, letter: Letter, account: str) -> int | None:
        """The account that such a letter would leave through, or NATIVE; None when it would not leave."""
        draft = Draft(to=letter.readers[:1], subject="-", text="-", account=account)
        way = route(self.snapshot, letter.tenant_id, draft)
        if not isinstance(way, Route) or way.state is not State.QUEUED or way.account_id is None:
            return None
        return way.account_id if way.account_id == NATIVE or way.account_id in self.snapshot.accounts else None


def _is_new(one: Problem) -> bool:
    """Never told, or heavier than when it was."""
    if one.ended_ms is not None or one.weight is Weight.NOTE:
        return False
    return one.told in ("", ENDED) or _RANK[one.weight] > _RANK[Weight(one.told)]


def _is_broken(connection: Connection, account: Account) -> bool:
    return bool(account_needs(account, trouble=paces.of_account(connection, account).trouble))
