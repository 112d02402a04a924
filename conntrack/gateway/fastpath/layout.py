"""The fast path's maps as bytes: what user space writes is what the program in the kernel reads, and back.

Lives here: keys, entries, TCP states and counters, field by field. May not live here: system calls (syscalls.py),
what is offered and when (the manager), the arithmetic of windows (pairwall.bpf.c, tracker/tcp/examine.py).
header.py makes C assertions of these tables, so the two cannot drift apart: the program would not compile. Numbers are
in the host's byte order; addresses and ports are bytes as on the wire. Who changes anything here raises LAYOUT_VERSION.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Final, NamedTuple

#: part of every map's name: maps of another version, left pinned by an older daemon, are never taken over
LAYOUT_VERSION: Final = 3

#: Flow.flags: the entry is that of the reply direction
REPLY: Final = 0x01
#: Flow.flags: the upper six bits of Flow.tos replace the packet's DSCP
SET_DSCP: Final = 0x02
#: Flow.flags: a helper let the connection in (Connection.status RELATED); nothing to the program
RELATED: Final = 0x04

#: the highest interface index that entries have room for
LAST_INTERFACE: Final = 0xFFFF

#: control bits of a TCP state: nothing passes any more, so that what is read stays true
FROZEN: Final = 0x01

#: TCP states, entries of IPv4, and changes of Flow.link that one run of the programs of bulk.py takes at most: what
#: they are given and what they answer has to fit in a page, with 0.6 KiB of the kernel's own
BULK_STATES: Final = 48
BULK_ENTRIES: Final = 200
RELINKS: Final = 64

Fields = tuple[tuple[str, str], ...]

#: what entries of both families begin with: (field, struct format)
HEAD_FIELDS: Final[Fields] = (
    ("outbound", "H"),  # interface index that packets leave by
    ("inbound", "H"),  # the one they must come in by
    ("slot", "I"),  # where the daemon knows the connection; of TCP the place of the state that both directions share
    ("owner", "I"),  # Connection.identity, 32 bits of it; a slot with another owner is not ours any more
    ("mark", "I"),  # packet mark; 0 leaves it
    ("generation", "H"),  # entries of another generation than the settings' are stale
    ("link", "H"),  # XDP: where the hardware addresses are; 0 leaves the flow to tc
    ("mtu", "H"),  # largest IP packet that the way out takes
    ("flags", "B"),
    ("tos", "B"),
    ("last_seen", "I"),  # ticks
    ("packets", "I"),  # as on the wire: each segment of a GSO packet is one; begins again at 2³²
    ("octets", "Q"),  # of whole IP packets, likewise
)
#: IPv4: 56 bytes. With the key, and 56 more of the kernel's before it, that is 128: two cache lines, of which the entry
#: is in one. For a single byte more its allocator would take 192
FLOW4_FIELDS: Final[Fields] = (*HEAD_FIELDS, ("pair", "12s"), ("next_hop", "4s"))
#: IPv6: 96 bytes, with all that 192; for a byte more it would be 256
FLOW6_FIELDS: Final[Fields] = (*HEAD_FIELDS, ("pair", "36s"), ("next_hop", "16s"), ("", "4x"))

_WINDOW: Final[Fields] = (("end", "i"), ("maxend", "i"), ("maxwin", "i"), ("maxack", "i"))  # of one side
#: a TCP state: the Windows of both sides (0: original) and the Memory of tracker/tcp; 64 bytes. 32-bit numbers are
#: signed, as they are there in compiled code
TCP_FIELDS: Final[Fields] = (
    ("lock", "I"),
    ("owner", "I"),
    *((f"window[0].{name}", form) for name, form in _WINDOW),
    *((f"window[1].{name}", form) for name, form in _WINDOW),
    ("scale[0]", "B"),
    ("scale[1]", "B"),
    ("flags[0]", "B"),
    ("flags[1]", "B"),
    ("last_seq", "i"),
    ("last_end", "i"),
    ("last_ack", "i"),
    ("last_window", "H"),
    ("last_kind", "B"),
    ("last_original", "B"),
    ("retransmissions", "B"),
    ("control", "B"),
    ("", "2x"),
)
#: the one element of the settings map. generation 0 is never that of a flow: it switches all of them off
SETTINGS_FIELDS: Final[Fields] = (("generation", "I"), ("", "4x"))
#: XDP: hardware addresses of the next hop, of ours there, and of ours where packets come in; valid: 0 or 1
LINK_FIELDS: Final[Fields] = (("destination", "6s"), ("source", "6s"), ("ours", "6s"), ("valid", "H"))
#: what the relinking program is told of one entry; an IPv4 key has zeros behind it
RELINK_FIELDS: Final[Fields] = (("key6", "40s"), ("owner", "I"), ("link", "H"), ("version6", "H"))
#: ways that XDP has room for, the one of index 0 is none
LINKS: Final = 4096


def map_name(name: str) -> str:
    """The kernel's name of a map, at most 15 bytes."""
    return f"pw{LAYOUT_VERSION}_{name}"


