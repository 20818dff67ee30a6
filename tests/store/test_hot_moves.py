"""Moves: only the lease's holder marks and settles (P3, P4), what an ended lease left is reclaimed and never lost (P2),
people's acts are one table, and whatever happens in whatever order, every move is one that `model.state` allows."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable

import pytest
from sqlalchemy.exc import IntegrityError

from postroom.clock import now_ms
from postroom.errors import Conflict, NotFound, StoreUnavailable
from postroom.model.state import LEASED, MOVES, WAITING, State, may_move
from postroom.model.tenant import INSTALLATION
from postroom.store import acts, expiry
from postroom.store.acts import Act
from postroom.store.transmission import LeaseLost, Mark, Move, Settlement
from tests.store.hot import ACCOUNT, Hot, move
from tests.store.house import House


@pytest.fixture
def hot(house: House) -> Hot:
    return Hot(house)


def perform(
    hot: Hot, number: int, act: Act, only: list[int] | None = None, tenant_id: int = INSTALLATION
) -> acts.Acted:
    moment = now_ms()
    return hot.store.write(
        lambda c: acts.perform(c, tenant_id, number, only, act, moment, hot.store.ids.next, "ada", ACCOUNT)
    ).result(30)


# -- marks ------------------------------------------------------------------------------------------------------------


def test_a_mark_is_for_the_holder_of_the_lease_only(hot: Hot) -> None:
    number, fence = hot.accept(), hot.lane()
    hot.claim(fence)
    assert isinstance(hot.mark(fence + 1, (number, 0)), LeaseLost)
    assert hot.row(number).mark == 0
    assert hot.mark(fence, (number, 0)) is True
    assert hot.row(number).mark == 1


def test_a_mark_of_several_recipients_is_all_or_nothing(hot: Hot) -> None:
    number, fence = hot.accept("a@test", "b@test"), hot.lane()
    hot.claim(fence, 1)
    assert isinstance(hot.mark(fence, (number, 0), (number, 1)), LeaseLost)
    assert [hot.row(number, n).mark for n in (0, 1)] == [0, 0]


def test_a_lost_mark_among_good_ones_spoils_none(hot: Hot) -> None:
    one, two, three = hot.accept(), hot.accept(), hot.accept()
    fence = hot.lane()
    hot.claim(fence)
    marks = [Mark([(one, 0, fence)]), Mark([(two, 0, fence + 1)]), Mark([(three, 0, fence)])]
    answers = hot.submit("mark", *marks)
    assert [answers[0], answers[2]] == [True, True]
    assert isinstance(answers[1], LeaseLost)
    assert [hot.row(number).mark for number in (one, two, three)] == [1, 0, 1]


# -- settlements ------------------------------------------------------------------------------------------------------


def test_a_settlement_moves_and_tells_in_one_transaction(hot: Hot) -> None:
    number, fence = hot.accept(), hot.lane()
    hot.claim(fence)
    hot.mark(fence, (number, 0))
    event = (number, hot.store.ids.next(), INSTALLATION, 0, now_ms(), "sent", None)
    assert hot.settle(move(number, fence), events=[event]) is True
    row = hot.row(number)
    assert (row.state, row.lease, row.mark, row.attempts, row.reply) == ("sent", None, 0, 1, "250 ok")
    assert hot.events(number) == ["accepted", "sending", "sent"]


@pytest.mark.parametrize("state", [State.SENT, State.DEFERRED, State.FAILED, State.QUEUED, State.UNKNOWN])
def test_a_late_result_changes_nothing(hot: Hot, state: State) -> None:
    """The lease went to another, who has the message in hand: neither its state nor its story may be touched."""
    number, old = hot.accept(), hot.lane()
    hot.claim(old)
    hot.end_lease(old)
    hot.reclaim()
    new = hot.lane()
    hot.claim(new)
    before = hot.row(number), hot.events(number)
    event = (number, hot.store.ids.next(), INSTALLATION, 0, now_ms(), state.value, None)
    assert isinstance(hot.settle(move(number, old, state), events=[event]), LeaseLost)
    assert (hot.row(number), hot.events(number)) == before
    assert hot.settle(move(number, new)) is True


def test_a_settlement_of_several_recipients_is_all_or_nothing(hot: Hot) -> None:
    number, fence = hot.accept("a@test", "b@test"), hot.lane()
    hot.claim(fence, 1)
    assert isinstance(hot.settle(move(number, fence), move(number, fence, n=1)), LeaseLost)
    assert hot.house.states(number) == ["sending", "queued"]


def test_a_lost_settlement_among_good_ones_spoils_none(hot: Hot) -> None:
    one, two, three = hot.accept(), hot.accept(), hot.accept()
    fence = hot.lane()
    hot.claim(fence)
    units = [Settlement([move(one, fence)], []), Settlement([move(two, fence + 1)], [])]
    answers = hot.submit("settle", *units, Settlement([move(three, fence)], []))
    assert [answers[0], answers[2]] == [True, True]
    assert isinstance(answers[1], LeaseLost)
    assert [hot.row(number).state for number in (one, two, three)] == ["sent", "sending", "sent"]


def test_what_is_given_back_unsent_keeps_what_the_last_attempt_taught(hot: Hot) -> None:
    """Claimed again before everybody knew of the account's pause, and given back: the reason is still the reason."""
    fence = hot.lane()
    number = hot.accept("a@test", state=State.SENDING, fence=fence)
    due = now_ms()
    learnt = Move(number, 0, fence, "queued", due, ACCOUNT, 0, "x", "password-wrong", "account", "535 no", due)
    assert hot.settle(learnt) is True
    hot.claim(fence)
    assert hot.settle(Move(number, 0, fence, "queued", due, ACCOUNT, 0, "not-sent-yet", None, None, None, due)) is True
    row = hot.row(number)
    assert (row.diagnosis, row.scope, row.reply) == ("password-wrong", "account", "535 no")


