"""Translation of ICMP and ICMPv6 errors: the outer header, and the packet that the error speaks of.

Lives here: the one function. May not live here: whose error it is, and what either pair becomes (nat/).
"""

from mypy_extensions import i64

from conntrack.packet.addresses import addresses
from conntrack.packet.checksum import delta
from conntrack.packet.deltas import deltas
from conntrack.packet.header import Packet
from conntrack.packet.patch import network_header, transport_checksum, transport_part


def translate_error(packet: Packet, inner: Packet, outer_pair: bytes, inner_pair: bytes) -> bytes:
    """The error with the addresses of `outer_pair`, about a packet that had `inner_pair` (RFC 5508 §4.2).

    Both pairs are as in Packet.pair: 12 or 36 bytes, in the direction in which the packets go; of outer_pair only the
    addresses count. `inner` comes from parse_embedded(packet, inner). The checksums of the inner IP header and, if it
    was quoted, of the inner transport are updated as well, except SCTP's, and last the ICMP checksum over all of it.
    """
    raw = packet.raw
    start = packet.transport
    quoted = _translate_inner(inner, inner_pair, packet.length)
    address_delta = delta(addresses(packet), outer_pair[: len(outer_pair) - 4])
    body_delta = delta(raw[inner.network : packet.length], quoted)
    header = network_header(packet, outer_pair, address_delta)
    covered = address_delta if packet.version == 6 else 0
    checksum = transport_checksum(packet, start + 2, covered, body_delta)
    return b"%b%b%b%b%b%b" % (
        header,
        raw[start : start + 2],
        checksum,
        raw[start + 4 : inner.network],
        quoted,
        raw[packet.length :],
    )


def _translate_inner(inner: Packet, pair: bytes, end: i64) -> bytes:
    """The quoted bytes, from the inner IP header up to `end`."""
    address_delta, port_delta = deltas(inner.protocol, inner.pair, pair)
    header = network_header(inner, pair, address_delta)
    return header + transport_part(inner, pair[len(pair) - 4 :], address_delta, port_delta, end)
