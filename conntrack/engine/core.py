"""The sans-IO core: one packet in, one verdict out.

Lives here: the path of a packet, in the order in which it happens. May not live here: how a new connection is
decided on (admit.py), ICMP errors (related.py), hairpin's second crossing (hairpin.py), sockets, clocks.
"""

from __future__ import annotations

from random import Random

from mypy_extensions import i64

from conntrack.engine.admit import Admission
from conntrack.engine.counters import Counters
from conntrack.engine.events import Observer
from conntrack.engine.hairpin import first_crossing, second_crossing
from conntrack.engine.related import Errors
from conntrack.engine.renewal import move, swap
from conntrack.engine.state import State
from conntrack.engine.topology import Topology
from conntrack.engine.trace import Trace
from conntrack.engine.verdict import ACCEPT, DONE, FORWARD, HALF, PREROUTING
from conntrack.flow.connection import LOGGED, REWRITE_DESTINATION, REWRITE_SOURCE, Connection, Direction
from conntrack.flow.ending import CLOSED, REOPENED, TIMEOUT
from conntrack.flow.pair import prefixes
from conntrack.flow.table import Table, source_of
from conntrack.nat.ports import Ports
from conntrack.packet import reason
from conntrack.packet.errors import Malformed
from conntrack.packet.header import ICMP_ERROR, WHOLE, Packet
from conntrack.packet.parse import parse
from conntrack.packet.rewrite import set_tos, translate
from conntrack.policy.policy import Policy
from conntrack.policy.runtime import Rule
from conntrack.tracker.base import FINISH, IGNORE, REOPEN
from conntrack.tracker.registry import Trackers


