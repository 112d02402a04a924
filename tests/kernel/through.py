"""The same packets through the kernel's router and through our whole engine, compared after every packet.

Compared: whether a packet passes and as what (`ct state`), where it comes out and with which bytes, and what is known
of its connection then: state, timer, replied, assured, TCP's window flags or SCTP's tags, packets and bytes. A packet
that is INVALID must not pass ours at all. Where either side may choose (an address of a pool, a port of a range), each
is answered at what it chose, the choice must be one that is allowed, and all else must be the same.
Lives here: playing one sequence on both sides, and making a disagreement small. May not live here: which sequences.
"""

from __future__ import annotations

import time
from dataclasses import replace

from conntrack.engine.related import LINK_TYPES
from conntrack.flow.connection import ASSURED, SEEN_REPLY, Direction
from conntrack.flow.ending import DELETED
from conntrack.packet import reason
from conntrack.packet.header import ICMP_ERROR, ICMPV6
from tests.kernel.compare import FIRST_PORT, LAST_PORT, Outcome, decoded, inner_of
from tests.kernel.conntrack_netlink import STATES
from tests.kernel.errors import error, is_error
from tests.kernel.finish import as_sent, finished, with_ends
from tests.kernel.oracle import Oracle
from tests.kernel.passage import Disagreement, Passage, Sequence, View, explained, plain_sums, source_of
from tests.kernel.translations import FORWARDED, gateway
from tests.traces import Trace


