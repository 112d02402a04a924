"""The table: two keys a connection, limits, eviction order, populations."""

import gc

import pytest

from conntrack.flow.connection import ASSURED, CLOSING, DYING, HAIRPIN, Connection, Direction
from conntrack.flow.pair import build, invert
from conntrack.flow.table import Table, half_key
from conntrack.packet import reason
from conntrack.packet.header import UDP
from tests.unit.flow.connections import connection


def filled(count: int, **limits: int) -> tuple[Table, list[Connection]]:
    table = Table(**limits)
    made = [connection(number) for number in range(1, count + 1)]
    assert all(table.insert(one) for one in made)
    return table, made


def test_both_directions_find_the_connection() -> None:
    table, [only] = filled(1)
    assert table.directions[only.original.key] is only.original
    assert table.directions[invert(only.original.key)] is only.reply
    assert len(table) == 1
    assert list(table.connections()) == [only]


def test_a_taken_key_is_not_taken_over() -> None:
    table, [first] = filled(1)
    assert not table.insert(connection(1))
    assert table.directions[first.original.key] is first.original
    assert len(table) == 1


def test_a_socket_that_speaks_with_itself_is_no_connection() -> None:
    address = bytes((203, 0, 113, 1))
    key = build(UDP, address, address, 53, 53)
    table = Table()
    assert not table.insert(Connection(1, key, invert(key), 0.0))
    assert len(table.directions) == 0


def test_a_removed_connection_leaves_nothing_behind() -> None:
    table, [only] = filled(1, per_source=5)
    original = only.original
    table.remove(only)
    assert not table.directions
    assert only.status & DYING
    assert table.sources() == {}
    assert table.population == {UDP: [0] * 16}
    assert table.wheel.expired(1e6, 10) == []
    with pytest.raises(AssertionError):
        _ = original.connection


def test_without_the_garbage_collector_a_removed_connection_is_freed() -> None:
    gc.disable()
    try:
        table, made = filled(2)
        gone: list[int] = []

        class Witness:
            def __del__(self) -> None:
                gone.append(1)

        made[0].rule = Witness()
        table.remove(made.pop(0))
        assert gone == [1]
    finally:
        gc.enable()


def test_the_limit_is_reached_at_the_limit() -> None:
    table, _ = filled(3, limit=3)
    assert table.room(connection(9).original.key) == reason.TABLE_FULL
    assert Table(limit=0).room(connection(9).original.key) == reason.OK


def test_evicted_are_the_unassured_oldest_first_then_the_closing_then_nobody() -> None:
    table, [old, young, closing, live] = filled(4)
    closing.status |= ASSURED
    live.status |= ASSURED
    for one in (closing, live):
        table.eviction.place(one)
    closing.status |= CLOSING
    table.eviction.place(closing)
    order = []
    while (victim := table.eviction.victim()) is not None:
        order.append(victim)
        table.remove(victim)
    assert order == [old, young, closing]
    assert list(table.connections()) == [live]


def test_a_source_may_hold_so_many_and_another_one_still_may() -> None:
    table = Table(per_source=2)
    for number in (1, 2):
        assert table.insert(connection(number, source=7))
    assert table.room(connection(3, source=7).original.key) == reason.SOURCE_LIMIT
    assert table.room(connection(3, source=8).original.key) == reason.OK
    table.remove(next(table.connections()))
    assert table.room(connection(3, source=7).original.key) == reason.OK


def test_a_source_limit_set_later_counts_what_is_there() -> None:
    table = Table()
    for number in (1, 2):
        table.insert(connection(number, source=7))
    table.limit_sources(2)
    assert table.room(connection(3, source=7).original.key) == reason.SOURCE_LIMIT
    table.limit_sources(0)
    assert table.room(connection(3, source=7).original.key) == reason.OK


def test_populations_follow_the_states() -> None:
    table, [one, other] = filled(2)
    one.state = 3
    table.moved(one, 0)
    assert table.population[UDP][0] == 1
    assert table.population[UDP][3] == 1
    table.remove(one)
    table.remove(other)
    assert sum(table.population[UDP]) == 0


def test_a_snapshot_outlives_removals() -> None:
    table, made = filled(3)
    taken = table.snapshot()
    table.remove(made[1])
    assert taken == made
    assert [bool(one.status & DYING) for one in taken] == [False, True, False]


def test_half_of_a_hairpin_has_the_new_destination_and_the_old_source() -> None:
    table, [hairpin] = filled(1)
    direction: Direction = hairpin.original
    direction.translated = bytes([203, 0, 113, 1, 192, 168, 10, 20]) + b"\x30\x39" + b"\x01\xbb"
    hairpin.reply.translated = hairpin.reply.key[2:]
    half = half_key(direction)
    assert half == direction.key[:6] + bytes([192, 168, 10, 20]) + direction.key[10:12] + b"\x01\xbb"
    hairpin.status |= HAIRPIN
    table.halves[half] = direction
    table.remove(hairpin)
    assert table.halves == {}
