"""Everything that can be asked of Postroom, each verb once, for synchronous and asynchronous programs alike.

A verb is a generator that asks by `exchange` and returns what came back; `waiting` and `awaiting` drive it. Nothing
here knows a socket.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar, Unpack
from urllib.parse import quote, urlencode

from postroom.client.errors import ClientError, NotAuthorised, Refused
from postroom.client.exchange import Answer, Ask, Call, Flow, Patience, exchange, refusal
from postroom.client.letter import Words, message_json
from postroom.client.shapes import Health, Message, Page, Receipt, Timeline, read

if TYPE_CHECKING:
    from email.message import Message as Mail

__all__ = ["Search", "Verbs"]

T = TypeVar("T")

_MOST = 500
_LARGEST = 8 * 1024 * 1024
"""Messages, and octets of them, in one request: what is more goes in several."""

_JSON = {"content-type": "application/json"}


class Search(TypedDict, total=False):
    """What `messages` looks for; everything that is given has to fit. Times are RFC 3339."""

    recipient: str
    sender: str
    subject: str
    state: str
    kind: str
    application: str
    tag: str
    since: str
    until: str
    text: str


class Verbs:
    """`make_key` gives a new idempotency key for each call that was given none."""

    def __init__(self, patience: Patience, make_key: Callable[[], str] = lambda: uuid.uuid4().hex) -> None:
        self._patience = patience
        self._make_key = make_key

    # -- handing over -----------------------------------------------------------------------------------------------

    def send(
        self, message: Mail | None = None, *, idempotency_key: str | None = None, **words: Unpack[Words]
    ) -> Flow[Receipt]:
        """Hands one message over, in words or as a message of Python's `email` package (words then go before it).

        It is on Postroom's disk when this returns, and exactly once, however often it had to be asked. Raises
        ClientError; TypeError or ValueError for words that make no sense, OSError for a file that can't be read.
        """
        key = idempotency_key or _key_in(message) or self._make_key()
        body = _body(message, words)
        return (yield from self._ask(_post("/v1/messages", body, _receipt, key=key)))

    def send_raw(
        self,
        content: bytes | Mail,
        *,
        sender: str | None = None,
        to: Sequence[str] | None = None,
        idempotency_key: str | None = None,
    ) -> Flow[Receipt]:
        """Hands over a message that is composed already (RFC 5322), which keeps its octets.

        `sender` and `to` are the envelope; without `to` the recipients are those of To, Cc and Bcc. Bcc is taken out.
        """
        key = idempotency_key or self._make_key()
        octets = content if isinstance(content, bytes) else _octets(content)
        body: dict[str, Any] = {"raw": base64.b64encode(octets).decode("ascii")}
        if sender is not None:
            body["from"] = sender
        if to is not None:
            body["to"] = list(to)
        return (yield from self._ask(_post("/v1/messages/raw", body, _receipt, key=key)))

    def send_many(
        self, messages: Iterable[Words | Mail], *, idempotency_key: str | None = None
    ) -> Flow[list[Receipt | ClientError]]:
        """Hands over many, each for itself: the answer has in its place a Receipt, or the error that stopped it.

        What concerns all of them (no key, nobody there) is raised as long as nothing was accepted.
        """
        key = idempotency_key or self._make_key()
        bodies = [_body(None, one) if isinstance(one, Mapping) else _body(one, {}) for one in messages]
        found: list[Receipt | ClientError] = []
        for number, part in enumerate(_parts(bodies)):
            try:
                call = _post("/v1/messages", part, _results, key=f"{key}.{number}")
                found += yield from self._ask(call)
            except ClientError as error:
                if isinstance(error, NotAuthorised) or not found:
                    raise
                found += [error] * (len(bodies) - len(found))
                break
        return found

    # -- finding ----------------------------------------------------------------------------------------------------

    def message(self, message_id: str) -> Flow[Message]:
        """A message and where each of its recipients stands."""
        return (yield from self._ask(_get(_path(message_id), lambda found: read(Message, found))))

    def timeline(self, message_id: str) -> Flow[Timeline]:
        """Everything that happened to a message, with every attempt."""
        return (yield from self._ask(_get(_path(message_id, "timeline"), lambda found: read(Timeline, found))))

    def content(self, message_id: str) -> Flow[bytes]:
        """The message as it is sent (message/rfc822). NotFound once it was wiped or was never kept."""
        return (yield from self._ask(Call(Ask("GET", _path(message_id, "content")), lambda answer: answer.body)))

    def page(self, cursor: str | None = None, limit: int = 100, **wanted: Unpack[Search]) -> Flow[Page]:
        """A page of messages, the newest first; `cursor` is `next` of the page before."""
        asked = {**wanted, "limit": limit, "cursor": cursor or ""}
        query = urlencode([(name, value) for name, value in asked.items() if value not in ("", None)])
        return (yield from self._ask(_get(f"/v1/messages?{query}", lambda found: read(Page, found))))

    def health(self) -> Flow[Health]:
        """Whether all is well with Postroom."""
        return (yield from self._ask(_get("/v1/health", lambda found: read(Health, found))))

    # -- acting -----------------------------------------------------------------------------------------------------

    def cancel(self, message_id: str, recipients: Sequence[int] | None = None) -> Flow[Receipt]:
        """Takes back what has not left, for all or for these recipients (by their `n`). Conflict: too late."""
        return (yield from self._act(message_id, "cancel", recipients=recipients))

    def hold(self, message_id: str, recipients: Sequence[int] | None = None) -> Flow[Receipt]:
        """Keeps waiting mail until it is released."""
        return (yield from self._act(message_id, "hold", recipients=recipients))

    def release(
        self, message_id: str, recipients: Sequence[int] | None = None, *, to: str | Sequence[str] | None = None
    ) -> Flow[Receipt]:
        """Lets held or silenced mail go; with `to`, a copy of it to these instead, whose receipt is the answer."""
        return (yield from self._act(message_id, "release", recipients=recipients, to=to))

    def retry(self, message_id: str, recipients: Sequence[int] | None = None) -> Flow[Receipt]:
        """Tries waiting mail now."""
        return (yield from self._act(message_id, "retry", recipients=recipients))

    def resend(self, message_id: str, *, to: str | Sequence[str] | None = None) -> Flow[Receipt]:
        """The same octets once more as a new message, to those who did not get it or to others; the new receipt."""
        return (yield from self._act(message_id, "resend", to=to))

    def settle(self, message_id: str, *, sent: bool, recipients: Sequence[int] | None = None) -> Flow[Receipt]:
        """Says what became of mail whose answer never came: it was sent, or it was not and goes again."""
        return (yield from self._act(message_id, "settle", sent=sent, recipients=recipients))

    def _act(
        self, message_id: str, verb: Literal["cancel", "hold", "release", "retry", "resend", "settle"], **values: Any
    ) -> Flow[Receipt]:
        # A string is a Sequence too, and goes as it is; what the act did can't be told from a repetition of it.
        body = {name: _listed(value) for name, value in values.items() if value is not None}
        return (yield from self._ask(_post(_path(message_id, verb), body, _receipt)))

    def _ask(self, call: Call[T]) -> Flow[T]:
        return (yield from exchange(call, self._patience))


def _body(message: Mail | None, words: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON of one message; Python's `email` package is loaded only for those who use it."""
    if message is None:
        return message_json(words)
    from postroom.client.mail import words_of

    return message_json({**words_of(message), **words})


