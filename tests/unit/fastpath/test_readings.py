"""What readings are read from: entries as gateway/fastpath/layout.py packs them."""

from __future__ import annotations

import pytest

from conntrack.gateway.fastpath import layout, readings
from conntrack.gateway.fastpath.layout import Flow
from conntrack.gateway.fastpath.readings import ALL, is_fresh

WRAP = 1 << 32


def entry(last_seen: int = 0, family: int = 4, **fields: int) -> bytes:
    size = 4 if family == 4 else 16
    return Flow(bytes(2 * size + 4), bytes(size), 3, 2, 1500, 1, last_seen=last_seen, **fields).pack()


@pytest.mark.parametrize("family", [4, 6])
def test_every_field_is_read_where_the_program_writes_it(family: int) -> None:
    first = entry(0x0102_0304, family, owner=0xFEDC_BA98, flags=layout.REPLY, packets=1 << 31 | 7, octets=(1 << 63) - 5)
    second = entry(0xFFFF_FFFF, family, owner=1, packets=2, octets=3)
    at = len(first)
    assert [
        (one(first + second, place))
        for place in (0, at)
        for one in (readings.owner, readings.flags, readings.last_seen, readings.packets, readings.octets)
    ] == [0xFEDC_BA98, layout.REPLY, 0x0102_0304, 1 << 31 | 7, (1 << 63) - 5, 1, 0, 0xFFFF_FFFF, 2, 3]


@pytest.mark.parametrize("since", [5, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFE, 0x0102_0304])
def test_times_are_compared_as_on_a_circle(since: int) -> None:
    for age, answer in ((-1, False), (0, True), (1, True), (0x100, True), (-0x100, False), (-0x0100_0000, False)):
        assert is_fresh(entry((since + age) % WRAP), 0, since) is answer, (since, age)


@pytest.mark.parametrize("last_seen", [0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF])
def test_all_are_all_whenever_they_were_seen(last_seen: int) -> None:
    assert is_fresh(entry(last_seen), 0, ALL)
