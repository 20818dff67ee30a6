"""Questions to the DNS and their answers, without sockets."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple, TypeVar

__all__ = ["Answer", "Asking", "IpAddress", "Question"]

T = TypeVar("T")
IpAddress = IPv4Address | IPv6Address


class Question(NamedTuple):
    """`kind`: A, AAAA, MX, TXT or PTR. `name` may be anything; what is no name gets an answer without records."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Answer:
    """`exists`: whether there is such a name. `trouble`: why nobody could say, "" when somebody did; then the rest
    means nothing. `mx`: preference and host, "" for the null MX (RFC 7505); `names`: of PTR.
    """

    exists: bool = False
    texts: tuple[bytes, ...] = ()
    mx: tuple[tuple[int, str], ...] = ()
    addresses: tuple[IpAddress, ...] = ()
    names: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def void(self) -> bool:
        """Nothing there: no such name, or no such record (RFC 7208, 4.6.4)."""
        return not (self.trouble or self.texts or self.mx or self.addresses or self.names)


Asking = Generator[Question, Answer, T]
