"""The TCP header (RFC 9293), without its options (tcp_options.py reads those when somebody asks).

Lives here: fields, checksum, and which flags may stand together. May not live here: any state.
"""

from typing import Final

from mypy_extensions import i64

from conntrack.packet import reason
from conntrack.packet.addresses import pair_with_ports, transport_sum
from conntrack.packet.errors import Malformed
from conntrack.packet.header import ACK, CWR, ECE, FIN, PLAIN, PSH, RST, SYN, URG, WHOLE, Packet
from conntrack.packet.octets import u16, u32

#: every set of flags that a stack sends, PSH, ECE and CWR left aside: the kernel's tcp_valid_flags
LEGAL_FLAGS: Final = (SYN, SYN | URG, SYN | ACK, RST, RST | ACK, FIN | ACK, FIN | ACK | URG, ACK, ACK | URG)

#: by all eight flags: 1 legal, 0 not
_LEGAL: Final = bytes([1 if flags & ~(PSH | ECE | CWR) in LEGAL_FLAGS else 0 for flags in range(256)])


def read_tcp(packet: Packet, verify: bool) -> None:
    """Reads the header at packet.transport; the checksum too when `verify` and not fragmented. Raises Malformed."""
    raw = packet.raw
    start = packet.transport
    end = packet.length
    if start + 20 > end:
        raise Malformed(reason.TRUNCATED)
    offset: i64 = raw[start + 12]
    payload = start + (offset >> 4 << 2)
    if payload < start + 20 or payload > end:
        raise Malformed(reason.BAD_DATA_OFFSET)
    if verify and packet.fragment == WHOLE and transport_sum(packet, end - start, end - start) != 0:
        raise Malformed(reason.BAD_CHECKSUM)
    flags: i64 = raw[start + 13]
    if _LEGAL[flags] == 0:
        raise Malformed(reason.BAD_FLAGS)
    packet.kind = PLAIN
    packet.pair = pair_with_ports(packet)
    packet.payload = payload
    packet.seq = u32(raw, start + 4)
    packet.ack = u32(raw, start + 8)
    packet.flags = flags
    packet.window = u16(raw, start + 14)
