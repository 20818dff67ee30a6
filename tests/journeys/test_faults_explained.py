"""The twenty most frequent faults, each played by a server from greeting to farewell: what the administrator is told,
and what becomes of the mail, come from the same rule.

For each: the diagnosis, whose trouble it is, the setting to look at, what happened to the message, and whether the
account rests. Nothing bounces because of an account; only a recipient or a message can fail.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from tests.journeys.stranger import Stranger, Visit
from tests.rigs.postroom import Postroom

MICROSOFT = "AM6PR08CA0021.outlook.office365.com Microsoft ESMTP MAIL Service ready at Fri, 20 Nov 2026"
GOOGLE = "mx.google.com ESMTP 5b1f17b1804b1 - gsmtp"
POSTFIX = "mail.example.org ESMTP Postfix"
EXIM = "mail.example.org ESMTP Exim 4.96"
SES = "email-smtp.amazonaws.com ESMTP SimpleEmailService-d-ABC"
LOGIN = {"login": "plain", "user": "bot@sink.test", "secret": "correct horse", "allow_clear_login": True}


@dataclass(frozen=True)
class Fault:
    """`command`: where the server says `reply` instead of yes. `state`: of the recipient; `paused`: the account."""

    greeting: str
    command: bytes
    reply: str
    diagnosis: str
    scope: str
    setting: str
    state: str
    paused: bool = False
    account: dict[str, object] = field(default_factory=dict)


FAULTS = [
    Fault(MICROSOFT, b"AUTH", "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the "
          "Mailbox.", "m365-smtp-auth-off-mailbox", "account", "user", "held", True, LOGIN),
    Fault(MICROSOFT, b"AUTH", "535 5.7.139 Authentication unsuccessful, basic authentication is disabled.",
          "m365-password-login-off", "account", "login", "held", True, LOGIN),
    Fault(MICROSOFT, b"AUTH", "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect.",
          "m365-password-wrong", "account", "secret", "held", True, LOGIN),
    Fault(MICROSOFT, b"MAIL", "530 5.7.57 Client not authenticated to send mail.", "microsoft-not-logged-in", "account",
          "login", "held", True),
    Fault(MICROSOFT, b".", "554 5.2.252 SendAsDenied; bot@sink.test not allowed to send as app@sink.test; "
          "STOREDRV.Submission.Exception:SendAsDeniedException", "m365-send-as-denied", "sender", "sender_address",
          "held"),
    Fault(MICROSOFT, b"MAIL", "432 4.3.2 Concurrent connections limit exceeded.", "m365-too-many-connections",
          "account", "limits.connections", "deferred"),
    Fault(MICROSOFT, b".", "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; quota was "
          "exceeded.", "m365-day-limit", "account", "limits.per_day", "held", True),
    Fault(GOOGLE, b"AUTH", "535 5.7.8 Username and Password not accepted. - gsmtp", "google-password-wrong", "account",
          "secret", "held", True, LOGIN),
    Fault(GOOGLE, b"AUTH", "534 5.7.9 Application-specific password required. - gsmtp", "google-app-password",
          "account", "secret", "held", True, LOGIN),
    Fault(GOOGLE, b".", "550 5.4.5 Daily user sending limit exceeded. - gsmtp", "google-day-limit", "account",
          "limits.per_day", "held", True),
    Fault(GOOGLE, b".", "550 5.7.26 This mail has been blocked because the sender is unauthenticated. - gsmtp",
          "google-domain-proof", "sender", "sender_address", "held"),
    Fault(GOOGLE, b"RCPT", "550 5.1.1 The email account that you tried to reach does not exist. - gsmtp",
          "google-no-such-mailbox", "recipient", "", "failed"),
    Fault(SES, b".", "554 Message rejected: Email address is not verified.", "ses-not-verified", "sender",
          "sender_address", "held"),
    Fault(SES, b"AUTH", "535 Authentication Credentials Invalid", "ses-credentials", "account", "secret", "held", True,
          LOGIN),
    Fault(POSTFIX, b"RCPT", "554 5.7.1 <a@sink.test>: Relay access denied", "postfix-relay-denied", "account", "login",
          "held", True),
    Fault(POSTFIX, b"MAIL", "553 5.7.1 <app@sink.test>: Sender address rejected: not owned by user bot@sink.test",
          "postfix-sender-not-owned", "sender", "sender_address", "held"),
    Fault(POSTFIX, b"RCPT", "450 4.2.0 <a@sink.test>: Recipient address rejected: Greylisted", "greylisted",
          "recipient", "", "deferred"),
    Fault(POSTFIX, b"MAIL", "552 5.3.4 Message size exceeds fixed limit", "postfix-too-big", "message", "limits.size",
          "failed"),
    Fault(EXIM, b"AUTH", "535 Incorrect authentication data", "exim-login-refused", "account", "secret", "held", True,
          LOGIN),
    Fault("mail.example.org ESMTP", b"MAIL", "530 5.7.0 Must issue a STARTTLS command first", "needs-starttls",
          "account", "encryption", "held", True),
]  # fmt: skip


def played(fault: Fault) -> Callable[[Visit], None]:
    """A whole conversation that only goes wrong at one place."""
    yes = {b"EHLO": b"250-stranger.test\r\n250 AUTH PLAIN LOGIN\r\n", b"AUTH": b"235 2.7.0 in\r\n"}
    yes |= {b"MAIL": b"250 ok\r\n", b"RCPT": b"250 ok\r\n", b"DATA": b"354 go\r\n", b"RSET": b"250 ok\r\n"}
    yes |= {b".": b"250 ok\r\n", b"QUIT": b"221 bye\r\n"}
    yes[fault.command] = fault.reply.encode() + b"\r\n"

    def script(visit: Visit) -> None:
        visit.say(b"220 " + fault.greeting.encode() + b"\r\n")
        body = False
        while line := visit.line():
            word = b"." if line == b".\r\n" else line.split(None, 1)[0].upper() if line.strip() else b""
            if body and word != b".":
                continue
            reply = yes.get(word, b"502 5.5.2 what\r\n")
            visit.say(reply)
            body = word == b"DATA" and reply.startswith(b"354")

    return script


def test_the_most_frequent_faults_are_explained_and_treated_by_one_rule(fork_postroom: Callable[..., Postroom]) -> None:
    postroom = fork_postroom(poll_seconds=0.1).start()
    with ExitStack() as stack:
        messages = {}
        for number, fault in enumerate(FAULTS):
            name, sender = f"fault {number}", f"app{number}@sink.test"
            stranger = stack.enter_context(Stranger(played(fault)))
            postroom.deliver_to(stranger.port, name=name, **fault.account)
            postroom.api.post("/v1/senders", {"address": sender, "account_id": name}).expect(201)
            body = {"from": sender, "to": ["ann@sink.test"], "subject": "S", "text": "T"}
            messages[name] = postroom.api.post("/v1/messages", body).expect(202)["id"]
        for number, fault in enumerate(FAULTS):
            name = f"fault {number}"
            postroom.api.wait_for_state(messages[name], fault.state, seconds=60)
            path = f"/v1/messages/{messages[name]}"

            found = postroom.api.get(path).expect(200)["recipients"][0]
            told = (found["diagnosis"], found["scope"], found["field"], found["state"])
            assert told == (fault.diagnosis, fault.scope, fault.setting, fault.state), fault.reply
            assert fault.reply[:20] in found["reply"]
            account = postroom.api.get(f"/v1/accounts/{name.replace(' ', '%20')}").expect(200)
            assert (account["state"] == "paused") is fault.paused, (fault.reply, account["paused_reason"])
