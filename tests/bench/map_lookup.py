"""map_lookup_growth_ns: what of fastpath_growth is the kernel's hash map: a look-up among many, less one among few.

The map has the shape and the room that the fast path's has by default, and entries of both directions, of which one
direction's are looked up at random. Beside it the same of an array of as many lines of 64 bytes, each with its place
known: what a look-up would cost at least that waits for memory once.

Lives here: this measurement. May not live here: the programs (bpf/lookups.bpf.c).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from struct import Struct
from typing import Final

from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.kernelmap import KernelMap
from conntrack.gateway.fastpath.libbpf import Library
from conntrack.gateway.fastpath.program import Program
from conntrack.policy.runtime import Settings
from tests.bench import flood, inject
from tests.bench.fastpath_cost import FLOWS
from tests.bench.figure import BenchError, Figure, of_runs
from tests.bench.options import Options

NAMES: Final = ("map_lookup_growth_ns", "line_lookup_growth_ns")
SOURCE: Final = Path(__file__).with_name("bpf") / "lookups.bpf.c"
#: look-ups of one run of a program
STEPS: Final = 256
#: struct plan
PLAN: Final = Struct("=QQ")
_KEY: Final = Struct("=I12x")
_ENTRY: Final = bytes(56)
_BATCH: Final = 512
_REPEAT: Final = 500
_FRAME: Final = bytes(64)


def measure(options: Options) -> list[Figure]:
    """Nanoseconds more, on one core."""
    sizes = (FLOWS, options.carried)
    with _loaded(2 * Settings().connections) as (programs, plans, hashed), flood.pinned(flood.cores()[0]):
        _fill(hashed, options.carried)
        costs = [[[_cost(one, plans, size) for size in sizes] for one in programs] for _ in range(options.runs)]
    figures = []
    for at, (name, what) in enumerate(zip(NAMES, ("a hash map", "lines with known places"), strict=True)):
        few, many = (median(run[at][size] for run in costs) for size in (0, 1))
        told = f"a look-up in {what}: {many:.0f} ns among {options.carried:_}, {few:.0f} among {FLOWS}".replace(
            "_", " "
        )
        figures.append(of_runs(name, [run[at][1] - run[at][0] for run in costs], "ns", told))
    return figures


@contextlib.contextmanager
def _loaded(room: int) -> Iterator[tuple[tuple[Program, Program], KernelMap, KernelMap]]:
    """(by hash, by line), the plan and the hash map. BenchError: they cannot be had."""
    with contextlib.ExitStack() as stack:
        try:
            opened = Library().open_object(inject.built(SOURCE))
            stack.callback(opened.close)
            opened.resize("hashed", room)
            opened.resize("lines", room)
            opened.load()
            programs = (Program(opened.program("by_hash"), "by_hash"), Program(opened.program("by_line"), "by_line"))
            plans, hashed = KernelMap(opened.map("plans")), KernelMap(opened.map("hashed"))
        except FastPathError as error:
            raise BenchError(f"the programs cannot be loaded: {error}") from error
        for one in (*programs, plans, hashed):
            stack.callback(one.close)
        yield programs, plans, hashed


def _fill(hashed: KernelMap, count: int) -> None:
    """Entries as connections have them: batches of replies, which are never looked up, and of originals."""
    for first in range(0, count, _BATCH):
        numbers = range(first, min(first + _BATCH, count))
        for base in (count, 0):
            hashed.put_many(b"".join(_KEY.pack(base + number) for number in numbers), _ENTRY * len(numbers))


def _cost(program: Program, plans: KernelMap, count: int) -> float:
    """Nanoseconds a look-up; what is to be in the caches has been there before."""
    plans.put(bytes(4), PLAN.pack(1, count))
    run = program.run(_FRAME, repeat=_REPEAT)
    if run.action != STEPS:
        raise BenchError(f"{STEPS - run.action} of {STEPS} look-ups have found nothing")
    return program.run(_FRAME, repeat=_REPEAT).nanoseconds / STEPS
