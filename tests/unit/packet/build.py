"""Packets for the tests of packet/: made by scapy, an implementation that is not ours, or by hand where it has none."""

from __future__ import annotations

import struct

import pytest
from scapy.compat import raw
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet as Layer
from scapy.utils import checksum

from conntrack.packet import reason
from conntrack.packet.errors import Malformed
from conntrack.packet.header import Packet
from conntrack.packet.parse import parse, parse_embedded

CLIENT = "192.168.1.10"
SERVER = "198.51.100.7"
GATEWAY = "203.0.113.5"
CLIENT6 = "fd00::10"
SERVER6 = "2001:db8::7"
GATEWAY6 = "2001:db8:1::5"


def lan() -> Layer:
    """An IPv4 header, client → server."""
    return IP(src=CLIENT, dst=SERVER, ttl=64, id=7)


def lan6() -> Layer:
    """An IPv6 header, client → server."""
    return IPv6(src=CLIENT6, dst=SERVER6, hlim=64)


def wire(layers: Layer) -> bytes:
    """What scapy would send."""
    built: bytes = raw(layers)
    return built


def decoded(data: bytes, verify: bool = True) -> Packet:
    """A packet parsed by us."""
    packet = Packet()
    parse(data, packet, verify)
    return packet


def decoded_error(data: bytes) -> tuple[Packet, Packet]:
    """An ICMP error and the packet inside it, parsed by us."""
    packet, inner = decoded(data), Packet()
    parse_embedded(packet, inner)
    return packet, inner


def refusal(data: bytes, verify: bool = True) -> str:
    """The name of the reason for which the bytes are not a packet."""
    with pytest.raises(Malformed) as caught:
        parse(data, Packet(), verify)
    return reason.name(caught.value.reason)


def patched(data: bytes, at: int, new: bytes) -> bytes:
    """The bytes with some of them replaced; no checksum is corrected."""
    return data[:at] + new + data[at + len(new) :]


def with_header_checksum(data: bytes) -> bytes:
    """An IPv4 packet whose header checksum is made right."""
    header = (data[0] & 0x0F) * 4
    return patched(data, 10, struct.pack("!H", checksum(patched(data[:header], 10, b"\0\0"))))


def pair(source: bytes, destination: bytes, source_port: int, destination_port: int) -> bytes:
    """A socket pair as in Packet.pair."""
    return source + destination + struct.pack("!HH", source_port, destination_port)


def udplite(ip: Layer, sport: int, dport: int, payload: bytes, coverage: int = 0) -> bytes:
    """A UDP-Lite packet (RFC 3828); scapy does not know the protocol."""
    body = struct.pack("!HHHH", sport, dport, coverage, 0) + payload
    return _finish(ip, 136, body, 6, coverage or len(body))


def dccp(ip: Layer, sport: int, dport: int, payload: bytes, coverage: int = 0) -> bytes:
    """A DCCP-Data packet with 48-bit sequence numbers (RFC 4340 §5.1)."""
    body = struct.pack("!HHBBHBBHI", sport, dport, 4, coverage, 0, 0x05, 0, 1, 77) + payload
    return _finish(ip, 33, body, 6, 16 + (coverage - 1) * 4 if coverage else len(body))


def _finish(ip: Layer, protocol: int, body: bytes, place: int, covered: int) -> bytes:
    """Completes the checksum at `place` over `covered` bytes and the pseudo header (scapy sums that)."""
    pseudo = _pseudo_header(ip, protocol, len(body))
    value = checksum(pseudo + body[:covered]) or 0xFFFF
    body = patched(body, place, struct.pack("!H", value))
    if ip.version == 4:
        return wire(IP(src=ip.src, dst=ip.dst, ttl=ip.ttl, id=ip.id, proto=protocol) / body)
    return wire(IPv6(src=ip.src, dst=ip.dst, hlim=ip.hlim, nh=protocol) / body)


def _pseudo_header(ip: Layer, protocol: int, size: int) -> bytes:
    if ip.version == 4:
        return wire(ip)[12:20] + struct.pack("!BBH", 0, protocol, size)
    return wire(ip)[8:40] + struct.pack("!IBBBB", size, 0, 0, 0, protocol)
