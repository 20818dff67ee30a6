"""Which way a message goes: from which sender, through which account and courier, and in which state it begins.

The sender, in this order: the one the message names (it must be one of the tenant's), the address of an account that
the message names, the tenant's default sender, the address of the account that is then used. A tenant without senders
of its own may use the installation's; and where an account rewrites From to its own address, any address may be wished
for, because none of them leaves.

The account: the one the message names, the sender's, the default one (the tenant's, else the installation's). When
there is none, the message is held and leaves once there is one: nothing is lost for want of a setting.

A newcomer's first mail must work before anything is set up. So in the modes silent and disabled, where nothing leaves,
a message is taken with whatever From it names as long as there is no sender it could use instead, and without any with
`PLACEHOLDER`. Its domain ends in `.invalid` (RFC 6761), so that it can never be anybody's address, no answer can go
astray, and nobody can take it for a real sender should somebody try to release it.

What can't be accepted is told as faults, all at once. Pure and quick: what follows from the settings alone is
remembered in the snapshot, so a message without wishes of its own costs a lookup.
"""

from __future__ import annotations

from dataclasses import dataclass

from postroom.addresses import Address, BadAddress
from postroom.errors import Fault
from postroom.ids import decode
from postroom.model.account import Account, AccountState, AddressTag
from postroom.model.message import Draft, Priority
from postroom.model.sender import Sender
from postroom.model.state import State
from postroom.model.tenant import INSTALLATION, Mode, Sending, UnknownPolicy
from postroom.policy.allowed import is_free, within_its_own
from postroom.policy.effective import effective
from postroom.policy.explain import explain
from postroom.policy.snapshot import NATIVE, Snapshot, own_address
from postroom.policy.sourced import DEFAULT, MESSAGE, Sourced, of_account, of_sender
from postroom.policy.way import Change, Effective, Explanation, Reason, Route, Routed, Wishes
from postroom.sentence import Sentence

__all__ = ["NATIVE", "PLACEHOLDER", "Explanation", "Route", "explain", "recheck", "route"]

PLACEHOLDER = Address("postroom", "localhost.invalid", "Postroom")
"""The From of a message that nobody gave one and that does not leave."""

_RECIPIENTS = 100
"""Recipients per transaction where no account says otherwise (RFC 5321, 4.5.3.1.8)."""
_LONGEST_REMEMBERED = 400
"""Characters of a sender and an account that are worth remembering: what strangers send must not fill the memory."""
_QUIET = frozenset({Mode.SILENT, Mode.DISABLED})


def route(
    snapshot: Snapshot,
    tenant_id: int,
    draft: Draft,
    *,
    test: bool = False,
    released: bool = False,
    application_id: int | None = None,
) -> Route | list[Fault]:
    """The way, or everything that keeps this message from being accepted.

    `test`: a person tests an account, so it leaves whatever the mode is. `released`: kept bytes are sent once more, so
    their From stands as it is and the silent mode does not keep them. `application_id`: who hands it over, and may use
    no more than it was given (see `allowed`).
    """
    application = None if application_id is None else snapshot.applications.get(application_id)
    foreign_from = snapshot.settings(tenant_id).foreign_from.value
    if application is None or test or released or is_free(application, foreign_from):
        return _route(snapshot, tenant_id, draft, test=test, released=released)
    return within_its_own(application, foreign_from, draft, lambda one: _route(snapshot, tenant_id, one))


def _route(
    snapshot: Snapshot, tenant_id: int, draft: Draft, *, test: bool = False, released: bool = False
) -> Route | list[Fault]:
    special = test or released or draft.hold or draft.priority is Priority.BULK
    if special or _has_wishes(draft) or len(draft.sender) + len(draft.account) > _LONGEST_REMEMBERED:
        return _Finding(snapshot, tenant_id, draft, test=test, released=released).route()
    key = ("route", tenant_id, draft.sender, draft.account)
    found: Route | list[Fault] = snapshot.remembered(key, lambda: _Finding(snapshot, tenant_id, draft).route())
    return found if isinstance(found, Route) else list(found)


def _has_wishes(draft: Draft) -> bool:
    return bool(
        draft.reply_to
        or draft.return_path
        or draft.receipt_to
        or draft.unknown_policy
        or draft.request_receipt is not None
    )


def recheck(
    snapshot: Snapshot, tenant_id: int, account_id: int | None, sender_id: int | None, routed: str
) -> Change | None:
    """Whether mail that is about to leave may still leave this way; None when it may. `routed`: a word of `Routed`.

    A tenant that this snapshot does not know yet was made after it: its mail was accepted by newer settings, and those
    stand.
    """
    key = ("recheck", tenant_id, account_id, sender_id, routed)
    change: Change | None = snapshot.remembered(
        key, lambda: _change(snapshot, tenant_id, account_id, sender_id, routed)
    )
    return change


