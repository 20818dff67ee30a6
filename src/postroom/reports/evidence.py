"""The evidence file of a message: one zip for the help desk of whoever runs the server, or of the recipient.

In it: the message (EML), where each recipient stands and why, what happened when, every conversation with servers, and
the account's settings as they were at each attempt. A README tells in plain words what is there, and what is not and
why: a file that is missing is never passed over in silence.

Rules it keeps: no secret gets in (accounts have none among their values, conversations have theirs blanked, and where a
secret is kept is our business); the same message gives the same octets, until something more happens to it; names of
files are ours; it is bounded by what is kept of one message.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from textwrap import wrap
from typing import Any

from postroom.clock import iso
from postroom.ids import encode
from postroom.model.attempt import Attempt
from postroom.model.event import Event
from postroom.policy.sentences import tell
from postroom.policy.tongue import ENGLISH
from postroom.reports.views import MessageView, RecipientView, Timeline
from postroom.sentence import N_, Sentence
from postroom.smtp.reply import printable

__all__ = ["Evidence", "SettingsThen", "harmless", "pack"]

_MOST_RECIPIENTS = 200
_MOST_CONVERSATION = 256 * 1024
_LINE = "-" * 78
_OURS_ALONE = ("secret_reference", "credential_path", "footer_text", "footer_html")
"""Fields that say nothing to a help desk, and more than it has to know."""
_EARLIEST = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class SettingsThen:
    """An account's values in one version; none of them is secret. Empty where that version is not kept."""

    account: str
    version: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Evidence:
    """`content` is None where it may not be shown or is not kept, and `no_content` says why in a sentence; the same
    for the settings. `language`: what the README and the names of things are told in."""

    view: MessageView
    timeline: Timeline
    content: bytes | None
    no_content: str
    settings: tuple[SettingsThen, ...]
    no_settings: str
    language: str = ENGLISH


def harmless(values: Mapping[str, Any]) -> dict[str, Any]:
    """An account's values as a help desk may see them: what is not set is left out, what is ours alone only named."""
    told = {name: value for name, value in values.items() if value not in (None, "", [], {})}
    return {name: "(set)" if name in _OURS_ALONE else value for name, value in told.items()}


def pack(evidence: Evidence) -> bytes:
    """The zip. Takes a moment for a large message: not on the loop."""
    files = list(_files(evidence))
    readme = _readme(evidence, [name for name, _ in files])
    at = _moment(evidence.view.message.created_ms)
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, octets in [("README.txt", readme.encode()), *files]:
            entry = zipfile.ZipInfo(name, at)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = 0o600 << 16
            archive.writestr(entry, octets)
    return out.getvalue()


def _moment(at_ms: int) -> tuple[int, int, int, int, int, int]:
    when = datetime.fromtimestamp(at_ms / 1000, UTC)
    found = (when.year, when.month, when.day, when.hour, when.minute, when.second)
    return max(found, _EARLIEST)


def _files(evidence: Evidence) -> Iterator[tuple[str, bytes]]:
    if evidence.content is not None:
        yield "message.eml", evidence.content
    yield "diagnosis.txt", _diagnosis(evidence.view, evidence.language).encode()
    yield "timeline.txt", _timeline(evidence.timeline).encode()
    for number, attempt in enumerate(evidence.timeline.attempts, 1):
        yield f"conversation-{number}.txt", _conversation(evidence.timeline, attempt, evidence.language).encode()
    for number, one in enumerate(evidence.settings, 1):
        told = {"account": one.account, "version": one.version, "values": one.values}
        yield f"settings-{number}.json", (json.dumps(told, indent=2, ensure_ascii=False) + "\n").encode()


# -- the texts --------------------------------------------------------------------------------------------------------


def _readme(evidence: Evidence, names: Sequence[str]) -> str:
    message, say = evidence.view.message, _speaker(evidence.language)
    title = say("Evidence of one e-mail message, as Postroom recorded it")
    about = say(
        "What became of the message stands in diagnosis.txt, when it happened in timeline.txt, and what was said to "
        "the mail servers, word for word with passwords blanked (****), in the conversations. All times are UTC."
    )
    lines = [
        title,
        "=" * len(title),
        "",
        *wrap(about, 110),
        "",
        *_facts(
            (say("Message"), encode("m", message.id)),
            ("Message-ID", message.message_id),
            (say("From"), message.sender),
            (say("Return path"), message.mail_from or say("<> (none)")),
            (say("Accepted"), iso(message.created_ms)),
            (say("Size"), say(Sentence("{size:,} octets", size=message.size))),
            (say("Recipients"), f"{len(evidence.view.recipients)}"),
            (say("They are"), ", ".join(f"{count} {state.value}" for state, count in evidence.view.states.items())),
        ),
        "",
        say("Files"),
        *(f"  {name:<22} {say(_WHAT[name.partition('.')[0].partition('-')[0]])}" for name in names),
    ]
    missing = [f"  {name}: {say(why)}" for name, why in _missing(evidence)]
    if missing:
        lines += ["", say("What is not in here, and why"), *missing]
    return "\n".join(lines) + "\n"


