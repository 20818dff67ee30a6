"""The settings of an installation: from the environment and one TOML file, all mistakes reported at once.

`Settings` is the one table: each field carries how it is spelled, its default and a sentence for people. Parsing, error
messages, `describe()` (the documentation) and `example()` (the file to start from) are made from it, so a setting can't
exist undocumented.

Rules it keeps: a value given in the program (a flag) beats the environment, the environment beats the file, the file
beats the default. A name nobody knows is a mistake, not a shrug. Values of secret settings appear in no error and no
`repr`. Settings of tenants and accounts are not here: they are in the database and change while Postroom runs.
"""

# ruff: noqa: RUF009  (_setting only wraps dataclasses.field: nothing is computed once and then shared)

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from postroom.agent.configuration import VARIABLES
from postroom.errors import BadSettings, Fault
from postroom.settings import spelling
from postroom.settings.name_servers import NameServer
from postroom.settings.setting import Meta as _Meta
from postroom.settings.setting import setting as _setting
from postroom.settings.spelling import DatabaseUrl, Hidden, Listen, Network, Trusted
from postroom.settings.tenant_hosts import TENANT_HOSTS, TenantHost
from postroom.settings.tenant_realms import TENANT_REALMS
from postroom.settings.vaults import Allowed, VaultSettings

__all__ = [
    "Allowed",
    "DatabaseUrl",
    "Hidden",
    "Listen",
    "LogFormat",
    "NameServer",
    "Network",
    "ProxyHeader",
    "Role",
    "Row",
    "Settings",
    "TenantHost",
    "Trusted",
    "describe",
    "example",
    "load",
]

PREFIX = "POSTROOM_"
CONFIG = "POSTROOM_CONFIG"
NOT_SETTINGS = VARIABLES | {CONFIG, "POSTROOM_FAILPOINT", "POSTROOM_API_URL", "POSTROOM_API_KEY"}
"""Variables with our prefix that are no settings: where the file is, where a test may kill the process, and what
programs that talk to a Postroom look for, its agents among them."""

MIB = 1024 * 1024


class Role(StrEnum):
    """What this process does. Separate roles need PostgreSQL: one SQLite file has one owning process."""

    ALL = "all"
    HTTP = "http"
    WORKER = "worker"


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


class ProxyHeader(StrEnum):
    """Where a reverse proxy says whose request it brings."""

    X_FORWARDED_FOR = "x-forwarded-for"
    FORWARDED = "forwarded"


def _default_data(values: Mapping[str, Any], environ: Mapping[str, str]) -> Path:
    shared = environ.get("XDG_DATA_HOME", "")
    if shared.startswith("/"):  # the XDG specification: a relative path is to be ignored
        return Path(shared, "postroom")
    return Path(environ.get("HOME") or os.path.expanduser("~"), ".local", "share", "postroom")


def _default_database(values: Mapping[str, Any], environ: Mapping[str, str]) -> DatabaseUrl:
    return DatabaseUrl(f"sqlite:///{values['data'] / 'postroom.db'}")


