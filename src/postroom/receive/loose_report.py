"""Reports of non-delivery in the odd formats of the world: text for people, from before RFC 3464 or beside it.

qmail, Exim, older Postfix, sendmail and Exchange servers, gateways and list software each write their own. What they
share is enough: a sender that is a program, an address on a line of its own, and the answer or the reason near it.

Rules kept here: what is found is a claim, not a fact. Only who was really written to can be reported on, and that is
for whoever ties a report to its message to see. Nobody is guessed: an address is reported on only where it is named in
front of the message that came back; one that names nobody reports on "".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from postroom.compose.reading import Part
from postroom.compose.submitted_header import shown
from postroom.model.incoming import Fate, FateOf
from postroom.receive.report import answer_in

__all__ = ["is_loose_report", "loose_fates"]

MAX_LINES = 2_000
MAX_FATES = 100
_MOST_SENTENCES = 60
_MOST_GUESSED = 3

_DAEMON = re.compile(
    r"(?:^|[<\s\"(])(?:mailer[-_.]?daemon|mail[-_.]?daemon|postmaster|mdaemon|mail(?:er)?[-_. ]?(?:delivery|system)"
    r"|microsoftexchange[0-9a-f]*|bounces?[-_.]?(?:handler|daemon)?)(?:@|\b)",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"undeliver|not be delivered|non[- ]?deliver|delivery (?:status|fail|report|problem|has failed|error)"
    r"|returned (?:mail|to sender)|mail (?:delivery|system error)|failure notice|mail failure|failed delivery"
    r"|unzustellbar|konnte nicht zugestellt|zustellung|non remis|échec de remise|no se puede entregar|non recapitabile"
    r"|warning: (?:message|could not send)|delivery delayed|delayed mail",
    re.IGNORECASE,
)
_DELAYED = re.compile(
    r"delay(?:ed)?\b|not yet been delivered|will (?:be retried|continue|keep trying)|could not send message for"
    r"|verzögert|retr(?:y|ies) .{0,40}(?:days|hours)|this is a warning message only",
    re.IGNORECASE,
)
_SPEC = r"[^\s<>\"'(),;:\[\]]{1,64}@[A-Za-z0-9\u0080-\uffff.-]{1,255}"
_NAMED = re.compile(
    r"^[ \t>*-]{0,10}(?:(?:to|recipient|(?:failed )?address|an|empfänger)[ \t]*:[ \t]*)?"
    rf"[<'\"]?(?:mailto:|smtp:|rfc822;)?({_SPEC})"
    r"[>'\"]?[ \t]*(?:(:.*)|((?:[(-]|\.\.\.).*)|(?:on|am) \d.*)?$",
    re.IGNORECASE,
)
_ORIGINAL = re.compile(
    r"^[ \t>-]*(?:-{2,}.{0,60}(?:original|copy of (?:the|this|your)|below this line|transcript of session"
    r"|message headers|nachricht|returned message).{0,60}|received: from .*|return-path: .*)$",
    re.IGNORECASE,
)


def is_loose_report(message: Part, text: str) -> bool:
    """Whether a program says that a message could not be delivered."""
    if message.header.first("x-failed-recipients") is not None:
        return True
    sender = f"{message.shown('from')} {message.shown('return-path')}"
    if _DAEMON.search(sender) is None and message.shown("return-path") != "<>":
        return False
    return _SUBJECT.search(message.shown("subject")) is not None or answer_in(text[:20_000])[0] >= 400


def loose_fates(message: Part, text: str) -> tuple[FateOf, ...]:
    """Everyone whom it tells of, with what it says of each."""
    lines = _own_lines(text)
    whole = " ".join(lines)
    delayed = _DELAYED.search(f"{message.shown('subject')} {whole[:4_000]}") is not None
    named = dict(_named(lines))
    for field in message.header.all("x-failed-recipients"):
        for address in re.findall(_SPEC, field.text):
            named.setdefault(address, "")
    if not named:
        named = dict.fromkeys(_in_sentences(message, lines), "") or {"": ""}
    fates = []
    for address, reason in list(named.items())[:MAX_FATES]:
        code, enhanced, words = answer_in(reason)
        if not code and not enhanced:
            code, enhanced, near = answer_in(whole)
            words = words or (near if code or enhanced else "")
        softened = delayed or 400 <= code < 500
        fates.append(FateOf(shown(address), Fate.DELAYED if softened else Fate.FAILED, "", code, enhanced, words))
    return tuple(fates)


def _in_sentences(message: Part, lines: list[str]) -> list[str]:
    """Where no address has a line of its own: those that it speaks of, and that are neither who reports nor to whom."""
    header = " ".join(message.shown(name) for name in ("from", "to", "delivered-to", "return-path")).lower()
    found: dict[str, None] = {}
    for line in lines[:_MOST_SENTENCES]:
        for spec in re.findall(_SPEC, line):
            address = spec.rstrip(".").removeprefix("mailto:")
            if address.lower() not in header:
                found[address] = None
    return list(found)[:_MOST_GUESSED]


def _own_lines(text: str) -> list[str]:
    """What the program itself says, without the message that it gives back."""
    lines: list[str] = []
    for line in text.split("\n")[:MAX_LINES]:
        if _ORIGINAL.match(line[:300]) and any(map(str.strip, lines)) and not _is_transcript(line):
            break
        lines.append(line[:1_000])
    return lines


def _is_transcript(line: str) -> bool:
    """sendmail's session belongs to what it says."""
    return "transcript" in line.lower()


def _named(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Addresses that stand at the beginning of a line, each with the lines up to the next one or an empty line."""
    address, reason = "", [""]
    for line in lines:
        found = _NAMED.match(line)
        if found is not None:
            if address:
                yield address, " ".join(reason)
            address, reason = found[1].rstrip("."), [found[2] or found[3] or ""]
        elif address and line.strip():
            reason.append(line.strip())
        elif address and any(reason):
            yield address, " ".join(reason)
            address, reason = "", [""]
    if address:
        yield address, " ".join(reason)
