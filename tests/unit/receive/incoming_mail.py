"""Mail as it comes back: in the shapes that servers and programs write, made for these tests."""

from __future__ import annotations

__all__ = ["LETTER", "dsn", "mail", "report"]

LETTER = "Message-ID: <m1@x.org>\nFrom: post@x.org\nTo: bob@y.org\nSubject: Your invoice\n\nHello Bob\n"
"""The message of ours that all of these are about."""


def mail(body: str, **fields: str) -> bytes:
    """`In_Reply_To="<…>"`; From, To and Subject have usual values."""
    header = {"From": "Bob <bob@y.org>", "To": "post@x.org", "Subject": "Re: Your invoice", **fields}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in header.items() if value]
    return ("\n".join(lines) + "\n\n" + body).replace("\n", "\r\n").encode()


def report(kind: str, told: str, *, says: str = "A report.", gives_back: str = LETTER, **fields: str) -> bytes:
    """A multipart/report whose second part is `message/KIND` with the fields `told`."""
    back = f"--b\nContent-Type: message/rfc822\n\n{gives_back}\n" if gives_back else ""
    body = f"--b\n\n{says}\n--b\nContent-Type: message/{kind}\n\n{told}\n{back}--b--\n"
    given = {"Content_Type": f"multipart/report; report-type={kind}; boundary=b", **fields}
    return mail(body, **{"From": "MAILER-DAEMON@mx.y.org", "Subject": "Report", **given})


def dsn(
    *recipients: str, about: str = "Reporting-MTA: dns; mx.y.org\nOriginal-Envelope-Id: env1", **more: str
) -> bytes:
    return report("delivery-status", "\n\n".join([about, *recipients]), Return_Path="<>", **more)
