"""What becomes of a message, as a reply: every fault in plain words, and what kind of trouble it is by the codes.

4xx only where the same message may be taken later without anybody changing anything (RFC 5321, 4.2.1): then a client
tries again by itself. A message that was taken and will be tried again is taken: 250.
"""

from __future__ import annotations

import re

from postroom.errors import BadInput, Fault, PostroomError, StoreFull, StoreUnavailable
from postroom.ids import encode
from postroom.outbox import Receipt
from postroom.smtp.reply import Reply

__all__ = ["INTERNAL", "refusal_for", "reply_to", "sender_refusal"]

INTERNAL = Reply(451, "4.3.0", "Something went wrong inside Postroom; nothing was taken, try again later")
_SENDER_FIELDS = frozenset({"from", "sender", "return_path"})
_ENHANCED = re.compile(r"[45]\.[0-9]{1,3}\.[0-9]{1,3}")
_MOST_TOLD = 10
_BY_STATUS = {
    401: (535, "5.7.8"),
    403: (550, "5.7.1"),
    404: (550, "5.1.0"),
    409: (554, "5.5.0"),
    413: (552, "5.3.4"),
    429: (450, "4.7.1"),
    501: (554, "5.3.3"),
    503: (451, "4.3.0"),
    507: (452, "4.3.1"),
}
_BY_FIELD = {"received": (554, "5.4.6"), "to": (554, "5.1.3")}
_STATES = {
    "silenced": "kept, nothing leaves while the mode is silent",
    "disabled": "noted, sending is disabled",
    "held": "held back",
}


def refusal_for(error: PostroomError) -> Reply:
    """Why a message was not taken."""
    if isinstance(error, BadInput) and error.faults:
        code, enhanced = _code_of(error.faults)
        return Reply(code, enhanced, "\n".join(map(str, error.faults)))
    if isinstance(error, StoreUnavailable) and not isinstance(error, StoreFull):
        return Reply(451, "4.3.0", "The database can't be used at this moment; nothing was taken, try again later")
    found = _BY_STATUS.get(error.status)
    return INTERNAL if found is None else Reply(*found, error.text)


def sender_refusal(faults: list[Fault]) -> Reply:
    """Why the envelope may not name this sender."""
    return Reply(550, "5.7.60", "\n".join(str(fault) for fault in faults))


def _code_of(faults: tuple[Fault, ...]) -> tuple[int, str]:
    if any(fault.field in _SENDER_FIELDS for fault in faults):
        return 550, "5.7.60"
    return _BY_FIELD.get(faults[0].field, (550, "5.6.0"))


def reply_to(receipt: Receipt) -> Reply:
    """What became of a message that was taken; of one that was sent instantly, what the server said."""
    number = encode("m", receipt.message_id)
    if receipt.again:
        return Reply(250, "2.0.0", f"Ok: {number}, taken before under the same idempotency key")
    state = receipt.state
    if not receipt.instantly:
        what = _STATES.get(state, "queued")
        why = receipt.recipients[0].explanation if state == "held" else ""
        return Reply(250, "2.0.0", f"Ok: {what} as {number}" + (f" ({why})" if why else ""))
    if state == "sent":
        return Reply(250, "2.0.0", f"Ok: sent as {number}")
    lines = [_outcome(one.address, one.state, one.reply or one.explanation) for one in receipt.recipients[:_MOST_TOLD]]
    if state == "failed":
        found = _ENHANCED.search(receipt.recipients[0].reply)
        enhanced = found[0] if found is not None and found[0].startswith("5") else "5.0.0"
        return Reply(554, enhanced, "\n".join([f"Not sent, {number}", *lines]))
    return Reply(250, "2.0.0", "\n".join([f"Ok: taken as {number}", *lines]))


def _outcome(address: str, state: str, words: str) -> str:
    return f"{address}: {state}" + (f", {words}" if words else "")
