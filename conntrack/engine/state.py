"""What the engine's parts share: table, policy, topology, ports, counters.

Lives here: these references, and the one place where a connection ends or a packet is refused. May not live
here: the path of a packet (path.py) or of a new connection (admit.py).
"""

from __future__ import annotations

from random import Random

from mypy_extensions import i64

from conntrack.engine.conversation import Conversation
from conntrack.engine.counters import Counters
from conntrack.engine.events import Observer
from conntrack.engine.exit import Exit
from conntrack.engine.offload import Offload
from conntrack.engine.spaces import Spaces
from conntrack.engine.topology import Topology
from conntrack.engine.trace import DROPPED, Trace
from conntrack.engine.verdict import DROP
from conntrack.flow.connection import HELPED, OFFLOADED, Connection
from conntrack.flow.expectation import Expectation, Expectations
from conntrack.flow.table import Table
from conntrack.nat.block_choice import BlockChooser
from conntrack.nat.choice import Chooser
from conntrack.nat.mapping import Mapping
from conntrack.nat.ports import Ports
from conntrack.packet.header import Packet
from conntrack.packet.reason import FIRST_REFUSAL
from conntrack.policy.builtins import INVALID
from conntrack.policy.policy import Policy
from conntrack.policy.runtime import Rule
from conntrack.tracker.base import Tracker


class State:
    """One engine's shared state; everything runs in one thread."""

    def __init__(self, policy: Policy, topology: Topology, random: Random, trackers: list[Tracker]) -> None:
        self.policy = policy
        self.topology = topology
        self.trackers = trackers  # by protocol number, 256 of them
        self.table = Table()
        self.expectations = Expectations()
        self.conversations: dict[int, Conversation] = {}  # of connections that are HELPED, by identity
        self.ports = Ports()
        self.random = random
        self.chooser = Chooser(self.table.directions, self.ports, random)
        self.blocks = BlockChooser(self.ports.blocks, self.chooser, random)
        self.counters = Counters(len(policy.zones))
        self.zone_population: list[int] = [0] * len(policy.zones)
        self.observer: Observer | None = None
        self.offload: Offload | None = None
        self.trace = Trace()
        self.spaces = Spaces()
        self.way_out: Exit | None = None  # where NAT64's packets leave
        self._random = random
        self._identification: i64 = -1
        self.clamps = False  # a zone limits segments (`mss:`)
        self.wall = 0.0  # Unix time minus the clock that `now` is on

    def end(self, connection: Connection, ending: int, now: float) -> None:
        """The one place where a connection leaves: tells, counts, gives its port back, forgets."""
        if connection.status & OFFLOADED and self.offload is not None:
            self.offload.recall(connection, now)
        if connection.status & HELPED:
            self.conversations.pop(int(connection.identity), None)
            for expectation in self.expectations.of(connection):
                self.unexpect(expectation, now)
        observer = self.observer
        if observer is not None:
            observer.ended(connection, ending, now)
        self.counters.ended[ending] += 1
        if connection.zone_in >= 0:
            self.zone_population[connection.zone_in] -= 1
        rule = connection.rule
        if isinstance(rule, Rule):
            rule.packets += connection.original.packets + connection.reply.packets
            rule.octets += connection.original.octets + connection.reply.octets
        self.ports.release(connection, now)
        self.table.remove(connection)

    def unexpect(self, expectation: Expectation, now: float) -> None:
        """The one place where an expectation leaves: gives its port back."""
        self.expectations.remove(expectation)
        held = expectation.hold
        expectation.hold = None
        if isinstance(held, Mapping):
            self.ports.let_go(held, now)

    def settle(self, connection: Connection, state: i64, status: i64) -> None:
        """Lets the table know what a judgement changed of a connection that had this state and status."""
        table = self.table
        if connection.state != state:
            table.moved(connection, state)
        if connection.status != status:
            table.eviction.place(connection)
        if connection.deadline < connection.due - 1.0:
            table.wheel.refile(connection)

    def way(self, zone: i64, address: bytes) -> i64:
        """The interface that packets to an address in a zone leave by; 0 if there is none."""
        entrance = self.spaces.entrance(zone)
        return entrance if entrance else self.topology.route(address)

    def identify(self) -> i64:
        """The next identification of an IPv4 packet made here: each 65536th is the same (RFC 7915 §5.1)."""
        if self._identification < 0:
            self._identification = self._random.randrange(65536)
        self._identification = (self._identification + 1) & 0xFFFF
        return self._identification

    def over_zone_limit(self, zone: i64) -> bool:
        """Whether a zone already began as many connections as it may."""
        limits = self.policy.settings.per_zone
        return zone < len(limits) and 0 < limits[zone] <= self.zone_population[zone]

    def by_built_in(self, number: int) -> None:
        """Notes that one of the built-in rules (policy/builtins.py) decided on the packet."""
        rule = self.policy.rules[number]
        rule.hits += 1
        self.trace.rule = rule

    def refuse(self, packet: Packet, reason: i64, zone_in: i64, zone_out: i64) -> tuple[int, bytes | None, int]:
        """Drops and counts a packet."""
        counters = self.counters
        counters.reasons[reason] += 1
        pair = counters.pair(zone_in, zone_out)
        counters.dropped_packets[pair] += 1
        counters.dropped_octets[pair] += int(packet.length)
        self.trace.verdict = DROPPED
        self.trace.reason = reason
        if reason < FIRST_REFUSAL:
            self.by_built_in(INVALID)
        return DROP, None, 0
