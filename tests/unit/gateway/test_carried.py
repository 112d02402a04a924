"""What is remembered of a carried connection, and how readings of its entries add up."""

from __future__ import annotations

import pytest

from conntrack.flow.connection import OFFLOADED
from conntrack.gateway.fastpath.coarse import ticks
from conntrack.gateway.fastpath.manager import GRACE, MATURE
from tests.unit.gateway.carrying import CLIENT, OUTSIDE, SERVER, Carrying

WRAP = 1 << 32


def test_packets_are_counted_on_where_an_entrys_count_begins_again() -> None:
    """32 bits, which a fast link fills within the hour; sweeps are ten seconds apart."""
    host = Carrying()
    connection = host.stream()
    readings = ((1 << 31) - 1, (1 << 31) - 1, 7)
    for packets in readings:
        host.maps.seen(connection, True, packets, 1000 * packets, host.now + 10)
        host.now += 10.0
        for _ in host.manager.sweep(host.now):
            pass
    seen = sum(readings)
    assert (connection.reply.packets, connection.reply.octets) == (4 + seen, 4 * 28 + 1000 * seen)
    assert host.maps.flows[connection.reply.key].packets == (4 + seen) % WRAP < seen


@pytest.mark.parametrize("begun", [MATURE, WRAP - 3, 3 * WRAP + 7])
def test_one_that_comes_back_brings_its_whole_count(begun: int) -> None:
    """However often the entry's has begun again, and whatever part of it was there before it was offered."""
    host = Carrying()
    connection = host.stream(MATURE - 1)
    connection.original.packets, connection.original.octets = begun, 1000 * begun
    host.arrive("wan", f"udp {SERVER} > {OUTSIDE}")
    host.turn()
    assert host.maps.flows[connection.original.key].packets == begun % WRAP
    host.maps.seen(connection, False, 10, 10_000, host.now)
    host.now += GRACE * 2
    host.arrive("lan", f"udp {CLIENT} > {SERVER}")
    assert not connection.status & OFFLOADED
    assert connection.original.packets == begun + 11
    assert connection.original.octets == 1000 * begun + 10_028


@pytest.mark.parametrize("passed", [0, WRAP - 4])
def test_an_older_reading_than_the_last_changes_nothing(passed: int) -> None:
    """A batch was read before the connection was asked for by itself, and is looked at after that."""
    host = Carrying()
    connection = host.stream()
    record = host.manager.carried[int(connection.identity)]
    record.original.packets = connection.original.packets = passed
    record.original.octets = connection.original.octets = 1000 * passed
    counters = host.engine.counters
    older, newer = passed + 2, passed + 6  # of which one is before the wrap, the other after it
    for reading in (newer, older, newer):
        record.read(False, reading % WRAP, 1000 * reading, ticks(host.now), counters, host.now)
        assert (connection.original.packets, connection.original.octets) == (newer, 1000 * newer)
