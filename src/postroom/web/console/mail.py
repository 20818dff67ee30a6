"""The pages about mail: the log, one message and its content, the silent mailbox, the queue, jobs, what came back."""

from __future__ import annotations

from postroom.web.console import content, filters, incoming, jobs, live, log, message, queue, silent

__all__ = ["PARTS"]

PARTS = (
    log.pages,
    filters.pages,
    jobs.pages,
    live.pages,
    message.pages,
    content.pages,
    silent.pages,
    queue.pages,
    incoming.pages,
)
