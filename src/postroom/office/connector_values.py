"""What can be set on a connector, and what must fit together for each kind."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from postroom.model.connector import Connector, ConnectorKind, default_connector_port
from postroom.office.fields import Reader, Reading, Unfit, count, host, line, name, one_of
from postroom.secrets import Secret
from postroom.sentence import Sentence

__all__ = ["SECRET_WORDS", "apply", "read", "read_secret"]

SECRET_WORDS = ("secret", "password", "private_key")
_MOST_SECRET = 16 * 1024
_MOST_SOCKS = 255
_PEM = "-----BEGIN"
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_ALGORITHM = re.compile(r"(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521))")


def _host_key(value: object) -> str:
    """`[algorithm ]SHA256:…`, picked out of what `ssh-keygen -lf` or a test of ours prints."""
    text: str = line(500)(value)
    if not text:
        return ""
    found = _FINGERPRINT.search(text)
    if found is None:
        raise Unfit("is no fingerprint of a host key.", "It looks like SHA256: and 43 letters and digits.")
    algorithm = _ALGORITHM.search(text)
    return f"{algorithm[0]} {found[0]}" if algorithm else found[0]


def _port(value: object) -> int | None:
    """None and 0, which agents have, are the usual one of the kind."""
    return None if value is None or value == 0 else count(1, 65_535)(value)


_READERS: dict[str, Reader] = {
    "name": name,
    "kind": one_of(ConnectorKind, {"socks": ConnectorKind.SOCKS5, "http-connect": ConnectorKind.HTTP}),
    "host": host,
    "port": _port,
    "user": line(255),
    "host_key": _host_key,
}
_ALIASES = {"type": "kind", "username": "user", "user_name": "user", "server": "host", "fingerprint": "host_key"}


def read(given: Mapping[str, object], reading: Reading) -> dict[str, Any]:
    """The values by our names. Only what was given is in it; faults go to `reading`."""
    for typed, value in given.items():
        plain = typed.strip().lower().replace("-", "_")
        field = _ALIASES.get(plain, plain)
        if field in SECRET_WORDS:
            continue
        if field not in _READERS:
            reading.unknown(typed, [*_READERS, "secret"])
        elif not (field == "host" and value in (None, "")):
            reading.take(field, _READERS[field], value)
        else:
            reading.values["host"] = ""
    return reading.values


def read_secret(given: Mapping[str, object], reading: Reading) -> Secret | None:
    """The password or private key that was typed. Blank means: as it was."""
    found: Secret | None = None
    for typed, value in given.items():
        if typed.strip().lower().replace("-", "_") not in SECRET_WORDS or value in (None, ""):
            continue
        if not isinstance(value, (str, Secret)):
            reading.fault(typed, "is not text.")
            continue
        try:
            found = Secret(value)
        except ValueError:
            reading.fault(typed, "has characters that can't be written as UTF-8.", "Type it again.")
            continue
        _check_secret(typed, found.reveal(), reading)
    return found


def _check_secret(typed: str, text: str, reading: Reading) -> None:
    if not text.startswith(_PEM) and any(char in text for char in "\0\r\n"):
        reading.fault(typed, "holds a line break or a NUL.", "Type or paste it again, without the line's end.")
    if len(text.encode()) > _MOST_SECRET:
        reading.fault(
            typed, Sentence("is longer than {most_secret} octets.", most_secret=_MOST_SECRET), "Check what was pasted."
        )
    if text.startswith(_PEM) and "ENCRYPTED" in text:
        problem = "is a private key with a passphrase."
        reading.fault(typed, problem, "Give one without (`ssh-keygen -p`); Postroom keeps it sealed.")


def apply(connector: Connector, values: Mapping[str, Any], secret: Secret | None, reading: Reading) -> Connector:
    """The connector with these values. What does not fit its kind is a fault."""
    given = dict(values)
    kind = given.get("kind", connector.kind)
    if given.get("port") is None:
        usual = connector.port in (0, default_connector_port(connector.kind))
        given["port"] = default_connector_port(kind) if usual or "port" in values else connector.port
    changed = replace(connector, **given)
    moved = (connector.kind, connector.host, connector.port) != (changed.kind, changed.host, changed.port)
    if moved and "host_key" not in values:
        changed = replace(changed, host_key="")  # it was another server's
    _fit(changed, secret, reading)
    return changed


def _fit(connector: Connector, secret: Secret | None, reading: Reading) -> None:
    known = {fault.field for fault in reading.faults}
    kind = connector.kind
    if kind is ConnectorKind.AGENT:
        given = {"host": connector.host, "port": connector.port, "user": connector.user, "secret": secret}
        for field, value in given.items():
            if value:
                reading.fault(field, "does not belong to an agent, who dials in by himself.", "Leave it out.")
    elif not connector.host and "host" not in known:
        reading.fault("host", "is missing.", "Give the name or IP address of the proxy or SSH server.")
    if connector.host_key and kind is not ConnectorKind.SSH:
        reading.fault("host_key", "belongs to SSH servers only.", "Leave it out.")
    if kind is ConnectorKind.SSH and not connector.user and "user" not in known:
        reading.fault("user", "is missing.", "Give the name of the user on the SSH server.")
    if kind is ConnectorKind.HTTP and ":" in connector.user:
        reading.fault("user", "holds a colon, which no HTTP proxy can take.", "Correct the user name.")
    if secret is None:
        return
    if kind is not ConnectorKind.SSH and secret.reveal().startswith(_PEM):
        reading.fault("secret", "is a private key, which only SSH servers take.", "Give a password.")
    elif not connector.user and kind in (ConnectorKind.SOCKS5, ConnectorKind.HTTP):
        reading.fault("user", "is missing, but there is a password.", "Give the user name that goes with it.")
    _fit_socks(connector, secret, reading)


def _fit_socks(connector: Connector, secret: Secret, reading: Reading) -> None:
    """RFC 1929 has one octet for each length."""
    if connector.kind is not ConnectorKind.SOCKS5:
        return
    for field, text in (("user", connector.user), ("secret", secret.reveal())):
        if len(text.encode()) > _MOST_SOCKS:
            reading.fault(
                field,
                Sentence("is longer than the {most_socks} octets that SOCKS5 has room for.", most_socks=_MOST_SOCKS),
                "Shorten it.",
            )
