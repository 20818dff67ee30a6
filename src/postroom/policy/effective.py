"""What holds for one message: installation → tenant → account → sender → message, each value with its source.

The rules that are more than "the nearest wins":

- *Force settings use* (`Account.force_settings`): the account's reply, return and confirmation addresses stand, and
  where the account has none the message's and the sender's are still ignored. Whether a receipt is asked for at all may
  be said by the message all the same; only addresses are forced.
- *Rewriting* (`Account.rewrite_from`): From becomes the account's own address with the wanted name, and the wanted
  address becomes the reply address unless somebody set one. The return path is then the account's, because a bounce
  must go where the login may receive it.
- *Footer*: the account's footer, when it has one, replaces the tenant's; both would say the same thing twice. Switching
  the account's footer off switches off the tenant's too. Text and HTML are one thing (see `inherit`).
- In native mode no account takes part, so none of an account's settings do.
"""

from __future__ import annotations

from collections.abc import Callable

from postroom.addresses import Address
from postroom.model.account import Account, AddressTag
from postroom.model.sender import Sender
from postroom.model.tenant import Footer
from postroom.policy.address_tag import fits
from postroom.policy.inherit import Inherited
from postroom.policy.snapshot import Snapshot, own_address
from postroom.policy.sourced import DEFAULT, MESSAGE, Sourced, address_of, addresses_of, of_account, of_sender
from postroom.policy.way import Effective, Wishes

__all__ = ["effective"]

_NO_SENDER = Sender(0, 0, "")


def effective(
    snapshot: Snapshot,
    tenant_id: int,
    account: Sourced[Account | None],
    sender: Sourced[Address],
    row: Sender | None = None,
    wishes: Wishes | None = None,
) -> Effective:
    """`account` and `sender` are chosen already (see `route`); `row` is the sender's row, if it has one."""
    settings = snapshot.settings(tenant_id)
    means = _Means(account.value, sender, row or _NO_SENDER, wishes or Wishes())
    unknown = means.wishes.unknown_policy
    return Effective(
        mode=settings.mode,
        sending=settings.sending,
        account=account,
        sender=means.sender,
        wanted=means.wanted,
        reply_to=means.reply_to(),
        return_path=means.return_path(),
        return_tag=means.return_tag(),
        reply_tag=means.reply_tag(),
        receipt_to=means.receipt_to(),
        footer=_footer(settings, account.value),
        unknown_policy=settings.unknown_policy if unknown is None else Sourced(unknown, MESSAGE),
        retry_minutes=settings.retry_minutes,
        retry_days=settings.retry_days,
        content_days=settings.content_days,
        log_days=settings.log_days,
        guard_redirect=settings.guard_redirect,
        guard_allow=settings.guard_allow,
    )


class _Means:
    """The three that may name addresses: the account, the sender, the message."""

    def __init__(self, account: Account | None, sender: Sourced[Address], row: Sender, wishes: Wishes) -> None:
        self.wishes = wishes
        self._account = account
        self._row = row
        self._forced = account is not None and account.force_settings
        self._from_account = of_account(account) if account is not None else ""
        self._from_sender = of_sender(sender.value)
        self.wanted: Address | None = None
        self.sender = sender
        own = own_address(account) if account is not None and account.rewrite_from else None
        if own is not None and own.key != sender.value.key:
            self.wanted = sender.value
            name = sender.value.name or own.name
            self.sender = Sourced(Address(own.local, own.domain, name), self._from_account)

    def reply_to(self) -> Sourced[tuple[Address, ...]]:
        if not self._forced:
            if self.wishes.reply_to:
                return Sourced(self.wishes.reply_to, MESSAGE)
            if own := addresses_of(self._row.reply_to):
                return Sourced(own, self._from_sender)
        if self._account is not None and (set_here := addresses_of(self._account.reply_to)):
            return Sourced(set_here, self._from_account)
        if self.wanted is not None:
            return Sourced((self.wanted,), self._from_account)
        return Sourced((), self._from_account if self._forced else DEFAULT)

    def return_path(self) -> Sourced[str]:
        if not self._forced and self.wanted is None:
            if self.wishes.return_path is not None:
                return Sourced(self.wishes.return_path, MESSAGE)
            if own := address_of(self._row.return_path):
                return Sourced(own.spec, self._from_sender)
        if self._account is not None and (set_here := address_of(self._account.return_path)):
            return Sourced(set_here.spec, self._from_account)
        return Sourced(self.sender.value.spec, self.sender.source)

    def return_tag(self) -> Sourced[AddressTag]:
        """A message's own return path is left to whoever chose it."""
        path = self.return_path()
        address = None if path.source == MESSAGE else address_of(path.value)
        return self._tag(address, lambda account: account.return_path_tag)

    def reply_tag(self) -> Sourced[AddressTag]:
        """What a message names itself stays as it is, and so does a From that was rewritten: it is another mailbox."""
        replies = self.reply_to()
        address = next(iter(replies.value), self.sender.value)
        if replies.source == MESSAGE or (self.wanted is not None and address.key == self.wanted.key):
            return Sourced(AddressTag.OFF, MESSAGE)
        return self._tag(address, lambda account: account.reply_to_tag)

    def _tag(self, address: Address | None, pick: Callable[[Account], AddressTag]) -> Sourced[AddressTag]:
        if self._account is None or address is None:
            return Sourced(AddressTag.OFF, DEFAULT)
        how = pick(self._account)
        return Sourced(how if fits(address, how) else AddressTag.OFF, self._from_account)

    def receipt_to(self) -> Sourced[Address | None]:
        """None when no receipt is asked for. Whoever names an address for receipts asks for one."""
        asked, source = self._receipt_asked()
        if not asked:
            return Sourced(None, source)
        if not self._forced:
            if self.wishes.receipt_to is not None:
                return Sourced(self.wishes.receipt_to, MESSAGE)
            if own := address_of(self._row.confirmation_address):
                return Sourced(own, self._from_sender)
        if self._account is not None and (set_here := address_of(self._account.confirmation_address)):
            return Sourced(set_here, self._from_account)
        plain = Address(self.sender.value.local, self.sender.value.domain)
        return Sourced(plain, self.sender.source)

    def _receipt_asked(self) -> tuple[bool, str]:
        if self.wishes.request_receipt is not None:
            return self.wishes.request_receipt, MESSAGE
        if self.wishes.receipt_to is not None:
            return True, MESSAGE
        if self._account is not None and self._account.request_receipt:
            return True, self._from_account
        return False, DEFAULT


def _footer(settings: Inherited, account: Account | None) -> Sourced[Footer | None]:
    if account is None:
        return settings.footer
    if not account.footer_enabled:
        return Sourced(None, of_account(account))
    if account.footer_text is not None or account.footer_html is not None:
        return Sourced(Footer(account.footer_text or "", account.footer_html or "") or None, of_account(account))
    return settings.footer
