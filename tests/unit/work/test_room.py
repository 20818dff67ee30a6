"""An account's room: where fresh mail finds a place, and when one more connection would help."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from postroom.clock import now_ms
from postroom.model.account import Account, Limits
from postroom.model.job import Job, JobRecipient
from postroom.policy.speed import Learnt
from postroom.work.lane import Lane
from postroom.work.room import Room
from postroom.work.tempo import Tempo

ROOM = Tempo().room
URGENT, NORMAL = 1, 5


class AtWork:
    """The part of a worker that a lane's bookkeeping asks for: none."""


def room_of(*in_hand: int, connections: int = 4, version: int = 1) -> Room:
    room = Room(account(connections, version))
    room.backlog = False
    for slot, jobs in enumerate(in_hand):
        lane = Lane(cast(Any, AtWork()), room.account, slot, slot, 0.0)
        lane.in_hand = jobs
        room.lanes.append(lane)
    return room


def account(connections: int = 4, version: int = 1, **limits: int) -> Account:
    return Account(7, 1, "a", "host.test", 25, limits=Limits(connections=connections, **limits), version=version)


def a_job(priority: int) -> Job:
    to = (JobRecipient(0, "b@test", 0),)
    return Job(
        1, 1, 7, 1, to, "a@test", b"x", 1, eight_bit=False, smtputf8=False, since_ms=0, expires_ms=None,
        unknown_policy="retry", secret=False, sender_id=None, routed="default", priority=priority,
    )  # fmt: skip


def test_fresh_mail_goes_where_the_least_is_before_it() -> None:
    room = room_of(5, 2, 9)
    assert room.lane_for(100, NORMAL) is room.lanes[1]


def test_a_full_or_ending_lane_takes_nothing() -> None:
    room = room_of(ROOM, 3)
    room.lanes[1].ending = True
    assert room.lane_for(100, NORMAL) is None


def test_what_is_urgent_overtakes_in_a_full_hand() -> None:
    room = room_of(ROOM)
    room.lanes[0].add(a_job(NORMAL))
    assert room.lane_for(100, NORMAL) is None
    assert room.lane_for(100, URGENT) is room.lanes[0]


def test_older_mail_in_the_queue_keeps_half_of_each_lane() -> None:
    room = room_of(ROOM // 2)
    assert room.lane_for(100, NORMAL) is not None
    room.backlog = True
    assert room.lane_for(100, NORMAL) is None


def test_a_lane_is_bounded_in_octets_too() -> None:
    room = room_of(1)
    assert room.lane_for(64 * 1024 * 1024, NORMAL) is None


@pytest.mark.parametrize(
    ("in_hand", "wants"), [((), True), ((0,), False), ((8,), True), ((8, 0), False), ((8, 8, 8, 8), False)]
)
def test_one_more_connection_is_made_when_all_others_are_busy(in_hand: tuple[int, ...], wants: bool) -> None:
    assert room_of(*in_hand).wants_more(0) is wants


def test_no_connection_is_made_while_one_is_being_made_or_the_account_rests() -> None:
    room = room_of(8)
    room.opening = 1
    assert not room.wants_more(0)
    room.opening = 0
    room.gate.failed(0, 1_000)
    assert not room.wants_more(999)
    assert room.wants_more(1_000)


def test_no_connection_is_made_while_a_refused_login_is_being_told() -> None:
    room = room_of(8)
    room.pausing = True
    assert not room.wants_more(0)


def test_changed_settings_end_the_sessions_made_with_the_old_ones() -> None:
    room = room_of(1, 1)
    changed = account(connections=9, version=2)
    room.use(changed)
    assert all(lane.ending for lane in room.lanes)
    assert (room.account, room.connections) == (changed, 9)


def test_what_its_server_taught_holds_for_the_room() -> None:
    """A complaint makes it a room with a pace, with fewer connections, and nobody tries while it rests."""
    room = room_of()
    moment = now_ms()
    room.learnt = Learnt(per_minute=5, per_minute_full=100, connections=2, connections_full=4, since_ms=moment - 1)
    assert (room.paced, room.connections, room.wants_more(0)) == (True, 2, True)
    room.learnt = replace(room.learnt, since_ms=moment + 60_000)
    assert not room.wants_more(0)
    room.insisted = True
    assert room.wants_more(0), "a person may ask for a try"


def test_what_left_is_remembered_for_a_minute() -> None:
    room = room_of()
    for at in (0.0, 30_000.0, 59_000.0):
        room.note_left(at, 10)
    assert [room.left_in_a_minute(now) for now in (59_000.0, 61_000.0, 120_000.0)] == [30, 20, 0]


@pytest.mark.parametrize(("limits", "paced"), [({}, False), ({"per_minute": 30}, True), ({"per_day": 1_000}, True)])
def test_an_account_with_a_pace_is_served_by_claims_only(limits: dict[str, int], paced: bool) -> None:
    assert Room(account(**limits)).paced is paced
