"""The socket pair and the pseudo header, wherever in the bytes the IP header stands."""

import pytest

from conntrack.packet.addresses import addresses, pair_with_ports, pair_without_ports, pseudo_sum, transport_sum
from conntrack.packet.checksum import ones_sum
from conntrack.packet.header import Packet

ADDRESSES = bytes.fromhex("c0a8010a c6336407")
ADDRESSES6 = bytes(range(32))
PORTS = b"\x9c\x40\x00\x50"


def header(version: int, before: int, between: int) -> Packet:
    """An IP header `before` bytes into raw, with `between` bytes of options, and the ports behind it."""
    fixed = bytes(12) + ADDRESSES if version == 4 else bytes(8) + ADDRESSES6
    packet = Packet()
    packet.version = version
    packet.protocol = 17
    packet.network = before
    packet.raw = b"\xee" * before + fixed + b"\x01" * between + PORTS + b"more"
    packet.transport = before + len(fixed) + between
    return packet


@pytest.mark.parametrize("before", [0, 28])
@pytest.mark.parametrize("between", [0, 8])
@pytest.mark.parametrize(("version", "expected"), [(4, ADDRESSES), (6, ADDRESSES6)])
def test_pairs(version: int, expected: bytes, before: int, between: int) -> None:
    packet = header(version, before, between)
    assert addresses(packet) == expected
    assert pair_with_ports(packet) == expected + PORTS
    assert pair_without_ports(packet) == expected + bytes(4)


@pytest.mark.parametrize("before", [0, 28])
@pytest.mark.parametrize(("version", "expected"), [(4, ADDRESSES), (6, ADDRESSES6)])
def test_the_pseudo_header(version: int, expected: bytes, before: int) -> None:
    packet = header(version, before, 0)
    assert pseudo_sum(packet, 8) % 0xFFFF == ones_sum(expected + b"\x00\x11\x00\x08")
    assert transport_sum(packet, 8, 4) == ones_sum(expected + b"\x00\x11\x00\x08" + PORTS)
