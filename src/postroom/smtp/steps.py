"""The steps of a conversation: what a generator asks of the driver that owns the connection.

| step | what the driver does | what it sends back |
|---|---|---|
| `Send` | writes, then waits for that many replies | `list[Reply]`, exactly that many, or `Lost` |
| `StartTls` | upgrades the connection | None or `Lost` |
| `AskBindings` | looks at the encryption | its channel bindings, the best first |
| `Reckon` | runs something that may wait for others | what it returns, or `Lost` |
| `Next` | hands over the next transmission | a `Transmission`, or None |
| `MarkSoon` | begins to journal "transmitting" | None, at once |
| `Marked` | waits until that is on disk | True; False when the lease was lost |
| `Done` | records an outcome | None, at once |

`client` tells what a driver has to heed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from postroom.smtp.transmission import Outcome, Transmission


@dataclass(slots=True, eq=False)
class Send:
    """Write `data` and `tail`, then wait for `replies` replies, `timeout` seconds of silence at most.

    What has a tail is large: the two were not joined, so that no letter of many megabytes is copied. The driver stamps
    `began` when it starts to write and `ended` when the last reply is there (seconds of its own clock); that is all a
    transcript knows of time. The repr shows no data: it may be a login or somebody's letter.
    """

    data: bytes = field(repr=False)
    replies: int
    timeout: float
    began: float = 0.0
    ended: float = 0.0
    tail: bytes = field(default=b"", repr=False)

    @property
    def size(self) -> int:
        """Octets of both."""
        return len(self.data) + len(self.tail)


@dataclass(slots=True, eq=False)
class StartTls:
    """Upgrade to TLS now. Whatever the server sent in clear and nobody asked for is `Lost(LostKind.INJECTED)`."""

    began: float = 0.0
    ended: float = 0.0


@dataclass(slots=True, eq=False)
class AskBindings:
    """What identifies this encrypted connection, for a login to be bound to it: type and data (RFC 5929), as a tuple
    of pairs, the best first. Empty where there is nothing of that sort."""


@dataclass(slots=True, eq=False)
class Reckon:
    """Run `call` where nobody else waits for it: it may ask other servers. After `timeout` seconds it is
    `Lost(LostKind.TIMEOUT)`, and what it returns later is nobody's business."""

    call: Callable[[], bytes | None] = field(repr=False)
    timeout: float


@dataclass(slots=True, eq=False)
class Next:
    """The next transmission. With `wait`: when there is one, or None to end the session; without: one at hand."""

    wait: bool


@dataclass(slots=True, eq=False)
class MarkSoon:
    """The end of this transmission's body will leave before long: start to journal it."""

    transmission: Transmission


@dataclass(slots=True, eq=False)
class Marked:
    """Wait for that journal entry. No body's last byte is sent before True came back (promise P3)."""

    transmission: Transmission


@dataclass(slots=True, eq=False)
class Done:
    """What became of a transmission, as soon as it is known. Comes exactly once for each that `Next` handed over."""

    transmission: Transmission
    outcome: Outcome


Step = Send | StartTls | AskBindings | Reckon | Next | MarkSoon | Marked | Done
