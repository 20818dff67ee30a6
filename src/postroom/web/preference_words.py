"""What the recipients' page says, in each language that it speaks."""

from __future__ import annotations

from dataclasses import dataclass

from postroom.model.kind import Way

__all__ = ["WORDS", "Words"]


@dataclass(frozen=True, slots=True)
class Words:
    title: str
    lead: str
    always: str
    ways: dict[Way, str]
    stop: str
    stop_button: str
    stopped: str
    digests: str
    digests_lead: str
    hour: str
    weekday: str
    weekdays: tuple[str, ...]
    time_zone: str
    as_usual: str
    language: str
    save: str
    saved: str
    nothing: str
    wrong: str
    suppressed: str
    invalid: str
    invalid_lead: str
    invalid_mend: str


WORDS: dict[str, Words] = {
    "en": Words(
        title="Your mail",
        lead="Choose which mail goes to {address}, and when.",
        always="Always, at once: this is about the security of your account.",
        ways={
            Way.AT_ONCE: "At once",
            Way.HOURLY: "Together, every hour",
            Way.DAILY: "Together, once a day",
            Way.WEEKLY: "Together, once a week",
            Way.NONE: "Not at all",
        },
        stop="You came from a mail about “{kinds}”.",
        stop_button="Stop this mail",
        stopped="Done: you get no more mail about “{kinds}”.",
        digests="When mail comes together",
        digests_lead="For everything that you get once a day or once a week.",
        hour="At this hour",
        weekday="On this day of the week",
        weekdays=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        time_zone="Where you are",
        as_usual="As usual here ({value})",
        language="Language",
        save="Save",
        saved="Saved.",
        nothing="There is nothing to choose here.",
        wrong="That could not be saved:",
        suppressed="No mail goes to this address at present, except for the security of your account.",
        invalid="This link is not valid",
        invalid_lead="It may be too old, or a part of it got lost.",
        invalid_mend="Open the link in a newer mail.",
    ),
    "de": Words(
        title="Ihre E-Mails",
        lead="Entscheiden Sie, welche E-Mails an {address} gehen und wann.",
        always="Immer und sofort: Hier geht es um die Sicherheit Ihres Kontos.",
        ways={
            Way.AT_ONCE: "Sofort",
            Way.HOURLY: "Gesammelt, jede Stunde",
            Way.DAILY: "Gesammelt, einmal am Tag",
            Way.WEEKLY: "Gesammelt, einmal in der Woche",
            Way.NONE: "Gar nicht",
        },
        stop="Sie kommen aus einer E-Mail zum Thema „{kinds}“.",
        stop_button="Diese E-Mails abbestellen",
        stopped="Erledigt: Sie bekommen keine E-Mails mehr zum Thema „{kinds}“.",
        digests="Wann gesammelte E-Mails kommen",
        digests_lead="Gilt für alles, was Sie einmal am Tag oder in der Woche bekommen.",
        hour="Um diese Uhrzeit",
        weekday="An diesem Wochentag",
        weekdays=("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"),
        time_zone="Wo Sie sind",
        as_usual="Wie hier üblich ({value})",
        language="Sprache",
        save="Speichern",
        saved="Gespeichert.",
        nothing="Hier gibt es nichts zu entscheiden.",
        wrong="Das konnte nicht gespeichert werden:",
        suppressed="An diese Adresse gehen zurzeit keine E-Mails, außer zur Sicherheit Ihres Kontos.",
        invalid="Dieser Link ist nicht gültig",
        invalid_lead="Vielleicht ist er zu alt, oder ein Teil davon ging verloren.",
        invalid_mend="Öffnen Sie den Link in einer neueren E-Mail.",
    ),
}
