"""What the daemon does every so often, besides packets.

Lives here: the rhythm, and that a failed chore is told of and tried again. May not live here: the chores.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

logger = logging.getLogger("pairwall.chores")


class Chores:
    """Tasks that run until `stop`."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def every(self, seconds: Callable[[], float], chore: Callable[[], Awaitable[None]], name: str) -> None:
        """Does a chore again and again; `seconds` is asked anew each time, 0 means not now: asked again in a minute."""
        task = asyncio.create_task(_repeat(seconds, chore, name), name=name)
        self._tasks.add(task)

    async def stop(self) -> None:
        """Ends them all."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()


async def _repeat(seconds: Callable[[], float], chore: Callable[[], Awaitable[None]], name: str) -> None:
    while True:
        period = seconds()
        await asyncio.sleep(period or 60.0)
        if not period:
            continue
        try:
            await chore()
        except Exception as error:
            logger.error("%s: %s: %s", name, type(error).__name__, error)
