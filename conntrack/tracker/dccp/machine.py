"""The DCCP tracker: types and roles; sequence windows are the hosts' own business (RFC 4340 §7.5 needs both ends).

Lives here: who is client, and how to come in step with a connection that began anew. May not live here: the
transitions (table.py) or the header (packet/dccp.py). Linux tracked DCCP like this until 6.15.
"""

from __future__ import annotations

from typing import cast

from mypy_extensions import i64, mypyc_attr, u8

from conntrack.flow.connection import ASSURED, CLOSING, SEEN_REPLY, Connection, Direction, ProtocolState
from conntrack.packet import dccp, reason
from conntrack.packet.header import Packet
from conntrack.tracker.base import ACCEPT, FINISH, IGNORE, Tracker
from conntrack.tracker.dccp import table
from conntrack.tracker.timeouts import change


@mypyc_attr(acyclic=True, allow_interpreted_subclasses=False)
class Handshake(ProtocolState):
    """40 bytes a connection: which side is client, its Response's number, the last packet's type and direction."""

    __slots__ = ("client_is_original", "last", "last_original", "response")

    def __init__(self) -> None:
        self.response: i64 = 0
        self.client_is_original = True
        self.last_original = True
        self.last: u8 = dccp.REQUEST


class DccpTracker(Tracker):
    """DCCP. Only a Request begins a connection: in mid-stream nothing tells client and server apart."""

    def __init__(self) -> None:
        self._timeouts = dict(table.TIMEOUTS)
        self._by_state: list[float] = []
        self.set_timeouts({})

    def name(self) -> str:
        """The protocol's name."""
        return "dccp"

    def states(self) -> list[str]:
        """State names by number."""
        return list(table.STATES)

    def timeouts(self) -> dict[str, float]:
        """The timeouts in force: one for each state but NONE."""
        return dict(self._timeouts)

    def set_timeouts(self, changed: dict[str, float]) -> None:
        """Sets timeouts by name; all or none. KeyError: no such name."""
        change(self._timeouts, changed)
        self._by_state = [0.0, *[self._timeouts[name] for name in table.TIMEOUTS]]

    def may_open(self, packet: Packet) -> i64:
        """A Request may."""
        return reason.OK if dccp.packet_type(packet) == dccp.REQUEST else reason.NOT_AN_OPENER

    def open(self, packet: Packet, connection: Connection, now: float) -> None:
        """The side that sends the Request is the client."""
        connection.tracking = Handshake()
        connection.state = table.REQUEST
        self._refresh(connection, now)

    def judge(self, packet: Packet, direction: Direction, now: float) -> i64:
        """Judges a packet by its type, its sender's role and the state."""
        connection = direction.connection
        original = direction.original
        handshake = cast(Handshake, connection.tracking)
        kind = dccp.packet_type(packet)
        if kind == dccp.RESET and not connection.status & SEEN_REPLY:
            return FINISH
        client = handshake.client_is_original == original
        new: i64 = table.step(client, int(kind), int(connection.state))
        if new == table.INVALID:
            return reason.UNEXPECTED_TYPE
        judgement: i64 = ACCEPT
        if new == table.IGNORED:
            new = _resumed(packet, kind, original, handshake)
            if new == table.IGNORED:
                judgement = IGNORE
        elif new == table.REQUEST and not client:
            handshake.client_is_original = original
        elif new == table.RESPOND and connection.state == table.REQUEST:
            handshake.response = dccp.long_sequence(packet)
        elif new == table.PARTOPEN and connection.state == table.RESPOND and _completes(packet, kind, handshake):
            connection.status |= ASSURED
        handshake.last = u8(kind)
        handshake.last_original = original
        if not original:
            connection.status |= SEEN_REPLY
        if judgement == ACCEPT:
            self._move(connection, new)
            self._refresh(connection, now)
        return judgement

    def _move(self, connection: Connection, new: i64) -> None:
        connection.state = new
        status = connection.status
        connection.status = status | CLOSING if new >= table.CLOSEREQ else status & ~CLOSING

    def _refresh(self, connection: Connection, now: float) -> None:
        timeout = self._by_state[connection.state]
        connection.nominal = timeout
        connection.deadline = now + timeout


def _completes(packet: Packet, kind: i64, handshake: Handshake) -> bool:
    """Whether it is the Ack of the Response, which nobody can write who has not seen the Response."""
    response = handshake.response
    return kind == dccp.ACK and response >= 0 and dccp.long_acknowledgement(packet) == response


def _resumed(packet: Packet, kind: i64, original: bool, handshake: Handshake) -> i64:
    """A Response to an ignored Request means that the hosts have begun anew: RESPOND; anything else stays IGNORED."""
    if kind != dccp.RESPONSE or handshake.last != dccp.REQUEST or handshake.last_original == original:
        return table.IGNORED
    handshake.client_is_original = not original
    handshake.response = dccp.long_sequence(packet)
    return table.RESPOND
