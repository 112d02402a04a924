"""Maps in another size: what was in the old ones is in the new ones, and passes there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conntrack.flow.pair import build, invert
from conntrack.gateway.fastpath import layout, loader, migration
from conntrack.gateway.fastpath import pins as places
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.loader import Loaded, load
from conntrack.packet.header import TCP, UDP
from tests import segments
from tests.host import address
from tests.offload import Bench, built, liberal

CLIENT, SERVER = address("192.168.10.5"), address("203.0.113.77")
KEYS = [build(TCP, CLIENT, SERVER, 40000 + number, 443) for number in range(8)]
STREAM = build(UDP, address("fd10::5"), address("2001:db8::9"), 40000, 53)


def close(loaded: Loaded) -> None:
    loaded.maps.close()
    loaded.tc.close()


def segment(number: int) -> bytes:
    return segments.ip(CLIENT, SERVER, TCP, segments.tcp((40000 + number, 443), 1, 1, segments.flag_bits("A")))


def left_behind(pins: Path, capacity: int = 10) -> list[bytes]:
    """An earlier process's connections, and what their TCP states were."""
    first = load(built(), capacity, pins)
    bench = Bench(first)
    for number, key in enumerate(KEYS):
        bench.insert(key, key[2:], liberal(number + 1), owner=number + 1, packets=number, octets=1000 * number)
    bench.insert(STREAM, STREAM[2:], owner=99)
    for number in range(len(KEYS)):
        assert bench.send(segment(number)).punt == "forwarded"
    states = [first.maps.state(slot_of(first, key)) for key in KEYS]
    close(first)
    return states


def slot_of(loaded: Loaded, key: bytes) -> int:
    flow = loaded.maps.look(key)
    assert flow is not None
    return flow.slot


@pytest.mark.parametrize("capacity", [9, 1000])
def test_everything_moves(pins: Path, capacity: int) -> None:
    states = left_behind(pins)
    assert migration.pinned_capacity(pins) == 10
    second = migration.load(built(), capacity, pins, False)
    assert second.adopted == 2 * (len(KEYS) + 1)
    assert second.maps.generation() == 1
    assert migration.pinned_capacity(pins) == capacity
    for number, (key, state) in enumerate(zip(KEYS, states, strict=True)):
        flow = second.maps.look(key)
        assert flow is not None
        assert (flow.owner, flow.packets, flow.octets) == (number + 1, number + 1, 1000 * number + 40)
        assert second.maps.state(flow.slot) == state
    assert second.maps.look(STREAM) is not None
    close(second)


def test_what_has_moved_is_carried_and_found_again(pins: Path) -> None:
    left_behind(pins)
    close(migration.load(built(), 500, pins, False))
    third = migration.load(built(), 500, pins, False)
    assert third.adopted == 2 * (len(KEYS) + 1)
    run = third.tc.run(bytes(12) + b"\x08\x00" + segment(3), bytes(192))
    assert run.action == 7
    assert third.maps.recall(KEYS[3], invert(KEYS[3])) is not None
    close(third)


def test_what_does_not_fit_stays_behind(pins: Path) -> None:
    left_behind(pins)
    second = migration.load(built(), 5, pins, False)
    assert second.adopted == 2 * 5
    close(second)


def test_a_frozen_state_is_thawed(pins: Path) -> None:
    state = replace_control(liberal(), layout.FROZEN)
    assert migration.thawed(state) == liberal()
    assert migration.thawed(liberal()) == liberal()


def replace_control(state: bytes, control: int) -> bytes:
    fields = list(layout.TCP_STATE.unpack(state))
    fields[[name for name, _ in layout.TCP_FIELDS].index("control")] = control
    return layout.TCP_STATE.pack(*fields)


def test_maps_of_another_version_have_no_size(pins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left_behind(pins)
    usual = loader.expected

    def expected(capacity: int) -> dict[str, loader.Shape]:
        shapes = usual(capacity)
        return {**shapes, "tcp": shapes["tcp"]._replace(value_size=72)}

    monkeypatch.setattr(loader, "expected", expected)
    assert migration.pinned_capacity(pins) == 0


def test_where_nothing_is_pinned_it_is_an_ordinary_load(pins: Path) -> None:
    assert migration.pinned_capacity(pins) == 0
    loaded = migration.load(built(), 7, pins, True)
    assert (loaded.adopted, migration.pinned_capacity(pins)) == (0, 7)
    assert loaded.xdp is not None
    loaded.xdp.close()
    close(loaded)


def test_one_process_at_a_time_has_a_folder(pins: Path) -> None:
    held = places.claimed(pins)
    with pytest.raises(FastPathError, match="another daemon has the fast path"):
        places.claimed(pins)
    os.close(held)
    os.close(places.claimed(pins))
