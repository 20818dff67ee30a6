"""`postroom connector …`: the ways to servers that can't be reached directly, and the agent that runs over there."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from postroom.cli import secret
from postroom.cli.command import Call
from postroom.cli.complaint import CommandError, ExitCode, usage
from postroom.cli.desk import path_part
from postroom.cli.fields import CONNECTOR, read, unset
from postroom.cli.sections import SETUP, Page
from postroom.cli.terminal import Cell
from postroom.cli.times import local
from postroom.cli.words import me

__all__ = ["page"]

page = Page(SETUP, "connector", "Ways to servers behind proxies, jump hosts and in closed networks.", tenant=True)
Ref = Annotated[str, typer.Argument(metavar="CONNECTOR", help="Its name or id.", show_default=False)]
AgentRef = Annotated[str, typer.Argument(metavar="AGENT", help="Its name or id.", show_default=False)]
Kind = Annotated[
    str, typer.Argument(metavar="socks5|http|ssh|agent", help="What the way leads through.", show_default=False)
]
KeyFile = Annotated[
    Path | None, typer.Option("--private-key-file", metavar="FILE", help="For ssh: a private key without a passphrase.")
]
Unset = Annotated[list[str] | None, typer.Option("--unset", metavar="NAME", help="Take a value back.")]


@page.command("list")
def list_connectors(call: Call) -> None:
    """Lists the connectors."""
    answer = call.desk.get("/v1/connectors")
    call.answer(answer, lambda: _list(call, answer.get("connectors", [])))


@page.command("add", fields=CONNECTOR)
def add(
    call: Call,
    kind: Kind,
    values: dict[str, Any],
    password_stdin: secret.PasswordStdin = False,
    password_file: secret.PasswordFile = None,
    private_key: KeyFile = None,
) -> None:
    """Adds a connector. Accounts choose it with `account edit --connector`."""
    typed = _typed(password_stdin, password_file, private_key)
    if typed is None and values.get("user") and call.terminal.interactive:
        typed = secret.ask(f"Password of {values['user']} (not shown): ")
    answer = call.desk.post("/v1/connectors", {"kind": kind, **values} | _secret(typed))
    call.answer(answer, lambda: _added(call, answer))


@page.command("edit", fields=CONNECTOR)
def edit(
    call: Call,
    connector: Ref,
    values: dict[str, Any],
    unset_names: Unset = None,
    password: Annotated[bool, typer.Option("--password", help="Ask for a new password.")] = False,
    password_stdin: secret.PasswordStdin = False,
    password_file: secret.PasswordFile = None,
    private_key: KeyFile = None,
) -> None:
    """Changes a connector; what is not named stays. A new host or user needs the password or key again."""
    typed = _typed(password_stdin, password_file, private_key)
    if password and typed is None:
        typed = secret.ask("New password (not shown): ")
    changes = values | unset(CONNECTOR, unset_names) | _secret(typed)
    if not changes:
        raise usage("Say what to change; `postroom connector edit --help` lists everything.")
    answer = call.desk.patch(_path(connector), changes)
    call.answer(answer, lambda: _added(call, answer))


@page.command("show")
def show(call: Call, connector: Ref) -> None:
    """Shows everything about a connector and its agents, but never a password or key."""
    answer = call.desk.get(_path(connector))
    call.answer(answer, lambda: _show(call, answer))


@page.command("test")
def try_out(
    call: Call,
    connector: Ref,
    host: Annotated[str, typer.Argument(metavar="[HOST]", help="A mail server behind it.", show_default=False)] = "",
    port: Annotated[int | None, typer.Argument(metavar="[PORT]", help="Its port.", show_default=False)] = None,
) -> None:
    """Tries a connector step by step, up to the greeting of a server. Nothing is sent."""
    place = {"host": host, "port": port} if host else {}
    answer = call.desk.post(f"{_path(connector)}/test", place)
    call.answer(answer, lambda: _tried(call, connector, answer))
    if not answer.get("ok"):
        raise typer.Exit(ExitCode.REFUSED)


@page.command("trust")
def trust(
    call: Call,
    connector: Ref,
    fingerprint: Annotated[
        str, typer.Argument(metavar="[SHA256:…]", help="As its administrator told it.", show_default=False)
    ] = "",
) -> None:
    """Confirms the host key of an SSH server. Without a fingerprint it shows the server's and asks."""
    if not fingerprint:
        fingerprint = str(call.desk.post(f"{_path(connector)}/test", {}).get("host_key") or "")
        if not fingerprint:
            raise CommandError("The server showed no host key.", hint=f"`{me()} connector test {connector}` tells why.")
        if not call.terminal.interactive:
            raise usage(f"The server shows {fingerprint}. Compare it, and give it as the fingerprint to confirm it.")
        call.terminal.line(f"The server shows {fingerprint}")
        call.terminal.line("Its administrator sees the same with: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub")
        if not typer.confirm("Is it the same?"):
            raise CommandError("It is not confirmed; nothing goes through this connector.")
    answer = call.desk.patch(_path(connector), {"host_key": fingerprint})
    call.answer(answer, lambda: call.terminal.line(f"{answer.get('name')}: {answer.get('host_key')} is confirmed."))


