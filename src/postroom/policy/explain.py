"""Why a message goes the way it goes: one sentence for each step, with the value and the place where it was set."""

from __future__ import annotations

from collections.abc import Iterable

from postroom.addresses import Address
from postroom.model.account import Account, AddressTag, Limits
from postroom.model.state import State
from postroom.model.tenant import Mode, Sending, UnknownPolicy
from postroom.policy.presets import of_preset
from postroom.policy.sourced import DEFAULT, Sourced
from postroom.policy.way import Effective, Explanation, Reason, Route, Routed
from postroom.sentence import N_, Sentence

__all__ = ["explain"]

_MODES = {
    Mode.DISABLED: N_("Nothing is sent to anyone; messages are recorded, their content is not kept."),
    Mode.SILENT: N_("Messages are kept here to be read and released; nothing leaves."),
    Mode.NATIVE: N_("Messages are given to this machine's own mail command."),
    Mode.SMTP: N_("Messages are sent through SMTP accounts."),
}
_CHOSEN = {
    Routed.DEFAULT: N_("It goes through the default account."),
    Routed.SENDER: N_("It goes through the account that belongs to its sender."),
    Routed.MESSAGE: N_("It goes through the account that the message names."),
    Routed.RELEASED: N_("It was released by a person and goes through this account."),
    Routed.TEST: N_("It tests this account."),
}
_TAGS = {
    AddressTag.PLUS: N_("behind a plus in the address"),
    AddressTag.WHOLE: N_("in the place of the local part, so the domain has to take mail for any address"),
}
_REASONS = {
    Reason.NO_ACCOUNT: N_("It waits, because no account is set up; it leaves once there is one."),
    Reason.SENDER_HELD: N_("It waits, because this sender's mail is held."),
    Reason.BY_HAND: N_("It waits until it is released, as the message asks."),
    Reason.ACCOUNT_DISABLED: N_("It waits, because the account is switched off."),
    Reason.ACCOUNT_PAUSED: N_("It waits, because the account is paused."),
    Reason.MODE_SILENT: N_("It is kept here and can be read and released."),
    Reason.MODE_DISABLED: N_("It is recorded as not sent, because sending is disabled."),
    "": N_("It leaves as soon as it is its turn."),
}


def explain(route: Route, effective: Effective | None = None) -> list[Explanation]:
    """In the order in which it is decided. `effective` is the route's own unless another is given."""
    return list(_steps(route, effective or route.effective))


def _steps(route: Route, found: Effective) -> Iterable[Explanation]:
    yield _step("mode", found.mode.value.value, found.mode, _MODES[found.mode.value])
    yield _sender(found)
    yield _account(route, found)
    yield from _limits(found)
    yield from _fallback(route, found)
    yield from _addresses(found)
    yield _footer(found)
    yield Explanation("state", route.state.value, "", _REASONS.get(route.reason, route.reason))
    if route.state is State.QUEUED:
        yield _sending(found)
    yield _retry(found)
    yield _unknown(found)
    yield _retention(found)
    yield from _guard(found)


def _step(step: str, value: str, origin: Sourced[object], sentence: str) -> Explanation:
    return Explanation(step, value, origin.source, sentence)


def _sender(found: Effective) -> Explanation:
    shown = found.sender.value.display()
    if found.wanted is not None:
        told: str = Sentence("The account replaces the From address {wanted} by its own.", wanted=found.wanted.spec)
    elif found.sender.source == DEFAULT:
        told = N_("No sender is set up yet, so a placeholder stands there; it never leaves.")
    else:
        told = N_("This is the From address that recipients see.")
    return _step("sender", shown, found.sender, told)


def _account(route: Route, found: Effective) -> Explanation:
    account = found.account.value
    if account is not None:
        where = f"{account.name} ({account.host}:{account.port})"
        return _step("account", where, found.account, _CHOSEN.get(route.routed, _CHOSEN[Routed.DEFAULT]))
    if found.mode.value is Mode.NATIVE:
        return _step("account", "none", found.account, N_("The mail command of this machine needs no account."))
    return _step("account", "none", found.account, N_("No account is set up that it could go through."))


def _limits(found: Effective) -> Iterable[Explanation]:
    """What the account may do at once, and whether that is the provider's word or somebody's choice."""
    account = found.account.value
    if account is None:
        return
    limits = account.limits
    own = [f"limits.{name}" for name in ("connections", "per_minute", "per_day")]
    from_preset = [name for name in own if name in of_preset(account)]
    chosen = any(name not in from_preset and _limited(account, name) for name in own[1:])
    source = f"preset {account.preset}" if from_preset and not chosen else found.account.source
    provider = N_("So much the provider allows. What exceeds it waits.")
    sentence = provider if from_preset and not chosen else N_("So much the account allows. What exceeds it waits.")
    yield Explanation("limits", _so_much(limits), source, sentence)


