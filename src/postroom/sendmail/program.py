"""The program: reads the command line and the message, hands it over, and ends with the code its caller knows.

In order: options, set-up, message, recipients, hand-over; then a little of what waits in the spool, because who could
hand over one mail can hand over another. Nothing is printed that was not asked for, unless something went wrong: cron
would send a mail about it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from typing import BinaryIO

from postroom import __version__
from postroom.client import mailboxes
from postroom.client.mailboxes import Unreadable, name_in
from postroom.sendmail.configuration import Configuration, load
from postroom.sendmail.exits import Ending, Exit
from postroom.sendmail.handover import Accepted, hand_over, hand_over_spool
from postroom.sendmail.letter import Letter, read_letter, until_dot
from postroom.sendmail.options import Options, parse
from postroom.sendmail.spool import MOST_OCTETS, Mail, Spool, new_key

__all__ = ["run"]

_RECIPIENTS = ("to", "cc", "bcc", "apparently-to")
_RESENT = ("resent-to", "resent-cc", "resent-bcc")
_SECONDS_FOR_OTHERS = 2.0
_PASSED = re.compile(r"by \S+ \(Postroom\) ")
"""The uppermost Received field of a message that comes from Postroom straight away."""
_HELP = f"""\
postroom-sendmail {__version__}: takes a message from standard input, as /usr/sbin/sendmail does.

  postroom-sendmail [-t] [-i] [-f SENDER] [-F NAME] [-v] [-C FILE] [--] RECIPIENT...
  postroom-sendmail -bs     speaks SMTP on standard input and output
  postroom-sendmail -bp     lists what waits because Postroom can't be reached
  postroom-sendmail -q      hands it over now

  -t  recipients are those in To, Cc and Bcc, too     -i  a line with a dot is a line with a dot"""


def run(arguments: Sequence[str], environ: Mapping[str, str], called: str = "sendmail") -> Exit:
    """The whole program but for the end of the process. Raises nothing."""
    try:
        options = parse(arguments, called)
        if options.mode == "i":
            return Exit.OK
        if options.mode == "?":
            print(_HELP)
            return Exit.OK
        configuration = load(options.configuration, environ)
        if options.mode == "p":
            return _list(configuration)
        if options.mode == "q":
            return _empty(configuration)
        if options.mode == "s":
            return _converse(options, configuration)
        return _send(options, configuration)
    except Ending as ending:
        _complain(ending.text)
        return ending.code
    except KeyboardInterrupt:
        return Exit.TEMPFAIL
    except Exception as error:
        _complain(f"A mistake of this program's ({type(error).__name__}); nothing was sent.")
        return Exit.SOFTWARE


def _send(options: Options, configuration: Configuration) -> Exit:
    if sys.stdin is None:  # closed by the caller
        raise Ending(Exit.IOERR, "There is no standard input.")
    octets = _read(sys.stdin.buffer)
    letter = read_letter(until_dot(octets) if options.dot_ends else octets)
    mail = prepared(letter, options, configuration)
    accepted = hand_over(mail, configuration)
    if options.verbose:
        _tell(accepted)
    if accepted.receipt is not None:
        hand_over_spool(configuration, seconds=_SECONDS_FOR_OTHERS)
    return Exit.OK


def prepared(letter: Letter, options: Options, configuration: Configuration) -> Mail:
    """The mail for this message and these options. Raises Ending: no recipients, or some that nobody knows."""
    wanted = [address for word in options.recipients for address in addresses_in(word)]
    if options.from_headers:
        names = _RESENT if any(letter.has(name) for name in _RESENT) else _RECIPIENTS
        wanted += [address for value in letter.values(*names) for address in addresses_in(value)]
    if not wanted:
        where = "in the message or on the command line" if options.from_headers else "on the command line"
        raise Ending(Exit.USAGE, f"There is no recipient {where}.")
    if _PASSED.match(next(letter.values("received"), "")):
        raise Ending(Exit.UNAVAILABLE, "Postroom has just sent this here; in mode native it can't be its own sendmail.")
    to = tuple(dict.fromkeys(each for address in wanted for each in resolved(address, configuration)))
    sender = _sender(options, configuration)
    letter = with_author(letter.without("bcc", "resent-bcc"), options.name, sender, configuration)
    return Mail(new_key(), letter.octets, to, sender)


def addresses_in(text: str) -> list[str]:
    """Raises Ending (DATAERR)."""
    try:
        return mailboxes.addresses_in(text)
    except Unreadable as error:
        raise Ending(Exit.DATAERR, str(error)) from None


def resolved(address: str, configuration: Configuration) -> list[str]:
    """Where mail for this goes. Raises Ending (NOUSER)."""
    found = configuration.resolve(address)
    if not found:
        raise Ending(
            Exit.NOUSER, f"Nobody is known here as {address[:200]!a}; name a domain or an alias (docs/sendmail.md)."
        )
    return list(found)


def _sender(options: Options, configuration: Configuration) -> str | None:
    """The envelope's sender; None where nothing was said that has a domain: Postroom then takes its own."""
    if options.sender is None:
        return None
    found = addresses_in(options.sender)
    if not found:
        return ""
    return _qualified(found[0], configuration)


