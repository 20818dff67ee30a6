"""A real HTTP proxy, tinyproxy, that makes connections (CONNECT) to some ports only, with a login if wished."""

from __future__ import annotations

from pathlib import Path

from tests.rigs.parts import program
from tests.rigs.ports import free_port, listening
from tests.rigs.process import Process, RigFailed

__all__ = ["Tinyproxy"]


class Tinyproxy(Process):
    """`with Tinyproxy(folder, [sink.port], user="u", password="p") as proxy:` and talk to `proxy.port`."""

    def __init__(self, folder: Path, ports: list[int], user: str = "", password: str = "") -> None:
        found = program("tinyproxy")
        if found is None:
            raise RigFailed("tinyproxy is not installed")
        self.port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f"Port {self.port}", "Listen 127.0.0.1", "Timeout 60", "LogLevel Info", "MaxClients 50"]
        lines += [f"ConnectPort {port}" for port in ports]
        lines += [f"BasicAuth {user} {password}"] if user else []
        configuration = folder / "tinyproxy.conf"
        configuration.write_text("\n".join([*lines, ""]))
        super().__init__([found, "-d", "-c", configuration], folder / "tinyproxy.log")
        self.wait_ready(lambda: listening(self.port))
