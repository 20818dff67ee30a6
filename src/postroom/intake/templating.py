"""A message that names a template: its words are written here, once, before anything is composed (P5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from postroom.compose.templates.variables import checked
from postroom.compose.templates.writing import write
from postroom.errors import Fault
from postroom.model.message import Draft
from postroom.model.template import Template
from postroom.policy.snapshot import Snapshot
from postroom.policy.template_choice import MissingLayout, language_for, layout_for
from postroom.sentence import Sentence

__all__ = ["Told", "asks_language", "written"]

Told = tuple[tuple[str, str], ...]
"""Which template it was, for the event `accepted`."""


def asks_language(snapshot: Snapshot, tenant_id: int, draft: Draft) -> bool:
    """Whether the recipient's own language matters for this message."""
    if not draft.template or draft.language:
        return False
    template = snapshot.template_named(tenant_id, draft.template)
    return template is not None and len(template.texts) > 1


def written(
    snapshot: Snapshot, tenant_id: int, draft: Draft, preferred: str, faults: list[Fault]
) -> tuple[Draft, Told]:
    """The draft with the template's words, and which one that was; adds every fault. `preferred`: the language that
    the recipient reads, where the message names none.
    """
    if not draft.template:
        if draft.variables or draft.language:
            field = "variables" if draft.variables else "language"
            faults.append(Fault(field, "goes with a template, and none is named.", "Name the template."))
        return draft, ()
    for field, given in (("subject", draft.subject), ("text", draft.text), ("html", draft.html)):
        if given:
            faults.append(Fault(field, "does not go with a template, which says it.", "Leave one of the two out."))
    template = snapshot.template_named(tenant_id, draft.template)
    if template is None:
        names = [one.name for one in snapshot.templates_of(tenant_id)]
        faults.append(Fault("template", "is not the name of a template.", _there_are(names)))
        return draft, ()
    return _by(snapshot, tenant_id, draft, template, preferred, faults)


def _by(
    snapshot: Snapshot, tenant_id: int, draft: Draft, template: Template, preferred: str, faults: list[Fault]
) -> tuple[Draft, Told]:
    values = checked(template.variables, draft.variables or {}, faults)
    layout = None
    try:
        layout = layout_for(snapshot, tenant_id, template)
    except MissingLayout:
        faults.append(Fault("template", "has a layout that is not there any more.", "Give it another layout."))
    language = language_for(template, draft.language, preferred)
    if faults:
        return draft, ()
    found: list[Fault] = []
    made = write(template, layout, language, values, found)
    if made is None:
        for one in found:
            problem = Sentence(
                "in {language}: {field} {problem}", language=language, field=one.field, problem=one.problem
            )
            faults.append(Fault(_FIELDS.get(one.field, "template"), problem, one.mend))
        return draft, ()
    kind = draft.kind or template.kind
    words = replace(
        draft,
        subject=made.subject,
        html=made.html,
        text=made.text,
        kind=kind,
        template=template.name,
        template_version=template.version,
    )
    return words, (("template", template.name), ("version", str(template.version)), ("language", language))


_FIELDS = {"subject": "variables"}
"""A subject that is no subject any more is the values' fault: the template was checked when it was saved."""
_MOST_NAMED = 20


def _there_are(names: Sequence[str]) -> str:
    if not names:
        return "Make one, or take over a ready one (`postroom template use`)."
    return Sentence("There are: {names}.", names=", ".join(names[:_MOST_NAMED]))
