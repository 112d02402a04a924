"""From the compiled object to loaded programs with their maps.

Lives here: sizes, pins, taking over maps that are there. May not live here: libbpf (libbpf.py), bpf(2) (syscalls.py).
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final, NamedTuple

from conntrack.gateway.fastpath import layout, punts, syscalls
from conntrack.gateway.fastpath.bulk import Bulk
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.kernelmap import KernelMap, Shape
from conntrack.gateway.fastpath.libbpf import Library, Object
from conntrack.gateway.fastpath.maps import FlowMaps
from conntrack.gateway.fastpath.program import Program

#: what the build puts beside this module
OBJECT: Final = Path(__file__).with_name("bpf") / "pairwall.bpf.o"

_NAMES: Final = ("flows4", "flows6", "tcp", "settings", "links", "punts")
_TC: Final = "pairwall_tc"
_XDP: Final = "pairwall_xdp"
_BULK: Final = ("pairwall_states", "pairwall_usage4", "pairwall_usage6", "pairwall_relink")


class Loaded(NamedTuple):
    """One load: the programs for interfaces, and the maps."""

    tc: Program
    maps: FlowMaps
    adopted: int  # entries that were in the maps already
    xdp: Program | None  # where it was asked for


def find_object() -> Path:
    """The object that the build put into the package. FastPathError: there is none."""
    if not OBJECT.exists():
        raise FastPathError(
            "this package was built without the fast path", "install clang, llvm and libbpf-dev, and build it again"
        )
    return OBJECT


def load(path: Path, capacity: int, pins: Path | None = None, xdp: bool = False) -> Loaded:
    """Loads the programs. capacity: connections that the maps have room for. xdp: the one for XDP as well.

    pins: a folder in a bpffs. Maps pinned there are taken over if all have the shape of ours, and unpinned if not;
    new ones are pinned there. FastPathError: with what is missing and the remedy.
    """
    shapes = expected(capacity)
    opened = Library().open_object(path)
    try:
        for shape in shapes.values():
            opened.resize(shape.name, shape.capacity)
        if pins is not None:
            _take_over(opened, shapes, pins)
        if not xdp:
            opened.leave_out(_XDP)
        opened.load()
        if pins is not None:
            _pin(opened, shapes, pins)
        return _loaded(opened, shapes, xdp)
    finally:
        opened.close()


def load_xdp(path: Path, maps: FlowMaps) -> Program:
    """The program for XDP alone, over maps that are in use. FastPathError: with what is missing and the remedy."""
    opened = Library().open_object(path)
    try:
        for name, one in zip(_NAMES, maps.all(), strict=True):
            opened.reuse(layout.map_name(name), one.descriptor)
        for program in (_TC, *_BULK):
            opened.leave_out(program)
        opened.load()
        return Program(opened.program(_XDP), _XDP)
    finally:
        opened.close()


def pin(maps: FlowMaps, pins: Path) -> None:
    """Pins maps there, in the place of any that are."""
    for name, one in zip(_NAMES, maps.all(), strict=True):
        (pins / name).unlink(missing_ok=True)
        one.pin(pins / name)


def expected(capacity: int) -> dict[str, Shape]:
    """The shape of each map, for so many connections."""
    sizes = {
        "flows4": (layout.KEY4_SIZE, layout.FLOW4.size, 2 * capacity),
        "flows6": (layout.KEY6_SIZE, layout.FLOW6.size, 2 * capacity),
        "tcp": (4, layout.TCP_STATE.size, capacity),
        "settings": (4, layout.SETTINGS.size, 1),
        "links": (4, layout.LINK.size, layout.LINKS),
        "punts": (4, layout.COUNTER.size, punts.SLOTS),
    }
    return {name: Shape(layout.map_name(name), *sizes[name]) for name in _NAMES}


def _take_over(opened: Object, shapes: dict[str, Shape], pins: Path) -> None:
    """Makes the object use the maps that are pinned there, if they are just like ours: libbpf looks less closely."""
    found: dict[str, KernelMap] = {}
    for name in shapes:
        with contextlib.suppress(FileNotFoundError):
            found[name] = KernelMap(syscalls.pinned(pins / name))
    if {name: one.shape for name, one in found.items()} == shapes:
        for one in found.values():
            opened.reuse(one.shape.name, one.descriptor)
    else:
        for name in found:
            (pins / name).unlink()
    for one in found.values():
        one.close()


def _pin(opened: Object, shapes: dict[str, Shape], pins: Path) -> None:
    for name, shape in shapes.items():
        if not (pins / name).exists():
            descriptor = opened.map(shape.name)
            syscalls.pin(descriptor, pins / name)
            os.close(descriptor)


def _loaded(opened: Object, shapes: dict[str, Shape], xdp: bool) -> Loaded:
    cpus = possible_cpus()
    flows4, flows6, tcp, settings, links, counters = (
        KernelMap(opened.map(shape.name), cpus if name == "punts" else 1) for name, shape in shapes.items()
    )
    bulk = Bulk(*(Program(opened.program(name), name) for name in _BULK))
    maps = FlowMaps(flows4, flows6, tcp, settings, links, counters, bulk)
    driver = Program(opened.program(_XDP), _XDP) if xdp else None
    return Loaded(Program(opened.program(_TC), _TC), maps, maps.adopt(), driver)


def possible_cpus(path: Path = Path("/sys/devices/system/cpu/possible")) -> int:
    """How many CPUs a per-CPU map has values for, from the kernel's list ("0-3", "0,2-7")."""
    last = path.read_text().strip().replace(",", "-").split("-")[-1]
    return int(last) + 1
