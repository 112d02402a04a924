"""Which part of a pair counts in which checksum."""

import pytest

from conntrack.packet.checksum import delta
from conntrack.packet.deltas import deltas
from conntrack.packet.header import DCCP, GRE, ICMP, ICMPV6, SCTP, TCP, UDP, UDPLITE

OLD = bytes.fromhex("c0a8010a c6336407 9c40 0050")
NEW = bytes.fromhex("cb007105 c6336407 0401 1f90")
ADDRESSES = delta(OLD[:8], NEW[:8])


def widened(pair: bytes) -> bytes:
    """The same pair with IPv4-mapped addresses."""
    prefix = bytes(10) + b"\xff\xff"
    return prefix + pair[:4] + prefix + pair[4:8] + pair[8:]


@pytest.mark.parametrize("protocol", [TCP, UDP, UDPLITE, DCCP, SCTP])
def test_ports(protocol: int) -> None:
    assert deltas(protocol, OLD, NEW) == (ADDRESSES, delta(OLD[8:], NEW[8:]))


@pytest.mark.parametrize("protocol", [ICMP, ICMPV6])
def test_of_icmp_the_identifier_alone(protocol: int) -> None:
    assert deltas(protocol, OLD, NEW) == (ADDRESSES, delta(OLD[8:10], NEW[8:10]))


@pytest.mark.parametrize("protocol", [GRE, 2, 50, 255])
def test_others_have_no_ports(protocol: int) -> None:
    assert deltas(protocol, OLD, NEW) == (ADDRESSES, 0)


def test_ipv6() -> None:
    assert deltas(TCP, widened(OLD), widened(NEW)) == deltas(TCP, OLD, NEW)


def test_there_and_back_is_nothing() -> None:
    there, back = deltas(UDP, OLD, NEW), deltas(UDP, NEW, OLD)
    assert [(a + b) % 0xFFFF for a, b in zip(there, back, strict=True)] == [0, 0]
    assert deltas(UDP, OLD, OLD) == (0, 0)
