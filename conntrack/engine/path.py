"""A packet's way through the engine: bytes in, one verdict out.

Lives here: that way, in the order in which it happens. May not live here: how a new connection is decided on
(admit.py), how a packet leaves (leave.py), what helpers read (helping.py), ICMP errors (related.py), hairpin's second
crossing (hairpin.py), what the engine is asked besides (core.py).
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.engine.admit import Admission
from conntrack.engine.hairpin import second_crossing
from conntrack.engine.helping import Helping
from conntrack.engine.leave import count, leave, note
from conntrack.engine.offload import Offload, may_carry
from conntrack.engine.related import Errors
from conntrack.engine.segments import leave_clamped
from conntrack.engine.state import State
from conntrack.engine.verdict import ACCEPT, DROP, FORWARD, HALF, OUTPUT, PREROUTING, USER_MASK
from conntrack.flow.connection import (
    CROSSES,
    HAIRPIN,
    HELPED,
    NAT64,
    OFFLOADED,
    REWRITE_DESTINATION,
    REWRITE_SOURCE,
    Connection,
    Direction,
)
from conntrack.flow.ending import ADDRESS_GONE, CLOSED, REOPENED, TIMEOUT
from conntrack.flow.pair import prefixes
from conntrack.nat.translation import goes_elsewhere
from conntrack.packet import reason
from conntrack.packet.errors import Malformed
from conntrack.packet.header import FIN, ICMP_ERROR, RST, SYN, TCP, WHOLE, Packet
from conntrack.packet.parse import parse
from conntrack.tracker.base import ACCEPT as FITS
from conntrack.tracker.base import FINISH, IGNORE, REOPEN
from conntrack.tracker.registry import Trackers

#: Connection.status: not every packet is judged here, or not as it came
_NOT_PLAIN: Final = OFFLOADED | HELPED


class Path:
    """Judges packets, one at a time, on one state."""

    def __init__(self, state: State, trackers: Trackers) -> None:
        self._trackers = trackers
        self._state = state
        self._packet = Packet()
        self._prefixes = prefixes(0)
        self._spaces = state.spaces
        self._directions = state.table.directions
        self._admission = Admission(state)
        self._errors = Errors(state)
        self._helping = Helping(state)
        self._offload: Offload | None = None

    def packet(
        self, raw: bytes, hook: i64, inbound: i64, outbound: i64, mark: i64, now: float, verify: bool = True
    ) -> tuple[int, bytes | None, int]:
        """Judges one IP packet: (DROP or ACCEPT, its new bytes or None if unchanged, the packet mark to set).

        hook: PREROUTING, FORWARD or OUTPUT of engine/verdict.py; inbound and outbound: interface indexes, 0 for none;
        mark: the packet mark it came with, whose low bits stay where no rule sets them (policy routing, tunnels);
        verify: judge the transport checksum. Never raises for any bytes.
        """
        verdict, new, left = self._judge(raw, hook, inbound, outbound, mark, now, verify)
        if mark & USER_MASK and not left & USER_MASK:
            apart = self._spaces.apart and hook == PREROUTING
            if not apart or not self._spaces.strays(self._state.trace, mark & USER_MASK):
                left |= int(mark & USER_MASK)
        return verdict, new, left

    def _judge(
        self, raw: bytes, hook: i64, inbound: i64, outbound: i64, mark: i64, now: float, verify: bool
    ) -> tuple[int, bytes | None, int]:
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
            prefix = self._spaces.prefix(packet.protocol, hook, inbound, outbound)
            return second_crossing(self._state, packet, prefix, outbound, now)
        if packet.kind >= ICMP_ERROR:
            return self._errors.packet(packet, hook, inbound, outbound, now)
        if self._spaces.apart:
            key = self._spaces.prefix(packet.protocol, hook, inbound, outbound) + packet.pair
        else:
            key = self._prefixes[packet.protocol] + packet.pair
        direction = self._directions.get(key)
        if direction is None and hook == OUTPUT and self._spaces.apart:
            direction = self._spaces.own(packet, self._directions)
            key = key if direction is None else direction.key
        if direction is not None:
            connection = direction.connection
            if connection.status & _NOT_PLAIN:
                if connection.status & HELPED:
                    self._helping.hear(packet, direction)
                elif not self._overtaken(packet, connection, now):
                    self._recall(connection, now)
            if connection.deadline > now:
                return self._known(packet, key, direction, connection, hook, inbound, outbound, now)
            self._state.end(connection, TIMEOUT, now)
        return self._new(packet, key, hook, inbound, outbound, now)

    def hold(self, room: int) -> None:
        """Says how many packets can be kept waiting: `packet` may then answer HOLD, and `held` is to be asked."""
        self._admission.holding.room = room

    def held(self, raw: bytes, inbound: i64, now: float) -> tuple[int, bytes | None, int]:
        """The verdict on a packet that was answered HOLD in PREROUTING; HOLD again while it is too early."""
        packet = self._packet
        try:
            parse(raw, packet, False)
        except Malformed:
            return DROP, None, 0
        key = self._spaces.prefix(packet.protocol, PREROUTING, inbound, 0) + packet.pair
        return self._admission.holding.release(packet, key, now)

    def _recall(self, connection: Connection, now: float) -> None:
        """A packet of a carried connection that its carrier would not judge: we must know all that it knew."""
        if self._offload is not None:
            self._offload.recall(connection, now)

    def _overtaken(self, packet: Packet, connection: Connection, now: float) -> bool:
        """Whether the packet of a carried connection only waited in the queue while that was taken over."""
        if packet.protocol == TCP and packet.flags & (SYN | FIN | RST):
            return False
        return self._offload is not None and self._offload.overtaken(connection, now)

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
            return self._admission.denial.answer
        count(self._state, packet, direction, direction.connection, now)
        if direction.connection.status & HELPED:
            return self._helping.leave(packet, direction, hook, inbound, outbound, FITS, now)
        if packet.flags & SYN and self._state.clamps:
            return leave_clamped(self._state, packet, direction, hook, inbound, outbound)
        return leave(self._state, packet, direction, direction.connection, hook)

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
        if hook == FORWARD and rewrites & REWRITE_DESTINATION and goes_elsewhere(direction):
            return self._refuse(packet, reason.UNTRANSLATABLE, inbound, outbound)
        if direction.original and hook == FORWARD and outbound != connection.outbound != 0 and rewrites != CROSSES:
            self._state.end(connection, ADDRESS_GONE, now)  # its route leaves by another interface, as in the kernel
            return self._new(packet, key, hook, inbound, outbound, now)
        state = connection.state
        status = connection.status
        tracker = self._trackers.by_number[packet.protocol]
        judgement = tracker.judge(packet, direction, now)
        if judgement > FINISH and connection.status & OFFLOADED:
            self._recall(connection, now)  # its carrier may know better
            judgement = tracker.judge(packet, direction, now)
        if judgement > FINISH:
            self._state.settle(connection, state, status)  # two refused FINs or RSTs bring the end nearer
            note(self._state, direction, connection)
            return self._refuse(packet, judgement, inbound, outbound)
        if judgement == REOPEN:
            self._state.end(connection, REOPENED, now)
            return self._new(packet, key, hook, inbound, outbound, now)
        self._state.settle(connection, state, status)
        count(self._state, packet, direction, connection, now, judgement != IGNORE)
        if status & HELPED:
            outcome = self._helping.leave(packet, direction, hook, inbound, outbound, judgement, now)
        elif packet.flags & SYN and self._state.clamps:
            outcome = leave_clamped(self._state, packet, direction, hook, inbound, outbound)
        else:
            outcome = leave(self._state, packet, direction, connection, hook)
        if judgement == FINISH:
            half = HAIRPIN if hook == PREROUTING else NAT64 if direction.original else 0
            if connection.status & half:
                connection.deadline = now  # its last packet still has to cross once more (hairpin.py)
            else:
                self._state.end(connection, CLOSED, now)
        elif self._offload is not None and may_carry(connection):
            self._offload.offer(connection, now)
        return outcome
