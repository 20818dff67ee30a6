"""A real Dovecot of the tests' own: its submission server, or its login service alone.

The submission server offers PIPELINING, CHUNKING, 8BITMIME, DSN, SIZE, STARTTLS and AUTH PLAIN LOGIN CRAM-MD5
SCRAM-SHA-1 SCRAM-SHA-256, and passes mail on to a relay while the client waits: what it answers is what the relay
answered. Root only (Dovecot changes to its own users).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.rigs.parts import program
from tests.rigs.ports import free_port, listening
from tests.rigs.process import Process, RigFailed, Started, remove, shared_folder

__all__ = ["MECHANISMS", "TOKENS", "Dovecot", "write_token_key"]

MECHANISMS = "plain login cram-md5 scram-sha-1 scram-sha-256"

_SHARED = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
auth_verbose = yes
auth_failure_delay = 0
listen = 127.0.0.1
hostname = dovecot.test
first_valid_uid = 1
disable_plaintext_auth = {only_tls}
auth_mechanisms = {mechanisms}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}/home/%n
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
mail_location = maildir:{folder}/mail/%n
"""

_TLS = """
ssl = required
ssl_min_protocol = TLSv1.2
ssl_cert = <{certificate}
ssl_key = <{certificate}
"""

_KERBEROS = """
import_environment = TZ CORE_OUTOFMEM CORE_ERROR {environment}
auth_krb5_keytab = {keytab}
auth_gssapi_hostname = "$ALL"
"""

_LOGIN_ONLY = """
protocols =
service auth {{
  unix_listener {folder}/login {{
    mode = 0666
  }}
}}
"""

_SUBMISSION = """
protocols = submission
submission_relay_host = 127.0.0.1
submission_relay_port = {relay}
submission_relay_trusted = no
submission_max_recipients = {recipients}
service submission-login {{
  inet_listener submission {{
    port = {port}
  }}
}}
"""

TOKENS = """
auth_mechanisms = {mechanisms} {tokens}
passdb {{
  driver = oauth2
  mechanisms = {tokens}
  args = {folder}/oauth2.conf
}}
"""

_TOKEN_CHECK = """
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={folder}/keys/
username_attribute = email
"""


class Dovecot(Started):
    """`with Dovecot({"anna": "secret"}, relay=sink.port) as dovecot:` and talk to `dovecot.port`.

    Without `relay` no mail server runs, only the service that checks logins for another server, which asks at `login`.
    """

    def __init__(
        self,
        users: Mapping[str, str],
        *,
        relay: int | None = None,
        certificate: Path | None = None,
        recipients: int = 100,
        keytab: Path | None = None,
        krb5: Mapping[str, str] | None = None,
        token_key: bytes = b"",
        tokens: str = "xoauth2 oauthbearer",
    ) -> None:
        """`users`: name → password. `certificate` (PEM with key and chain): STARTTLS is offered, a login only under
        TLS. `recipients`: the most a mail may have. With a `keytab` Kerberos is offered too (GSSAPI); `krb5`: the
        environment for it. `token_key`: access tokens are taken, JWTs signed with it (HS256), by the mechanisms
        `tokens`."""
        self.folder = shared_folder("dovecot")
        self.host = "127.0.0.1"
        self.port = free_port()
        self.login = self.folder / "login"
        self.log = self.folder / "dovecot.log"
        self._users = users
        self._relay = relay
        self._process: Process | None = None
        only_tls = "yes" if certificate else "no"
        mechanisms = f"{MECHANISMS} gssapi" if keytab else MECHANISMS
        parts = [_SHARED.format(folder=self.folder, mechanisms=mechanisms, only_tls=only_tls)]
        if keytab:
            environment = " ".join(f"{name}={value}" for name, value in (krb5 or {}).items())
            parts.append(_KERBEROS.format(keytab=keytab, environment=environment))
        parts.append(_TLS.format(certificate=certificate) if certificate else "ssl = no\n")
        if relay is None:
            parts.append(_LOGIN_ONLY.format(folder=self.folder))
        else:
            parts.append(_SUBMISSION.format(relay=relay, port=self.port, recipients=recipients))
        self._token_key = token_key
        if token_key:
            parts.append(TOKENS.format(folder=self.folder, mechanisms=MECHANISMS, tokens=tokens))
        self._configuration = "".join(parts)

    def start(self) -> Self:
        program_path = program("dovecot")
        if program_path is None:
            raise RigFailed("dovecot is not installed")
        for name in ("home", "mail"):
            (self.folder / name).mkdir()
            (self.folder / name).chmod(0o777)
        (self.folder / "users").write_text("".join(f"{name}:{word}::::::\n" for name, word in self._users.items()))
        if self._token_key:
            self._write_token_key()
        (self.folder / "dovecot.conf").write_text(self._configuration)
        self._run(program_path)
        return self

    def _run(self, program_path: Path) -> None:
        self._process = Process([program_path, "-F", "-c", self.folder / "dovecot.conf"], self.log)
        self._process.wait_ready(self._ready)

    def take_tokens_of(self, key: bytes) -> None:
        """Starts anew, at the same port, with another key: what the old one has signed is refused from now on."""
        running, program_path = self._process, program("dovecot")
        assert running is not None, "dovecot is not running"
        assert program_path is not None
        running.stop()
        self._token_key = key
        self._write_token_key()
        self._run(program_path)

    def _write_token_key(self) -> None:
        write_token_key(self.folder, self._token_key)

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None
        remove(self.folder)

    def _ready(self) -> bool:
        return self.login.exists() if self._relay is None else listening(self.port)


def write_token_key(folder: Path, key: bytes) -> None:
    """Where Dovecot looks for the key of a token without `azp` and `kid`."""
    keys = folder / "keys" / "default" / "HS256"
    keys.mkdir(parents=True, exist_ok=True)
    (keys / "default").write_text(base64.b64encode(key).decode())
    (folder / "oauth2.conf").write_text(_TOKEN_CHECK.format(folder=folder))