def packed(fields: Fields) -> Struct:
    """The struct of a table of fields, without gaps."""
    return Struct("=" + "".join(form for _, form in fields))


HEAD: Final = packed(HEAD_FIELDS)
FLOW4: Final = packed(FLOW4_FIELDS)
FLOW6: Final = packed(FLOW6_FIELDS)
TCP_STATE: Final = packed(TCP_FIELDS)
SETTINGS: Final = packed(SETTINGS_FIELDS)
LINK: Final = packed(LINK_FIELDS)
RELINK: Final = packed(RELINK_FIELDS)
COUNTER: Final = Struct("=Q")

#: bytes of a map key: a flow key (flow/pair.py) with its first two bytes at the end, and two zeros
KEY4_SIZE: Final = 16
KEY6_SIZE: Final = 40


def map_key(key: bytes) -> bytes:
    """A flow key as the maps have it: the pair first, where the program finds it in the packet."""
    return key[2:] + key[:2] + b"\0\0"


def flow_key(key: bytes) -> bytes:
    """The inverse of map_key."""
    return key[-4:-2] + key[:-4]


@dataclass(slots=True)
class Flow:
    """One direction of a connection in the fast path. All that decides it was decided before: the program only obeys.

    pair: what packets leave with, 12 or 36 bytes as Packet.pair. next_hop: 4 or 16 bytes, never empty: the destination
    itself where it is on the link. inbound, outbound: interface indexes. owner: Connection.identity. slot: set by
    FlowMaps.insert.
    """

    pair: bytes
    next_hop: bytes
    inbound: int
    outbound: int
    mtu: int
    generation: int
    flags: int = 0
    tos: int = 0
    mark: int = 0
    slot: int = 0
    owner: int = 0
    last_seen: int = 0
    packets: int = 0
    octets: int = 0
    link: int = 0

    def pack(self) -> bytes:
        """The entry as bytes."""
        layout = FLOW4 if len(self.pair) == 12 else FLOW6
        return layout.pack(
            self.outbound,
            self.inbound,
            self.slot,
            self.owner,
            self.mark,
            self.generation,
            self.link,
            self.mtu,
            self.flags,
            self.tos,
            self.last_seen,
            self.packets,
            self.octets,
            self.pair,
            self.next_hop,
        )


def unpack_flow(raw: bytes) -> Flow:
    """An entry of either family from its bytes."""
    layout = FLOW4 if len(raw) == FLOW4.size else FLOW6
    outbound, inbound, slot, owner, mark, generation, link, *rest = layout.unpack(raw)
    mtu, flags, tos, seen, packets, octets, pair, hop = rest
    return Flow(
        pair, hop, inbound, outbound, mtu, generation, flags, tos, mark, slot, owner, seen, packets, octets, link
    )


class Usage(NamedTuple):
    """What one direction has done since it was offered."""

    packets: int
    octets: int
    last_seen: int  # ticks (coarse.py)
