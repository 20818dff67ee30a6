"""What a step of a staged test is told as: one plain sentence, made from what was seen, in the reader's language.

What failed is told by its diagnosis; here is everything else, and above all what was not tested, and why not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from postroom.model.staged import Finding, StagedStep, StagedTest, StepName
from postroom.policy.diagnosis import catalogue
from postroom.policy.rule import Case, Context, Rule
from postroom.policy.tongue import ENGLISH
from postroom.policy.translation import told

__all__ = ["NAMES", "Explained", "explained", "sentence"]

_NO_CASE = Case(phase="", code=0, enhanced=None, text="", failure=None, in_doubt=False)

NAMES: Mapping[str, Mapping[StepName, str]] = {
    "en": {
        StepName.RESOLVE: "Name",
        StepName.CONNECTOR: "Connector",
        StepName.CONNECT: "Connection",
        StepName.TLS: "Encryption",
        StepName.GREETING: "Greeting",
        StepName.EHLO: "Abilities",
        StepName.LOGIN: "Login",
        StepName.SENDER: "Sender",
        StepName.RECIPIENT: "Recipient",
        StepName.CONTENT: "Content",
        StepName.ACCEPTED: "Accepted",
        StepName.ARRIVED: "Arrived",
    },
    "de": {
        StepName.RESOLVE: "Name",
        StepName.CONNECTOR: "Connector",
        StepName.CONNECT: "Verbindung",
        StepName.TLS: "Verschlüsselung",
        StepName.GREETING: "Begrüßung",
        StepName.EHLO: "Fähigkeiten",
        StepName.LOGIN: "Anmeldung",
        StepName.SENDER: "Absender",
        StepName.RECIPIENT: "Empfänger",
        StepName.CONTENT: "Inhalt",
        StepName.ACCEPTED: "Angenommen",
        StepName.ARRIVED: "Angekommen",
    },
}
"""What the steps are called, by language."""

_PASSED: Mapping[str, Mapping[StepName, str]] = {
    "en": {
        StepName.RESOLVE: "{host} is at {addresses}.",
        StepName.CONNECTOR: "The way through the connector {connector} is open.",
        StepName.CONNECT: "Connected to {peer}.",
        StepName.TLS: "Encrypted with {protocol} ({cipher}). {certificate}",
        StepName.GREETING: "It greets like a mail server: {greeting}",
        StepName.EHLO: "It takes our name and offers: {offers}.",
        StepName.LOGIN: "Logged in as {user} by {chosen}; it offers {offered}.",
        StepName.SENDER: "It takes mail from {mail_from}.",
        StepName.RECIPIENT: "It takes mail for {to}.",
        StepName.CONTENT: "The message was sent, {size} octets.",
        StepName.ACCEPTED: "The server took the message (“{said}”).{session}",
        StepName.ARRIVED: "The message arrived in the mailbox {mailbox}, folder {folder}, {seconds} seconds after the "
        "server took it.{spam_words}",
    },
    "de": {
        StepName.RESOLVE: "{host} hat die Adresse {addresses}.",
        StepName.CONNECTOR: "Der Weg durch den Connector {connector} ist offen.",
        StepName.CONNECT: "Verbunden mit {peer}.",
        StepName.TLS: "Verschlüsselt mit {protocol} ({cipher}). {certificate}",
        StepName.GREETING: "Er grüßt wie ein Mailserver: {greeting}",
        StepName.EHLO: "Er nimmt unseren Namen an und bietet: {offers}.",
        StepName.LOGIN: "Angemeldet als {user} mit {chosen}; angeboten werden {offered}.",
        StepName.SENDER: "Er nimmt Mail von {mail_from} an.",
        StepName.RECIPIENT: "Er nimmt Mail für {to} an.",
        StepName.CONTENT: "Die Nachricht wurde übertragen, {size} Oktette.",
        StepName.ACCEPTED: "Der Server hat die Nachricht angenommen („{said}“).{session}",
        StepName.ARRIVED: "Die Nachricht ist im Postfach {mailbox}, Ordner {folder}, angekommen, {seconds} Sekunden "
        "nachdem der Server sie angenommen hatte.{spam_words}",
    },
}
_NOT_NEEDED: Mapping[str, Mapping[StepName, str]] = {
    "en": {
        StepName.RESOLVE: "The connector {connector} looks the name up, not this machine.",
        StepName.CONNECTOR: "This account connects directly.",
        StepName.TLS: "This account does not encrypt: anybody on the way can read the mail.",
        StepName.LOGIN: "This account does not log in.",
    },
    "de": {
        StepName.RESOLVE: "Den Namen löst der Connector {connector} auf, nicht diese Maschine.",
        StepName.CONNECTOR: "Dieses Konto verbindet sich direkt.",
        StepName.TLS: "Dieses Konto verschlüsselt nicht: Jeder auf dem Weg kann die Mail lesen.",
        StepName.LOGIN: "Dieses Konto meldet sich nicht an.",
    },
}
_BY_COMMAND = {
    "en": "The host's own mail command takes the message; Postroom connects to no server for it.",
    "de": "Der Mailbefehl dieser Maschine übernimmt die Nachricht; Postroom verbindet sich dafür mit keinem Server.",
}
_WHY_NOT: Mapping[str, Mapping[str, str]] = {
    "en": {
        "before": "Not tested, because it did not come so far.",
        "no-mailbox": "Not tested: no mailbox of this address is set that Postroom could look into (`postroom mailbox "
        "add`). Look whether the message is there.",
        "mailbox-unread": "Not tested: the mailbox {mailbox} can't be read. {why}",
        "paused": "Not tested: the account is paused, so no message was handed over. Resume it, then test again.",
        "disabled": "Not tested: the account is switched off, so no message was handed over. Switch it on first.",
        "stopped": "Not tested: Postroom was stopped, or took too long.",
        "other-account": "Not tested: the message left through another account ({account}), the fallback.",
        "cancelled": "Not tested: the message was cancelled before it left.",
        "not-sent": "Not tested: the message was not sent ({why}).",
    },
    "de": {
        "before": "Nicht geprüft, weil es nicht so weit kam.",
        "no-mailbox": "Nicht geprüft: Es ist kein Postfach dieser Adresse eingerichtet, in das Postroom sehen könnte "
        "(`postroom mailbox add`). Sehen Sie nach, ob die Nachricht da ist.",
        "mailbox-unread": "Nicht geprüft: Das Postfach {mailbox} lässt sich nicht lesen. {why}",
        "paused": "Nicht geprüft: Das Konto ist angehalten, deshalb wurde keine Nachricht übergeben. Setzen Sie es "
        "fort und prüfen Sie noch einmal.",
        "disabled": "Nicht geprüft: Das Konto ist abgeschaltet, deshalb wurde keine Nachricht übergeben. Schalten Sie "
        "es zuerst ein.",
        "stopped": "Nicht geprüft: Postroom wurde beendet, oder es dauerte zu lange.",
        "other-account": "Nicht geprüft: Die Nachricht ging über ein anderes Konto ({account}), das Ersatzkonto.",
        "cancelled": "Nicht geprüft: Die Nachricht wurde abgebrochen, bevor sie ging.",
        "not-sent": "Nicht geprüft: Die Nachricht wurde nicht gesendet ({why}).",
    },
}
"""Why a step was not tested, by the word in `because`."""

_WAITING: Mapping[str, Mapping[str, str]] = {
    "en": {
        "queued": "The message is in the queue, on the road that all mail takes.",
        "still-queued": "The message is still in the queue: nobody has tried it yet. It leaves by itself as soon as "
        "the account may send and a worker is running.",
        "later": "The message was not taken yet; Postroom tries it again by itself.",
        "unknown": "Nobody knows whether the server took the message: its answer never came.",
        "held": "The message is held.",
        "arriving": "Postroom looks into the mailbox {mailbox} until the message is there.",
        "not-arrived": "The message is not in the mailbox {mailbox} after {seconds} seconds, neither in {folder} nor "
        "in a spam folder. The server took it, so it waits in a queue over there, was filtered, or goes elsewhere: "
        "have it looked for in the message trace or log of that server, by the Message-ID.",
    },
    "de": {
        "queued": "Die Nachricht ist in der Warteschlange, auf dem Weg, den alle Mail nimmt.",
        "still-queued": "Die Nachricht ist noch in der Warteschlange: Noch niemand hat sie versucht. Sie geht von "
        "selbst, sobald das Konto senden darf und ein Worker läuft.",
        "later": "Die Nachricht wurde noch nicht angenommen; Postroom versucht es von selbst noch einmal.",
        "unknown": "Niemand weiß, ob der Server die Nachricht angenommen hat: Seine Antwort kam nie.",
        "held": "Die Nachricht wird zurückgehalten.",
        "arriving": "Postroom sieht in das Postfach {mailbox}, bis die Nachricht da ist.",
        "not-arrived": "Die Nachricht ist nach {seconds} Sekunden nicht im Postfach {mailbox}, weder in {folder} noch "
        "in einem Spam-Ordner. Der Server hat sie angenommen, also wartet sie dort in einer Warteschlange, wurde "
        "gefiltert oder geht anderswohin: Lassen Sie sie dort in der Nachrichtenverfolgung oder im Protokoll suchen, "
        "mit der Message-ID.",
    },
}
_MODE: Mapping[str, Mapping[str, str]] = {
    "en": {
        "silent": " The mode is silent: this test leaves all the same, but other mail is kept here.",
        "disabled": " Sending is disabled: this test leaves all the same, but no other mail does.",
        "native": " The mode is native: other mail leaves by the host's own command, not through this account.",
    },
    "de": {
        "silent": " Der Modus ist silent: Dieser Test geht trotzdem hinaus, andere Mail bleibt hier.",
        "disabled": " Der Versand ist abgeschaltet: Dieser Test geht trotzdem hinaus, andere Mail nicht.",
        "native": " Der Modus ist native: Andere Mail geht mit dem Befehl dieser Maschine, nicht über dieses Konto.",
    },
}
_OWN_SESSION = {
    "en": " It went in this very session, because the values are not saved; the mailing log does not have it.",
    "de": " Sie ging in dieser selben Sitzung, weil die Werte nicht gespeichert sind; das Mailprotokoll hat sie nicht.",
}
_UNCHECKED = {
    "en": "Nobody checked that it is the right server: certificate errors are ignored.",
    "de": "Niemand hat geprüft, ob es der richtige Server ist: Zertifikatsfehler werden nicht beachtet.",
}
_CERTIFICATE = {
    "en": "The certificate is for {names}, issued by {issuer}.",
    "de": "Das Zertifikat ist für {names}, ausgestellt von {issuer}.",
}
_SPAM = {
    "en": " That is a folder for unwanted mail: the recipient's server takes it for spam. Check SPF, DKIM and DMARC of "
    "the sender (`postroom dns`).",
    "de": " Das ist ein Ordner für unerwünschte Mail: Der Server des Empfängers hält sie für Spam. Prüfen Sie SPF, "
    "DKIM und DMARC des Absenders (`postroom dns`).",
}
_NOTHING = {"en": "nothing", "de": "nichts"}
_NO_SENDER = {"en": "nobody (an empty return path)", "de": "niemandem (leerer Rückweg)"}
_MOST_TOLD = 8


class Explained(NamedTuple):
    """A failure as people are told it; `rule` is what it follows from."""

    title: str
    explanation: str
    remedy: str
    rule: Rule


def explained(test: StagedTest, step: StagedStep, language: str = ENGLISH) -> Explained | None:
    """The diagnosis of a step that failed, with the names of what was tested."""
    rule = None if step.diagnosis is None else catalogue().by_id.get(step.diagnosis.id)
    if rule is None:
        return None
    context = Context(host=test.host, port=test.port, user=test.user, sender=test.sender)
    return Explained(*told(rule, _NO_CASE, context, language), rule)


def sentence(step: StagedStep, language: str = ENGLISH) -> str:
    """The sentence; "" for what failed, whose diagnosis speaks for it."""
    tongue = language if language in NAMES else ENGLISH
    seen = step.seen
    match step.finding:
        case Finding.PASSED:
            words = _PASSED[tongue][step.step].format_map(_facts(step, tongue))
            return words + _MODE[tongue].get(str(seen.get("mode", "")), "")
        case Finding.NOT_NEEDED:
            if seen.get("by") == "command":
                return _BY_COMMAND[tongue]
            return _NOT_NEEDED[tongue][step.step].format_map(_Facts(seen))
        case Finding.NOT_TESTED:
            why = _WHY_NOT[tongue]
            return why.get(str(seen.get("because")), why["before"]).format_map(_Facts(seen))
        case Finding.WAITING:
            where = _WAITING[tongue]
            return where.get(str(seen.get("where")), where["queued"]).format_map(_Facts(seen))
        case _:
            return ""


class _Facts(dict[str, Any]):
    """Facts that may be missing: nothing is left of them but their place."""

    def __missing__(self, name: str) -> str:
        return ""


def _facts(step: StagedStep, tongue: str) -> _Facts:
    facts = _Facts(step.seen)
    facts["said"] = step.said
    facts["spam_words"] = _SPAM[tongue] if step.seen.get("spam") else ""
    facts["session"] = _OWN_SESSION[tongue] if step.seen.get("session") == "own" else ""
    for name in ("addresses", "offers", "offered"):
        listed = [str(one) for one in step.seen.get(name) or ()]
        more = f" … (+{len(listed) - _MOST_TOLD})" if len(listed) > _MOST_TOLD else ""
        facts[name] = ", ".join(listed[:_MOST_TOLD]) + more or _NOTHING[tongue]
    if step.step is StepName.TLS:
        facts["certificate"] = _certificate(step.seen, tongue)
    if step.step is StepName.SENDER and not step.seen.get("mail_from"):
        facts["mail_from"] = _NO_SENDER[tongue]
    return facts


def _certificate(seen: Mapping[str, Any], tongue: str) -> str:
    if seen.get("check") == "ignore":
        return _UNCHECKED[tongue]
    chain = seen.get("chain") or ()
    if not chain:
        return ""
    leaf = chain[0]
    names = ", ".join(str(one) for one in leaf["names"][:3]) or leaf["subject"]
    return _CERTIFICATE[tongue].format(names=names, issuer=leaf["issuer"])
