"""A gateway of two dozen lines in front of which the fast path stands: a tracker, a translation, no policy.

It offers what is established and takes back whatever shows up in the queue, as the daemon does; each of its judgements
is one by the real tracker on the state that the fast path handed back.
"""

from __future__ import annotations

import socket
import time
from types import TracebackType
from typing import Self

from conntrack.cli.lab.namespace import Namespace
from conntrack.engine.verdict import FORWARD
from conntrack.flow.connection import ASSURED, SEEN_REPLY, Connection, Direction
from conntrack.flow.pair import invert
from conntrack.gateway.fastpath.attach import Attachment, attach
from conntrack.gateway.fastpath.handover import restore, state_of
from conntrack.gateway.fastpath.layout import REPLY, Flow
from conntrack.gateway.fastpath.loader import Loaded, load
from conntrack.gateway.fastpath.maps import Offer
from conntrack.packet.header import ICMP, ICMP_QUERY, ICMPV6, TCP, UDP, Packet
from conntrack.packet.parse import parse
from conntrack.packet.rewrite import deltas, translate
from conntrack.tracker.base import IGNORE
from conntrack.tracker.registry import Trackers
from conntrack.tracker.tcp import table
from tests.netns.pump import Answer, Seen, accept
from tests.offload import built

ASKED, REAL = 7001, 7000


class Carrier:
    """Turns server port ASKED into REAL on the way out and back, between two interfaces of one namespace."""

    def __init__(self, host: Namespace, inside: str, outside: str, mtu: int = 1500) -> None:
        self.loaded: Loaded = load(built(), 1000)
        self.maps = self.loaded.maps
        self.maps.set_generation(1)
        self.connections: list[Connection] = []
        self.refused: list[int] = []  # judgements other than ACCEPT and IGNORE
        self.carrying = True
        self._host = host
        self._mtu = mtu
        with host.entered():
            self.inside, self.outside = socket.if_nametoindex(inside), socket.if_nametoindex(outside)
        self._attached: list[Attachment] = []
        self._directions: dict[bytes, Direction] = {}
        self._carried: set[Connection] = set()
        self._trackers = Trackers().by_number

    def __enter__(self) -> Self:
        with self._host.entered():
            self._attached = [attach(self.loaded.tc, index) for index in (self.inside, self.outside)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in self._attached:
            one.detach()
        self.maps.close()
        self.loaded.tc.close()

    def judge(self, seen: Seen) -> Answer:
        """The queue's handler."""
        packet = Packet()
        parse(seen.raw, packet, verify=False)
        if seen.hook != FORWARD or not carried(packet):
            return accept(seen)
        key = bytes((int(packet.protocol), 0)) + packet.pair
        direction = self._directions.get(key) or self._begin(key, packet)
        connection = direction.connection
        self.take_back(connection)
        judgement = self._trackers[packet.protocol].judge(packet, direction, time.monotonic())
        if judgement > IGNORE:
            self.refused.append(int(judgement))
            return 0, None, 0
        direction.packets += 1
        direction.octets += packet.length
        self._offer(connection)
        leaves = invert(direction.peer.key)[2:]
        return 1, translate(packet, leaves, *deltas(packet.protocol, packet.pair, leaves)), 0

    def take_back(self, connection: Connection) -> None:
        """Out of the fast path, if it is there."""
        if connection not in self._carried:
            return
        self._carried.remove(connection)
        recalled = self.maps.recall(connection.original.key, connection.reply.key)
        assert recalled is not None
        for side, usage in ((connection.original, recalled.original), (connection.reply, recalled.reply)):
            side.packets, side.octets = usage.packets, usage.octets
        if recalled.state:
            restore(recalled.state, connection)

    def take_back_all(self) -> None:
        """All of them."""
        for connection in self.connections:
            self.take_back(connection)

    def _begin(self, key: bytes, packet: Packet) -> Direction:
        connection = Connection(len(self.connections) + 1, key, invert(key[:2] + leaving(key)), 0.0)
        self.connections.append(connection)
        for direction in (connection.original, connection.reply):
            self._directions[direction.key] = direction
        tracker = self._trackers[packet.protocol]
        assert tracker.may_open(packet) == 0
        tracker.open(packet, connection, time.monotonic())
        return connection.original

    def _offer(self, connection: Connection) -> None:
        if connection.protocol == TCP:
            ready = connection.state == table.ESTABLISHED and connection.status & ASSURED
        else:
            ready = connection.status & SEEN_REPLY
        if not ready or not self.carrying:
            return
        original, reply = connection.original, connection.reply
        offer = Offer(
            original.key,
            self._flow(original, self.inside, self.outside, 0),
            reply.key,
            self._flow(reply, self.outside, self.inside, REPLY),
            state_of(connection) if connection.protocol == TCP else b"",
        )
        self.maps.insert(offer)
        self._carried.add(connection)

    def _flow(self, direction: Direction, inbound: int, outbound: int, flags: int) -> Flow:
        leaves = invert(direction.peer.key)[2:]
        size = 4 if len(leaves) == 12 else 16
        return Flow(
            leaves,
            leaves[size : 2 * size],
            inbound,
            outbound,
            self._mtu,
            1,
            flags,
            owner=int(direction.connection.identity),
            packets=int(direction.packets),
            octets=int(direction.octets),
        )


def carried(packet: Packet) -> bool:
    """Whether the fast path has a place for it."""
    return packet.protocol in (TCP, UDP) or (packet.protocol in (ICMP, ICMPV6) and packet.kind == ICMP_QUERY)


def leaving(key: bytes) -> bytes:
    """What a new connection's packets leave with."""
    asked = key[-2:] == ASKED.to_bytes(2, "big") and key[0] in (TCP, UDP)
    return key[2:-2] + (REAL.to_bytes(2, "big") if asked else key[-2:])
