"""Sends every frame once, never more at a time than a queue holds: nothing may be lost.

Lives here: that pace. May not live here: what the frames are, where they go.
"""

from __future__ import annotations

import time
from typing import Final

from tests.bench import flood
from tests.bench.arrivals import Arrivals
from tests.bench.figure import BenchError
from tests.bench.flood import Flood

#: packets on their way
WINDOW: Final = 1024
_PATIENCE: Final = 3.0


def send_all(generator: Flood, arrivals: Arrivals) -> float:
    """Sends all frames; the seconds until as many packets have arrived. BenchError: they have not."""
    total = len(generator)
    base = arrivals.count()
    begun = heard = now = time.perf_counter()
    sent = arrived = 0
    while arrived < total:
        if sent < total and sent - arrived < WINDOW:
            sent += generator.send(sent, min(flood.BATCH, total - sent))
            continue
        before, arrived = arrived, arrivals.count() - base
        now = time.perf_counter()
        if arrived > before:
            heard = now
        elif now - heard > _PATIENCE:
            raise BenchError(f"of {total} packets only {arrived} arrived")
    return now - begun
