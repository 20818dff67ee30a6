"""Why a recipient is where it is, in sentences: from the diagnosis of a server's answer, or from a rule's reason."""

from __future__ import annotations

from typing import NamedTuple

from postroom.model.account import Account, AccountState
from postroom.model.message import Message, Recipient
from postroom.model.state import WAITING, State
from postroom.policy.diagnosis import catalogue
from postroom.policy.mending import change_of
from postroom.policy.rule import Case, Context, Rule
from postroom.policy.tongue import ENGLISH
from postroom.policy.translation import told
from postroom.policy.way import Reason
from postroom.reports.wording_german import BY_REASON as GERMAN

__all__ = ["Words", "diagnosed", "mend", "retold", "shown_state", "words"]


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
    Reason.DIGEST: Words("Its recipient gets this kind of mail in a digest."),
    Reason.DECLINED: Words("Its recipient does not want this kind of mail, so it was not sent."),
    Reason.SUPPRESSED: Words(
        "Its recipient is on the suppression list, so it was not sent.",
        "If that is wrong, release the recipient, and send the message again.",
    ),
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


def words(message: Message, recipient: Recipient, account: Account | None, language: str = ENGLISH) -> Words:
    """The best that can be said about where the recipient stands; nothing when its state speaks for itself."""
    if recipient.state in WAITING and account is not None:
        if account.state is AccountState.PAUSED:
            return _paused(message, account, language)
        if not account.enabled:
            return _reason(Reason.ACCOUNT_DISABLED, language)
    if recipient.state is State.SENT:
        return Words() if recipient.reason == "" else _reason(recipient.reason, language)
    rule = diagnosed(recipient)
    if rule is None:
        return _reason(recipient.reason, language)
    title, explanation, remedy = told(rule, _NO_CASE, _context(message, account), language)
    return Words(" ".join(part for part in (title, explanation) if part), remedy)


def diagnosed(recipient: Recipient) -> Rule | None:
    """The rule that explained the last answer, as long as it is the reason why the recipient stands where it stands."""
    if recipient.state is State.SENT or not recipient.diagnosis:
        return None
    return catalogue().by_id.get(recipient.diagnosis)


def mend(message: Message, recipient: Recipient, account: Account | None) -> dict[str, str | int]:
    """What *Apply* would change of the account's settings; nothing for an account that is not the tenant's own."""
    rule = diagnosed(recipient)
    if rule is None or account is None or account.tenant_id != message.tenant_id:
        return {}
    return change_of(rule.apply, account)


def retold(detail: dict[str, object], account: Account | None, language: str) -> dict[str, object]:
    """An event's detail with the title of its diagnosis in this language; the server's own words stay as they were."""
    rule = catalogue().by_id.get(str(detail.get("diagnosis", "")))
    if language == ENGLISH or rule is None or "title" not in detail:
        return detail
    known = Context() if account is None else Context(host=account.host, port=account.port, user=account.user)
    return {**detail, "title": told(rule, _NO_CASE, known, language).title}


def _reason(reason: str, language: str) -> Words:
    if language != ENGLISH and reason in GERMAN:
        return Words(*GERMAN[reason])
    return _REASONS.get(reason, Words())


def _paused(message: Message, account: Account, language: str) -> Words:
    own = account.tenant_id == message.tenant_id
    if language == ENGLISH:
        remedy = "Mend that, then resume it." if own else "The installation's administrator has to mend that."
        return Words(f"Its account {account.name} is paused: {account.paused_reason}", remedy)
    remedy = (
        "Beheben Sie das und setzen Sie es dann fort."
        if own
        else "Das muss der Administrator der Installation beheben."
    )
    return Words(f"Das Konto {account.name} ist angehalten: {_why_paused(account, language)}", remedy)


def _why_paused(account: Account, language: str) -> str:
    """What is kept with a paused account is the diagnosis' English title, and what to do where a grant is lost;
    somebody's own words stay as they are."""
    known = Context(host=account.host, port=account.port, user=account.user)
    for rule in catalogue().rules:
        words, ours = rule.words(_NO_CASE, known), told(rule, _NO_CASE, known, language)
        if words.title == account.paused_reason:
            return ours.title
        if f"{words.title} {words.remedy}" == account.paused_reason:
            return f"{ours.title} {ours.remedy}"
    return account.paused_reason


def _context(message: Message, account: Account | None) -> Context:
    """An inherited account's host and user are the installation's business: the words then say "the server"."""
    if account is None or account.tenant_id != message.tenant_id:
        return Context(sender=message.sender)
    return Context(host=account.host, port=account.port, user=account.user, sender=message.sender)
