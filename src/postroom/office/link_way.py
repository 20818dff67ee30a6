"""Which way a link to choose a password leaves: by the tenant's own account, or by the installation's default mailbox.

Somebody who is locked out can't wait until an account is mended. Where the tenant allows it (`reset_fallback`), his
link leaves through the default account of the installation while the tenant's own can't send: it is paused, switched
off, without its password, or can't be reached. Other mail waits for its own account, as always. Each time is in the
audit trail, and the message names the account that it left through.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.ids import encode
from postroom.model.account import Account
from postroom.model.audit import Entry
from postroom.model.message import Draft
from postroom.model.person import User
from postroom.model.state import State
from postroom.model.tenant import INSTALLATION
from postroom.office.changes import Changes
from postroom.office.views import account_needs
from postroom.policy.route import Route, route
from postroom.store import paces

__all__ = ["LinkWay", "LinkWayVerbs"]


@dataclass(frozen=True, slots=True)
class LinkWay:
    """`account`: the id of the installation's account to name, "" for the usual way; `why`: what keeps the tenant's own
    from sending, as a sentence.
    """

    account: str = ""
    name: str = ""
    why: str = ""


_USUAL = LinkWay()


class LinkWayVerbs(Changes):
    def link_way(self, tenant_id: int, draft: Draft) -> Future[LinkWay]:
        """For mail of Postroom's own to a user of this tenant."""
        own, mailbox = self._own_account(tenant_id, draft), self._default_mailbox(tenant_id)
        if own is None or mailbox is None:
            usual: Future[LinkWay] = Future()
            usual.set_result(_USUAL)
            return usual

        def work(connection: Connection) -> LinkWay:
            needs = _needs(connection, own)
            if not needs or _needs(connection, mailbox):
                return _USUAL
            return LinkWay(encode("a", mailbox.id), mailbox.name, needs[0])

        return self._store.read(work)

    def note_link_way(self, user: User, way: LinkWay) -> Future[None]:
        """Tells the audit trail that a user's link left through the default mailbox, and why."""
        told = {"account": way.name, "why": way.why}
        entry = Entry(user.tenant_id, "user.link-by-default-mailbox", now_ms(), user.id, user.login, after=told)
        return self._store.write(lambda c: self._note(c, None, entry))

    def _own_account(self, tenant_id: int, draft: Draft) -> Account | None:
        """The account of the tenant's own that the draft would leave through."""
        snapshot = self.snapshot
        if tenant_id == INSTALLATION or not snapshot.settings(tenant_id).reset_fallback.value:
            return None
        way = route(snapshot, tenant_id, draft)
        if not isinstance(way, Route) or way.state is not State.QUEUED or way.account_id is None:
            return None
        account = snapshot.accounts.get(way.account_id)
        return account if account is not None and account.tenant_id != INSTALLATION else None

    def _default_mailbox(self, tenant_id: int) -> Account | None:
        """The installation's default account, where the tenant may use it."""
        default = self.snapshot.settings(INSTALLATION).default_account_id.value
        account = self.snapshot.may_use(tenant_id, default)
        return account if account is not None and account.tenant_id == INSTALLATION else None


def _needs(connection: Connection, account: Account) -> tuple[str, ...]:
    return account_needs(account, trouble=paces.of_account(connection, account).trouble)
