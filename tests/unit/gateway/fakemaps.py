"""The fast path's maps without a kernel: what goes in comes out, and tests say what packets have done meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from conntrack.flow.connection import Connection
from conntrack.gateway.fastpath import coarse
from conntrack.gateway.fastpath.connections import Held
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.layout import Flow, Usage
from conntrack.gateway.fastpath.maps import FlowMaps, Offer, Relink, Seen


class FakeMaps(FlowMaps):
    """Holds `room` connections; `broken`: every call is refused."""

    def __init__(self, room: int = 100) -> None:
        self.flows: dict[bytes, Flow] = {}
        self.states: dict[int, bytes] = {}
        self.inserted: list[Offer] = []
        self.calls: list[tuple[str, int]] = []  # of those that ask for many connections, with how many
        self.room = room
        self.broken = False
        self.in_force = 0
        self.links: dict[int, tuple[bytes, bytes, bytes]] = {}

    def seen(self, connection: Connection, reply: bool, packets: int, octets: int, now: float) -> None:
        """Packets of a direction pass."""
        flow = self.flows[connection.reply.key if reply else connection.original.key]
        flow.packets = flow.packets + packets & 0xFFFF_FFFF  # as many bits as an entry has
        flow.octets += octets
        flow.last_seen = coarse.ticks(now)

    def insert_many(self, offers: list[Offer]) -> int:
        self._check()
        for at, offer in enumerate(offers):
            if len(self.flows) // 2 >= self.room:
                return at
            slot = offer.original.slot = offer.reply.slot = len(self.inserted)
            self.inserted.append(offer)
            self.states[slot] = offer.state
            self.flows[offer.reply_key] = replace(offer.reply)
            self.flows[offer.original_key] = replace(offer.original)
        return len(offers)

    def look(self, key: bytes) -> Flow | None:
        self._check()
        return self.flows.get(key)

    def state(self, slot: int) -> bytes:
        return self.states[slot]

    def recall_many(self, connections: list[Held]) -> list[Seen | None]:
        self._check()
        self.calls.append(("recall", len(connections)))
        return [self._recall(one) for one in connections]

    def read(self, connections: list[Held]) -> list[Seen | None]:
        self._check()
        self.calls.append(("read", len(connections)))
        found: list[Seen | None] = []
        for one in connections:
            there, back = self.flows.get(one.original_key), self.flows.get(one.reply_key)
            found.append(there and back and Seen(usage(there), usage(back), self.states.get(one.slot, b"")))
        return found

    def readings(self, chunk: int = 1024) -> Iterator[tuple[bytes, int]]:
        for flow in self.flows.values():
            values = flow.pack()
            yield values, len(values)

    def entries(self, chunk: int = 2048) -> Iterator[list[tuple[bytes, Flow]]]:
        yield list(self.flows.items())

    def punts(self) -> list[int]:
        return [0] * 16

    def generation(self) -> int:
        return self.in_force

    def set_generation(self, generation: int) -> None:
        self.in_force = generation

    def set_link(self, link: int, destination: bytes, source: bytes, ours: bytes) -> None:
        self._check()
        self.links[link] = (destination, source, ours)

    def forget_link(self, link: int) -> None:
        self._check()
        self.links.pop(link, None)

    def relink(self, orders: list[Relink]) -> None:
        self._check()
        for key, owner, link in orders:
            flow = self.flows.get(key)
            if flow is not None and flow.owner == owner:
                flow.link = link

    def _recall(self, held: Held) -> Seen | None:
        one, other = self.flows.pop(held.original_key, None), self.flows.pop(held.reply_key, None)
        if one is None or other is None:
            return None
        assert one.slot == other.slot == held.slot
        assert one.owner == other.owner == held.owner
        return Seen(usage(one), usage(other), self.states.get(one.slot, b""))

    def _check(self) -> None:
        if self.broken:
            raise FastPathError("refused", "in a test")


def usage(flow: Flow) -> Usage:
    return Usage(flow.packets, flow.octets, flow.last_seen)
