"""The office's verbs for the very beginning: the link that whoever started Postroom follows to become its owner.

Rules it keeps: the link is good only while there is no user at all, and for a day; it is sealed with the key ring, so
that any node understands it and nothing has to be stored; of two who follow it at once, one becomes the owner.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.errors import BadInput, Conflict, NotFound, SecretSealed
from postroom.model.audit import Entry, difference
from postroom.model.person import User
from postroom.model.tenant import INSTALLATION
from postroom.office import fields
from postroom.office.fields import Reading
from postroom.office.people import login_word
from postroom.office.signing_in import SignedIn, SigningInVerbs
from postroom.secrets import SealedTo
from postroom.store import tenants, users

__all__ = ["FirstRunVerbs"]

_PREFIX = "pf_"
_GOOD_FOR_MS = 24 * 3600 * 1000
_BOUND = SealedTo(INSTALLATION, 0, "first run", 0, "", "")
_OVER = "This link is not good any more. `./postroom serve` prints a new one while there is no user yet."
_READERS: Mapping[str, fields.Reader] = {
    "login": login_word,
    "name": fields.line(200),
    "organisation": fields.name,
}


class FirstRunVerbs(SigningInVerbs):
    def first_run_token(self) -> Future[str]:
        """What opens the first run, for a day; "" where somebody has begun already."""

        def work(connection: Connection) -> str:
            if users.exist(connection):
                return ""
            sealed = self._ring.seal(str(now_ms() + _GOOD_FOR_MS), _BOUND)
            return _PREFIX + base64.urlsafe_b64encode(sealed).decode("ascii").rstrip("=")

        return self._store.read(work)

    def first_run_open(self, token: str) -> Future[bool]:
        """Whether this token opens it."""
        good = self._is_good(token)
        return self._store.read(lambda c: good and not users.exist(c))

    def first_run(
        self, token: str, values: Mapping[str, object], password: str, *, address: str = "", agent: str = ""
    ) -> Future[SignedIn]:
        """The first user, who may do everything, signed in. `values`: `login`, an e-mail address or a word, `name`, and
        `organisation`, what the installation is called. Raises NotFound for a token that is not good, Conflict when
        there is a user already, BadInput with every fault.
        """
        whose = f"link {token[:100]}"
        self._slowing.enter(whose, address)
        if not self._is_good(token):
            raise NotFound(_OVER)
        wanted = self._read_owner(values, password)
        moment, number = now_ms(), self._store.ids.next()

        def begin(hashed: str) -> SignedIn:
            def work(connection: Connection) -> SignedIn:
                if users.exist(connection):
                    raise Conflict("Somebody has begun already. Sign in, or ask who did.")
                login = wanted["login"]
                mailbox = login if "@" in login else ""
                user = User(number, INSTALLATION, login, wanted.get("name", ""), mailbox, ("administrator",))
                user = replace(user, created_ms=moment)
                users.create(connection, user)
                users.set_password(connection, user, hashed, moment)
                installation = self._existing(connection, INSTALLATION)
                if "organisation" in wanted:
                    tenants.save(connection, replace(installation, name=wanted["organisation"]))
                user = replace(user, has_password=True, password_set_ms=moment)
                entry = Entry(INSTALLATION, "user.created", moment, user.id, user.login, *difference(None, user))
                self._note(connection, None, replace(entry, address=address, door="first run"))
                return self._begin(connection, user, False, address, agent, by="first run")

            return self._change(work, None).result()

        def run() -> SignedIn:
            done = begin(self._passwords.hash(password))
            self._slowing.forgive(whose, address)
            return done

        return self._passwords.run(run)

    def _is_good(self, token: str) -> bool:
        body = token.removeprefix(_PREFIX)
        try:
            sealed = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)) if body != token else b""
            return int(self._ring.open(sealed, _BOUND).reveal()) > now_ms()
        except (binascii.Error, ValueError, SecretSealed):
            return False

    def _read_owner(self, values: Mapping[str, object], password: str) -> dict[str, Any]:
        reading = Reading()
        for name, value in values.items():
            if name in _READERS:
                if value != "" or name == "login":
                    reading.take(name, _READERS[name], value)
            else:
                reading.unknown(name, _READERS)
        if "login" not in values:
            reading.fault("login", "is missing.", "Give a word or an e-mail address to sign in with.")
        try:
            self._passwords.check(password, str(values.get("login", "")), str(values.get("name", "")))
        except BadInput as error:
            reading.faults.extend(error.faults)
        return reading.close()
