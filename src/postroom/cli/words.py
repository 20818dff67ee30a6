"""States and events in words: for the command line, and for the page of the documentation that is made from it.

Says what a state means to a person and what can be done about it. Whether a move is allowed is decided by
`model.state.MOVES`, never here.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from postroom.cli.terminal import Cell
from postroom.model.event import EventKind
from postroom.model.state import State
from postroom.model.tenant import Mode, Sending
from postroom.policy.course import Stage
from postroom.policy.way import Reason

__all__ = ["COURSE", "EVENTS", "MODES", "SENDING", "STATES", "advice", "event_cell", "me", "state_cell"]

MODES: dict[str, str] = {
    Mode.DISABLED: "nothing is sent; each message is only noted, and its content is not kept",
    Mode.SILENT: "everything works and can be read here, but nothing leaves",
    Mode.NATIVE: "mail leaves through this machine's own sendmail command",
    Mode.SMTP: "mail leaves through the accounts",
}
SENDING: dict[str, str] = {
    Sending.INSTANTLY: "the call that brings a message waits for the server's answer",
    Sending.BACKGROUND: "the call returns once the message is on the disk",
}

STATES: dict[State, tuple[str, str]] = {
    State.QUEUED: ("Waits for its turn: for its send-at time, for a place, for its account's pace.", ""),
    State.SENDING: ("Is being delivered right now.", ""),
    State.SENT: ("The next server took it. From there on it is that server's job.", ""),
    State.DEFERRED: ("Did not go this time, for a reason that may pass. Postroom tries again by itself.", "retry"),
    State.FAILED: ("Will not go: the server refused it for good, or time ran out.", "resend"),
    State.UNKNOWN: (
        "It may have been sent, or not: its last octet may have left, but the server's answer never came.",
        "settle",
    ),
    State.HELD: ("Kept back, by a person or because its account or sender has to be mended first.", "release"),
    State.SILENCED: ("Kept and readable, not sent: the mode was silent when it came.", "release"),
    State.DISABLED: ("Noted, not sent, content not kept: the mode was disabled when it came.", ""),
    State.CANCELLED: ("Taken back by a person before it left.", "resend"),
    State.EXPIRED: ("Its expires-at time came before it could be sent.", "resend"),
    State.COLLECTED: ("Waits for its recipient's next digest, as he chose.", "release"),
    State.DIGESTED: ("Went out in a digest, a message of its own, which the timeline names.", "resend"),
}
"""State → what it means, and the command that moves it on."""

EVENTS: dict[EventKind, str] = {
    EventKind.ACCEPTED: "The message is on the disk; whoever handed it over was told so after that.",
    EventKind.SENDING: "An attempt began.",
    EventKind.SENT: "The server took it.",
    EventKind.DEFERRED: "The attempt failed for now; the next one is due at the time shown.",
    EventKind.FAILED: "It was given up.",
    EventKind.UNKNOWN: "The answer to the end of the message never came.",
    EventKind.HELD: "It was kept back, for the reason shown.",
    EventKind.RELEASED: "It was put back into the queue, by a person or because what held it was mended.",
    EventKind.SILENCED: "It was kept instead of sent: mode silent.",
    EventKind.DISABLED: "It was noted instead of sent: mode disabled.",
    EventKind.CANCELLED: "A person took it back.",
    EventKind.EXPIRED: "Its time ran out.",
    EventKind.RETRIED: "A person asked for the next attempt at once.",
    EventKind.RESENT: "It was sent again as a new message, whose id is shown.",
    EventKind.RECLAIMED: "The worker that had it went silent; another took over.",
    EventKind.RETURNED: "The worker gave it back untried, as when Postroom stops.",
    EventKind.RERENDERED: "It was written anew with another sender, for the reason shown; all else stayed as it was.",
    EventKind.DIVERTED: "Its account can't send; it leaves through that one's fallback account, or came back from it.",
    EventKind.COLLECTED: "Its recipient wants this kind in a digest; it goes with the one due at the time shown.",
    EventKind.DIGESTED: "It went into the digest of that time, which is the message shown.",
    EventKind.DECLINED: "Its recipient does not want this kind of mail, so it was not sent.",
    EventKind.SUPPRESSED: "Its recipient is on the suppression list, for the reason shown, so it was not sent.",
    EventKind.BOUNCED: "A report came back: it could not be delivered after all, for the reason shown.",
    EventKind.DELAYED: "A report came back: it is not delivered yet, and another server goes on trying.",
    EventKind.RELAYED: "A report came back: it was handed to a system that reports nothing further.",
    EventKind.DELIVERED: "A report came back: it is in the recipient's mailbox.",
    EventKind.READ: "A read receipt came back: the recipient's program says that it was shown to him.",
    EventKind.DELETED_UNREAD: "A read receipt came back: the recipient's program says that it was deleted unread.",
    EventKind.REPLIED: "Somebody replied.",
    EventKind.ANSWERED: "A program answered, as when the recipient is away.",
    EventKind.COMPLAINED: "The recipient reported it as unwanted.",
    EventKind.CONTENT_WIPED: "Its content was removed: retention, or a secret message that has been dealt with.",
}
"""Event → what happened."""

COURSE: dict[str, str] = {
    Stage.HANDED_OVER: "handed over",
    Stage.RELAYED: "relayed",
    Stage.DELIVERED: "delivered",
    Stage.DELETED_UNREAD: "deleted unread",
    Stage.READ: "read",
    Stage.ANSWERED: "answered by a program",
    Stage.REPLIED: "replied",
    Stage.COMPLAINED: "complained of",
    Stage.BOUNCED: "bounced",
    Stage.SAID_TO_BOUNCE: "bounced, as somebody says",
}
"""How far a mail came with a recipient."""

_STYLES = {
    State.SENT: "good",
    State.FAILED: "bad",
    State.EXPIRED: "bad",
    State.DEFERRED: "wait",
    State.UNKNOWN: "wait",
    State.HELD: "wait",
    State.SILENCED: "kept",
    State.DISABLED: "dim",
    State.CANCELLED: "dim",
    State.COLLECTED: "wait",
    State.DIGESTED: "good",
}

_ADVICE = {
    "retry": "`{me} retry {id}` tries at once.",
    "resend": "`{me} resend {id}` sends it again as a new message.",
    "release": "`{me} release {id}` lets it go.",
    "settle": "If you know better: `postroom settle {id} --sent` or `--not-sent` (sends it again).",
}

_HELD = {
    Reason.ACCOUNT_PAUSED: "Once it is mended: `{me} account resume {account}`.",
    Reason.ACCOUNT_DISABLED: "`{me} account edit {account} --enabled` switches it on.",
    Reason.NO_ACCOUNT: "`{me} account add` makes one.",
    Reason.SENDER_HELD: "Once it is mended: `{me} sender release {sender}`.",
}
"""What to do about held mail, by the reason it is held for; any other reason: release it."""


def state_cell(state: object, *, pad: int = 0) -> Cell:
    """The state in its colour."""
    text = str(state or "")
    return Cell(text.ljust(pad), _STYLES.get(State(text), "") if text in list(State) else "")


def event_cell(kind: object, *, pad: int = 0) -> Cell:
    """The event in the colour of the state it leads to."""
    return state_cell(kind, pad=pad)


def advice(recipient: Mapping[str, Any], message: Mapping[str, Any]) -> str:
    """The command that moves this recipient on, in a sentence; or "" when there is nothing to do."""
    state = recipient.get("state")
    if state not in list(State):
        return ""
    sentence = _ADVICE.get(STATES[State(str(state))][1], "")
    if state == State.HELD:
        sentence = _HELD.get(_why_held(recipient), sentence)
    return sentence.format(
        me=me(),
        id=message.get("id"),
        account=shlex.quote(str(recipient.get("account") or "ACCOUNT")),
        sender=shlex.quote(str(message.get("sender_id") or message.get("from") or "SENDER")),
    )


def _why_held(recipient: Mapping[str, Any]) -> str:
    # what still has a due time is not held itself: it waits behind a paused account
    return Reason.ACCOUNT_PAUSED if recipient.get("due_at") else str(recipient.get("reason") or "")


def me() -> str:
    """How this program is called where the person stands: `./postroom` in a checkout, else `postroom`."""
    folder = Path(sys.prefix).parent
    return "./postroom" if folder == Path.cwd() and (folder / "postroom").is_file() else "postroom"
