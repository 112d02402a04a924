"""Clamping the MSS of a SYN."""

import pytest
from scapy.layers.inet import TCP, UDP, fragment
from scapy.packet import Packet as Layer

from conntrack.packet.errors import Malformed
from conntrack.packet.mss import clamp_mss
from conntrack.packet.tcp_options import mss
from tests.unit.packet.build import decoded, lan, lan6, wire

VERSIONS = pytest.mark.parametrize("ip", [lan(), lan6()], ids=["ipv4", "ipv6"])


def syn(ip: Layer, *options: tuple[str, object], flags: str = "S") -> bytes:
    return wire(ip / TCP(sport=1, dport=2, flags=flags, options=list(options)) / b"fast open")


@VERSIONS
@pytest.mark.parametrize("flags", ["S", "SA"])
@pytest.mark.parametrize("before", [[], [("NOP", None)], [("NOP", None), ("WScale", 7)]], ids=["0", "odd", "even"])
def test_a_larger_one_is_lowered(ip: Layer, flags: str, before: list[tuple[str, object]]) -> None:
    data = syn(ip, *before, ("MSS", 1460), ("SAckOK", b""), flags=flags)
    assert clamp_mss(decoded(data), 1412) == syn(ip, *before, ("MSS", 1412), ("SAckOK", b""), flags=flags)


@VERSIONS
@pytest.mark.parametrize("size", [536, 1412])
def test_one_that_fits_is_never_raised(ip: Layer, size: int) -> None:
    data = syn(ip, ("MSS", size))
    assert clamp_mss(decoded(data), 1412) is data


@VERSIONS
def test_none_is_added(ip: Layer) -> None:
    data = syn(ip, ("WScale", 7))
    assert clamp_mss(decoded(data), 1412) is data


def test_only_a_syn_is_touched() -> None:
    data = syn(lan(), ("MSS", 1460), flags="A")
    assert clamp_mss(decoded(data), 536) is data
    data = wire(lan() / UDP() / b"x")
    assert clamp_mss(decoded(data), 536) is data
    first = wire(fragment(lan() / TCP(flags="S", options=[("MSS", 1460)]) / bytes(64), fragsize=48)[0])
    assert clamp_mss(decoded(first), 536) is first


def test_a_partial_checksum_does_not_cover_options() -> None:
    packet = decoded(syn(lan(), ("MSS", 1460)))
    packet.partial = True
    clamped = clamp_mss(packet, 1412)
    assert clamped[36:38] == packet.raw[36:38]
    assert mss(decoded(clamped, verify=False)) == 1412


def test_a_bad_option_is_refused() -> None:
    data = wire(lan() / TCP(flags="S", options=[(253, b"ab"), (253, b"ab")]))
    at = 40
    bad = data[: at + 1] + b"\x50" + data[at + 2 :]
    with pytest.raises(Malformed):
        clamp_mss(decoded(bad, verify=False), 536)