def test_what_is_settled_is_not_settled_again(hot: Hot) -> None:
    number, fence = hot.accept(), hot.lane()
    hot.claim(fence)
    assert hot.settle(move(number, fence)) is True
    assert isinstance(hot.settle(move(number, fence, State.FAILED)), LeaseLost)
    assert hot.row(number).state == "sent"


def test_a_secret_goes_when_nobody_can_need_it_any_more(hot: Hot) -> None:
    number, fence = hot.accept("a@test", "b@test", secret=True), hot.lane()
    hot.claim(fence)
    for n, left in ((0, 1), (1, 0)):
        hot.submit("settle", Settlement([move(number, fence, n=n)], [], wipe=number))
        assert hot.count("content") == left


# -- reclaim ----------------------------------------------------------------------------------------------------------


def abandoned(hot: Hot, *, marked: bool, policy: str = "retry") -> int:
    """A recipient in the hand of a worker that is gone."""
    number, fence = hot.accept(policy=policy), hot.lane()
    hot.claim(fence)
    if marked:
        hot.mark(fence, (number, 0))
    hot.end_lease(fence)
    return number


def test_unmarked_mail_waits_again_at_once(hot: Hot) -> None:
    number = abandoned(hot, marked=False)
    assert hot.reclaim() == (1, 0)
    row = hot.row(number)
    assert (row.state, row.lease, row.mark, row.attempts, row.reason) == ("queued", None, 0, 0, "reclaimed")
    assert row.due_ms <= now_ms()
    assert hot.events(number) == ["accepted", "sending", "reclaimed"]


def test_marked_mail_is_in_doubt_and_sent_again_later_where_the_policy_says_so(hot: Hot) -> None:
    number = abandoned(hot, marked=True)
    again = now_ms() + 60_000
    assert hot.reclaim(again_ms=again) == (0, 1)
    row = hot.row(number)
    assert (row.state, row.due_ms, row.mark, row.attempts, row.reason) == ("deferred", again, 0, 1, "no-answer")
    assert hot.events(number) == ["accepted", "sending", "unknown", "deferred"]


def test_marked_mail_waits_for_a_person_where_the_policy_says_so(hot: Hot) -> None:
    number = abandoned(hot, marked=True, policy="hold")
    assert hot.reclaim() == (0, 1)
    row = hot.row(number)
    assert (row.state, row.due_ms, row.lease, row.reason) == ("unknown", None, None, "no-answer")
    assert hot.events(number) == ["accepted", "sending", "unknown"]


def test_a_living_lease_is_left_alone(hot: Hot) -> None:
    number, fence = hot.accept(), hot.lane()
    hot.claim(fence)
    assert hot.reclaim() == (0, 0)
    assert hot.row(number).lease == fence


def test_a_slot_taken_over_does_not_cover_what_the_former_holder_left(hot: Hot) -> None:
    number, old = hot.accept(), hot.lane(slots=1)
    hot.claim(old)
    hot.end_lease(old)
    hot.lane(slots=1)
    assert hot.row(number).lease == old
    assert hot.reclaim() == (1, 0)


