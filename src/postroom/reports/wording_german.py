"""The sentences of `wording` in German, by the same reasons; a test holds both lists against each other."""

from __future__ import annotations

from postroom.policy.way import Reason

__all__ = ["BY_REASON"]

BY_REASON: dict[str, tuple[str, str]] = {
    Reason.NO_ACCOUNT: (
        "Es ist kein Konto eingerichtet, über das sie gehen könnte.",
        "Legen Sie ein Konto an oder wählen Sie ein Standardkonto; die Mail geht dann von selbst.",
    ),
    Reason.SENDER_HELD: (
        "Die Mail dieses Absenders wird zurückgehalten, weil das Konto nicht für seine Adresse senden durfte.",
        "Geben Sie der Anmeldung das Recht, für sie zu senden, und geben Sie dann den Absender frei.",
    ),
    Reason.BY_HAND: ("Jemand hat das von Hand getan.", ""),
    Reason.TENANT_SUSPENDED: (
        "Der Mandant ist ausgesetzt.",
        "Der Administrator der Installation kann das beenden.",
    ),
    Reason.ACCOUNT_DISABLED: ("Das Konto ist abgeschaltet.", "Schalten Sie das Konto ein."),
    Reason.ACCOUNT_PAUSED: ("Das Konto ist angehalten.", "Setzen Sie das Konto fort."),
    Reason.MODE_SILENT: (
        "Nicht gesendet: Der Modus ist „silent“, Mail wird also aufbewahrt und geht nicht hinaus.",
        "Geben Sie sie frei, oder stellen Sie den Modus auf smtp.",
    ),
    Reason.MODE_DISABLED: (
        "Nicht gesendet: Der Versand ist abgeschaltet.",
        "Stellen Sie einen anderen Modus ein und senden Sie die Nachricht erneut.",
    ),
    Reason.MODE_CHANGED: ("Während sie wartete, wurde der Modus geändert.", ""),
    Reason.DEFAULT_MOVED: ("Während sie wartete, wurde ein anderes Konto zum Standard.", ""),
    Reason.DIGEST: ("Der Empfänger bekommt diese Art von Mail gesammelt.", ""),
    Reason.DECLINED: ("Der Empfänger will diese Art von Mail nicht, deshalb wurde sie nicht gesendet.", ""),
    Reason.SUPPRESSED: (
        "Der Empfänger steht auf der Sperrliste, deshalb wurde sie nicht gesendet.",
        "Wenn das falsch ist, geben Sie den Empfänger frei und senden Sie die Nachricht erneut.",
    ),
    "reclaimed": (
        "Der Prozess, der sie in der Hand hatte, ist weg; es war nichts gesendet. Sie wird erneut versucht.",
        "",
    ),
    "no-answer": (
        "Die Nachricht ist vielleicht hinausgegangen, aber die Antwort des Servers kam nie.",
        "Fragen Sie den Empfänger oder sehen Sie ins Protokoll des Servers; sagen Sie dann, ob sie gesendet wurde.",
    ),
    "not-sent-yet": ("Sie wurde ungesendet zurückgegeben und wird erneut versucht.", ""),
    "expired": ("Ihre Frist war vorbei, bevor sie gesendet werden konnte.", ""),
    "fallback": ("Das Konto kann derzeit nicht senden, deshalb geht sie über dessen Ersatzkonto.", ""),
    "content-gone": (
        "Ihr Inhalt ist nicht mehr da, also kann sie nicht mehr gesendet werden.",
        "Brechen Sie sie ab und senden Sie eine neue Nachricht.",
    ),
    "settled-by-hand": ("Jemand hat gesagt, dass sie gesendet wurde.", ""),
}
