"""The key ring: the keys that secrets are sealed with, in a file of their own or in the environment.

The file is JSON, readable by its owner only, and is written whole: a new file, synced, renamed into place, then the
directory synced. It is made at the first start and never again: where secrets are stored already, or the file is there
and can't be read, Postroom does not start. A silent new key would turn every stored secret into noise.

A key's id is derived from the key, so the same key has the same id in a file and in `POSTROOM_KEY`. Rotation adds a key
and makes it current; the older ones stay, to open what was sealed with them until it is resealed.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from postroom.clock import iso, parse_iso
from postroom.errors import Conflict, KeyUnreadable
from postroom.secrets.key import Key
from postroom.secrets.seal import SealedTo, key_of, seal_with, unseal_with
from postroom.secrets.secret import Secret
from postroom.settings import Hidden

__all__ = ["KeyRing"]

_FORMAT = 1
_LARGEST_FILE = 1024 * 1024
_RESTORE = "Put the key file of this installation back from its backup, or name the right one with POSTROOM_KEY_FILE."


class KeyRing:
    """Seals and opens secrets. Get one with `load`; safe to use from several threads."""

    def __init__(self, keys: tuple[Key, ...], current: Key, file: Path | None = None) -> None:
        self._keys = {key.id: key for key in keys}
        self._current = current
        self._file = file

    @classmethod
    def load(cls, file: Path, environment: Hidden, *, sealed_exist: bool) -> KeyRing:
        """The ring from the environment if it is given there, else from the file, which is made when there is none.

        `environment`: the setting `key`, keys in base64, separated by commas, the current one first. `sealed_exist`:
        whether the database holds sealed secrets already; then a missing file is an error. Raises KeyUnreadable with
        the reason and the mend.
        """
        if environment:
            return cls._from_environment(environment)
        if not _certainly_missing(file):
            return cls._from_file(file)
        if sealed_exist:
            raise KeyUnreadable(f"There is no key ring at {file}, but secrets are stored that need it. {_RESTORE}")
        return cls._create(file)

    def __repr__(self) -> str:
        return f"<KeyRing of {len(self._keys)} keys, current {self._current.name}>"

    @property
    def keys(self) -> tuple[Key, ...]:
        """All keys, oldest first."""
        return tuple(self._keys.values())

    @property
    def current(self) -> Key:
        """The key that seals."""
        return self._current

    def seal(self, plaintext: str | Secret, seal_to: SealedTo) -> bytes:
        """The secret as it is stored. Raises ValueError when it can't be written as UTF-8."""
        plaintext = Secret(plaintext)
        return seal_with(self._current, plaintext, seal_to)

    def open(self, sealed: bytes, seal_to: SealedTo) -> Secret:
        """The secret. Raises SecretSealed for another server, account or tenant, KeyUnreadable without its key."""
        return unseal_with(self._key(key_of(sealed, seal_to)), sealed, seal_to)

    def is_current(self, sealed: bytes, seal_to: SealedTo) -> bool:
        """Whether it was sealed with the current key; if not, `reseal` it."""
        return key_of(sealed, seal_to) == self._current.id

    def reseal(self, sealed: bytes, seal_to: SealedTo) -> bytes:
        """The same secret for the same server, sealed with the current key. Errors as `open`."""
        return self.seal(self.open(sealed, seal_to), seal_to)

    def rotate(self) -> Key:
        """Adds a new key, on disk first, and makes it current. Raises Conflict when the ring is not in a file."""
        if self._file is None:
            raise Conflict(
                "The keys come from POSTROOM_KEY. Put a new one in front of the old ones there (32 octets in base64, "
                "separated by commas), start again, and reseal."
            )
        with _locked(self._file):
            self._take(self._from_file(self._file))  # another process may have rotated: its key must survive
            key = Key.new()
            _write(self._file, (*self.keys, key), key)
        self._keys = self._keys | {key.id: key}
        self._current = key
        return key

    def _key(self, key_id: bytes) -> Key:
        if key_id not in self._keys and self._file is not None:
            self._take(self._from_file(self._file))
        try:
            return self._keys[key_id]
        except KeyError:
            raise KeyUnreadable(
                f"A stored secret needs the key {key_id.hex()}, which is not in the key ring. {_RESTORE}"
            ) from None

    def _take(self, other: KeyRing) -> None:
        self._keys, self._current = other._keys, other._current

    @classmethod
    def _from_environment(cls, text: Hidden) -> KeyRing:
        try:
            keys = [Key.from_text(part.strip()) for part in text.reveal().split(",")]
        except ValueError:
            raise KeyUnreadable("POSTROOM_KEY is not 32 octets in base64, or several separated by commas.") from None
        return cls(tuple(reversed(keys)), keys[0])

    @classmethod
    def _from_file(cls, file: Path) -> KeyRing:
        text = _read(file)
        try:
            keys, current = _parse(text.reveal())
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise KeyUnreadable(f"The key ring {file} is damaged or not a key ring. {_RESTORE}") from None
        return cls(keys, current, file)

    @classmethod
    def _create(cls, file: Path) -> KeyRing:
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(file, error) from None
        with _locked(file):
            if not file.exists():  # else another process was faster: its ring is the ring
                key = Key.new()
                _write(file, (key,), key)
        return cls._from_file(file)


