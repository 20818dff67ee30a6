"""A real Exim of the tests' own, out of the folder where `./test` unpacked it: PIPELINING, CHUNKING, DSN, SMTPUTF8,
STARTTLS and AUTH PLAIN LOGIN CRAM-MD5. Root only (Exim changes to its own user). What it takes goes on to a relay.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.rigs.parts import EXIM_FOLDER, EXIM_USER
from tests.rigs.ports import free_port, listening
from tests.rigs.process import Process, RigFailed, Started, remove, shared_folder

__all__ = ["Exim"]

_PROGRAM = EXIM_FOLDER / "usr/sbin/exim4"

_MAIN = """
primary_hostname = exim.test
qualify_domain = exim.test
exim_path = {exim}
exim_user = {user}
exim_group = {user}
keep_environment =
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
host_lookup =
rfc1413_hosts =
acl_smtp_rcpt = may_relay
message_size_limit = 50M
smtp_accept_max = 200
smtp_accept_queue_per_connection = 0
smtp_accept_max_per_connection = 0
pipelining_advertise_hosts = *
chunking_advertise_hosts = *
dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
smtp_enforce_sync = true
"""

_TLS = """
tls_advertise_hosts = *
tls_certificate = {folder}/certificate.pem
tls_privatekey = {folder}/certificate.pem
auth_advertise_hosts = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}
"""

_REST = """
begin acl

may_relay:
  accept {condition}
  deny message = relay not permitted

begin routers

onward:
  driver = manualroute
  transport = onward
  route_list = * 127.0.0.1 byname
  self = send

begin transports

onward:
  driver = smtp
  port = {relay}
  hosts_avoid_tls = *
  allow_localhost

begin retry

* * F,1d,5s

"""

_LOGIN = """
begin authenticators

plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if eq{{$auth3}}{{${{lookup{{$auth2}}lsearch{{{folder}/users}}{{$value}}fail}}}}}}
  server_set_id = $auth2

login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${{if eq{{$auth2}}{{${{lookup{{$auth1}}lsearch{{{folder}/users}}{{$value}}fail}}}}}}
  server_set_id = $auth1

cram_md5:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${{lookup{{$auth1}}lsearch{{{folder}/users}}{{$value}}fail}}
  server_set_id = $auth1
"""


class Exim(Started):
    """`with Exim(relay=sink.port) as exim:` and talk to `exim.port`."""

    def __init__(self, relay: int, *, certificate: Path | None = None, users: Mapping[str, str] | None = None) -> None:
        """Mail goes on to 127.0.0.1:`relay`; with `users` (name → password) only after a login, which with
        `certificate` (PEM with key and chain) is offered only under TLS."""
        self.folder = shared_folder("exim")
        self.host = "127.0.0.1"
        self.port = free_port()
        self.log = self.folder / "log" / "mainlog"
        self._program = self.folder / "exim4"  # where its own user can reach it, unlike root's home
        self._relay = relay
        self._certificate = certificate
        self._users = dict(users or {})
        self._process: Process | None = None

    def start(self) -> Self:
        if not _PROGRAM.exists():
            raise RigFailed("exim is not installed")
        for name in ("spool", "log"):
            (self.folder / name).mkdir()
            shutil.chown(self.folder / name, EXIM_USER, EXIM_USER)
        (self.folder / "users").write_text("".join(f"{name}: {word}\n" for name, word in self._users.items()))
        configuration = self.folder / "exim.conf"
        configuration.write_text(self._configuration())
        shutil.copy(_PROGRAM, self._program)
        self._process = Process([self._program, "-C", configuration, "-bdf", "-q30s"], self.folder / "start.log")
        self._process.wait_ready(lambda: listening(self.port))
        return self

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None
        remove(self.folder)

    def _configuration(self) -> str:
        text = _MAIN.format(exim=self._program, folder=self.folder, user=EXIM_USER, port=self.port)
        if self._certificate is not None:
            copy = self.folder / "certificate.pem"
            shutil.copy(self._certificate, copy)
            shutil.chown(copy, EXIM_USER, EXIM_USER)
            text += _TLS.format(folder=self.folder)
        else:
            text += "tls_advertise_hosts =\n"
        condition = "authenticated = *" if self._users else "hosts = 127.0.0.1"
        text += _REST.format(condition=condition, relay=self._relay)
        return text + (_LOGIN.format(folder=self.folder) if self._users else "")
