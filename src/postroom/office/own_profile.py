"""The office's verb for what people say of themselves: name, language, time zone, light or dark. It needs no right."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.model.application import Actor
from postroom.model.audit import Entry, difference
from postroom.model.person import LOOKS, User
from postroom.office import fields
from postroom.office.fields import Reading, Unfit
from postroom.office.signing_in import SigningInVerbs
from postroom.policy.tongue import LANGUAGES
from postroom.sentence import Sentence
from postroom.store import users

__all__ = ["OwnProfileVerbs"]


def _of(words: tuple[str, ...]) -> fields.Reader:
    def read(value: object) -> str:
        text = value.strip().lower() if isinstance(value, str) else value
        if text not in ("", *words):
            raise Unfit(
                Sentence("is none of {words}.", words=", ".join(words)), "Choose one of these, or leave it empty."
            )
        return str(text)

    return read


def _zone(value: object) -> str:
    return "" if value == "" else fields.time_zone(value)


_READERS: Mapping[str, fields.Reader] = {
    "name": fields.line(200),
    "language": _of(LANGUAGES),
    "time_zone": _zone,
    "look": _of(LOOKS),
}


class OwnProfileVerbs(SigningInVerbs):
    def change_me(self, actor: Actor, values: Mapping[str, object]) -> Future[User]:
        """One's own `name`, `language`, `time_zone` and `look`; "" is what the browser wants. Raises BadInput with
        every fault, Forbidden for a key.
        """
        self._own_id(actor)
        reading = Reading()
        for name, value in values.items():
            if name in _READERS:
                reading.take(name, _READERS[name], value)
            else:
                reading.unknown(name, _READERS)
        wanted = reading.close()

        def work(connection: Connection) -> User:
            user = self._self(connection, actor).user
            changed = replace(user, **wanted)
            if changed != user:
                users.save(connection, changed)
                told = difference(user, changed)
                entry = Entry(user.tenant_id, "user.changed", now_ms(), user.id, user.login, *told)
                self._note(connection, actor, entry)
            return changed

        return self._change(work, actor)
