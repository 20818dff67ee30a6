"""Message-IDs: made from the number of the message and a domain, so the same message always has the same one.

Rules kept here: nothing else goes in, so a second rendering of a message (another account, a later attempt) carries the
same id (RFC 5322 section 3.6.4), and the number can be told from it when a report about the message comes back. That a
number is given only once is left to whoever gives it.
"""

from __future__ import annotations

import re

__all__ = ["is_message_id", "message_id"]

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_MARK = re.compile(r"[A-Za-z0-9-]{0,40}").fullmatch
_DOMAIN = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[(?:IPv6:)?[0-9a-f.:]+\]").fullmatch
_ID = re.compile(r"[A-Za-z0-9!#$&'*+/=^_{|}~.-]{1,200}@(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Za-z.:]{1,60}\])").fullmatch


def message_id(number: int, domain: str, *, mark: str = "") -> str:
    """`<number in base 32>[.mark]@domain`, without angle brackets.

    `domain` is the stored form of an address's domain; `mark` tells installations apart that send for one domain and
    might give the same numbers. Raises ValueError for a negative number or text that does not belong into an id.
    """
    if number < 0:
        raise ValueError("a message number is not negative")
    if not _DOMAIN(domain) or not _MARK(mark):
        raise ValueError("a Message-ID takes a domain in its stored form and a mark of letters and digits")
    digits: list[str] = []
    while number:
        number, digit = divmod(number, 32)
        digits.append(_DIGITS[digit])
    left = "".join(reversed(digits)) or "0"
    return f"{left}.{mark}@{domain}" if mark else f"{left}@{domain}"


def is_message_id(text: str) -> bool:
    """Whether this text can stand between the angle brackets of a Message-ID header that we write."""
    return _ID(text) is not None and "=?" not in text
