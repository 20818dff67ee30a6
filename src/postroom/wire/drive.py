"""Runs the conversations of `postroom.smtp` over a link: the half of the contract in `smtp.client` that touches it.

`exchange` is the hot path: one write, one wait, one parse for each step. `drive_open` runs a generator whose steps
concern the connection only (opening a session, probing one); a transfer asks for more, and whoever runs it calls
`exchange` for its `Send` steps, with the same `Replies`.

Kept here: nothing may be left over before something is said; a loss carries the replies that did come and the greatest
number of octets that can have left; silence is timed from the last octet written and again from each reply.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from time import monotonic
from typing import Any, TypeVar

from postroom.model.attempt import Failure
from postroom.smtp.fault import Lost, LostKind
from postroom.smtp.reply import Reply, ReplyReader
from postroom.smtp.steps import AskBindings, Reckon, Send, StartTls, Step
from postroom.wire.apart import apart
from postroom.wire.dial import start_tls
from postroom.wire.link import Gone, Link
from postroom.wire.tls import TlsSettings

__all__ = ["Replies", "drive_open", "exchange", "lost_of"]

_T = TypeVar("_T")
_CLOSING = 421

_KINDS = {
    Failure.TIMEOUT: LostKind.TIMEOUT,
    Failure.TLS: LostKind.TLS,
    Failure.CERTIFICATE: LostKind.TLS,
    Failure.INJECTED: LostKind.INJECTED,
}
_SILENT = frozenset({LostKind.TIMEOUT, LostKind.CLOSED, LostKind.RESET})


class Replies(ReplyReader):
    """A reader that also keeps replies nobody asked for: `over`. There must be none when something is said."""

    __slots__ = ("over",)

    def __init__(self) -> None:
        super().__init__()
        self.over: list[Reply] = []

    @property
    def left_over(self) -> bool:
        """Whether the server said anything, a reply or not, if only the beginning of a line, that was not asked for."""
        return bool(self.over or self._rest or self._lines or self.fault)


def lost_of(gone: Gone, *, replies: tuple[Reply, ...] = (), written: int | None = None) -> Lost:
    """The end of a link as a conversation hears of it. The exact failure stays in `link.gone`."""
    kind = LostKind.RESET if gone.reset else _KINDS.get(gone.failure, LostKind.CLOSED)
    return Lost(kind, gone.detail, replies=replies, written=written)


async def exchange(
    link: Link, replies: Replies, step: Send, clock: Callable[[], float] = monotonic
) -> list[Reply] | Lost:
    """Writes the step's data and gives exactly as many replies as it asks for, or `Lost`. Stamps the step."""
    step.began = clock()
    before = link.handed
    if step.data:
        if link.waiting or link.gone is not None or replies.left_over:
            step.ended = step.began
            return _left_over(link, replies)
        link.write(step.data)
        if step.tail:
            link.write(step.tail)
    heard, replies.over = replies.over, []
    wanted, timeout, writing = step.replies, step.timeout, link.writing
    link.patience(link.block if writing else timeout)
    handed = link.handed
    while len(heard) < wanted or writing:
        data = link.take()
        if data:
            came = replies.feed(data)
            if came:
                heard += came
                if not writing:
                    link.patience(timeout)
            if replies.fault is not None:
                step.ended = clock()
                return Lost.unintelligible(replies.fault, tuple(heard[:wanted]))
        elif link.gone is not None:
            step.ended = clock()
            written = min(max(link.handed - before, 0), step.size)
            return lost_of(link.gone, replies=tuple(heard[:wanted]), written=written)
        else:
            await link.wait()
            if writing and (link.handed != handed or not link.writing):
                handed, writing = link.handed, link.writing
                link.patience(link.block if writing else timeout)
    step.ended = clock()
    if len(heard) > wanted:
        heard, replies.over = heard[:wanted], heard[wanted:]
    return heard


def _left_over(link: Link, replies: Replies) -> Lost:
    """Somebody spoke unasked, or the link is gone: nothing is written."""
    if data := link.take():
        replies.over += replies.feed(data)
    if replies.over:
        first = replies.over[0]
        if first.code == _CLOSING:
            return Lost(LostKind.CLOSED, "The server had ended the session.", replies=(first,), written=0)
        return Lost(LostKind.OUT_OF_STEP, f"The server said something unasked: {first}", written=0)
    if link.gone is None or replies.left_over:
        return Lost(LostKind.OUT_OF_STEP, "The server said something unasked that is no reply.", written=0)
    return lost_of(link.gone, written=0)


async def drive_open(
    flow: Generator[Step, Any, _T],
    link: Link,
    replies: Replies,
    tls: TlsSettings,
    *,
    tls_seconds: float = 30.0,
    clock: Callable[[], float] = monotonic,
) -> _T:
    """Runs a conversation of steps that open or probe a session to its end and gives what it returns.

    The link stays open whatever comes of it; closing is the caller's. Raises TypeError for any other step.
    """
    answer: list[Reply] | Lost | tuple[tuple[str, bytes], ...] | bytes | None = None
    while True:
        try:
            step = flow.send(answer)
        except StopIteration as stop:
            result: _T = stop.value
            return result
        if isinstance(step, Send):
            answer = await exchange(link, replies, step, clock)
            if not step.data and isinstance(answer, Lost):
                answer = _without_greeting(link, answer)
        elif isinstance(step, StartTls):
            step.began = clock()
            answer = await _upgraded(link, replies, tls, tls_seconds)
            step.ended = clock()
        elif isinstance(step, AskBindings):
            answer = link.bindings()
        elif isinstance(step, Reckon):
            answer = await apart(step.call, step.timeout)
        else:
            raise TypeError(f"{type(step).__name__} is no step of opening a session")


async def _upgraded(link: Link, replies: Replies, tls: TlsSettings, seconds: float) -> Lost | None:
    if replies.left_over:
        replies.drop()
        link.lose(Gone(Failure.INJECTED, "The server, or somebody on the way, sent data in clear before TLS began."))
    gone = link.gone or await start_tls(link, tls, seconds)
    return None if gone is None else lost_of(gone)


def _without_greeting(link: Link, lost: Lost) -> Lost:
    """A server that waits for TLS looks like one that says nothing."""
    if link.encrypted or lost.replies or lost.kind not in _SILENT:
        return lost
    hint = "It said nothing at all: if it expects TLS from the start (as on port 465), choose that."
    return replace(lost, detail=f"{lost.detail} {hint}")
