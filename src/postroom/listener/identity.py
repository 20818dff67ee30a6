"""Who speaks: an application by its name and key, or by the network it calls from where the operator said so.

Rules kept here: user name and key have to belong together, an unknown name is refused in the same words and after the
same work as a wrong key (no oracle), and what was true at the login is asked again for each message, so that a key that
is revoked or an application that is suspended ends what it may do at once.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from ipaddress import IPv6Address, ip_address

from postroom.errors import Forbidden, PostroomError, Unauthenticated
from postroom.maillog import MailLog
from postroom.model.application import Actor, Application, Scope
from postroom.model.tenant import INSTALLATION
from postroom.office import Office
from postroom.policy.snapshot import Snapshot
from postroom.settings import Trusted
from postroom.smtp.reply import Reply

__all__ = ["Identities", "Told"]

Told = Callable[[Actor | Reply], None]

_WRONG = Reply(535, "5.7.8", "The user name or the key is not right")
_LATER = Reply(454, "4.7.0", "The login can't be checked at this moment; try again later")
_NO_SENDING = Reply(535, "5.7.8", "This key may not hand over messages")


class Identities:
    """`on_loop` runs a function on the event loop soon, from any thread."""

    def __init__(
        self,
        office: Office,
        trusted: tuple[Trusted, ...],
        on_loop: Callable[[Callable[[], None]], None],
        log: MailLog,
    ) -> None:
        self._office = office
        self._log = log
        self._trusted = trusted
        self._on_loop = on_loop
        self._seen: Snapshot | None = None
        self._known: dict[str, Actor | None] = {}

    def check(self, user: str, key: str, told: Told) -> None:
        """Tells who it is, or the refusal; at once where the same key was presented lately."""
        actor = self._office.authenticated(key)
        if actor is not None:
            told(self._judged(user, actor))
            return

        def done(future: Future[Actor]) -> None:
            self._on_loop(lambda: told(self._answer(user, future)))

        self._office.authenticate(key).add_done_callback(done)

    def trusted(self, address: str) -> Actor | None:
        """The application that a client of this network address speaks for, None when it has to log in."""
        if not self._trusted:
            return None
        snapshot = self._office.snapshot
        if snapshot is not self._seen:
            self._seen, self._known = snapshot, {}
        if address not in self._known:
            if len(self._known) > 4_096:
                self._known = {}
            self._known[address] = self._looked_up(address, snapshot)
        return self._known[address]

    def _looked_up(self, address: str, snapshot: Snapshot) -> Actor | None:
        found = ip_address(address.partition("%")[0])
        if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        for one in self._trusted:
            if found in one.network:
                application = _named(snapshot, one.application)
                return None if application is None else _actor(application, address)
        return None

    def _answer(self, user: str, future: Future[Actor]) -> Actor | Reply:
        error = future.exception()
        if error is None:
            return self._judged(user, future.result())
        if isinstance(error, Unauthenticated):
            return _WRONG
        if isinstance(error, Forbidden):  # said only to who has the right key
            return Reply(535, "5.7.13", error.text)
        if not isinstance(error, PostroomError):
            self._log.unexpected("smtp login", error)
        return _LATER

    def _judged(self, user: str, actor: Actor) -> Actor | Reply:
        if user not in self._names(actor):
            return _WRONG
        return actor if actor.may(Scope.SEND) else _NO_SENDING

    def _names(self, actor: Actor) -> tuple[str, str]:
        tenant = self._office.snapshot.tenants.get(actor.tenant_id)
        return actor.name, f"{'' if tenant is None else tenant.name}/{actor.name}"


def _named(snapshot: Snapshot, name: str) -> Application | None:
    """The application of this name, if it may send now. Of the installation's own the name alone is enough."""
    for application in snapshot.applications.values():
        tenant = snapshot.tenants.get(application.tenant_id)
        if tenant is None:
            continue
        names = {f"{tenant.name}/{application.name}"} | ({application.name} if tenant.id == INSTALLATION else set())
        if name in names:
            barred = application.suspended or any(one.suspended for one in snapshot.line(tenant.id))
            return None if barred else application
    return None


def _actor(application: Application, address: str) -> Actor:
    return Actor(
        application.tenant_id,
        frozenset({Scope.SEND}),
        application.id,
        application.name,
        door="smtp",
        address=address,
    )
