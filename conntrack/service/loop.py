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

from conntrack.gateway.queue.base import Queue, QueueError
from conntrack.service.latency import RecentMaximum
from conntrack.service.logs import Seldom

PACKETS: Final = 512
BATCH: Final = 64
TURN: Final = 0.005
TICK: Final = 0.25
#: connections ended at one go; more wait for the next turn
EXPIRE_BUDGET: Final = 100

logger = logging.getLogger("pairwall.loop")


class Expiring(Protocol):
    """What the loop needs of the engine."""

    def expire(self, now: float, budget: int) -> int:
        """Ends connections whose time is up; returns how many."""


class PacketLoop:
    """Runs on the current asyncio loop from `start` to `stop`. `broken` is resolved when the queue is lost."""

    def __init__(
        self,
        queue: Queue,
        engine: Expiring,
        alive: Callable[[], None],
        watchdog: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lag = RecentMaximum()
        self.packets = 0
        self.turns = 0
        self._loop = asyncio.get_running_loop()
        self.broken: asyncio.Future[str] = self._loop.create_future()
        self._queue = queue
        self._engine = engine
        self._alive = alive
        self._feed_every = watchdog / 2
        self._clock = clock
        self._fed = 0.0
        self._faults = 0
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._again: asyncio.Handle | None = None
        self._seldom = Seldom()

    def start(self) -> None:
        """Begins to judge packets."""
        self._loop.add_reader(self._queue.fileno(), self.turn)
        self._schedule()

    def stop(self) -> None:
        """Ends: packets stay in the queue until it is closed."""
        self._loop.remove_reader(self._queue.fileno())
        if self._timer is not None:
            self._timer.cancel()
        if self._again is not None:
            self._again.cancel()

    def turn(self) -> None:
        """Judges what waits, within the turn's bounds."""
        self.turns += 1
        done = 0
        end = self._clock() + TURN
        try:
            while done < PACKETS:
                judged = self._queue.drain(BATCH)
                done += judged
                if judged < BATCH or self._clock() >= end:
                    break
        except (QueueError, OSError) as error:
            self._lost(error)
        self.packets += done

    def expire(self) -> None:
        """Ends connections whose time is up: a budget now, the rest after the next turn of packets."""
        if self._engine.expire(self._clock(), EXPIRE_BUDGET) >= EXPIRE_BUDGET:
            self._again = self._loop.call_soon(self.expire)

    def _lost(self, error: Exception) -> None:
        """Without its queue the daemon is no use: it ends, and whoever started it starts it again."""
        self._loop.remove_reader(self._queue.fileno())
        if not self.broken.done():
            self.broken.set_result(str(error))

    def _schedule(self) -> None:
        self._due = self._clock() + TICK
        self._timer = self._loop.call_later(TICK, self._tick)

    def _tick(self) -> None:
        now = self._clock()
        self.lag.observe(max(0.0, now - self._due), now)
        self.turn()
        if self._feed_every and now - self._fed >= self._feed_every and not self.broken.done():
            self._alive()
            self._fed = now
        self.expire()
        self._tell_faults(now)
        self._schedule()

    def _tell_faults(self, now: float) -> None:
        """A packet whose judgement raised was dropped by the queue; here it is told of, with the traceback."""
        tally = self._queue.tally()
        if tally.faults == self._faults:
            return
        self._faults = int(tally.faults)
        if self._seldom.now("fault", now) is not None:
            fields = {"fields": {"faults": self._faults}}
            logger.error("a packet could not be judged and was dropped", exc_info=tally.fault, extra=fields)
