"""What is remembered of a carried connection, and how readings of its entries add up."""

from __future__ import annotations

import pytest

from conntrack.flow.connection import OFFLOADED
from conntrack.gateway.fastpath.coarse import moment
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
    host.engine.refresh(connection, host.now)
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
    record.packets, record.octets = passed, 1000 * passed
    record.reply_packets, record.reply_octets = passed, 1000 * passed
    older, newer = passed + 2, passed + 6  # of which one is before the wrap, the other after it
    for reading, more in ((newer, 6), (older, 0), (newer, 0)):
        for read in (record.read, record.read_reply):
            assert read(reading % WRAP, 1000 * reading, moment(host.now)) == more
        assert (record.packets, record.octets) == (newer, 1000 * newer)
        assert (record.reply_packets, record.reply_octets) == (newer, 1000 * newer)
