"""Between queue and engine: the clock, and every so often a look at it around a verdict.

Lives here: what happens once a batch and once a packet on the way to the engine. May not live here: anything else, for
every packet passes here. Compiled.
"""

from __future__ import annotations

import time
from typing import Final

from mypy_extensions import i64

from conntrack.engine.core import Engine
from conntrack.gateway.queue.base import Handler
from conntrack.service.latency import Histogram

#: one packet in so many is timed
SAMPLE_EVERY: Final = 64
#: packets that may wait in the kernel for a later verdict: of thousands that it keeps for us
HELD: Final = 64


class EngineHandler(Handler):
    """Gives packets to the engine. The time is read once a batch: verdicts of one batch happen at one time."""

    def __init__(self, engine: Engine) -> None:
        self.latency = Histogram()
        self._engine = engine
        engine.hold(HELD)
        self._now = time.monotonic()
        self._until_sample: i64 = SAMPLE_EVERY

    def batch(self) -> None:
        """See Handler."""
        self._now = time.monotonic()

    def packet(
        self, raw: bytes, hook: i64, inbound: i64, outbound: i64, mark: i64, verify: bool
    ) -> tuple[int, bytes | None, int]:
        """See Handler."""
        self._until_sample -= 1
        if self._until_sample > 0:
            return self._engine.packet(raw, hook, inbound, outbound, mark, self._now, verify)
        self._until_sample = SAMPLE_EVERY
        begun = time.perf_counter()
        outcome = self._engine.packet(raw, hook, inbound, outbound, mark, self._now, verify)
        self.latency.observe(time.perf_counter() - begun)
        return outcome

    def held(self, raw: bytes, hook: i64, inbound: i64, mark: i64) -> tuple[int, bytes | None, int]:
        """See Handler."""
        return self._engine.held(raw, inbound, self._now)
