"""The settings of accounts, senders and tenants as the command line spells them: one table each.

From a table come the options of `add` and `edit`, what is sent to Postroom, what `show` prints and the page of the
documentation. Whether a value makes sense is decided by Postroom, not here: a field of a later release is sent on and
refused there in plain words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = [
    "ACCOUNT",
    "CONNECTOR",
    "KIND",
    "MAILBOX",
    "MESSAGE",
    "MESSAGE_MORE",
    "PREFERENCE",
    "SENDER",
    "TENANT",
    "Field",
    "as_body",
    "read",
    "unset",
]


@dataclass(frozen=True, slots=True)
class Field:
    """`name` as the API knows it (`limits.connections` is nested), `flag` as it is typed.

    `kind`: str, int, bool, list (of texts) or Path (of a file whose text is the value).
    """

    name: str
    flag: str
    sentence: str
    kind: type = str
    metavar: str = ""
    undo: bool = True
    """A bool that is off unless it is given needs no `--no-…`."""

    @property
    def parameter(self) -> str:
        """The name of the Python parameter that carries it."""
        return "field_" + self.name.replace(".", "_")


MESSAGE = (
    Field("to", "to", "A recipient; may be given several times.", list, "ADDRESS"),
    Field("cc", "cc", "A recipient who gets a copy.", list, "ADDRESS"),
    Field("bcc", "bcc", "A recipient whom the others don't see.", list, "ADDRESS"),
    Field("from", "from", "The sender; without it the default one.", metavar="ADDRESS"),
    Field("subject", "subject", "The subject."),
    Field("kind", "kind", "What kind of mail it is, in your words.", metavar="WORD"),
    Field("account", "account", "The account to send through, by name or id.", metavar="ACCOUNT"),
    Field("template", "template", "The template that says it, instead of subject and text.", metavar="NAME"),
    Field("language", "language", "Of the template; else the recipient's own.", metavar="TAG"),
)
"""What decides the way of a message: for `send` and `explain` alike."""

MESSAGE_MORE = (
    Field("reply_to", "reply-to", "Where answers go.", list, "ADDRESS"),
    Field("return_path", "return-path", "Where delivery errors go.", metavar="ADDRESS"),
    Field("priority", "priority", "What is urgent overtakes what is not.", metavar="urgent|normal|bulk"),
    Field("tags", "tag", "A word to find it by; may be given several times.", list, "WORD"),
    Field("hold", "hold", "Keep it until somebody releases it.", bool, undo=False),
    Field("secret", "secret", "Nobody can read it; wiped once it is sent.", bool, undo=False),
    Field("receipt", "receipt", "Ask for a read confirmation.", bool),
    Field("receipt_to", "receipt-to", "Where the read confirmation goes.", metavar="ADDRESS"),
    Field("unknown", "unknown", "What to do when the server's last answer never came.", metavar="retry|hold"),
)
"""The rest that `send` takes as it is."""

ACCOUNT = (
    Field("name", "name", "What people call this account."),
    Field("preset", "preset", "The provider that fills what is not given; see `account presets`.", metavar="PROVIDER"),
    Field("host", "host", "The server's name or IP address.", metavar="HOST"),
    Field("encryption", "encryption", "How the connection is protected.", metavar="starttls|tls|none"),
    Field("port", "port", "Without it: 587 for starttls, 465 for tls, 25 for none.", int),
    Field("login", "login", "How to log in; `password` takes the strongest way both sides know.", metavar="METHOD"),
    Field("user", "user", "The user name; with it, a password is needed."),
    Field("realm", "realm", "The Kerberos realm, or the domain of an NTLM user.", metavar="REALM"),
    Field("service_principal", "service-principal", "Kerberos: if not smtp/ and the host.", metavar="NAME"),
    Field("credential_source", "credential-source", "Kerberos: whose tickets.", metavar="password|keytab|ticket-cache"),
    Field("credential_path", "credential-path", "Kerberos: the keytab or ticket cache.", metavar="PATH"),
    Field("oauth2_provider", "oauth2-provider", "Whose tokens: microsoft, google, custom …", metavar="PROVIDER"),
    Field("oauth2_flow", "oauth2-flow", "With a person's consent, or with the application's key.", metavar="FLOW"),
    Field("oauth2_tenant", "oauth2-tenant", "Microsoft: the directory's id or domain."),
    Field("oauth2_client_id", "oauth2-client-id", "What the provider calls the application that Postroom is."),
    Field("oauth2_scope", "oauth2-scope", "What tokens are for; without it what sending needs."),
    Field("oauth2_authorize_url", "oauth2-authorize-url", "Where people consent, if elsewhere.", metavar="URL"),
    Field("oauth2_token_url", "oauth2-token-url", "Where tokens are got, if elsewhere.", metavar="URL"),
    Field("oauth2_secret_expires", "oauth2-secret-expires", "The last day of the application's secret.", metavar="DAY"),
    Field("sender_address", "sender", "The address mail leaves from when nothing else says.", metavar="ADDRESS"),
    Field("sender_name", "sender-name", "The name that goes with it."),
    Field("reply_to", "reply-to", "Where answers go.", metavar="ADDRESS"),
    Field("return_path", "return-path", "Where delivery errors go.", metavar="ADDRESS"),
    Field("return_path_tag", "return-path-tag", "Delivery errors find their recipient.", metavar="off|plus|whole"),
    Field("reply_to_tag", "reply-to-tag", "Answers find their message.", metavar="off|plus|whole"),
    Field("confirmation_address", "confirmation-address", "Where read receipts go.", metavar="ADDRESS"),
    Field("probe_address", "probe-address", "Who gets the messages that prove senders.", metavar="ADDRESS"),
    Field("request_receipt", "request-receipt", "Ask readers for a receipt.", bool),
    Field("force_settings", "force-settings", "The addresses above stand, whatever applications ask for.", bool),
    Field("rewrite_from", "rewrite-from", "From is this account's sender; the wanted one becomes Reply-To.", bool),
    Field("footer_enabled", "footer", "Add the footer.", bool),
    Field("footer_text", "footer-text", "This account's own footer, as text."),
    Field("footer_html", "footer-html", "This account's own footer, as HTML."),
    Field("certificate_check", "certificate-check", "What is believed.", metavar="verify|own-ca|pinned|ignore"),
    Field("certificate_authority", "certificate-authority", "Your own CA, PEM.", Path, "FILE"),
    Field("certificate_pin", "certificate-pin", "The one to trust; see `account certificate`.", metavar="SHA256"),
    Field("client_certificate", "client-certificate", "What we show to a server that asks, PEM.", Path, "FILE"),
    Field("client_key", "client-key-file", "The private key of that certificate, PEM.", Path, "FILE"),
    Field("client_key_passphrase", "client-key-passphrase-file", "A file with what opens that key.", Path, "FILE"),
    Field("allow_clear_login", "allow-clear-login", "Log in even where others could read it; operator only.", bool),
    Field("ehlo_name", "ehlo-name", "The name to greet this server with.", metavar="HOST"),
    Field("connector_id", "connector", "The connector to go through, by name or id.", metavar="CONNECTOR"),
    Field(
        "secret_reference",
        "secret-reference",
        "Where the password is kept instead: env:…, file:…, systemd:…, vault:…",
        metavar="REFERENCE",
    ),
    Field(
        "fallback_account_id",
        "fallback",
        "The account that sends while this one can't, by name or id.",
        metavar="ACCOUNT",
    ),
    Field("enabled", "enabled", "Whether the account is used at all.", bool),
    Field("limits.connections", "connections", "At most so many connections at once.", int),
    Field("limits.per_minute", "per-minute", "At most so many messages a minute.", int),
    Field("limits.per_day", "per-day", "At most so many messages a day.", int),
    Field("limits.recipients", "recipients", "At most so many recipients in one go.", int),
    Field("limits.size", "size", "The largest message it takes, in octets.", int),
)

SENDER = (
    Field("name", "name", "The name that goes with the address."),
    Field("reply_to", "reply-to", "Where answers go.", metavar="ADDRESS"),
    Field("return_path", "return-path", "Where delivery errors go.", metavar="ADDRESS"),
    Field("confirmation_address", "confirmation-address", "Where read receipts go.", metavar="ADDRESS"),
    Field("account", "account", "The account its mail leaves through."),
)

CONNECTOR = (
    Field("name", "name", "What people call it; else its host."),
    Field("host", "host", "The proxy's or SSH server's name or IP address; agents have none.", metavar="HOST"),
    Field("port", "port", "Without it: 1080 for socks5, 8080 for http, 22 for ssh.", int),
    Field("user", "user", "The user name there."),
    Field("host_key", "host-key", "The SSH server's host key, confirmed by this.", metavar="SHA256:…"),
)

PREFERENCE = (
    Field("language", "language", "What he reads.", metavar="en|de"),
    Field("time_zone", "time-zone", "Where he is.", metavar="ZONE"),
    Field("hour", "hour", "When his digests come, by his clock.", int),
    Field("weekday", "weekday", "The day of his weekly digest; 0 is Monday.", int),
)

KIND = (
    Field("title", "title", "What recipients are told it is."),
    Field("title_de", "title-de", "The same in German."),
    Field("description", "description", "What it is about, in a sentence for recipients."),
    Field("description_de", "description-de", "The same in German."),
    Field("way", "way", "How who chose nothing gets it.", metavar="at-once|hourly|daily|weekly|none"),
    Field("mandatory", "mandatory", "Security mail: it always passes, and at once.", bool),
    Field("bulk", "bulk", "Mail to many: recipients may always stop it.", bool),
    Field("attachments", "attachments", "In a digest: kept, or linked.", metavar="keep|link"),
)

_OF_ACCOUNTS = (
    *(name for name in (field.name for field in ACCOUNT) if name.startswith("oauth2_")),
    *("login", "certificate_check", "certificate_authority", "certificate_pin", "allow_clear_login"),
    *("connector_id", "secret_reference"),
)
MAILBOX = (
    Field("name", "name", "What people call it; else its user name."),
    Field("host", "host", "The IMAP server's name or IP address.", metavar="HOST"),
    Field("encryption", "encryption", "How the connection is protected.", metavar="tls|starttls|none"),
    Field("port", "port", "Without it: 993 for tls, else 143.", int),
    Field("user", "user", "The user name."),
    Field("address", "address", "The address whose mail arrives in it; else the user name.", metavar="ADDRESS"),
    Field("folder", "folder", "The folder that is read; without it INBOX."),
    Field("afterwards", "afterwards", "What becomes of a mail there once it is in.", metavar="seen|move|delete|leave"),
    Field("move_to", "move-to", "The folder that mail is moved to.", metavar="FOLDER"),
    Field("poll_seconds", "poll-seconds", "How often it is looked into, at least; without it 300.", int),
    Field("only_new", "only-new", "Leave alone what lies there at the first look.", bool),
    Field("enabled", "enabled", "Whether it is read.", bool),
    *(field for field in ACCOUNT if field.name in _OF_ACCOUNTS),
)

WEBHOOK = (
    Field("name", "name", "What people call it; else its host."),
    Field("types", "types", "Only these events, like message.sent,problem.*; else all.", metavar="LIST"),
    Field("authority", "authority", "A file with an own CA in PEM, for its certificate.", Path, "FILE"),
)

TENANT = (
    Field("mode", "mode", "What becomes of mail.", metavar="disabled|silent|native|smtp"),
    Field("sending", "sending", "In the request that brings it, or right after.", metavar="instantly|background"),
    Field("footer_text", "footer-text", "Added below every text."),
    Field("footer_html", "footer-html", "Added below every HTML body."),
    Field("unknown_policy", "unknown-policy", "When the final answer never came.", metavar="retry|hold"),
    Field("content_days", "content-days", "How long contents are kept.", int),
    Field("log_days", "log-days", "How long the log is kept.", int),
    Field("retry_minutes", "retry-minutes", "The waits between attempts: 1,5,15,30,60,120,240.", metavar="LIST"),
    Field("retry_days", "retry-days", "How long Postroom keeps trying.", int),
    Field("reset_fallback", "reset-fallback", "Links for a new password may leave by the default mailbox.", bool),
    Field("recipients_choose", "recipients-choose", "Recipients choose how they get each kind of mail.", bool),
    Field(
        "language", "language", "What recipients read who did not choose, and letters about problems.", metavar="en|de"
    ),
    Field("time_zone", "time-zone", "Where recipients are who did not choose.", metavar="ZONE"),
    Field("suppress_unknown", "suppress-unknown", "Write no more to mailboxes that do not exist.", bool),
    Field("alarm_to", "alarm-to", "Who is written to about problems; else those who manage settings.", list, "ADDRESS"),
    Field("foreign_from", "foreign-from", "When an application names a From it may not use.", metavar="refuse|rewrite"),
)


def as_body(values: Mapping[str, Any]) -> dict[str, Any]:
    """`limits.connections` = 3 becomes {"limits": {"connections": 3}}; everything else stays as it is."""
    body: dict[str, Any] = {}
    for name, value in values.items():
        outer, dot, inner = name.partition(".")
        if dot:
            body.setdefault(outer, {})[inner] = value
        else:
            body[name] = value
    return body


def read(document: Mapping[str, Any], name: str) -> Any:
    """The value behind a field's name in an answer of the API, or None."""
    value: Any = document
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def unset(fields: Iterable[Field], names: Iterable[str] | None) -> dict[str, None]:
    """The values to take back, by API name. A name that is no field goes on as it is, to be refused in plain words."""
    known = {field.flag: field.name for field in fields}
    return {known.get(name.removeprefix("--"), name): None for name in names or ()}
