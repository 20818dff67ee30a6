"""Mail that waits on this machine while Postroom can't be reached: written so that it survives, handed over once.

One file for each mail: a line of JSON (envelope, size and SHA-256 of what follows) and the message itself. The name of
the file is the idempotency key, so that it makes one message however often and by whomever it is handed over.

Rules it keeps:

- A mail counts as kept only when its file is whole and on the disk: written under another name, fsync, rename, fsync of
  the folder. A crash leaves the whole mail or a file that begins with a dot and was never promised to anybody.
- A folder of one user is that user's alone (0700, files 0600). A shared one has to be sticky, so that nobody can take
  away or replace another's mail; its files are 0640, for the group that the setgid bit of the folder gives them, and no
  other user can read them. A folder that anybody may write to and that is not sticky is not used.
- Whoever hands over trusts no file: no symbolic or hard link is followed, nothing but a plain file is read, only so
  much of it, and only what its checksum confirms. Anything else is set aside in `damaged`, never deleted.
- What Postroom refuses for good is set aside in `refused`, with the reason beside it. What it can't take now stays.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Damaged", "Kept", "Mail", "Spool", "SpoolUnusable", "new_key"]

_NAME = re.compile(r"sendmail-[0-9]{13}-[0-9a-f]{16}\.mail")
_VERSION = 1
MOST_OCTETS = 128 * 1024 * 1024
_LONGEST_HEAD = 2 * 1024 * 1024
_FORGOTTEN_SECONDS = 3_600
_GROUP_READS, _OWNER_ONLY = 0o640, 0o600


class SpoolUnusable(Exception):
    """The folder can't keep mail; the text says why."""


class Damaged(Exception):
    """This file is no mail that this program wrote."""


