"""Ids are ordered by time, never meet, and can be read by people."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.ids import EPOCH_MS, MAX_NODE, Ids, decode, encode, id_at, time_of


@given(st.integers(0, (1 << 63) - 1))
def test_an_id_comes_back_from_its_text(number: int) -> None:
    assert decode("m", encode("m", number)) == number


@given(st.integers(0, (1 << 63) - 1), st.integers(0, (1 << 63) - 1))
def test_texts_sort_like_numbers(one: int, other: int) -> None:
    assert (encode("m", one) < encode("m", other)) == (one < other)


@given(st.text(max_size=30))
def test_whatever_is_typed_is_an_id_or_none(text: str) -> None:
    number = decode("m", text)
    assert number is None or encode("m", number)[2:] == text.strip().lower()[2:].translate(
        {105: "1", 108: "1", 111: "0"}
    )


@pytest.mark.parametrize(
    "text", ["", "m_", "m_123", "a_0000000000001", "m_00000000000001", "m_000000000000u", "zzzzzzzzzzzzz"]
)
def test_what_is_no_message_id_is_none(text: str) -> None:
    assert decode("m", text) is None


def test_look_alikes_are_read_as_meant() -> None:
    assert decode("m", " M_000000000001O ") == decode("m", "m_0000000000010")
    assert decode("m", "m_000000000000I") == decode("m", "m_000000000000l") == 1


def test_ids_of_one_maker_rise_and_never_repeat() -> None:
    ids = Ids(3)
    made = [ids.next() for _ in range(20_000)]
    assert made == sorted(set(made))


def test_threads_never_get_the_same_id() -> None:
    ids, made = Ids(0), []
    threads = [threading.Thread(target=lambda: made.extend([ids.next() for _ in range(3_000)])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == len(set(made)) == 12_000


def test_two_nodes_never_meet() -> None:
    one, other = Ids(1), Ids(2)
    assert not {one.next() for _ in range(5_000)} & {other.next() for _ in range(5_000)}


def test_ids_start_behind_what_was_made_before_even_if_the_clock_was_set_back() -> None:
    ahead = id_at(EPOCH_MS + (1 << 40))
    assert Ids(0, floor=ahead).next() > ahead


def test_time_is_in_the_id() -> None:
    assert time_of(id_at(1_795_167_133_732)) == 1_795_167_133_732
    assert id_at(0) == 0


@pytest.mark.parametrize("node", [-1, MAX_NODE + 1])
def test_a_node_number_out_of_range_is_refused(node: int) -> None:
    with pytest.raises(ValueError, match="node number"):
        Ids(node)
