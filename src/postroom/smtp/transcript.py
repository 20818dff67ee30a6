"""The conversation for people: who said what, and when, as lines of text.

Rules kept here:
- Secrets do not get in: whoever writes a login hands over what is to be shown instead of it.
- Bodies do not get in: they are shown by their size.
- It costs nothing until somebody reads it: references are kept, `text` does the formatting; and it is bounded,
  whatever is said.

Times are seconds of the driver's clock; what is shown is milliseconds since the first entry.
"""

from collections.abc import Sequence
from functools import lru_cache

from postroom.smtp.reply import Reply, printable

MAX_ENTRIES = 200
MAX_LINES = 60
"""Lines shown of one entry; a group of many RCPTs shows its first and its last ones."""
MAX_COMMANDS = 16_384
"""Bytes kept of one group of commands."""
_HEAD = 120

Entry = tuple[float, bytes | int | str | Sequence[Reply]]


class Transcript:
    """What was said, in order. Appending is cheap, `text` is not."""

    __slots__ = ("_entries", "_left_out")

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._left_out = 0

    def sent(self, at: float, commands: bytes) -> None:
        """We wrote these command lines (secrets already blanked)."""
        self._add((at, commands if len(commands) <= MAX_COMMANDS else _shortened(commands)))

    def body(self, at: float, size: int) -> None:
        """We wrote `size` octets of message."""
        self._add((at, size))

    def heard(self, at: float, replies: Sequence[Reply]) -> None:
        """The server said this."""
        if replies:
            self._add((at, replies))

    def note(self, at: float, text: str) -> None:
        """Something happened that nobody said, such as the end of the connection."""
        self._add((at, text))

    def text(self) -> str:
        """All of it: a line each, `C:` for the client, `S:` for the server, `--` for what happened."""
        if not self._entries:
            return ""
        origin = self._entries[0][0]
        lines: list[str] = []
        for place, (at, entry) in enumerate(self._entries):
            if place == _HEAD and self._left_out:
                lines.append(f"          -- {self._left_out:,} more steps")
            stamp = f"{max(0.0, at - origin) * 1000:6.0f} ms "
            lines.extend(stamp + line for line in _bounded(_shown(entry)))
        return "\n".join(lines) + "\n"

    def __repr__(self) -> str:
        return f"<Transcript of {len(self._entries)} steps>"

    def _add(self, entry: Entry) -> None:
        if len(self._entries) >= MAX_ENTRIES:
            del self._entries[_HEAD]
            self._left_out += 1
        self._entries.append(entry)


def _shortened(commands: bytes) -> bytes:
    half = MAX_COMMANDS // 2
    head, tail = commands[:half], commands[-half:]
    return head[: head.rfind(b"\n") + 1] + b"[...]\r\n" + tail[tail.find(b"\n") + 1 :]


def _shown(entry: bytes | int | str | Sequence[Reply]) -> list[str]:
    if isinstance(entry, bytes):
        text = entry.decode("utf-8", "replace").removesuffix("\r\n")
        return [f"C: {line if line.isprintable() else printable(line)}" for line in text.split("\r\n")]
    if isinstance(entry, int):
        return [f"C: [{entry:,} bytes of message]"]
    if isinstance(entry, str):
        return [f"-- {printable(entry)}"]
    return [line for reply in entry for line in _shown_reply(reply)]


@lru_cache(maxsize=512)
def _shown_reply(reply: Reply) -> tuple[str, ...]:
    # Servers say the same few things all day.
    return tuple([f"S: {line}" for line in str(reply).split("\n")])


def _bounded(lines: list[str]) -> list[str]:
    if len(lines) <= MAX_LINES:
        return lines
    half = MAX_LINES // 2
    return [*lines[:half], f"-- {len(lines) - 2 * half:,} more lines", *lines[-half:]]
