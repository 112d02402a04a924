"""The window of one direction of a TCP connection: what is kept of it, and how it starts.

Lives here: the fields, and the ways in which they begin. May not live here: whether a packet fits (examine.py).
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i32, i64, mypyc_attr, u8

from conntrack.flow.connection import ProtocolState
from conntrack.packet.errors import Malformed
from conntrack.packet.header import Packet
from conntrack.packet.tcp_options import scale_and_sack
from conntrack.tracker.tcp.sequence import MASK, end_of, same

# Window.flags
SCALES: Final = 0x01  # its SYN offered a window scale
SACK: Final = 0x02  # its SYN permitted selective acknowledgements
CLOSED_FIRST: Final = 0x04  # it sent the first FIN
LIBERAL: Final = 0x08  # its packets are not held to the window: picked up in mid-stream, the scale is unknown
UNACKNOWLEDGED: Final = 0x10  # it sent data that has not been acknowledged
ACK_KNOWN: Final = 0x20  # maxack is set

#: bytes of a TCP header without options
BARE_HEADER: Final = 20

_MOST_SCALE: Final = 14  # RFC 7323 §2.3


@mypyc_attr(acyclic=True, allow_interpreted_subclasses=False)
class Window(ProtocolState):
    """One direction, 48 bytes; of all the packets that this side sent. Numbers as sequence.py has them.

    end: highest end of a packet. maxend: right edge of what the other side lets it send. maxwin: largest window that
    it advertised, scaled, in bytes; 0 while it has sent nothing. maxack: highest acknowledgement.
    """

    __slots__ = ("end", "flags", "maxack", "maxend", "maxwin", "scale")

    def __init__(self) -> None:
        self.end: i32 = 0
        self.maxend: i32 = 0
        self.maxwin: i32 = 0
        self.maxack: i32 = 0
        self.scale: u8 = 0
        self.flags: u8 = 0

    def begin(self, packet: Packet) -> None:
        """Starts from this side's SYN or SYNACK. One without any option leaves what an earlier one offered (kernel)."""
        end = i32(end_of(packet) & MASK)
        self.end = end
        self.maxend = end
        self.maxwin = i32(max(packet.window, 1))
        if packet.payload - packet.transport > BARE_HEADER:
            self.scale = offered_scale(packet)
            self.flags = (self.flags & LIBERAL) | offered_flags(packet)

    def pick_up(self, packet: Packet) -> None:
        """Starts from any other packet: what came before it is not known."""
        end = end_of(packet)
        window = max(packet.window << i64(self.scale), 1)
        self.end = i32(end & MASK)
        self.maxend = i32((end + window) & MASK)
        self.maxwin = i32(window)

    def forget(self) -> None:
        """Forgets everything, except that this side is not held to the window."""
        self.end = 0
        self.maxend = 0
        self.maxwin = 0
        self.maxack = 0
        self.scale = 0
        self.flags &= LIBERAL


def offer(packet: Packet) -> tuple[i64, bool]:
    """Window scale (−1 for none) and SACK permission of a SYN. Options that cannot be read are as if absent."""
    try:
        return scale_and_sack(packet)
    except Malformed:
        return -1, False


def offered_scale(packet: Packet) -> u8:
    """The window scale that a SYN offers; 0 if none."""
    scale = offer(packet)[0]
    return u8(max(0, min(scale, _MOST_SCALE)))


def offered_flags(packet: Packet) -> u8:
    """The Window.flags that a SYN's options make."""
    scale, sack = offer(packet)
    flags: u8 = SACK if sack else 0
    if scale >= 0:
        flags |= SCALES
    return flags


def agree_on_scale(sender: Window, receiver: Window) -> None:
    """Scaling is in force only if both SYNs offered it (RFC 7323 §2.2)."""
    if not (sender.flags & receiver.flags & SCALES):
        sender.scale = 0
        receiver.scale = 0


def join(packet: Packet, sack: i64, sender: Window, receiver: Window) -> None:
    """Starts a side in mid-stream, with the acknowledgement as the only hint at what the other side has sent."""
    sender.pick_up(packet)
    if receiver.maxwin == 0:
        receiver.end = i32(sack & MASK)
        receiver.maxend = i32(sack & MASK)
    elif same(sack, i64(receiver.end) + 1):
        receiver.end = i32(sack & MASK)  # the answer to a keepalive, which sends one byte that does not count
