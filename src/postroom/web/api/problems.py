"""Every error as `application/problem+json` (RFC 9457): one shape, all faults at once, nothing unsafe to show.

The words and statuses of Postroom's own errors come from `postroom.errors`. What only HTTP can get wrong (no JSON, no
such path, a body that is too long) is a `RequestError`: it can't happen at another door and so is not in that tree. An
error nobody raised on purpose is told as 500 without a word of its own; the log gets its kind and where it happened,
never its text, which may quote a secret or a message.
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from postroom import errors
from postroom.errors import Fault, PostroomError

__all__ = [
    "KINDS",
    "MEDIA_TYPE",
    "Kind",
    "Problem",
    "RequestError",
    "encode_json",
    "problem_of",
    "problem_of_status",
    "schema",
    "unexpected",
]

MEDIA_TYPE = "application/problem+json"
MOST_FAULTS = 200
"""More are not told: a body of a million wrong addresses must not be answered by a hundred megabytes."""
_LONGEST_TEXT = 2_000
RETRY_SECONDS = 5
"""What a caller is told to wait when the database does not take work (RFC 9110 section 10.2.3)."""

_log = logging.getLogger("postroom.web")
encode_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem, as the documentation lists it. `slug` is what programs tell it by."""

    status: int
    slug: str
    title: str


_MALFORMED = Kind(400, "malformed", "This is not a request Postroom can read")
_NO_PATH = Kind(404, "no-such-path", "There is nothing at this address")
_METHOD = Kind(405, "method-not-allowed", "That can't be done here")
_SLOW = Kind(408, "too-slow", "The body did not arrive in time")
_MEDIA = Kind(415, "unsupported-media-type", "The body has to be JSON, not compressed")
_BUSY = Kind(503, "busy", "More mail arrives than can be taken at the moment")
_HTTP_ONLY = {kind.slug: kind for kind in (_MALFORMED, _NO_PATH, _METHOD, _SLOW, _MEDIA, _BUSY)}
_OWN = (
    errors.BadInput,
    errors.Unauthenticated,
    errors.Forbidden,
    errors.NotFound,
    errors.Conflict,
    errors.SecretSealed,
    errors.TooLarge,
    errors.TooMany,
    errors.ProviderTrouble,
    errors.NotAvailableYet,
    errors.StoreUnavailable,
    errors.StoreFull,
    PostroomError,
)
KINDS: tuple[Kind, ...] = tuple(
    sorted(
        [Kind(own.status, own.slug, own.title) for own in _OWN] + list(_HTTP_ONLY.values()),
        key=lambda kind: (kind.status, kind.slug),
    )
)
"""Every kind of problem the API answers with."""


