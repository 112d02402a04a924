"""SCTP, DCCP, and protocols that have a number only."""

import pytest
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.sctp import SCTP, SCTPChunkInit
from scapy.packet import Packet as Layer

from conntrack.packet.header import PLAIN
from tests.unit.packet.build import CLIENT, CLIENT6, SERVER, SERVER6, dccp, decoded, lan, lan6, patched, refusal, wire

VERSIONS = pytest.mark.parametrize("ip", [lan(), lan6()], ids=["ipv4", "ipv6"])


def start(ip: Layer) -> int:
    return 20 if ip.version == 4 else 40


@VERSIONS
def test_sctp(ip: Layer) -> None:
    data = wire(ip / SCTP(sport=5000, dport=36412) / SCTPChunkInit(init_tag=1))
    packet = decoded(data)
    assert (packet.protocol, packet.kind, packet.payload) == (132, PLAIN, start(ip) + 12)
    assert packet.pair[-4:] == bytes.fromhex("1388 8e3c")
    wrong = patched(data, len(data) - 1, b"\x55")
    assert refusal(wrong) == "bad-checksum"
    assert decoded(wrong, verify=False).pair == packet.pair


@pytest.mark.parametrize("ports", [(0, 7), (7, 0), (0, 0)])
def test_sctp_may_not_use_port_zero(ports: tuple[int, int]) -> None:
    assert refusal(wire(lan() / SCTP(sport=ports[0], dport=ports[1]) / SCTPChunkInit())) == "zero-port"


@VERSIONS
@pytest.mark.parametrize("coverage", [0, 1, 2, 3])
def test_dccp(ip: Layer, coverage: int) -> None:
    data = dccp(ip, 5001, 5002, b"8 bytes.", coverage)
    packet = decoded(data)
    assert (packet.protocol, packet.kind, packet.payload) == (33, PLAIN, start(ip) + 16)
    assert packet.pair[-4:] == bytes.fromhex("1389 138a")
    damaged = patched(data, len(data) - 1, b"?")
    if coverage in (0, 3):
        assert refusal(damaged) == "bad-checksum"
    else:
        assert decoded(damaged).pair == packet.pair


def test_dccp_lengths() -> None:
    data = dccp(lan(), 1, 2, b"8 bytes.")
    assert refusal(patched(data, 24, b"\x02")) == "bad-data-offset"
    assert refusal(patched(data, 24, b"\x07")) == "bad-data-offset"
    assert refusal(patched(data, 25, b"\x04")) == "bad-coverage"


@pytest.mark.parametrize("protocol", [33, 132])
@pytest.mark.parametrize("size", range(12))
def test_a_header_cut_short(protocol: int, size: int) -> None:
    assert refusal(wire(IP(src=CLIENT, dst=SERVER, proto=protocol) / bytes(size))) == "truncated"


@pytest.mark.parametrize("protocol", [0, 2, 4, 47, 50, 51, 89, 112, 255])
def test_others_have_addresses_only(protocol: int) -> None:
    packet = decoded(wire(IP(src=CLIENT, dst=SERVER, proto=protocol) / b"whatever"))
    assert (packet.protocol, packet.kind) == (protocol, PLAIN)
    assert packet.payload == packet.transport == 20
    assert packet.pair == bytes((192, 168, 1, 10, 198, 51, 100, 7, 0, 0, 0, 0))


def test_others_may_be_empty() -> None:
    assert decoded(wire(IP(src=CLIENT, dst=SERVER, proto=47))).payload == 20
    assert decoded(wire(IPv6(src=CLIENT6, dst=SERVER6, nh=89))).payload == 40