def test_a_lease_without_any_lane_is_reclaimed_too(hot: Hot) -> None:
    """Accepted under a lane whose row another has taken over meanwhile."""
    number = hot.accept(state=State.SENDING, fence=12345)
    assert hot.reclaim() == (1, 0)
    assert hot.row(number).state == "queued"


def test_reclaiming_goes_in_batches(hot: Hot) -> None:
    for _ in range(5):
        hot.accept(state=State.SENDING, fence=1)
    assert [hot.reclaim(limit=3)[0] for _ in range(3)] == [3, 2, 0]


def test_a_process_that_owns_its_file_ends_all_leases_at_its_start(hot: Hot) -> None:
    number, fence = hot.accept(), hot.lane()
    hot.claim(fence)
    hot.store.write(expiry.end_all_leases).result(30)
    assert hot.reclaim() == (1, 0)
    assert hot.row(number).state == "queued"


# -- expiry -----------------------------------------------------------------------------------------------------------


def expire(hot: Hot) -> int:
    moment = now_ms()
    return hot.store.write(lambda c: expiry.expire(c, moment, hot.store.ids.next)).result(30)


def test_what_waited_beyond_its_time_is_over_and_says_so(hot: Hot) -> None:
    late, early = hot.accept(expires_ms=now_ms() - 1), hot.accept(expires_ms=now_ms() + 60_000)
    held = hot.accept(expires_ms=now_ms() - 1, state=State.HELD)
    assert expire(hot) == 1
    assert [hot.row(number).state for number in (late, early, held)] == ["expired", "queued", "held"]
    assert hot.events(late) == ["accepted", "expired"]


# -- what people do ---------------------------------------------------------------------------------------------------

ACTS = (acts.CANCEL, acts.HOLD, acts.RELEASE, acts.RETRY, acts.SEND_AGAIN, acts.WAS_SENT)


def in_state(hot: Hot, state: State) -> int:
    number, fence = hot.accept(), hot.lane(slots=20)
    if state is State.QUEUED:
        return number
    hot.claim(fence)
    if state is not State.SENDING:
        hot.house.sql(
            "UPDATE recipient SET state = :state, due_ms = :due, lease = NULL WHERE message_id = :id",
            state=state.value, due=now_ms() + 3_600_000 if state in WAITING else None, id=number,
        )  # fmt: skip
    return number


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.name)
def test_each_act_works_in_its_states_and_is_a_conflict_in_all_others(hot: Hot, act: Act) -> None:
    for state in State:
        check_act(hot, act, state)


def check_act(hot: Hot, act: Act, state: State) -> None:
    number = in_state(hot, state)
    before = hot.row(number), hot.events(number)
    if state in act.source:
        assert perform(hot, number, act).numbers == (0,)
        row = hot.row(number)
        assert row.state == act.target.value
        assert may_move(state, act.target) or state is act.target
        assert (row.due_ms is not None) == (act.target in WAITING)
        assert hot.events(number)[-1] == act.event.value
    else:
        with pytest.raises(Conflict, match=r"being sent" if state is State.SENDING else state.value):
            perform(hot, number, act)
        assert (hot.row(number), hot.events(number)) == before


def test_an_act_moves_those_who_can_and_leaves_the_others(hot: Hot) -> None:
    number, fence = hot.accept("a@test", "b@test"), hot.lane()
    hot.claim(fence, 1)
    assert perform(hot, number, acts.CANCEL).numbers == (1,)
    assert hot.house.states(number) == ["sending", "cancelled"]
    with pytest.raises(Conflict):
        perform(hot, number, acts.CANCEL, [0])


def test_anothers_message_is_not_there(hot: Hot) -> None:
    number, other = hot.accept(), hot.house.tenant("other").tenant_id
    with pytest.raises(NotFound):
        perform(hot, number, acts.CANCEL, tenant_id=other)
    assert hot.row(number).state == "queued"


def test_what_is_released_needs_an_account_and_its_content(hot: Hot) -> None:
    homeless = hot.accept(state=State.HELD, account_id=None)
    with pytest.raises(Conflict, match="No account"):
        hot.store.write(
            lambda c: acts.perform(
                c, INSTALLATION, homeless, None, acts.RELEASE, now_ms(), hot.store.ids.next, "ada", None
            )
        ).result(30)
    wiped = hot.accept(state=State.SILENCED)
    hot.house.sql("DELETE FROM content WHERE message_id = :id", id=wiped)
    with pytest.raises(Conflict, match="content"):
        perform(hot, wiped, acts.RELEASE)
    assert [hot.row(number).state for number in (homeless, wiped)] == ["held", "silenced"]


