"""The office's verbs for ready templates: looking at them, and taking one over."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.compose.templates.variables import checked, samples
from postroom.compose.templates.writing import write
from postroom.errors import BadInput, Fault, NotFound
from postroom.model.application import Actor, Scope
from postroom.model.template import Template
from postroom.office.changes import require, tenant_for
from postroom.office.fields import Reading
from postroom.office.template_values import read
from postroom.office.templates import Preview, TemplateVerbs
from postroom.policy import ready
from postroom.policy.template_choice import language_for
from postroom.store import kinds, templates

__all__ = ["ReadyVerbs"]


class ReadyVerbs(TemplateVerbs):
    def ready_templates(self, actor: Actor) -> list[Template]:
        """All of them; their ids mean nothing."""
        require(actor, Scope.SETTINGS_READ)
        return list(ready.ready_templates())

    def preview_ready(self, actor: Actor, name: str, language: str = "", tenant_id: int | None = None) -> Preview:
        """With its samples, in the tenant's own layout where there is one. Raises NotFound."""
        require(actor, Scope.SETTINGS_READ)
        number, one = tenant_for(actor, tenant_id), _named(name)
        faults: list[Fault] = []
        given, chosen = samples(one.variables), language_for(one, language)
        values = checked(one.variables, given, faults)
        layout = self.snapshot.default_layout(number) or ready.layout()
        return Preview(chosen, write(one, layout, chosen, values, faults), tuple(faults), given)

    def use_ready(self, actor: Actor, name: str, called: str = "", tenant_id: int | None = None) -> Future[Template]:
        """Makes it a template of the tenant's, `called` so. Where the tenant has no default layout or lacks the kind of
        mail that it is, it gets these too, so that it can be sent with at once. Raises NotFound, BadInput.
        """
        require(actor, Scope.SETTINGS_WRITE)
        number, one = tenant_for(actor, tenant_id), _named(name)
        reading = Reading()
        wanted = read({"name": called or one.name}, reading).get("name", "")
        reading.close()
        moment, next_id = now_ms(), self._store.ids.next
        made = replace(one, id=next_id(), tenant_id=number, name=wanted, created_ms=moment)

        def work(connection: Connection) -> Template:
            self._existing(connection, number)
            if templates.named(connection, number, wanted) is not None:
                problem = "is the name of another template."
                raise BadInput([Fault("name", problem, "Take it over under another name.")])
            templates.create(connection, made)
            if self.snapshot.default_layout(number) is None:
                self._lay_out(connection, number, moment)
            kind = ready.kind_of(one)
            if kind is not None and self.snapshot.kind_named(number, kind.name) is None:
                kinds.create(connection, replace(kind, id=next_id(), tenant_id=number, created_ms=moment))
            return made

        return self._change(work, actor)

    def _lay_out(self, connection: Connection, tenant_id: int, moment: int) -> None:
        layout = ready.layout()
        there = templates.layout_named(connection, tenant_id, layout.name)
        if there is None:
            made = replace(layout, id=self._store.ids.next(), tenant_id=tenant_id, created_ms=moment)
            templates.create_layout(connection, made)
        else:
            templates.save_layout(connection, replace(there, default=True))


def _named(name: str) -> Template:
    for one in ready.ready_templates():
        if one.name == name.strip().lower():
            return one
    raise NotFound("There is no ready template of this name.")