def _qualified(address: str, configuration: Configuration) -> str | None:
    if "@" in address:
        return address
    return f"{address}@{configuration.domain}" if configuration.domain else None


def with_author(letter: Letter, name: str, sender: str | None, configuration: Configuration) -> Letter:
    """With a From that has a domain, or with none: then the application's default sender stands there."""
    given = next(letter.values("from"), "")
    found = addresses_in(given)
    if found and "@" in found[0]:
        return letter
    address = _qualified(found[0], configuration) if found else sender or None
    name = name_in(given) or name
    letter = letter.without("from")
    if address is None:
        return letter
    return letter.with_field("From", f'"{_quoted(name)}" <{address}>' if name else address)


def _quoted(name: str) -> str:
    return name.strip('"').replace("\\", "\\\\").replace('"', '\\"')


def _converse(options: Options, configuration: Configuration) -> Exit:
    from postroom.sendmail.session import Session

    if sys.stdin is None or sys.stdout is None:
        raise Ending(Exit.IOERR, "There is no standard input or output.")

    def deliver(sender: str, to: list[str], octets: bytes) -> str:
        address = _qualified(sender, configuration) if sender else ""
        letter = with_author(read_letter(octets).without("bcc", "resent-bcc"), options.name, address, configuration)
        accepted = hand_over(Mail(new_key(), letter.octets, tuple(to), address), configuration)
        return accepted.receipt.id if accepted.receipt is not None else "kept until Postroom can be reached"

    return Session(
        sys.stdin.buffer, sys.stdout.buffer, deliver, lambda address: resolved(address, configuration), MOST_OCTETS
    ).run()


def _list(configuration: Configuration) -> Exit:
    waiting = Spool(configuration.spool, private=configuration.private).waiting()
    for kept in waiting:
        print(kept.path.stem)
    print(f"{len(waiting)} waiting in {configuration.spool}" if waiting else "Nothing waits here.")
    return Exit.OK


def _empty(configuration: Configuration) -> Exit:
    told = hand_over_spool(configuration, seconds=3_600.0)
    if told or told.trouble:
        _complain(
            f"{told.accepted} handed over, {told.refused} refused, {told.damaged} damaged, {told.left} left. "
            f"{told.trouble}".strip()
        )
    return Exit.TEMPFAIL if told.trouble else Exit.OK


def _read(file: BinaryIO) -> bytes:
    """Raises Ending."""
    try:
        octets = file.read(MOST_OCTETS + 1)
    except OSError as error:
        raise Ending(Exit.IOERR, f"The message can't be read: {error.strerror}.") from None
    if len(octets) > MOST_OCTETS:
        raise Ending(Exit.UNAVAILABLE, "The message is too large.")
    return octets


def _tell(accepted: Accepted) -> None:
    if accepted.receipt is None:
        _complain(f"Kept here and handed over later: {accepted.reason}")
    else:
        _complain(f"{accepted.receipt.id} {accepted.receipt.state}")


def _complain(text: str) -> None:
    """One line on standard error, if anybody listens there."""
    line = "".join(char if char.isprintable() else " " for char in text)
    try:
        print(f"postroom-sendmail: {line}", file=sys.stderr, flush=True)
    except (OSError, ValueError, AttributeError):
        return  # nobody listens
