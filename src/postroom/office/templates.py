"""The office's verbs for templates and layouts: making, changing, trying them with values, taking over ready ones."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.compose.templates.variables import checked, samples
from postroom.compose.templates.writing import write
from postroom.compose.text import text_from_html
from postroom.errors import BadInput, Conflict, Fault, NotFound
from postroom.model.application import Actor, Scope
from postroom.model.template import NO_LAYOUT, Layout, Template, Written
from postroom.model.version import Version
from postroom.office.changes import Changes, Ref, meant, number_of, require, tenant_for
from postroom.office.fields import Reading
from postroom.office.template_values import apply, apply_layout, read, read_layout, sizes
from postroom.policy.template_choice import MissingLayout, language_for, layout_for
from postroom.sentence import Sentence
from postroom.store import templates

__all__ = ["Preview", "TemplateVerbs", "layout_meant", "template_meant"]

_MOST = 300
_LARGEST = 5_000_000


@dataclass(frozen=True, slots=True)
class Preview:
    """What a mail would say; or what is wrong with the values. `values`: what it was written with."""

    language: str
    written: Written | None
    faults: tuple[Fault, ...]
    values: Mapping[str, Any]

    @property
    def text(self) -> str:
        """Also where it is made from the HTML."""
        if self.written is None:
            return ""
        return self.written.text if self.written.text is not None else text_from_html(self.written.html or "")


class TemplateVerbs(Changes):
    # -- templates ----------------------------------------------------------------------------------------------------

    def templates(self, actor: Actor, tenant_id: int | None = None) -> Future[list[Template]]:
        """The tenant's templates and those it inherits, by name."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> list[Template]:
            self._existing(connection, number)
            return list(self.snapshot.templates_of(number))

        return self._store.read(work)

    def template(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[Template]:
        """By id or name; an inherited one too. Raises NotFound."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)
        return self._store.read(lambda c: self._readable(c, number, ref))

    def create_template(
        self, actor: Actor, values: Mapping[str, object], tenant_id: int | None = None, former: Version | None = None
    ) -> Future[Template]:
        """A new one; `name` and the words of one language are required. Raises BadInput with every fault."""
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)
        thing_id, version = (self._store.ids.next(), 1) if former is None else (former.noun_id, former.version + 1)
        reading = Reading()
        given = read(values, reading)
        if "name" not in values:
            reading.fault("name", "is missing.", "Give the word that applications name it by.")
        if "language" not in given and len(given.get("texts", {})) == 1:
            given["language"] = next(iter(given["texts"]))
        made = apply(Template(thing_id, number, "", created_ms=now_ms(), version=version), given, reading)
        reading.close()

        def work(connection: Connection) -> Template:
            self._existing(connection, number)
            if templates.named(connection, number, made.name) is not None:
                reading.fault("name", "is the name of another template.", "Choose another word.")
            self._check_layout(connection, number, made, reading)
            reading.close()
            templates.create(connection, made)
            _check_room(connection, number)
            return _own(connection, number, thing_id)

        return self._change(work, actor)

    def change_template(
        self,
        actor: Actor,
        ref: Ref,
        values: Mapping[str, object],
        tenant_id: int | None = None,
        *,
        whole: bool = False,
    ) -> Future[Template]:
        """Changes what is given, but for the name; a language that is null goes. `whole`: languages that are not named
        go too. Raises BadInput with every fault, NotFound.
        """
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> Template:
            old = _own(connection, number, ref)
            reading = Reading()
            new = apply(old, read(values, reading), reading, whole=whole)
            self._check_layout(connection, number, new, reading)
            reading.close()
            templates.save(connection, new)
            _check_room(connection, number)
            return _own(connection, number, old.id)

        return self._change(work, actor)

    def delete_template(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[None]:
        """Messages that name it are refused from then on."""
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)
        return self._change(lambda c: templates.remove(c, number, _own(c, number, ref).id), actor)

    def preview_template(
        self,
        actor: Actor,
        ref: Ref | None,
        values: Mapping[str, object] | None = None,
        *,
        variables: Mapping[str, Any] | None = None,
        language: str = "",
        tenant_id: int | None = None,
    ) -> Future[Preview]:
        """What a mail would say. `values`: changes that are not saved, or all of one that does not exist yet;
        `variables`: without them, the samples. Raises NotFound, and BadInput for a template that could not be saved.
        """
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> Preview:
            old = Template(0, number, "") if ref is None else self._readable(connection, number, ref)
            new = old
            if values or ref is None:
                given, reading = values or {}, Reading()
                new = apply(replace(old, name=""), {"name": old.name or "new", **read(given, reading)}, reading)
                if "language" not in given and new.language not in new.texts and new.texts:
                    new = replace(new, language=next(iter(new.texts)))
                    reading.faults = [one for one in reading.faults if one.field != "language"]
                self._check_layout(connection, number, new, reading)
                reading.close()
            return self._previewed(number, new, variables, language)

        return self._store.read(work)

    def _previewed(self, tenant_id: int, template: Template, given: Mapping[str, Any] | None, language: str) -> Preview:
        faults: list[Fault] = []
        chosen = language_for(template, language)
        told = samples(template.variables) if given is None else dict(given)
        values = checked(template.variables, told, faults)
        layout = None
        try:
            layout = layout_for(self.snapshot, tenant_id, template)
        except MissingLayout:
            faults.append(Fault("layout", "is not there any more.", "Choose another one."))
        written = None if faults else write(template, layout, chosen, values, faults)
        return Preview(chosen, written, tuple(faults), told)

    def _readable(self, connection: Connection, tenant_id: int, ref: Ref) -> Template:
        """The tenant's own, or one that it inherits."""
        self._existing(connection, tenant_id)
        own = template_meant(connection, tenant_id, ref)
        if own is not None:
            return own
        wanted = number_of("v", ref)
        for one in self.snapshot.templates_of(tenant_id):
            if one.id == wanted or (isinstance(ref, str) and one.name.casefold() == ref.strip().casefold()):
                return one
        raise NotFound(_NO_TEMPLATE)

    def _check_layout(self, connection: Connection, tenant_id: int, template: Template, reading: Reading) -> None:
        wanted = template.layout.casefold()
        if not wanted or wanted == NO_LAYOUT or templates.layout_named(connection, tenant_id, wanted) is not None:
            return
        if all(one.name.casefold() != wanted for one in self.snapshot.layouts_of(tenant_id)):
            reading.fault("layout", "is not there.", "Name one of the layouts, or none; empty is the default one.")

    # -- layouts ------------------------------------------------------------------------------------------------------

    def layouts(self, actor: Actor, tenant_id: int | None = None) -> Future[list[Layout]]:
        """The tenant's layouts and those it inherits, by name."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> list[Layout]:
            self._existing(connection, number)
            return list(self.snapshot.layouts_of(number))

        return self._store.read(work)

    def layout(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[Layout]:
        """One of the tenant's own, by id or name. Raises NotFound."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)
        return self._store.read(lambda c: _own_layout(c, number, ref))

    def create_layout(
        self, actor: Actor, values: Mapping[str, object], tenant_id: int | None = None, former: Version | None = None
    ) -> Future[Layout]:
        """A new one; the tenant's first is its default. Raises BadInput with every fault."""
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)
        thing_id, version = (self._store.ids.next(), 1) if former is None else (former.noun_id, former.version + 1)
        reading = Reading()
        given = read_layout(values, reading)
        if "name" not in values:
            reading.fault("name", "is missing.", "Give the word that templates name it by.")
        made = apply_layout(Layout(thing_id, number, "", created_ms=now_ms(), version=version), given, reading)
        reading.close()

        def work(connection: Connection) -> Layout:
            self._existing(connection, number)
            if templates.layout_named(connection, number, made.name) is not None:
                reading.fault("name", "is the name of another layout.", "Choose another word.")
            reading.close()
            first = "default" not in given and not templates.layouts_of(connection, number)
            templates.create_layout(connection, replace(made, default=True) if first else made)
            _check_room(connection, number)
            return _own_layout(connection, number, thing_id)

        return self._change(work, actor)

    def change_layout(
        self, actor: Actor, ref: Ref, values: Mapping[str, object], tenant_id: int | None = None
    ) -> Future[Layout]:
        """Changes what is given, but for the name. Raises BadInput with every fault, NotFound."""
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> Layout:
            old = _own_layout(connection, number, ref)
            reading = Reading()
            new = apply_layout(old, read_layout(values, reading), reading)
            reading.close()
            templates.save_layout(connection, new)
            _check_room(connection, number)
            return _own_layout(connection, number, old.id)

        return self._change(work, actor)

    def delete_layout(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[None]:
        """Raises Conflict while templates name it."""
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> None:
            old = _own_layout(connection, number, ref)
            named = [one.name for one in templates.of_tenant(connection, number) if _names(one, old)]
            if named:
                names = ", ".join(named[:10])
                raise Conflict(
                    Sentence("These templates name it: {names}. Give them another layout first.", names=names)
                )
            templates.remove_layout(connection, number, old.id)

        return self._change(work, actor)


_NO_TEMPLATE = "There is no such template here."


def _names(template: Template, layout: Layout) -> bool:
    return template.layout.casefold() == layout.name.casefold()


def _check_room(connection: Connection, tenant_id: int) -> None:
    """All settings are kept in memory, so what a tenant may have of these is bounded."""
    count, characters = sizes(templates.of_tenant(connection, tenant_id), templates.layouts_of(connection, tenant_id))
    if count > _MOST or characters > _LARGEST:
        problem = Sentence(
            "would be more than {most} templates, or {size:,} characters in all.", most=_MOST, size=_LARGEST
        )
        raise BadInput([Fault("texts", problem, "Delete templates that are not used.")])


def template_meant(connection: Connection, tenant_id: int, ref: Ref) -> Template | None:
    """The tenant's own template that is meant, by id or name."""
    return meant("v", ref, templates.get, templates.named, connection, tenant_id)


def layout_meant(connection: Connection, tenant_id: int, ref: Ref) -> Layout | None:
    return meant("l", ref, templates.get_layout, templates.layout_named, connection, tenant_id)


def _own(connection: Connection, tenant_id: int, ref: Ref) -> Template:
    found = template_meant(connection, tenant_id, ref)
    if found is None:
        raise NotFound(_NO_TEMPLATE)
    return found


def _own_layout(connection: Connection, tenant_id: int, ref: Ref) -> Layout:
    found = layout_meant(connection, tenant_id, ref)
    if found is None:
        raise NotFound("There is no such layout here.")
    return found
