"""NAT64's link while the daemon runs: there, routed and known to the engine as the rules in force want it.

Lives here: the order of these around a reload. May not live here: the link itself (gateway/tunnel).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from ipaddress import IPv6Network

from conntrack.engine.core import Engine
from conntrack.engine.exit import Exit
from conntrack.flow.connection import NAT64
from conntrack.flow.ending import POLICY
from conntrack.gateway.queue.base import Queue
from conntrack.gateway.tunnel.errors import TunnelError
from conntrack.service.host import Host

logger = logging.getLogger("pairwall.nat64")


class Crossings:
    """Begins with the prefixes that the daemon was started with."""

    def __init__(self, host: Host, engine: Engine, queue: Queue, prefixes: Sequence[IPv6Network]) -> None:
        self._host = host
        self._engine = engine
        self._queue = queue
        self._prefixes = list(prefixes)

    async def widen(self, prefixes: Sequence[IPv6Network]) -> Exit | None:
        """Before new rules: routes for what they want and for what the old ones have. TunnelError: there is no link."""
        return await self._host.lead_out(list(dict.fromkeys([*self._prefixes, *prefixes])))

    def take(self, way_out: Exit | None, prefixes: Sequence[IPv6Network]) -> None:
        """With new rules: the engine sends by the link, or no longer; the queue gives packets that can be sent so.

        Connections that have no way out any more end.
        """
        if prefixes:
            self._queue.segment()
        elif self._prefixes:
            self._end_all()
        self._engine.lead_out(way_out if prefixes else None)

    def _end_all(self) -> None:
        now = time.monotonic()
        for connection in self._engine.table.snapshot():
            if connection.status & NAT64:
                self._engine.end(connection, POLICY, now)

    async def narrow(self, prefixes: Sequence[IPv6Network]) -> None:
        """After new rules: what the old ones had goes."""
        if list(prefixes) != self._prefixes:
            self._prefixes = list(prefixes)
            await self._host.lead_out(self._prefixes)

    async def look(self) -> None:
        """Every so often: routes that somebody took away are put back."""
        try:
            await self._host.lead_out(self._prefixes)
        except TunnelError as error:
            logger.error("nothing goes from IPv6 to IPv4: %s", error)
