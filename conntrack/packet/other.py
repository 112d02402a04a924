"""SCTP (RFC 9260) and DCCP (RFC 4340), as far as a socket pair goes; every protocol without a file by its number.

Lives here: ports, the length of the fixed header, checksums. May not live here: SCTP's chunks and DCCP's packet
types: their trackers read them.
"""

from mypy_extensions import i64

from conntrack.packet import reason
from conntrack.packet.addresses import pair_with_ports, pair_without_ports, transport_sum
from conntrack.packet.crc32c import sctp_checksum
from conntrack.packet.errors import Malformed
from conntrack.packet.header import PLAIN, WHOLE, Packet
from conntrack.packet.octets import u16, u32


def read_sctp(packet: Packet, verify: bool) -> None:
    """Reads the common header; CRC32c too when `verify` and not fragmented. Raises Malformed.

    Port 0 may not be used (RFC 9260 §3.1).
    """
    raw = packet.raw
    start = packet.transport
    if start + 12 > packet.length:
        raise Malformed(reason.TRUNCATED)
    if verify and packet.fragment == WHOLE and sctp_checksum(raw, start, packet.length) != sctp_field(raw, start):
        raise Malformed(reason.BAD_CHECKSUM)
    if u16(raw, start) == 0 or u16(raw, start + 2) == 0:
        raise Malformed(reason.ZERO_PORT)
    packet.kind = PLAIN
    packet.pair = pair_with_ports(packet)
    packet.payload = start + 12


def sctp_field(raw: bytes, start: i64) -> i64:
    """The checksum that the SCTP packet at `start` carries: least significant byte first."""
    field = u32(raw, start + 8)
    return field >> 24 | (field >> 8 & 0xFF00) | (field << 8 & 0xFF0000) | (field << 24 & 0xFF000000)


def read_dccp(packet: Packet, verify: bool) -> None:
    """Reads the generic header; the checksum too when `verify` and not fragmented. Raises Malformed."""
    raw = packet.raw
    start = packet.transport
    size = packet.length - start
    if size < 12:
        raise Malformed(reason.TRUNCATED)
    offset: i64 = raw[start + 4]
    offset <<= 2
    if offset < 12 or offset > size:
        raise Malformed(reason.BAD_DATA_OFFSET)
    if verify and packet.fragment == WHOLE:
        _verify_dccp(packet, size, offset)
    packet.kind = PLAIN
    packet.pair = pair_with_ports(packet)
    packet.payload = start + offset


def _verify_dccp(packet: Packet, size: i64, offset: i64) -> None:
    """The coverage is the header and CsCov − 1 words of four bytes after it; 0 is everything (RFC 4340 §9.2)."""
    coverage: i64 = packet.raw[packet.transport + 5]
    coverage &= 0x0F
    covered = offset + (coverage - 1) * 4 if coverage else size
    if covered > size:
        raise Malformed(reason.BAD_COVERAGE)
    if transport_sum(packet, size, covered) != 0:
        raise Malformed(reason.BAD_CHECKSUM)


def read_portless(packet: Packet) -> None:
    """Everything else, and later fragments of anything: addresses and protocol number."""
    packet.kind = PLAIN
    packet.pair = pair_without_ports(packet)
    packet.payload = packet.transport
