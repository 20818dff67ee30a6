"""How a mailbox stands, in a word, and what keeps it from being read, by the rules that explain failed mail."""

from __future__ import annotations

from postroom.model.account import Account
from postroom.model.attempt import Failure, Result, Verdict
from postroom.model.mailbox import MailboxState
from postroom.office.mailboxes import MailboxView
from postroom.policy.diagnosis import catalogue
from postroom.policy.rule import Case, Context, Words
from postroom.policy.tongue import ENGLISH
from postroom.policy.translation import told
from postroom.policy.verdict import judge

__all__ = ["FAMILY", "explained", "health", "in_words", "told_of", "wrong_of"]

FAMILY = "imap"
"""The family of the rules for servers that mail is read from."""


def explained(access: Account, result: Result) -> Verdict:
    """What a failure to read means."""
    return judge(result, _context(access))


def in_words(access: Account, result: Result, language: str = ENGLISH) -> Words:
    """The same as it is told in this language: title, explanation and remedy."""
    case, context = Case.of(result), _context(access)
    return told(catalogue().find(case, context), case, context, language)


def told_of(view: MailboxView, language: str = ENGLISH) -> Words | None:
    """What keeps it from being read now, in this language."""
    return in_words(view.mailbox.access, result_of(view.state), language) if view.state.trouble else None


def _context(access: Account) -> Context:
    return Context(
        family=FAMILY,
        encryption=access.encryption,
        login=access.login,
        host=access.host,
        port=access.port,
        user=access.user,
    )


def wrong_of(view: MailboxView) -> Verdict | None:
    """What keeps it from being read now; None while nothing does."""
    state = view.state
    return None if not state.trouble else explained(view.mailbox.access, result_of(state))


def result_of(state: MailboxState) -> Result:
    """The last failure, as it is kept."""
    return Result(state.phase, text=state.fault, failure=Failure(state.failure) if state.failure else None)


def health(view: MailboxView) -> str:
    """off, incomplete, failing, waiting (for its first look) or reading."""
    if not view.mailbox.enabled:
        return "off"
    if view.needs:
        return "incomplete"
    if view.state.trouble:
        return "failing"
    return "waiting" if view.state.looked_ms is None else "reading"