class RequestError(Exception):
    """What only HTTP can get wrong. `slug` is one of the HTTP kinds; `headers` go along with the answer."""

    def __init__(self, slug: str, detail: str, headers: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(detail)
        self.kind = _HTTP_ONLY[slug]
        self.detail = detail
        self.headers = tuple(headers)


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem, ready to be told."""

    kind: Kind
    detail: str
    faults: tuple[Fault, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def status(self) -> int:
        return self.kind.status

    def members(self, request_id: str = "") -> dict[str, object]:
        """The members of RFC 9457 section 3.1, and ours: `faults`. `type` leads to the documentation page."""
        members: dict[str, object] = {
            "type": f"/docs#problem-{self.kind.slug}",
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": _writable(self.detail),
            "faults": [_fault(fault) for fault in self.faults[:MOST_FAULTS]],
        }
        if request_id:
            members["instance"] = f"urn:postroom:request:{request_id}"
        return members

    def body(self, request_id: str = "") -> bytes:
        return encode_json(self.members(request_id)).encode()


def _fault(fault: Fault) -> dict[str, str]:
    return {
        "field": _writable(fault.field),
        "problem": _writable(fault.problem),
        "mend": _writable(fault.mend),
    }


def _writable(text: str) -> str:
    """Text that can be written as UTF-8: a half of a surrogate pair (JSON can carry one) is shown as its escape."""
    if len(text) > _LONGEST_TEXT:
        text = text[:_LONGEST_TEXT] + "…"
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def problem_of(error: BaseException, request_id: str = "") -> Problem:
    """The problem to tell for an error. One that was not raised on purpose is logged here, by kind and place only."""
    if isinstance(error, PostroomError):
        if "at" in error.fields:  # nobody meant this; who asked is not to be told the place, who runs it is
            _log.error("request %s failed: %s at %s", request_id or "-", error.fields["cause"], error.fields["at"])
        kind = Kind(error.status, error.slug, error.title)
        return Problem(kind, _detail_of(error), error.faults, _headers_of(error))
    if isinstance(error, RequestError):
        return Problem(error.kind, error.detail, headers=error.headers)
    _log.error("request %s failed: %s", request_id or "-", _place_of(error))
    return unexpected(request_id)


def unexpected(request_id: str) -> Problem:
    """What the caller is told of an error that nobody raised on purpose."""
    kind = Kind(PostroomError.status, PostroomError.slug, PostroomError.title)
    return Problem(kind, f"The log of Postroom says more; look there for the request {request_id or 'at this time'}.")


def _detail_of(error: PostroomError) -> str:
    """What happened, without repeating the faults, which stand beside it one by one."""
    if not error.faults:
        return error.text
    return "One thing has to be mended." if len(error.faults) == 1 else "Several things have to be mended."


def problem_of_status(status: int, allow: Sequence[str] = ()) -> Problem:
    """The problem for what the router itself refuses: an unknown path, a method that is not offered there."""
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        words = ", ".join(allow)
        return Problem(_METHOD, f"This address takes {words or 'other methods'}.", headers=(("allow", words),))
    if status == HTTPStatus.NOT_FOUND:
        return Problem(_NO_PATH, "The documentation at /docs lists every address.")
    return Problem(Kind(status, _MALFORMED.slug, _MALFORMED.title), _MALFORMED.title)


def _headers_of(error: PostroomError) -> tuple[tuple[str, str], ...]:
    if isinstance(error, errors.Unauthenticated):
        return (("www-authenticate", str(error.fields.get("challenge") or 'Bearer realm="postroom"')),)
    if isinstance(error, errors.TooMany):
        return (("retry-after", str(error.seconds)),)
    if isinstance(error, errors.StoreUnavailable) and not isinstance(error, errors.StoreFull):
        return (("retry-after", str(RETRY_SECONDS)),)
    return ()


def _place_of(error: BaseException) -> str:
    """`KeyError at app.py:12 in create < …`: for the log, without the error's words."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    places = " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno} in {frame.name}" for frame in frames[::-1])
    return f"{type(error).__name__} at {places or 'an unknown place'}"


def schema() -> Mapping[str, object]:
    """The JSON Schema of a problem, for the document."""
    text = {"type": "string"}
    fault = {
        "type": "object",
        "required": ["field", "problem", "mend"],
        "properties": {
            "field": {**text, "description": "Where, like `to[2]` or `attachments[0].content`."},
            "problem": {**text, "description": "What is wrong with it."},
            "mend": {**text, "description": "How to mend it."},
        },
    }
    return {
        "type": "object",
        "description": "An error (RFC 9457).",
        "required": ["type", "title", "status", "detail", "faults"],
        "properties": {
            "type": {**text, "format": "uri-reference", "description": "The kind of problem; leads to its sentence."},
            "title": {**text, "description": "The kind of problem in words."},
            "status": {"type": "integer", "description": "The HTTP status again."},
            "detail": {**text, "description": "What happened this time."},
            "instance": {**text, "format": "uri-reference", "description": "Names this very request in the log."},
            "faults": {"type": "array", "items": fault, "description": "Everything that is wrong, at once."},
        },
    }
