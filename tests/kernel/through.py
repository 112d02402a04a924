"""The same packets through the kernel's router and through our whole engine, compared after every packet.

Compared: whether a packet passes and as what (`ct state`), the bytes it leaves with, and what is known of its
connection then: state, timer, replied, assured, TCP's window flags or SCTP's tags, packets. A packet that is INVALID
must not pass ours at all.
Lives here: playing one sequence on both sides, and making a disagreement small. May not live here: which sequences.
"""

from __future__ import annotations

import time
from dataclasses import replace

from conntrack.flow.connection import ASSURED, SEEN_REPLY, Direction
from conntrack.flow.ending import DELETED
from conntrack.packet import reason
from conntrack.packet.header import ICMP_ERROR
from tests.kernel.compare import FIRST_PORT, LAST_PORT, Outcome, decoded, inner_of
from tests.kernel.conntrack_netlink import STATES
from tests.kernel.errors import error
from tests.kernel.finish import finished, with_ends
from tests.kernel.oracle import Oracle
from tests.kernel.passage import Disagreement, Passage, Sequence, explained, key_or, plain_sums
from tests.kernel.translations import gateway
from tests.traces import Trace


class Crossing:
    """Plays sequences on both sides, each with a client's port of its own. Counts packets by how they came out."""

    def __init__(self, kernel: Oracle) -> None:
        self._kernel = kernel
        self._host = gateway()
        self._port = FIRST_PORT
        self._serial = 0
        self._flows: set[bytes] = set()  # of the sequence that is played
        self.packets = 0
        self.agreed = 0

    def play(self, sequence: Sequence) -> Disagreement | None:
        """The first disagreement, if there is one."""
        # of UDP-Lite the kernel sums the pseudo header with UDP's protocol number, so that no right checksum passes
        self._kernel.set("nf_conntrack_checksum", int(not plain_sums(sequence)))
        self._port = self._port + 1 if self._port < LAST_PORT else FIRST_PORT
        trace = Trace(version=sequence.version)
        for host in trace.sides.values():
            host.port = self._port  # ICMP's identifier
        try:
            return self._play(sequence, trace)
        finally:
            self._forget()

    def _play(self, sequence: Sequence, trace: Trace) -> Disagreement | None:
        arrived: dict[str, bytes] = {}
        flow = b""
        for place, line in enumerate(sequence.lines):
            side, _, kind = line.split()[:3]
            raw = self._packet(trace, sequence, arrived, line)
            if not raw:
                continue
            if kind != "error":
                flow = key_or(raw, flow)
                self._flows.add(flow)
            self.packets += 1
            theirs, ours = self._theirs(side, raw, flow), self._ours(side, raw, flow)
            if theirs.moved(raw) and ours.moved(raw) and theirs.outcome.agrees(ours.outcome):
                self.agreed += 1
                return None  # each took a port at random: from here on there is nothing to compare
            if not theirs.agrees(ours):
                listed = explained(raw, theirs.outcome.packet, ours.outcome.packet)
                return Disagreement(sequence, place, theirs, ours, listed)
            self.agreed += 1
            arrived["wan" if side == "lan" else "lan"] = theirs.left
        return None

    def smallest(self, found: Disagreement) -> Disagreement:
        """The disagreement without every line that it does not need."""
        place = 0
        while place < found.place:
            lines = found.sequence.lines[: found.place + 1]
            fewer = self.play(replace(found.sequence, lines=lines[:place] + lines[place + 1 :]))
            if fewer is None or fewer.listed:
                place += 1
            else:
                found = fewer
        return found

    def _packet(self, trace: Trace, sequence: Sequence, arrived: dict[str, bytes], line: str) -> bytes:
        """The bytes of a line; b"" for an error about a packet that never came."""
        side, _, kind, *details = line.split()
        broken = "broken" in details and not plain_sums(sequence)
        if kind == "error":
            quoted = arrived.get(side, b"")
            raw = error(quoted, side, details[0], details[1:]) if quoted else b""
        else:
            raw = trace.packet(side, kind, [detail for detail in details if detail != "broken"])
            raw = with_ends(raw, *sequence.scene.ends(side, sequence.version, self._port))
        self._serial += 1
        return finished(raw, self._serial, broken) if raw else b""

    def _theirs(self, side: str, raw: bytes, flow: bytes) -> Passage:
        state, left = self._kernel.cross(side, raw)
        if state == "invalid":
            left = b""
        entry = self._kernel.entry(flow) if flow else None
        if entry is None:
            return Passage(Outcome(state), left)
        known = (entry.state, entry.timeout, entry.replied, entry.assured, entry.inner, entry.packets)
        return Passage(Outcome(state, *known), left)

    def _ours(self, side: str, raw: bytes, flow: bytes) -> Passage:
        host = self._host
        host.now = time.monotonic()
        before = host.engine.table.directions.get(flow)
        known = before is not None and (not before.original or bool(before.connection.status & SEEN_REPLY))
        _, left = host.cross(side, raw)
        state = self._state(raw, known)
        direction = host.engine.table.directions.get(flow)
        if direction is None:
            return Passage(Outcome(state), left)
        return Passage(self._outcome(state, direction), left)

    def _state(self, raw: bytes, known: bool) -> str:
        """`ct state` of the packet that the engine has just judged."""
        trace = self._host.engine.trace
        if 0 < trace.reason < reason.FIRST_REFUSAL:
            return "invalid"
        if trace.reason == reason.UNTRANSLATABLE:
            return "lost"
        if trace.new or trace.reason:
            return "new"  # refused by policy: the kernel's router drops it in silence as well
        if decoded(raw).kind == ICMP_ERROR:
            return "related"
        return "established" if known else "new"

    def _outcome(self, state: str, direction: Direction) -> Outcome:
        connection = direction.connection
        return Outcome(
            state,
            connection.state if connection.protocol in STATES else -1,
            int(connection.deadline - self._host.now),
            bool(connection.status & SEEN_REPLY),
            bool(connection.status & ASSURED),
            inner_of(connection),
            (connection.original.packets, connection.reply.packets),
        )

    def _forget(self) -> None:
        """Leaves nothing of a sequence on either side: a port taken at random may be the next one's."""
        for flow in self._flows:
            if flow:
                self._kernel.forget(flow)
        self._flows.clear()
        engine = self._host.engine
        for connection in list(engine.table.connections()):
            engine.end(connection, DELETED, self._host.now)
