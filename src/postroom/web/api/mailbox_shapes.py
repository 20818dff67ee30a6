"""The shapes of mailboxes and of their tests in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from postroom.model.account import CertificateCheck, Encryption
from postroom.model.mailbox import Afterwards
from postroom.office.mailbox_values import LOGINS
from postroom.web.api.grant_shapes import FIELDS as GRANT_FIELDS
from postroom.web.api.people_shapes import FLAG, MOMENT, NUMBER, TEXT, or_null, shape, told

__all__ = ["TRIAL", "schemas"]

Schema = dict[str, Any]
_TEXTS: Schema = {"type": "array", "items": TEXT}


def _words(words: Any, sentence: str) -> Schema:
    return {"type": "string", "enum": [one.value for one in words], "description": sentence}


_VALUES: Schema = {
    "name": told(TEXT, "What people call it; else its user name."),
    "host": told(TEXT, "The IMAP server's name or IP address."),
    "port": told(NUMBER, "Without it: 993 for `tls`, else 143.") | {"minimum": 1, "maximum": 65535},
    "encryption": _words(Encryption, "`tls` from the start, `starttls`, or `none`."),
    "login": _words(LOGINS, "`password`: the strongest way both sides know. `oauth2`: with access tokens."),
    "user": told(TEXT, "The user name."),
    "secret_reference": told(TEXT, "Where the password is kept instead, as for accounts."),
    **GRANT_FIELDS,
    "certificate_check": _words(CertificateCheck, "As for accounts."),
    "certificate_authority": told(TEXT, "The own CA, one or several certificates in PEM."),
    "certificate_pin": told(TEXT, "The SHA-256 of the one certificate that is trusted."),
    "certificate_trusted": told(TEXT, "That certificate itself in PEM; giving it sets the pin."),
    "allow_clear_login": told(FLAG, "Log in even where others could read the password; the operator's to allow."),
    "connector_id": or_null(TEXT, "The connector to go through, by id or name. null: directly."),
    "enabled": told(FLAG, "Whether it is read."),
    "address": told(TEXT, "The address whose mail arrives in it. Without it the user name, where that is one."),
    "folder": told(TEXT, "The folder that is read."),
    "afterwards": _words(Afterwards, "What becomes of a mail in the folder once it is taken in."),
    "move_to": told(TEXT, "For `move`: the folder it goes to. It is made where it is not there."),
    "poll_seconds": told(NUMBER, "How often it is looked into, where the server does not tell of new mail by itself.")
    | {"minimum": 30, "maximum": 86_400},
    "only_new": told(FLAG, "Leave alone what lies in the folder at the first look."),
}
_WRONG = {
    "diagnosis": told(TEXT, "Its stable name."),
    "title": told(TEXT, "What is wrong."),
    "explanation": told(TEXT, "Why."),
    "remedy": told(TEXT, "What to do."),
    "field": told(TEXT, "The field to change."),
    "said": told(TEXT, "What the server said, or what was noticed here."),
}
_SHOWN: Schema = {
    "id": told(TEXT, "Like `z_…`."),
    "tenant_id": TEXT,
    **_VALUES,
    "has_secret": told(FLAG, "Whether a password is kept. It is never shown."),
    "secret_set_at": or_null(MOMENT, "When it was typed."),
    "secret_set_by": told(TEXT, "Who typed it."),
    "secret_dropped": told(FLAG, "This very change made the kept password useless; it has to be typed again."),
    "granted_at": or_null(MOMENT, "When somebody consented to its login with OAuth2."),
    "created_at": MOMENT,
    "version": told(NUMBER, "Grows with each change."),
    "needs": told(_TEXTS, "What is missing before it can be read, in sentences."),
    "health": told(TEXT, "How it stands, in a word.")
    | {"enum": ["off", "incomplete", "failing", "waiting", "reading"]},
    "looked_at": or_null(MOMENT, "When it was last read without trouble."),
    "taken": told(NUMBER, "How many mails were taken in."),
    "taken_at": or_null(MOMENT, "When the last one was."),
    "passed": told(NUMBER, "How many could not be taken in, and lie where they were; its log names them."),
    "idles": told(FLAG, "Whether the server tells of new mail by itself."),
    "trouble": told(NUMBER, "How often in a row it could not be read."),
    "trouble_at": or_null(MOMENT, "Since when."),
    "wrong": or_null(
        {"type": "object", "properties": _WRONG, "required": list(_WRONG)}, "What keeps it from being read now."
    ),
}
_STEP = {
    "step": told(TEXT, "What was done."),
    "ok": told(FLAG, "Whether it worked."),
    "words": told(TEXT, "What came of it."),
    "ms": {"type": "number", "description": "How long it took."},
}
_TRIED: Schema = {
    "ok": told(FLAG, "Whether it can be read."),
    "sentence": told(TEXT, "What came of it, in plain words."),
    "steps": told({"type": "array", "items": shape("A step.", _STEP)}, "One after the other."),
    "wrong": or_null({"type": "object", "properties": _WRONG, "required": list(_WRONG)}, "What is to be mended."),
    "lines": told(_TEXTS, "The conversation, secrets blanked."),
}
_SECRET: Schema = {
    "type": "string",
    "writeOnly": True,
    "description": "The password (or the secret of the OAuth2 application). Sealed, never shown again.",
}
TRIAL: Schema = {
    "type": "object",
    "properties": {
        "values": {"$ref": "#/components/schemas/MailboxValues"},
        "secret": _SECRET,
    },
}
_EVENT = {"at": MOMENT, "trouble": told(FLAG, "Something was wrong from then on, or with one mail."), "text": TEXT}


def schemas() -> dict[str, Schema]:
    """Every shape, by name."""
    return {
        "Mailbox": shape("A mailbox that is read, and how it stands.", _SHOWN),
        "MailboxValues": shape(
            "A mailbox, as it is given. What is not named stays as it is.", {**_VALUES, "secret": _SECRET}, whole=False
        ),
        "MailboxTrial": shape("What a test of a mailbox showed. Nothing in it was changed.", _TRIED),
        "MailboxEvent": shape("A line of a mailbox's log.", _EVENT),
    }
