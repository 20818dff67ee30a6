"""Writing settings as code, and the one reading of a thing that both writing and comparing use.

Names stand where ids do, so that a file means the same in every installation. What a new thing would have anyway is
left out; so is every secret (P7), with a comment where one has to be typed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from postroom.model.account import Account, Limits, Login
from postroom.model.application import Application
from postroom.model.connector import Connector
from postroom.model.kind import Kind
from postroom.model.sender import Sender
from postroom.model.tenant import Tenant, TenantSettings
from postroom.model.version import content_of
from postroom.office.code_file import bare_or_quoted
from postroom.policy.presets import filled_by

__all__ = [
    "Names",
    "account_code",
    "application_code",
    "connector_code",
    "kind_code",
    "sender_code",
    "settings_code",
    "written",
]

_ALWAYS = ("host", "port", "encryption", "login", "user", "limits.connections")
_HEAD = """\
# Settings of {name}, as code. `postroom plan` shows what this file would change, `postroom import` does it.
# A thing that is named here is wholly what stands here: a line that is left out means the default.
# Things that are not named stay, unless --prune is given. Passwords are never written here.
"""
_TYPE_IT = "# Its password is kept by Postroom. Where there is none: `postroom account edit {name} --password`.\n"
_TYPE_IT_THERE = (
    "# Its password or key is kept by Postroom. Where there is none: `postroom connector edit {name} --password`.\n"
)
_CONNECT_IT = "# Its tokens are kept by Postroom. Where there are none: `postroom account connect {name}`.\n"


class Names:
    """What the ids of accounts, senders and connectors stand for."""

    def __init__(
        self, accounts: Iterable[Account], senders: Iterable[Sender], connectors: Iterable[Connector] = ()
    ) -> None:
        self._connectors = {one.id: one.name for one in connectors}
        self._accounts = {one.id: one.name for one in accounts}
        self._senders = {one.id: one.address for one in senders}

    def account(self, number: int | None) -> str | None:
        return None if number is None else self._accounts.get(number)

    def connector(self, number: int | None) -> str | None:
        return None if number is None else self._connectors.get(number)

    def sender(self, number: int | None) -> str | None:
        return None if number is None else self._senders.get(number)


def account_code(account: Account, names: Names) -> dict[str, Any]:
    """Every field a file can set, by its name there."""
    found = content_of(account)
    for name in ("name", "has_secret", "has_client_key", "fallback_account_id", "connector_id"):
        del found[name]
    return found | {"connector": names.connector(account.connector_id)}


def connector_code(connector: Connector) -> dict[str, Any]:
    found = content_of(connector)
    for name in ("name", "has_secret"):
        del found[name]
    return found


def sender_code(sender: Sender, names: Names) -> dict[str, Any]:
    found = content_of(sender)
    del found["address"]
    del found["account_id"]
    return found | {"account": names.account(sender.account_id)}


def settings_code(settings: TenantSettings, names: Names) -> dict[str, Any]:
    found = content_of(Tenant(0, None, "", settings))
    for name in ("name", "suspended", "default_account_id", "default_sender_id"):
        del found[name]
    return found | {
        "default_account": names.account(settings.default_account_id),
        "default_sender": names.sender(settings.default_sender_id),
    }


def kind_code(kind: Kind) -> dict[str, Any]:
    found = content_of(kind)
    del found["name"]
    return found


def application_code(application: Application) -> dict[str, Any]:
    return {
        "suspended": application.suspended,
        "senders": list(application.senders),
        "kinds": list(application.kinds),
        "per_minute": application.per_minute,
    }


def written(
    tenant: Tenant,
    accounts: Iterable[Account],
    senders: Iterable[Sender],
    applications: Iterable[Application],
    fallbacks: Mapping[int, str | None],
    connectors: Iterable[Connector] = (),
    kinds: Iterable[Kind] = (),
) -> str:
    """The whole file; `fallbacks`: account → how its fallback is named. Reading it again changes nothing."""
    accounts, senders, connectors = list(accounts), list(senders), list(connectors)
    names = Names(accounts, senders, connectors)
    parts = [_HEAD.format(name="".join(char for char in tenant.name if char.isprintable()))]
    parts.append(_table("settings", settings_code(tenant.settings, names), {}))
    for connector in connectors:
        usual = {"port": 0, "host": "", "user": "", "host_key": ""}
        table = _table(f"connectors.{bare_or_quoted(connector.name)}", connector_code(connector), usual)
        parts.append(
            table + (_TYPE_IT_THERE.format(name=bare_or_quoted(connector.name)) if connector.has_secret else "")
        )
    blank = account_code(Account(0, 0, "", "", 0, limits=Limits()), names)
    for account in accounts:
        filled = filled_by(account)
        usual = {name: value for name, value in blank.items() if name not in _ALWAYS and name not in filled}
        code = account_code(account, names)
        if any(code[name] is None for name in filled):  # TOML can't say "none": the preset would fill it in again
            code["preset"] = ""
        code["fallback_account"] = fallbacks.get(account.id)
        table = _table(f"accounts.{bare_or_quoted(account.name)}", code, usual)
        typed = account.needs_secret and not account.secret_reference
        granted = account.login is Login.OAUTH2 and account.oauth2_flow.needs_consent
        remark = _CONNECT_IT if granted else _TYPE_IT if typed else ""
        parts.append(table + remark.format(name=bare_or_quoted(account.name)))
    for sender in senders:
        usual = sender_code(Sender(0, 0, ""), names)
        parts.append(_table(f"senders.{bare_or_quoted(sender.address)}", sender_code(sender, names), usual))
    for application in applications:
        usual = application_code(Application(0, 0, ""))
        head = f"applications.{bare_or_quoted(application.name)}"
        parts.append(_table(head, application_code(application), usual))
    usual = kind_code(Kind(0, 0, ""))
    parts += [_table(f"kinds.{bare_or_quoted(kind.name)}", kind_code(kind), usual) for kind in kinds]
    return "\n".join(parts)


def _table(head: str, values: Mapping[str, Any], usual: Mapping[str, Any]) -> str:
    lines = [f"[{head}]\n"]
    for name, value in values.items():
        if value is not None and (name not in usual or usual[name] != value):
            lines.append(f"{name} = {_value(value)}\n")
    return "".join(lines)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(_value(one) for one in value)}]"
    return _text(str(value))


_SHORT = {"\n": "\\n", "\t": "\\t", '"': '\\"', "\\": "\\\\"}


def _text(value: str) -> str:
    """A basic string (TOML 1.0): what does not print is escaped, so that a file shows all there is."""
    written_out = (_SHORT.get(char) or (char if char.isprintable() else f"\\U{ord(char):08x}") for char in value)
    return f'"{"".join(written_out)}"'
