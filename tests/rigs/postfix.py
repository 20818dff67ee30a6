"""A real Postfix of the tests' own: its own configuration, queue and port, beside any that the machine runs.

    relay        takes mail from 127.0.0.1 without a login, offers STARTTLS when given a certificate
    submission   the same, but only after a login (`users`), which is offered only under TLS where there is TLS

What it takes goes on to `relayhost`, as a rule the recording sink. Root only (Postfix changes to its own user).
Logins are checked by a Dovecot that runs for nothing else.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.rigs.dovecot import Dovecot
from tests.rigs.parts import program
from tests.rigs.ports import free_port, listening
from tests.rigs.process import Process, RigFailed, Started, remove, shared_folder

__all__ = ["Postfix"]

_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
command_directory = {commands}
daemon_directory = {daemons}
multi_instance_enable = no
mail_owner = postfix
setgid_group = postdrop
myhostname = postfix.test
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
relayhost = {relayhost}
smtp_host_lookup = native
smtp_destination_concurrency_limit = 20
smtp_tls_security_level = none
smtputf8_enable = yes
message_size_limit = 50000000
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_recipient_limit = 1000
smtpd_peername_lookup = no
smtpd_relay_restrictions = {restrictions}
smtpd_recipient_restrictions =
smtpd_timeout = 60s
import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME
"""

_TLS = """
smtpd_tls_security_level = may
smtpd_tls_chain_files = {certificate}
smtpd_tls_loglevel = 1
"""

_LOGIN = """
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = unix:{login}
smtpd_sasl_security_options = noanonymous
smtpd_tls_auth_only = {only_tls}
"""

_MASTER = """
{port} inet n - n - 100 smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


_QUEUES = ["active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace"]


class Postfix(Started):
    """`with Postfix(relayhost=sink.port) as postfix:` and talk to `postfix.port`."""

    def __init__(
        self,
        relayhost: int,
        *,
        certificate: Path | None = None,
        users: Mapping[str, str] | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        """Mail goes on to 127.0.0.1:`relayhost`. With `users` (name → password) only after a login; with `certificate`
        (PEM with key and chain) STARTTLS is offered, and a login only under TLS. `settings` overrides main.cf."""
        self.folder = shared_folder("postfix")
        self.host = "127.0.0.1"
        self.port = free_port()
        self.log = self.folder / "mail.log"
        self._etc = self.folder / "etc"
        self._users = dict(users or {})
        self._certificate = certificate
        self._relayhost = relayhost
        self._settings = dict(settings or {})
        self._master: Process | None = None
        self._logins = Dovecot(self._users) if self._users else None

    def start(self) -> Self:
        if self._logins is not None:
            self._logins.start()
        self._write_configuration()
        master = _setting("daemon_directory") / "master"
        self._master = Process([master, "-c", self._etc, "-s"], self.log)
        self._master.wait_ready(lambda: listening(self.port))
        return self

    def stop(self) -> None:
        if self._master is not None:
            self._master.stop()
            self._master = None
        if self._logins is not None:
            self._logins.stop()
        remove(self.folder)

    def flush(self) -> None:
        """Tries everything that waits, now."""
        _run("postqueue", "-c", self._etc, "-f")

    def waiting(self) -> int:
        """How many messages are in its queue."""
        return len(_run("postqueue", "-c", self._etc, "-j").splitlines())

    # ---- inside --------------------------------------------------------------------------------------------------

    def _write_configuration(self) -> None:
        self._etc.mkdir()
        _owned(self.folder / "data", "postfix")
        (self.folder / "queue").mkdir()
        for name in _QUEUES:
            _owned(self.folder / "queue" / name, "postfix")
        _owned(self.folder / "queue" / "public", "postfix", "postdrop", 0o2710)
        _owned(self.folder / "queue" / "maildrop", "postfix", "postdrop", 0o1730)
        (self.folder / "queue" / "pid").mkdir()
        main = _MAIN.format(
            folder=self.folder,
            commands=_setting("command_directory"),
            daemons=_setting("daemon_directory"),
            relayhost=f"[127.0.0.1]:{self._relayhost}",
            restrictions="permit_sasl_authenticated, reject" if self._users else "permit_mynetworks, reject",
        )
        if self._certificate:
            main += _TLS.format(certificate=self._certificate)
        if self._logins is not None:
            main += _LOGIN.format(login=self._logins.login, only_tls="yes" if self._certificate else "no")
        main += "".join(f"{name} = {value}\n" for name, value in self._settings.items())
        _write_old(self._etc / "main.cf", main)
        _write_old(self._etc / "master.cf", _MASTER.format(port=f"127.0.0.1:{self.port}"))


def _write_old(path: Path, text: str) -> None:
    """Postfix waits two seconds for a configuration that was written just now, as if somebody were still at it."""
    path.write_text(text)
    an_hour_ago = time.time() - 3600
    os.utime(path, (an_hour_ago, an_hour_ago))


def _owned(folder: Path, user: str, group: str | None = None, mode: int = 0o700) -> None:
    folder.mkdir()
    shutil.chown(folder, user, group)
    folder.chmod(mode)


def _setting(name: str) -> Path:
    """A compiled-in setting of the installed Postfix."""
    return Path(_run("postconf", "-d", "-h", name).strip())


def _run(name: str, *arguments: str | Path) -> str:
    found = program(name)
    if found is None:
        raise RigFailed(f"{name} is not installed")
    done = subprocess.run([found, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RigFailed(f"{name} {' '.join(map(str, arguments))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout
