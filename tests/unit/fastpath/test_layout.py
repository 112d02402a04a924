"""Keys, entries and TCP states as bytes."""

from __future__ import annotations

import pytest

from conntrack.flow.pair import build
from conntrack.gateway.fastpath import layout
from conntrack.gateway.fastpath.layout import Flow, flow_key, map_key, unpack_flow
from conntrack.packet.header import TCP, UDP

KEY4 = build(TCP, bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2)), 0x1234, 443, space=3)
KEY6 = build(UDP, bytes(15) + b"\1", bytes(15) + b"\2", 53, 5353)


def test_sizes_are_those_that_were_measured() -> None:
    assert (layout.FLOW4.size, layout.FLOW6.size, layout.TCP_STATE.size) == (56, 96, 64)
    assert len(map_key(KEY4)) == layout.KEY4_SIZE
    assert len(map_key(KEY6)) == layout.KEY6_SIZE


def test_a_map_key_is_the_packets_pair_then_protocol_and_space() -> None:
    assert map_key(KEY4) == bytes((10, 0, 0, 1, 10, 0, 0, 2, 0x12, 0x34, 1, 187, TCP, 3, 0, 0))


@pytest.mark.parametrize("key", [KEY4, KEY6])
def test_keys_come_back(key: bytes) -> None:
    assert flow_key(map_key(key)) == key


@pytest.mark.parametrize("size", [4, 16])
def test_entries_come_back(size: int) -> None:
    pair = bytes(range(2 * size + 4))
    flow = Flow(pair, bytes(range(size)), 1, 2, 1500, 4, 5, 6, 7, 8, 9, 10, 2**31, 2**50, 11)
    raw = flow.pack()
    assert len(raw) == (layout.FLOW4 if size == 4 else layout.FLOW6).size
    assert unpack_flow(raw) == flow


def test_map_names_fit_the_kernel_and_tell_the_version() -> None:
    names = [layout.map_name(name) for name in ("flows4", "flows6", "tcp", "settings", "punts")]
    assert all(len(name) <= 15 for name in names)
    assert all(str(layout.LAYOUT_VERSION) in name for name in names)