def _default_body(values: Mapping[str, Any], environ: Mapping[str, str]) -> int:
    # base64 makes a message a third longer, and the JSON around it wants room too
    largest: int = values["max_message_bytes"]
    return max(40 * MIB, largest * 8 // 5)


def _default_admission(values: Mapping[str, Any], environ: Mapping[str, str]) -> int:
    largest: int = values["max_message_bytes"]
    return max(64 * MIB, largest * 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(VaultSettings):
    """The table. Durations are in the unit of their name, sizes in octets. Build it with `load`."""

    data: Path = _setting(
        spelling.DIRECTORY,
        _default_data,
        "The directory of everything Postroom keeps on this machine.",
        default_words="$XDG_DATA_HOME/postroom, else ~/.local/share/postroom",
    )
    database: DatabaseUrl = _setting(
        spelling.DATABASE,
        _default_database,
        "The database: one SQLite file for one process, or PostgreSQL for any number of them.",
        default_words="sqlite:///<data>/postroom.db",
    )
    listen: Listen = _setting(
        spelling.LISTEN, Listen("127.0.0.1", 8025), "Where the HTTP API listens. Port 0 takes a free one."
    )
    listen_smtp: Listen | None = _setting(
        spelling.LISTEN_OR_OFF,
        Listen("127.0.0.1", 8587),
        "Where mail is taken by SMTP with STARTTLS. Not opened if it is not set and something else listens there.",
    )
    listen_smtps: Listen | None = _setting(
        spelling.LISTEN_OR_OFF,
        Listen("127.0.0.1", 8465),
        "Where mail is taken by SMTP with TLS from the start. Not opened if it is not set and taken, as above.",
    )
    listen_agents: Listen | None = _setting(
        spelling.LISTEN_OR_OFF,
        None,
        "Where agents of connectors dial in, by TLS with the certificate for SMTP. Only where mail is delivered.",
    )
    agent_silence_seconds: float = _setting(
        spelling.duration("s", at_least=1.0), 30.0, "After how much silence an agent is taken for gone, in seconds."
    )
    smtp_certificate: Path = _setting(
        spelling.FILE,
        lambda values, environ: values["data"] / "smtp-certificate.pem",
        "The certificate for SMTP with its chain, in PEM. Not set: a self-signed one, made at the first start.",
        default_words="<data>/smtp-certificate.pem",
    )
    smtp_certificate_key: Path = _setting(
        spelling.FILE,
        lambda values, environ: values["smtp_certificate"],
        "The private key of that certificate, in PEM, where it is in a file of its own.",
        default_words="as smtp_certificate",
    )
    smtp_clear_login: bool = _setting(
        spelling.SWITCH, False, "Whether programs on this machine may log in by SMTP without encryption."
    )
    smtp_trusted: tuple[Trusted, ...] = _setting(
        spelling.TRUSTED, (), "Clients that need no login for SMTP: their network, and the application they speak for."
    )
    smtp_connections: int = _setting(
        spelling.count(1, 100_000), 4_000, "The most SMTP connections at once, of all clients together."
    )
    smtp_connections_per_client: int = _setting(
        spelling.count(1, 100_000), 50, "The most SMTP connections at once from one address (IPv6: one /64)."
    )
    role: Role = _setting(
        spelling.one_of(Role), Role.ALL, "What this process does. Roles apart from each other need PostgreSQL."
    )
    public_url: str = _setting(
        spelling.URL,
        "",
        "How people reach this Postroom from outside: used in links, and what passkeys belong to. Empty: the address "
        "it listens on.",
    )
    trusted_proxies: tuple[Network, ...] = _setting(
        spelling.NETWORKS,
        (),
        "Reverse proxies before the HTTP API: their networks. These, and nobody else, are believed what proxy_header "
        "says of the client's address.",
    )
    proxy_header: ProxyHeader = _setting(
        spelling.one_of(ProxyHeader),
        ProxyHeader.X_FORWARDED_FOR,
        "The header in which these proxies name the client. They have to set it, and not pass on what a client wrote.",
    )
    smtp_proxies: tuple[Network, ...] = _setting(
        spelling.NETWORKS,
        (),
        "Load balancers before the SMTP ports: their networks. They have to begin each connection with a header of the "
        "PROXY protocol, version 1 or 2.",
    )
    key_file: Path = _setting(
        spelling.FILE,
        lambda values, environ: values["data"] / "keyring.json",
        "The key ring that secrets are sealed with. Made at the first start; keep a copy apart from the database's.",
        default_words="<data>/keyring.json",
    )
    key: Hidden = _setting(
        spelling.KEY,
        Hidden(""),
        "The key ring itself instead of a file: 32 octets in base64; several separated by commas, the first is used to "
        "seal. Only from the environment.",
        environment_only=True,
    )
    native_command: tuple[str, ...] = _setting(
        spelling.COMMAND,
        ("/usr/sbin/sendmail",),
        "The sendmail-compatible command of mode native. Never run through a shell.",
    )
    ehlo_name: str = _setting(
        spelling.HOST_NAME, "", "The name Postroom gives in EHLO. Empty: the full name of this machine."
    )
    log_format: LogFormat = _setting(spelling.one_of(LogFormat), LogFormat.TEXT, "How log lines are written.")
    max_message_bytes: int = _setting(spelling.size(1024), 25 * MIB, "The largest message that is accepted, composed.")
    max_recipients: int = _setting(spelling.count(1), 10_000, "The most recipients one message may have.")
    max_batch: int = _setting(spelling.count(1), 1_000, "The most messages one call of the API may bring.")
    max_body_bytes: int = _setting(
        spelling.size(1024),
        _default_body,
        "The largest body of an HTTP request; longer ones are refused before they are read.",
        default_words="40 MiB, or 1.6 times max_message_bytes where that is more",
    )
    admission_messages: int = _setting(
        spelling.count(1), 2_000, "How many messages may be on their way into the database at once; more have to wait."
    )
    admission_bytes: int = _setting(
        spelling.size(MIB),
        _default_admission,
        "How much of messages may be on its way into the database at once, by each door; more has to wait.",
        default_words="64 MiB, or twice max_message_bytes where that is more",
    )
    idempotency_hours: float = _setting(
        spelling.duration("h", at_least=1), 24.0, "How long an Idempotency-Key is remembered, in hours."
    )
    session_idle_hours: float = _setting(
        spelling.duration("h", at_least=0.02), 1.0, "How long somebody who signed in may do nothing, in hours."
    )
    session_hours: float = _setting(
        spelling.duration("h", at_least=0.1), 12.0, "How long a sign-in lasts at most, in hours."
    )
    connections_per_account: int = _setting(
        spelling.count(1, 1_000), 4, "Connections at once to an account's server, where the account does not say."
    )
    tls_minimum: str = _setting(
        spelling.TLS_VERSION,
        "1.2",
        "The oldest TLS version Postroom speaks to mail servers. Below 1.2 it is broken: only for servers that know "
        "nothing newer. Programs that hand mail in always get 1.2 or newer.",
    )
    tenant_hosts: tuple[TenantHost, ...] = _setting(
        TENANT_HOSTS,
        (),
        "Internal servers that the accounts of tenants may use; without it only the public internet, on ports of mail. "
        "The installation's own accounts may use any server.",
    )
    tenant_realms: tuple[str, ...] = _setting(
        TENANT_REALMS,
        (),
        "Kerberos realms that tenants' accounts may name; without it only this machine's own default realm. Where "
        "a realm's servers are is looked up in the DNS, and they may be anywhere.",
    )
    smtp_timeout_scale: float = _setting(
        spelling.number(0.001, 100.0), 1.0, "Multiplies every timeout of SMTP (RFC 5321, 4.5.3.2). For tests."
    )
    lease_seconds: float = _setting(
        spelling.duration("s", at_least=0.1), 30.0, "How long a silent worker keeps its messages, in seconds."
    )
    heartbeat_seconds: float = _setting(
        spelling.duration("s", at_least=0.01), 10.0, "How often a worker renews its leases, in seconds."
    )
    poll_seconds: float = _setting(
        spelling.duration("s", at_least=0.01), 1.0, "How often a worker looks for due mail unasked, in seconds."
    )
    idle_seconds: float = _setting(
        spelling.duration("s", at_least=0.01), 30.0, "How long an idle connection to a server is kept, in seconds."
    )
    fallback_seconds: float = _setting(
        spelling.duration("s", at_least=0.1),
        600.0,
        "How long an account must be out of reach before its fallback account takes over, in seconds.",
    )
    instant_seconds: float = _setting(
        spelling.duration("s", at_least=0.01),
        30.0,
        "How long a call waits for the server's answer when mail is sent instantly; after that it is in the queue.",
    )
    origins: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    """Where each value comes from, in words: for `postroom config` and for error messages elsewhere."""


_ELSEWHERE = [one.name for one in fields(VaultSettings)]
_FIELDS = sorted(fields(Settings), key=lambda one: one.name in _ELSEWHERE)  # what all depends on comes first
_TABLE: dict[str, _Meta] = {one.name: one.metadata["setting"] for one in _FIELDS if "setting" in one.metadata}

_OTHER_WORDS = {
    "port": "listen",
    "host": "listen",
    "bind": "listen",
    "db": "database",
    "url": "public_url",
    "sendmail": "native_command",
    "directory": "data",
    "keyring": "key_file",
    "max_size": "max_message_bytes",
    "hostname": "ehlo_name",
}


class Row(NamedTuple):
    """One line of the documentation."""

    name: str
    variable: str
    type: str
    default: str
    sentence: str


def describe() -> tuple[Row, ...]:
    """Every setting, for the documentation and for `postroom config`."""
    return tuple(
        Row(name, PREFIX + name.upper(), meta.spelling.words, _default_words(meta), meta.sentence)
        for name, meta in _TABLE.items()
    )


def _default_words(meta: _Meta) -> str:
    if meta.default_words:
        return meta.default_words
    return meta.spelling.show(meta.default) or "empty"


def example() -> str:
    """A `postroom.toml` in which every setting is explained and none is set."""
    parts = ["# Settings of Postroom. POSTROOM_<NAME> in the environment beats what is written here."]
    for name, meta in _TABLE.items():
        if not meta.environment_only:
            parts.append(f"# {meta.sentence}\n# {meta.spelling.words}; without it: {_default_words(meta)}")
            parts[-1] += f"\n# {name} = {meta.spelling.example}"
    return "\n\n".join(parts) + "\n"


class _Given(NamedTuple):
    """A value as it was given, and where: `base` is what a relative path in it is relative to."""

    value: object
    origin: str
    base: Path


def load(
    environ: Mapping[str, str] | None = None, cwd: Path | None = None, overrides: Mapping[str, object] | None = None
) -> Settings:
    """The settings from `overrides` (flags, by name), the environment, the file and the defaults, in this order.

    An empty variable counts as not set. Raises BadSettings with every mistake found.
    """
    environ = os.environ if environ is None else environ
    cwd = Path.cwd() if cwd is None else cwd
    faults: list[Fault] = []
    given = _from_environment(environ, cwd, faults)
    given |= _from_flags(overrides or {}, cwd, faults)
    from_file = _from_file(environ, cwd, given, faults)
    values, origins = _settle(from_file | given, environ, faults)
    if not faults:
        faults += _contradictions(values)
    if faults:
        raise BadSettings(faults)
    return Settings(**values, origins=origins)


def _from_environment(environ: Mapping[str, str], cwd: Path, faults: list[Fault]) -> dict[str, _Given]:
    given = {}
    for variable, text in sorted(environ.items()):
        if not variable.startswith(PREFIX) or variable in NOT_SETTINGS:
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name not in _TABLE or variable != variable.upper():
            faults.append(_unknown(variable, name, lambda known: PREFIX + known.upper()))
        elif text.strip():
            given[name] = _Given(text, variable, cwd)
    return given


def _from_flags(overrides: Mapping[str, object], cwd: Path, faults: list[Fault]) -> dict[str, _Given]:
    given = {}
    for name, value in overrides.items():
        if name not in _TABLE:
            faults.append(_unknown(name, name, str))
        elif value is not None:
            given[name] = _Given(value, f"--{name.replace('_', '-')}", cwd)
    return given


def _unknown(shown: str, name: str, spell: Callable[[str], str]) -> Fault:
    near = difflib.get_close_matches(name, _TABLE, n=1, cutoff=0.6)
    known = _OTHER_WORDS.get(name) or (near[0] if near else "")
    mend = f"Did you mean {spell(known)}?" if known else "`postroom config` lists them all."
    return Fault(spelling.escaped(shown), "there is no such setting.", mend)


def _from_file(
    environ: Mapping[str, str], cwd: Path, given: Mapping[str, _Given], faults: list[Fault]
) -> dict[str, _Given]:
    path, asked, moves_data = _find_file(environ, cwd, given)
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        if asked:
            faults.append(Fault(CONFIG, f"there is no file {path}.", "Correct the path, or leave it out."))
        return {}
    except OSError as error:
        faults.append(Fault(str(path), f"can't be read: {error.strerror}.", "Let this user read it."))
        return {}
    except UnicodeDecodeError:
        faults.append(Fault(str(path), "is not UTF-8 text.", "Save it as UTF-8."))
        return {}
    except tomllib.TOMLDecodeError as error:
        faults.append(Fault(str(path), f"is not TOML: {error}.", "`postroom config --example` prints a good one."))
        return {}
    if not moves_data and "data" in table:
        faults.append(Fault(f"data in {path}", "can't move the directory it was found in.", "Use POSTROOM_DATA."))
        return {}
    return _from_table(table, path, faults)


def _find_file(environ: Mapping[str, str], cwd: Path, given: Mapping[str, _Given]) -> tuple[Path, bool, bool]:
    """The path, whether somebody asked for it by name, and whether it may say where the data are."""
    if asked := environ.get(CONFIG, "").strip():
        return cwd / asked, True, True
    here = cwd / "postroom.toml"
    if here.exists():
        return here, False, True
    data = _default_data({}, environ)
    if "data" in given:
        try:
            data = spelling.DIRECTORY.parse(given["data"].value, given["data"].base, environ)
        except ValueError:
            return here, False, True  # the wrong directory is reported where its value is read
    return data / "postroom.toml", False, False


def _from_table(table: Mapping[str, object], path: Path, faults: list[Fault]) -> dict[str, _Given]:
    given = {}
    for name, value in table.items():
        where = f"{spelling.escaped(name)} in {path}"
        if name not in _TABLE:
            faults.append(_unknown(where, name, str))
        elif _TABLE[name].environment_only:
            faults.append(Fault(where, "is taken from the environment only.", f"Use {PREFIX}{name.upper()}."))
        elif isinstance(value, dict):
            faults.append(Fault(where, "is a table, but settings are plain values.", f"Write {name} = …"))
        else:
            given[name] = _Given(value, where, path.parent)
    return given


def _settle(
    given: Mapping[str, _Given], environ: Mapping[str, str], faults: list[Fault]
) -> tuple[dict[str, Any], dict[str, str]]:
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name, meta in _TABLE.items():
        values[name] = meta.default(values, environ) if callable(meta.default) else meta.default
        origins[name] = "default"
        if name not in given:
            continue
        value, origins[name], base = given[name]
        try:
            values[name] = meta.spelling.parse(value, base, environ)
        except ValueError as error:
            problem = str(error) if meta.spelling.secret else f"{spelling.shown(value)} {error}"
            faults.append(Fault(origins[name], problem, f"Example: {meta.spelling.example}"))
    return values, origins


def _contradictions(values: Mapping[str, Any]) -> list[Fault]:
    """What each setting alone can't show."""
    faults = []
    if values["lease_seconds"] < 3 * values["heartbeat_seconds"]:
        problem = "is less than three heartbeats: a worker that misses one would lose its messages."
        faults.append(Fault("lease_seconds", problem, "Make it at least 3 times heartbeat_seconds."))
    if values["max_body_bytes"] * 3 < values["max_message_bytes"] * 4:
        problem = "is too small for a message of max_message_bytes in base64."
        faults.append(Fault("max_body_bytes", problem, "Make it at least 1.4 times max_message_bytes."))
    if values["admission_bytes"] < values["max_message_bytes"]:
        problem = "is less than one message of max_message_bytes."
        faults.append(Fault("admission_bytes", problem, "Make it at least as large."))
    return faults
