"""What a domain says of its mail servers in Thunderbird's format (autoconfig, `config-v1.1.xml`): the outgoing ones.

Rules it keeps: the file is a stranger's. It is bounded in octets, depth and elements; a document type, and with it
every entity, ends the reading (no expansion, nothing fetched); what is odd in one server leaves out that server, what
is odd in the XML leaves out all. Nothing raises.

Source: wiki.mozilla.org/Thunderbird:Autoconfiguration:ConfigFileFormat. Where the file is fetched is the caller's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.parsers import expat

from postroom.model.account import Encryption, Login

__all__ = ["MAX_OCTETS", "Outgoing", "addresses_of", "read_outgoing"]

MAX_OCTETS = 65_536
_MOST_DEPTH = 20
_MOST_ELEMENTS = 1_000
_MOST_SERVERS = 8
_MOST_TEXT = 300

_SOCKETS = {"SSL": Encryption.TLS, "STARTTLS": Encryption.STARTTLS, "plain": Encryption.NONE}
_LOGINS = {
    "password-cleartext": Login.PASSWORD,
    "plain": Login.PASSWORD,
    "password-encrypted": Login.PASSWORD,
    "secure": Login.PASSWORD,
    "OAuth2": Login.OAUTH2,
    "GSSAPI": Login.KERBEROS,
    "NTLM": Login.NTLM,
    "none": Login.NONE,
    "client-IP-address": Login.NONE,
}
_HOST = re.compile(r"(?=.{1,253}\Z)([A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)+[A-Za-z0-9-]{2,63}\Z", re.ASCII)
_WANTED = frozenset({"hostname", "port", "socketType", "username", "authentication"})


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One server. `user` has its placeholders filled in; `login` is None where no known way of logging in is named."""

    host: str
    port: int
    encryption: Encryption
    login: Login | None = None
    user: str = ""


def addresses_of(domain: str) -> tuple[str, ...]:
    """Where a domain's file is looked for. The address itself is not told to whoever answers there."""
    return (
        f"https://autoconfig.{domain}/mail/config-v1.1.xml",
        f"https://{domain}/.well-known/autoconfig/mail/config-v1.1.xml",
    )


def read_outgoing(octets: bytes, local: str, domain: str) -> tuple[Outgoing, ...]:
    """The servers for outgoing mail, in their order; none where the file is not what it should be."""
    if len(octets) > MAX_OCTETS:
        return ()
    reading = _Reading()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reading.begin
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = reading.text
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    try:
        parser.Parse(octets, True)
    except (expat.ExpatError, _Refused, ValueError, LookupError):
        return ()
    found = (_outgoing(one, local, domain) for one in reading.servers)
    return tuple(one for one in found if one is not None)[:_MOST_SERVERS]


class _Refused(Exception):
    """Ends the reading."""


def _refuse(*_: object) -> None:
    raise _Refused


@dataclass(slots=True)
class _Reading:
    """The elements as they go by. `servers`: each one's texts by the name of the element."""

    servers: list[dict[str, list[str]]] = field(default_factory=list)
    _inside: dict[str, list[str]] | None = None
    _path: list[str] = field(default_factory=list)
    _said: list[str] = field(default_factory=list)
    _elements: int = 0

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        self._path.append(name)
        self._said = []
        if self._elements > _MOST_ELEMENTS or len(self._path) > _MOST_DEPTH:
            raise _Refused
        if name == "outgoingServer" and attributes.get("type") == "smtp" and self._inside is None:
            self._inside = {}

    def end(self, name: str) -> None:
        self._path.pop()
        if self._inside is None:
            return
        if name == "outgoingServer":
            self.servers.append(self._inside)
            self._inside = None
        elif name in _WANTED and self._path[-1:] == ["outgoingServer"]:
            self._inside.setdefault(name, []).append("".join(self._said).strip()[:_MOST_TEXT])

    def text(self, data: str) -> None:
        if self._inside is not None:
            self._said.append(data)


def _outgoing(told: dict[str, list[str]], local: str, domain: str) -> Outgoing | None:
    host = _filled(_first(told, "hostname"), local, domain)
    port, socket = _first(told, "port"), _first(told, "socketType")
    if not _HOST.match(host) or not re.fullmatch(r"[0-9]{1,5}", port, re.ASCII) or socket not in _SOCKETS:
        return None
    if not 1 <= int(port) <= 65_535:
        return None
    login = next((_LOGINS[word] for word in told.get("authentication", ()) if word in _LOGINS), None)
    user = _filled(_first(told, "username"), local, domain)
    return Outgoing(host.lower(), int(port), _SOCKETS[socket], login, user if user.isprintable() else "")


def _first(told: dict[str, list[str]], name: str) -> str:
    return next(iter(told.get(name, ())), "")


def _filled(text: str, local: str, domain: str) -> str:
    values = {"%EMAILADDRESS%": f"{local}@{domain}", "%EMAILLOCALPART%": local, "%EMAILDOMAIN%": domain}
    return re.sub("|".join(values), lambda found: values[found[0]], text)
