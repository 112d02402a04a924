"""Stand-ins for what the daemon reaches Linux by: a queue that is a socket pair, and a host that remembers."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Sequence
from ipaddress import IPv6Network

from conntrack.engine.exit import Exit
from conntrack.engine.topology import Topology
from conntrack.engine.verdict import FORWARD
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.stand import Stand
from conntrack.gateway.hooks.plan import Wanted
from conntrack.gateway.hooks.tools import HookError
from conntrack.gateway.links.neighbours import Changed, Neighbours
from conntrack.gateway.links.snapshot import Snapshot
from conntrack.gateway.queue.base import Handler, Options, Queue, QueueError, Tally
from conntrack.gateway.queue.stats import Stats
from conntrack.policy.policy import Policy
from tests.host import LINKS, topology_of

LAN, WAN = 2, 1  # interface indexes of tests.host.LINKS


class FakeQueue(Queue):
    """Packets are put in by tests; the socket pair makes the loop's selector see them."""

    def __init__(self, handler: Handler | None = None) -> None:
        self.handler = handler
        self.waiting: deque[bytes] = deque()
        self.verdicts: list[tuple[int, bytes | None, int]] = []
        self.endless = False  # there is always another packet
        self.lost: Exception | None = None
        self.drained: list[int] = []  # what each call of drain was asked for
        self.closed = False
        self.segmented = 0
        self._tally = Tally()
        self._reading, self._writing = socket.socketpair()
        self._reading.setblocking(False)

    def put(self, raw: bytes) -> None:
        if not self.waiting:
            self._writing.send(b".")  # readable from now until the last packet is taken
        self.waiting.append(raw)

    def flood(self) -> None:
        self._writing.send(b".")
        self.endless = True

    def name(self) -> str:
        return "fake"

    def segment(self) -> None:
        self.segmented += 1

    def tally(self) -> Tally:
        return self._tally

    def fileno(self) -> int:
        return self._reading.fileno()

    def drain(self, limit: int) -> int:
        self.drained.append(limit)
        if self.lost is not None:
            raise self.lost
        if self.endless:
            self._tally.packets += limit
            return limit
        done = 0
        if self.waiting and self.handler is not None:
            self.handler.batch()
        while self.waiting and done < limit:
            raw = self.waiting.popleft()
            done += 1
            self._tally.packets += 1
            if self.handler is not None:
                self.verdicts.append(self.handler.packet(raw, FORWARD, LAN, WAN, 0, True))
        if done and not self.waiting:
            self._reading.recv(65536)
        return done

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._reading.close()
            self._writing.close()


class FakeHost:
    """See service/host.py. `steps` is what was asked of it, in order."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.queue: FakeQueue | None = None
        self.options: Options | None = None
        self.installed: list[Wanted] = []
        self.complaints: list[str] = []
        self.refuse_queue = ""
        self.refuse_hooks = ""
        self.links = dict(LINKS)
        self.changed: Callable[[], None] = lambda: None
        self.led: list[list[str]] = []
        self.way_out = Exit()
        self.ports: set[int] = {6 << 16 | 22}

    async def prepare(self, policy: Policy, set_sysctls: bool) -> list[str]:
        self.steps.append(f"prepare {set_sysctls}")
        return self.complaints

    async def topology(self, policy: Policy) -> Topology:
        self.steps.append("topology")
        return topology_of(self.links, {zone.name: int(zone.number) for zone in policy.zones})

    def watch(self, changed: Callable[[], None]) -> None:
        self.steps.append("watch")
        self.changed = changed

    async def own_ports(self) -> set[int]:
        return self.ports

    def open_queue(self, backend: str, options: Options, handler: Handler) -> Queue:
        self.steps.append(f"queue {backend}")
        if self.refuse_queue:
            raise QueueError(self.refuse_queue)
        self.options = options
        self.queue = FakeQueue(handler)
        return self.queue

    def snapshot(self) -> Snapshot:
        return Snapshot()

    async def open_stand(self, capacity: int, xdp: bool) -> Stand:
        self.steps.append("fast path")
        raise FastPathError("no BPF in a test", "none is needed")

    def neighbours(self, changed: Changed, lost: Callable[[], None]) -> Neighbours:
        raise OSError("no netlink in a test")

    def gso_is_safe(self) -> bool:
        return False

    async def unload(self) -> None:
        self.steps.append("unload")

    async def lead_out(self, prefixes: Sequence[IPv6Network]) -> Exit | None:
        self.led.append([str(prefix) for prefix in prefixes])
        return self.way_out if prefixes else None

    def queue_stats(self, number: int) -> Stats | None:
        return Stats(number, 4711, 3, 20, 1, 1000)

    async def install(self, wanted: Wanted) -> bool:
        self.steps.append("install")
        if self.refuse_hooks:
            raise HookError(self.refuse_hooks)
        self.installed.append(wanted)
        return True

    async def repair(self) -> bool:
        return False

    async def remove(self) -> None:
        self.steps.append("remove")

    def close(self) -> None:
        self.steps.append("close")