# -- whatever happens -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_every_move_is_one_of_the_table(hot: Hot, seed: int) -> None:
    """Workers, upkeep and people at once, in an order that nobody thought of."""
    chance = random.Random(seed)
    numbers = [
        hot.accept("a@test", "b@test", policy=chance.choice(["retry", "hold"]), state=state)
        for state in [State.QUEUED] * 10 + [State.HELD, State.SILENCED]
    ]
    fences = [hot.lane()]
    states = all_states(hot)
    for step in range(150):
        what = chance.choice(STEPS)
        what(hot, chance, numbers, fences)
        after = all_states(hot)
        for key, state in after.items():
            former = states[key]
            assert former is state or state in MOVES[former], f"seed {seed} step {step}: {what.__name__} {key}"
        states = after
    told = hot.house.sql("SELECT DISTINCT kind FROM event")
    assert len(told) >= 6, "or the run shows nothing"


def all_states(hot: Hot) -> dict[tuple[int, int], State]:
    rows = hot.house.sql("SELECT message_id, n, state, due_ms, lease FROM recipient")
    for row in rows:
        assert (row.due_ms is not None) == (State(row.state) in WAITING)
        assert (row.lease is not None) == (State(row.state) in LEASED)
    return {(row.message_id, row.n): State(row.state) for row in rows}


def _some(hot: Hot, chance: random.Random, numbers: list[int], fences: list[int]) -> tuple[int, int, int]:
    """A recipient and a fencing number, as a rule the one that it has."""
    held = hot.house.sql("SELECT message_id, n, lease FROM recipient WHERE lease IS NOT NULL ORDER BY message_id, n")
    if held and chance.random() < 0.7:
        row = chance.choice(held)
        return row.message_id, row.n, row.lease
    return chance.choice(numbers), chance.randint(0, 1), chance.choice(fences)


def _claim(hot: Hot, chance: random.Random, numbers: list[int], fences: list[int]) -> None:
    hot.claim(chance.choice(fences), chance.randint(1, 4), at_ms=now_ms() + 3_600_000)


def _mark(hot: Hot, chance: random.Random, numbers: list[int], fences: list[int]) -> None:
    number, n, fence = _some(hot, chance, numbers, fences)
    hot.mark(fence, (number, n))


def _settle(hot: Hot, chance: random.Random, numbers: list[int], fences: list[int]) -> None:
    target = chance.choice(sorted(MOVES[State.SENDING]))
    number, n, fence = _some(hot, chance, numbers, fences)
    hot.settle(move(number, fence, target, n=n))


def _die(hot: Hot, chance: random.Random, numbers: list[int], fences: list[int]) -> None:
    hot.end_lease(chance.choice(fences))
    slot, fence = hot.acquire()
    if slot is not None:
        fences.append(fence)


def _reclaim(hot: Hot, chance: random.Random, numbers: list[int], fences: list[int]) -> None:
    hot.reclaim()


def _expire(hot: Hot, chance: random.Random, numbers: list[int], fences: list[int]) -> None:
    if chance.random() < 0.1:
        hot.house.sql("UPDATE recipient SET expires_ms = 1 WHERE message_id = :id", id=chance.choice(numbers))
    expire(hot)


def _act(hot: Hot, chance: random.Random, numbers: list[int], fences: list[int]) -> None:
    act = chance.choice(ACTS if chance.random() < 0.2 else ACTS[1:])
    with contextlib.suppress(Conflict):
        perform(hot, chance.choice(numbers), act, chance.choice([[0], [1]]))


STEPS: list[Callable[[Hot, random.Random, list[int], list[int]], None]] = [
    _claim, _claim, _claim, _mark, _settle, _settle, _die, _reclaim, _expire, _act, _act,
]  # fmt: skip


@pytest.mark.parametrize(
    ("state", "due", "lease"),
    [("queued", None, None), ("sending", 1, None), ("sending", None, None), ("sent", 1, None), ("sent", None, 1),
     ("elsewhere", None, None)],
)  # fmt: skip
def test_the_database_itself_refuses_what_the_table_of_states_does_not_know(
    hot: Hot, state: str, due: int | None, lease: int | None
) -> None:
    number = hot.accept()
    with pytest.raises((IntegrityError, StoreUnavailable)):
        hot.house.sql(
            "UPDATE recipient SET state = :state, due_ms = :due, lease = :lease WHERE message_id = :id",
            state=state, due=due, lease=lease, id=number,
        )  # fmt: skip
    assert hot.row(number).state == "queued"
