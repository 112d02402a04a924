"""Which packets are queued: the plan walked by packets, without a kernel."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import NamedTuple

import pytest

from conntrack.engine.verdict import DONE, HALF, REJECT_PORT, REJECT_PROHIBITED, REJECT_RESET, USER_MASK
from conntrack.gateway.hooks import plan as p
from conntrack.gateway.hooks.plan import Catch, Plan, Rule, Wanted, plan

TCP, UDP, ICMPV6 = 6, 17, 58


class Walker(NamedTuple):
    """A packet, as far as rules look at it. kind: what its destination is to the routing tables."""

    destination: str = "192.0.2.1"
    kind: str = "unicast"
    interface: str = "eth1"
    mark: int = 0
    protocol: int = TCP
    port: int = 80
    own_source: bool = False
    neighbour: bool = False


def matches(rule: Rule, packet: Walker) -> bool:
    version = ip_address(packet.destination).version
    return all(
        (
            rule.version in (0, version),
            rule.interface in ("", packet.interface)
            or (rule.interface.endswith("*") and packet.interface.startswith(rule.interface[:-1])),
            rule.mark is None or (packet.mark & rule.mark.mask == rule.mark.value) != rule.mark.unless,
            not rule.kinds or packet.kind in rule.kinds,
            not rule.own_source or packet.own_source,
            not rule.network or ip_address(packet.destination) in ip_network(rule.network),
            rule.protocol in (-1, packet.protocol),
            rule.ports == (0, 0) or rule.ports[0] <= packet.port <= rule.ports[1],
            not rule.neighbour or packet.neighbour,
        )
    )


def walk(wanted: Wanted, chain: str, packet: Walker) -> tuple[str, int]:
    """The action that ends the packet's way through a chain ("" at its end), and its mark then."""
    for rule in plan(wanted).of(chain, ip_address(packet.destination).version):
        if matches(rule, packet):
            if rule.action == p.CLEAR:
                packet = packet._replace(mark=packet.mark & ~p.OURS)
            elif rule.action == p.BRAND:
                packet = packet._replace(mark=packet.mark & ~USER_MASK | rule.value)
            elif rule.action == p.SETTLE:
                packet = packet._replace(mark=packet.mark | DONE)
            elif rule.action == p.HALVE:
                packet = packet._replace(mark=packet.mark | HALF)
            else:
                return rule.action, packet.mark
    return "", packet.mark


def fate(chain: str, packet: Walker, **wanted: object) -> str:
    return walk(Wanted(0, **wanted), chain, packet)[0]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("destination", "kind", "queued"),
    [
        ("198.51.100.2", "local", True),
        ("192.168.10.255", "broadcast", True),
        ("224.0.0.251", "multicast", True),
        ("8.8.8.8", "unicast", False),
        ("2001:db8::1", "local", True),
        ("2001:db8::", "anycast", True),
        ("ff02::fb", "multicast", True),
        ("2606:4700::1111", "unicast", False),
    ],
)
def test_what_is_addressed_to_the_gateway_is_queued_before_routing(destination: str, kind: str, queued: bool) -> None:
    assert fate(p.PREROUTING, Walker(destination, kind)) == (p.QUEUE if queued else "")


def test_marks_from_elsewhere_are_cleared_of_our_bits_alone() -> None:
    assert walk(Wanted(0), p.PREROUTING, Walker(mark=0xF000_0055)) == ("", 0x55)
    assert walk(Wanted(0), p.PREROUTING, Walker(kind="local", mark=DONE)) == (p.QUEUE, 0)


@pytest.mark.parametrize(
    ("address", "kind"), [("239.1.1.1", "multicast"), ("10.0.0.255", "broadcast"), ("ff02::1", "")]
)
def test_the_gateway_s_own_words_to_a_group_are_not_judged_twice(address: str, kind: str) -> None:
    _, mark = walk(Wanted(0), p.ANSWER_OUT, Walker(address, kind))
    assert mark == DONE
    heard = Walker(address, kind, mark=mark, own_source=True)
    assert fate(p.PREROUTING, heard) == p.LEAVE
    assert fate(p.GUARD, heard) == ""
    assert fate(p.PREROUTING, heard._replace(own_source=False)) == p.QUEUE
    assert fate(p.PREROUTING, heard._replace(mark=0)) == p.QUEUE


@pytest.mark.parametrize("chain", [p.PREROUTING, p.GUARD, p.OUTPUT])
def test_neighbour_discovery_is_left_to_the_kernel(chain: str) -> None:
    assert fate(chain, Walker("ff02::1:ff00:1", "multicast", protocol=ICMPV6, neighbour=True)) == p.LEAVE


def test_neighbour_discovery_is_never_forwarded_unseen() -> None:
    assert fate(p.FORWARD, Walker("2001:db8::1", protocol=ICMPV6, neighbour=True)) == p.QUEUE


@pytest.mark.parametrize(
    ("mark", "queued"), [(0, True), (DONE, False), (HALF, True), (DONE | HALF, True), (DONE | 7, False), (7, True)]
)
def test_forward_queues_what_is_not_done(mark: int, queued: bool) -> None:
    assert fate(p.FORWARD, Walker(mark=mark)) == (p.QUEUE if queued else "")


@pytest.mark.parametrize("mark", [0, DONE, HALF, DONE | 7])
def test_output_queues_everything(mark: int) -> None:
    assert fate(p.OUTPUT, Walker(mark=mark)) == p.QUEUE