def _so_much(limits: Limits) -> str:
    counts = {name: getattr(limits, name) for name in ("connections", "per_minute", "per_day")}
    if limits.per_minute is None and limits.per_day is None:
        return Sentence("{connections} connections", **counts)
    if limits.per_day is None:
        return Sentence("{connections} connections, {per_minute:,} a minute", **counts)
    if limits.per_minute is None:
        return Sentence("{connections} connections, {per_day:,} a day", **counts)
    return Sentence("{connections} connections, {per_minute:,} a minute, {per_day:,} a day", **counts)


def _fallback(route: Route, found: Effective) -> Iterable[Explanation]:
    account = found.account.value
    if account is not None and route.fallback:
        told = Sentence(
            "It takes over while {account} as a whole can't send; then mail goes on as before.", account=account.name
        )
        yield Explanation("fallback", route.fallback, f"account {account.name}", told)


def _limited(account: Account, name: str) -> bool:
    return getattr(account.limits, name.removeprefix("limits.")) is not None


def _addresses(found: Effective) -> Iterable[Explanation]:
    replies = _listed(found.reply_to.value)
    told = N_("Replies go there.") if replies else N_("Replies go to the From address.")
    yield _step("reply_to", replies or found.sender.value.spec, found.reply_to, told)
    yield from _tag("reply_to_tag", found.reply_tag, N_("Replies lead back to this message by a signed tag"))
    path = found.return_path.value
    told = N_("Delivery reports go there.") if path else N_("Delivery reports are not wanted (null return path).")
    yield _step("return_path", path or "<>", found.return_path, told)
    yield from _tag("return_path_tag", found.return_tag, N_("Reports lead back to each recipient by a signed tag"))
    receipt = found.receipt_to.value
    asked, not_asked = (
        N_("Recipients are asked to confirm there that they read it."),
        N_("No read receipt is asked for."),
    )
    yield _step("receipt_to", receipt.spec if receipt else "none", found.receipt_to, asked if receipt else not_asked)


def _tag(name: str, how: Sourced[AddressTag], told: str) -> Iterable[Explanation]:
    if how.value is not AddressTag.OFF:
        yield _step(name, how.value.value, how, Sentence("{told} {how}.", told=told, how=_TAGS[how.value]))


def _listed(addresses: tuple[Address, ...]) -> str:
    return ", ".join(address.spec for address in addresses)


def _footer(found: Effective) -> Explanation:
    told = N_("A footer is added to the text and the HTML.") if found.footer.value else N_("No footer is added.")
    return _step("footer", "yes" if found.footer.value else "no", found.footer, told)


def _sending(found: Effective) -> Explanation:
    instantly = found.sending.value is Sending.INSTANTLY
    told = N_("The caller waits for the first answer of the server.") if instantly else N_("The caller need not wait.")
    return _step("sending", found.sending.value.value, found.sending, told)


def _retry(found: Effective) -> Explanation:
    waits = ", ".join(str(wait) for wait in found.retry_minutes.value)
    told = Sentence(
        "After a passing failure it is tried again after {waits} minutes, for {days} days in all.",
        waits=waits,
        days=found.retry_days.value,
    )
    return _step("retry", waits, found.retry_minutes, told)


def _unknown(found: Effective) -> Explanation:
    again = found.unknown_policy.value is UnknownPolicy.RETRY
    told = (
        N_("If the server's last answer never comes, it is sent again and may arrive twice.")
        if again
        else N_("If the server's last answer never comes, it is held for a person to decide.")
    )
    return _step("unknown_policy", found.unknown_policy.value.value, found.unknown_policy, told)


def _retention(found: Effective) -> Explanation:
    told = Sentence(
        "Its content is kept for {content_days} days, its line in the log for {log_days}.",
        content_days=found.content_days.value,
        log_days=found.log_days.value,
    )
    return _step("retention", str(found.content_days.value), found.content_days, told)


def _guard(found: Effective) -> Iterable[Explanation]:
    """What keeps mail of a test system from real people (see `guard`)."""
    if found.guard_redirect.value:
        told = N_("This is no production system: what is not on the allow-list goes to this address instead.")
        yield _step("guard", found.guard_redirect.value, found.guard_redirect, told)
    if found.guard_allow.value:
        told = N_("This is no production system: only these recipients get their mail.")
        yield _step("guard", ", ".join(found.guard_allow.value), found.guard_allow, told)
