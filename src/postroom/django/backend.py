"""Django's e-mail backend that hands every message over to a Postroom, octet by octet as Django composed it.

    EMAIL_BACKEND = "postroom.django.EmailBackend"
    POSTROOM_URL = "https://mail.example.org"      without it: POSTROOM_API_URL, else the Postroom of this machine
    POSTROOM_KEY = "pr_…"                          without it: POSTROOM_API_KEY, else the key of this machine's

Rules it keeps: it behaves as Django's own SMTP backend does, so that a project can change between the two. Messages go
in order, the first that is refused raises and stops the rest, those before it are sent and counted; `fail_silently`
swallows what Postroom or the network says, never a mistake in the message itself (Django's `BadHeaderError`,
`ValueError`); a message without recipients is passed over. Everything Django's `message()` can make is kept, so
attachments, alternatives, inline images, headers and classes with a `message()` of their own need no care here.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from email.utils import getaddresses
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from postroom.client.errors import ClientError, NotConfigured
from postroom.client.exchange import Patience
from postroom.client.waiting import Client

__all__ = ["EmailBackend"]

_ATTEMPTS = 4
_SECONDS = 30.0
"""A visitor waits for this, so it is shorter than the client's own patience; EMAIL_TIMEOUT says otherwise."""


class EmailBackend(BaseEmailBackend):
    """`url`, `key`, `timeout` (seconds for one message) go before the settings. `password`, which `send_mail` gives as
    `auth_password`, is another key; `username` says nothing here."""

    def __init__(
        self,
        fail_silently: bool = False,
        *,
        url: str | None = None,
        key: str | None = None,
        username: str | None = None,
        password: str | None = None,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fail_silently=fail_silently, **kwargs)
        self._url = url or str(getattr(settings, "POSTROOM_URL", None) or "")
        self._key = key or password or str(getattr(settings, "POSTROOM_KEY", None) or "")
        self._seconds = timeout or settings.EMAIL_TIMEOUT or _SECONDS
        self._client: Client | None = None
        self._lock = threading.RLock()

    def open(self) -> bool | None:
        """Whether a client was made now; None when that failed and is kept silent. Raises ImproperlyConfigured."""
        if self._client is not None:
            return False
        try:
            patience = Patience(_ATTEMPTS, self._seconds, self._seconds)
            self._client = Client(self._url, self._key, patience=patience)
        except NotConfigured as error:
            if self.fail_silently:
                return None
            raise ImproperlyConfigured(
                f"{error.text} Django's settings for it are POSTROOM_URL and POSTROOM_KEY."
            ) from None
        except ClientError:
            if self.fail_silently:
                return None
            raise
        return True

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """How many were handed over. Raises the client's errors unless told to fail silently."""
        if not email_messages:
            return 0
        with self._lock:
            opened = self.open()
            if self._client is None:
                return 0
            try:
                return sum([self._send(self._client, message) for message in email_messages])
            finally:
                if opened:
                    self.close()

    def _send(self, client: Client, message: EmailMessage) -> bool:
        recipients = message.recipients()
        if not recipients:
            return False
        composed = message.message()
        sender = str(message.from_email)
        try:
            client.send_raw(
                composed,
                sender=None if _is_author(sender, str(composed["From"])) else sender,
                to=[str(address) for address in recipients],
            )
        except ClientError:
            if not self.fail_silently:
                raise
            return False
        return True


def _is_author(sender: str, header: str) -> bool:
    """Whether the envelope names whom From names: then the address for delivery reports is Postroom's to choose."""
    return {spec for _, spec in getaddresses([sender])} == {spec for _, spec in getaddresses([header])}
