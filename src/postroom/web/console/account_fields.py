"""The account's form as data: its groups, which field belongs to which login, and what is said beside each field.

Rules it keeps: every field that the office takes is somewhere in here (a test holds it against the office); a field
that belongs to one login only is on the page only with that login; what is typed stays text until the office reads it,
but for the two things a form can't say otherwise: an empty number or choice is "not set", an empty box is "no".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from postroom.model.account import (
    Account,
    CredentialSource,
    Encryption,
    Login,
)
from postroom.model.grant import OAuth2Provider
from postroom.web.console.account_choices import CHECKS, ENCRYPTIONS, FLOWS, LOGINS, PROVIDERS, SOURCES, TAGS, Choice
from postroom.web.console.words import N_

__all__ = ["GROUPS", "LABELS", "SECRETS", "Choice", "Group", "Input", "Kind", "Part", "given_values", "stored_values"]


class Kind(StrEnum):
    """How a field is typed; with it goes what an empty one means."""

    TEXT = "text"
    NUMBER = "number"
    SECRET = "secret"  # noqa: S105 - a kind of field
    HIDDEN_AREA = "hidden-area"
    AREA = "area"
    CODE = "code"
    SELECT = "select"
    RADIOS = "radios"
    CHECK = "check"
    NAMED = "named"
    """A choice among things that have names (accounts, connectors); the page knows them."""


@dataclass(frozen=True, slots=True)
class Input:
    """`shown_for`: `field=value value`, with which values of another field it is there; empty: always."""

    name: str
    label: str
    kind: Kind = Kind.TEXT
    help: str = ""
    choices: tuple[Choice, ...] = ()
    shown_for: str = ""
    size: str = ""
    placeholder: str = ""
    follows: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """Fields that are shown or hidden together."""

    inputs: tuple[Input, ...]
    shown_for: str = ""
    pair: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    title: str
    sentence: str
    parts: tuple[Part, ...]

    def inputs(self) -> Iterator[Input]:
        for part in self.parts:
            yield from part.inputs


def _words(values: Iterable[StrEnum]) -> str:
    return " ".join(one.value for one in values)


_BY_PASSWORD = (Login.PASSWORD, Login.PLAIN, Login.LOGIN, Login.CRAM_MD5, Login.SCRAM_SHA_1, Login.SCRAM_SHA_256)
_ANY_LOGIN = f"login={_words(one for one in Login if one is not Login.NONE)}"
_TYPED = f"login={_words([*_BY_PASSWORD, Login.NTLM, Login.KERBEROS])}"
_REALM = f"login={_words([Login.KERBEROS, Login.NTLM])}"
_KERBEROS = f"login={Login.KERBEROS}"
_OAUTH2 = f"login={Login.OAUTH2}"
_OWN_FILES = f"credential_source={_words([CredentialSource.KEYTAB, CredentialSource.TICKET_CACHE])}"
_MICROSOFT = f"oauth2_provider={_words(one for one in OAuth2Provider if one.is_microsoft)}"
_CUSTOM = f"oauth2_provider={OAuth2Provider.CUSTOM}"
_ENCRYPTED = f"encryption={_words([Encryption.STARTTLS, Encryption.TLS])}"

GROUPS = (
    Group(
        "server",
        N_("Server"),
        N_("Your provider's page about SMTP tells these."),
        (
            Part((
                Input(
                    "name",
                    N_("Name of the account"),
                    help=N_("What people here call it; without one, the server's name."),
                ),
            )),
            Part((
                Input("host", N_("Server"), help=N_("Its name or IP address."), placeholder="smtp.example.com"),
                Input(
                    "port",
                    N_("Port"),
                    Kind.NUMBER,
                    N_("It follows the encryption: 587, 465 or 25."),
                    follows="encryption",
                ),
            ), pair=True),
            Part((Input("encryption", N_("Encryption"), Kind.RADIOS, choices=ENCRYPTIONS),)),
        ),
    ),
    Group(
        "login",
        N_("Login"),
        N_("How Postroom proves to the server who it is."),
        (
            Part((Input("login", N_("Way of logging in"), Kind.SELECT, choices=LOGINS),)),
            Part((
                Input("credential_source", N_("What it proves itself with"), Kind.SELECT, choices=SOURCES),
            ), _KERBEROS),
            Part((
                Input("user", N_("User name"), help=N_("Often the full e-mail address of the mailbox.")),
            ), _ANY_LOGIN),
            Part((
                Input("realm", N_("Kerberos realm or Windows domain"), placeholder="EXAMPLE.COM"),
            ), _REALM),
            Part((
                Input("secret", N_("Password"), Kind.SECRET),
                Input(
                    "secret_reference",
                    N_("Or where the password is kept instead"),
                    help=N_("env:NAME, file:/path, systemd:NAME or vault:mount/path#field; read at every login."),
                    placeholder="vault:mail/smtp#password",
                ),
            ), _TYPED),
            Part((
                Input(
                    "credential_path",
                    N_("Keytab or ticket cache"),
                    help=N_("Its path on this machine; empty: the one of the service itself."),
                    shown_for=_OWN_FILES,
                ),
                Input(
                    "service_principal",
                    N_("Name of the service"),
                    help=N_("Only if it is not smtp/ and the server's name."),
                    placeholder="smtp/mail.example.com",
                ),
            ), _KERBEROS),
            Part((
                Input("oauth2_provider", N_("Who gives the access tokens"), Kind.SELECT, choices=PROVIDERS),
                Input("oauth2_flow", N_("How they are got"), Kind.SELECT, choices=FLOWS),
                Input(
                    "oauth2_tenant",
                    N_("Directory (tenant) at Microsoft"),
                    help=N_("Its id, or its domain like contoso.onmicrosoft.com."),
                    shown_for=_MICROSOFT,
                ),
                Input(
                    "oauth2_client_id",
                    N_("Client id"),
                    help=N_("What the provider calls the application that Postroom is registered as."),
                ),
                Input(
                    "client_secret",
                    N_("Client secret, or key"),
                    Kind.HIDDEN_AREA,
                    N_("As the provider gave it: a secret, a private key with its certificate, or Google's JSON file."),
                ),
                Input(
                    "oauth2_secret_expires",
                    N_("Last day of that secret"),
                    help=N_("So that you are warned in time, like 2027-05-31."),
                    placeholder="2027-05-31",
                    size="short",
                ),
                Input(
                    "oauth2_authorize_url", N_("Address where people consent"), shown_for=_CUSTOM,
                    placeholder="https://login.example.com/authorize",
                ),
                Input(
                    "oauth2_token_url", N_("Address that gives tokens"), shown_for=_CUSTOM,
                    placeholder="https://login.example.com/token",
                ),
                Input("oauth2_scope", N_("Scope"), help=N_("Empty: what sending needs.")),
            ), _OAUTH2),
            Part((
                Input(
                    "allow_clear_login",
                    N_("Log in even where others could read the password"),
                    Kind.CHECK,
                    N_("Without encryption, or where certificate errors are ignored. Only the operator can allow it."),
                ),
            ), _TYPED),
        ),
    ),
    Group(
        "addresses",
        N_("Addresses"),
        N_("Whom mail comes from, and where answers go."),
        (
            Part((
                Input(
                    "sender_address",
                    N_("Sender e-mail"),
                    help=N_(
                        "Use an address whose mailbox somebody reads. If nobody can, use one like "
                        "no-reply@example.com, so that people see it."
                    ),
                    placeholder="news@example.com",
                ),
                Input("sender_name", N_("Sender's name"), placeholder=N_("Example Company")),
            ), pair=True),
            Part((
                Input(
                    "reply_to",
                    N_("Reply e-mail (Reply-To)"),
                    help=N_("Where answers go; empty: to the sender. Several with commas."),
                ),
                Input(
                    "return_path",
                    N_("Reply e-mail for delivery errors (Return-Path)"),
                    help=N_("Where servers report what could not be delivered; empty: to the sender."),
                ),
            ), pair=True),
            Part((
                Input(
                    "reply_to_tag",
                    N_("Signed mark for answers"),
                    Kind.SELECT,
                    N_("An answer then finds its message, whatever the writer's program does. Send yourself a test."),
                    choices=TAGS,
                ),
                Input(
                    "return_path_tag",
                    N_("Signed mark for delivery errors"),
                    Kind.SELECT,
                    N_(
                        "A report is then known to be about your mail to this recipient, so that it may suppress his "
                        "address. Some servers refuse such a sender: test it."
                    ),
                    choices=TAGS,
                ),
            ), pair=True),
            Part((
                Input(
                    "confirmation_address",
                    N_("Confirmation e-mail"),
                    help=N_("Where read confirmations go; empty: to the sender."),
                ),
                Input(
                    "probe_address",
                    N_("Address for proving senders"),
                    help=N_("Gets a short message from each sender after changes, and daily; empty: none."),
                ),
            ), pair=True),
            Part((
                Input(
                    "request_receipt",
                    N_("Ask for read confirmations"),
                    Kind.CHECK,
                    N_("Readers' programs ask them whether to confirm; many do not."),
                ),
                Input(
                    "force_settings",
                    N_("These addresses stand, whatever an application asks for"),
                    Kind.CHECK,
                    N_("Not ticked: applications may set their own reply addresses."),
                ),
                Input(
                    "rewrite_from",
                    N_("Mail leaves from this account's sender only"),
                    Kind.CHECK,
                    N_("Another wanted sender becomes the reply address. For servers that let only one address send."),
                ),
            )),
        ),
    ),
    Group(
        "footer",
        N_("Footer"),
        N_("What stands below every message."),
        (
            Part((
                Input("footer_enabled", N_("Add the footer"), Kind.CHECK),
            )),
            Part((
                Input("footer_text", N_("Own footer, as text"), Kind.AREA, N_("Empty: the footer of outgoing mail.")),
                Input("footer_html", N_("The same as HTML"), Kind.CODE, N_("Empty: made from the text.")),
            ), "footer_enabled=true"),
        ),
    ),
    Group(
        "certificate",
        N_("Certificate"),
        N_("How Postroom knows that the server is the right one."),
        (
            Part((
                Input("certificate_check", N_("The server's certificate"), Kind.RADIOS, choices=CHECKS),
                Input(
                    "certificate_pin",
                    N_("Fingerprint (SHA-256) of the certificate you trust"),
                    help=N_("Easier: save, and press “Look at the certificate” on the account's page."),
                    shown_for="certificate_check=pinned",
                ),
                Input(
                    "certificate_authority",
                    N_("Your authority's certificate"),
                    Kind.CODE,
                    N_("In PEM: text that begins with -----BEGIN CERTIFICATE-----."),
                    shown_for="certificate_check=own-ca",
                ),
            ), _ENCRYPTED),
            Part((
                Input(
                    "client_certificate",
                    N_("What Postroom shows to a server that asks for a certificate"),
                    Kind.CODE,
                    N_("In PEM, its own first. Most servers ask for none."),
                ),
                Input("client_key", N_("The private key of that certificate"), Kind.HIDDEN_AREA),
                Input("client_key_passphrase", N_("Passphrase of that key, if it has one"), Kind.SECRET),
            ), _ENCRYPTED),
        ),
    ),
    Group(
        "limits",
        N_("Limits"),
        N_("What the provider allows. Postroom keeps below, and says when mail will leave."),
        (
            Part((
                Input("limits.connections", N_("Connections at once"), Kind.NUMBER),
                Input("limits.recipients", N_("Recipients of one transmission"), Kind.NUMBER),
                Input("limits.per_minute", N_("Recipients a minute"), Kind.NUMBER, N_("Empty: no limit.")),
                Input("limits.per_day", N_("Recipients a day"), Kind.NUMBER, N_("Empty: no limit.")),
                Input("limits.size", N_("Octets of a message"), Kind.NUMBER, N_("Empty: what the server says.")),
            ), pair=True),
        ),
    ),
    Group(
        "way",
        N_("Connector"),
        N_("For a server that can't be reached directly."),
        (
            Part((
                Input(
                    "connector_id",
                    N_("Go through"),
                    Kind.NAMED,
                    N_("A proxy, a jump host or an agent. The certificate is checked against the real server."),
                ),
                Input(
                    "ehlo_name",
                    N_("The name Postroom greets the server with"),
                    help=N_("Empty: the installation's own."),
                    placeholder="mail.example.com",
                ),
            )),
        ),
    ),
    Group(
        "delivery",
        N_("Delivery"),
        N_("Whether it is used, and who stands in for it."),
        (
            Part((
                Input("enabled", N_("Enabled"), Kind.CHECK, N_("Not ticked: its mail waits.")),
                Input(
                    "fallback_account_id",
                    N_("Fallback account"),
                    Kind.NAMED,
                    N_("Sends while this one can't, and only while it is certain that this one did not."),
                ),
            )),
        ),
    ),
)  # fmt: skip

SECRETS = ("secret", "client_secret", "client_key", "client_key_passphrase")
"""Fields that are typed and never shown."""
_KINDS = {one.name: one.kind for group in GROUPS for one in group.inputs()}
LABELS: Mapping[str, str] = {one.name: one.label for group in GROUPS for one in group.inputs()} | {
    "preset": N_("Provider")
}
_EMPTY_IS_NONE = frozenset({Kind.NUMBER, Kind.NAMED})
_EMPTY_IS_INHERITED = frozenset({"footer_text", "footer_html"})


def stored_values(account: Account) -> dict[str, object]:
    """What a form about this account is filled in with; secrets are not among it."""
    found: dict[str, object] = {"preset": account.preset}
    for name in _KINDS:
        if name in SECRETS:
            continue
        outer, _, inner = name.partition(".")
        value = getattr(account, outer)
        found[name] = getattr(value, inner) if inner else value
    return found


def given_values(given: Mapping[str, str]) -> dict[str, object]:
    """What came with a form, as the office takes it. A blank secret is left out: it stays as it was."""
    found: dict[str, object] = {}
    for name, text in given.items():
        if name == "preset":
            found[name] = text
        elif name == "name" and not text.strip():
            continue  # then it is called by its server, or keeps its name
        elif name in _KINDS:
            value = _value(name, text)
            if value is not None or name not in SECRETS:
                found["secret" if name == "client_secret" else name] = value
    return found


def _value(name: str, text: str) -> object:
    kind = _KINDS[name]
    if kind is Kind.CHECK:
        return text == "true"
    if name in SECRETS or name in _EMPTY_IS_INHERITED or kind in _EMPTY_IS_NONE:
        return text if text.strip() else None
    return text