def _change(
    snapshot: Snapshot, tenant_id: int, account_id: int | None, sender_id: int | None, routed: str
) -> Change | None:
    line = snapshot.line(tenant_id)
    if not line or routed == Routed.TEST:
        return None
    mode = snapshot.settings(tenant_id).mode.value
    if mode is Mode.DISABLED:
        return Change(State.DISABLED, Reason.MODE_DISABLED, account_id)
    if mode is Mode.SILENT and routed != Routed.RELEASED:
        return Change(State.SILENCED, Reason.MODE_SILENT, account_id)
    if any(tenant.suspended for tenant in line):
        return Change(State.HELD, Reason.TENANT_SUSPENDED, account_id)
    sender = None if sender_id is None else snapshot.senders.get(sender_id)
    if sender is not None and sender.paused_reason:
        return Change(State.HELD, Reason.SENDER_HELD, account_id)
    return _other_account(snapshot, tenant_id, mode, account_id, routed)


def _other_account(
    snapshot: Snapshot, tenant_id: int, mode: Mode, account_id: int | None, routed: str
) -> Change | None:
    """Whether the mail goes through another account now than the one it waited for."""
    default = snapshot.account_for(tenant_id)
    if mode is Mode.NATIVE:
        return None if account_id == NATIVE or routed == Routed.RELEASED else _moved(NATIVE, Reason.MODE_CHANGED)
    if account_id == NATIVE:
        return _moved(default, Reason.MODE_CHANGED)
    if snapshot.may_use(tenant_id, account_id) is None:
        return _moved(default, Reason.NO_ACCOUNT)
    if routed == Routed.DEFAULT and default is not None and default != account_id:
        return _moved(default, Reason.DEFAULT_MOVED)
    return None


def _moved(account_id: int | None, reason: str) -> Change:
    if account_id is None:
        return Change(State.HELD, Reason.NO_ACCOUNT)
    return Change(State.QUEUED, reason, account_id)


@dataclass(frozen=True, slots=True)
class _Choice:
    """Who sends: the address with its source, and the row it is from, if it is from one."""

    address: Sourced[Address]
    row: Sender | None = None
    account: Account | None = None
    """The account whose own address it is."""


