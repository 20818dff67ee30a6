"""One message on its way in: its envelope, its body by DATA or in BDAT chunks (RFC 3030), and the room it takes.

Rules kept here:
- The octets of a BDAT command are swallowed even when the command was refused: they are never taken for commands.
- A refused chunk ends the message; what follows of it is refused as what has no beginning.
- Room is taken before octets are kept and given back with the message, whatever becomes of it.

What is said, and when which command may come, is the conversation's business (`server`).
"""

from postroom.smtp.reply import Reply
from postroom.smtp.server_body import Body
from postroom.smtp.server_terms import Accept, Envelope, Surroundings


class Reception:
    """`envelope` is None while no message is under way. `refused`: recipients of it that can't be used."""

    __slots__ = ("_left", "_size", "_surroundings", "body", "chunked", "envelope", "last", "refused")

    def __init__(self, size: int, surroundings: Surroundings) -> None:
        self._size = size
        self._surroundings = surroundings
        self.envelope: Envelope | None = None
        self.body: Body | None = None
        self.refused = 0
        self.chunked = False
        self.last = False
        self._left = 0

    @property
    def takes_octets(self) -> bool:
        """Whether what comes next is no command."""
        return self._left > 0 or (self.body is not None and not self.chunked)

    def begin(self, *, chunked: bool) -> None:
        """The body begins."""
        self.body = Body(self._size, self._surroundings.take_room)
        self.chunked = chunked

    def expect(self, octets: int, *, last: bool) -> None:
        """So many octets of a chunk follow."""
        self._left, self.last = octets, last

    def read(self, data: bytes) -> tuple[bytes, bool]:
        """Takes octets; gives those that are not part of it, and whether the body or the chunk is whole."""
        body = self.body
        if not self.chunked and body is not None:
            behind = body.feed(data)
            self._give_back_if_refused()
            return (b"", False) if behind is None else (behind, True)
        chunk, behind = data[: self._left], data[self._left :]
        self._left -= len(chunk)
        if body is not None:
            body.add(chunk)
            self._give_back_if_refused()
        return behind, not self._left

    @property
    def endless(self) -> bool:
        """Whether far more has come than a message may have."""
        return self.body is not None and self.body.endless

    def whole(self) -> Accept | Reply | None:
        """The message that has ended; why it can't be taken; None when there was none."""
        body, envelope = self.body, self.envelope
        if body is None or envelope is None:
            return None
        content = b"" if body.refused is not None else body.content(dotted=not self.chunked)
        return body.refused or Accept(envelope, content)

    def refuse(self, why: Reply) -> None:
        """What has come of the message is let go, and what is still to come is dropped."""
        if self.body is not None and self.body.refused is None:
            self.body.refuse(why)
            self._give_back(self.body)

    def forget(self) -> None:
        """No message is under way any more. Octets of a chunk that are still to come will be swallowed."""
        if self.body is not None:
            self._give_back(self.body)
        self.envelope = self.body = None
        self.chunked = self._left > 0
        self.refused = 0

    def _give_back_if_refused(self) -> None:
        if self.body is not None and self.body.refused is not None:
            self._give_back(self.body)

    def _give_back(self, body: Body) -> None:
        if body.held:
            self._surroundings.give_room(body.held)
            body.held = 0
