"""What each closed group of the account's form says of itself, so that one sees what is set without opening it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postroom.web.console.account_fields import GROUPS, Choice

if TYPE_CHECKING:
    from postroom.web.console.forms import Form
    from postroom.web.console.visit import Visit

__all__ = ["choice_words", "summaries"]


def summaries(visit: Visit, form: Form) -> dict[str, str]:
    """Group → a few words, in the reader's language."""
    return {
        "server": _joined(
            f"{form.text('host')}:{form.text('port')}" if form.text("host") else "", _word(visit, form, "encryption")
        ),
        "login": _joined(_word(visit, form, "login").partition(" (")[0].partition(":")[0], form.text("user")),
        "addresses": form.text("sender_address"),
        "footer": visit.say("on") if _on(form, "footer_enabled") else visit.say("off"),
        "certificate": _word(visit, form, "certificate_check") if form.text("encryption") != "none" else "",
        "limits": _limits(visit, form),
        "way": visit.say("through a connector") if form.text("connector_id") else visit.say("directly"),
        "delivery": visit.say("enabled") if _on(form, "enabled") else visit.say("switched off"),
    }


def choice_words(field: str) -> dict[str, str]:
    """Value → text of a field with choices, in English."""
    choices: tuple[Choice, ...] = next(
        (one.choices for group in GROUPS for one in group.inputs() if one.name == field), ()
    )
    return {str(one.value): one.text for one in choices}


def _word(visit: Visit, form: Form, field: str) -> str:
    text = choice_words(field).get(form.text(field), "")
    return visit.say(text) if text else ""


def _on(form: Form, field: str) -> bool:
    return form.values.get(field, [""])[-1] == "true"


def _limits(visit: Visit, form: Form) -> str:
    parts = []
    if form.text("limits.per_minute"):
        parts.append(visit.say("%(count)s a minute", count=form.text("limits.per_minute")))
    if form.text("limits.per_day"):
        parts.append(visit.say("%(count)s a day", count=form.text("limits.per_day")))
    return ", ".join(parts) or visit.say("none")


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)
