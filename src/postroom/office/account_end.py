"""What the end of an account would mean: the mail, senders and accounts that depend on it.

One reading of it serves both who asks beforehand and the deletion itself, which refuses while something depends on the
account and nobody takes over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from postroom.errors import Conflict
from postroom.ids import encode
from postroom.model.account import Account
from postroom.model.tenant import INSTALLATION, Tenant
from postroom.sentence import Sentence
from postroom.store import accounts, queue, senders, tenants

__all__ = ["AccountEnd", "account_end", "check_free", "whose_mail"]

_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class AccountEnd:
    """`waiting`: mails (recipients) that wait, are held or in doubt; `sending`: in hand at this moment; `senders`: the
    addresses that send through it; `fallback_of`: names of accounts that fall back on it; `heirs`: names of the
    accounts that could take over; `secret`: its password, or what was granted to it, goes as well.
    """

    account: str
    waiting: int
    sending: int
    senders: tuple[str, ...]
    fallback_of: tuple[str, ...]
    is_default: bool
    heirs: tuple[str, ...]
    secret: bool

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it can't go without an heir, in sentences."""
        found: list[str] = []
        if self.waiting:
            found.append(_mails(self.waiting, "1 mail is waiting in it.", "{count:,} mails are waiting in it."))
        if self.senders:
            found.append(Sentence("It is used to send for {senders}.", senders=_some(self.senders)))
        if self.fallback_of:
            found.append(Sentence("It is the fallback of {accounts}.", accounts=_some(self.fallback_of)))
        if self.is_default and self.heirs:
            found.append("It is the default account.")
        return tuple(found)

    @property
    def needs_heir(self) -> bool:
        return bool(self.reasons)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What would follow, for people."""
        found = list(self.reasons)
        if self.is_default and not self.heirs:
            found.append("It is the only account: without it mail waits until there is another one.")
        if self.sending:
            found += [_under_way(self.sending), "Pause it first."]
        if self.secret:
            found.append("Its password goes with it. If the account is restored later, it has to be typed again.")
        return tuple(found)


def whose_mail(connection: Connection, account: Account) -> list[int]:
    """The tenants whose mail may be in it: an account of the installation carries anybody's."""
    if account.tenant_id == INSTALLATION:
        return [one.id for one in tenants.all_tenants(connection)]
    return [account.tenant_id]


def account_end(connection: Connection, tenant: Tenant, account: Account) -> AccountEnd:
    """As it stands at this moment."""
    left = queue.pending(connection, whose_mail(connection, account), account.id)
    users = [one.address for one in senders.of_tenant(connection, tenant.id) if one.account_id == account.id]
    return AccountEnd(
        account=account.name,
        waiting=left.waiting,
        sending=left.sending,
        senders=tuple(users),
        fallback_of=tuple(one.name for one in accounts.falling_back_on(connection, account.id)),
        is_default=tenant.settings.default_account_id == account.id,
        heirs=tuple(one.name for one in accounts.of_tenant(connection, tenant.id) if one.id != account.id),
        secret=account.has_secret or account.granted_ms is not None,
    )


def check_free(connection: Connection, tenant: Tenant, account: Account, *, has_heir: bool) -> None:
    """Raises Conflict with all that still depends on the account; with an heir only what is under way stops it."""
    end = account_end(connection, tenant, account)
    if end.sending:
        raise Conflict(
            Sentence("{mails} Pause the account and try again in a minute.", mails=_under_way(end.sending)),
            sending=end.sending,
        )
    if end.needs_heir and not has_heir:
        raise Conflict(
            Sentence(
                "It can't be deleted yet. {reasons} Say which account is to take over (move_to), or change that first.",
                reasons=end.reasons,
            ),
            waiting=end.waiting,
            account=encode("a", account.id),
        )


def _some(names: Sequence[str]) -> str:
    return f"{', '.join(names[:_MOST_NAMED])}{' …' if len(names) > _MOST_NAMED else ''}"


def _under_way(count: int) -> str:
    return _mails(
        count, "1 mail is being sent through it at this moment.", "{count:,} mails are being sent through it right now."
    )


def _mails(count: int, one: str, many: str) -> str:
    return one if count == 1 else Sentence(many, count=count)
