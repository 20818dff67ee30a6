"""The nouns of a decision about a message's way: what the message wishes, what is in effect, and the way itself."""

from __future__ import annotations

from dataclasses import dataclass

from postroom.addresses import Address
from postroom.model.account import Account, AddressTag
from postroom.model.state import State
from postroom.model.tenant import Footer, Mode, Sending, UnknownPolicy
from postroom.policy.sourced import Sourced

__all__ = ["Change", "Effective", "Explanation", "Reason", "Route", "Routed", "Wishes"]


class Reason:
    """Why a recipient waits or does not leave: short words for programs, kept with the recipient."""

    NO_ACCOUNT = "no-account"
    SENDER_HELD = "sender-held"
    BY_HAND = "by-hand"
    TENANT_SUSPENDED = "tenant-suspended"
    ACCOUNT_DISABLED = "account-disabled"
    ACCOUNT_PAUSED = "account-paused"
    MODE_SILENT = "mode-silent"
    MODE_DISABLED = "mode-disabled"
    MODE_CHANGED = "mode-changed"
    DEFAULT_MOVED = "default-account-moved"
    GUARD = "guard"
    DIGEST = "digest"
    DECLINED = "declined"
    SUPPRESSED = "suppressed"


class Routed:
    """What chose the account: only mail that goes the default way follows the default when it moves."""

    DEFAULT = "default"
    SENDER = "sender"
    MESSAGE = "message"
    RELEASED = "released"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a message asks for besides its content, read and checked.

    `return_path`: None is no wish, "" the null reverse-path (RFC 5321, 4.5.5).
    """

    sender: Address | None = None
    reply_to: tuple[Address, ...] = ()
    return_path: str | None = None
    receipt_to: Address | None = None
    request_receipt: bool | None = None
    unknown_policy: UnknownPolicy | None = None


@dataclass(frozen=True, slots=True)
class Effective:
    """Everything that holds for one message, each value with its source.

    `return_path` is the envelope's sender ("" is the null reverse-path); `receipt_to` gets read receipts, None when
    none is asked for; `wanted` is the From that was rewritten to the account's own, else None. The two tags: how the
    addresses that mail comes back to lead to this message.
    """

    mode: Sourced[Mode]
    sending: Sourced[Sending]
    account: Sourced[Account | None]
    sender: Sourced[Address]
    wanted: Address | None
    reply_to: Sourced[tuple[Address, ...]]
    return_path: Sourced[str]
    return_tag: Sourced[AddressTag]
    reply_tag: Sourced[AddressTag]
    receipt_to: Sourced[Address | None]
    footer: Sourced[Footer | None]
    unknown_policy: Sourced[UnknownPolicy]
    retry_minutes: Sourced[tuple[int, ...]]
    retry_days: Sourced[int]
    content_days: Sourced[int]
    log_days: Sourced[int]
    guard_redirect: Sourced[str | None]
    guard_allow: Sourced[tuple[str, ...] | None]


@dataclass(frozen=True, slots=True)
class Route:
    """The way of one message. `state` is its recipients' first state, `reason` a word of `Reason` or "".

    `account_id` is None while there is none, and `snapshot.NATIVE` for the operator's own command.
    `fallback`: the name of the account that takes over when that one can't send, or "".
    `recipients_per_transaction`: so many go to the server at once. `instantly`: the caller waits for the first try.
    """

    tenant_id: int
    courier: str
    state: State
    reason: str
    account_id: int | None
    routed: str
    sender: Address
    sender_id: int | None
    reply_to: tuple[Address, ...]
    return_path: str
    receipt_to: Address | None
    footer: Footer | None
    unknown_policy: UnknownPolicy
    instantly: bool
    recipients_per_transaction: int
    effective: Effective
    fallback: str = ""
    return_tag: AddressTag = AddressTag.OFF
    reply_tag: AddressTag = AddressTag.OFF


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of mail that was about to leave, because settings have changed since it was accepted."""

    state: State
    reason: str
    account_id: int | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """One step of the way, for people: what was decided, where that comes from, and a plain sentence."""

    step: str
    value: str
    source: str
    sentence: str
