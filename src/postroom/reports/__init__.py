"""Looking at what became of mail: the one way in which doors read messages, the mailing log, the queue and health."""

from postroom.reports.letter import File, Letter
from postroom.reports.reports import Reports
from postroom.reports.views import (
    Health,
    MessageLine,
    MessageView,
    NodeHealth,
    Page,
    Query,
    QueueLine,
    RecipientView,
    TenantQueueLine,
    Timeline,
)

__all__ = [
    "File",
    "Health",
    "Letter",
    "MessageLine",
    "MessageView",
    "NodeHealth",
    "Page",
    "Query",
    "QueueLine",
    "RecipientView",
    "Reports",
    "TenantQueueLine",
    "Timeline",
]
