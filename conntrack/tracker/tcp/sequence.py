"""TCP sequence numbers: arithmetic on a circle of 2³².

Lives here: comparison, and the end of a segment. May not live here: windows.
Numbers may be given with any multiple of 2³² added: windows are stored in 32-bit fields, which compiled code reads
back as signed. Only differences count (RFC 9293 §3.4).
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.packet.header import FIN, SYN, Packet

MASK: Final = 0xFFFF_FFFF
_HALF: Final = 0x8000_0000


def before(a: i64, b: i64) -> bool:
    """Whether a comes before b. Two numbers half the circle apart are each before the other, as in the kernel."""
    return (a - b) & MASK >= _HALF


def after(a: i64, b: i64) -> bool:
    """Whether a comes after b."""
    return (b - a) & MASK >= _HALF


def same(a: i64, b: i64) -> bool:
    """Whether a and b are the same sequence number."""
    return (a - b) & MASK == 0


def end_of(packet: Packet) -> i64:
    """The sequence number after the packet: its data, SYN and FIN take up room. Not reduced to 32 bits."""
    flags = packet.flags
    end = packet.seq + packet.length - packet.payload
    if flags & SYN:
        end += 1
    if flags & FIN:
        end += 1
    return end