def _certainly_missing(file: Path) -> bool:
    """The only case in which a ring may be made. A link to nowhere or a closed directory is something else."""
    try:
        file.lstat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _parse(text: str) -> tuple[tuple[Key, ...], Key]:
    """The keys and the current one. Raises ValueError, TypeError or KeyError for anything that is no key ring."""
    ring = json.loads(text)
    if ring["postroom_key_ring"] != _FORMAT:
        raise ValueError
    keys = tuple(Key.from_text(entry["key"], parse_iso(entry["created"])) for entry in ring["keys"])
    if [key.name for key in keys] != [entry["id"] for entry in ring["keys"]]:
        raise ValueError  # a key that lost a letter would otherwise be a different, valid key
    by_name = {key.name: key for key in keys}
    return keys, by_name[ring["current"]]


def _read(file: Path) -> Hidden:
    try:
        with file.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise KeyUnreadable(f"The key ring {file} is not a file. {_RESTORE}")
            if mode & 0o077:
                raise KeyUnreadable(
                    f"The key ring {file} can be read or changed by others on this machine. "
                    f"Make it private (chmod 600 {file}), and consider its keys known: rotate them."
                )
            return Hidden(stream.read(_LARGEST_FILE).decode("utf-8", "replace"))
    except OSError as error:
        mend = "Let this user read it." if isinstance(error, PermissionError) else _RESTORE
        raise KeyUnreadable(f"The key ring {file} can't be read: {error.strerror}. {mend}") from None


def _write(file: Path, keys: tuple[Key, ...], current: Key) -> None:
    """Puts the ring on disk so that at every moment either the old or the new file is there, whole. Needs the lock."""
    entries = [{"id": key.name, "created": iso(key.created_ms), "key": key.text()} for key in keys]
    ring = {"postroom_key_ring": _FORMAT, "current": current.name, "keys": entries}
    new = file.with_name(file.name + ".new")
    try:
        new.unlink(missing_ok=True)  # left by a crash; its mode may be anybody's
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(ring, stream, indent=2)
            stream.write("\n")
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(file)
        _sync_directory(file.parent)
    except OSError as error:
        raise _unwritable(file, error) from None


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """One process at a time writes the ring. The lock is on the directory: the file itself is replaced."""
    try:
        descriptor = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise _unwritable(file, error) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _unwritable(file: Path, error: OSError) -> KeyUnreadable:
    return KeyUnreadable(f"The key ring {file} can't be written: {error.strerror}. Let this user write there.")