@page.command("log")
def log(call: Call, connector: Ref) -> None:
    """Shows what happened to a connector and its agents, the newest line first."""
    answer = call.desk.get(f"{_path(connector)}/log")
    call.answer(answer, lambda: _log(call, answer.get("events", [])))


@page.command("delete")
def delete(call: Call, connector: Ref) -> None:
    """Deletes a connector that no account goes through, with its password and its agents' keys."""
    answer = call.desk.delete(_path(connector))
    call.answer(answer, lambda: call.terminal.line(f"{connector} is deleted."))


@page.command("add-agent")
def add_agent(call: Call, connector: Ref, agent: AgentRef) -> None:
    """Makes the key of one more agent; it is shown this one time. Several agents stand in for each other."""
    answer = call.desk.post(f"{_path(connector)}/agents", {"name": agent})
    call.answer(answer, lambda: _new_agent(call, answer))


@page.command("revoke-agent")
def revoke_agent(call: Call, connector: Ref, agent: AgentRef) -> None:
    """Refuses an agent's key from now on, and ends its connection."""
    answer = call.desk.post(f"{_path(connector)}/agents/{path_part(agent)}/revoke")
    call.answer(answer, lambda: call.terminal.line(f"{answer.get('name')} is revoked."))


@page.command("run", json=False, tenant=False)
def run(
    call: Call,
    to: Annotated[list[str] | None, typer.Option("--to", metavar="HOST:PORT", help="Where Postroom is.")] = None,
    agent_key_file: Annotated[
        Path | None, typer.Option("--agent-key-file", metavar="FILE", help="A file with the agent's key.")
    ] = None,
    allow: Annotated[
        list[str] | None, typer.Option("--allow", metavar="HOST:PORT", help="What Postroom may reach; nothing else.")
    ] = None,
    pin: Annotated[str, typer.Option("--pin", metavar="SHA256", help="Postroom's certificate, if self-signed.")] = "",
    ca: Annotated[Path | None, typer.Option("--ca", metavar="FILE", help="A CA of your own, in PEM.")] = None,
    config: Annotated[Path | None, typer.Option("--config", metavar="FILE", help="All of this as TOML.")] = None,
) -> None:
    """Runs an agent in a closed network: dials out to Postroom, opens only what --allow names. Ctrl-C stops it.

    Each option may be given as POSTROOM_CONNECTOR_TO, _KEY, _KEY_FILE, _ALLOW, _PIN, _CA as well.
    """
    from postroom.agent.configuration import configuration
    from postroom.agent.needs import ssh_missing

    if why := ssh_missing():
        raise CommandError(f"The agent can't run: {why}.")
    given = {"to": to, "key_file": agent_key_file, "allow": allow, "pin": pin, "ca": ca}
    told = configuration(given, os.environ, config)
    from postroom.agent.program import run as run_agent

    asyncio.run(run_agent(told, _say))


def _say(line: str) -> None:
    """For a journal, which has its own clock."""
    print(line, file=sys.stderr, flush=True)


def _path(connector: str) -> str:
    return f"/v1/connectors/{path_part(connector)}"


