"""Sets whose files are read again every so often.

Lives here: when, and what happens if a file cannot be read. May not live here: reading (policy/setfile.py), the set.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

from conntrack.policy.policy import Policy
from conntrack.policy.problems import PolicyError
from conntrack.policy.setfile import read
from conntrack.policy.sets import NetworkSet
from conntrack.service.configuration import Configuration
from conntrack.service.reload import switching_fast

logger = logging.getLogger("pairwall.sets")


class Refresher:
    """Looks every second which sets are due. New members are swapped in whole; on any error the old ones stay."""

    def __init__(self, policy: Callable[[], Policy], configuration: Configuration) -> None:
        self._policy = policy
        self._configuration = configuration
        self._due: dict[tuple[int, str], float] = {}

    async def look(self, now: float | None = None) -> None:
        """Refreshes what is due; `now` is monotonic seconds."""
        now = time.monotonic() if now is None else now
        for one in self.due(now):
            await self._refresh(one)

    def due(self, now: float) -> list[NetworkSet]:
        """The sets whose time has come; one that is seen for the first time was read just now, with the rules."""
        found: list[NetworkSet] = []
        known: dict[tuple[int, str], float] = {}
        for one in self._policy().sets.values():
            if not one.file or not one.refresh:
                continue
            key = (id(one), one.name)
            at = self._due.get(key, now + one.refresh)
            if at <= now:
                found.append(one)
                at = now + one.refresh
            known[key] = at
        self._due = known
        return found

    async def _refresh(self, one: NetworkSet) -> None:
        try:
            with switching_fast():
                await asyncio.to_thread(reread, one)
        except PolicyError as error:
            self._configuration.set_failed(one.name)
            fields = {"fields": {"set": one.name, "file": one.file}}
            logger.error("set %s not refreshed, the old members stay: %s", one.name, error, extra=fields)
            return
        logger.info("set refreshed", extra={"fields": {"set": one.name, "members": one.members}})


def reread(one: NetworkSet) -> None:
    """Reads a set's file and swaps the members, which is one store of a reference: safe beside the packet loop."""
    one.replace(read(Path(one.file)), time.time())
