"""A Flask application that hands its mail to Postroom by SMTP, with nothing but Python's own library."""

from __future__ import annotations

import os
import smtplib
import ssl
from email.message import EmailMessage

from flask import Flask, request

app = Flask(__name__)


def send(message: EmailMessage) -> None:
    """Returns once Postroom has the message on its disk."""
    trust = ssl.create_default_context(cafile=os.environ.get("MAIL_CA"))
    with smtplib.SMTP(os.environ["MAIL_HOST"], int(os.environ["MAIL_PORT"]), timeout=30) as postroom:
        postroom.starttls(context=trust)
        postroom.login(os.environ["MAIL_USER"], os.environ["MAIL_PASSWORD"])
        postroom.send_message(message)


@app.post("/orders")
def order() -> tuple[dict[str, str], int]:
    message = EmailMessage()
    message["From"] = os.environ["MAIL_FROM"]
    message["To"] = request.form["email"]
    message["Subject"] = "Thank you for your order"
    message["X-Postroom-Kind"] = "order"
    message["X-Postroom-Idempotency-Key"] = f"order/{request.form['number']}"  # a second click makes no second mail
    message.set_content("We are packing it.\n")
    send(message)
    return {"status": "ordered"}, 201
