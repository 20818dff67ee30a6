"""The console's few icons, drawn here as lines on a 20 by 20 field; they say nothing to a screen reader."""

from __future__ import annotations

from markupsafe import Markup

__all__ = ["icon"]

_DRAWN = {
    "overview": "M3 10.5 10 4l7 6.5M5 9v7h10V9",
    "checks": "M10 3l6 2.200v4.300c0 3.800-2.500 6.300-6 7.500-3.500-1.200-6-3.700-6-7.500V5.200zM7.200 10l2 2 3.600-4",
    "log": "M4 5h12M4 10h12M4 15h8",
    "silent": "M3.5 5.5h13v9h-13zM3.5 6l6.5 5 6.5-5M3 3l14 14",
    "incoming": "M3.5 11v4.5h13V11M10 3.5v8.5M6.5 8.5l3.5 3.5 3.5-3.5",
    "queue": "M10 3.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM10 6.5V10l2.5 2",
    "outgoing": "M3 10.2 17 3.5l-4 13-3.5-4.7zM17 3.5l-7.5 8.3",
    "accounts": "M3.5 4h13v5h-13zM3.5 11h13v5h-13zM6 6.5h.5M6 13.5h.5",
    "senders": "M10 3.5a6.5 6.5 0 1 0 4 11.6M10 7.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5zM12.5 7.5v3.2a2 2 0 0 0 4 0V10",
    "webhooks": "M10 3.500a3 3 0 0 1 2.600 4.500L10 12.500M7.400 8a3 3 0 1 1 2.600-4.500M6 10.500a3 3 0 1 0 3 4h6"
    "M14 11.500a3 3 0 1 1-2.200 4.800",
    "kinds": "M3.5 5.5h7l6 6-5 5-8-8zM7 8.500h.2",
    "templates": "M4 3.500h12v13H4zM4 7.500h12M7 10.500h6M7 13.500h4",
    "recipients": "M8 9.500a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2.5 16.500c.4-3.300 2.500-5 5.500-5M12 13.500l2 2 3.500-4",
    "connectors": "M6.5 10h7M8 6H6a4 4 0 0 0 0 8h2M12 6h2a4 4 0 0 1 0 8h-2",
    "mailboxes": "M3.500 11H7l1.500 2.500h3L13 11h3.500M5.500 4h9l2 7v5h-13v-5z",
    "test": "M4 10.5 8 15l8-10",
    "applications": "M4 4h5v5H4zM11 4h5v5h-5zM4 11h5v5H4zM11 11h5v5h-5z",
    "tenants": "M3.5 16.5V6l6-2.5v13M9.5 8.5l7 2v6M2.5 16.5h15M6 8h1M6 11h1",
    "users": "M7.5 9a2.7 2.7 0 1 0 0-5.4 2.7 2.7 0 0 0 0 5.4zM2.5 16c.3-3 2.3-4.7 5-4.7s4.7 1.7 5 4.7"
    "M13 8.8a2.3 2.3 0 1 0-.5-4.5M14.5 11.6c1.7.5 2.8 2 3 4.4",
    "audit": "M5 3.500h7l3 3v10H5zM12 3.500v3h3M7.5 10h5M7.5 13h5",
    "profile": "M10 10a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM4 16.500c.5-3 2.8-4.5 6-4.500s5.5 1.5 6 4.5",
    "leave": "M12 4H5v12h7M9 10h8M14.5 7.5 17 10l-2.5 2.5",
    "menu": "M3.5 6h13M3.5 10h13M3.5 14h13",
    "good": "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM6.8 10.200l2.3 2.3 4.2-4.8",
    "note": "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM10 9.200v4.300M10 6.500v.2",
    "warn": "M10 3.5 17.5 16.500h-15zM10 8.500v3.700M10 14.200v.2",
    "bad": "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM7.5 7.500l5 5M12.5 7.500l-5 5",
    "more": "M7.5 4.5 13 10l-5.5 5.5",
    "down": "M4.5 7.5 10 13l5.5-5.5",
    "add": "M10 4v12M4 10h12",
    "search": "M9 3.500a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM13 13l4 4",
    "key": "M7 13.500a3.5 3.5 0 1 1 3-5.200l7 .2v3h-2.500v2H12v-2l-2-.1a3.5 3.5 0 0 1-3 2.100zM6.5 10h.2",
}
_FRAME = Markup('<svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false"><path d="{}"/></svg>')


def icon(name: str) -> Markup:
    """Raises KeyError for one that is not drawn."""
    return _FRAME.format(_DRAWN[name])
