"""The list of decoders: complete, and each leads to where its name says."""

import pytest

from conntrack.packet import reason
from conntrack.packet.errors import Malformed
from conntrack.packet.registry import DECODERS, Decoder, within_ipv4, within_ipv6
from tests.unit.packet.build import decoded

NAMES = [name for name, _ in DECODERS]

#: bytes that only the decoder meant can find fault with, and the fault
FAULTS = {
    "icmp": (b"\x08\0\0\0", "truncated"),
    "tcp": (bytes(20), "bad-data-offset"),
    "tcp-options": (b"\x02\x00\x05\xb4", "bad-option"),
    "tcp-v6": (bytes(12) + b"\x50\x03" + bytes(6), "bad-flags"),
    "udp": (bytes(8), "bad-udp-length"),
    "udp-v6": (bytes(8), "bad-udp-length"),
    "udplite": (b"\0\1\0\2\0\7\0\0", "bad-coverage"),
    "udplite-v6": (b"\0\1\0\2\0\7\0\0", "bad-coverage"),
    "sctp": (bytes(12), "zero-port"),
    "sctp-v6": (bytes(12), "zero-port"),
    "dccp": (bytes(12), "bad-data-offset"),
    "dccp-v6": (bytes(12), "bad-data-offset"),
    "gre": (b"\x30\x01\x08\0" + bytes(4), "bad-gre"),
    "gre-v6": (b"\x30\x01\x08\0" + bytes(4), "bad-gre"),
    "embedded": (b"\x44" + bytes(19), "bad-embedded"),
    "embedded-v6": (b"\x60" + bytes(39), "bad-embedded"),
    "extension-headers": (b"\x3c", "bad-extension"),
    "fragment-v6": (b"\x2c" + bytes(7) + b"\x3b" + bytes(7), "bad-extension"),
    "icmpv6": (b"\x80", "truncated"),
    "ip": (b"\x55", "bad-version"),
    "ip-verified": (b"", "truncated"),
    "nat64": (b"\x55", "bad-version"),
    "nat64-unreachable": (bytes(4) + b"\x44" + bytes(19), "bad-embedded"),
    "nat64-problem": (bytes(4) + b"\x44" + bytes(19), "bad-embedded"),
    "nat64-unreachable-v6": (bytes(4) + b"\x60" + bytes(39), "bad-embedded"),
    "nat64-too-big": (bytes(4) + b"\x60" + bytes(39), "bad-embedded"),
    "nat64-problem-v6": (bytes(4) + b"\x60" + bytes(39), "bad-embedded"),
}


def test_names_are_unique() -> None:
    assert len(set(NAMES)) == len(NAMES)


def test_every_decoder_that_can_refuse_is_tried_below() -> None:
    assert set(NAMES) - {"unknown"} == set(FAULTS)


@pytest.mark.parametrize(("name", "decoder"), DECODERS, ids=NAMES)
def test_each_leads_to_where_its_name_says(name: str, decoder: Decoder) -> None:
    if name == "unknown":
        decoder(b"anything")
        return
    data, expected = FAULTS[name]
    with pytest.raises(Malformed) as caught:
        decoder(data)
    assert reason.name(caught.value.reason) == expected


@pytest.mark.parametrize("size", [0, 1, 1000, 70000])
def test_envelopes_are_packets(size: int) -> None:
    packet = decoded(within_ipv4(254, bytes(size)))
    assert (packet.protocol, packet.length) == (254, 20 + min(size, 65000))
    packet = decoded(within_ipv6(254, bytes(size)))
    assert (packet.protocol, packet.length) == (254, 40 + min(size, 65000))