class Crossing:
    """Plays sequences on both sides, each with a client's port of its own. Counts packets by how they came out."""

    def __init__(self, kernel: Oracle) -> None:
        self._kernel = kernel
        self._host = gateway()
        self._port = FIRST_PORT
        self._serial = 0
        self._views = (View(), View())  # the kernel's and ours, of the sequence that is played
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
        self._views = (View(), View())
        try:
            return self._play(sequence, trace)
        finally:
            self.forget({flow for view in self._views for flow in view.flows})

    def _play(self, sequence: Sequence, trace: Trace) -> Disagreement | None:
        for place, line in enumerate(sequence.lines):
            words = line.split()
            self._serial += 1
            bare = b"" if is_error(words) else trace.packet(words[0], words[2], [w for w in words[3:] if w != "broken"])
            theirs, ours = (self._packet(sequence, view, bare, words) for view in self._views)
            if not theirs or not ours:
                continue
            for view, raw in zip(self._views, (theirs, ours), strict=True):
                view.note(raw, is_error(words))
            self.packets += 1
            wire = sequence.scene.wire(words[0])
            kernel = self.through_kernel(wire, theirs, self._views[0].flow)
            own = self.through_engine(wire, ours, self._views[1].flow)
            if not own.left and kernel.where != sequence.scene.wire("wan" if words[0] == "lan" else "lan"):
                kernel = replace(
                    kernel, left=b"", where=""
                )  # it went astray: policy, which the kernel has none of here
            if not self._same(sequence, words[0], (theirs, ours), (kernel, own)):
                listed = explained(sequence.scene, ours, kernel, own)
                return Disagreement(sequence, place, kernel, own, listed)
            self.agreed += 1
            if words[0] != sequence.scene.client and kernel.elsewhere(own):
                return None  # a server that begins took a port at random, and each of them its own
            if self._forwarded():
                return None  # one of the two has taken a port at random that is forwarded elsewhere
        return None

    def _same(
        self, sequence: Sequence, name: str, sent: tuple[bytes, bytes], passages: tuple[Passage, Passage]
    ) -> bool:
        """Whether a packet came out the same on both sides; notes what they are now known by."""
        scene, other = sequence.scene, "wan" if name == "lan" else "lan"
        if passages[0].where != passages[1].where:
            return False
        for view, raw, passage in zip(self._views, sent, passages, strict=True):
            if passage.where != scene.wire(other):
                continue
            view.arrived[other] = passage.left
            if name != scene.client or decoded(raw).kind == ICMP_ERROR:
                continue
            view.seen = source_of(passage.left)
            if not scene.fits(sequence.version, view.seen, source_of(raw)[1], passages[0].moved(raw)):
                return False
        chosen = self._views[0].seen != self._views[1].seen or passages[0].elsewhere(passages[1])
        if not chosen and passages[0].where == scene.wire(other):
            self._views[1].arrived[other] = passages[0].left  # to the very TTL what an error will quote
        return passages[0].agrees(passages[1], chosen, name != scene.client)

    def _forwarded(self) -> bool:
        """Whether the client is known by two different ports, and a forward is about one of them."""
        seen = {view.seen for view in self._views if view.seen is not None}
        return len(seen) > 1 and any(port in FORWARDED for _, port in seen)

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

    def _packet(self, sequence: Sequence, view: View, bare: bytes, words: list[str]) -> bytes:
        """The bytes of a line for one side; b"" for an error about a packet that never came."""
        broken = "broken" in words and not plain_sums(sequence)
        if bare:
            raw = with_ends(bare, *sequence.scene.ends(words[0], sequence.version, self._port, view.seen))
        else:
            quoted = view.arrived.get(words[0], b"")
            own = sequence.scene.wire(words[0]) == "self"  # who has no host beside
            details = [word for word in words[4:] if word != "beside" or not own]
            raw = error(quoted, words[0], words[3], details) if quoted else b""
            broken = broken and not own
        return finished(raw, self._serial, broken) if raw else b""

    def through_kernel(self, wire: str, raw: bytes, flow: bytes) -> Passage:
        """What the kernel makes of a packet, and then knows of the flow."""
        state, left, where = self._kernel.cross(wire, raw)
        if state == "invalid":
            left, where = b"", ""
        if where == "self":
            left = as_sent(left, raw)
        entry = self._kernel.entry(flow) if flow else None
        if entry is None:
            return Passage(Outcome(state), left, where)
        known = (entry.state, entry.timeout, entry.replied, entry.assured, entry.inner, entry.packets, entry.octets)
        return Passage(Outcome(state, *known), left, where)

    def through_engine(self, wire: str, raw: bytes, flow: bytes) -> Passage:
        """What we make of a packet, and then know of the flow."""
        host = self._host
        host.now = time.monotonic()
        before = host.engine.table.directions.get(flow)
        older = None if before is None else before.connection
        known = before is not None and (not before.original or bool(before.connection.status & SEEN_REPLY))
        where, left = host.cross(wire, raw)
        direction = host.engine.table.directions.get(flow)
        if direction is not None and direction.connection is not older:
            known = False  # begun anew; of a hairpin packet the trace tells its second crossing
        state = self._state(raw, known, left)
        if direction is None:
            return Passage(Outcome(state), left, where if left else "")
        return Passage(self._outcome(state, direction), left, where if left else "")

    def _state(self, raw: bytes, known: bool, left: bytes) -> str:
        """`ct state` of the packet that the engine has just judged."""
        trace = self._host.engine.trace
        if 0 < trace.reason < reason.FIRST_REFUSAL:
            return "invalid"
        if trace.reason == reason.UNTRANSLATABLE:
            return "lost"
        if trace.reason == reason.NAT_EXHAUSTED:
            return "exhausted"
        if trace.reason == reason.NAT_CLASH:
            return "lost"
        packet = decoded(raw)
        if packet.kind == ICMP_ERROR and left:
            return "related"
        if packet.protocol == ICMPV6 and packet.raw[packet.transport] in LINK_TYPES:
            return "untracked"
        if trace.new or trace.reason:
            return "new"  # refused by policy: the kernel's router drops it in silence as well
        return "established" if known else "new"

    def _outcome(self, state: str, direction: Direction) -> Outcome:
        connection = direction.connection
        original, reply = connection.original, connection.reply
        return Outcome(
            state,
            connection.state if connection.protocol in STATES else -1,
            int(connection.deadline - self._host.now),
            bool(connection.status & SEEN_REPLY),
            bool(connection.status & ASSURED),
            inner_of(connection),
            (original.packets, reply.packets),
            (original.octets, reply.octets),
        )

    def forget(self, flows: set[bytes]) -> None:
        """Leaves nothing of a sequence on either side: a port taken at random may be the next one's."""
        for flow in flows:
            if flow:
                self._kernel.forget(flow)
        engine = self._host.engine
        for connection in list(engine.table.connections()):
            engine.end(connection, DELETED, self._host.now)
