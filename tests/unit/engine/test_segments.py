"""`mss:` of a zone: what a SYN asks for is lowered to what the path takes, in both directions, and never raised."""

from __future__ import annotations

import pytest

from conntrack.packet.header import Packet
from conntrack.packet.parse import parse
from conntrack.packet.tcp_options import mss
from tests.golden.notation import describe, packet
from tests.host import Host, address

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0], %s}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24], %s}
nat:
  - {name: internet, masquerade: wan, from: [lan]}
  - {name: shop, forward: http, at: wan, to: 192.168.10.20, hairpin: lan}
policy:
  lan -> wan: accept
  lan -> self: accept
  self -> wan: accept
"""
WAN, LAN = 1, 2
SYN = "tcp 192.168.10.5:40000 > 198.51.100.9:80 SYN seq=1 mss="
ANSWER = "tcp 198.51.100.9:80 > 203.0.113.1:40000 SYN+ACK seq=9 ack=2 mss="


def office(wan: str = "mss: path", lan: str = "dhcp: client", mtu: int = 1492, inside: int = 1500) -> Host:
    """A host whose links take packets of these sizes."""
    host = Host(RULES % (wan, lan))
    for index, size in ((WAN, mtu), (LAN, inside)):
        interface = host.topology.interface(index)
        assert interface is not None
        interface.mtu = size
    return host


def segment(came: str) -> int:
    """The MSS of a packet that left."""
    assert " mss=" in came, came
    assert "BAD CHECKSUM" not in came
    return int(came.rpartition(" mss=")[2])


def test_a_syn_and_its_answer_are_lowered_to_the_smaller_link() -> None:
    host = office()
    assert host.arrive("lan", SYN + "1460") == "wan tcp 203.0.113.1:40000 > 198.51.100.9:80 SYN mss=1452"
    assert host.arrive("wan", ANSWER + "1460") == "lan tcp 198.51.100.9:80 > 192.168.10.5:40000 SYN+ACK mss=1452"


def test_one_that_fits_is_never_raised_and_none_is_added() -> None:
    host = office()
    assert segment(host.arrive("lan", SYN + "1200")) == 1200
    assert host.arrive("wan", "tcp 198.51.100.9:80 > 203.0.113.1:40000 SYN+ACK seq=9 ack=2").endswith(" SYN+ACK")


def test_without_the_setting_nothing_changes() -> None:
    host = office(wan="dhcp: client")
    assert segment(host.arrive("lan", SYN + "1460")) == 1460


def test_a_retransmitted_syn_is_lowered_again() -> None:
    host = office()
    assert [segment(host.arrive("lan", SYN + "1460")) for _ in range(3)] == [1452] * 3


def test_only_zones_that_say_so_count() -> None:
    host = office(mtu=1500, inside=1400)
    host.reload(RULES % ("dhcp: client", "mss: path"))
    assert segment(host.arrive("lan", SYN + "1460")) == 1360
    host.reload(RULES % ("dhcp: client", "dhcp: client"))
    assert segment(host.arrive("lan", (SYN + "1460").replace("40000", "40001"))) == 1460


def test_a_number_counts_where_it_is_lower() -> None:
    assert segment(office(wan="mss: 1300").arrive("lan", SYN + "1460")) == 1300
    assert segment(office(lan="mss: 1300").arrive("lan", SYN + "1460")) == 1300
    assert segment(office(lan="mss: 1470").arrive("lan", SYN + "1460")) == 1452
    assert segment(office(wan="mss: 1380", lan="mss: 1400").arrive("lan", SYN + "1460")) == 1380


def test_a_route_s_own_mtu_counts_in_either_direction() -> None:
    host = office(mtu=1500)
    host.topology.add_route(address("198.51.100.0"), 24, WAN, 1280)
    assert segment(host.arrive("lan", SYN + "1460")) == 1240
    assert segment(host.arrive("wan", ANSWER + "1460")) == 1240
    assert segment(host.arrive("lan", "tcp 192.168.10.5:40000 > 198.18.0.1:80 SYN seq=1 mss=1460")) == 1460


def test_a_forwarded_port_both_ways() -> None:
    host = office()
    came = host.arrive("wan", "tcp 198.51.100.9:50000 > 203.0.113.1:80 SYN seq=1 mss=1460")
    assert came == "lan tcp 198.51.100.9:50000 > 192.168.10.20:80 SYN mss=1452"
    came = host.arrive("lan", "tcp 192.168.10.20:80 > 198.51.100.9:50000 SYN+ACK seq=9 ack=2 mss=1460")
    assert came == "wan tcp 203.0.113.1:80 > 198.51.100.9:50000 SYN+ACK mss=1452"


def test_hairpin_is_lowered_once_whichever_hook_rewrites() -> None:
    host = office(lan="mss: 1300")
    came = host.arrive("lan", "tcp 192.168.10.5:50000 > 203.0.113.1:80 SYN seq=1 mss=1460")
    assert came == "lan tcp 203.0.113.1:50000 > 192.168.10.20:80 SYN mss=1300"
    came = host.arrive("lan", "tcp 192.168.10.20:80 > 203.0.113.1:50000 SYN+ACK seq=9 ack=2 mss=1460")
    assert came == "lan tcp 203.0.113.1:80 > 192.168.10.5:50000 SYN+ACK mss=1300"


def test_the_gateway_s_own_connections_too() -> None:
    host = office(wan="mss: 1300")
    assert segment(host.send("tcp 203.0.113.1:50000 > 198.51.100.9:80 SYN seq=1 mss=1452")) == 1300
    came = host.arrive("wan", "tcp 198.51.100.9:80 > 203.0.113.1:50000 SYN+ACK seq=9 ack=2 mss=1460")
    assert segment(came) == 1300


def test_ipv6_headers_are_longer() -> None:
    host = office()
    syn = "tcp [fd10::5]:40000 > [2001:db8:77::9]:80 SYN seq=1 mss=1440"
    assert segment(host.arrive("lan", syn)) == 1432


def test_across_nat64_each_side_counts_with_its_own_headers() -> None:
    rules = RULES.replace("nat:\n", 'nat:\n  - {nat64: "64:ff9b::/96", at: wan, from: lan}\n')
    syn = "tcp [fd10::5]:40000 > [64:ff9b::c633:6409]:80 SYN seq=1 mss=1440"
    for outside, inside, expected in ((1400, 1500, 1360), (1500, 1400, 1340), (1500, 1500, 1440), (1480, 1500, 1440)):
        host = Host(rules % ("mss: path", "dhcp: client"))
        for index, size in ((WAN, outside), (LAN, inside)):
            interface = host.topology.interface(index)
            assert interface is not None
            interface.mtu = size
        assert segment(host.arrive("lan", syn)) == expected
        answer = "tcp 198.51.100.9:80 > 203.0.113.1:40000 SYN+ACK seq=9 ack=2 mss=1460"
        assert segment(host.arrive("wan", answer)) == min(expected, 1440)


def test_an_unknown_mtu_is_no_limit_and_a_tiny_one_leaves_a_segment() -> None:
    assert segment(office(mtu=0, inside=0).arrive("lan", SYN + "1460")) == 1460
    assert segment(office(mtu=30).arrive("lan", SYN + "1460")) == 1


def test_an_option_of_the_wrong_size_passes_as_it_came() -> None:
    """As for the kernel's TCPMSS: what is no MSS option is none of ours; the receiver ignores it too."""
    host = office()
    raw = packet(SYN + "1460")
    spoilt = raw[:40] + b"\x01\x02\x02\x01" + raw[44:]  # NOP, an MSS of two bytes, NOP
    change = int.from_bytes(raw[36:38], "big") + 0x0204 + 0x05B4 - 0x0102 - 0x0201
    checksum = (change & 0xFFFF) + (change >> 16)
    fate, left = host.cross("lan", spoilt[:36] + checksum.to_bytes(2, "big") + spoilt[38:])
    assert fate == "wan"
    assert left[40:44] == spoilt[40:44]
    assert "BAD CHECKSUM" not in describe(left)


@pytest.mark.parametrize("flags", ["ACK", "FIN+ACK", "RST"])
def test_no_other_segment_is_touched(flags: str) -> None:
    host = office()
    host.arrive("lan", SYN + "1460")
    host.arrive("wan", ANSWER + "1460")
    host.arrive("lan", "tcp 192.168.10.5:40000 > 198.51.100.9:80 ACK seq=2 ack=10")
    came = host.cross("lan", packet(f"tcp 192.168.10.5:40000 > 198.51.100.9:80 {flags} seq=2 ack=10 mss=1460"))
    read = Packet()
    parse(came[1], read)
    assert mss(read) == 1460
