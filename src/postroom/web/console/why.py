"""Why a message goes its way, as the console says it: the names of steps and of the places where values are set."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from postroom.web.console.visit import Visit

__all__ = ["origin", "step"]


def N_(text: str) -> str:  # noqa: N802 - what gettext calls a text that is told later
    return text


_STEPS = {
    "mode": N_("Mode"), "sender": N_("Sender"), "account": N_("Account"), "limits": N_("Limits"),
    "fallback": N_("Fallback"), "reply_to": N_("Replies to"), "reply_to_tag": N_("Tag of replies"),
    "return_path": N_("Return-Path"), "return_path_tag": N_("Tag of reports"), "receipt_to": N_("Read receipts to"),
    "footer": N_("Footer"), "state": N_("State"), "sending": N_("Sending"), "retry": N_("Tried again"),
    "unknown_policy": N_("When the answer is missing"), "retention": N_("Kept for"), "guard": N_("Guard"),
}  # fmt: skip
_ORIGINS = {
    "": N_("follows from the rest"), "default": N_("built-in default"), "installation": N_("the installation"),
    "message": N_("the message itself"),
}  # fmt: skip
_NAMED = {
    "tenant": N_("the tenant %(name)s"), "account": N_("the account %(name)s"), "sender": N_("the sender %(name)s"),
    "preset": N_("what is known of %(name)s"),
}  # fmt: skip


def step(visit: Visit, name: str) -> str:
    return visit.say(_STEPS.get(name, name.replace("_", " ")))


def origin(visit: Visit, source: str) -> str:
    """Where a value is set, as `policy.sourced` says it."""
    if source in _ORIGINS:
        return visit.say(_ORIGINS[source])
    kind, _, name = source.partition(" ")
    return visit.say(_NAMED[kind], name=name) if kind in _NAMED else source
