"""The packet loop: drains the queue a bounded number at a turn, and keeps the engine's time.

Lives here: the pace between packets and everything else on the thread. May not live here: verdicts (engine/), the
queue's sockets (gateway/).

A turn ends after PACKETS packets or TURN seconds, whichever comes first, even if more are waiting: asyncio then runs
whatever else is ready (control, metrics, timers, links) once, and comes back. So under a flood everything else waits a
turn, not for ever. The tick drains as well before it feeds the watchdog: only a loop that can still reach its queue is
called alive.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final, Protocol

from conntrack.service.latency import Histogram, RecentMaximum
from conntrack.service.logs import Seldom

PACKETS: Final = 512
BATCH: Final = 64
TURN: Final = 0.005
TICK: Final = 0.25
#: connections ended at one go; more wait for the next turn
EXPIRE_BUDGET: Final = 1000
#: one turn in so many is timed
SAMPLE_EVERY: Final = 64
#: turns in a row that may fail before the queue is given up
PATIENCE: Final = 200

logger = logging.getLogger("pairwall.loop")


class Queue(Protocol):
    """What the loop needs of a packet queue."""

    def fileno(self) -> int:
        """Readable while packets wait."""

    def drain(self, budget: int) -> int:
        """Judges up to about `budget` waiting packets, returns how many; never blocks. OSError: the queue is broken."""


class Expiring(Protocol):
    """What the loop needs of the engine."""

    def expire(self, now: float, budget: int) -> int:
        """Ends connections whose time is up; returns how many."""


class PacketLoop:
    """Runs on the current asyncio loop from `start` to `stop`. `broken` is resolved when the queue fails for good."""

    def __init__(
        self,
        queue: Queue,
        engine: Expiring,
        alive: Callable[[], None],
        watchdog: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.latency = Histogram()
        self.lag = RecentMaximum()
        self.packets = 0
        self.turns = 0
        self.errors = 0
        self.broken: asyncio.Future[OSError] = asyncio.get_running_loop().create_future()
        self._queue = queue
        self._engine = engine
        self._alive = alive
        self._feed_every = watchdog / 2
        self._clock = clock
        self._fed = 0.0
        self._failing = 0
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._again: asyncio.Handle | None = None
        self._seldom = Seldom()

    def start(self) -> None:
        """Begins to judge packets."""
        self._loop.add_reader(self._queue.fileno(), self.turn)
        self._schedule()

    def stop(self) -> None:
        """Ends: packets stay in the queue for whoever comes next."""
        self._loop.remove_reader(self._queue.fileno())
        if self._timer is not None:
            self._timer.cancel()
        if self._again is not None:
            self._again.cancel()

    def turn(self) -> bool:
        """Judges what waits, within the turn's bounds. False: the queue failed."""
        self.turns += 1
        try:
            self._drain()
        except OSError as error:
            self._failed(error)
            return False
        self._failing = 0
        return True

    def _drain(self) -> None:
        done = self._timed() if self.turns % SAMPLE_EVERY == 0 else 0
        end = self._clock() + TURN
        while done < PACKETS:
            judged = self._queue.drain(BATCH)
            done += judged
            if judged < BATCH or self._clock() >= end:
                break
        self.packets += done

    def _timed(self) -> int:
        """One packet by itself (or the smallest batch the queue can do), timed from the queue and back."""
        begun = time.perf_counter()
        judged = self._queue.drain(1)
        if judged:
            self.latency.observe((time.perf_counter() - begun) / judged, judged)
        return judged

    def _failed(self, error: OSError) -> None:
        self.errors += 1
        self._failing += 1
        kept_back = self._seldom.now(str(error.errno), self._clock())
        if kept_back is not None:
            logger.error("packet queue: %s", error, extra={"fields": {"kept_back": kept_back}})
        if self._failing >= PATIENCE and not self.broken.done():
            self.broken.set_result(error)

    def _schedule(self) -> None:
        self._due = self._clock() + TICK
        self._timer = self._loop.call_later(TICK, self._tick)

    def _tick(self) -> None:
        now = self._clock()
        self.lag.observe(max(0.0, now - self._due), now)
        if self.turn() and self._feed_every and now - self._fed >= self._feed_every:
            self._alive()
            self._fed = now
        self.expire()
        self._schedule()

    def expire(self) -> None:
        """Ends connections whose time is up: a budget now, the rest after the next turn of packets."""
        if self._engine.expire(self._clock(), EXPIRE_BUDGET) >= EXPIRE_BUDGET:
            self._again = self._loop.call_soon(self.expire)
