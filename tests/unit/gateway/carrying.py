"""A gateway with a fast path of fake maps: tests.host.Host, and the manager beside it."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from conntrack.flow.connection import OFFLOADED, Connection
from conntrack.gateway.fastpath.manager import Manager
from conntrack.gateway.fastpath.nexthops import Ways
from conntrack.gateway.links.snapshot import Address, Link, Route, Snapshot
from tests.host import Host
from tests.unit.gateway.fakemaps import FakeMaps

WAN, LAN = 1, 2
ROUTER = "203.0.113.254"

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24]}
nat:
  - {name: internet, masquerade: wan, from: [lan]}
policy:
  lan -> wan: accept
"""

CLIENT = "192.168.10.5:40000"
OUTSIDE = "203.0.113.1:40000"
SERVER = "198.51.100.9:80"


def packed(text: str) -> bytes:
    return ip_address(text).packed


def snapshot(gateway: str = ROUTER, mtu: int = 1500) -> Snapshot:
    return Snapshot(
        (Link(WAN, "eth0", True, mtu), Link(LAN, "eth1", True)),
        (Address(WAN, packed("203.0.113.1"), 0), Address(LAN, packed("192.168.10.1"), 0)),
        (),
        (
            Route(packed("203.0.113.0"), 24, 0, WAN),
            Route(packed("192.168.10.0"), 24, 0, LAN),
            Route(packed("0.0.0.0"), 0, 0, WAN, packed(gateway)),
        ),
    )


class Carrying(Host):
    """`turn` is the end of a turn of packets: what was offered goes in."""

    def __init__(self, rules: str = RULES, room: int = 100) -> None:
        super().__init__(rules)
        self.maps = FakeMaps(room)
        self.later: list[Callable[[], None]] = []
        self.manager = Manager(self.engine, self.maps, room, self.later.append, lambda: self.now)
        self.manager.ways = Ways(snapshot(), (WAN, LAN))
        self.manager.start()
        self.engine.carry(self.manager)

    def turn(self) -> None:
        while self.later:
            self.later.pop(0)()

    def stream(self, packets: int = 8) -> Connection:
        """A UDP stream of so many packets, both ways in turn, and the end of the turn."""
        for number in range(packets):
            if number % 2:
                self.arrive("wan", f"udp {SERVER} > {OUTSIDE}")
            else:
                self.arrive("lan", f"udp {CLIENT} > {SERVER}")
        self.turn()
        return self.only()

    def transfer(self) -> Connection:
        """A TCP connection with a question and an answer of 1000 bytes each, and the end of the turn."""
        self.arrive("lan", f"tcp {CLIENT} > {SERVER} SYN seq=100 window=60000")
        self.arrive("wan", f"tcp {SERVER} > {OUTSIDE} SYN+ACK seq=500 ack=101 window=60000")
        self.arrive("lan", f"tcp {CLIENT} > {SERVER} ACK seq=101 ack=501 window=60000")
        self.arrive("lan", f"tcp {CLIENT} > {SERVER} PSH+ACK seq=101 ack=501 window=60000 length=1000")
        self.arrive("wan", f"tcp {SERVER} > {OUTSIDE} ACK seq=501 ack=1101 window=60000")
        self.arrive("wan", f"tcp {SERVER} > {OUTSIDE} PSH+ACK seq=501 ack=1101 window=60000 length=1000")
        self.arrive("lan", f"tcp {CLIENT} > {SERVER} ACK seq=1101 ack=1501 window=60000")
        self.arrive("lan", f"tcp {CLIENT} > {SERVER} ACK seq=1101 ack=1501 window=59999")
        self.turn()
        return self.only()

    def only(self) -> Connection:
        [connection] = self.engine.table.connections()
        return connection

    def is_carried(self, connection: Connection) -> bool:
        """By the status, by the manager and by the maps, which must agree."""
        answers = {
            bool(connection.status & OFFLOADED),
            int(connection.identity) in self.manager.carried,
            connection.original.key in self.maps.flows,
            connection.reply.key in self.maps.flows,
        }
        [answer] = answers
        return answer
