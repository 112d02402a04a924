"""ageing_100k_ms: a sweep over 100 000 carried connections, whose 200 000 entries are read for which were seen since.

The sweep is the daemon's own, in steps between which its loop does what else is to be done; ageing_pause_ms is the
longest time that it was not asked. Idle: no connection has been seen since the last sweep. Busy: each of them has, in
both directions, and its counters and its time move on. expiry: all of them end by their timeouts and leave the maps.

Lives here: these measurements; run as a module it is the child that does them. May not live here: connections and maps.
"""

from __future__ import annotations

import asyncio
import gc
import struct
import time
from collections.abc import Coroutine, Iterator
from typing import Final

from conntrack.gateway.fastpath import coarse, layout
from conntrack.service.loop import EXPIRE_BUDGET
from conntrack.service.pace import paced
from tests.bench import child, engines
from tests.bench.carrier import Carrier
from tests.bench.figure import BenchError, Figure, of_runs
from tests.bench.options import Options

NAMES: Final = (
    "ageing_100k_ms",
    "ageing_pause_ms",
    "ageing_busy_100k_ms",
    "ageing_busy_pause_ms",
    "expiry_100k_ms",
    "expiry_pause_ms",
)
_TOLD: Final = ("idle since the last sweep", "each seen since the last sweep", "all of them ending")
#: seconds until idle UDP connections end, and more
_LONG: Final = 1000.0
_MOVED: Final = struct.Struct("=IIQ")
_MOVED_AT: Final = 24  # last_seen, packets and octets of an entry

#: seconds of CPU time, and of the longest pause
Spent = tuple[float, float]


def measure(options: Options) -> list[Figure]:
    """CPU time of the sweep or of ending, and the loop's longest pause meanwhile; for 100 000 connections."""
    how = "" if engines.compiled() else "; NOT compiled"
    found: list[list[Spent]] = child.run(__name__, options.carried, options.runs)
    figures = []
    for number, (spent, told) in enumerate(zip(found, _TOLD, strict=True)):
        share = 100_000 / options.carried
        whole = [cost * share * 1e3 for cost, _ in spent]
        pauses = [pause * 1e3 for _, pause in spent]
        figures.append(of_runs(NAMES[2 * number], whole, "ms", f"CPU time of the daemon for 100 000, {told}{how}"))
        figures.append(of_runs(NAMES[2 * number + 1], pauses, "ms", f"the loop's longest pause meanwhile{how}"))
    return figures


def age(count: int, runs: int) -> list[list[Spent]]:
    """Idle sweeps, busy sweeps, and the end of all."""
    gc.disable()  # as in the daemon
    carrier = Carrier(count, tcp=False)
    carrier.carry_all()
    list(carrier.manager.sweep(time.monotonic()))
    idle = [watched(swept(carrier)) for _ in range(runs)]
    busy = []
    for _ in range(runs):
        move(carrier)
        busy.append(watched(swept(carrier)))
    return [idle, busy, [watched(ended(carrier))]]


def swept(carrier: Carrier) -> Iterator[None]:
    return carrier.manager.sweep(time.monotonic())


def ended(carrier: Carrier) -> Iterator[None]:
    """Ends all, as service/loop.py does."""
    now = time.monotonic() + _LONG
    while carrier.engine.expire(now, EXPIRE_BUDGET) >= EXPIRE_BUDGET:
        yield
    if carrier.manager.carried:
        raise BenchError(f"{len(carrier.manager.carried)} connections did not end")


def move(carrier: Carrier) -> None:
    """Every entry has had a packet of 64 bytes, just now.

    A packet changes its entry in place. What is written by a system call is a new entry, and the kernel frees the old
    ones in the time of whoever comes next: here of somebody who reads all and looks at nothing.
    """
    flows = carrier.maps.all()[0]
    seen = coarse.ticks(time.monotonic())
    for keys, values in list(flows.batches(4096)):
        new = bytearray(values)
        for at in range(_MOVED_AT, len(new), layout.FLOW4.size):
            _, packets, octets = _MOVED.unpack_from(new, at)
            _MOVED.pack_into(new, at, seen, packets + 1, octets + 64)
        flows.put_many(keys, bytes(new))
    for _ in carrier.maps.readings():
        pass


def watched(steps: Iterator[None]) -> Spent:
    """Takes the steps as the daemon does, beside a task that watches how long it has to wait."""
    spent = 0.0

    def timed() -> Iterator[None]:
        nonlocal spent
        while True:
            begun = time.thread_time()
            try:
                next(steps)
            except StopIteration:
                return
            finally:
                spent += time.thread_time() - begun
            yield

    pause = asyncio.run(_longest(paced(timed())))
    return spent, pause


async def _longest(work: Coroutine[None, None, None]) -> float:
    """The longest time between two turns of the loop while the work is done."""
    working = asyncio.ensure_future(work)
    longest = 0.0
    before = time.perf_counter()
    while not working.done():
        await asyncio.sleep(0)
        now = time.perf_counter()
        longest = max(longest, now - before)
        before = now
    await working
    return longest


if __name__ == "__main__":
    child.answer(age)
