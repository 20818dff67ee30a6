"""What a careful program without Postroom does: one commit of its own, then smtplib over a connection that is kept.

    python -m bench.programs.smtplib_client FOLDER PORT        then: {"messages": 100, "compose": false}

The commit has the durability of Postroom's: WAL, synchronous=FULL. With `compose` the mail is made by EmailMessage each
time; without it the octets are there already.
"""

from __future__ import annotations

import smtplib
import sqlite3
import sys
import time
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from bench.child import serve
from bench.letter import HTML, SENDER, SUBJECT, TEXT, TO, octets


def open_file(folder: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(folder / "sent.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE sent (id INTEGER PRIMARY KEY, at REAL, recipient TEXT, body BLOB)")
    return connection


def composed() -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = SENDER.spec, TO.spec, SUBJECT
    message.set_content(TEXT)
    message.add_alternative(HTML, subtype="html")
    return message.as_bytes()


def send(file: sqlite3.Connection, smtp: smtplib.SMTP, messages: int, compose: bool) -> dict[str, Any]:
    ready = octets()
    began = time.monotonic()
    for _ in range(messages):
        body = composed() if compose else ready
        file.execute("BEGIN IMMEDIATE")
        file.execute("INSERT INTO sent (at, recipient, body) VALUES (?, ?, ?)", (time.time(), TO.spec, body))
        file.execute("COMMIT")
        smtp.sendmail(SENDER.spec, [TO.spec], body)
    return {"began": began, "ended": time.monotonic()}


if __name__ == "__main__":
    kept = smtplib.SMTP("127.0.0.1", int(sys.argv[2]))
    opened = open_file(Path(sys.argv[1]))
    serve(lambda **command: send(opened, kept, **command))
