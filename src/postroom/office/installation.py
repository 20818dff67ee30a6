"""Verbs for the installation as a whole: is it the real one or a copy, and its backup."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection

from postroom.clock import iso, now_ms
from postroom.errors import Conflict, Forbidden, PostroomError, StoreUnavailable
from postroom.model.application import Actor, Scope
from postroom.model.audit import Entry
from postroom.model.clone import Clone
from postroom.model.tenant import INSTALLATION, Mode
from postroom.model.webhook import WebhookState
from postroom.office.changes import Changes, require
from postroom.office.webhooks import pause
from postroom.sentence import Sentence
from postroom.store import clone, mailboxes, tenants, webhooks
from postroom.store.backup import BackupMade, back_up

__all__ = ["InstallationVerbs"]

_LEAVES = frozenset({Mode.SMTP, Mode.NATIVE})


class InstallationVerbs(Changes):
    """Only those who look after the whole installation may do these."""

    def clone(self, actor: Actor) -> Clone | None:
        """What the clone guard found, or None when this is the real one."""
        _operator(actor, Scope.SETTINGS_READ)
        return self.snapshot.clone

    def confirm_home(self, actor: Actor, *, original: bool) -> Future[None]:
        """Lifts the clone guard. As the original, mail leaves again. As a copy, it becomes an installation of its own:
        every mode that lets mail leave is set to silent, its webhooks are paused, its mailboxes switched off, and what
        waits is kept here.
        """
        _operator(actor, Scope.ADMIN)
        if self.snapshot.clone is None:
            raise Conflict("This is the installation's home already; there is nothing to confirm.")

        def work(connection: Connection) -> None:
            clone.confirm(connection, original=original)
            told = {"original": original}
            self._note(connection, actor, Entry(INSTALLATION, "installation.confirmed", now_ms(), after=told))
            if original:
                return
            for tenant in tenants.all_tenants(connection):
                if tenant.settings.mode in _LEAVES:
                    silent = replace(tenant.settings, mode=Mode.SILENT)
                    tenants.save(connection, replace(tenant, settings=silent))
            for webhook in webhooks.all_webhooks(connection):
                if webhook.state is WebhookState.ACTIVE:
                    pause(connection, webhook, "This is a copy; its events are not the original's.", "person", now_ms())
            for mailbox in mailboxes.all_mailboxes(connection):
                if mailbox.enabled:  # what arrives there is the original's
                    mailboxes.save(connection, replace(mailbox, enabled=False))

        return self._change(work, actor)

    def back_up(self, actor: Actor) -> Future[BackupMade]:
        """Writes a backup into `backups` in the data directory while everything goes on; its name tells the time."""
        _operator(actor, Scope.ADMIN)
        file = self._settings.data / "backups" / f"postroom-{iso(now_ms())[:19].replace(':', '')}.backup"
        future: Future[BackupMade] = Future()
        threading.Thread(target=self._back_up, args=(actor, file, future), name="postroom-backup").start()
        return future

    def _back_up(self, actor: Actor, file: Path, future: Future[BackupMade]) -> None:
        entry = Entry(INSTALLATION, "installation.backed-up", now_ms(), after={"file": file.name})
        try:
            made = back_up(self._store.engine, file)
            self._store.write(lambda c: self._note(c, actor, entry)).result()
            future.set_result(made)
        except PostroomError as error:
            future.set_exception(error)
        except OSError as error:
            future.set_exception(
                StoreUnavailable(
                    Sentence("The backup can't be written to {file}: {strerror}.", file=file, strerror=error.strerror)
                )
            )
        except Exception as error:
            future.set_exception(StoreUnavailable(Sentence("The backup failed: {error}", error=error)))


def _operator(actor: Actor, scope: Scope) -> None:
    require(actor, scope)
    if actor.tenant_id != INSTALLATION:
        raise Forbidden("Only an administrator of the whole installation may do that.")
