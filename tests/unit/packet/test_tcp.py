"""The TCP header: fields, lengths, checksum, and which flags may stand together."""

import itertools

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.packet import Packet as Layer

from conntrack.packet.header import PLAIN
from conntrack.packet.parse import parse
from tests.unit.packet.build import decoded, lan, lan6, patched, refusal, wire

LEGAL = {"S", "SU", "SA", "R", "RA", "FA", "FAU", "A", "AU"}


def flag_sets() -> list[str]:
    return ["".join(flags) for size in range(6) for flags in itertools.combinations("FSRAU", size)]


def test_fields() -> None:
    segment = TCP(sport=40000, dport=443, seq=0xFFFFFFFF, ack=0x80000001, flags="SAEC", window=0xFEDC)
    packet = decoded(wire(lan() / segment / b"data"))
    assert (packet.protocol, packet.kind, packet.transport, packet.payload) == (6, PLAIN, 20, 40)
    assert (packet.seq, packet.ack, packet.window) == (0xFFFFFFFF, 0x80000001, 0xFEDC)
    assert packet.flags == 0x02 | 0x10 | 0x40 | 0x80
    assert packet.pair[8:] == bytes.fromhex("9c40 01bb")


def test_options_move_the_payload() -> None:
    packet = decoded(wire(lan6() / TCP(flags="S", options=[("MSS", 1440), ("SAckOK", b"")]) / b"fast open"))
    assert packet.payload == 40 + 28


@pytest.mark.parametrize("flags", flag_sets())
@pytest.mark.parametrize("harmless", ["", "P", "EC", "PEC"])
def test_flags(flags: str, harmless: str) -> None:
    data = wire(lan() / TCP(flags=flags + harmless))
    if set(flags) in [set(legal) for legal in LEGAL]:
        assert decoded(data).flags == data[33]
    else:
        assert refusal(data) == "bad-flags"


@pytest.mark.parametrize(
    "scan", ["", "FPU", "F", "SF", "SR", "FSRPAUEC"], ids=["null", "xmas", "fin", "sf", "sr", "all"]
)
def test_what_port_scanners_send(scan: str) -> None:
    assert refusal(wire(lan() / TCP(flags=scan))) == "bad-flags"


def test_the_ninth_flag_is_not_judged() -> None:
    # AE (RFC 9768, formerly NS) stands beside the data offset
    assert decoded(wire(lan() / TCP(flags="SN"))).flags == 0x02


@pytest.mark.parametrize("offset", [0, 4, 6, 15])
def test_a_bad_data_offset(offset: int) -> None:
    assert refusal(wire(lan() / TCP(flags="S", dataofs=offset))) == "bad-data-offset"


def test_a_header_cut_short() -> None:
    for size in range(20):
        assert refusal(wire(IP(src="10.0.0.1", dst="10.0.0.2", proto=6) / bytes(size))) == "truncated"


@pytest.mark.parametrize("ip", [lan(), lan6()], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("size", [0, 1, 2, 1399])
def test_the_checksum(ip: Layer, size: int) -> None:
    data = wire(ip / TCP(flags="A") / bytes(size))
    assert decoded(data).flags == 0x10
    ports = len(data) - size - 20
    wrong = patched(data, ports, b"\x11\x11")
    assert refusal(wrong) == "bad-checksum"
    assert decoded(wrong, verify=False).flags == 0x10


def test_padding_is_not_summed() -> None:
    assert decoded(wire(lan() / TCP(flags="A")) + b"\x12\x34").payload == 40


def test_the_last_segment_leaves_nothing_for_the_next_packet() -> None:
    packet = decoded(wire(lan() / TCP(flags="A", seq=5, ack=6)))
    parse(wire(lan() / UDP()), packet)
    assert (packet.seq, packet.ack, packet.flags, packet.window) == (0, 0, 0, 0)
