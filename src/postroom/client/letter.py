"""What goes out: the words of a message, as Python has them, turned into the JSON of the API.

Only spelling happens here (a path becomes base64, a `datetime` becomes RFC 3339); whether it makes a good message is
Postroom's to say, so that every door refuses alike.
"""

from __future__ import annotations

import base64
import difflib
import mimetypes
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypedDict

__all__ = ["Attachment", "Words", "attachment", "message_json"]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes along. With `inline` and a `content_id`, HTML shows it as `cid:content_id`."""

    filename: str
    content: bytes = field(repr=False)
    content_type: str = ""
    """Its media type; without it, the one that fits the name."""
    content_id: str = ""
    inline: bool = False


File: TypeAlias = Attachment | Path | str | tuple[str, bytes]
Moment: TypeAlias = datetime | str
Several: TypeAlias = str | Sequence[str]


class Words(TypedDict, total=False):
    """The fields of a message. Addresses are `name@example.org` or `Name <name@example.org>`."""

    to: Several
    cc: Several
    bcc: Several
    sender: str
    subject: str
    text: str
    html: str
    template: str
    language: str
    variables: Mapping[str, Any]
    reply_to: Several
    return_path: str
    attachments: Iterable[File]
    """`Attachment`, a path, or a pair of name and content."""
    headers: Mapping[str, str | Sequence[str]]
    kind: str
    priority: Literal["urgent", "normal", "bulk"]
    send_at: Moment
    expires_at: Moment
    tags: Sequence[str]
    metadata: Mapping[str, str]
    account: str
    hold: bool
    secret: bool
    receipt: bool
    receipt_to: str
    unknown: Literal["retry", "hold"]


_NAMES = {name: name for name in Words.__annotations__} | {"sender": "from"}


def message_json(words: Mapping[str, Any]) -> dict[str, Any]:
    """The object of the API for these words.

    Raises TypeError for a word that is none, ValueError for a time without a zone, OSError for a file that can't be
    read.
    """
    found: dict[str, Any] = {}
    for word, value in words.items():
        if word not in _NAMES:
            raise TypeError(_no_such_word(word))
        if value is not None:
            found[_NAMES[word]] = _spelled(word, value)
    return found


def _no_such_word(word: str) -> str:
    near = difflib.get_close_matches(word, _NAMES, n=1)
    return f"a message has no {word!r}" + (f"; did you mean {near[0]!r}?" if near else "")


def _spelled(word: str, value: Any) -> Any:
    if word == "attachments":
        return [_file(one) for one in value]
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{word} has no time zone; make it one with datetime.now(timezone.utc) or .astimezone()")
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    return value if isinstance(value, str | bool) else list(value) if isinstance(value, Iterable) else value


def attachment(path: Path | str) -> Attachment:
    """The file at this path. Raises OSError."""
    path = Path(path)
    return Attachment(path.name, path.read_bytes())


def _file(one: File) -> dict[str, Any]:
    if isinstance(one, tuple):
        one = Attachment(*one)
    elif not isinstance(one, Attachment):
        one = attachment(one)
    made: dict[str, Any] = {
        "filename": one.filename,
        "content": base64.b64encode(one.content).decode("ascii"),
        "content_type": one.content_type or _guessed(one.filename),
    }
    if one.content_id:
        made["content_id"] = one.content_id
    if one.inline:
        made["inline"] = True
    return made


def _guessed(filename: str) -> str:
    kind, encoding = mimetypes.guess_type(filename)
    return kind if kind and not encoding else "application/octet-stream"
