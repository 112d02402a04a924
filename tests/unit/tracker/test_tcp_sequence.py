"""Sequence arithmetic: a circle, not a line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conntrack.packet.header import ACK, FIN, SYN, Packet
from conntrack.tracker.tcp.sequence import MASK, after, before, end_of, same

NUMBERS = st.integers(0, MASK)
STEPS = st.integers(1, 2**31 - 1)


@given(NUMBERS, STEPS)
def test_a_number_is_before_what_lies_up_to_half_the_circle_ahead(number: int, step: int) -> None:
    ahead = (number + step) & MASK
    assert before(number, ahead) and after(ahead, number)
    assert not before(ahead, number) and not after(number, ahead)


@given(NUMBERS)
def test_opposite_numbers_are_each_before_the_other(number: int) -> None:
    opposite = number ^ 2**31
    assert before(number, opposite) and before(opposite, number)


@given(NUMBERS)
def test_a_number_is_neither_before_nor_after_itself(number: int) -> None:
    assert not before(number, number) and not after(number, number) and same(number, number)


@given(NUMBERS, NUMBERS, st.integers(-3, 3), st.integers(-3, 3))
def test_turns_of_the_circle_do_not_matter(a: int, b: int, turns: int, others: int) -> None:
    assert before(a, b) == before(a + turns * 2**32, b + others * 2**32)
    assert same(a, b) == same(a + turns * 2**32, b + others * 2**32)


@pytest.mark.parametrize(
    ("flags", "length", "room"), [(ACK, 0, 0), (ACK, 10, 10), (SYN, 0, 1), (FIN | ACK, 5, 6), (SYN | FIN, 0, 2)]
)
def test_data_syn_and_fin_take_up_room(flags: int, length: int, room: int) -> None:
    packet = Packet()
    packet.seq, packet.flags = 1000, flags
    packet.payload, packet.length = 40, 40 + length
    assert end_of(packet) == 1000 + room