def _key_in(message: Mail | None) -> str:
    if message is None:
        return ""
    from postroom.client.mail import key_of

    return key_of(message)


def _octets(message: Mail) -> bytes:
    from postroom.client.mail import as_bytes

    return as_bytes(message)


def _listed(value: Any) -> Any:
    return value if isinstance(value, str | bool) else list(value)


def _path(message_id: str, *more: str) -> str:
    return "/".join(["/v1/messages", quote(message_id, safe="") or "-", *more])


def _get(path: str, made: Callable[[Any], T]) -> Call[T]:
    return Call(Ask("GET", path), lambda answer: made(answer.document()))


def _post(path: str, body: object, made: Callable[[Answer], T], *, key: str = "") -> Call[T]:
    if not key.isascii() or not key.isprintable():
        raise ValueError("an idempotency key is made of printable ASCII characters")
    headers = {**_JSON, "idempotency-key": key} if key else _JSON
    # What JSON can't say (half of a surrogate pair) is sent as its escape, for Postroom to refuse in its words.
    octets = json.dumps(body, separators=(",", ":")).encode("ascii")
    return Call(Ask("POST", path, headers, octets), made, repeatable=bool(key), key=key)


def _receipt(answer: Answer) -> Receipt:
    return read(Receipt, answer.document(), again=answer.headers.get("idempotency-replayed") == "true")


def _results(answer: Answer) -> list[Receipt | Refused]:
    return [_result(one) for one in answer.document()["results"]]


def _result(one: Mapping[str, Any]) -> Receipt | Refused:
    if "message" in one:
        return read(Receipt, one["message"], again=one.get("replayed") is True)
    return refusal(one["status"], one["problem"])


def _parts(bodies: list[dict[str, Any]]) -> Iterable[list[dict[str, Any]]]:
    """The messages in lists that one request may bring."""
    part: list[dict[str, Any]] = []
    size = 0
    for body in bodies:
        weight = sum(len(file["content"]) for file in body.get("attachments", ())) + len(body.get("html", "")) + 1_000
        if part and (len(part) >= _MOST or size + weight > _LARGEST):
            yield part
            part, size = [], 0
        part.append(body)
        size += weight
    if part:
        yield part
