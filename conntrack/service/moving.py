"""Following the host's links: a new topology for the engine whenever something changed.

Lives here: one move at a time. May not live here: reading links (gateway/links), what a move ends (engine/renewal).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from conntrack.engine.core import Engine
from conntrack.service.host import Host

logger = logging.getLogger("pairwall.links")


class Mover:
    """`changed` may be called as often as it likes: what changes during a move asks for one more."""

    def __init__(self, host: Host, engine: Engine, then: Callable[[], Awaitable[None]] | None = None) -> None:
        """then: awaited after every move."""
        self._host = host
        self._engine = engine
        self._then = then
        self._stale = False
        self._task: asyncio.Task[None] | None = None

    def changed(self) -> None:
        """Links, addresses or routes are no longer what they were."""
        self._stale = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._move(), name="links")

    async def settled(self, seconds: float) -> None:
        """Until no move is under way, or for so long."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=seconds)

    def stop(self) -> None:
        """Gives up a move that is under way."""
        if self._task is not None:
            self._task.cancel()

    async def _move(self) -> None:
        engine = self._engine
        while self._stale:
            self._stale = False
            policy = engine.policy
            topology = await self._host.topology(policy)
            if engine.policy is not policy:  # the zones have other numbers by now
                self._stale = True
                continue
            ended = engine.move(topology, time.monotonic())
            if self._then is not None:
                await self._then()
            logger.info("links, addresses or routes changed", extra={"fields": {"connections_ended": ended}})
