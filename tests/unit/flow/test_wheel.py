"""The timer wheel: who is due when, at what cost, after what jumps."""

from hypothesis import given
from hypothesis import strategies as st

from conntrack.flow.wheel import Wheel
from tests.unit.flow.connections import connection

ALL = 10**9


def test_a_connection_is_due_after_its_deadline_and_not_before() -> None:
    wheel = Wheel()
    short = connection(1, deadline=10.5)
    wheel.file(short)
    assert wheel.expired(10.4, ALL) == []
    assert wheel.expired(11.0, ALL) == [short]
    assert wheel.expired(500.0, ALL) == []


def test_a_refreshed_connection_is_filed_again_when_its_slot_comes_up() -> None:
    wheel = Wheel()
    busy = connection(1, deadline=30.0)
    wheel.file(busy)
    busy.deadline = 100.0  # a packet came; nobody told the wheel
    assert wheel.expired(31.0, ALL) == []
    assert busy.due == 101.0
    assert wheel.expired(101.0, ALL) == [busy]


def test_a_deadline_that_moves_earlier_needs_refiling_and_is_then_kept() -> None:
    wheel = Wheel()
    closing = connection(1, deadline=432000.0)
    wheel.file(closing)
    closing.deadline = 10.0
    wheel.refile(closing)
    assert wheel.expired(11.0, ALL) == [closing]


def test_removing_from_the_middle_of_a_slot_leaves_the_others() -> None:
    wheel = Wheel()
    same_second = [connection(number, deadline=5.1) for number in range(5)]
    for one in same_second:
        wheel.file(one)
    wheel.remove(same_second[2])
    wheel.remove(same_second[4])  # the slot's head
    wheel.remove(same_second[0])  # its tail
    wheel.remove(same_second[0])  # twice is nothing
    assert set(wheel.expired(6.0, ALL)) == {same_second[1], same_second[3]}


def test_one_call_does_no_more_than_its_budget_and_the_next_goes_on() -> None:
    wheel = Wheel()
    for number in range(10):
        wheel.file(connection(number, deadline=float(number)))
    assert len(wheel.expired(100.0, 4)) == 4
    assert len(wheel.expired(100.0, 4)) == 4
    assert len(wheel.expired(100.0, 4)) == 2
    assert wheel.expired(100.0, 4) == []


def test_a_clock_that_jumps_by_a_year_costs_a_look_at_the_slots_only() -> None:
    wheel = Wheel()
    far = connection(1, deadline=3.0e7)
    near = connection(2, deadline=1.0)
    wheel.file(far)
    wheel.file(near)
    assert wheel.expired(3.1e7, ALL) == [near, far]


def test_a_deadline_already_past_is_due_in_the_next_second() -> None:
    wheel = Wheel()
    assert wheel.expired(100.0, ALL) == []
    late = connection(1, deadline=50.0)
    wheel.file(late)
    assert wheel.expired(101.0, ALL) == [late]


def test_the_next_due_second_is_known() -> None:
    wheel = Wheel()
    assert wheel.next_due() == float("inf")
    wheel.file(connection(1, deadline=7.2))
    wheel.file(connection(2, deadline=3.9))
    assert wheel.next_due() == 4.0


@given(
    st.lists(
        st.tuples(st.floats(0, 50), st.sampled_from(["file", "later", "sooner", "remove"])), min_size=1, max_size=60
    )
)
def test_every_connection_ends_once_within_a_second_of_its_deadline(steps: list[tuple[float, str]]) -> None:
    wheel = Wheel()
    now, living, number = 0.0, [], 0
    for advance, what in steps:
        if what == "file" or not living:
            number += 1
            living.append(connection(number, deadline=now + advance))
            wheel.file(living[-1])
        elif what == "later":
            living[0].deadline += advance
        elif what == "sooner":
            living[0].deadline = max(now, living[0].deadline - advance)
            wheel.refile(living[0])
        else:
            wheel.remove(living.pop(0))
        now += advance / 10
        for gone in wheel.expired(now, ALL):
            assert gone.deadline <= now
            living.remove(gone)
        assert all(one.deadline > now - 1.0 for one in living)
    assert set(wheel.expired(now + 10000, ALL)) == set(living)
