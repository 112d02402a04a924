"""From the compiled object to loaded programs with their maps.

Lives here: sizes, pins, taking over maps that are there. May not live here: libbpf (libbpf.py), bpf(2) (syscalls.py).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

from conntrack.gateway.fastpath import layout, punts, syscalls
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.kernelmap import KernelMap, Shape
from conntrack.gateway.fastpath.libbpf import Library, Object
from conntrack.gateway.fastpath.maps import FlowMaps
from conntrack.gateway.fastpath.program import Program

#: what the build puts beside this module
OBJECT: Final = Path(__file__).with_name("bpf") / "pairwall.bpf.o"

_NAMES: Final = ("flows4", "flows6", "tcp", "settings", "punts")
_TC: Final = "pairwall_tc"
_FREEZE: Final = "pairwall_freeze"


class Loaded(NamedTuple):
    """One load: the program for interfaces, and the maps."""

    tc: Program
    maps: FlowMaps
    adopted: int  # entries that were in the maps already


def find_object() -> Path:
    """The object that the build put into the package. FastPathError: there is none."""
    if not OBJECT.exists():
        raise FastPathError(
            "this package was built without the fast path", "install clang, llvm and libbpf-dev, and build it again"
        )
    return OBJECT


def load(path: Path, capacity: int, pins: Path | None = None) -> Loaded:
    """Loads the programs. capacity: connections that the maps have room for.

    pins: a folder in a bpffs. Maps pinned there are taken over where their shape is ours, and unpinned where it is
    not; new ones are pinned there. FastPathError: with what is missing and the remedy.
    """
    shapes = expected(capacity)
    opened = Library().open_object(path)
    try:
        for name, shape in shapes.items():
            opened.resize(shape.name, shape.capacity)
            if pins is not None:
                _take_over(opened, shape, pins / name)
        opened.load()
        if pins is not None:
            _pin(opened, shapes, pins)
        return _loaded(opened, shapes)
    finally:
        opened.close()


def expected(capacity: int) -> dict[str, Shape]:
    """The shape of each map, for so many connections."""
    sizes = {
        "flows4": (layout.KEY4_SIZE, layout.FLOW4.size, 2 * capacity),
        "flows6": (layout.KEY6_SIZE, layout.FLOW6.size, 2 * capacity),
        "tcp": (4, layout.TCP_STATE.size, capacity),
        "settings": (4, layout.SETTINGS.size, 1),
        "punts": (4, layout.COUNTER.size, punts.SLOTS),
    }
    return {name: Shape(layout.map_name(name), *sizes[name]) for name in _NAMES}


def _take_over(opened: Object, shape: Shape, pin: Path) -> None:
    """Makes the object use the map that is pinned there, if it is just like ours: libbpf looks less closely."""
    try:
        found = KernelMap(syscalls.pinned(pin))
    except FileNotFoundError:
        return
    if found.shape == shape:
        opened.reuse(shape.name, found.descriptor)
    else:
        pin.unlink()
    found.close()


def _pin(opened: Object, shapes: dict[str, Shape], pins: Path) -> None:
    for name, shape in shapes.items():
        if not (pins / name).exists():
            descriptor = opened.map(shape.name)
            syscalls.pin(descriptor, pins / name)
            os.close(descriptor)


def _loaded(opened: Object, shapes: dict[str, Shape]) -> Loaded:
    cpus = possible_cpus()
    flows4, flows6, tcp, settings, counters = (
        KernelMap(opened.map(shape.name), cpus if name == "punts" else 1) for name, shape in shapes.items()
    )
    maps = FlowMaps(flows4, flows6, tcp, settings, counters, Program(opened.program(_FREEZE), _FREEZE))
    return Loaded(Program(opened.program(_TC), _TC), maps, maps.adopt())


def possible_cpus(path: Path = Path("/sys/devices/system/cpu/possible")) -> int:
    """How many CPUs a per-CPU map has values for, from the kernel's list ("0-3", "0,2-7")."""
    last = path.read_text().strip().replace(",", "-").split("-")[-1]
    return int(last) + 1
