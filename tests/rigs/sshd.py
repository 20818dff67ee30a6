"""Debian's openssh-server as a jump host on a high port: a key gets in, and connections may be opened to some ports."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.rigs.parts import program
from tests.rigs.ports import free_port, listening
from tests.rigs.process import Process, RigFailed, remove, shared_folder

__all__ = ["Sshd"]

_CONFIGURATION = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AllowTcpForwarding local
PermitOpen {allowed}
LogLevel VERBOSE
"""


class Sshd:
    """`with Sshd(["127.0.0.1:2525"]) as sshd:`; log in as `sshd.user` with `sshd.private_key` (PEM)."""

    user = "root"

    def __init__(self, allowed: Sequence[str]) -> None:
        self.port = free_port()
        self.folder = shared_folder("sshd")
        self._allowed = " ".join(allowed) or "none"
        self._process: Process | None = None

    def start(self) -> Sshd:
        found = program("sshd")
        if found is None:
            raise RigFailed("sshd is not installed")
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        for name in ("host_key", "user_key"):
            if not (self.folder / name).exists():
                self._make_key(name)
        (self.folder / "authorized_keys").write_text((self.folder / "user_key.pub").read_text())
        configuration = self.folder / "sshd_config"
        text = _CONFIGURATION.format(port=self.port, folder=self.folder, allowed=self._allowed)
        configuration.write_text(text)
        self._process = Process([found, "-D", "-e", "-f", configuration], self.folder / "sshd.log")
        self._process.wait_ready(lambda: listening(self.port))
        return self

    def become_another(self) -> None:
        """Starts again with a new host key."""
        self.stop()
        self._make_key("host_key")
        self.start()

    @property
    def private_key(self) -> str:
        return (self.folder / "user_key").read_text()

    @property
    def fingerprint(self) -> str:
        """`SHA256:…` of the host key, as ssh-keygen tells it."""
        shown = subprocess.run(
            ["ssh-keygen", "-lf", str(self.folder / "host_key.pub")], capture_output=True, text=True, check=True
        )
        return shown.stdout.split()[1]

    @property
    def logins(self) -> int:
        """How often somebody was let in."""
        return (self.folder / "sshd.log").read_text().count("Accepted publickey")

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None

    def _make_key(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(self.folder / name)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)

    def __enter__(self) -> Sshd:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
        remove(self.folder)
