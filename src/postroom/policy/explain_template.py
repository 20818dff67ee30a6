"""Why a message says what it says: the step of an explanation that names its template."""

from __future__ import annotations

from postroom.model.message import Draft
from postroom.policy.snapshot import Snapshot
from postroom.policy.template_choice import language_for
from postroom.policy.way import Explanation

__all__ = ["template_step"]

_ITS_OWN = "Its words are those of this template, in the language that the message names or in the template's default."
_NOT_THERE = "There is no such template: the message would be refused."


def template_step(snapshot: Snapshot, tenant_id: int, draft: Draft) -> list[Explanation]:
    if not draft.template:
        return []
    found = snapshot.template_named(tenant_id, draft.template)
    if found is None:
        return [Explanation("template", draft.template, "message", _NOT_THERE)]
    value = f"{found.name}, version {found.version}, {language_for(found, draft.language)}"
    return [Explanation("template", value, "message", _ITS_OWN)]
