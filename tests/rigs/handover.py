"""Handing messages over by SMTP, in the shape of the API's client, so that the ledger client can use either door.

The idempotency key goes along in the message, so that a message whose 250 was lost may be handed over again.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from typing import Any

from tests.rigs.postroom import Answer, Api
from tests.rigs.process import RigFailed

__all__ = ["SmtpHandover", "trusting"]

_NUMBER = re.compile(r"\bm_[0-9a-z]+")


def trusting() -> ssl.SSLContext:
    """A client that asks for no proof: the certificate is a self-signed one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class SmtpHandover(Api):
    """One kept SMTP connection, logged in under TLS where a key is given; `OSError` when it breaks."""

    def __init__(self, port: int, user: str = "", key: str = "", *, sender: str = "postroom@sender.test") -> None:
        self._sender = sender
        self._client = smtplib.SMTP("127.0.0.1", port, timeout=30)
        if key:
            self._client.starttls(context=trusting())
            self._client.login(user, key)

    def call(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Only `POST /v1/messages` with `to`, `subject` and `text`: 202 for 250, 503 for 4xx."""
        if (method, path) != ("POST", "/v1/messages") or not isinstance(body, dict):
            raise RigFailed(f"SMTP has no {method} {path}")
        message = _composed(self._sender, body, (headers or {}).get("Idempotency-Key", ""))
        client = self._client
        for code, words in (client.mail(self._sender), *(client.rcpt(to) for to in body["to"])):
            if code >= 400:
                client.rset()
                return Answer(503 if code < 500 else 422, {}, words.decode())
        code, words = client.data(message)
        found = _NUMBER.search(words.decode())
        if code != 250 or found is None:
            return Answer(503 if code < 500 else 422, {}, words.decode())
        return Answer(202, {}, {"id": found[0]})

    def close(self) -> None:
        self._client.close()


def _composed(sender: str, body: dict[str, Any], key: str) -> str:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = ", ".join(body["to"])
    message["Subject"] = body["subject"]
    if key:
        message["X-Postroom-Idempotency-Key"] = key
    message.set_content(body["text"])
    return message.as_string()
