"""Real SOCKS5 proxies: microsocks (with user and password, or for everybody) and Dante, which also knows rules."""

from __future__ import annotations

from pathlib import Path

from tests.rigs.parts import program
from tests.rigs.ports import free_port, listening
from tests.rigs.process import Process, RigFailed

__all__ = ["Dante", "Microsocks"]

_DANTE = """
logoutput: stderr
internal: 127.0.0.1 port = {port}
external: lo
clientmethod: none
socksmethod: none
user.privileged: root
user.unprivileged: nobody
client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
socks block {{ from: 0.0.0.0/0 to: 0.0.0.0/0 port = {barred} }}
socks pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
"""


class Microsocks(Process):
    """`with Microsocks(folder, user="u", password="p") as proxy:` and talk to `proxy.port`."""

    def __init__(self, folder: Path, user: str = "", password: str = "") -> None:
        found = program("microsocks")
        if found is None:
            raise RigFailed("microsocks is not installed")
        self.port = free_port()
        login = ["-u", user, "-P", password] if user else []
        super().__init__([found, "-i", "127.0.0.1", "-p", str(self.port), *login], folder / "microsocks.log")
        self.wait_ready(lambda: listening(self.port))


class Dante(Process):
    """Refuses the way to one port. Root only."""

    def __init__(self, folder: Path, barred: int) -> None:
        found = program("danted")
        if found is None:
            raise RigFailed("danted is not installed")
        self.port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        configuration = folder / "danted.conf"
        configuration.write_text(_DANTE.format(port=self.port, barred=barred))
        super().__init__([found, "-f", configuration, "-N", "1"], folder / "danted.log")
        self.wait_ready(lambda: listening(self.port))
