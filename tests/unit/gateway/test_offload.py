"""Unfinished checksums of rewritten packets, against scapy's."""

from __future__ import annotations

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt
from scapy.layers.sctp import SCTP
from scapy.packet import Packet

from conntrack.gateway.queue.offload import Finisher
from conntrack.packet.errors import Malformed
from conntrack.packet.header import Packet as Decoded
from conntrack.packet.parse import parse

ODD = b"some payload of odd length."
PACKETS = [
    pytest.param(IP(src="192.0.2.1", dst="198.51.100.2") / TCP(sport=1, dport=2) / ODD, id="TCP"),
    pytest.param(IP(src="192.0.2.1", dst="198.51.100.2", options=[b"\1\1\1\0"]) / TCP(sport=1) / ODD, id="IP options"),
    pytest.param(IP(src="192.0.2.1", dst="198.51.100.2") / UDP(sport=1, dport=2) / ODD, id="UDP"),
    pytest.param(IPv6(src="2001:db8::1", dst="2001:db8::2") / TCP(sport=1, dport=2) / (ODD * 40), id="TCP over IPv6"),
    pytest.param(IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP(sport=1, dport=2), id="UDP over IPv6"),
    pytest.param(
        IPv6(src="2001:db8::1", dst="2001:db8::2") / IPv6ExtHdrDestOpt() / UDP(sport=1, dport=2) / ODD, id="extension"
    ),
    pytest.param(IP(src="192.0.2.1", dst="198.51.100.2") / SCTP(sport=1, dport=2, tag=9) / b"\0\0\0\4", id="SCTP"),
]


def unfinished(packet: Packet) -> bytes:
    """The packet with nonsense for a checksum."""
    broken = packet.copy()
    layer = next(broken[kind] for kind in (TCP, UDP, SCTP) if kind in broken)
    layer.chksum = 0x1234
    return bytes(broken)


@pytest.mark.parametrize("packet", PACKETS)
def test_a_single_packet_is_finished(packet: Packet) -> None:
    broken = unfinished(packet)
    with pytest.raises(Malformed):
        parse(broken, Decoded())
    finished = Finisher().finish(broken, segmented=False)
    assert finished == bytes(packet)
    parse(finished, Decoded())


@pytest.mark.parametrize("packet", PACKETS[:-1])
def test_a_packet_yet_to_be_cut_keeps_the_sum_of_its_pseudo_header(packet: Packet) -> None:
    """The kernel adds the rest: so the finished checksum is that of the transport with this sum in its field."""
    broken = unfinished(packet)
    given = Finisher().finish(broken, segmented=True)
    place = next(number for number in range(len(given)) if broken[number : number + 2] == b"\x12\x34")
    assert given[:place] == broken[:place]
    assert given[place + 2 :] == broken[place + 2 :]
    start = len(bytes(packet)) - len(bytes(packet[TCP] if TCP in packet else packet[UDP]))
    transport = given[start:] + bytes(len(given) & 1)
    total = sum(int.from_bytes(transport[at : at + 2], "big") for at in range(0, len(transport) - 1, 2))
    assert 0xFFFF - total % 0xFFFF in (int.from_bytes(bytes(packet)[place : place + 2], "big"), 0xFFFF)


def test_sctp_cannot_be_cut_after_rewriting() -> None:
    assert Finisher().finish(unfinished(PACKETS[-1].values[0]), segmented=True) == b""


@pytest.mark.parametrize("raw", [b"", b"E", bytes(40), bytes(IP(src="192.0.2.1", dst="192.0.2.2", proto=89) / ODD)])
def test_what_has_no_such_checksum_is_left_alone(raw: bytes) -> None:
    assert Finisher().finish(raw, segmented=False) == raw
    assert Finisher().finish(raw, segmented=True) == raw


def test_udp_s_checksum_never_comes_out_as_none() -> None:
    """A datagram whose sum is 0xFFFF: the checksum 0 is sent as 0xFFFF (RFC 768)."""
    base = bytes(IP(src="192.0.2.1", dst="198.51.100.2") / UDP(sport=1, dport=2, chksum=0) / b"\0\0")
    parse(base, packet := Decoded(), verify=False)
    words = base[12:20] + b"\0\x11" + base[24:26] + base[20:26]
    rest = sum(int.from_bytes(words[at : at + 2], "big") for at in range(0, len(words), 2)) % 0xFFFF
    raw = base[:28] + (0xFFFF - rest).to_bytes(2, "big")
    assert Finisher().finish(raw, segmented=False)[26:28] == b"\xff\xff"
    assert packet.transport == 20
