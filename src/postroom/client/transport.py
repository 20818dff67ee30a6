"""How questions look to httpx2, and its answers and errors to us: the same for its two kinds of client.

httpx2 is imported by the first question, not before: a program that only names the client starts as quickly as before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from postroom import __version__
from postroom.client.exchange import Answer, Ask, Failure
from postroom.client.whereabouts import Whereabouts

if TYPE_CHECKING:
    import httpx2

__all__ = ["client_options", "failure_of", "heard", "request_options"]

CONNECT_SECONDS = 5.0


def client_options(where: Whereabouts) -> dict[str, Any]:
    """Arguments for a client: no redirects (the key would follow them), and no proxy on the way to this machine."""
    return {
        "base_url": where.url,
        "headers": {"authorization": f"Bearer {where.key}", "user-agent": f"postroom-client/{__version__}"},
        "trust_env": not where.local,
        "follow_redirects": False,
    }


def request_options(ask: Ask) -> dict[str, Any]:
    """Arguments for one request."""
    import httpx2

    return {
        "method": ask.method,
        "url": ask.path,
        "headers": dict(ask.headers),
        "content": ask.body or None,
        "timeout": httpx2.Timeout(ask.seconds, connect=min(CONNECT_SECONDS, ask.seconds)),
    }


def heard(response: httpx2.Response) -> Answer:
    return Answer(
        response.status_code, {name.lower(): value for name, value in response.headers.items()}, response.content
    )


def failure_of(error: httpx2.HTTPError) -> Failure:
    """Says in words what happened, and whether the request may have arrived. Quotes nothing of the request."""
    import httpx2

    if isinstance(error, httpx2.ConnectTimeout | httpx2.PoolTimeout):
        return Failure("Postroom could not be reached in time.", sent=False)
    if isinstance(error, httpx2.ConnectError | httpx2.UnsupportedProtocol | httpx2.ProxyError):
        return Failure(f"Postroom could not be reached: {_reason(error)}.", sent=False)
    if isinstance(error, httpx2.TimeoutException):
        return Failure("Postroom did not answer in time.", sent=True)
    return Failure(f"The connection to Postroom broke: {_reason(error)}.", sent=True)


def _reason(error: Exception) -> str:
    text = str(error).strip().rstrip(".")
    return "".join(char if char.isprintable() else " " for char in text[:200]) or type(error).__name__
