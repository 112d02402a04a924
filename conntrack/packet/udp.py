"""The headers of UDP (RFC 768) and UDP-Lite (RFC 3828).

Lives here: lengths, coverage, checksums. May not live here: what is inside.
"""

from conntrack.packet import reason
from conntrack.packet.addresses import pair_with_ports, transport_sum
from conntrack.packet.errors import Malformed
from conntrack.packet.header import FIRST_FRAGMENT, PLAIN, WHOLE, Packet
from conntrack.packet.octets import u16


def read_udp(packet: Packet, verify: bool) -> None:
    """Reads the header at packet.transport; the checksum too when `verify` and not fragmented. Raises Malformed.

    A checksum of 0 means none in IPv4 and is an error in IPv6 (RFC 8200 §8.1). Bytes of the IP packet past the
    UDP length are tolerated.
    """
    raw = packet.raw
    start = packet.transport
    if start + 8 > packet.length:
        raise Malformed(reason.TRUNCATED)
    size = u16(raw, start + 4)
    if size < 8 or (start + size > packet.length and packet.fragment != FIRST_FRAGMENT):
        raise Malformed(reason.BAD_UDP_LENGTH)
    if verify and packet.fragment == WHOLE:
        if u16(raw, start + 6) == 0:
            if packet.version == 6:
                raise Malformed(reason.BAD_CHECKSUM)
        elif transport_sum(packet, size, size) != 0:
            raise Malformed(reason.BAD_CHECKSUM)
    packet.kind = PLAIN
    packet.pair = pair_with_ports(packet)
    packet.payload = start + 8


def read_udplite(packet: Packet, verify: bool) -> None:
    """Reads the header at packet.transport; the checksum too when `verify` and not fragmented. Raises Malformed.

    The length is that of the IP payload; the field in its place is the coverage: 0 is everything, 1–7 would leave
    the header itself out. There is no "no checksum" (RFC 3828 §3.1).
    """
    start = packet.transport
    size = packet.length - start
    if size < 8:
        raise Malformed(reason.TRUNCATED)
    covered = u16(packet.raw, start + 4)
    if covered == 0:
        covered = size
    if covered < 8 or (covered > size and packet.fragment != FIRST_FRAGMENT):
        raise Malformed(reason.BAD_COVERAGE)
    if (
        verify
        and packet.fragment == WHOLE
        and (u16(packet.raw, start + 6) == 0 or transport_sum(packet, size, covered) != 0)
    ):
        raise Malformed(reason.BAD_CHECKSUM)
    packet.kind = PLAIN
    packet.pair = pair_with_ports(packet)
    packet.payload = start + 8