@dataclass(frozen=True, slots=True)
class Mail:
    """What is handed over. `sender` None: Postroom's choice. `key` is the idempotency key."""

    key: str
    octets: bytes = field(repr=False)
    to: tuple[str, ...] = ()
    sender: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A file in the spool."""

    path: Path

    def open(self, own: bool) -> Mail:
        """Reads it. Raises Damaged; FileNotFoundError when somebody else was quicker; other OSError."""
        try:
            number = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EACCES, errno.ENXIO):
                raise Damaged("it is no plain file that may be read") from None
            raise
        with open(number, "rb") as file:
            found = os.fstat(number)
            if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
                raise Damaged("it is no plain file")
            if own and found.st_uid != os.geteuid():
                raise Damaged("it belongs to somebody else")
            if found.st_size > MOST_OCTETS + _LONGEST_HEAD:
                raise Damaged("it is too large")
            return _mail(self.path.stem, file.readline(_LONGEST_HEAD), file.read(MOST_OCTETS + 1))


def _mail(key: str, head: bytes, octets: bytes) -> Mail:
    try:
        found = json.loads(head)
        to, sender = found["to"], found["sender"]
        whole = found["version"] == _VERSION and found["size"] == len(octets) and found["key"] == key
        whole = whole and found["sha256"] == hashlib.sha256(octets).hexdigest()
        whole = whole and isinstance(to, list) and all(isinstance(one, str) for one in to)
        whole = whole and (sender is None or isinstance(sender, str))
    except (ValueError, TypeError, KeyError, RecursionError):
        whole = False
    if not whole:
        raise Damaged("it is not whole")
    return Mail(key, octets, tuple(to), sender)


def new_key() -> str:
    """A name that nobody else gives, in the order of time."""
    return f"sendmail-{time.time_ns() // 1_000_000:013d}-{secrets.token_hex(8)}"


class Spool:
    """`private`: the folder has to be this user's own, and is made when it is missing."""

    def __init__(self, folder: Path, *, private: bool) -> None:
        self.folder = folder
        self._private = private

    def keep(self, mail: Mail) -> None:
        """Writes the mail; when this returns it is on the disk. Raises SpoolUnusable."""
        shared = self._checked()
        head = {
            "version": _VERSION,
            "key": mail.key,
            "sender": mail.sender,
            "to": mail.to,
            "size": len(mail.octets),
            "sha256": hashlib.sha256(mail.octets).hexdigest(),
        }
        half, whole = self.folder / f".{mail.key}", self.folder / f"{mail.key}.mail"
        try:
            try:
                _write(half, json.dumps(head).encode("ascii") + b"\n" + mail.octets, shared)
                os.rename(half, whole)
                _sync_folder(self.folder)
            except BaseException:
                with contextlib.suppress(OSError):
                    half.unlink()
                raise
        except OSError as error:
            raise SpoolUnusable(f"{self.folder} can't be written to: {error.strerror}.") from None

    def waiting(self) -> list[Kept]:
        """What waits, the oldest first; nothing where this user may not look (a shared folder)."""
        try:
            with os.scandir(self.folder) as entries:
                return [
                    Kept(Path(entry.path)) for entry in sorted(entries, key=_by_name) if _NAME.fullmatch(entry.name)
                ]
        except OSError:
            return []

    @property
    def own(self) -> bool:
        """Whether only this user may write here."""
        try:
            found = self.folder.stat()
        except OSError:
            return True
        return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)

    @contextlib.contextmanager
    def locked(self) -> Iterator[bool]:
        """Whether this process is the one that hands over now. Nobody waits for another one that does.

        Raises SpoolUnusable where what was handed over could not be removed, for then it would be sent again and again.
        """
        try:
            number = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            yield False
            return
        try:
            found = os.fstat(number)
            if found.st_mode & stat.S_ISVTX and os.geteuid() not in (0, found.st_uid):
                raise SpoolUnusable(f"{self.folder} belongs to another user, who alone can empty it.")
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
            else:
                yield True
        finally:
            os.close(number)

    def done(self, kept: Kept) -> None:
        """It is Postroom's now."""
        kept.path.unlink(missing_ok=True)

    def set_aside(self, kept: Kept, reason: str, *, folder: str) -> None:
        """Moves it to `refused` or `damaged` in this folder, with the reason beside it."""
        aside = self._aside(folder)
        note = aside / f"{kept.path.name}.why"
        if not note.exists():
            _write(note, f"{reason}\n".encode(), shared=False)
        with contextlib.suppress(FileNotFoundError):
            os.rename(kept.path, aside / kept.path.name)
        _sync_folder(aside)

    def set_forgotten_aside(self) -> int:
        """Half-written files whose writer is long gone: nobody was promised anything, but somebody may want to look."""
        count = 0
        with contextlib.suppress(OSError), os.scandir(self.folder) as entries:
            for entry in list(entries):
                old = time.time() - entry.stat(follow_symlinks=False).st_mtime > _FORGOTTEN_SECONDS
                if entry.name.startswith(".sendmail-") and old:
                    self.set_aside(Kept(Path(entry.path)), "Its writer ended before it was whole.", folder="damaged")
                    count += 1
        return count

    def _aside(self, name: str) -> Path:
        """The folder of this name in the spool: a real one and ours, whatever others have put there in a shared one."""
        aside = self.folder / name
        with contextlib.suppress(FileExistsError):
            aside.mkdir(mode=0o700)
        found = aside.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise SpoolUnusable(f"{aside} is not this user's folder; remove it.")
        return aside

    def _checked(self) -> bool:
        """Whether the folder is shared, after making sure that mail is safe in it. Raises SpoolUnusable."""
        if not self.folder.is_absolute():  # a user without a home, or a set-up that depends on where one stands
            raise SpoolUnusable(f"{self.folder} is no full path.")
        try:
            if self._private:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = self.folder.stat()
        except OSError as error:
            raise SpoolUnusable(f"There is no folder {self.folder} to keep it in: {error.strerror}.") from None
        shared = bool(found.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
        if shared and (self._private or not found.st_mode & stat.S_ISVTX):
            raise SpoolUnusable(f"{self.folder} may be written to by others and is not sticky: chmod 3733 it.")
        if not shared and found.st_uid != os.geteuid():
            raise SpoolUnusable(f"{self.folder} belongs to another user.")
        return shared


def _by_name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _write(path: Path, octets: bytes, shared: bool) -> None:
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _OWNER_ONLY)
    with open(number, "wb") as file:
        if shared:
            os.fchmod(number, _GROUP_READS)
        file.write(octets)
        file.flush()
        os.fsync(number)


def _sync_folder(folder: Path) -> None:
    """Makes the names in a folder last. Where it may not be opened (a shared one), everything is written out."""
    try:
        number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:
        os.sync()
        return
    try:
        os.fsync(number)
    finally:
        os.close(number)
