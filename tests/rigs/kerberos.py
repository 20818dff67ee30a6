"""A real Kerberos server (MIT krb5kdc) of the tests' own: its realm, users, keytabs and tickets.

Whoever is to use it gets its `krb5.conf` by `environment`. Names are not looked up in the DNS, and what a host is
"really" called is left to the libraries' default: whoever asks for a service has to name it exactly.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.rigs.parts import program
from tests.rigs.ports import free_port, listening
from tests.rigs.process import Process, RigFailed, Started, remove, shared_folder

__all__ = ["REALM", "Kdc"]

REALM = "EXAMPLE.TEST"

_KDC = """
[kdcdefaults]
 kdc_listen = 127.0.0.1:{port}
 kdc_tcp_listen = 127.0.0.1:{port}
[realms]
 {realm} = {{
  database_name = {folder}/principal
  key_stash_file = {folder}/stash
  max_life = 10h
 }}
[logging]
 kdc = FILE:{folder}/kdc.log
"""
_CLIENT = """
[libdefaults]
 default_realm = {realm}
 dns_lookup_kdc = false
 dns_lookup_realm = false
 udp_preference_limit = 1
 kdc_timesync = 0
[realms]
 {realm} = {{
  kdc = 127.0.0.1:{port}
 }}
 SILENT.TEST = {{
  kdc = 127.0.0.1:{dead}
 }}
"""


class Kdc(Started):
    """`with Kdc({"anna": "pencil"}) as kdc:`; then `kdc.keytab("smtp/localhost")` and `kdc.tickets("anna", "pencil")`.

    Users are made with their passwords, services with a random key. `offset`: how far its clock is off ("+1h").
    """

    def __init__(
        self, users: Mapping[str, str], services: tuple[str, ...] = (), *, offset: str = "", realm: str = REALM
    ) -> None:
        self.folder = shared_folder("kdc")
        self.port = free_port()
        self.dead = free_port()
        """Nothing listens there: the server of the realm SILENT.TEST."""
        self._users, self._services, self._offset, self._realm = users, services, offset, realm
        self._process: Process | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to know this realm."""
        return {"KRB5_CONFIG": str(self.folder / "krb5.conf")}

    def start(self) -> Self:
        values = {"folder": self.folder, "port": self.port, "realm": self._realm, "dead": self.dead}
        (self.folder / "kdc.conf").write_text(_KDC.format(**values))
        (self.folder / "krb5.conf").write_text(_CLIENT.format(**values))
        self._run("kdb5_util", "create", "-s", "-P", "master")
        self.admin(*(f"addprinc -pw {word} {name}" for name, word in self._users.items()))
        self.admin(*(f"addprinc -randkey {name}" for name in self._services))
        server = program("krb5kdc")
        if server is None:
            raise RigFailed("krb5kdc is not installed")
        environment = self._environment()
        if self._offset:
            library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
            environment |= {"LD_PRELOAD": str(library), "FAKETIME": self._offset}
        self._process = Process([server, "-n"], self.folder / "output.log", environment)
        self._process.wait_ready(lambda: listening(self.port))
        return self

    def pause(self) -> None:
        """It takes connections and says nothing."""
        if self._process is not None:
            self._process.freeze()

    def resume(self) -> None:
        if self._process is not None:
            self._process.thaw()

    def admin(self, *commands: str) -> None:
        """Commands of kadmin.local, one by one."""
        for command in commands:
            self._run("kadmin.local", "-q", command)

    def keytab(self, *names: str) -> Path:
        """A new file with the present keys of these users and services."""
        path = self.folder / f"{names[0].replace('/', '-')}.keytab"
        path.unlink(missing_ok=True)
        self.admin(f"ktadd -k {path} -norandkey {' '.join(names)}")
        path.chmod(0o644)
        return path

    def tickets(self, user: str, password: str, path: Path | None = None, life: str = "1h") -> Path:
        """A ticket cache as `kinit` leaves it."""
        cache = path or self.folder / f"{user}.tickets"
        self._run("kinit", "-l", life, "-c", str(cache), user, given=f"{password}\n")
        return cache

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None
        remove(self.folder)

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment, "KRB5_KDC_PROFILE": str(self.folder / "kdc.conf"), "LC_ALL": "C"}

    def _run(self, name: str, *arguments: str, given: str = "") -> None:
        found = program(name)
        if found is None:
            raise RigFailed(f"{name} is not installed")
        done = subprocess.run(
            [found, *arguments], input=given, env=self._environment(), capture_output=True, text=True, check=False
        )
        said = f"{done.stdout}{done.stderr}"
        if done.returncode or "while " in done.stderr.replace("while initializing", ""):
            raise RigFailed(f"{name} {' '.join(arguments)} failed:\n{said}")