class _Finding:
    """One decision. Steps in order: tenant, wishes, account named, sender, account, what holds, state."""

    def __init__(
        self, snapshot: Snapshot, tenant_id: int, draft: Draft, *, test: bool = False, released: bool = False
    ) -> None:
        self._snapshot = snapshot
        self._tenant_id = tenant_id
        self._draft = draft
        self._test = test
        self._released = released
        self._settings = snapshot.settings(tenant_id)
        self._mode = self._settings.mode.value
        self._faults: list[Fault] = []
        self._routed = Routed.DEFAULT

    def route(self) -> Route | list[Fault]:
        line = self._snapshot.line(self._tenant_id)
        if not line:
            return [Fault("tenant", "There is no such tenant.", "Use a key of a tenant that exists.")]
        for tenant in line:
            if tenant.suspended:
                problem = Sentence("{tenant} is suspended: nothing is accepted for it.", tenant=tenant.name)
                return [Fault("tenant", problem, "The administrator of this installation can lift that.")]
        wishes = self._wishes()
        named = self._account_named()
        choice = None if self._faults else self._choice(wishes.sender, named)
        if choice is None or self._faults:
            return self._faults
        account = self._account(named, choice)
        self._check_use(account.value)
        if self._faults:
            return self._faults
        through: Sourced[Account | None] = Sourced(None, self._settings.mode.source) if self._native else account
        found = effective(self._snapshot, self._tenant_id, through, choice.address, choice.row, wishes)
        return self._way(found, choice.row, account.value)

    @property
    def _native(self) -> bool:
        return self._mode is Mode.NATIVE and not self._test

    @property
    def _quiet(self) -> bool:
        """Whether the message stays here."""
        return self._mode in _QUIET and not (self._test or self._released)

    @property
    def _nothing_set_up(self) -> bool:
        """A newcomer's first minutes: the message stays here, and there is no sender that it could have used."""
        snapshot = self._snapshot
        return self._quiet and not any(
            snapshot.has_own_addresses(tenant.id) for tenant in snapshot.line(self._tenant_id)
        )

    # -- what the message asks for ----------------------------------------------------------------------------------

    def _wishes(self) -> Wishes:
        draft = self._draft
        path = draft.return_path.strip(" ")
        parsed_path = None if path in ("", "<>") else self._address("return_path", path)
        return Wishes(
            sender=self._address("sender", draft.sender) if draft.sender else None,
            reply_to=tuple(
                [found for n, text in enumerate(draft.reply_to) if (found := self._address(f"reply_to[{n}]", text))]
            ),
            return_path="" if path == "<>" else (parsed_path.spec if parsed_path is not None else None),
            receipt_to=self._address("receipt_to", draft.receipt_to) if draft.receipt_to else None,
            request_receipt=draft.request_receipt,
            unknown_policy=self._unknown_policy(),
        )

    def _address(self, field: str, text: str) -> Address | None:
        try:
            return Address.parse(text)
        except BadAddress as error:
            self._fault(field, error.problem, error.mend)
            return None

    def _unknown_policy(self) -> UnknownPolicy | None:
        text = self._draft.unknown_policy
        if not text:
            return None
        try:
            return UnknownPolicy(text)
        except ValueError:
            known = " or ".join(UnknownPolicy)
            self._fault("unknown_policy", "This is no policy for answers that never came.", f"Say {known}.")
            return None

    def _fault(self, field: str, problem: str, mend: str) -> None:
        self._faults.append(Fault(field, problem, mend))

    # -- account ----------------------------------------------------------------------------------------------------

    def _account_named(self) -> Account | None:
        """The account that the message names: by name or id, the tenant's own before an inherited one."""
        text = self._draft.account.strip()
        if not text:
            return None
        snapshot = self._snapshot
        for tenant in snapshot.line(self._tenant_id):
            found = snapshot.account_named(tenant.id, text)
            if found is not None:
                return found
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else decode("a", text)
        found = snapshot.may_use(self._tenant_id, number)
        if found is None:
            self._fault("account", "There is no such account here.", "Give the name or id of one, or leave it out.")
        return found

    def _account(self, named: Account | None, choice: _Choice) -> Sourced[Account | None]:
        if named is not None:
            self._routed = Routed.TEST if self._test else Routed.MESSAGE
            return Sourced(named, MESSAGE)
        if choice.row is not None:
            own = self._snapshot.may_use(self._tenant_id, choice.row.account_id)
            if own is not None:
                self._routed = Routed.SENDER
                return Sourced(own, of_sender(choice.address.value))
        if choice.account is not None and self._default() != choice.account:
            self._routed = Routed.SENDER
            return Sourced(choice.account, of_sender(choice.address.value))
        return Sourced(self._default(), self._settings.default_account_id.source)

    def _default(self) -> Account | None:
        return self._snapshot.may_use(self._tenant_id, self._settings.default_account_id.value)

    def _check_use(self, account: Account | None) -> None:
        """An inherited account that rewrites From is the default mailbox of all tenants: no place for bulk mail."""
        inherited = account is not None and account.tenant_id != self._tenant_id
        if inherited and account is not None and account.rewrite_from and self._draft.priority is Priority.BULK:
            problem = f"The account {account.name} is shared by all tenants and takes no bulk mail."
            self._fault("priority", problem, "Set up an account of your own for it, or send it as normal mail.")

    # -- sender -----------------------------------------------------------------------------------------------------

    def _choice(self, wanted: Address | None, named: Account | None) -> _Choice | None:
        if wanted is not None:
            found = self._wanted(wanted, named)
            if found is None:
                self._refuse(wanted)
            return found
        found = self._unasked(named)
        if found is None:
            self._fault(
                "sender",
                "The message names no sender, and no default sender is set up.",
                "Name one in the message, or add a sender (`postroom sender add`): the first becomes the default.",
            )
        return found

    def _wanted(self, wanted: Address, named: Account | None) -> _Choice | None:
        """The sender that the message names, if it may be used."""
        snapshot, tenant_id = self._snapshot, self._tenant_id
        for owner in self._sender_owners():
            row = snapshot.sender_at(owner, wanted)
            if row is not None:
                return _Choice(Sourced(_with_name(wanted, snapshot.addresses[row.id].name), MESSAGE), row)
        account = snapshot.account_at(tenant_id, wanted)
        if account is not None:
            return _Choice(Sourced(_with_name(wanted, account.sender_name), MESSAGE), None, account)
        if self._released:
            return self._kept(wanted)
        used = named or self._default()
        rewrites = used is not None and used.rewrite_from and own_address(used) is not None
        rewrites = rewrites and not self._native and not snapshot.has_senders(tenant_id)
        if rewrites or self._nothing_set_up:
            return _Choice(Sourced(wanted, MESSAGE))
        return None

    def _kept(self, wanted: Address) -> _Choice | None:
        """The From of bytes that exist already. The placeholder never leaves."""
        if wanted.key != PLACEHOLDER.key:
            return _Choice(Sourced(wanted, MESSAGE))
        self._fault(
            "sender",
            "This message was taken before any sender was set up, so it has no address that it could leave from.",
            "Add a sender, then hand the message over again.",
        )
        return None

    def _sender_owners(self) -> tuple[int, ...]:
        """Whose senders may be used: the tenant's own; the installation's where the tenant has none."""
        if self._snapshot.has_senders(self._tenant_id) or self._tenant_id == INSTALLATION:
            return (self._tenant_id,)
        return (self._tenant_id, INSTALLATION)

    def _unasked(self, named: Account | None) -> _Choice | None:
        """The sender of a message that names none."""
        snapshot = self._snapshot
        if named is not None and (own := own_address(named)) is not None:
            return _Choice(Sourced(own, of_account(named)), snapshot.sender_at(named.tenant_id, own), named)
        default = self._settings.default_sender_id
        row = None if default.value is None else snapshot.senders.get(default.value)
        if row is not None and row.tenant_id in self._sender_owners() and row.id in snapshot.addresses:
            return _Choice(Sourced(snapshot.addresses[row.id], default.source), row)
        account = self._default()
        if account is not None and (own := own_address(account)) is not None:
            return _Choice(Sourced(own, of_account(account)), snapshot.sender_at(account.tenant_id, own), account)
        return _Choice(Sourced(PLACEHOLDER, DEFAULT)) if self._nothing_set_up else None

    def _refuse(self, wanted: Address) -> None:
        if self._faults:
            return
        snapshot = self._snapshot
        known = sorted(
            snapshot.addresses[row.id].spec
            for row in snapshot.senders.values()
            if row.tenant_id in self._sender_owners() and row.id in snapshot.addresses
        )
        mend = f"Use one of {', '.join(known[:5])}{' …' if len(known) > 5 else ''}, or add" if known else "Add"
        problem = f"{wanted.spec} is not one of the senders that may be used here."
        self._fault("sender", problem, f"{mend} it as a sender (`postroom sender add`).")

    # -- the way ----------------------------------------------------------------------------------------------------

    def _way(self, found: Effective, row: Sender | None, account: Account | None) -> Route | list[Fault]:
        state, reason = self._first_state(row, account)
        if self._faults:
            return self._faults
        native = self._native
        most = found.account.value.limits.recipients if found.account.value is not None else _RECIPIENTS
        return Route(
            tenant_id=self._tenant_id,
            courier=(Mode.SMTP if self._test or (self._released and self._mode is Mode.SILENT) else self._mode).value,
            state=state,
            reason=reason,
            account_id=NATIVE if native else (None if account is None else account.id),
            routed=self._routed if not self._released else Routed.RELEASED,
            sender=found.sender.value,
            sender_id=None if row is None else row.id,
            reply_to=found.reply_to.value,
            return_path=found.return_path.value,
            receipt_to=found.receipt_to.value,
            footer=found.footer.value,
            unknown_policy=found.unknown_policy.value,
            instantly=found.sending.value is Sending.INSTANTLY,
            recipients_per_transaction=max(most, 1) if found.return_tag.value is AddressTag.OFF else 1,
            effective=found,
            fallback=self._fallback_of(account),
            return_tag=found.return_tag.value,
            reply_tag=found.reply_tag.value,
        )

    def _fallback_of(self, account: Account | None) -> str:
        found = (
            None if account is None or self._native else self._snapshot.accounts.get(account.fallback_account_id or 0)
        )
        return "" if found is None else found.name

    def _first_state(self, row: Sender | None, account: Account | None) -> tuple[State, str]:
        if self._test:
            return self._waiting(account)
        if self._mode is Mode.DISABLED:
            if self._released:
                self._fault("mode", "Sending is disabled: nothing leaves.", "Choose another mode first.")
            return State.DISABLED, Reason.MODE_DISABLED
        if self._quiet:
            return State.SILENCED, Reason.MODE_SILENT
        if self._draft.hold:
            return State.HELD, Reason.BY_HAND
        if row is not None and row.paused_reason:
            return State.HELD, Reason.SENDER_HELD
        return (State.QUEUED, "") if self._native else self._waiting(account)

    @staticmethod
    def _waiting(account: Account | None) -> tuple[State, str]:
        """Mail of an account that is off or paused waits in the queue and leaves when it is on again."""
        if account is None:
            return State.HELD, Reason.NO_ACCOUNT
        if not account.enabled:
            return State.QUEUED, Reason.ACCOUNT_DISABLED
        if account.state is AccountState.PAUSED:
            return State.QUEUED, Reason.ACCOUNT_PAUSED
        return State.QUEUED, ""


def _with_name(address: Address, name: str) -> Address:
    """The address with the name that it was given, else with this one."""
    return address if address.name or not name else Address(address.local, address.domain, name)
