"""How much faster our writer of messages is than `email.message.EmailMessage`, side by side in one run.

Both make the same mail again and again: 2 KB, text and HTML, one recipient, a Message-ID and a date. Rounds alternate,
so whatever else the machine does hits both; the figures are medians, and only the ratio means something elsewhere.

    .venv/bin/python bench/compose.py            exits with 1 when the ratio is below the aim
"""

from __future__ import annotations

import datetime
import statistics
import sys
import time
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from postroom.addresses import Address
from postroom.compose.footer import Footer
from postroom.compose.letter import Attachment, Letter
from postroom.compose.render import render

AIM = 30
ROUNDS = 9
MESSAGE_ID = "0abcdefghjkm@shop.example"
DATE_MS = 1_763_628_180_000
TEXT = "\n".join(["Your order has left our house and will reach you within two days."] * 15)
HTML = f"<html><body>\n{TEXT.replace('Your', '<p>Your').replace('days.', 'days.</p>')}\n</body></html>"
SENDER = Address("orders", "shop.example", "The Shop")
TO = Address("joe.doe", "customer.example", "Joe Doe")
SUBJECT = "Your order 4711 is on its way"
LETTER = Letter(SENDER, (TO,), subject=SUBJECT, text=TEXT, html=HTML)


def ours(letter: Letter) -> Callable[[], object]:
    return lambda: render(letter, message_id=MESSAGE_ID, date_ms=DATE_MS)


def standard_library() -> bytes:
    message = EmailMessage(policy=SMTP)
    message["Date"] = format_datetime(datetime.datetime.fromtimestamp(DATE_MS // 1000, datetime.UTC))
    message["From"] = f"{SENDER.name} <{SENDER.spec}>"
    message["To"] = f"{TO.name} <{TO.spec}>"
    message["Subject"] = SUBJECT
    message["Message-ID"] = f"<{MESSAGE_ID}>"
    message.set_content(TEXT)
    message.add_alternative(HTML, subtype="html")
    return message.as_bytes()


def microseconds(work: Callable[[], object], times: int) -> float:
    begin = time.perf_counter_ns()
    for _ in range(times):
        work()
    return (time.perf_counter_ns() - begin) / times / 1000


def main() -> int:
    ratios: list[float] = []
    mine: list[float] = []
    theirs: list[float] = []
    for _ in range(ROUNDS):
        mine.append(microseconds(ours(LETTER), 2_000))
        theirs.append(microseconds(standard_library, 60))
        ratios.append(theirs[-1] / mine[-1])
    ratio = statistics.median(ratios)
    print(f"2 KB, text and HTML     postroom {statistics.median(mine):8.1f} us")
    print(f"                    EmailMessage {statistics.median(theirs):8.1f} us     {ratio:.0f} times (aim: {AIM})")
    print("our other letters:")
    others = {
        "with a footer": Letter(SENDER, (TO,), subject=SUBJECT, text=TEXT, html=HTML, footer=Footer("The Shop Ltd.")),
        "text made from HTML": Letter(SENDER, (TO,), subject=SUBJECT, html=HTML),
        "beyond ASCII": Letter(SENDER, (TO,), subject="Grüße", text=f"Grüße {TEXT}", html=HTML),
        "1 MB attached": Letter(SENDER, (TO,), text=TEXT, attachments=(Attachment("a.bin", bytes(1_000_000)),)),
    }
    for name, letter in others.items():
        figures = [microseconds(ours(letter), 40) for _ in range(ROUNDS)]
        print(f"{name:>32} {statistics.median(figures):8.1f} us")
    return 0 if ratio >= AIM else 1


if __name__ == "__main__":
    sys.exit(main())
