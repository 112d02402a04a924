"""The way that packets to a destination leave by."""

from __future__ import annotations

from conntrack.gateway.fastpath.nexthops import Way, Ways
from conntrack.gateway.links.snapshot import Link, Route
from tests.unit.gateway.carrying import LAN, ROUTER, WAN, packed, snapshot

BOTH = (WAN, LAN)


def test_a_neighbour_is_its_own_next_hop_and_the_rest_is_behind_the_router() -> None:
    ways = Ways(snapshot(), BOTH)
    assert ways.to(packed("192.168.10.5")) == Way(LAN, packed("192.168.10.5"), 1500)
    assert ways.to(packed("198.51.100.9")) == Way(WAN, packed(ROUTER), 1500)
    assert ways.to(packed("2001:db8::1")) is None


def test_what_is_ours_or_a_group_is_no_destination() -> None:
    ways = Ways(snapshot(), BOTH)
    for text in ("203.0.113.1", "224.0.0.1", "255.255.255.255", "ff02::1"):
        assert ways.to(packed(text)) is None


def test_only_by_ethernet_links_that_are_up_and_have_the_program() -> None:
    before = snapshot()
    assert Ways(before, (LAN,)).to(packed("198.51.100.9")) is None
    for wan in (Link(WAN, "eth0", False), Link(WAN, "ppp0", True, ethernet=False)):
        changed = before._replace(links=(wan, before.links[1]))
        assert Ways(changed, BOTH).to(packed("198.51.100.9")) is None
        assert Ways(changed, BOTH).to(packed("192.168.10.5")) is not None


def test_the_longest_prefix_and_the_lowest_metric_win() -> None:
    routes = (
        Route(packed("10.0.0.0"), 8, 0, WAN, packed(ROUTER)),
        Route(packed("10.1.0.0"), 16, 10, LAN, packed("192.168.10.7")),
        Route(packed("10.1.0.0"), 16, 20, WAN, packed(ROUTER)),
        Route(packed("10.2.0.0"), 16, 0, 0),
    )
    ways = Ways(snapshot()._replace(routes=routes), BOTH)
    assert ways.to(packed("10.9.0.1")) == Way(WAN, packed(ROUTER), 1500)
    assert ways.to(packed("10.1.2.3")) == Way(LAN, packed("192.168.10.7"), 1500)
    assert ways.to(packed("10.2.0.1")) is None  # a blackhole
    assert ways.to(packed("172.16.0.1")) is None


def test_by_what_does_not_forward_nothing_is_carried() -> None:
    before = snapshot()._replace(routes=(*snapshot().routes, Route(bytes(16), 0, 0, WAN, packed("fe80::1"))))
    still = before._replace(links=(before.links[0]._replace(forwards=False), before.links[1]))
    assert Ways(still, BOTH).to(packed("198.51.100.9")) is None
    assert Ways(still, BOTH).to(packed("192.168.10.5")) is not None
    assert Ways(still, BOTH).to(packed("2001:db8::1")) is not None
    assert Ways(before._replace(forwards6=False), BOTH).to(packed("2001:db8::1")) is None
    assert Ways(before._replace(forwards6=False), BOTH).to(packed("198.51.100.9")) is not None


def test_what_ipsec_guards_is_left_to_the_kernel() -> None:
    networks = ((packed("10.1.0.0"), 16), (packed("198.51.100.9"), 32), (packed("2001:db8::"), 0))
    routes = (*snapshot().routes, Route(bytes(16), 0, 0, WAN, packed("fe80::1")))
    ways = Ways(snapshot()._replace(guarded=networks, routes=routes), BOTH)
    for text in ("10.1.2.3", "198.51.100.9", "2001:db8:9::1"):
        assert ways.to(packed(text)) is None
    for text in ("10.2.2.3", "198.51.100.8", "192.168.10.5"):
        assert ways.to(packed(text)) is not None


def test_a_route_of_several_hops_or_rules_by_more_than_the_destination_are_left_to_the_kernel() -> None:
    several = snapshot()._replace(routes=(Route(bytes(4), 0, 0, WAN, None),))
    assert Ways(several, BOTH).to(packed("198.51.100.9")) is None
    by_mark = snapshot()._replace(by_destination=False)
    assert Ways(by_mark, BOTH).to(packed("198.51.100.9")) is None


def test_the_mtu_is_the_routes_own_else_the_links_and_never_more_than_a_packet_can_have() -> None:
    routes = (
        Route(packed("10.0.0.0"), 8, 0, WAN, packed(ROUTER), 1400),
        Route(packed("11.0.0.0"), 8, 0, WAN, packed(ROUTER)),
    )
    ways = Ways(snapshot(mtu=70000)._replace(routes=routes), BOTH)
    found = [ways.to(packed(text)) for text in ("10.0.0.1", "11.0.0.1")]
    assert [way and way.mtu for way in found] == [1400, 65535]
