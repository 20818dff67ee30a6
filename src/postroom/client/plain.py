"""A driver of the client's conversations out of the standard library alone, for programs that start often and end soon.

One connection for each question, no proxies, no redirects. `waiting` and `awaiting` are the ones for everybody else.
"""

from __future__ import annotations

import http.client
import ssl
import time
from typing import TypeVar
from urllib.parse import urlsplit

from postroom import __version__
from postroom.client.exchange import Answer, Ask, Failure, Flow
from postroom.client.whereabouts import Whereabouts

__all__ = ["drive"]

T = TypeVar("T")

_CONNECT_SECONDS = 5.0
_LONGEST_ANSWER = 4 * 1024 * 1024


def drive(flow: Flow[T], where: Whereabouts) -> T:
    """Asks until the flow has what it wants. Raises what the flow raises (ClientError)."""
    answer: Answer | Failure | None = None
    try:
        while True:
            step = flow.send(answer)
            if isinstance(step, Ask):
                answer = _ask(step, where)
            else:
                time.sleep(step.seconds)
                answer = None
    except StopIteration as end:
        found: T = end.value
        return found


def _ask(ask: Ask, where: Whereabouts) -> Answer | Failure:
    connection, prefix = _connection(where.url, ask.seconds)
    try:
        connection.connect()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        return Failure(f"Postroom could not be reached: {_reason(error)}.", sent=False)
    try:
        if connection.sock is not None:
            connection.sock.settimeout(ask.seconds)
        headers = {"authorization": f"Bearer {where.key}", "user-agent": f"postroom-sendmail/{__version__}"}
        connection.request(ask.method, prefix + ask.path, ask.body or None, {**headers, **ask.headers})
        response = connection.getresponse()
        body = response.read(_LONGEST_ANSWER)
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)
    except (OSError, http.client.HTTPException) as error:
        return Failure(f"The connection to Postroom broke: {_reason(error)}.", sent=True)
    finally:
        connection.close()


def _connection(url: str, seconds: float) -> tuple[http.client.HTTPConnection, str]:
    parts = urlsplit(url)
    host, timeout = parts.hostname or "", min(_CONNECT_SECONDS, seconds)
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=context), parts.path
    return http.client.HTTPConnection(host, parts.port, timeout=timeout), parts.path


def _reason(error: Exception) -> str:
    """What the system says; the words of a server are not repeated."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate does not verify ({error.verify_message})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
