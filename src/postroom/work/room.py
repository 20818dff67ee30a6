"""An account's room: its lanes in this process, its gate and its speed, and whether the queue holds more than they have
in hand."""

from __future__ import annotations

from collections import deque

from postroom.clock import now_ms as now_utc
from postroom.model.account import Account
from postroom.policy.speed import NOTHING, Learnt, narrowed
from postroom.work.gate import Gate
from postroom.work.lane import Lane

__all__ = ["Room"]

_GROW_AT = 8
_OVERTAKING = 64
_SECONDS = 60


class Room:
    """Made on the first mail for an account; kept for as long as Postroom runs."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.gate = Gate()
        self.learnt: Learnt = NOTHING
        self.troubled: bool | None = None
        """Whether the last try to connect failed; None: not known yet."""
        self.insisted = False
        """A person wants a try although the account rests."""
        self._left: deque[tuple[float, int]] = deque()
        self.lanes: list[Lane] = []
        self.opening = 0
        self.backlog = True
        self.pausing = False

    @property
    def paced(self) -> bool:
        """Whether mail leaves by count: then only claims take it, which keep the count for all nodes."""
        limits = self.account.limits
        if limits.per_minute is not None or limits.per_day is not None:
            return True
        return self.learnt is not NOTHING and self.learnt.rate(now_utc()) is not None

    @property
    def connections(self) -> int:
        """How many connections may be open now, over all nodes."""
        return narrowed(self.account.limits, self.learnt, now_utc()).connections

    def note_left(self, now_ms: float, recipients: int) -> None:
        """So many left just now, by the monotonic clock. Kept by the second: a quick server takes thousands in one."""
        left, second = self._left, now_ms // 1000
        if left and left[-1][0] == second:
            left[-1] = (second, left[-1][1] + recipients)
            return
        left.append((second, recipients))
        while left[0][0] < second - _SECONDS:
            left.popleft()

    def left_in_a_minute(self, now_ms: float) -> int:
        return sum(recipients for second, recipients in self._left if second >= now_ms // 1000 - _SECONDS)

    def use(self, account: Account) -> None:
        """The account's settings changed: sessions made with the old ones end."""
        self.account = account
        for lane in self.lanes:
            if lane.account.version != account.version:
                lane.end()

    def lane_for(self, size: int, priority: int) -> Lane | None:
        """The lane with the least in hand that has room for a fresh message. While the queue holds older mail, fresh
        mail gets half of each lane at most; what overtakes others in a hand finds some room behind a full one, too.
        """
        share = 2 if self.backlog else 1
        best: Lane | None = None
        for lane in self.lanes:
            most = lane.tempo.room // share + (_OVERTAKING if lane.overtaken_by(priority) else 0)
            if lane.has_room(most, size) and (best is None or lane.in_hand < best.in_hand):
                best = lane
        return best

    def wants_more(self, now_ms: float) -> bool:
        """Whether one more lane would help now and is allowed."""
        if self.opening or self.pausing or len(self.lanes) >= self.account.limits.connections:
            return False  # asked for every message: what is known at once comes first
        if not self.gate.open(now_ms) or any(lane.in_hand < _GROW_AT for lane in self.lanes):
            return False
        return len(self.lanes) < self.connections and (self.insisted or not self.learnt.rests(now_utc()))

    def end_all(self) -> None:
        for lane in self.lanes:
            lane.end()
