"""Passwords: what may be one, and Argon2id done on a few threads of its own.

Parameters are those OWASP names (19 MiB, two passes, one lane). Each hash costs tens of milliseconds and its memory, so
no more than two run at once and no more than a bounded number wait; beyond that people are told to come again. For a
user who does not exist, or has no password, the same work is done against a hash that nothing opens.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from postroom.errors import BadInput, Fault, TooMany
from postroom.model.person import login_key

__all__ = ["LEAST", "Passwords"]

T = TypeVar("T")
LEAST = 12
"""Characters of a password, at least."""
_MOST = 256
_AT_ONCE = 2
_MOST_WAITING = 64


class Passwords:
    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, type=Type.ID)
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="postroom-password")
        self._waiting = threading.BoundedSemaphore(_MOST_WAITING)
        self._nobody = self._hasher.hash("nobody signs in with this")

    def run(self, work: Callable[[], T]) -> Future[T]:
        """Runs work that hashes on the threads for it. Raises TooMany when too much waits already."""
        if not self._waiting.acquire(blocking=False):
            raise TooMany("Too many people sign in at this moment. Try again in a few seconds.", seconds=5)
        try:
            future = self._threads.submit(work)
        except BaseException:
            self._waiting.release()
            raise
        future.add_done_callback(lambda _: self._waiting.release())
        return future

    def hash(self, password: str) -> str:
        """As it is stored. Takes tens of milliseconds: call it within `run`."""
        return self._hasher.hash(_plain(password))

    def verify(self, stored: str, password: str) -> bool:
        """Whether it is the one. With nothing stored: False, after the same work. Call it within `run`."""
        try:
            return (
                self._hasher.verify(stored or self._nobody, _plain(password))
                and bool(stored)
                and len(password) <= _MOST
            )
        except (VerificationError, InvalidHashError):
            return False

    def is_old(self, stored: str) -> bool:
        """Whether it was made with other parameters than today's, and should be made anew."""
        return self._hasher.check_needs_rehash(stored)

    @staticmethod
    def check(password: str, *others: str) -> None:
        """Raises BadInput unless it may be a password; `others` are what it must not be made of (login, name)."""
        plain = login_key(password)
        if len(password) < LEAST:
            raise _unfit(f"has fewer than {LEAST} characters.", "A few words in a row are easy to remember.")
        if len(password) > _MOST:
            raise _unfit(f"has more than {_MOST} characters.", "Shorten it.")
        if any("\ud800" <= char <= "\udfff" for char in password):
            raise _unfit("holds what is no character.", "Type it again.")
        if len(set(plain)) < 5:
            raise _unfit("is made of the same few characters.", "Choose one that is harder to guess.")
        for other in others:
            key = login_key(other)
            if len(key) > 3 and key in plain and len(plain) - len(key) < LEAST - 4:
                raise _unfit("is little more than the login or the name.", "Choose one that is harder to guess.")


def _plain(password: str) -> str:
    """The same for however a keyboard composes its letters (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password[:_MOST]).encode("utf-8", "replace").decode()


def _unfit(problem: str, mend: str) -> BadInput:
    return BadInput([Fault("password", problem, mend)])
