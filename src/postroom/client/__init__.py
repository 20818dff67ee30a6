"""The Python client: hand messages over to a Postroom and see what became of them. See docs/client.md.

    from postroom.client import Client

    with Client("https://mail.example.org", "pr_…") as postroom:
        receipt = postroom.send(to="ann@example.org", subject="Your invoice", text="…")

`AsyncClient` has the same verbs, awaited. Importing this loads no part of the server, and no HTTP library before the
first question. What every verb does is in `verbs`, once for both; what comes back in `shapes`; what goes wrong in
`errors`; when it is asked again in `exchange`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from postroom.client.awaiting import AsyncClient
    from postroom.client.errors import (
        Busy,
        ClientError,
        Conflict,
        Fault,
        NotAuthorised,
        NotConfigured,
        NotFound,
        Refused,
        TooLarge,
        Unexpected,
        Unreachable,
    )
    from postroom.client.exchange import Patience
    from postroom.client.letter import Attachment, Words
    from postroom.client.shapes import (
        Attempt,
        Event,
        Health,
        Message,
        MessageLine,
        Page,
        Receipt,
        Recipient,
        RecipientState,
        Timeline,
    )
    from postroom.client.verbs import Search
    from postroom.client.waiting import Client

__all__ = [
    "AsyncClient",
    "Attachment",
    "Attempt",
    "Busy",
    "Client",
    "ClientError",
    "Conflict",
    "Event",
    "Fault",
    "Health",
    "Message",
    "MessageLine",
    "NotAuthorised",
    "NotConfigured",
    "NotFound",
    "Page",
    "Patience",
    "Receipt",
    "Recipient",
    "RecipientState",
    "Refused",
    "Search",
    "Timeline",
    "TooLarge",
    "Unexpected",
    "Unreachable",
    "Words",
]

_MODULES = {
    "waiting": ["Client"],
    "awaiting": ["AsyncClient"],
    "exchange": ["Patience"],
    "letter": ["Attachment", "Words"],
    "verbs": ["Search"],
    "errors": ["Busy", "ClientError", "Conflict", "Fault", "NotAuthorised", "NotConfigured", "NotFound", "Refused"],
    "shapes": ["Attempt", "Event", "Health", "Message", "MessageLine", "Page", "Receipt", "Recipient", "Timeline"],
}
_MODULES["errors"] += ["TooLarge", "Unexpected", "Unreachable"]
_MODULES["shapes"] += ["RecipientState"]
_PLACES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Loads a name's module when it is first asked for: who waits needs no asyncio, who awaits needs nothing else."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
