"""The shapes of the API in JSON Schema: what the office takes, and what every route answers.

Written as tables of name → schema and sentence. The office checks what it takes and knows more words than are
documented here (those of other products); the tests hold each answer against its shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from postroom.model.account import AccountState, AddressTag, CertificateCheck, CredentialSource, Encryption, Login
from postroom.model.application import Scope
from postroom.model.event import EventKind
from postroom.model.message import RecipientRole
from postroom.model.plan import What
from postroom.model.state import State
from postroom.model.tenant import ForeignFrom, Mode, Sending, UnknownPolicy
from postroom.office.views import AccountHealth
from postroom.policy.course import Stage
from postroom.web.api.certificate_shapes import certificate_schemas
from postroom.web.api.grant_shapes import FIELDS as GRANT_FIELDS

__all__ = ["schemas"]

Schema = dict[str, Any]


def _text(sentence: str = "", **more: Any) -> Schema:
    return _told({"type": "string", **more}, sentence)


def _number(sentence: str = "", **more: Any) -> Schema:
    return _told({"type": "integer", **more}, sentence)


def _flag(sentence: str = "") -> Schema:
    return _told({"type": "boolean"}, sentence)


def _moment(sentence: str = "") -> Schema:
    return _text(sentence, format="date-time")


def _words(kind: type[Enum], sentence: str = "") -> Schema:
    return _told({"type": "string", "enum": [one.value for one in kind]}, sentence)


def _or_null(schema: Schema) -> Schema:
    sentence = schema.pop("description", "")
    return _told({"anyOf": [schema, {"type": "null"}]}, sentence)


def _list(items: Schema, sentence: str = "") -> Schema:
    return _told({"type": "array", "items": items}, sentence)


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _told(schema: Schema, sentence: str) -> Schema:
    return schema | ({"description": sentence} if sentence else {})


def _input(sentence: str, properties: Mapping[str, Schema], required: Iterable[str] = ()) -> Schema:
    shape: Schema = {"type": "object", "description": sentence, "properties": dict(properties)}
    return shape | ({"required": list(required)} if required else {})


def _answer(sentence: str, properties: Mapping[str, Schema], optional: Iterable[str] = ()) -> Schema:
    """What is answered is always whole: every property is there, but for those that are named."""
    missing = set(optional)
    return {
        "type": "object",
        "description": sentence,
        "properties": dict(properties),
        "required": [name for name in properties if name not in missing],
    }


_LIMITS = {
    "connections": _number("Connections at once, at most.", minimum=1),
    "per_minute": _or_null(_number("Messages a minute, at most. null: no limit.")),
    "per_day": _or_null(_number("Messages a day, at most. null: no limit.")),
    "recipients": _number("Recipients of one transaction, at most."),
    "size": _or_null(_number("Octets of a message, at most. null: what the server says.")),
}

_ACCOUNT = {
    "name": _text("What people call it."),
    "preset": _text("The provider whose values fill what is not given: an id of `GET /v1/presets`."),
    "host": _text("The server's name or IP address."),
    "port": _number("Without it: 25, 587 or 465, as the encryption is.", minimum=1, maximum=65535),
    "encryption": _words(Encryption, "`starttls`, `tls` from the start (often called SSL), or `none`."),
    "login": _words(Login, "`password`: the strongest way both sides know. `oauth2`: with access tokens."),
    "user": _text("The user name."),
    "realm": _text("The Kerberos realm, or the domain of an NTLM user."),
    "service_principal": _text("Kerberos: the service's name, if it is not `smtp/` and the host."),
    "credential_source": _words(CredentialSource, "Kerberos: the last two are for the operator to give."),
    "credential_path": _text("Kerberos: the keytab or the ticket cache. Empty: the one of the service itself."),
    "secret_reference": _text(
        "Where the password is kept instead: `env:NAME`, `file:/path`, `systemd:NAME`, `vault:mount/path#field`."
    ),
    **GRANT_FIELDS,
    "certificate_check": _words(
        CertificateCheck,
        "`verify` by this machine's store, `own-ca`: that CA only, `pinned`: that one certificate, `ignore`: last.",
    ),
    "certificate_authority": _text("The own CA, one or several certificates in PEM."),
    "certificate_pin": _text("The SHA-256 of the one certificate that is trusted."),
    "certificate_trusted": _text("That certificate itself in PEM, where it is known; giving it sets the pin."),
    "client_certificate": _text("What is shown to a server that asks for it: PEM, with those above it."),
    "allow_clear_login": _flag(
        "Log in even where others could read the password: without encryption, or with `ignore`. Only the operator can "
        "allow it."
    ),
    "connector_id": _or_null(_text("The connector to go through, by id or name. null: directly.")),
    "enabled": _flag("Whether it is used."),
    "sender_address": _text("The address mail leaves from when nothing else says."),
    "sender_name": _text("The name that goes with it."),
    "reply_to": _text("Where answers go."),
    "return_path": _text("Where delivery reports go."),
    "return_path_tag": _words(
        AddressTag,
        "The return path carries a signed tag, by which a report is believed and leads back to its recipient. `plus`: "
        "behind a plus; `whole`: in the place of the local part, for a domain that takes mail for any address.",
    ),
    "reply_to_tag": _words(AddressTag, "The same for the reply address: an answer finds its message."),
    "confirmation_address": _text("Where read confirmations go."),
    "probe_address": _text("Who gets the messages by which senders are proven. Empty: none are sent."),
    "request_receipt": _flag("Ask for read confirmations."),
    "force_settings": _flag("The addresses above stand, whatever an application asks for."),
    "footer_enabled": _flag("Add the footer."),
    "footer_text": _or_null(_text("A footer of its own, as text. null: the tenant's.")),
    "footer_html": _or_null(_text("A footer of its own, as HTML. null: the tenant's.")),
    "ehlo_name": _text("The name this server is greeted with."),
    "fallback_account_id": _or_null(_text("The account that sends while this one can't, by id or name.")),
    "rewrite_from": _flag("Mail leaves from this account's sender; the wanted one becomes Reply-To."),
    "limits": _told({"type": "object", "properties": _LIMITS}, "What the provider allows."),
}
_ACCOUNT_SHOWN = {
    "id": _text("Like `a_…`."),
    "tenant_id": _text(),
    **_ACCOUNT,
    "state": _words(AccountState, "A paused account keeps its mail."),
    "paused_reason": _text(),
    "paused_by": _text("`verdict`: what its server said; `person`; empty while it is not paused."),
    "paused_at": _or_null(_moment()),
    "resume_at": _or_null(_moment("When it goes on by itself.")),
    "has_secret": _flag("Whether a password is kept. It is never shown."),
    "secret_set_at": _or_null(_moment()),
    "secret_set_by": _text("Who typed it."),
    "health": _words(AccountHealth, "How it stands, in a word; `needs` says what to do."),
    "tested_at": _or_null(_moment("When this very server last took a test message by this very login.")),
    "granted_at": _or_null(_moment("When somebody consented to its login with OAuth2.")),
    "created_at": _moment(),
    "version": _number("Grows with each change."),
    "default": _flag("Whether it is the tenant's default."),
    "needs": _list(_text(), "What is missing before mail can leave, in sentences."),
    "warnings": _list(_text(), "What works but is unwise, in sentences."),
    "secret_dropped": _flag("This very change made the kept password useless; it has to be typed again."),
    "slowed": _or_null(_ref("Slowed")),
    "troubled_at": _or_null(_moment("Since when its server can't be reached.")),
    "trouble": _text("Why, in a sentence."),
    "has_client_key": _flag("Whether the private key of the client certificate is kept. It is never shown."),
    "certificates": _ref("AccountCertificates"),
    "from_preset": _list(_text(), "The fields whose values are just what the preset says."),
}

_SENDER = {
    "address": _text("The address, with or without a name before it."),
    "name": _text("The name that goes with the address."),
    "reply_to": _text("Where answers go. Empty: as the account says."),
    "return_path": _text("Where delivery reports go. Empty: as the account says."),
    "confirmation_address": _text("Where read confirmations go. Empty: as the account says."),
    "account_id": _or_null(_text("The account its mail leaves through, by id or name. null: the default.")),
}
_SENDER_SHOWN = {
    "id": _text("Like `s_…`."),
    "tenant_id": _text(),
    **_SENDER,
    "account": _or_null(_text("The name of that account.")),
    "paused_reason": _text("Why its mail is held, if it is."),
    "created_at": _moment(),
    "version": _number(),
    "default": _flag("Whether it is the tenant's default."),
}

_SETTINGS = {
    "mode": _or_null(_words(Mode, "What becomes of accepted mail.")),
    "sending": _or_null(_words(Sending, "In the request that brings it, or right after.")),
    "default_sender_id": _or_null(_text("By id or address.")),
    "default_account_id": _or_null(_text("By id or name. Waiting mail that followed the old default moves along.")),
    "footer_text": _or_null(_text("Added below every text.")),
    "footer_html": _or_null(_text("Added below every HTML body.")),
    "recipients_choose": _or_null(_flag("Whether recipients choose how they get each kind of mail.")),
    "unknown_policy": _or_null(_words(UnknownPolicy, "What to do when the final answer never came.")),
    "content_days": _or_null(_number("How long contents are kept.")),
    "log_days": _or_null(_number("How long the log is kept.")),
    "retry_minutes": _or_null(_list(_number(), "The waits between attempts; the last one repeats.")),
    "retry_days": _or_null(_number("How long it is tried.")),
    "guard_redirect": _or_null(_text("Not a production system: what is not on guard_allow goes to this address.")),
    "guard_allow": _or_null(_list(_text(), "Only these get mail: addresses, and domains like @example.org.")),
    "reset_fallback": _or_null(
        _flag("Links for a new password leave by the installation's default account while the own one can't send.")
    ),
    "language": _or_null(_text("What recipients read who did not choose: `en` or `de`.")),
    "time_zone": _or_null(_text("Where recipients are who did not choose, like Europe/Prague.")),
    "suppress_unknown": _or_null(
        _flag("Who has no mailbox, as a server says when he is named, gets nothing but security mail for 90 days.")
    ),
    "alarm_to": _or_null(
        _list(_text(), "Who is written to about problems; empty: users who may manage mail settings.")
    ),
    "foreign_from": _or_null(
        _words(ForeignFrom, "What becomes of a From that an application may not use: refused, or rewritten to its own.")
    ),
}
_TENANT = {"name": _text("What people call it."), "suspended": _flag("Takes nothing in while true."), **_SETTINGS}
_TENANT_SHOWN = {
    "id": _text("Like `t_…`."),
    "parent_id": _or_null(_text("The installation, which it inherits from.")),
    "name": _text(),
    "suspended": _flag(),
    "deleted_at": _or_null(_moment("It is gone, but for the log that retention still keeps.")),
    "created_at": _moment(),
    "version": _number(),
    "settings": _answer("What is set here. null is inherited.", _SETTINGS),
    "effective": _told(
        {"type": "object", "additionalProperties": _ref("Effective")}, "What holds, and where each value comes from."
    ),
}

_APPLICATION = {
    "name": _text("What people call it."),
    "suspended": _flag("Its keys are refused while true."),
    "senders": _list(_text(), "The addresses it may use, or `*@example.com`. Empty: all of its tenant's."),
    "kinds": _list(_text(), "What it may name as a message's kind. Empty: anything."),
    "per_minute": _or_null(_number("Messages it may hand over in a minute. null: no limit.", minimum=1)),
}
_APPLICATION_SHOWN = {
    "id": _text("Like `p_…`."),
    "tenant_id": _text(),
    **_APPLICATION,
    "created_at": _moment(),
    "version": _number(),
}
_KEY = {
    "id": _text("Like `k_…`."),
    "tenant_id": _text(),
    "application_id": _text(),
    "application": _text("The name of the application."),
    "prefix": _text("Its beginning, to tell it by."),
    "scopes": _list(_words(Scope)),
    "created_at": _moment(),
    "last_used_at": _or_null(_moment()),
    "expires_at": _or_null(_moment()),
    "revoked_at": _or_null(_moment()),
}

_PLACE = {
    "n": _number("The recipient's number within the message."),
    "address": _text(),
    "state": _words(State),
    "reply": _text("The server's last words."),
    "diagnosis": _text("What Postroom makes of them, as a stable word."),
    "explanation": _text("The same in plain words."),
    "due_at": _or_null(_moment("When the next attempt is due.")),
    "attempts": _number(),
}
_STATE_OF_ALL = _text("The state all recipients share, or `mixed`.", enum=[*(state.value for state in State), "mixed"])
_RECEIPT = {"id": _text("Like `m_…`."), "state": _STATE_OF_ALL, "recipients": _list(_ref("RecipientState"))}

_RECIPIENT = {
    **_PLACE,
    "leaves_at": _or_null(_moment("When it will leave, at about: by pace, backlog and quota. null: nobody can say.")),
    "role": _words(RecipientRole),
    "account_id": _or_null(_text()),
    "account": _text("The name of the account it leaves through."),
    "reason": _text("Why it waits or did not leave, as a stable word."),
    "scope": _text("Whose trouble it is: account, sender, recipient, message, network, server …"),
    "remedy": _text("What to do about it."),
    "field": _text("The setting to look at, or empty."),
    "apply": _told({"type": "object"}, "What of the account's settings to set to what, where that mends it."),
    "updated_at": _or_null(_moment()),
    "course": _told(
        {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"stage": _words(Stage), "reached_at": _moment()},
                "required": ["stage", "reached_at"],
            },
        },
        "How far it came, step by step; a bounce that nothing proves is `said-to-bounce`.",
    ),
}
_MESSAGE = {
    "id": _text(),
    "tenant_id": _text(),
    "created_at": _moment(),
    "from": _text("As it stands in the header."),
    "return_path": _text("The envelope's sender."),
    "subject": _text(),
    "message_id": _text("The Message-ID header."),
    "size": _number("Octets, composed."),
    "priority": _text(enum=["urgent", "normal", "bulk"]),
    "application_id": _or_null(_text()),
    "sender_id": _or_null(_text()),
    "kind": _text(),
    "send_at": _or_null(_moment()),
    "expires_at": _or_null(_moment()),
    "unknown": _words(UnknownPolicy),
    "secret": _flag(),
    "resend_of": _or_null(_text("The message this one repeats.")),
    "tags": _list(_text()),
    "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
    "template": _text("The template it was written by; empty: none."),
    "template_version": _or_null(_number("The version that the template had then.")),
    "bulk_id": _or_null(_text("The bulk it belongs to.")),
}
_COUNTS = _told({"type": "object", "additionalProperties": {"type": "integer"}}, "How many are in which state.")
_MESSAGE_VIEW = {
    **_MESSAGE,
    "application": _text("The name of the application that handed it over."),
    "state": _STATE_OF_ALL,
    "states": _COUNTS,
    "has_content": _flag("Whether its content is still kept."),
    "recipients": _list(_ref("Recipient")),
}
_EVENT = {
    "id": _text(),
    "at": _moment(),
    "kind": _words(EventKind),
    "n": _or_null(_number("The recipient's number; null: the whole message.")),
    "detail": {"type": "object"},
}
_ATTEMPT = {
    "id": _text(),
    "recipients": _list(_number()),
    "account_id": _or_null(_text()),
    "account": _text("The name of the account."),
    "account_version": _number(),
    "courier": _text(),
    "started_at": _moment(),
    "ended_at": _moment(),
    "phase": _text("How far it came."),
    "reply": _text(),
    "server": _text(),
    "tls": _text(),
    "conversation": _text("What was said, secrets blanked."),
}
_LINE = {
    **_MESSAGE,
    "to": _text("The first recipient."),
    "recipients": _number("How many there are."),
    "state": _words(State, "The one that most wants attention; what follows is of the first recipient in it."),
    "states": _COUNTS,
    "reply": _text("The server's last words."),
    "diagnosis": _text(),
    "reason": _text(),
    "account_id": _or_null(_text()),
    "due_at": _or_null(_moment()),
}
_QUEUE_LINE = {
    "account_id": _or_null(_text()),
    "account": _text("The name of the account."),
    "state": _text("`none`: mail without an account.", enum=["ready", "paused", "disabled", "none"]),
    "reason": _text("Why it is paused."),
    "waiting": _number("Recipients, as all counts here."),
    "due": _number("How many of them are due now."),
    "oldest_at": _or_null(_moment()),
    "held": _number(),
    "unknown": _number("Waiting for somebody's decision."),
    "sending": _number(),
    "per_minute": _or_null(_number("As many may leave in a minute now; null: any number.")),
    "slow": {"type": "boolean", "description": "Whether its server asked for less than its limits."},
    "empty_at": _or_null(_moment("When the last of it will have left, at about; null: nobody can say.")),
}
_INSTALLATION = {
    "version": _text("Of Postroom."),
    "fingerprint": _text("What tells this installation from every other."),
    "clone": _or_null(_ref("Clone")),
}
_CLONE = {
    "since_at": _moment("Since when it is known."),
    "waiting": _number("Recipients that waited or were under way then: the original may have sent them already."),
    "home": _text("Where it is."),
    "was": _text("Where it was."),
}
_BACKUP = {"file": _text("Where it is on the server."), "octets": _number(), "messages": _number()}
_EXPLANATION = {
    "step": _text("What was decided."),
    "value": _text(),
    "source": _text("Where it comes from."),
    "sentence": _text("The same in plain words."),
}
_REMAINING = {
    "waiting": _number("Waiting for their turn."),
    "held": _number(),
    "unknown": _number("Waiting for somebody's decision."),
    "sending": _number("Being sent at this moment."),
}
_DELETION = {
    "done": _flag("The tenant is gone. Otherwise `remaining` has to leave first; ask again then."),
    "remaining": _answer("Recipients whose mail has not left.", _REMAINING),
    "cancelled": _number("Recipients whose mail was taken back."),
    "messages": _number("Messages deleted from the log."),
}
_PLANNED = {
    "what": _words(What),
    "noun": _text(enum=["settings", "connector", "account", "sender", "application"]),
    "name": _text("Its name or address; empty for settings."),
    "fields": _list(_ref("Difference"), "Never a password: of that only what becomes of it."),
}
_PLAN = {"changes": _list(_ref("Planned")), "warnings": _list(_text(), "In sentences.")}
_RESULT = {
    "status": _number("As if the message had been sent alone."),
    "replayed": _flag("An earlier request with this key made it."),
    "message": _ref("Receipt"),
    "problem": _ref("Problem"),
}


def schemas() -> dict[str, Schema]:
    """Every shape, by name."""
    return {
        "AccountValues": _input("An account, as it is given. What is not named stays as it is.", {
            **_ACCOUNT,
            "secret": _text("The password. It is sealed, and never shown again.", writeOnly=True),
            "client_key": _text("The private key of the client certificate, PEM. Sealed as well.", writeOnly=True),
            "client_key_passphrase": _text("What opens that key, where it is protected.", writeOnly=True),
        }),
        "Account": _answer("An account, as it is shown.", _ACCOUNT_SHOWN),
        **certificate_schemas(),
        "SenderValues": _input("A sender, as it is given. What is not named stays as it is.", _SENDER),
        "Sender": _answer("A sender, as it is shown.", _SENDER_SHOWN),
        "SettingsValues": _input("Settings to change. null inherits again; what is not named stays.", _TENANT),
        "Tenant": _answer("A tenant, or the installation, and its settings.", _TENANT_SHOWN),
        "Effective": _answer("A value that holds.", {"value": {}, "source": _text("Who set it.")}),
        "ApplicationValues": _input("An application, as it is given. What is not named stays as it is.", _APPLICATION),
        "Application": _answer("Something that hands messages over.", _APPLICATION_SHOWN),
        "Key": _answer("A key, without the key itself.", _KEY),
        "NewKey": _answer("A new key. `key` is shown this one time.", {"key": _text()} | _KEY),
        "RecipientState": _answer("Where a recipient stands.", _PLACE),
        "Receipt": _answer("What became of a message so far.", _RECEIPT),
        "BatchResult": _answer("What became of a batch, in its order.", {
            "accepted": _number(), "refused": _number(), "results": _list(_ref("Result")),
        }),
        "Result": _answer("One message of a batch.", _RESULT, optional=("replayed", "message", "problem")),
        "Recipient": _answer("A recipient of a message.", _RECIPIENT),
        "MessageView": _answer("A message as it is kept.", _MESSAGE_VIEW),
        "Event": _answer("Something that happened to a message.", _EVENT),
        "Attempt": _answer("One attempt to deliver it.", _ATTEMPT),
        "Timeline": _answer("What happened to a message, oldest first.", {
            "id": _text(), "events": _list(_ref("Event")), "attempts": _list(_ref("Attempt")),
            "more": _flag("There is more than is shown here."),
        }),
        "Installation": _answer("The installation.", _INSTALLATION),
        "Clone": _answer("What the clone guard found.", _CLONE),
        "Backup": _answer("A backup.", _BACKUP),
        "MessageLine": _answer("A message in the list.", _LINE),
        "QueueLine": _answer("What waits for one account.", _QUEUE_LINE),
        "Deletion": _answer("How far the deletion of a tenant has come.", _DELETION),
        "Plan": _answer("What an import changes.", _PLAN),
        "Planned": _answer("What becomes of one thing.", _PLANNED),
        "Explanation": _answer("One step of the way a message would go.", _EXPLANATION),
    }  # fmt: skip
