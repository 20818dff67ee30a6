"""Signing messages that are about to be accepted (DKIM), on a few threads of their own.

An RSA signature takes most of a millisecond, for which `cryptography` lets go of the interpreter's lock; on the loop it
would hold up everything else. What is signed is fixed from then on (promise P5). A key that can't be opened keeps no
mail back: the message goes without its signature, and that is told, once for each key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from postroom.compose.dkim import SigningKey, signature_fields
from postroom.errors import PostroomError
from postroom.model.dkim import DkimKey
from postroom.secrets.dkim import Signer

__all__ = ["Opener", "Signing"]

Opener = Callable[[DkimKey], Signer | None]
_THREADS = 2


class Signing:
    """`open_key` gives what signs; `trouble` is told which key could not be opened, and why."""

    def __init__(self, open_key: Opener, trouble: Callable[[str, str], None]) -> None:
        self._open = open_key
        self._trouble = trouble
        self._opened: dict[int, tuple[DkimKey, Signer]] = {}
        self._told: set[int] = set()
        self._pool: ThreadPoolExecutor | None = None

    def sign(
        self,
        content: bytes,
        keys: Sequence[DkimKey],
        at_ms: int,
        unsigned: frozenset[str],
        done: Callable[[bytes], None],
    ) -> None:
        """Calls `done` with the fields to put before the message, on one of the threads."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="postroom-dkim")
        self._pool.submit(lambda: done(self.fields(content, keys, at_ms, unsigned)))

    def fields(self, content: bytes, keys: Sequence[DkimKey], at_ms: int, unsigned: frozenset[str]) -> bytes:
        """The same at once, on the caller's thread. Never raises."""
        signing = [one for key in keys if (one := self._signing_key(key)) is not None]
        try:
            return signature_fields(content, signing, at_ms, unsigned) if signing else b""
        except Exception as error:  # mail that was handed over goes on, whatever is odd about it
            self._tell(keys[0], str(error))
            return b""

    def close(self) -> None:
        """Finishes what was begun."""
        if self._pool is not None:
            self._pool.shutdown(wait=True)
            self._pool = None

    def _signing_key(self, key: DkimKey) -> SigningKey | None:
        known = self._opened.get(key.id)
        if known is None or known[0].public_key != key.public_key:
            try:
                opened = self._open(key)
            except PostroomError as error:
                self._tell(key, error.text)
                return None
            if opened is None:
                return None
            known = self._opened[key.id] = (key, opened)
        return SigningKey(key.domain, key.selector, key.algorithm.value, known[1].sign)

    def _tell(self, key: DkimKey, why: str) -> None:
        if key.id not in self._told:
            self._told.add(key.id)
            self._trouble(key.name, why)
