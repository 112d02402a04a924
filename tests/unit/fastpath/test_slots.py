"""Which TCP states are taken."""

from __future__ import annotations

from conntrack.gateway.fastpath.slots import NONE, Slots


def test_each_number_is_given_once() -> None:
    slots = Slots(3)
    assert [slots.take() for _ in range(4)] == [0, 1, 2, NONE]
    assert len(slots) == 3


def test_what_is_given_back_is_given_again() -> None:
    slots = Slots(2)
    assert (slots.take(), slots.take()) == (0, 1)
    slots.give(0)
    assert len(slots) == 1
    assert slots.take() == 0
    assert slots.take() == NONE


def test_one_given_back_rests_while_there_are_fresh_ones() -> None:
    """A program on another CPU may still hold its number for a moment."""
    slots = Slots(3)
    slots.give(slots.take())
    assert slots.take() == 1


def test_a_claimed_number_is_never_given() -> None:
    slots = Slots(3)
    slots.claim(1)
    assert [slots.take() for _ in range(3)] == [0, 2, NONE]
    slots.give(1)
    assert slots.take() == 1


def test_a_claim_of_what_was_given_back_holds() -> None:
    slots = Slots(1)
    slots.give(slots.take())
    slots.claim(0)
    assert slots.take() == NONE
