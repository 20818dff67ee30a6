"""What has to be there before the door opens: its addresses, its certificate, its name, and room for connections.

The addresses are taken before the engine starts, so that a mistake in the settings is told before anything else
happens. One that nobody asked for (the default) and that something else has is done without, and that is said.
"""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from postroom.errors import BadSettings
from postroom.listener.certificate import Certificate, make_self_signed
from postroom.listener.door import Door, Terms, open_door
from postroom.settings import Listen, Settings
from postroom.wire.listening import bound_to, listen
from postroom.wire.names import own_name
from postroom.work.service import Engine

__all__ = ["Addresses", "Opened", "certificate_of", "open_listener", "take_addresses"]

_HOST = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*")
_OTHER_DESCRIPTORS = 256
"""For the database, HTTP and the connections to servers."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Listening sockets; `missing` are addresses that something else has, in words."""

    plain: list[socket.socket] = field(default_factory=list)
    encrypted: list[socket.socket] = field(default_factory=list)
    missing: tuple[str, ...] = ()

    def close(self) -> None:
        for one in (*self.plain, *self.encrypted):
            one.close()

    @property
    def words(self) -> str:
        """Where mail is taken, for people."""
        plain = [f"smtp://{_shown(one)} (STARTTLS)" for one in self.plain]
        return ", ".join([*plain, *[f"smtps://{_shown(one)}" for one in self.encrypted]])


@dataclass(frozen=True, slots=True)
class Opened:
    """The door, and whether its certificate was made just now."""

    door: Door
    made_certificate: bool


def take_addresses(settings: Settings) -> Addresses:
    """Raises BadSettings where an address that was asked for can't be had."""
    addresses = Addresses()
    missing: list[str] = []
    try:
        for name, into in (("listen_smtp", addresses.plain), ("listen_smtps", addresses.encrypted)):
            wanted: Listen | None = getattr(settings, name)
            if wanted is None:
                continue
            try:
                into.extend(listen(*wanted, name))
            except BadSettings:
                if settings.origins.get(name) != "default":
                    raise
                missing.append(f"{wanted} is taken by something else")
    except BadSettings:
        addresses.close()
        raise
    return Addresses(addresses.plain, addresses.encrypted, tuple(missing))


@contextlib.asynccontextmanager
async def open_listener(settings: Settings, addresses: Addresses, engine: Engine) -> AsyncIterator[Opened]:
    """The door for this engine, open as long as the block runs. Raises BadSettings for a certificate that is none."""
    host = settings.ehlo_name or _own_name()
    certificate, made = certificate_of(settings)
    _make_room_for(settings.smtp_connections)
    terms = Terms(host, settings.max_message_bytes, settings.max_recipients, settings.smtp_clear_login)
    async with open_door(
        terms,
        engine.office,
        engine.outbox,
        settings,
        certificate,
        engine.log,
        plain=addresses.plain,
        encrypted=addresses.encrypted,
    ) as door:
        yield Opened(door, made)


def certificate_of(settings: Settings) -> tuple[Certificate, bool]:
    """The operator's certificate, or a self-signed one; and whether that was made just now. Raises BadSettings."""
    own = settings.origins.get("smtp_certificate", "default") == "default"
    made = own and not settings.smtp_certificate.exists()
    if made:
        make_self_signed(settings.smtp_certificate, settings.ehlo_name or _own_name())
    return Certificate(settings.smtp_certificate, settings.smtp_certificate_key, settings.tls_minimum), made


def _own_name() -> str:
    """This machine's name for its own programs: without a domain where it has none."""
    name = own_name()
    if name.startswith("["):
        name = socket.gethostname()
    return name if _HOST.fullmatch(name) else "localhost"


def _make_room_for(connections: int) -> None:
    """As many descriptors as connections need, as far as the system allows."""
    try:
        import resource
    except ImportError:  # not everywhere
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHER_DESCRIPTORS
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _shown(one: socket.socket) -> str:
    host, port = bound_to(one)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
