"""The command line of sendmail, as programs have been writing it for decades.

Obeyed: -t -i -oi -f -r -F -bs -bm -bp -bi -q -C -v and `--`. Known and passed over, with their arguments, because they
say nothing to Postroom: -A -B -b(a) -d -e -G -h -I -L -m -N -n -O -o -p -R -U -V -X and what stands behind them. What
would make this program something it is not (a daemon, an address tester) is refused, and so is what nobody knows.

Rules it keeps: the first word that is no option ends the options, and what comes after it are recipients; one that
begins with a hyphen is refused unless `--` stood before, for it is more likely an injected option than an address. No
option names a file to write to (-X and -O QueueDirectory did; both have been used to attack web servers).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from postroom.sendmail.exits import Ending, Exit

__all__ = ["Options", "parse"]

_WITH_ARGUMENT = frozenset("BCFfhLNOopRrVX")
_ATTACHED_ONLY = frozenset("Abdeq")
"""What belongs to these stands right behind them or not at all (`-bs`, `-q30m`)."""
_ALONE = frozenset("GIimntUv")
_REFUSED_MODES = {
    "d": "it is no mail server; `postroom serve` is",
    "D": "it is no mail server; `postroom serve` is",
    "t": "it tests no addresses",
    "v": "it verifies no addresses",
    "h": "it keeps no host status",
    "H": "it keeps no host status",
}


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for. `sender` is None when nothing was said; an empty one is the null sender."""

    recipients: tuple[str, ...] = ()
    from_headers: bool = False
    dot_ends: bool = True
    sender: str | None = None
    name: str = ""
    mode: str = "m"
    """m: read a message; s: speak SMTP; p: list the spool; q: hand over the spool; i: nothing (newaliases); ?: help."""
    configuration: str = ""
    verbose: bool = False


def parse(arguments: Sequence[str], called: str = "sendmail") -> Options:
    """`called` is the program's own name: as `mailq` and `newaliases` it does what these do. Raises Ending."""
    found: dict[str, object] = {"mode": {"mailq": "p", "newaliases": "i"}.get(called, "m")}
    words = list(arguments)
    while words:
        word = words.pop(0)
        if word == "--":
            break
        if word in ("--help", "--version"):
            return Options(mode="?")
        if not word.startswith("-") or word == "-":
            words.insert(0, word)
            _refuse_options(words)
            break
        _cluster(word[1:], words, found)
    return Options(recipients=tuple(words), **found)  # type: ignore[arg-type]  # _set gives each name its own type


def _refuse_options(words: Sequence[str]) -> None:
    for word in words:
        if word.startswith("-"):
            raise Ending(Exit.USAGE, f"{word!a} comes after a recipient; options come first, or after -- it is one.")


def _cluster(letters: str, words: list[str], found: dict[str, object]) -> None:
    """One word of options: `-ti`, `-fann@x`, `-oem`."""
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter in _ALONE:
            _set(letter, "", found)
        elif letter in _ATTACHED_ONLY:
            _set(letter, letters, found)
            return
        elif letter in _WITH_ARGUMENT:
            if not letters and not words:
                raise Ending(Exit.USAGE, f"-{letter} needs something behind it.")
            _set(letter, letters or words.pop(0), found)
            return
        else:
            raise Ending(Exit.USAGE, f"There is no option {'-' + letter!a}.")


def _set(letter: str, value: str, found: dict[str, object]) -> None:
    if letter == "t":
        found["from_headers"] = True
    elif letter == "i" or (letter == "o" and value == "i"):
        found["dot_ends"] = False
    elif letter in "fr":
        found["sender"] = value
    elif letter == "F":
        found["name"] = value
    elif letter == "C":
        found["configuration"] = value
    elif letter == "v" or (letter == "o" and value == "v"):
        found["verbose"] = True
    elif letter == "q":
        found["mode"] = "q"
    elif letter == "I":
        found["mode"] = "i"
    elif letter == "b":
        _set_mode(value, found)


def _set_mode(value: str, found: dict[str, object]) -> None:
    if value in ("m", "s", "p", "i"):
        found["mode"] = value
    elif value in _REFUSED_MODES:
        raise Ending(Exit.USAGE, f"-b{value} can't be done: {_REFUSED_MODES[value]}.")
    elif value != "a":
        raise Ending(Exit.USAGE, f"There is no mode {'-b' + value!a}.")
