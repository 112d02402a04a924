"""What a TCP connection remembers of its latest packets, for both directions together.

Lives here: the fields, and the two that are written by every packet. May not live here: conclusions from them.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i32, i64, mypyc_attr, u8

from conntrack.flow.connection import ProtocolState
from conntrack.packet.header import Packet
from conntrack.tracker.tcp.sequence import same
from conntrack.tracker.tcp.table import UNUSUAL

#: Memory.flags: a SYN came from both sides, so the original side's ACK is not what completes the handshake
SIMULTANEOUS_OPEN: Final = 1
#: Memory.flags: a SYN was ignored in LAST_ACK; the next ACK of the other side may be a challenge (RFC 5961 §4.2)
CHALLENGE_EXPECTED: Final = 2

MOST_COUNTED: Final = 255


@mypyc_attr(acyclic=True, allow_interpreted_subclasses=False)
class Memory(ProtocolState):
    """48 bytes a connection. The 32-bit fields are sequence numbers as sequence.py has them.

    kind, original: flag class and direction of the last packet that was accepted or ignored.
    seq, end, window, ack: of the last accepted ACK or the last ignored packet; ack moves with accepted ACKs, and with
    an ignored ACK that answered a SYN. window is as in the header, not scaled.
    syn_scale, syn_flags: window scale and Window.flags that the last ignored original SYN offered.
    """

    __slots__ = (
        "ack",
        "end",
        "flags",
        "kind",
        "original",
        "retransmissions",
        "seq",
        "syn_flags",
        "syn_scale",
        "window",
    )

    def __init__(self) -> None:
        self.seq: i32 = 0
        self.end: i32 = 0
        self.ack: i32 = 0
        self.window: i32 = 0
        self.kind: u8 = UNUSUAL
        self.original = True
        self.retransmissions: u8 = 0  # how often the last accepted ACK came again; stays at 255
        self.flags: u8 = 0
        self.syn_scale: u8 = 0
        self.syn_flags: u8 = 0

    def note(self, kind: i64, original: bool) -> None:
        """Remembers class and direction of a packet."""
        self.kind = u8(kind)
        self.original = original

    def count(self, packet: Packet, original: bool, end: i64, ack: i64) -> None:
        """Remembers an accepted ACK, and counts it if it is the last one over again."""
        if (
            self.original == original
            and same(i64(self.seq), packet.seq)
            and same(i64(self.ack), ack)
            and same(i64(self.end), end)
            and i64(self.window) == packet.window
        ):
            if self.retransmissions < MOST_COUNTED:
                self.retransmissions += 1
            return
        self.original = original
        self.retransmissions = 0
        self.seq = i32(packet.seq)
        self.ack = i32(ack)
        self.end = i32(end)
        self.window = i32(packet.window)
