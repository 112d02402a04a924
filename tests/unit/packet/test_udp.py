"""UDP and UDP-Lite: lengths, coverage, and what a checksum of zero means."""

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet as Layer

from conntrack.packet.header import PLAIN
from tests.unit.packet.build import decoded, lan, lan6, patched, refusal, udplite, wire, with_header_checksum

VERSIONS = pytest.mark.parametrize("ip", [lan(), lan6()], ids=["ipv4", "ipv6"])


def start(ip: Layer) -> int:
    return 20 if ip.version == 4 else 40


@VERSIONS
@pytest.mark.parametrize("size", [0, 1, 2, 1400])
def test_a_datagram(ip: Layer, size: int) -> None:
    packet = decoded(wire(ip / UDP(sport=5000, dport=53) / bytes(size)))
    assert (packet.protocol, packet.kind) == (17, PLAIN)
    assert packet.payload == packet.transport + 8 == packet.length - size
    assert packet.pair[-4:] == bytes.fromhex("1388 0035")


@VERSIONS
def test_a_wrong_checksum(ip: Layer) -> None:
    data = patched(wire(ip / UDP() / b"abcd"), start(ip) + 8, b"x")
    assert refusal(data) == "bad-checksum"
    assert decoded(data, verify=False).protocol == 17


def test_zero_is_no_checksum_in_ipv4_and_an_error_in_ipv6() -> None:
    assert decoded(wire(lan() / UDP(chksum=0) / b"abcd")).protocol == 17
    assert refusal(wire(lan6() / UDP(chksum=0) / b"abcd")) == "bad-checksum"


@VERSIONS
@pytest.mark.parametrize("length", [0, 7, 13, 65535])
def test_a_bad_length(ip: Layer, length: int) -> None:
    assert refusal(wire(ip / UDP(len=length) / b"abcd")) == "bad-udp-length"


def test_bytes_past_the_udp_length_are_tolerated_and_not_summed() -> None:
    # the surplus area of RFC 9868
    datagram = wire(lan() / UDP(sport=1, dport=2) / b"abcd")[20:]
    packet = decoded(wire(IP(src=lan().src, dst=lan().dst, proto=17) / (datagram + b"more")))
    assert packet.length == 36


@pytest.mark.parametrize("protocol", [17, 136])
def test_a_header_cut_short(protocol: int) -> None:
    for size in range(8):
        assert refusal(wire(IP(src="10.0.0.1", dst="10.0.0.2", proto=protocol) / bytes(size))) == "truncated"
        assert refusal(wire(IPv6(src="fd00::1", dst="fd00::2", nh=protocol) / bytes(size))) == "truncated"


@VERSIONS
@pytest.mark.parametrize("coverage", [0, 8, 9, 12, 20])
def test_udplite_sums_what_is_covered(ip: Layer, coverage: int) -> None:
    data = udplite(ip, 5000, 53, b"twelve bytes", coverage)
    packet = decoded(data)
    assert (packet.protocol, packet.payload) == (136, start(ip) + 8)
    assert packet.pair[-4:] == bytes.fromhex("1388 0035")
    damaged = patched(data, len(data) - 1, b"?")
    if coverage in (0, 20):
        assert refusal(damaged) == "bad-checksum"
    else:
        assert decoded(damaged).protocol == 136


@VERSIONS
@pytest.mark.parametrize("coverage", [1, 7, 21, 65535])
def test_udplite_coverage_without_the_header_or_past_the_end(ip: Layer, coverage: int) -> None:
    data = patched(udplite(ip, 1, 2, b"twelve bytes"), start(ip) + 4, coverage.to_bytes(2, "big"))
    assert refusal(data) == refusal(data, verify=False) == "bad-coverage"


@VERSIONS
def test_udplite_has_no_zero_checksum(ip: Layer) -> None:
    data = patched(udplite(ip, 1, 2, b"twelve bytes"), start(ip) + 6, b"\0\0")
    assert refusal(data) == "bad-checksum"
    assert decoded(data, verify=False).protocol == 136


def test_a_later_fragment_with_the_same_bytes_is_not_judged() -> None:
    data = with_header_checksum(patched(wire(lan() / UDP(len=1)), 6, b"\x00\x10"))
    assert decoded(data).pair[-4:] == bytes(4)
