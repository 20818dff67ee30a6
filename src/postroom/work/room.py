"""An account's room: its lanes in this process, its gate, and whether the queue holds more than they have in hand."""

from __future__ import annotations

from postroom.model.account import Account
from postroom.work.gate import Gate
from postroom.work.lane import ROOM, Lane

__all__ = ["Room"]

_GROW_AT = 8


class Room:
    """Made on the first mail for an account; kept for as long as Postroom runs."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.gate = Gate(account.limits.connections)
        self.lanes: list[Lane] = []
        self.opening = 0
        self.backlog = True
        self.pausing = False

    @property
    def paced(self) -> bool:
        """Whether mail leaves by count: then only claims take it, which keep the count for all nodes."""
        return self.account.limits.per_minute is not None or self.account.limits.per_day is not None

    def use(self, account: Account) -> None:
        """The account's settings changed: sessions made with the old ones end."""
        self.account = account
        self.gate.connections = account.limits.connections
        for lane in self.lanes:
            if lane.account.version != account.version:
                lane.end()

    def lane_for(self, size: int) -> Lane | None:
        """The lane with the least in hand that has room for a fresh message. While the queue holds older mail, fresh
        mail gets half of each lane at most."""
        most = ROOM // 2 if self.backlog else ROOM
        best: Lane | None = None
        for lane in self.lanes:
            if lane.has_room(most, size) and (best is None or lane.in_hand < best.in_hand):
                best = lane
        return best

    def wants_more(self, now_ms: float) -> bool:
        """Whether one more lane would help now and is allowed."""
        if self.pausing or not self.gate.open(now_ms) or len(self.lanes) + self.opening >= self.gate.allowed(now_ms):
            return False
        return not self.opening and all(lane.in_hand >= _GROW_AT for lane in self.lanes)

    def end_all(self) -> None:
        for lane in self.lanes:
            lane.end()
