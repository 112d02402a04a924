"""Packets with other payloads and numbers: scapy must find nothing wrong with any of them."""

from __future__ import annotations

import pytest
from scapy.layers.inet import IP, TCP, UDP, IPOption_NOP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt
from scapy.packet import Packet as Layer

from conntrack.packet.header import Packet
from conntrack.packet.splice import long, sack_edges, with_acks, with_payload
from tests.unit.packet.build import decoded, lan, lan6, wire

HEADERS = {
    "ipv4": lan,
    "ipv4-options": lambda: IP(src="192.168.1.10", dst="198.51.100.7", options=[IPOption_NOP()] * 4),
    "ipv6": lan6,
    "ipv6-extension": lambda: lan6() / IPv6ExtHdrDestOpt(),
}
PAYLOADS = [b"", b"x", b"odd", b"even", b"PORT 203,0,113,1,19,136\r\n", bytes(range(256)) * 4]


def rebuilt(raw: bytes) -> Layer:
    """Read by scapy, with lengths and checksums made anew."""
    read = IP(raw) if raw[0] >> 4 == 4 else IPv6(raw)
    again = read.copy()
    for layer in (IP, TCP, UDP):
        if layer in again:
            again[layer].chksum = None
            if layer is not TCP:
                again[layer].len = None
    if IPv6 in again:
        again[IPv6].plen = None
    assert wire(again) == raw
    return read


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
@pytest.mark.parametrize("new", PAYLOADS, ids=len)
class TestPayload:
    def test_of_tcp(self, header: type, new: bytes) -> None:
        head = TCP(sport=40000, dport=21, seq=7, ack=9, flags="PA", options=[("Timestamp", (5, 6))])
        packet = decoded(wire(header() / head / b"PORT 10,0,0,5,19,136\r\n"))
        read = rebuilt(with_payload(packet, new, 2**32 - 1))
        assert bytes(read[TCP].payload) == new
        assert (read[TCP].seq, read[TCP].ack) == (2**32 - 1, 9)

    def test_of_udp(self, header: type, new: bytes) -> None:
        packet = decoded(wire(header() / UDP(sport=5060, dport=5060) / b"INVITE"))
        read = rebuilt(with_payload(packet, new, 0))
        assert bytes(read[UDP].payload) == new


class TestUdp:
    def test_a_checksum_that_is_not_used_stays_unused(self) -> None:
        packet = decoded(wire(lan() / UDP(sport=5060, dport=5060, chksum=0) / b"INVITE"))
        assert IP(with_payload(packet, b"longer words", 0))[UDP].chksum == 0


class TestPadding:
    def test_bytes_past_the_packet_do_not_become_payload(self) -> None:
        packet = decoded(wire(lan() / TCP(sport=1, dport=21) / b"abc") + b"\0\0\0\0")
        assert bytes(rebuilt(with_payload(packet, b"abcdef", 0))[TCP].payload) == b"abcdef"


class TestPartial:
    def test_the_sum_of_the_pseudo_header_follows_the_length(self) -> None:
        short, longer = (lan() / TCP(sport=1, dport=21, seq=5) / payload for payload in (b"abc", b"abcdef"))
        packet = decoded(partial(wire(short)), verify=False)
        packet.partial = True
        assert with_payload(packet, b"abcdef", 5) == partial(wire(longer))


def partial(raw: bytes) -> bytes:
    """With the plain sum of the pseudo header in the place of the TCP checksum."""
    total = sum(int.from_bytes(raw[at : at + 2], "big") for at in range(12, 20, 2)) + 6 + len(raw) - 20
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return raw[:36] + total.to_bytes(2, "big") + raw[38:]


def selective(header: Layer, *options: tuple[str, object]) -> Packet:
    return decoded(wire(header / TCP(sport=1, dport=21, ack=100, flags="A", options=list(options)) / b"x"))


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
class TestAcknowledgements:
    def test_the_number_alone(self, header: type) -> None:
        packet = selective(header(), ("Timestamp", (5, 6)))
        assert sack_edges(packet) == []
        read = rebuilt(with_acks(packet, 2**32 - 3, []))
        assert read[TCP].ack == 2**32 - 3

    def test_edges_of_several_blocks(self, header: type) -> None:
        packet = selective(header(), ("NOP", None), ("SAck", (200, 300, 400, 500)), ("Timestamp", (5, 6)))
        assert sack_edges(packet) == [200, 300, 400, 500]
        read = rebuilt(with_acks(packet, 90, [long(edge - 10) for edge in sack_edges(packet)]))
        assert dict(read[TCP].options)["SAck"] == (190, 290, 390, 490)
        assert (read[TCP].ack, bytes(read[TCP].payload)) == (90, b"x")
