"""What the engine tells of, handed on: to the clients of `flows watch`, and to the log.

Lives here: watchers with bounded queues, and the log line of a rule. May not live here: sockets (control.py) or
which packets a rule logs (policy/).
The engine calls from the packet loop, so nothing here waits; without watchers an event costs one look at an empty set.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator
from typing import Final

from conntrack.engine.events import Observer
from conntrack.flow.connection import Connection
from conntrack.flow.ending import ENDINGS
from conntrack.flow.pair import prefixes
from conntrack.packet.header import Packet
from conntrack.policy.limits import Limit
from conntrack.policy.runtime import Rule
from conntrack.service.filters import Filter
from conntrack.service.names import protocol_name
from conntrack.service.protocol import Item
from conntrack.service.views import Flows, pair_view

#: events that a slow watcher may be behind
BACKLOG: Final = 4096

#: lines a second that rules may log together, whatever each is allowed: one takes as long as judging several packets,
#: and whoever sends what `log: all` names could keep the daemon busy with writing
LINES: Final = 1000

#: event names, as `flows watch --event` takes them
NEW: Final = "new"
END: Final = "end"

rules_log = logging.getLogger("pairwall.rules")


class Watcher:
    """One client of `flows watch`: what it wants to hear, and what it has not heard yet."""

    def __init__(self, wanted: Filter, kinds: frozenset[str]) -> None:
        self.wanted = wanted
        self.kinds = kinds
        self.lost = 0
        self._waiting: deque[Item] = deque()
        self._arrived = asyncio.Event()

    def tell(self, item: Item) -> None:
        """Queues an event; when the watcher is too far behind, it is lost and counted."""
        if len(self._waiting) >= BACKLOG:
            self.lost += 1
            return
        self._waiting.append(item)
        self._arrived.set()

    async def items(self) -> AsyncIterator[Item]:
        """The events as they come, without end; `{"event": "lost", "count": N}` where some were lost."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                yield self._waiting.popleft()
            if self.lost:
                lost, self.lost = self.lost, 0
                yield {"event": "lost", "count": lost}


class Events(Observer):
    """The engine's observer. One for the daemon's life; it survives every change of policy."""

    def __init__(self, flows: Flows) -> None:
        self._flows = flows
        self._watchers: set[Watcher] = set()
        self.logged_packets = 0
        self.unwritten = 0  # lines over LINES
        self._lines = Limit(LINES, 1, LINES)
        self._told = 0  # of the unwritten

    async def watch(self, wanted: Filter, kinds: frozenset[str]) -> AsyncIterator[Item]:
        """Events that match, from now on, until the caller stops asking."""
        watcher = Watcher(wanted, kinds)
        self._watchers.add(watcher)
        try:
            async for item in watcher.items():
                yield item
        finally:
            self._watchers.discard(watcher)

    def watchers(self) -> int:
        """How many are watching."""
        return len(self._watchers)

    def created(self, connection: Connection, now: float) -> None:
        """See Observer."""
        if self._watchers:
            self._tell(NEW, connection, now, {})

    def ended(self, connection: Connection, ending: int, now: float) -> None:
        """See Observer."""
        if self._watchers:
            self._tell(END, connection, now, {"reason": ENDINGS[ending][0]})

    def logged(self, rule: Rule, packet: Packet, verdict: str, now: float) -> None:
        """See Observer. The rule's own rate has already been kept."""
        self.logged_packets += 1
        if not self._lines.take(b"", now):
            self.unwritten += 1
            return
        if self.unwritten > self._told:
            missing, self._told = self.unwritten - self._told, self.unwritten
            rules_log.warning("%d lines of rules were not written: more than %d a second", missing, LINES)
        rules_log.info("%s: %s", verdict, rule.why(), extra={"fields": packet_fields(rule, packet, verdict)})

    def _tell(self, kind: str, connection: Connection, now: float, more: Item) -> None:
        view: Item | None = None
        for watcher in self._watchers:
            if kind in watcher.kinds and watcher.wanted.matches(connection):
                if view is None:
                    view = {"event": kind, **more, **self._flows.view(connection, now)}
                watcher.tell(view)


def packet_fields(rule: Rule, packet: Packet, verdict: str) -> Item:
    """What a log line says of a packet besides its rule."""
    fields: Item = {"verdict": verdict, "rule": rule.name, "pair": rule.pair}
    fields["protocol"] = protocol_name(int(packet.protocol))
    fields |= pair_view(prefixes(0)[packet.protocol] + packet.pair)
    fields["length"] = int(packet.length)
    return fields
