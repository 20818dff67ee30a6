"""Why a recipient is where it is, in sentences: from the diagnosis of a server's answer, or from a rule's reason."""

from __future__ import annotations

from typing import NamedTuple

from postroom.model.account import Account, AccountState
from postroom.model.message import Message, Recipient
from postroom.model.state import WAITING, State
from postroom.policy.diagnosis import catalogue
from postroom.policy.rule import Case, Context
from postroom.policy.way import Reason

__all__ = ["Words", "shown_state", "words"]


class Words(NamedTuple):
    explanation: str = ""
    remedy: str = ""


_NO_CASE = Case(phase="", code=0, enhanced=None, text="", failure=None, in_doubt=False)

_REASONS: dict[str, Words] = {
    Reason.NO_ACCOUNT: Words(
        "No account is set up that it could leave through.",
        "Add an account or choose a default one; the mail then leaves by itself.",
    ),
    Reason.SENDER_HELD: Words(
        "The mail of this sender is held, because the account was not allowed to send for its address.",
        "Give the login the right to send for it, then release the sender.",
    ),
    Reason.BY_HAND: Words("Somebody did this by hand."),
    Reason.TENANT_SUSPENDED: Words("The tenant is suspended.", "The installation's administrator can end that."),
    Reason.ACCOUNT_DISABLED: Words("Its account is switched off.", "Switch the account on."),
    Reason.ACCOUNT_PAUSED: Words("Its account is paused.", "Resume the account."),
    Reason.MODE_SILENT: Words(
        "Not sent: the mode is silent, so mail is kept and does not leave.", "Release it, or set the mode to smtp."
    ),
    Reason.MODE_DISABLED: Words("Not sent: sending is disabled.", "Set another mode, and send the message again."),
    Reason.MODE_CHANGED: Words("The mode was changed while it waited."),
    Reason.DEFAULT_MOVED: Words("Another account became the default while it waited."),
    "reclaimed": Words("The worker that had it in hand is gone; nothing had left. It is tried again."),
    "no-answer": Words(
        "The message may have left, but the server's answer never came.",
        "Ask the recipient or look into the server's log; then say whether it was sent.",
    ),
    "not-sent-yet": Words("It was given back unsent and is tried again."),
    "expired": Words("Its time to expire came before it could be sent."),
    "fallback": Words("Its account can't send at present, so it leaves through that one's fallback account."),
    "content-gone": Words("Its content is gone, so it can't be sent any more.", "Cancel it, and send a new message."),
    "settled-by-hand": Words("Somebody said that it was sent."),
}


def shown_state(recipient: Recipient, account: Account | None) -> State:
    """Waiting mail of a paused account shows as held: that is what it is for whoever waits for it."""
    if recipient.state in WAITING and account is not None and account.state is AccountState.PAUSED:
        return State.HELD
    return recipient.state


def words(message: Message, recipient: Recipient, account: Account | None) -> Words:
    """The best that can be said about where the recipient stands; nothing when its state speaks for itself."""
    if recipient.state in WAITING and account is not None:
        if account.state is AccountState.PAUSED:
            own = account.tenant_id == message.tenant_id
            remedy = "Mend that, then resume it." if own else "The installation's administrator has to mend that."
            return Words(f"Its account {account.name} is paused: {account.paused_reason}", remedy)
        if not account.enabled:
            return _REASONS[Reason.ACCOUNT_DISABLED]
    if recipient.state is State.SENT:
        return Words() if recipient.reason == "" else _REASONS.get(recipient.reason, Words())
    rule = catalogue().by_id.get(recipient.diagnosis) if recipient.diagnosis else None
    if rule is None:
        return _REASONS.get(recipient.reason, Words())
    verdict = rule.verdict(_NO_CASE, _context(message, account))
    return Words(" ".join(part for part in (verdict.title, verdict.explanation) if part), verdict.remedy)


def _context(message: Message, account: Account | None) -> Context:
    """An inherited account's host and user are the installation's business: the words then say "the server"."""
    if account is None or account.tenant_id != message.tenant_id:
        return Context(sender=message.sender)
    return Context(host=account.host, port=account.port, user=account.user, sender=message.sender)
