"""Which entries of a batch have been seen since: by entries that layout.py packs."""

from __future__ import annotations

import pytest

from conntrack.gateway.fastpath import layout
from conntrack.gateway.fastpath.layout import Flow
from conntrack.gateway.fastpath.readings import ALL, fresh

WRAP = 1 << 32


def entry(owner: int, last_seen: int, size: int = 4) -> bytes:
    pair = bytes(2 * size + 4)
    return Flow(
        pair, bytes(size), 3, 2, 1500, 1, layout.REPLY, owner=owner, last_seen=last_seen, packets=owner + 1, octets=99
    ).pack()


@pytest.mark.parametrize("size", [4, 16])
def test_what_was_seen_since_says_what_it_did(size: int) -> None:
    values = b"".join(entry(owner, 1000 + owner, size) for owner in range(5))
    assert fresh(values, len(values) // 5, 1003) == [
        (3, layout.REPLY, 1003, 4, 99),
        (4, layout.REPLY, 1004, 5, 99),
    ]


@pytest.mark.parametrize("last_seen", [0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF])
def test_all_are_all_whenever_they_were_seen(last_seen: int) -> None:
    assert fresh(entry(1, last_seen), layout.FLOW4.size, ALL) == [(1, layout.REPLY, last_seen, 2, 99)]


@pytest.mark.parametrize("since", [5, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFE, 0x0102_0304])
def test_times_are_compared_as_on_a_circle(since: int) -> None:
    for age, is_fresh in ((-1, False), (0, True), (1, True), (0x100, True), (-0x100, False), (-0x0100_0000, False)):
        values = entry(1, (since + age) % WRAP)
        assert bool(fresh(values, len(values), since)) is is_fresh, (since, age)


def test_nothing_is_nothing() -> None:
    assert fresh(b"", layout.FLOW4.size, ALL) == []
