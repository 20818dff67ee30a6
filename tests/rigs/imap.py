"""A real IMAP server of the tests' own: Dovecot with IMAP, IDLE, STARTTLS, TLS from the start, and LMTP to deliver by.

Mail can be put into its folders from outside, as files of a maildir, many at once. Root only (Dovecot changes to its
own users, and reads mail as `nobody`).
"""

from __future__ import annotations

import itertools
import os
import pwd
import smtplib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

from tests.rigs.dovecot import MECHANISMS, TOKENS, write_token_key
from tests.rigs.parts import program
from tests.rigs.ports import free_port, listening
from tests.rigs.process import Process, RigFailed, Started, remove, shared_folder

__all__ = ["ImapServer"]

_CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
auth_verbose = yes
auth_failure_delay = 0
listen = 127.0.0.1
hostname = dovecot.test
first_valid_uid = 1
protocols = imap lmtp
disable_plaintext_auth = no
auth_mechanisms = {mechanisms}
mail_location = maildir:{folder}/mail/%n
mail_max_userip_connections = 50
maildir_very_dirty_syncs = no
imap_idle_notify_interval = 2 mins
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%n {folder}/users
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
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp_port}
  }}
}}
"""
_TLS = """
ssl = yes
ssl_min_protocol = TLSv1.2
ssl_cert = <{certificate}
ssl_key = <{certificate}
"""
_OTHER_FOLDERS = "."


class ImapServer(Started):
    """`with ImapServer({"ann": "secret"}) as server:` and talk to `server.port` (or `server.tls_port`)."""

    def __init__(self, users: Mapping[str, str], *, certificate: Path | None = None, token_key: bytes = b"") -> None:
        """`users`: name → password; their addresses are the name at any domain. `token_key`: access tokens are taken,
        JWTs signed with it (HS256)."""
        self.folder = shared_folder("imap")
        self.host = "127.0.0.1"
        self.port, self.tls_port, self.lmtp_port = free_port(), free_port(), free_port()
        self.log = self.folder / "dovecot.log"
        self._users = users
        self._process: Process | None = None
        self._numbers = itertools.count(1)
        ports = {"port": self.port, "tls_port": self.tls_port, "lmtp_port": self.lmtp_port}
        parts = [_CONFIGURATION.format(folder=self.folder, mechanisms=MECHANISMS, **ports)]
        parts.append(_TLS.format(certificate=certificate) if certificate else "ssl = no\n")
        if token_key:
            parts.append(TOKENS.format(folder=self.folder, mechanisms=MECHANISMS, tokens="xoauth2 oauthbearer"))
        self._token_key = token_key
        self._configuration = "".join(parts)

    def start(self) -> Self:
        found = program("dovecot")
        if found is None:
            raise RigFailed("dovecot is not installed")
        for name in ("home", "mail"):
            (self.folder / name).mkdir(exist_ok=True)
            (self.folder / name).chmod(0o777)
        (self.folder / "users").write_text("".join(f"{name}:{word}::::::\n" for name, word in self._users.items()))
        (self.folder / "dovecot.conf").write_text(self._configuration)
        if self._token_key:
            write_token_key(self.folder, self._token_key)
        self._process = Process([found, "-F", "-c", self.folder / "dovecot.conf"], self.log)
        self._process.wait_ready(lambda: listening(self.port) and listening(self.lmtp_port))
        return self

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None
        remove(self.folder)

    # -- mail -------------------------------------------------------------------------------------------------------

    def deliver(self, user: str, content: bytes) -> None:
        """By LMTP, as a mail server would."""
        with smtplib.LMTP("127.0.0.1", self.lmtp_port) as lmtp:
            lmtp.sendmail("", [f"{user}@dovecot.test"], content)

    def put(self, user: str, contents: Iterable[bytes], folder: str = "INBOX") -> None:
        """As files, which is quick for many."""
        box = self._box(user, folder)
        for content in contents:
            name = f"{1_700_000_000 + next(self._numbers)}.M1P1.dovecot.test"
            (box / "tmp" / name).write_bytes(content)
            os.chown(box / "tmp" / name, *_nobody())
            (box / "tmp" / name).rename(box / "new" / name)

    def lying(self, user: str, folder: str = "INBOX") -> dict[str, str]:
        """The mails of a folder: each file's name and its marks, `S` is seen."""
        box = self._box(user, folder)
        names = [one.name for part in ("new", "cur") for one in (box / part).iterdir()]
        return {name.partition(":")[0]: name.partition(":2,")[2] for name in names}

    def number_anew(self, user: str) -> None:
        """The folder forgets its numbers: the next one who opens it is told another UIDVALIDITY."""
        box = self._box(user, "INBOX")
        for one in [*box.glob("dovecot-uidvalidity*"), *box.glob("dovecot.index*"), box / "dovecot-uidlist"]:
            one.unlink(missing_ok=True)
        (box / "dovecot-uidlist").write_text(f"3 V{4_242 + next(self._numbers)} N1 G0123456789abcdef0123456789abcdef\n")
        os.chown(box / "dovecot-uidlist", *_nobody())

    def _box(self, user: str, folder: str) -> Path:
        box = self.folder / "mail" / user
        box = box if folder == "INBOX" else box / f"{_OTHER_FOLDERS}{folder}"
        for part in (box.parent if folder != "INBOX" else box, box, box / "tmp", box / "new", box / "cur"):
            if not part.exists():
                part.mkdir(parents=True)
                os.chown(part, *_nobody())
        return box


def _nobody() -> tuple[int, int]:
    found = pwd.getpwnam("nobody")
    return found.pw_uid, found.pw_gid