def _missing(evidence: Evidence) -> Iterator[tuple[str, str]]:
    if evidence.content is None:
        yield "message.eml", evidence.no_content
    if evidence.no_settings:
        yield "settings", evidence.no_settings
    if not evidence.timeline.attempts:
        yield "conversations", _NO_ATTEMPTS
    if evidence.timeline.more:
        yield "timeline", _MORE


def _speaker(language: str) -> Callable[[str], str]:
    return lambda text: tell(text, language)


_WHAT = {
    "message": N_("the message as it was handed to the server"),
    "diagnosis": N_("where each recipient stands, whose trouble it is, what to do"),
    "timeline": N_("what happened, in order"),
    "conversation": N_("what was said to a server and heard from it, one attempt"),
    "settings": N_("the account's settings at an attempt; no passwords"),
}
_NO_ATTEMPTS = N_("nobody has tried to deliver it yet, so no server was spoken to.")
_MORE = N_("only the first events and the last attempts are in here; there were more.")


def _facts(*rows: tuple[str, str]) -> Iterator[str]:
    for name, value in rows:
        yield f"  {name:<14} {printable(value)}"


def _diagnosis(view: MessageView, language: str) -> str:
    say = _speaker(language)
    blocks = [_recipient(one, say) for one in view.recipients[:_MOST_RECIPIENTS]]
    left = len(view.recipients) - len(blocks)
    if left > 0:
        blocks.append(say(Sentence("… and {left:,} more recipients.", left=left)) + "\n")
    return f"\n{_LINE}\n\n".join(blocks)


def _recipient(one: RecipientView, say: Callable[[str], str]) -> str:
    rows = [
        (say("Recipient"), one.address),
        (say("State"), one.state.value),
        (say("Account"), one.account),
        (say("Attempts"), str(one.attempts)),
        (say("Next attempt"), "" if one.due_ms is None else iso(one.due_ms)),
        (say("Server said"), one.reply.replace("\n", " ")),
        (say("Diagnosis"), one.diagnosis),
        (say("Concerns"), one.scope),
        (say("Explanation"), one.explanation),
        (say("What to do"), one.remedy),
        (say("Setting"), one.field),
    ]
    return "\n".join(_facts(*[(name, value) for name, value in rows if value])) + "\n"


def _timeline(timeline: Timeline) -> str:
    return "".join(f"{_event(one)}\n" for one in timeline.events)


def _event(event: Event) -> str:
    whom = "" if event.n is None else f" recipient {event.n}"
    detail = "; ".join(f"{name}: {_told(name, value)}" for name, value in sorted(event.detail.items()))
    return printable(f"{iso(event.at_ms)} {event.kind.value}{whom}{'  ' if detail else ''}{detail}")


def _told(name: str, value: object) -> str:
    return iso(value) if name.endswith("_ms") and isinstance(value, int) else str(value)


def _conversation(timeline: Timeline, attempt: Attempt, language: str) -> str:
    say = _speaker(language)
    head = _facts(
        (say("Began"), iso(attempt.started_ms)),
        (say("Ended"), iso(attempt.ended_ms)),
        (say("Account"), timeline.accounts.get(attempt.account_id or 0, "")),
        (say("Settings"), say(Sentence("version {version}", version=attempt.account_version))),
        (say("Server"), attempt.server),
        (say("Encryption"), attempt.tls or say("none")),
        (say("Recipients"), ", ".join(map(str, attempt.recipients[:_MOST_RECIPIENTS]))),
        (say("Decided at"), attempt.phase),
        (say("Answer"), attempt.reply),
    )
    told = attempt.conversation
    if len(told) > _MOST_CONVERSATION:
        told = f"{told[:_MOST_CONVERSATION]}\n-- {len(told) - _MOST_CONVERSATION:,} characters more are left out\n"
    body = "\n".join(printable(line) for line in told.splitlines())
    return "\n".join(head) + f"\n{_LINE}\n{body}\n"
