"""The pages about mail: the log, one message and its content, the silent mailbox, the queue, jobs."""

from __future__ import annotations

from postroom.web.console import content, filters, jobs, log, message, queue, silent

__all__ = ["PARTS"]

PARTS = (log.pages, filters.pages, jobs.pages, message.pages, content.pages, silent.pages, queue.pages)
