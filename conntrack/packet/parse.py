"""From the bytes of an IP packet to a filled Packet.

Lives here: which reader follows which. May not live here: any header's layout (one file each).
"""

from mypy_extensions import i64

from conntrack.packet import reason
from conntrack.packet.embedded import parse_embedded
from conntrack.packet.errors import Malformed
from conntrack.packet.gre import read_gre
from conntrack.packet.header import DCCP, GRE, ICMP, ICMPV6, LATER_FRAGMENT, SCTP, TCP, UDP, UDPLITE, Packet
from conntrack.packet.icmp import read_icmp, read_icmpv6
from conntrack.packet.ipv4 import read_ipv4
from conntrack.packet.ipv6 import read_ipv6
from conntrack.packet.other import read_dccp, read_portless, read_sctp
from conntrack.packet.tcp import read_tcp
from conntrack.packet.udp import read_udp, read_udplite

__all__ = ["parse", "parse_embedded"]


def parse(raw: bytes, packet: Packet, verify: bool = True) -> None:
    """Fills `packet` from a packet that begins with its IP header. Raises Malformed, and nothing else.

    verify: judge the transport checksum (the IPv4 header's is always judged). Off where the kernel has not
    completed it yet, or has verified it. A fragment is never judged by it; a later fragment has no ports.
    Packet.partial is the caller's to set: it cannot be seen in the bytes. After Malformed the fields are undefined.
    """
    packet.raw = raw
    if not raw:
        raise Malformed(reason.TRUNCATED)
    version = raw[0] >> 4
    if version == 4:
        read_ipv4(raw, packet)
    elif version == 6:
        read_ipv6(raw, packet)
    else:
        raise Malformed(reason.BAD_VERSION)
    if packet.protocol == TCP and packet.fragment != LATER_FRAGMENT:
        read_tcp(packet, verify)
    else:
        packet.seq = packet.ack = packet.flags = packet.window = 0
        _read_other_than_tcp(packet, verify)


def _read_other_than_tcp(packet: Packet, verify: bool) -> None:
    protocol: i64 = packet.protocol
    if packet.fragment == LATER_FRAGMENT:
        read_portless(packet)
    elif protocol == UDP:
        read_udp(packet, verify)
    elif protocol == ICMP and packet.version == 4:
        read_icmp(packet, verify)
    elif protocol == ICMPV6 and packet.version == 6:
        read_icmpv6(packet, verify)
    elif protocol == UDPLITE:
        read_udplite(packet, verify)
    elif protocol == SCTP:
        read_sctp(packet, verify)
    elif protocol == DCCP:
        read_dccp(packet, verify)
    elif protocol == GRE:
        read_gre(packet, packet.length)
    else:
        read_portless(packet)
