"""The settings of outgoing mail as people see them: what each is called, what it takes, how its value reads.

The names are those of the API. A part of the page is a handful of settings that are thought about together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from postroom.ids import encode
from postroom.model.tenant import INSTALLATION, ForeignFrom, Mode, Sending, UnknownPolicy
from postroom.web.console import zones

if TYPE_CHECKING:
    from postroom.web.console.visit import Visit

__all__ = ["PARTS", "Part", "Setting", "Shown", "choices_of", "shown", "text_of"]


def N_(text: str) -> str:  # noqa: N802 - what gettext calls a text that is told later
    return text


class Choice(NamedTuple):
    value: str
    text: str
    sentence: str = ""


class Setting(NamedTuple):
    """`kind`: choice (radios), select, number, line, area. `unit`: what a number counts. `empty`: how "" reads."""

    name: str
    label: str
    kind: str
    help: str = ""
    choices: tuple[Choice, ...] = ()
    unit: str = ""
    empty: str = ""


class Part(NamedTuple):
    """`key`: its word in the address."""

    key: str
    title: str
    lead: str
    settings: tuple[Setting, ...]


class Shown(NamedTuple):
    """A setting with what holds. `own`: it is set here."""

    setting: Setting
    text: str
    value: str
    source: str
    own: bool


_SOURCES = (N_("installation"), N_("clone guard"))
"""What `Sourced` calls the places that have no name of their own."""
_YES_NO = (Choice("true", N_("Yes")), Choice("false", N_("No")))
_ACCOUNT = Setting(
    "default_account_id",
    N_("Default account"),
    "select",
    N_("Mail leaves through it unless its sender has another."),
    empty=N_("None: mail waits"),
)
_SENDER = Setting(
    "default_sender_id",
    N_("Default sender"),
    "select",
    N_("Stands in mail that names no sender."),
    empty=N_("None: mail without a sender is refused"),
)

PARTS = (
    Part(
        "mode",
        N_("Mode and sending"),
        N_("Whether mail leaves at all, and whether an application waits for it."),
        (
            Setting(
                "mode",
                N_("Mode"),
                "choice",
                choices=(
                    Choice(Mode.SMTP, N_("SMTP servers"), N_("Mail leaves through your accounts.")),
                    Choice(
                        Mode.SILENT,
                        N_("Silent"),
                        N_("Everything works, nothing leaves; mail can be read in the silent mailbox and released."),
                    ),
                    Choice(
                        Mode.NATIVE, N_("This machine's mailer"), N_("Mail goes to the sendmail command of this host.")
                    ),
                    Choice(Mode.DISABLED, N_("Disabled"), N_("Nothing is sent to anybody, and no content is kept.")),
                ),
            ),
            Setting(
                "sending",
                N_("Sending"),
                "choice",
                choices=(
                    Choice(
                        Sending.BACKGROUND,
                        N_("In the background"),
                        N_("Applications go on at once; mail leaves as soon as possible."),
                    ),
                    Choice(
                        Sending.INSTANTLY,
                        N_("Instantly"),
                        N_("Applications wait for the server's answer; what fails for now goes to the queue."),
                    ),
                ),
            ),
        ),
    ),
    Part(
        "defaults",
        N_("Defaults"),
        N_("What a message gets that does not say it itself."),
        (
            _ACCOUNT,
            _SENDER,
            Setting(
                "foreign_from",
                N_("A From that an application may not use"),
                "choice",
                choices=(
                    Choice(ForeignFrom.REFUSE, N_("Is refused"), N_("The application is told why.")),
                    Choice(
                        ForeignFrom.REWRITE,
                        N_("Is replaced by the default sender"),
                        N_("The wanted address becomes Reply-To."),
                    ),
                ),
            ),
            Setting(
                "reset_fallback",
                N_("Password links by the installation's default account"),
                "choice",
                N_("While your own account can't send, so that nobody is locked out."),
                _YES_NO,
            ),
        ),
    ),
    Part(
        "recipients",
        N_("Recipients"),
        N_("What those who get the mail may decide, and what is kept from them."),
        (
            Setting(
                "recipients_choose",
                N_("Recipients choose how they get mail"),
                "choice",
                N_("At once, in a digest or not at all, for each kind; security mail always passes."),
                _YES_NO,
            ),
            Setting(
                "suppress_unknown",
                N_("Stop writing to mailboxes that do not exist"),
                "choice",
                N_("An address that a server says nobody has is written to no more."),
                _YES_NO,
            ),
            Setting(
                "language",
                N_("Language of pages and digests"),
                "select",
                choices=(Choice("en", "English"), Choice("de", "Deutsch")),
            ),
            Setting("time_zone", N_("Time zone"), "select", N_("Hours that recipients choose are hours there.")),
        ),
    ),
    Part(
        "footer",
        N_("Footer"),
        N_("Stands below every message. With only one of the two, the other is made from it."),
        (
            Setting("footer_text", N_("As text"), "area", empty=N_("None")),
            Setting("footer_html", N_("As HTML"), "area", empty=N_("None")),
        ),
    ),
    Part(
        "guard",
        N_("Guard for test systems"),
        N_("Keeps mail of a test system from real people."),
        (
            Setting(
                "guard_redirect",
                N_("Send everything to"),
                "line",
                N_("One address gets all mail instead; the log says whose it was."),
                empty=N_("Nobody: mail goes to its recipients"),
            ),
            Setting(
                "guard_allow",
                N_("Only these recipients"),
                "line",
                N_("Addresses, and domains like @example.org, with commas between. Others go to the silent mailbox."),
                empty=N_("Everybody"),
            ),
        ),
    ),
    Part(
        "retention",
        N_("Retention"),
        N_("For how long messages are kept after they are done with."),
        (
            Setting("content_days", N_("Contents"), "number", N_("Text, HTML and attachments."), unit=N_("days")),
            Setting("log_days", N_("Log"), "number", N_("Who got what when, and what servers said."), unit=N_("days")),
        ),
    ),
    Part(
        "retries",
        N_("Retries"),
        N_("What happens when a server does not take a message at first."),
        (
            Setting(
                "retry_minutes",
                N_("Try again after"),
                "line",
                N_("Minutes, with commas between; the last one goes on."),
                unit=N_("minutes"),
            ),
            Setting("retry_days", N_("Give up after"), "number", unit=N_("days")),
            Setting(
                "unknown_policy",
                N_("When a server's last answer never came"),
                "choice",
                choices=(
                    Choice(UnknownPolicy.RETRY, N_("Send again"), N_("It may arrive twice, but it arrives.")),
                    Choice(UnknownPolicy.HOLD, N_("Ask me"), N_("It is held until somebody decides.")),
                ),
            ),
        ),
    ),
    Part(
        "alarms",
        N_("Alarms"),
        N_("Who is written to when something is wrong with the settings."),
        (
            Setting(
                "alarm_to",
                N_("Write to"),
                "line",
                N_("Addresses, with commas between."),
                empty=N_("Nobody"),
            ),
        ),
    ),
)


def choices_of(setting: Setting, visit: Visit) -> list[tuple[str, str, str]]:
    """Value, text and sentence of each choice, in the reader's language; references are this tenant's own."""
    if setting.name == "time_zone":
        return [(name, name, "") for name in zones.names()]
    if setting.name == "default_account_id":
        return [_none(visit)] + [(encode("a", one.id), one.name, "") for one in _accounts(visit)]
    if setting.name == "default_sender_id":
        return [_none(visit)] + [(encode("s", one.id), one.address, "") for one in _senders(visit)]
    return [
        (one.value, visit.say(one.text), visit.say(one.sentence) if one.sentence else "") for one in setting.choices
    ]


def _none(visit: Visit) -> tuple[str, str, str]:
    own = visit.tenant_id == INSTALLATION
    return "", visit.say("None") if own else visit.say("As inherited"), ""


def _accounts(visit: Visit) -> list[Any]:
    return [one for one in visit.office.snapshot.accounts.values() if one.tenant_id == visit.tenant_id]


def _senders(visit: Visit) -> list[Any]:
    return [one for one in visit.office.snapshot.senders.values() if one.tenant_id == visit.tenant_id]


def text_of(name: str, value: Any) -> str:
    """A value as it stands in a form."""
    if value is None:
        return ""
    if name in ("default_account_id", "default_sender_id"):
        return encode("a" if name == "default_account_id" else "s", value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple | list):
        return ", ".join(str(one) for one in value)
    return str(value)


def shown(setting: Setting, visit: Visit) -> Shown:
    """What holds for the tenant that is looked at, in words, and where it comes from."""
    held = getattr(visit.held, setting.name)
    value = text_of(setting.name, held.value)
    tenant = visit.looked_at
    own = tenant is not None and getattr(tenant.settings, setting.name) is not None
    return Shown(setting, _in_words(setting, visit, value, held.value), value, held.source, own)


def _in_words(setting: Setting, visit: Visit, value: str, plain: Any) -> str:
    if not value:
        return visit.say(setting.empty) if setting.empty else visit.say("None")
    if setting.name == "default_account_id":
        account = visit.office.snapshot.accounts.get(plain)
        return account.name if account is not None else value
    if setting.name == "default_sender_id":
        sender = visit.office.snapshot.senders.get(plain)
        return sender.address if sender is not None else value
    for one in setting.choices:
        if one.value == value:
            return visit.say(one.text)
    return f"{value} {visit.say(setting.unit)}" if setting.unit else value
