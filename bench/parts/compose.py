"""Composing: our writer of messages against `email.message.EmailMessage`, the same mail again and again."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from bench.bench import Bench
from bench.figures import Figure, ratios
from bench.letter import DATE_MS, HTML, LETTER, MESSAGE_ID, SENDER, SUBJECT, TEXT, TO
from postroom.compose.footer import Footer
from postroom.compose.letter import Attachment, Letter
from postroom.compose.render import render

__all__ = ["measure"]

_AIM = 30.0
_OTHERS = {
    "with a footer": Letter(SENDER, (TO,), subject=SUBJECT, text=TEXT, html=HTML, footer=Footer("The Shop Ltd.")),
    "text made from HTML": Letter(SENDER, (TO,), subject=SUBJECT, html=HTML),
    "beyond ASCII": Letter(SENDER, (TO,), subject="Grüße", text=f"Grüße {TEXT}", html=HTML),
    "1 MB attached": Letter(SENDER, (TO,), text=TEXT, attachments=(Attachment("a.bin", bytes(1_000_000)),)),
}


def measure(bench: Bench) -> list[Figure]:
    times = bench.size.composed
    found = bench.take_turns(
        {
            "postroom": lambda: _microseconds(_ours(LETTER), times),
            "EmailMessage": lambda: _microseconds(_standard_library, max(2, times // 30)),
        }
    )
    ours = found["postroom"]
    figures = [
        Figure("compose", "EmailMessage's time over ours", ratios(found["EmailMessage"], ours), _AIM,
               measured={f"{name}, us a mail": values for name, values in found.items()})
    ]  # fmt: skip
    for name, letter in _OTHERS.items():
        other = [_microseconds(_ours(letter), max(2, times // 40)) for _ in ours]
        figures.append(Figure("compose", f"{name}: our time over that of the plain mail", ratios(other, ours)))
    return figures


def _ours(letter: Letter) -> Callable[[], object]:
    return lambda: render(letter, message_id=MESSAGE_ID, date_ms=DATE_MS)


def _standard_library() -> bytes:
    message = EmailMessage(policy=SMTP)
    message["Date"] = format_datetime(datetime.datetime.fromtimestamp(DATE_MS // 1000, datetime.UTC))
    message["From"] = f"{SENDER.name} <{SENDER.spec}>"
    message["To"] = f"{TO.name} <{TO.spec}>"
    message["Subject"] = SUBJECT
    message["Message-ID"] = f"<{MESSAGE_ID}>"
    message.set_content(TEXT)
    message.add_alternative(HTML, subtype="html")
    return message.as_bytes()


def _microseconds(work: Callable[[], object], times: int) -> float:
    began = time.perf_counter_ns()
    for _ in range(times):
        work()
    return (time.perf_counter_ns() - began) / times / 1000
