"""GRE: plain (RFC 2784, RFC 2890), and PPTP's with call identifiers (RFC 2637 §4.1; kernel: gre_pkt_to_tuple).

Lives here: which kind it is, and the identifier. May not live here: who agreed on it (helper/pptp). Of plain GRE the
addresses alone count, its optional key does not (as in the kernel). PPTP's has the receiver's call identifier, which
stands in a pair where other protocols have the destination port; the sender's is not in the packet, and so 0.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.packet import reason
from conntrack.packet.addresses import addresses
from conntrack.packet.errors import Malformed
from conntrack.packet.header import PLAIN, Packet
from conntrack.packet.octets import u16
from conntrack.packet.other import read_portless

#: what version 1 carries, and nothing else: PPP
PPP: Final = 0x880B
#: offset of the call identifier, and of what follows it
CALL: Final = 6
HEADER: Final = 8


def read_gre(packet: Packet, end: i64) -> None:
    """Reads the header up to `end`. Raises Malformed(BAD_GRE) for version 1 that does not carry PPP."""
    raw = packet.raw
    start = packet.transport
    if not has_call(packet, end):
        read_portless(packet)
        return
    if u16(raw, start + 2) != PPP:
        raise Malformed(reason.BAD_GRE)
    packet.kind = PLAIN
    packet.pair = addresses(packet) + b"\0\0" + raw[start + CALL : start + HEADER]
    packet.payload = start + HEADER


def has_call(packet: Packet, end: i64) -> bool:
    """Whether this is PPTP's kind of GRE: version 1, with a whole call identifier before `end`."""
    start = packet.transport
    return start + HEADER <= end and packet.raw[start + 1] & 0x07 == 1


def gre_part(packet: Packet, ports: bytes, end: i64) -> bytes:
    """The transport part up to `end` with the call identifier of `ports` (4 bytes, as in a pair)."""
    raw = packet.raw
    start = packet.transport
    if not has_call(packet, end):
        return raw[start:end]
    return b"%b%b%b" % (raw[start : start + CALL], ports[2:], raw[start + HEADER : end])
