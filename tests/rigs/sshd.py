"""Debian's openssh-server as a jump host on a high port: a key or a password gets in, and connections may be opened to
some ports.

The user with the password is none of this machine: libnss-wrapper shows sshd the users of a file.
"""

from __future__ import annotations

import os
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
PasswordAuthentication {passwords}
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AllowTcpForwarding local
PermitOpen {allowed}
LogLevel VERBOSE
"""
_USERS = """
root:x:0:0::/root:/bin/sh
sshd:x:110:65534::/run/sshd:/usr/sbin/nologin
{name}:x:65534:65534::{folder}:/bin/sh
"""
_SHADOW = """
root:*:19000:0:99999:7:::
sshd:*:19000:0:99999:7:::
{name}:{hash}:19000:0:99999:7:::
"""


class Sshd:
    """`with Sshd(["127.0.0.1:2525"]) as sshd:`; log in as `sshd.user` with `sshd.private_key` (PEM).

    `login`: the name and password of somebody who gets in with them.
    """

    user = "root"

    def __init__(self, allowed: Sequence[str], login: tuple[str, str] | None = None) -> None:
        self.port = free_port()
        self._login = login
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
        passwords = "yes" if self._login else "no"
        text = _CONFIGURATION.format(port=self.port, folder=self.folder, allowed=self._allowed, passwords=passwords)
        configuration.write_text(text)
        command: list[str | Path] = [found, "-D", "-e", "-f", configuration]
        self._process = Process(command, self.folder / "sshd.log", {**os.environ, **self._users()})
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
        log = (self.folder / "sshd.log").read_text()
        return log.count("Accepted publickey") + log.count("Accepted password")

    @property
    def refusals(self) -> int:
        """How often a password was wrong."""
        return (self.folder / "sshd.log").read_text().count("Failed password")

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None

    def _users(self) -> dict[str, str]:
        """What makes sshd see the user with the password."""
        if self._login is None:
            return {}
        name, password = self._login
        command = ["openssl", "passwd", "-6", "-stdin"]
        made = subprocess.run(command, input=password, capture_output=True, text=True, check=True).stdout.strip()
        files = {
            "PASSWD": _USERS.format(name=name, folder=self.folder),
            "GROUP": "root:x:0:\nnogroup:x:65534:\n",
            "SHADOW": _SHADOW.format(name=name, hash=made),
        }
        shown = {"LD_PRELOAD": "libnss_wrapper.so"}
        for kind, text in files.items():
            file = self.folder / kind.lower()
            file.write_text(text.lstrip())
            shown[f"NSS_WRAPPER_{kind}"] = str(file)
        return shown

    def _make_key(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(self.folder / name)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)

    def __enter__(self) -> Sshd:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
        remove(self.folder)
