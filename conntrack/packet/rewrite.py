"""Translation: a packet again, with another socket pair and checksums to match (RFC 1624, RFC 3022 §4.1).

Lives here: the hot path, and the doors to the rest. May not live here: the choice of the new pair (nat/), a field's
place in a transport header (patch.py). Lengths never change, so bytes past the packet (link padding) stay as well.
"""

from mypy_extensions import i64

from conntrack.packet.checksum import adjust, delta
from conntrack.packet.deltas import deltas
from conntrack.packet.header import TCP, UDP, WHOLE, Packet
from conntrack.packet.octets import OCTETS, u16, word
from conntrack.packet.patch import network_header, transport_part
from conntrack.packet.rewrite_error import translate_error

__all__ = ["deltas", "set_tos", "translate", "translate_error"]


def translate(packet: Packet, pair: bytes, address_delta: i64, port_delta: i64) -> bytes:
    """The packet with the addresses and ports (or ICMP identifier) of `pair`, and the checksums updated.

    The deltas are those of deltas(packet.protocol, packet.pair, pair). Checksums that were wrong stay wrong, but for
    SCTP's. Raises Malformed(FRAGMENT) for a fragment of SCTP whose ports change, nothing else.
    """
    if packet.version == 4 and packet.transport == 20 and not packet.partial and packet.fragment == WHOLE:
        if packet.protocol == TCP:
            return _translate_tcp(packet.raw, pair, address_delta, port_delta)
        if packet.protocol == UDP:
            return _translate_udp(packet.raw, pair, address_delta, port_delta)
    ports = pair[8:] if packet.version == 4 else pair[32:]
    header = network_header(packet, pair, address_delta)
    return header + transport_part(packet, ports, address_delta, port_delta, len(packet.raw))


def _translate_tcp(raw: bytes, pair: bytes, address_delta: i64, port_delta: i64) -> bytes:
    """IPv4 without options: addresses and ports stand next to each other, as in the pair."""
    header = adjust(u16(raw, 10), address_delta)
    checksum = adjust(u16(raw, 36), address_delta + port_delta)
    return b"%b%b%b%b%b%b%b%b" % (
        raw[:10],
        OCTETS[header >> 8],
        OCTETS[header & 0xFF],
        pair,
        raw[24:36],
        OCTETS[checksum >> 8],
        OCTETS[checksum & 0xFF],
        raw[38:],
    )


def _translate_udp(raw: bytes, pair: bytes, address_delta: i64, port_delta: i64) -> bytes:
    """The same for UDP, where a checksum of 0 is none and stays, and none must come out as 0."""
    header = adjust(u16(raw, 10), address_delta)
    checksum = u16(raw, 26)
    if checksum != 0:
        checksum = adjust(checksum, address_delta + port_delta)
        if checksum == 0:
            checksum = 0xFFFF
    return b"%b%b%b%b%b%b%b%b" % (
        raw[:10],
        OCTETS[header >> 8],
        OCTETS[header & 0xFF],
        pair,
        raw[24:26],
        OCTETS[checksum >> 8],
        OCTETS[checksum & 0xFF],
        raw[28:],
    )


def set_tos(raw: bytes, tos: int) -> bytes:
    """The packet with another IPv4 TOS or IPv6 traffic class (0–255: DSCP·4 + ECN). `raw` has been parsed."""
    value: i64 = tos
    if raw[0] >> 4 == 4:
        checksum = adjust(u16(raw, 10), delta(raw[:2], raw[:1] + OCTETS[value]))
        return b"%b%b%b%b%b" % (raw[:1], OCTETS[value], raw[2:10], word(checksum), raw[12:])
    first = u16(raw, 0)
    return word((first & 0xF00F) | value << 4) + raw[2:]
