"""GRE: plain by its addresses, PPTP's by the receiver's call identifier."""

from __future__ import annotations

import pytest
from scapy.layers.inet import ICMP, IP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import GRE, GRE_PPTP
from scapy.packet import Packet as Layer

from conntrack.packet.header import PLAIN
from conntrack.packet.rewrite import deltas, translate, translate_error
from tests.unit.packet.build import (
    CLIENT,
    GATEWAY,
    SERVER,
    decoded,
    decoded_error,
    lan,
    lan6,
    patched,
    refusal,
    wire,
)

VERSIONS = pytest.mark.parametrize("ip", [lan(), lan6()], ids=["ipv4", "ipv6"])
NO_PORTS = bytes(4)


def pptp(ip: Layer, call: int) -> bytes:
    header = GRE_PPTP(call_id=call, seqnum_present=1, sequence_number=9)
    if ip.version == 4:
        return wire(IP(src=ip.src, dst=ip.dst, proto=47) / header / b"\xff\x03ppp")
    return wire(IPv6(src=ip.src, dst=ip.dst, nh=47) / header / b"\xff\x03ppp")


@VERSIONS
def test_pptp_has_the_call_of_its_receiver(ip: Layer) -> None:
    packet = decoded(pptp(ip, 0xBEEF))
    assert (packet.protocol, packet.kind) == (47, PLAIN)
    assert packet.payload == packet.transport + 8
    assert packet.pair[-4:] == b"\0\0\xbe\xef"


def test_plain_gre_has_addresses_only_whatever_its_key() -> None:
    plain = decoded(wire(IP(src=CLIENT, dst=SERVER, proto=47) / GRE(proto=0x0800) / b"inner"))
    keyed = decoded(wire(IP(src=CLIENT, dst=SERVER, proto=47) / GRE(proto=0x0800, key_present=1, key=77) / b"inner"))
    assert plain.pair == keyed.pair
    assert plain.pair[-4:] == NO_PORTS


def test_version_1_carries_ppp_or_is_refused() -> None:
    data = pptp(lan(), 7)
    assert refusal(patched(data, 22, b"\x08\x00")) == "bad-gre"


@pytest.mark.parametrize("size", range(8))
def test_a_header_cut_short_has_no_call(size: int) -> None:
    packet = decoded(wire(IP(src=CLIENT, dst=SERVER, proto=47) / b"\x30\x01\x88\x0b\0\0\0\x07"[:size]))
    assert packet.pair[-4:] == NO_PORTS


@VERSIONS
def test_another_call_is_all_that_changes_but_addresses(ip: Layer) -> None:
    data = pptp(ip, 0x1111)
    packet = decoded(data)
    pair = packet.pair[:-4] + b"\0\0\x22\x22"
    new = translate(packet, pair, *deltas(47, packet.pair, pair))
    assert new == patched(data, packet.transport + 6, b"\x22\x22")
    moved = bytes((203, 0, 113, 5)) + pair[4:] if packet.version == 4 else pair
    again = decoded(translate(packet, moved, *deltas(47, packet.pair, moved)))
    assert again.pair == moved


def test_plain_gre_keeps_every_byte_behind_its_addresses() -> None:
    data = wire(IP(src=CLIENT, dst=SERVER, proto=47) / GRE(proto=0x0800, key_present=1, key=77) / b"inner")
    packet = decoded(data)
    pair = bytes((203, 0, 113, 5)) + packet.pair[4:-4] + b"\x22\x22\x22\x22"
    assert translate(packet, pair, *deltas(47, packet.pair, pair))[20:] == data[20:]


def test_an_error_about_a_call_is_translated_with_it() -> None:
    inside = pptp(IP(src=GATEWAY, dst=SERVER), 0x2222)
    packet, inner = decoded_error(wire(IP(src=SERVER, dst=GATEWAY) / ICMP(type=3, code=4) / inside[:28]))
    assert inner.pair[-4:] == b"\0\0\x22\x22"
    ours = bytes((192, 168, 1, 10)) + inner.pair[4:8] + b"\0\0\x11\x11"
    outer = packet.pair[:4] + bytes((192, 168, 1, 10)) + packet.pair[8:]
    told, quoted = decoded_error(translate_error(packet, inner, outer, ours))
    assert quoted.pair == ours
    assert told.pair[4:8] == bytes((192, 168, 1, 10))


def test_an_error_that_quotes_a_bad_header_is_refused() -> None:
    inside = patched(pptp(IP(src=GATEWAY, dst=SERVER), 7), 22, b"\x08\x00")
    data = wire(IP(src=SERVER, dst=GATEWAY) / ICMP(type=3, code=4) / inside[:28])
    with pytest.raises(Exception, match="bad-embedded"):
        decoded_error(data)
