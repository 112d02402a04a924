"""ICMPv6 that is a link's own business: neighbour discovery and MLD."""

import struct

import pytest

from conntrack.engine.verdict import ACCEPT, DONE, DROP, FORWARD, OUTPUT, PREROUTING
from tests.host import Host, address
from tests.segments import ip

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24, "fd10::/64"]}
policy:
  lan -> wan: accept
"""
WAN, LAN = 1, 2
ALL_NODES = "ff02::1"


def message(kind: int, source: str, destination: str, hops: int) -> bytes:
    """ICMPv6 of a type, its checksum right."""
    body = struct.pack(">BBHI", kind, 0, 0, 0) + bytes(16)
    pseudo = address(source) + address(destination) + struct.pack(">II", len(body), 58)
    total: int = sum(struct.unpack(f">{len(pseudo + body) // 2}H", pseudo + body))
    total = (total & 0xFFFF) + (total >> 16)
    body = body[:2] + struct.pack(">H", 0xFFFF - (total & 0xFFFF) - (total >> 16)) + body[4:]
    raw = ip(address(source), address(destination), 58, body)
    return raw[:7] + bytes((hops,)) + raw[8:]


@pytest.mark.parametrize("kind", [133, 134, 135, 136])
def test_neighbour_discovery_passes_when_no_router_has_passed_it_on(kind: int) -> None:
    host = Host(RULES)
    for hops, verdict in ((255, ACCEPT), (254, DROP), (64, DROP), (0, DROP)):
        raw = message(kind, "fe80::5", ALL_NODES, hops)
        assert host.engine.packet(raw, PREROUTING, LAN, 0, 0, host.now)[0] == verdict
        assert host.engine.packet(raw, OUTPUT, 0, LAN, 0, host.now)[0] == verdict


@pytest.mark.parametrize("kind", [130, 131, 132, 143, 151, 152, 153])
def test_multicast_listening_stays_on_its_link(kind: int) -> None:
    host = Host(RULES)
    for hops, verdict in ((1, ACCEPT), (255, DROP), (2, DROP)):
        raw = message(kind, "fe80::5", ALL_NODES, hops)
        assert host.engine.packet(raw, PREROUTING, LAN, 0, 0, host.now)[0] == verdict


def test_neighbour_discovery_is_never_routed_on() -> None:
    host = Host(RULES)
    raw = message(135, "fd10::5", "2001:db8:113::77", 255)
    assert host.engine.packet(raw, FORWARD, LAN, WAN, 0, host.now)[0] == DROP


def test_a_router_advertisement_from_beyond_a_router_is_refused_and_counted() -> None:
    host = Host(RULES)
    assert host.arrive_raw("wan", message(134, "2001:db8:f::1", "2001:db8:113::1", 63)) == "drop not-an-opener"


def test_what_passes_is_marked_as_judged() -> None:
    host = Host(RULES)
    raw = message(135, "fe80::5", "fd10::1", 255)
    assert host.engine.packet(raw, PREROUTING, LAN, 0, 0, host.now) == (ACCEPT, None, DONE)


@pytest.mark.parametrize("kind", [100, 127, 137, 138, 141, 144, 200, 255])
def test_other_messages_do_not(kind: int) -> None:
    host = Host(RULES)
    for hops in (1, 255):
        raw = message(kind, "fe80::5", "fd10::1", hops)
        assert host.engine.packet(raw, PREROUTING, LAN, 0, 0, host.now)[0] == DROP


def test_the_gateway_s_own_redirect_leaves_and_nobody_else_s_comes_in() -> None:
    """As IPv4's: its kernel tells a neighbour of a better way (RFC 4861 §8.2). A router follows no redirects."""
    host = Host(RULES)
    for hops, verdict in ((255, ACCEPT), (64, DROP)):
        raw = message(137, "fe80::1", "fd10::5", hops)
        assert host.engine.packet(raw, OUTPUT, 0, LAN, 0, host.now)[0] == verdict
        assert host.engine.packet(raw, PREROUTING, LAN, 0, 0, host.now)[0] == DROP
        assert host.engine.packet(raw, FORWARD, LAN, WAN, 0, host.now)[0] == DROP


def test_members_report_with_a_router_alert_and_before_they_have_an_address() -> None:
    """MLD always has a hop-by-hop header (RFC 2710 §3), and comes from :: while the address is tentative (RFC 3590)."""
    host = Host(RULES)
    for source in ("fe80::5", "::"):
        raw = message(143, source, "ff02::16", 1)
        alert = bytes((58, 0, 5, 2, 0, 0, 1, 0))
        raw = raw[:4] + (len(raw) - 32).to_bytes(2, "big") + b"\0" + raw[7:40] + alert + raw[40:]
        assert host.engine.packet(raw, PREROUTING, LAN, 0, 0, host.now)[0] == ACCEPT


def test_an_address_is_probed_for_from_none() -> None:
    """Duplicate address detection (RFC 4862 §5.4.2), in and out."""
    host = Host(RULES)
    raw = message(135, "::", "ff02::1:ff00:5", 255)
    assert host.engine.packet(raw, PREROUTING, LAN, 0, 0, host.now)[0] == ACCEPT
    assert host.engine.packet(raw, OUTPUT, 0, LAN, 0, host.now)[0] == ACCEPT


def test_an_interface_without_a_zone_has_no_neighbours() -> None:
    host = Host(RULES)
    raw = message(135, "fe80::5", "fd10::1", 255)
    assert host.engine.packet(raw, PREROUTING, 9, 0, 0, host.now)[0] == DROP
