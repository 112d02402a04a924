"""A connection and its two directions: what is remembered of a socket pair.

Lives here: fields only. May not live here: a protocol's rules (tracker/), how it is found (table.py), who
decided on it (policy/) or what it is translated to (nat/): those layers fill the fields.

Life: built by engine/admit → Table.insert → judged by its tracker, refreshed → Table.remove. Everything runs
in one thread. Connection and Direction point at each other; Table.remove cuts the circle, so the daemon can
run without the garbage collector.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i16, i32, i64, mypyc_attr, u8

#: Connection.status bits, the kernel's own names (enum ip_conntrack_status) where it has one
SEEN_REPLY: Final = 0x01
ASSURED: Final = 0x02
SOURCE_NAT: Final = 0x04
DESTINATION_NAT: Final = 0x08
DYING: Final = 0x10
RELATED: Final = 0x20  # began as the answer to an expectation
HAIRPIN: Final = 0x40  # both addresses are rewritten: crosses the queue twice a packet
CLOSING: Final = 0x80  # its protocol says that it is ending: may be evicted before live ones
OFFLOADED: Final = 0x100
LOGGED: Final = 0x200  # its rule says `log: all`
HELPED: Final = 0x400  # a helper reads its packets, or has changed them: every packet goes through engine/helping.py
NAT64: Final = 0x1000  # IPv6 on the original side, IPv4 on the reply side
NARROW: Final = 0x2000  # NAT64: an end was told of a smaller path, so what it cut into fragments is cut again
# whose packets do not keep it alive (RFC 7857 §7): those from outside, where a rule says so
ORIGINAL_QUIET: Final = 0x4000
REPLY_QUIET: Final = 0x8000

#: Direction.rewrites bits: which address of a packet in this direction changes
REWRITE_SOURCE: Final = 1
REWRITE_DESTINATION: Final = 2
CROSSES: Final = 4  # leaves as a packet of the other IP version, whatever else changes


@mypyc_attr(acyclic=True, allow_interpreted_subclasses=False)
class ProtocolState:
    """What a tracker keeps with a connection or with one direction of it; each tracker has its own subclass."""

    __slots__ = ()


class Direction:
    """One direction of a connection: the key that its packets come with, and what they leave as."""

    __slots__ = (
        "_connection",
        "_peer",
        "address_delta",
        "key",
        "mark",
        "octets",
        "original",
        "packets",
        "port_delta",
        "rewrites",
        "state",
        "translated",
    )

    def __init__(self, connection: Connection, key: bytes, original: bool) -> None:
        self._connection: Connection | None = connection
        self._peer: Direction | None = None
        self.key = key  # flow/pair.py
        self.translated: bytes = b""  # the pair (Packet.pair's layout) that packets leave with; b"" if untouched
        self.state: ProtocolState | None = None
        self.packets: i64 = 0
        self.octets: i64 = 0  # bytes of whole IP packets, as the kernel counts
        self.address_delta: i32 = 0  # RFC 1624 sums, made once by nat/translation.py
        self.port_delta: i32 = 0
        self.mark: i32 = 0  # packet mark that its packets get: the rule's, or that of the zone they go into
        self.original = original
        self.rewrites: u8 = 0  # REWRITE_* bits; 0: leaves as it came

    @property
    def connection(self) -> Connection:
        """The connection; fails once the connection has left the table."""
        connection = self._connection
        assert connection is not None
        return connection

    @property
    def peer(self) -> Direction:
        """The other direction; fails once the connection has left the table."""
        peer = self._peer
        assert peer is not None
        return peer

    def tie(self, peer: Direction) -> None:
        """Makes two directions each other's peer."""
        self._peer = peer
        peer._peer = self

    def cut(self) -> None:
        """Ends the circle of references."""
        self._connection = None
        self._peer = None


class Connection:
    """One tracked socket pair. Times are seconds on the clock that the engine is given (CLOCK_MONOTONIC)."""

    __slots__ = (
        "deadline",
        "dscp",
        "due",
        "earlier",
        "identity",
        "later",
        "mapping",
        "mark",
        "newer",
        "nominal",
        "older",
        "original",
        "outbound",
        "protocol",
        "queue",
        "reply",
        "rule",
        "seen",
        "started",
        "state",
        "status",
        "tracking",
        "zone_in",
        "zone_out",
    )

    def __init__(self, identity: int, original: bytes, reply: bytes, now: float) -> None:
        self.identity: i64 = identity  # counts up from 1; never used twice by one daemon
        self.original = Direction(self, original, True)
        self.reply = Direction(self, reply, False)
        self.original.tie(self.reply)
        self.tracking: ProtocolState | None = None  # what a tracker keeps for both directions together
        self.rule: object | None = None  # the policy.runtime.Rule that admitted it
        self.mapping: object | None = None  # what nat/ must take back when it ends
        self.protocol: i64 = original[0]
        self.status: i64 = 0
        self.state: i64 = 0  # the tracker's own number; Tracker.states names it
        self.started = now
        self.seen = now  # last packet that counted
        self.deadline = now  # ends when this passes, whatever the wheel says
        self.nominal = 0.0  # the timeout last set, in seconds: what a refresh would give again
        # timer wheel: when its slot comes up (0.0: in no slot), and its neighbours there (flow/wheel.py)
        self.due = 0.0
        self.earlier: Connection | None = None
        self.later: Connection | None = None
        # eviction order: a doubly linked list through the connections themselves (flow/eviction.py)
        self.older: Connection | None = None
        self.newer: Connection | None = None
        # small numbers last and together: a connection is to fit its share of a kilobyte
        self.mark: i32 = 0  # the rule's packet mark, 0 for none
        self.outbound: i32 = 0  # index of the interface that it is masqueraded behind, 0 if it is not
        self.zone_in: i16 = -1  # zone numbers of topology; 0 is `self`
        self.zone_out: i16 = -1
        self.dscp: i16 = -1  # the rule's DSCP, -1 for none
        self.queue: u8 = 0
