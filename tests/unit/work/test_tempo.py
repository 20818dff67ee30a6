"""How much a lane may have in hand follows from how quick its server is."""

from __future__ import annotations

from postroom.work.tempo import Tempo


def after(jobs: int, each_ms: float) -> Tempo:
    tempo = Tempo()
    tempo.began(0.0)
    for number in range(1, jobs + 1):
        tempo.done(number * each_ms)
    return tempo


def test_it_begins_with_a_guess_that_harms_neither_kind() -> None:
    assert 50 <= Tempo().room <= 100


def test_a_quick_server_is_given_much_and_a_slow_one_little() -> None:
    assert after(100, 0.5).room > 1_500
    assert after(100, 20.0).room in range(45, 55)
    assert after(20, 5_000.0).room == 16


def test_room_stays_within_bounds_whatever_the_clock_says() -> None:
    assert after(1_000, 0.0).room == 2_048
    tempo = after(5, 1.0)
    tempo.done(-1e9)
    assert 16 <= tempo.room <= 2_048


def test_an_idle_hour_does_not_make_a_server_slow() -> None:
    tempo = after(100, 1.0)
    tempo.began(3_600_000.0)
    tempo.done(3_600_001.0)
    assert tempo.room > 900


def test_more_is_asked_for_before_the_hand_is_empty() -> None:
    for tempo in (after(100, 0.5), after(100, 5_000.0)):
        assert 0 < tempo.low < tempo.room
