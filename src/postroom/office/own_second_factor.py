"""The office's verbs for one's own second factor: set up, confirm with a first code, take away, new recovery codes.

Every one but the confirmation asks for the password again. Until it is confirmed, a new second factor asks for nothing.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.errors import BadInput, Conflict, Fault
from postroom.model.application import Actor
from postroom.model.audit import Entry
from postroom.model.person import User
from postroom.office.second_factor import (
    accepted_step,
    address_for_apps,
    new_recovery_codes,
    new_secret,
    recovery_digest,
    sealed_to,
)
from postroom.office.signing_in import SigningInVerbs
from postroom.store import sessions_of_people, users
from postroom.store.users import Hidden

__all__ = ["OwnSecondFactorVerbs", "Setup"]


@dataclass(frozen=True, slots=True)
class Setup:
    """What the authenticator app is given, this one time: the secret, or the same as an address (a QR code)."""

    secret: str = field(repr=False)
    address: str = field(repr=False)


class OwnSecondFactorVerbs(SigningInVerbs):
    def begin_second_factor(self, actor: Actor, password: str) -> Future[Setup]:
        """Raises Conflict while there is one, Forbidden for a wrong password."""

        def go_on(hidden: Hidden) -> Setup:
            secret = new_secret()
            sealed = self._ring.seal(secret, sealed_to(hidden.user))

            def work(connection: Connection) -> Setup:
                user = self._self(connection, actor).user
                if user.second_factor:
                    raise Conflict("There is a second factor already. Take it away first.")
                users.set_totp(connection, user, sealed, confirmed=False)
                return Setup(secret, address_for_apps(secret, user))

            return self._store.write(work).result()

        return self._after_password(actor, password, go_on)

    def confirm_second_factor(self, actor: Actor, code: str) -> Future[list[str]]:
        """With the app's first code. Answers with the recovery codes, this one time; other sessions end."""
        whose = f"confirm {self._own_id(actor)}"
        self._slowing.enter(whose)
        codes = new_recovery_codes()

        def work(connection: Connection) -> list[str]:
            hidden = self._self(connection, actor)
            user = hidden.user
            if user.second_factor or hidden.totp is None:
                raise Conflict("There is nothing to confirm. Begin the set-up first.")
            step = accepted_step(self._ring.open(hidden.totp, sealed_to(user)).reveal(), code, now_ms())
            if step is None or not users.use_step(connection, user, step):
                raise BadInput([Fault("code", "is not the right one.", "Type the code that the app shows now.")])
            users.set_totp(connection, user, hidden.totp, confirmed=True)
            self._put_codes(connection, actor, user, codes, "user.second-factor-set")
            sessions_of_people.end_all(connection, user, but=actor.session_id)
            self._slowing.forgive(whose)
            return codes

        return self._change(work, actor)

    def remove_second_factor(self, actor: Actor, password: str) -> Future[None]:
        """Raises Conflict when there is none, Forbidden for a wrong password. Other sessions end."""

        def work(connection: Connection) -> None:
            user = self._self(connection, actor).user
            if not user.second_factor:
                raise Conflict("There is no second factor.")
            users.set_totp(connection, user, None, confirmed=False)
            sessions_of_people.end_all(connection, user, but=actor.session_id)
            if not user.passkeys:
                users.put_codes(connection, user, ())
            self._tell(connection, actor, user, "user.second-factor-removed")

        return self._after_password(actor, password, lambda _: self._change(work, actor).result())

    def renew_recovery_codes(self, actor: Actor, password: str) -> Future[list[str]]:
        """New ones; the old ones are worthless. Raises Conflict without a second factor."""
        codes = new_recovery_codes()

        def work(connection: Connection) -> list[str]:
            user = self._self(connection, actor).user
            if not user.second_step:
                raise Conflict("There is no second factor. Set it up first.")
            self._put_codes(connection, actor, user, codes, "user.recovery-codes-made")
            return codes

        return self._after_password(actor, password, lambda _: self._change(work, actor).result())

    def recovery_codes_left(self, actor: Actor) -> Future[int]:
        """How many of one's own recovery codes are unused."""
        return self._store.read(lambda c: users.count_codes(c, self._self(c, actor).user))

    def _put_codes(self, connection: Connection, actor: Actor, user: User, codes: list[str], verb: str) -> None:
        users.put_codes(connection, user, [recovery_digest(code) for code in codes])
        self._tell(connection, actor, user, verb)

    def _tell(self, connection: Connection, actor: Actor, user: User, verb: str) -> None:
        self._note(connection, actor, Entry(user.tenant_id, verb, now_ms(), user.id, user.login))