def _typed(stdin: bool, file: Path | None, private_key: Path | None) -> str | None:
    if private_key is None:
        return secret.given(stdin, file)
    if stdin or file is not None:
        raise usage("Give a password or a private key, not both.")
    try:
        return private_key.read_text("ascii")
    except OSError as error:
        raise usage(f"{private_key} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise usage(f"{private_key} is no private key in PEM.") from None


def _secret(typed: str | None) -> dict[str, str]:
    return {} if typed is None else {"secret": typed}


def _list(call: Call, connectors: list[dict[str, Any]]) -> None:
    if not connectors:
        call.terminal.line(f"There is no connector yet. `{me()} connector add KIND --host HOST` makes one.")
        return
    rows = [
        (each.get("name", ""), each.get("kind", ""), _place(each), _state(each), ", ".join(each.get("accounts") or ()))
        for each in connectors
    ]
    call.terminal.columns(("NAME", "KIND", "PLACE", "STATE", "ACCOUNTS"), rows)


def _place(connector: dict[str, Any]) -> str:
    if connector.get("kind") != "agent":
        return f"{connector.get('host')}:{connector.get('port')}"
    agents = [one for one in connector.get("agents") or () if not one.get("revoked_at")]
    there = sum(bool(one.get("connected")) for one in agents)
    return f"{there} of {len(agents)} agents connected"


def _state(connector: dict[str, Any]) -> Cell:
    if connector.get("needs"):
        return Cell("not complete", "wait")
    return Cell("in trouble", "bad") if connector.get("trouble") else Cell("ready", "good")


def _added(call: Call, connector: dict[str, Any]) -> None:
    terminal = call.terminal
    name = connector.get("name")
    terminal.line(Cell(str(name), "strong"), f"  {connector.get('kind')}  {_place(connector)}  ", _state(connector))
    for sentence in connector.get("needs") or ():
        terminal.paragraph(str(sentence), indent="  ", style="wait")
    if connector.get("secret_dropped"):
        terminal.line(f"  The kept password was typed for another host: `{me()} connector edit {name} --password`.")
    for account in connector.get("accounts_dropped") or ():
        terminal.line(f"  {account} needs its password again: the way to its server is another one now.")
    terminal.line(f"Next: `{me()} connector test {name} HOST PORT` tries the way to a mail server.")


def _show(call: Call, connector: dict[str, Any]) -> None:
    terminal = call.terminal
    terminal.line(Cell(str(connector.get("name")), "strong"), "  ", Cell(str(connector.get("id")), "dim"))
    facts: list[tuple[str, Cell | str]] = [("kind", str(connector.get("kind"))), ("state", _state(connector))]
    facts += [(field.flag, str(read(connector, field.name) or "")) for field in CONNECTOR if field.name != "name"]
    since = local(connector.get("secret_set_at"))
    facts.append(("secret", f"typed {since}" if connector.get("has_secret") else ""))
    facts.append(("accounts", ", ".join(connector.get("accounts") or ())))
    terminal.facts(facts, indent="  ")
    for sentence in connector.get("needs") or ():
        terminal.paragraph(str(sentence), indent="  ", style="wait")
    if connector.get("trouble"):
        terminal.paragraph(f"{connector['trouble']} ({local(connector.get('trouble_at'))})", indent="  ", style="bad")
    if connector.get("agents"):
        terminal.line()
        rows = [_agent(one) for one in connector["agents"]]
        terminal.columns(("AGENT", "STATE", "SINCE", "FROM", "KEY"), rows)


def _agent(agent: dict[str, Any]) -> tuple[str | Cell, ...]:
    key = f"pa_{agent.get('prefix')}_…"
    if agent.get("revoked_at"):
        return str(agent.get("name")), Cell("revoked", "dim"), local(agent["revoked_at"]), "", key
    state = Cell("connected", "good") if agent.get("connected") else Cell("away", "wait")
    since = local(agent.get("connected_at") or agent.get("seen_at"))
    return str(agent.get("name")), state, since, str(agent.get("address") or ""), key


def _tried(call: Call, connector: str, trial: dict[str, Any]) -> None:
    terminal = call.terminal
    for step in trial.get("steps") or ():
        mark = Cell("ok   ", "good") if step.get("ok") else Cell("fails", "bad")
        terminal.line(mark, f"  {step.get('step')}: {step.get('words')} ({step.get('ms'):.0f} ms)")
    terminal.paragraph(str(trial.get("sentence")), style="good" if trial.get("ok") else "bad")
    if trial.get("failure") == "connector-key-not-confirmed":
        terminal.line(f"Compare the fingerprint; then `{me()} connector trust {connector}` confirms it.")


def _log(call: Call, events: list[dict[str, Any]]) -> None:
    if not events:
        call.terminal.line("Nothing happened yet.")
        return
    rows = [
        (local(each.get("at")), Cell(str(each.get("text")), "bad" if each.get("trouble") else "")) for each in events
    ]
    call.terminal.columns(("WHEN", "WHAT"), rows)


def _new_agent(call: Call, agent: dict[str, Any]) -> None:
    terminal = call.terminal
    terminal.line(f"The key of {agent.get('name')}, shown only now:")
    terminal.line(Cell(f"  {agent.get('key')}", "strong"))
    terminal.line("Put it into a file in the closed network, and run there:")
    pin = f" --pin {agent['pin']}" if agent.get("pin") else ""
    words = f"{me()} connector run --to POSTROOM:PORT --agent-key-file FILE{pin} --allow MAILSERVER:PORT"
    terminal.line(f"  {words}")
