"""The IPv4 header: fields, options, fragments, and everything that can be wrong with it."""

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP, IPOption_RR, IPOption_Timestamp, fragment

from conntrack.packet.header import FIRST_FRAGMENT, LATER_FRAGMENT, WHOLE
from tests.unit.packet.build import (
    CLIENT,
    SERVER,
    decoded,
    lan,
    pair,
    patched,
    refusal,
    udplite,
    wire,
    with_header_checksum,
)

CLIENT_SERVER = bytes((192, 168, 1, 10)), bytes((198, 51, 100, 7))


def test_fields() -> None:
    packet = decoded(wire(IP(src=CLIENT, dst=SERVER, tos=0xB9, ttl=3) / UDP(sport=1000, dport=53) / b"question"))
    assert (packet.version, packet.network, packet.length, packet.transport) == (4, 0, 36, 20)
    assert (packet.tos, packet.hop_limit, packet.protocol) == (0xB9, 3, 17)
    assert (packet.fragment, packet.options) == (WHOLE, False)
    assert packet.pair == pair(*CLIENT_SERVER, 1000, 53)


def test_options_move_the_transport_but_not_the_pair() -> None:
    header = IP(src=CLIENT, dst=SERVER, options=[IPOption_RR(routers=["0.0.0.0"]), IPOption_NOP()])
    packet = decoded(wire(header / TCP(sport=1000, dport=80, flags="S")))
    assert packet.options
    assert packet.transport == 28
    assert packet.payload == 48
    assert packet.pair == pair(*CLIENT_SERVER, 1000, 80)


def test_an_option_list_may_end_before_its_padding() -> None:
    data = wire(IP(src=CLIENT, dst=SERVER, options=[IPOption_Timestamp()]) / UDP())
    end_then_garbage = with_header_checksum(patched(data, 20, b"\x00\x07\x00\x00"))
    assert decoded(end_then_garbage).options


@pytest.mark.parametrize(
    "options",
    [
        "07 00 04 00",  # length 0
        "07 01 04 00",  # shorter than itself
        "07 05 04 00",  # past the header
        "01 01 01 07",  # no room for the length
    ],
)
def test_a_bad_option_length(options: str) -> None:
    data = wire(IP(src=CLIENT, dst=SERVER, options=[IPOption_NOP()] * 4) / UDP())
    assert refusal(with_header_checksum(patched(data, 20, bytes.fromhex(options)))) == "bad-option"


def test_fragments_of_a_datagram() -> None:
    first, second, last = [wire(part) for part in fragment(lan() / UDP(sport=9, dport=10) / bytes(100), fragsize=48)]
    packet = decoded(first)
    assert packet.fragment == FIRST_FRAGMENT
    assert packet.pair == pair(*CLIENT_SERVER, 9, 10)
    for later in (second, last):
        packet = decoded(later)
        assert packet.fragment == LATER_FRAGMENT
        assert packet.protocol == 17
        assert packet.pair == pair(*CLIENT_SERVER, 0, 0)
        assert packet.payload == packet.transport == 20


@pytest.mark.parametrize(
    "data",
    [
        wire(lan() / TCP(flags="A") / bytes(40)),
        wire(lan() / UDP() / bytes(40)),
        wire(lan() / ICMP() / bytes(40)),
        udplite(lan(), 1, 2, bytes(40), coverage=40),
    ],
    ids=["tcp", "udp", "icmp", "udplite"],
)
def test_a_first_fragment_has_ports_but_neither_length_nor_checksum_to_judge(data: bytes) -> None:
    cut = data[:44]
    cut = patched(cut, 2, len(cut).to_bytes(2, "big"))
    packet = decoded(with_header_checksum(patched(cut, 6, b"\x20\x00")))
    assert packet.fragment == FIRST_FRAGMENT
    assert packet.pair == decoded(data).pair


def test_a_first_fragment_too_small_for_its_header_cannot_hide_it() -> None:
    # RFC 1858 §3: the flags would be in the next fragment
    tiny = wire(lan() / TCP(flags="S"))[:28]
    tiny = patched(patched(tiny, 2, b"\x00\x1c"), 6, b"\x20\x00")
    assert refusal(with_header_checksum(tiny)) == "truncated"


@pytest.mark.parametrize("flags", [b"\x40\x00", b"\x80\x00", b"\xc0\x00"], ids=["DF", "reserved", "both"])
def test_these_flags_make_no_fragment(flags: bytes) -> None:
    assert decoded(with_header_checksum(patched(wire(lan() / UDP()), 6, flags))).fragment == WHOLE


def test_link_padding_is_not_part_of_the_packet() -> None:
    data = wire(lan() / TCP(flags="A"))
    packet = decoded(data + b"\xaa" * 6)
    assert packet.length == 40
    assert packet.payload == 40


def test_nothing_and_too_little() -> None:
    assert refusal(b"") == "truncated"
    assert refusal(wire(lan() / UDP())[:19]) == "truncated"


@pytest.mark.parametrize("version", [0, 5, 7, 15])
def test_other_versions(version: int) -> None:
    assert refusal(patched(wire(lan() / UDP()), 0, bytes((version << 4 | 5,)))) == "bad-version"


@pytest.mark.parametrize("first", [0x40, 0x44, 0x4F])
def test_a_bad_header_length(first: int) -> None:
    assert refusal(patched(wire(lan() / UDP()), 0, bytes((first,)))) == "bad-header-length"


@pytest.mark.parametrize("length", [0, 19, 29, 65535])
def test_a_bad_total_length(length: int) -> None:
    data = patched(wire(lan() / UDP()), 2, length.to_bytes(2, "big"))
    assert refusal(with_header_checksum(data)) == "bad-total-length"


def test_the_header_checksum_is_judged_even_unverified() -> None:
    data = patched(wire(lan() / UDP()), 8, b"\x01")
    assert refusal(data) == refusal(data, verify=False) == "bad-ip-checksum"


@pytest.mark.parametrize("source", ["224.0.0.1", "239.255.255.255", "255.255.255.255"])
def test_a_group_cannot_be_a_sender(source: str) -> None:
    assert refusal(wire(IP(src=source, dst=SERVER) / UDP())) == "bad-address"


@pytest.mark.parametrize("source", ["0.0.0.0", "223.255.255.255", "240.0.0.1", "255.255.255.254"])
def test_these_may_be_senders(source: str) -> None:
    # 0.0.0.0 is a DHCP client; class E is forwarded by the kernel as well
    assert decoded(wire(IP(src=source, dst=SERVER) / UDP())).pair[:4] == bytes(map(int, source.split(".")))
