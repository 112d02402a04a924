"""Loading, with maps of an earlier process and without, and saying what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from conntrack.flow.pair import build
from conntrack.gateway.fastpath import layout, libbpf, loader
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.loader import Loaded, expected, find_object, load, load_xdp, possible_cpus
from conntrack.packet.header import TCP, UDP
from tests import segments
from tests.offload import LINK, NEXT, OURS, XDP_REDIRECT, Bench, built, liberal, why_not

CLIENT, SERVER = bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))
KEY = build(TCP, CLIENT, SERVER, 40000, 443)


def close(loaded: Loaded) -> None:
    loaded.maps.close()
    loaded.tc.close()


def test_flows_outlive_the_process_by_their_pins(pins: Path) -> None:
    first = load(built(), 10, pins)
    assert first.adopted == 0
    offer = Bench(first).insert(KEY, KEY[2:], liberal())
    close(first)
    second = load(built(), 10, pins)
    assert second.adopted == 2
    assert second.maps.look(KEY) == offer.original
    assert second.maps.generation() == 1
    assert second.maps.state(offer.original.slot) == offer.state
    close(second)


def test_maps_of_another_shape_are_not_taken_over(pins: Path) -> None:
    """libbpf takes a map with another value size without a word."""
    first = load(built(), 10, pins)
    Bench(first).insert(KEY, KEY[2:], liberal())
    close(first)
    second = load(built(), 20, pins)
    assert second.adopted == 0
    assert second.maps.look(KEY) is None
    close(second)


def test_all_maps_of_another_version_go_together(pins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load(built(), 10, pins)
    Bench(first).insert(KEY, KEY[2:], liberal())
    close(first)
    shapes = expected(10)
    shapes["tcp"] = shapes["tcp"]._replace(capacity=11)
    monkeypatch.setattr(loader, "expected", lambda capacity: shapes)
    second = load(built(), 10, pins)
    assert second.adopted == 0  # flows without their states would be worth nothing
    close(second)


def test_xdp_comes_later_and_carries_what_the_maps_hold(pins: Path) -> None:
    loaded = load(built(), 10, pins)
    key = build(UDP, CLIENT, SERVER, 40000, 53)
    Bench(loaded).insert(key, key[2:])
    loaded.maps.set_link(LINK, NEXT, OURS, OURS)
    driver = load_xdp(built(), loaded.maps)
    frame = (
        OURS + bytes(6) + b"\x08\x00" + segments.ip(CLIENT, SERVER, UDP, segments.udp((40000, 53), b"at the driver"))
    )
    assert driver.run(frame).action == XDP_REDIRECT
    flow = loaded.maps.look(key)
    assert flow is not None
    assert flow.packets == 1
    driver.close()
    close(loaded)


def test_xdp_of_another_version_does_not_come_later(pins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package on the disk may be a newer one than the daemon that runs."""
    loaded = load(built(), 10, pins)
    monkeypatch.setattr(layout, "LAYOUT_VERSION", layout.LAYOUT_VERSION + 1)
    with pytest.raises(FastPathError, match="another version"):
        load_xdp(built(), loaded.maps)
    close(loaded)


def test_an_object_that_is_none_is_refused(tmp_path: Path) -> None:
    if why_not():
        pytest.skip(why_not())
    path = tmp_path / "none.o"
    path.write_bytes(b"not an object")
    with pytest.raises(FastPathError, match=r"cannot read .*none\.o"):
        load(path, 10)


def test_without_libbpf_the_package_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libbpf, "_LIBRARY", "libbpf.so.none")
    with pytest.raises(FastPathError, match="install libbpf1"):
        libbpf.Library()


def test_a_package_built_without_clang_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(loader, "OBJECT", tmp_path / "none.o")
    with pytest.raises(FastPathError, match="install clang"):
        find_object()


def test_shapes_have_room_for_both_directions() -> None:
    shapes = expected(100)
    assert shapes["flows4"] == (layout.map_name("flows4"), 16, 56, 200)
    assert shapes["tcp"] == (layout.map_name("tcp"), 4, 64, 100)


@pytest.mark.parametrize(("text", "count"), [("0", 1), ("0-1", 2), ("0-3,8-11", 12), ("0,2", 3)])
def test_possible_cpus(tmp_path: Path, text: str, count: int) -> None:
    (tmp_path / "possible").write_text(text + "\n")
    assert possible_cpus(tmp_path / "possible") == count
