"""The sentences of the mail log, and how a line is written. See the package for the rules."""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from functools import lru_cache
from typing import IO

from postroom.clock import iso, now_ms
from postroom.ids import encode
from postroom.settings import LogFormat

__all__ = ["MailLog"]

_PLAIN = re.compile(r"[A-Za-z0-9_.:/@+<>\[\]-]+").fullmatch
_MOST_CHARS = 600
_FLUSH_SECONDS = 0.2


@lru_cache(maxsize=2048)
def _value(value: object) -> str:
    text = str(value)
    if len(text) > _MOST_CHARS:
        text = text[:_MOST_CHARS] + "…"
    return text if _PLAIN(text) else json.dumps(text)


class MailLog:
    """Writes to `stream` (standard output unless another is given), or nothing at all with `form` None.

    Safe to call from several threads.
    """

    def __init__(self, form: LogFormat | None = LogFormat.TEXT, stream: IO[str] | None = None) -> None:
        self._form = form
        self._stream = stream if stream is not None else sys.stdout
        self._lines: list[str] = []
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None

    # -- messages ---------------------------------------------------------------------------------------------------

    def accepted(self, message_id: int, tenant_id: int, recipients: int, size: int, state: str) -> None:
        self._say(
            "accepted", id=encode("m", message_id), tenant=encode("t", tenant_id), recipients=recipients, size=size,
            state=state,
        )  # fmt: skip

    def delivered(self, message_id: int, n: int, to: str, account: str, reply: str) -> None:
        self._say("sent", id=encode("m", message_id), n=n, to=to, account=account, reply=reply)

    def moved(
        self, state: str, message_id: int, n: int, to: str, account: str, diagnosis: str, scope: str, reply: str
    ) -> None:
        """A recipient that was not sent: deferred, failed, unknown, held, returned to the queue …"""
        self._say(
            state, id=encode("m", message_id), n=n, to=to, account=account, diagnosis=diagnosis, scope=scope,
            reply=reply,
        )  # fmt: skip

    def late_result_refused(self, message_id: int, account: str) -> None:
        self._say("late-result-refused", id=encode("m", message_id), account=account)

    def reclaimed(self, again: int, doubtful: int) -> None:
        self._say("reclaimed", again=again, doubtful=doubtful)

    def expired(self, count: int) -> None:
        self._say("expired", count=count)

    def digest_made(self, message_id: int, tenant_id: int, mails: int) -> None:
        self._say("digest", id=encode("m", message_id), tenant=encode("t", tenant_id), mails=mails)

    def swept(self, contents: int, messages: int) -> None:
        self._say("retention", contents=contents, messages=messages)

    # -- accounts ---------------------------------------------------------------------------------------------------

    def account_paused(self, account: str, why: str) -> None:
        self._say("account-paused", account=account, why=why)

    def account_resumed(self, account: str) -> None:
        self._say("account-resumed", account=account)

    def account_waits(self, account: str, seconds: float, why: str) -> None:
        self._say("account-waits", account=account, seconds=round(seconds), why=why)

    def diverted(self, count: int, account: str, fallback: str, why: str) -> None:
        self._say("diverted", count=count, account=account, fallback=fallback, why=why)

    def account_slowed(self, account: str, per_minute: int | None, connections: int) -> None:
        self._say("account-slowed", account=account, per_minute=per_minute or "any", connections=connections)

    def sender_held(self, sender: str, why: str) -> None:
        self._say("sender-held", sender=sender, why=why)

    def sender_released(self, sender: str, mails: int) -> None:
        """The account sends for it again, and what waited goes on."""
        self._say("sender-released", sender=sender, mails=mails)

    def sender_probed(self, sender: str, account: str, state: str, words: str) -> None:
        self._say("sender-probed", sender=sender, account=account, state=state, words=words)

    def session_opened(self, account: str, server: str, tls: str) -> None:
        self._say("session", account=account, server=server, tls=tls or "none")

    # -- doors ------------------------------------------------------------------------------------------------------

    def login_refused(self, door: str, address: str, user: str) -> None:
        """A key typed where the name belongs is not repeated."""
        self._say("login-refused", door=door, address=address, user="****" if user.startswith("pr_") else user)

    def door_full(self, door: str, why: str) -> None:
        self._say("door-full", door=door, why=why)

    def signing_trouble(self, key: str, why: str) -> None:
        """Mail leaves without this key's signature. `key`: where its record stands."""
        self._say("signing-trouble", key=key, why=why)

    def dkim_key_found(self, key: str) -> None:
        self._say("dkim-key-found", key=key)

    def dkim_key_missing(self, key: str, why: str, signs: bool) -> None:
        """`signs`: whether it signs on for now."""
        self._say("dkim-key-missing", key=key, why=why, signs=signs)

    def connector_trouble(self, connector: str, why: str) -> None:
        self._say("connector-trouble", connector=connector, why=why)

    def connector_works(self, connector: str) -> None:
        self._say("connector-works", connector=connector)

    def agent_joined(self, connector: str, agent: str, address: str) -> None:
        self._say("agent-connected", connector=connector, agent=agent, address=address)

    def agent_left(self, connector: str, agent: str) -> None:
        self._say("agent-gone", connector=connector, agent=agent)

    def certificate_trouble(self, why: str) -> None:
        self._say("certificate-trouble", why=why)

    def spool_handed_over(self, folder: str, accepted: int, refused: int, damaged: int, left: int, why: str) -> None:
        """What `postroom sendmail` had kept. `left` is still there, because of `why`."""
        self._say(
            "spool", folder=folder, accepted=accepted, refused=refused, damaged=damaged, left=left, why=why or "-"
        )  # fmt: skip

    def spool_trouble(self, why: str) -> None:
        self._say("spool-trouble", why=why)

    # -- grants (OAuth2) ---------------------------------------------------------------------------------------------

    def grant_given(self, account: str, by: str) -> None:
        self._say("grant-given", account=account, by=by)

    def grant_renewed(self, account: str) -> None:
        self._say("grant-renewed", account=account)

    def grant_trouble(self, account: str, diagnosis: str, words: str) -> None:
        """The identity provider gave no access token."""
        self._say("grant-trouble", account=account, diagnosis=diagnosis, reply=words)

    def secret_expires(self, account: str, day: str, days: int) -> None:
        """The secret or the certificate of the application ends soon, or has ended (days below zero)."""
        self._say("secret-expires", account=account, day=day, days=days)

    # -- mailboxes ---------------------------------------------------------------------------------------------------

    def mailbox_trouble(self, mailbox: str, diagnosis: str, why: str) -> None:
        self._say("mailbox-trouble", mailbox=mailbox, diagnosis=diagnosis, why=why)

    def mailbox_works(self, mailbox: str) -> None:
        self._say("mailbox-works", mailbox=mailbox)

    def mailbox_read(self, mailbox: str, taken: int, passed: int) -> None:
        self._say("mailbox-read", mailbox=mailbox, taken=taken, passed=passed)

    # -- webhooks ----------------------------------------------------------------------------------------------------

    def webhook_trouble(self, webhook: str, why: str) -> None:
        self._say("webhook-trouble", webhook=webhook, why=why)

    def webhook_paused(self, webhook: str, why: str) -> None:
        self._say("webhook-paused", webhook=webhook, why=why)

    # -- the settings check ------------------------------------------------------------------------------------------

    def problem_began(self, tenant_id: int, key: str, weight: str, about: str, what: str) -> None:
        self._say(
            "problem-began", tenant=encode("t", tenant_id), problem=key, weight=weight, about=about, what=what
        )  # fmt: skip

    def problem_over(self, tenant_id: int, key: str, about: str) -> None:
        self._say("problem-over", tenant=encode("t", tenant_id), problem=key, about=about)

    def alarm_sent(self, tenant_id: int, readers: int, account: str, new: int, over: int) -> None:
        self._say("alarm", tenant=encode("t", tenant_id), readers=readers, account=account, new=new, over=over)

    def alarm_unsent(self, tenant_id: int, why: str) -> None:
        self._say("alarm-unsent", tenant=encode("t", tenant_id), why=why)

    # -- the service ------------------------------------------------------------------------------------------------

    def started(self, role: str, database: str) -> None:
        self._say("started", role=role, database=database)
        self.flush()

    def stopped(self) -> None:
        self._say("stopped")
        self.flush()

    def lane_lost(self, account: str, slot: int) -> None:
        self._say("lane-lost", account=account, slot=slot)

    def store_trouble(self, why: str) -> None:
        self._say("store-trouble", why=why)

    def unexpected(self, where: str, error: BaseException) -> None:
        """Something that should not happen. Its type and place are told; its text may quote mail and is escaped."""
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = "" if trace is None else f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}"
        self._say("unexpected", where=where, kind=type(error).__name__, at=place, text=str(error))
        self.flush()

    # -- writing ----------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Writes what was gathered. A stream that can't be written to never stops the mail."""
        with self._writing:
            lines, self._lines = self._lines, []
            try:
                self._stream.write("".join(lines))
                self._stream.flush()
            except (OSError, ValueError):
                return

    def _say(self, sentence: str, **values: object) -> None:
        if self._form is None:
            return
        stamp = iso(now_ms())
        if self._form is LogFormat.JSON:
            line = json.dumps({"at": stamp, "what": sentence, **values}, default=str)
        else:
            told = " ".join([f"{name}={_value(value)}" for name, value in values.items() if value != ""])
            line = f"{stamp} {sentence} {told}"
        self._lines.append(line + "\n")
        if self._thread is None:
            self._start()

    def _start(self) -> None:
        """A slow terminal or a full pipe must not hold up the mail: lines are written by a thread of their own."""
        with self._writing:
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep_writing, name="postroom-log", daemon=True)
                self._thread.start()

    def _keep_writing(self) -> None:
        while True:
            time.sleep(_FLUSH_SECONDS)
            if self._lines:
                self.flush()