class Engine:
    """Tracks, decides, translates. `now` is seconds on a clock that never goes back, `wall` on it is Unix time."""

    def __init__(self, policy: Policy, topology: Topology, random: Random) -> None:
        self._trackers = Trackers()
        self._state = State(policy, topology, random, self._trackers.by_number)
        self._packet = Packet()
        self._prefixes = prefixes(0)
        self._directions = self._state.table.directions
        self._admission = Admission(self._state)
        self._errors = Errors(self._state)
        swap(self._state, self._trackers, policy)

    @property
    def table(self) -> Table:
        """The connections."""
        return self._state.table

    @property
    def counters(self) -> Counters:
        """What has been counted."""
        return self._state.counters

    @property
    def ports(self) -> Ports:
        """The outside ports in use; `ports.own` is to be set by whoever knows the gateway's sockets."""
        return self._state.ports

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._state.policy

    @property
    def topology(self) -> Topology:
        """The topology in force."""
        return self._state.topology

    @property
    def trackers(self) -> Trackers:
        """The trackers, for names of protocols and states."""
        return self._trackers

    @property
    def trace(self) -> Trace:
        """What was thought of the last packet."""
        return self._state.trace

    def observe(self, observer: Observer | None) -> None:
        """Sets who is told of connections and logged packets."""
        self._state.observer = observer

    def set_wall(self, offset: float) -> None:
        """Sets Unix time minus the clock that `now` is on, for schedules."""
        self._state.wall = offset

    def packet(
        self, raw: bytes, hook: i64, inbound: i64, outbound: i64, mark: i64, now: float, verify: bool = True
    ) -> tuple[int, bytes | None, int]:
        """Judges one IP packet: (DROP or ACCEPT, its new bytes or None if unchanged, the packet mark to set).

        hook: PREROUTING, FORWARD or OUTPUT of engine/verdict.py; inbound and outbound: interface indexes, 0 for none;
        mark: the packet mark it came with; verify: judge the transport checksum. Never raises for any bytes.
        """
        packet = self._packet
        trace = self._state.trace
        trace.clear()
        try:
            parse(raw, packet, verify)
        except Malformed as malformed:
            packet.length = len(raw)
            return self._refuse(packet, malformed.reason, inbound, outbound)
        if packet.fragment != WHOLE:
            return self._refuse(packet, reason.FRAGMENT, inbound, outbound)
        if mark & HALF and hook == FORWARD:
            return second_crossing(self._state, packet, self._prefixes[packet.protocol])
        if packet.kind >= ICMP_ERROR:
            return self._errors.packet(packet, hook, inbound, outbound, now)
        key = self._prefixes[packet.protocol] + packet.pair
        direction = self._directions.get(key)
        if direction is not None:
            connection = direction.connection
            if connection.deadline > now:
                return self._known(packet, key, direction, connection, hook, inbound, outbound, now)
            self._state.end(connection, TIMEOUT, now)
        return self._new(packet, key, hook, inbound, outbound, now)

    def expire(self, now: float, budget: int = 1000) -> int:
        """Ends connections whose time is up, up to `budget` at a call; returns how many were ended."""
        gone = self._state.table.wheel.expired(now, budget)
        for connection in gone:
            self._state.end(connection, TIMEOUT, now)
        return len(gone)

    def next_deadline(self) -> float:
        """When `expire` may have something to do; infinity with an empty table."""
        return self._state.table.wheel.next_due()

    def swap(self, policy: Policy) -> None:
        """Puts a compiled policy in force; connections stay, with their rules by name."""
        swap(self._state, self._trackers, policy)

    def move(self, topology: Topology, now: float) -> int:
        """Links, addresses or routes changed; returns how many masqueraded connections ended by it."""
        return move(self._state, topology, now)

    def end(self, connection: Connection, ending: int, now: float) -> None:
        """Ends one connection (an administrator's delete)."""
        self._state.end(connection, ending, now)

    def _refuse(self, packet: Packet, why: i64, inbound: i64, outbound: i64) -> tuple[int, bytes | None, int]:
        topology = self._state.topology
        zone_in = topology.zone_of(inbound) if inbound else -1
        zone_out = topology.zone_of(outbound) if outbound else -1
        return self._state.refuse(packet, why, zone_in, zone_out)

    def _new(
        self, packet: Packet, key: bytes, hook: i64, inbound: i64, outbound: i64, now: float
    ) -> tuple[int, bytes | None, int]:
        """A packet of no connection: admitted, it goes the way of every packet of its connection."""
        direction = self._admission.admit(packet, key, hook, inbound, outbound, now)
        if direction is None:
            return self._admission.answer
        self._count(packet, direction, direction.connection, now)
        return self._leave(packet, direction, direction.connection, hook)

    def _known(
        self,
        packet: Packet,
        key: bytes,
        direction: Direction,
        connection: Connection,
        hook: i64,
        inbound: i64,
        outbound: i64,
        now: float,
    ) -> tuple[int, bytes | None, int]:
        rewrites = direction.rewrites
        if hook == PREROUTING and rewrites == REWRITE_SOURCE:
            return ACCEPT, None, 0  # a source is rewritten after routing: FORWARD queues it again
        if hook == FORWARD and rewrites & REWRITE_DESTINATION:
            return self._refuse(packet, reason.UNTRANSLATABLE, inbound, outbound)
        state = connection.state
        status = connection.status
        judgement = self._trackers.by_number[packet.protocol].judge(packet, direction, now)
        if judgement > FINISH:
            self._note(direction, connection)
            return self._refuse(packet, judgement, inbound, outbound)
        if judgement == REOPEN:
            self._state.end(connection, REOPENED, now)
            return self._new(packet, key, hook, inbound, outbound, now)
        table = self._state.table
        if connection.state != state:
            table.moved(connection, state)
        if connection.status != status:
            table.eviction.place(connection)
        if connection.deadline < connection.due - 1.0:
            table.wheel.refile(connection)
        self._count(packet, direction, connection, now, judgement != IGNORE)
        outcome = self._leave(packet, direction, connection, hook)
        if judgement == FINISH:
            self._state.end(connection, CLOSED, now)
        return outcome

    def _count(
        self, packet: Packet, direction: Direction, connection: Connection, now: float, counts: bool = True
    ) -> None:
        """A passed packet counts for its zone pair, and for its connection unless the tracker ignored it."""
        length = packet.length
        if counts:
            direction.packets += 1
            direction.octets += length
            connection.seen = now
        counters = self._state.counters
        zone_in, zone_out = i64(connection.zone_in), i64(connection.zone_out)
        pair = counters.pair(zone_in, zone_out) if direction.original else counters.pair(zone_out, zone_in)
        counters.accepted_packets[pair] += 1
        counters.accepted_octets[pair] += int(length)
        self._note(direction, connection)
        if connection.status & LOGGED:
            self._log(packet, connection, now)

    def _note(self, direction: Direction, connection: Connection) -> None:
        trace = self._state.trace
        trace.direction = "original" if direction.original else "reply"
        trace.connection = connection

    def _log(self, packet: Packet, connection: Connection, now: float) -> None:
        observer = self._state.observer
        rule = connection.rule
        if observer is not None and isinstance(rule, Rule) and rule.may_log(source_of(connection.original.key), now):
            observer.logged(rule, packet, "accept", now)

    def _leave(
        self, packet: Packet, direction: Direction, connection: Connection, hook: i64
    ) -> tuple[int, bytes | None, int]:
        """The packet as it leaves this hook, and the mark that tells the next one what is done."""
        out: bytes | None = None
        mark = i64(connection.mark)
        rewrites = direction.rewrites
        if hook == PREROUTING:
            mark |= DONE
            if rewrites == REWRITE_SOURCE | REWRITE_DESTINATION:
                return ACCEPT, first_crossing(packet, direction), int(connection.mark | HALF)
        if rewrites:
            out = translate(packet, direction.translated, i64(direction.address_delta), i64(direction.port_delta))
        if connection.dscp >= 0:
            out = set_tos(packet.raw if out is None else out, int(i64(connection.dscp) << 2 | packet.tos & 3))
        return ACCEPT, out, int(mark)
