"""From outside to inside: forwards, hairpin, redirects, one-to-one."""

import pytest

from conntrack.engine.verdict import ACCEPT, DONE, PREROUTING
from conntrack.flow.ending import CLOSED
from tests.golden.notation import describe, packet
from tests.host import LINKS, Host

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24]}
  guest: {interfaces: [eth2], networks: [192.168.20.0/24]}
nat:
  - {name: internet, masquerade: wan, from: [lan, guest]}
  - {name: webshop, forward: tcp/443, at: wan, to: 192.168.10.20, hairpin: [lan, guest]}
  - {name: moved, forward: tcp/8080, at: wan, to: "192.168.10.20:80"}
  - {name: range, forward: udp/6000-6010, at: wan, to: "192.168.10.21:7000"}
  - {name: proxy, redirect: tcp/80, from: [guest], to: 3128}
policy:
  lan -> wan: accept
"""
CLIENT = "198.51.100.9:40000"


def test_a_forwarded_connection_both_ways() -> None:
    host = Host(RULES)
    assert host.arrive("wan", f"tcp {CLIENT} > 203.0.113.1:443 SYN seq=1") == (
        f"lan tcp {CLIENT} > 192.168.10.20:443 SYN"
    )
    assert host.arrive("lan", f"tcp 192.168.10.20:443 > {CLIENT} SYN+ACK seq=9 ack=2") == (
        f"wan tcp 203.0.113.1:443 > {CLIENT} SYN+ACK"
    )
    assert host.arrive("wan", f"tcp {CLIENT} > 203.0.113.1:443 ACK seq=2 ack=10") == (
        f"lan tcp {CLIENT} > 192.168.10.20:443 ACK"
    )
    [connection] = host.engine.table.connections()
    assert (connection.original.packets, connection.reply.packets) == (2, 1)


def test_another_port_and_a_range_keep_the_offset() -> None:
    host = Host(RULES)
    assert "> 192.168.10.20:80 " in host.arrive("wan", f"tcp {CLIENT} > 203.0.113.1:8080 SYN seq=1")
    assert host.arrive("wan", f"udp {CLIENT} > 203.0.113.1:6004") == f"lan udp {CLIENT} > 192.168.10.21:7004"


def test_an_error_from_inside_speaks_of_the_outside_address() -> None:
    host = Host(RULES)
    host.arrive("wan", f"udp {CLIENT} > 203.0.113.1:6004")
    assert host.arrive(
        "lan", f"icmp 192.168.10.21 > 198.51.100.9 port-unreachable about udp {CLIENT} > 192.168.10.21:7004"
    ) == (f"wan icmp 203.0.113.1 > 198.51.100.9 port-unreachable about udp {CLIENT} > 203.0.113.1:6004")


def test_hairpin_from_the_same_network_comes_from_the_outside_address() -> None:
    host = Host(RULES)
    assert host.arrive("lan", "tcp 192.168.10.5:40000 > 203.0.113.1:443 SYN seq=1") == (
        "lan tcp 203.0.113.1:40000 > 192.168.10.20:443 SYN"
    )
    assert host.arrive("lan", "tcp 192.168.10.20:443 > 203.0.113.1:40000 SYN+ACK seq=9 ack=2") == (
        "lan tcp 203.0.113.1:443 > 192.168.10.5:40000 SYN+ACK"
    )
    assert host.arrive("lan", "tcp 192.168.10.5:40000 > 203.0.113.1:443 ACK seq=2 ack=10") == (
        "lan tcp 203.0.113.1:40000 > 192.168.10.20:443 ACK"
    )
    [connection] = host.engine.table.connections()
    assert (connection.original.packets, connection.reply.packets) == (2, 1)  # each crossed twice, counted once


def test_the_reset_that_refuses_a_hairpin_connection_reaches_the_client() -> None:
    host = Host(RULES)
    host.arrive("lan", "tcp 192.168.10.5:40000 > 203.0.113.1:443 SYN seq=1")
    assert host.arrive("lan", "tcp 192.168.10.20:443 > 203.0.113.1:40000 RST+ACK seq=0 ack=2") == (
        "lan tcp 203.0.113.1:443 > 192.168.10.5:40000 RST+ACK"
    )
    assert len(host.engine.table) == 0
    assert host.engine.counters.ended[CLOSED] == 1


def test_a_reset_lost_between_the_crossings_ends_its_connection_all_the_same() -> None:
    host = Host(RULES)
    host.arrive("lan", "tcp 192.168.10.5:40000 > 203.0.113.1:443 SYN seq=1")
    first = packet("tcp 192.168.10.20:443 > 203.0.113.1:40000 RST+ACK seq=0 ack=2")
    host.engine.packet(first, PREROUTING, 2, 0, 0, host.now)
    assert host.arrive("lan", "tcp 192.168.10.5:40000 > 203.0.113.1:443 SYN seq=90000") == (
        "lan tcp 203.0.113.1:40000 > 192.168.10.20:443 SYN"
    )
    [connection] = host.engine.table.connections()
    assert connection.original.packets == 1


def test_a_hairpin_connection_gets_the_dscp_of_its_rule() -> None:
    host = Host(RULES.replace("hairpin: [lan, guest]", "hairpin: [lan, guest], dscp: 46"))
    assert host.arrive("lan", "tcp 192.168.10.5:40000 > 203.0.113.1:443 SYN seq=1") == (
        "lan tcp 203.0.113.1:40000 > 192.168.10.20:443 SYN dscp=46"
    )


def test_an_error_about_a_hairpin_connection_is_translated_whole() -> None:
    host = Host(RULES)
    host.arrive("lan", "tcp 192.168.10.5:40000 > 203.0.113.1:443 SYN seq=1")
    error = (
        "icmp 192.168.10.20 > 203.0.113.1 port-unreachable about tcp 203.0.113.1:40000 > 192.168.10.20:443 SYN seq=1"
    )
    assert host.arrive("lan", error) == (
        "lan icmp 203.0.113.1 > 192.168.10.5 port-unreachable about tcp 192.168.10.5:40000 > 203.0.113.1:443 SYN"
    )


def test_hairpin_from_another_zone_needs_no_outside_source() -> None:
    host = Host(RULES)
    assert host.arrive("guest", "tcp 192.168.20.5:40000 > 203.0.113.1:443 SYN seq=1") == (
        "lan tcp 192.168.20.5:40000 > 192.168.10.20:443 SYN"
    )
    assert host.arrive("lan", "tcp 192.168.10.20:443 > 192.168.20.5:40000 SYN+ACK seq=9 ack=2") == (
        "guest tcp 203.0.113.1:443 > 192.168.20.5:40000 SYN+ACK"
    )


def test_a_redirect_takes_what_was_meant_for_somebody_else() -> None:
    host = Host(RULES)
    # the hook rules catch what a redirect is for, though it is not addressed to the gateway
    raw = packet("tcp 192.168.20.5:40000 > 198.51.100.80:80 SYN seq=1")
    verdict, new, mark = host.engine.packet(raw, PREROUTING, 3, 0, 0, host.now)
    assert (verdict, mark) == (ACCEPT, DONE)
    assert new is not None
    assert describe(new) == "tcp 192.168.20.5:40000 > 192.168.20.1:3128 SYN"
    assert host.send("tcp 192.168.20.1:3128 > 192.168.20.5:40000 SYN+ACK seq=9 ack=2") == (
        "guest tcp 198.51.100.80:80 > 192.168.20.5:40000 SYN+ACK"
    )


@pytest.mark.parametrize(
    "line", ["tcp 198.51.100.9:1 > 203.0.113.1:444 SYN seq=1", "udp 198.51.100.9:1 > 203.0.113.1:443"]
)
def test_a_neighbouring_port_or_protocol_is_not_forwarded(line: str) -> None:
    assert Host(RULES).arrive("wan", line) == "drop no-rule"


def test_a_default_drop_does_not_undo_a_forward_but_a_drop_with_a_condition_does() -> None:
    rules = RULES + "  wan -> lan: [{name: bad, drop: any, source: 198.51.100.66}, {drop: any}]\n"
    host = Host(rules)
    assert host.arrive("wan", f"tcp {CLIENT} > 203.0.113.1:443 SYN seq=1").startswith("lan ")
    assert host.arrive("wan", "tcp 198.51.100.66:1 > 203.0.113.1:443 SYN seq=1") == "drop policy-drop"


def test_a_forward_to_nowhere_drops_and_says_so() -> None:
    rules = RULES.replace("wan", "out").replace("to: 192.168.10.20, hairpin: [lan, guest]", "to: 10.99.0.1")
    without_default_route = {"out" if zone == "wan" else zone: link for zone, link in LINKS.items()}
    host = Host(rules, without_default_route)
    assert host.arrive("out", f"tcp {CLIENT} > 203.0.113.1:443 SYN seq=1") == "drop no-route"
    assert [rule.failures for rule in host.engine.policy.nat_rules if rule.name == "webshop"] == [1]


ONE_TO_ONE = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24]}
nat:
  - {name: mail, one-to-one: 203.0.113.1, at: wan, to: 192.168.10.25}
policy:
  lan -> wan: accept
"""


def test_one_to_one_both_ways() -> None:
    host = Host(ONE_TO_ONE)
    assert host.arrive("wan", "tcp 198.51.100.9:4000 > 203.0.113.1:25 SYN seq=1") == (
        "lan tcp 198.51.100.9:4000 > 192.168.10.25:25 SYN"
    )
    assert host.arrive("lan", "tcp 192.168.10.25:5000 > 198.51.100.9:25 SYN seq=1") == (
        "wan tcp 203.0.113.1:5000 > 198.51.100.9:25 SYN"
    )
