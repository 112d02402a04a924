"""A carrier over real maps, without packets: an engine with UDP flows, and the manager that the daemon has.

Lives here: making it. May not live here: any measuring.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Final

from conntrack.flow.connection import Connection
from conntrack.gateway.fastpath import loader
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.manager import MATURE_TCP, Manager
from conntrack.gateway.fastpath.maps import FlowMaps
from conntrack.gateway.fastpath.nexthops import Ways
from conntrack.gateway.links.snapshot import Address, Link, Route, Snapshot
from tests.bench import engines, rules
from tests.bench.engines import LAN, WAN
from tests.bench.figure import BenchError
from tests.bench.network import INSIDE, OUTSIDE

#: what the maps have room for: the default limit of connections
CAPACITY: Final = 262_144


class Carrier:
    """`later` holds what the manager wants called after the turn. BenchError: there are no maps to be had."""

    def __init__(self, count: int, tcp: bool) -> None:
        opening = engines.open_tcp if tcp else engines.open_udp
        self.later: list[Callable[[], None]] = []
        self.engine = engines.engine(engines.policy(rules.plain()))
        self.maps = maps()
        self.manager = Manager(self.engine, self.maps, CAPACITY, self.later.append, time.monotonic)
        self.manager.ways = Ways(snapshot(), (WAN, LAN))
        self.manager.start()
        now = time.monotonic()
        for number in range(count):
            opening(self.engine, number, now)
        self.connections: list[Connection] = list(self.engine.table.connections())
        for connection in self.connections:
            connection.original.packets += MATURE_TCP  # all have seen enough to be offered
        self.engine.carry(self.manager)

    def turn(self) -> None:
        """The end of a turn of packets: what was offered goes in."""
        while self.later:
            self.later.pop(0)()

    def carry_all(self, batch: int = 64) -> None:
        """Offers all. BenchError: not all went in."""
        now = time.monotonic()
        for at in range(0, len(self.connections), batch):
            for connection in self.connections[at : at + batch]:
                self.manager.offer(connection, now)
            self.turn()
        if len(self.manager.carried) != len(self.connections):
            raise BenchError(f"of {len(self.connections)} flows only {len(self.manager.carried)} went in")


def maps() -> FlowMaps:
    """Maps of the daemon's own shape, pinned nowhere."""
    try:
        loaded = loader.load(loader.find_object(), CAPACITY)
    except FastPathError as error:
        raise BenchError(f"no fast path: {error}") from error
    loaded.tc.close()
    return loaded.maps


def snapshot() -> Snapshot:
    """The links, addresses and routes of network.py's gateway."""
    inside, outside = (socket.inet_aton(address) for address in (INSIDE, OUTSIDE))
    return Snapshot(
        (Link(WAN, "eth0", True), Link(LAN, "eth1", True)),
        (Address(WAN, outside, 0), Address(LAN, inside, 0)),
        (),
        (
            Route(outside[:3] + b"\0", 24, 0, WAN),
            Route(inside[:3] + b"\0", 24, 0, LAN),
            Route(bytes((10, 64, 0, 0)), 10, 0, LAN, inside[:3] + b"\xfa"),
            Route(bytes((203, 0, 113, 0)), 24, 0, WAN, outside[:3] + b"\xfa"),
        ),
    )