@pytest.mark.parametrize(
    ("mark", "protocol", "answer"),
    [
        (REJECT_RESET, TCP, p.RESET),
        (REJECT_RESET | DONE | 5, TCP, p.RESET),
        (REJECT_PORT | DONE, UDP, p.PORT_UNREACHABLE),
        (REJECT_PORT, TCP, p.PORT_UNREACHABLE),
        (REJECT_PROHIBITED, TCP, p.PROHIBITED),
        (DONE, TCP, ""),
        (0, UDP, ""),
    ],
)
@pytest.mark.parametrize("chain", [p.ANSWER_IN, p.ANSWER_FORWARD, p.ANSWER_OUT])
def test_reject_marks_are_answered_on_every_way(chain: str, mark: int, protocol: int, answer: str) -> None:
    assert fate(chain, Walker(mark=mark, protocol=protocol)) == answer


def test_nothing_is_taken_in_unjudged_unless_the_gateway_may_be_bypassed() -> None:
    assert fate(p.GUARD, Walker()) == p.DROP
    assert fate(p.GUARD, Walker(mark=DONE | 5)) == ""
    assert plan(Wanted(0, bypass=True)).of(p.GUARD) == []


def test_pool_addresses_are_queued_before_routing() -> None:
    pool = [ip_network("203.0.113.8/30"), ip_network("2001:db8:aa::/64")]
    for address, queued in (("203.0.113.8", True), ("203.0.113.12", False), ("2001:db8:aa::9", True)):
        assert fate(p.PREROUTING, Walker(address), pool=pool) == (p.QUEUE if queued else "")


@pytest.mark.parametrize(
    ("packet", "caught"),
    [
        (Walker("8.8.8.8", interface="eth1", protocol=UDP, port=53), True),
        (Walker("8.8.8.8", interface="eth1", protocol=UDP, port=54), False),
        (Walker("8.8.8.8", interface="eth1", protocol=TCP, port=53), False),
        (Walker("8.8.8.8", interface="eth0", protocol=UDP, port=53), False),
        (Walker("2001:db8::8", interface="eth1", protocol=UDP, port=53), True),
        (Walker("10.1.1.1", interface="ppp7", protocol=TCP, port=8080), True),
        (Walker("11.1.1.1", interface="ppp7", protocol=TCP, port=8080), False),
        (Walker("2001:db8::8", interface="ppp7", protocol=TCP, port=8080), False),
    ],
)
def test_redirects_catch_their_own_traffic(packet: Walker, caught: bool) -> None:
    catches = [Catch("eth1", UDP, (53, 53)), Catch("ppp+", TCP, (8000, 9000), network=ip_network("10.0.0.0/8"))]
    assert fate(p.PREROUTING, packet, catches=catches) == (p.QUEUE if caught else "")


def test_connection_tracking_is_kept_off_only_where_it_is() -> None:
    assert [fate(chain, Walker(), untrack=True) for chain in (p.UNTRACK_IN, p.UNTRACK_OUT)] == [p.UNTRACK] * 2
    assert plan(Wanted(0)).of(p.UNTRACK_IN) == []


def test_every_rule_is_in_a_chain_of_the_list() -> None:
    whole = plan(Wanted(3, untrack=True))
    assert {rule.chain for rule in whole.rules} == set(p.CHAINS)
    assert isinstance(whole, Plan)
    assert (whole.queue, whole.bypass) == (3, False)


class TestTunnel:
    """What comes in by the daemon's own link is judged, and nothing else takes that mark."""

    WANTED = Wanted(5, tunnel="pairwall64")

    def test_ipv6_is_done(self) -> None:
        packet = Walker("2001:db8::5", interface="pairwall64")
        assert walk(self.WANTED, p.PREROUTING, packet) == (p.LEAVE, DONE)
        assert walk(self.WANTED, p.FORWARD, packet._replace(mark=DONE)) == ("", DONE)

    def test_ipv4_is_queued_once_more_in_forward(self) -> None:
        packet = Walker(interface="pairwall64")
        assert walk(self.WANTED, p.PREROUTING, packet) == (p.LEAVE, HALF)
        assert walk(self.WANTED, p.FORWARD, packet._replace(mark=HALF)) == (p.QUEUE, HALF)

    def test_ipv4_to_the_gateway_itself_is_not_taken_in(self) -> None:
        assert walk(self.WANTED, p.GUARD, Walker(kind="local", interface="pairwall64", mark=HALF))[0] == p.DROP

    def test_another_link_is_as_ever(self) -> None:
        assert walk(self.WANTED, p.PREROUTING, Walker("2001:db8::5", "local", mark=DONE)) == (p.QUEUE, 0)

    def test_without_one_there_are_no_such_rules(self) -> None:
        assert not [rule for rule in plan(Wanted(5)).rules if rule.action == p.HALVE]


def test_what_comes_from_a_zone_with_a_mark_is_given_it_and_nothing_else_is() -> None:
    wanted = Wanted(0, brands=[("eth1", 0x10), ("ppp+", 0x20)])
    assert walk(wanted, p.PREROUTING, Walker(interface="eth1")) == ("", 0x10)
    assert walk(wanted, p.PREROUTING, Walker(interface="eth1", mark=0xF000_0055)) == ("", 0x10)
    assert walk(wanted, p.PREROUTING, Walker(interface="ppp7", kind="local")) == (p.QUEUE, 0x20)
    assert walk(wanted, p.PREROUTING, Walker(interface="eth2", mark=0x55)) == ("", 0x55)
