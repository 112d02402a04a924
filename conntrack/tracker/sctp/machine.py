"""The SCTP tracker: walks a packet's chunks, checks tags, moves the state (kernel: nf_conntrack_proto_sctp.c).

Lives here: the order of these. May not live here: chunks as bytes (packet/sctp.py), tags (tags.py), rows (table.py).
"""

from __future__ import annotations

from typing import Final, cast

from mypy_extensions import i64

from conntrack.flow.connection import ASSURED, CLOSING, SEEN_REPLY, Connection, Direction
from conntrack.packet import reason, sctp
from conntrack.packet.errors import Malformed
from conntrack.packet.header import Packet
from conntrack.tracker.base import ACCEPT, IGNORE, Tracker
from conntrack.tracker.sctp import table
from conntrack.tracker.sctp.tags import (
    BOTH_INITS,
    JUDGED_ALONE,
    Tags,
    first_tags,
    judge_tag,
    note_init,
    note_init_ack,
)
from conntrack.tracker.timeouts import change

#: a packet with one of these belongs to an association or to none
_NEVER_FIRST: Final = 1 << sctp.ABORT | 1 << sctp.SHUTDOWN_COMPLETE | 1 << sctp.COOKIE_ACK

# what _walk returns: a state, + _QUIET if the timer is to be left alone; or _REFUSED + reason
_QUIET: Final = 16
_REFUSED: Final = 256

_NO_INITS: Final = 0xFF - BOTH_INITS


class SctpTracker(Tracker):
    """SCTP associations, one path at a time: another path of the same association begins with a HEARTBEAT."""

    def __init__(self) -> None:
        self._timeouts = dict(table.TIMEOUTS)
        self._by_state: list[float] = []
        self._trial = Tags()
        self.set_timeouts({})

    def name(self) -> str:
        """The protocol's name."""
        return "sctp"

    def states(self) -> list[str]:
        """State names by number, as the kernel spells them."""
        return list(table.STATES)

    def timeouts(self) -> dict[str, float]:
        """The timeouts in force: one for each state but NONE."""
        return dict(self._timeouts)

    def set_timeouts(self, changed: dict[str, float]) -> None:
        """Sets timeouts by name; all or none. KeyError: no such name."""
        change(self._timeouts, changed)
        self._by_state = [0.0, *[self._timeouts[name] for name in table.TIMEOUTS]]

    def may_open(self, packet: Packet) -> i64:
        """An INIT, a HEARTBEAT, or what a rebooted host may still answer: tried on tags that are thrown away."""
        self._trial.clear()
        outcome = self._first(packet, self._trial)
        return outcome - _REFUSED if outcome >= _REFUSED else reason.OK

    def open(self, packet: Packet, connection: Connection, now: float) -> None:
        """Begins with the tags that the first packet tells."""
        tags = Tags()
        connection.tracking = tags
        state = self._first(packet, tags) & (_QUIET - 1)
        connection.state = state
        self._refresh(connection, state, now)

    def judge(self, packet: Packet, direction: Direction, now: float) -> i64:
        """Judges every chunk in turn. An invalid one makes the packet invalid; an ignored one does not refresh."""
        connection = direction.connection
        original = direction.original
        state = connection.state
        tags = cast(Tags, connection.tracking)
        outcome = self._walk(packet, original, state, tags)
        if outcome >= _REFUSED:
            return outcome - _REFUSED
        new = outcome & (_QUIET - 1)
        if new != state:
            self._move(connection, new)
        if not original:
            connection.status |= SEEN_REPLY
        if outcome >= _QUIET:
            return IGNORE
        self._refresh(connection, new, now)
        return ACCEPT

    def _first(self, packet: Packet, tags: Tags) -> i64:
        try:
            types = sctp.check_chunks(packet)
        except Malformed as malformed:
            return _REFUSED + malformed.reason
        at = packet.payload
        while at >= 0:
            kind: i64 = packet.raw[at]
            if types & _NEVER_FIRST or table.step(True, int(kind), table.NONE) == table.NONE:
                return _REFUSED + reason.NOT_AN_OPENER
            first_tags(packet, at, tags)
            at = sctp.following(packet, at)
        return self._walk(packet, True, table.NONE, tags)

    def _walk(self, packet: Packet, original: bool, state: i64, tags: Tags) -> i64:
        try:
            types = sctp.check_chunks(packet)
        except Malformed as malformed:
            return _REFUSED + malformed.reason
        if not types & JUDGED_ALONE and sctp.verification_tag(packet) != tags.of(original):
            return _REFUSED + reason.BAD_TAG
        quiet = False
        at = packet.payload
        while at >= 0:
            judgement = judge_tag(packet, at, types, original, quiet, tags)
            if judgement > IGNORE:
                return _REFUSED + judgement
            if judgement == IGNORE:
                quiet = True
            else:
                new: i64 = table.step(original, int(packet.raw[at]), int(state))
                if new == table.INVALID:
                    return _REFUSED + reason.UNEXPECTED_TYPE
                if not _note(packet, at, state, original, tags):
                    return _REFUSED + reason.BAD_TAG
                if packet.raw[at] == sctp.INIT and state == table.CLOSED and new == table.CLOSED:
                    quiet = True  # asked again, or anew: keeps alive neither what was nor a port that nobody answers
                state = new
            at = sctp.following(packet, at)
        return state + _QUIET if quiet else state

    def _move(self, connection: Connection, new: i64) -> None:
        connection.state = new
        status = connection.status
        if new == table.ESTABLISHED:
            status |= ASSURED
        ending = table.SHUTDOWN_SENT <= new <= table.SHUTDOWN_ACK_SENT
        connection.status = status | CLOSING if ending else status & ~CLOSING

    def _refresh(self, connection: Connection, state: i64, now: float) -> None:
        timeout = self._by_state[state]
        connection.nominal = timeout
        connection.deadline = now + timeout


def _note(packet: Packet, at: i64, state: i64, original: bool, tags: Tags) -> bool:
    """Takes the tags that a chunk names; whether they may be taken."""
    kind: i64 = packet.raw[at]
    if kind == sctp.INIT:
        note_init(packet, at, state, original, tags)
    elif kind == sctp.INIT_ACK:
        return note_init_ack(packet, at, original, tags)
    elif kind == sctp.COOKIE_ACK:
        tags.flags &= _NO_INITS
    return True
