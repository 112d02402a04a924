"""Broadcast and multicast queries: their answers pass, and nothing that only looks like one."""

import pytest

from conntrack.engine.groups import MOST, GroupQueries
from conntrack.engine.verdict import ACCEPT, OUTPUT
from conntrack.policy.runtime import SELF, Query
from tests.golden.notation import packet
from tests.host import Host, address

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24, "fd10::/64"]}
  guest: {interfaces: [eth2], networks: [192.168.20.0/24]}
policy:
  lan -> self:
    - {accept: [mdns, ssdp, udp/137, udp/67]}
  self -> lan: {accept: [ssdp, mdns, udp/137, udp/67]}
  self -> wan: {accept: udp/67}
"""
GATEWAY = "192.168.10.1"
DROP = "drop no-rule"
LAN = 2  # its interface


def ask(host: Host, line: str) -> None:
    """The gateway asks a group on lan: whoever sends to a group says by which interface."""
    assert host.engine.packet(packet(line), OUTPUT, 0, LAN, 0, host.now)[0] == ACCEPT


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        (f"udp {GATEWAY}:40000 > 239.255.255.250:1900", f"udp 192.168.10.30:1900 > {GATEWAY}:40000"),
        (f"udp {GATEWAY}:40000 > 224.0.0.251:5353", f"udp 192.168.10.30:5353 > {GATEWAY}:40000"),
        (f"udp {GATEWAY}:5353 > 224.0.0.251:5353", "udp 192.168.10.30:5353 > 224.0.0.251:5353"),
        (f"udp {GATEWAY}:137 > 192.168.10.255:137", f"udp 192.168.10.30:137 > {GATEWAY}:137"),
        ("udp [fd10::1]:40000 > [ff02::fb]:5353", "udp [fd10::30]:5353 > [fd10::1]:40000"),
        (f"udp {GATEWAY}:68 > 255.255.255.255:67", f"udp 192.168.10.30:67 > {GATEWAY}:68"),
    ],
)
def test_answers_to_what_the_gateway_asked(query: str, answer: str) -> None:
    host = Host(RULES.replace("accept: [mdns, ssdp, udp/137, udp/67]", "accept: [ping]"))
    assert host.arrive("lan", answer) == DROP
    ask(host, query)
    assert host.arrive("lan", answer) == f"self {answer}"


@pytest.mark.parametrize(
    "stray",
    [
        f"udp 192.168.10.30:1900 > {GATEWAY}:40001",  # another port of ours
        f"udp 192.168.10.30:1901 > {GATEWAY}:40000",  # from a port that was not asked
        "udp 192.168.10.30:1900 > 203.0.113.1:40000",  # another address of ours
        "udp 192.168.10.30:1900 > 224.0.0.251:40000",  # a group that was not asked
        f"udp 192.168.10.30:40000 > {GATEWAY}:1900",  # the same ports the wrong way round
        f"tcp 192.168.10.30:1900 > {GATEWAY}:40000 SYN",
    ],
)
def test_what_is_no_answer(stray: str) -> None:
    host = Host(RULES.replace("accept: [mdns, ssdp, udp/137, udp/67]", "accept: [ping]"))
    ask(host, f"udp {GATEWAY}:40000 > 239.255.255.250:1900")
    assert host.arrive("lan", stray) == DROP


def test_an_answer_out_of_another_zone_is_none() -> None:
    host = Host(RULES)
    ask(host, f"udp {GATEWAY}:40000 > 192.168.10.255:1900")
    assert host.arrive("guest", f"udp 192.168.20.5:1900 > {GATEWAY}:40000") == DROP
    assert host.arrive("wan", f"udp 198.51.100.9:1900 > {GATEWAY}:40000") == DROP


def test_an_answer_that_comes_too_late_is_none() -> None:
    host = Host(RULES)
    ask(host, f"udp {GATEWAY}:40000 > 192.168.10.255:1900")
    host.wait(29)
    assert host.arrive("lan", f"udp 192.168.10.30:1900 > {GATEWAY}:40000").startswith("self ")
    host.wait(1.5)
    assert host.arrive("lan", f"udp 192.168.10.31:1900 > {GATEWAY}:40000") == DROP


def test_a_host_that_asks_a_group_gets_no_way_into_the_gateway() -> None:
    """A host may ask from the port of a service that is closed to it; it must not then answer itself."""
    host = Host(RULES)
    assert host.arrive("lan", "udp 192.168.10.5:161 > 239.255.255.250:1900").startswith("self ")
    assert host.arrive("lan", f"udp 192.168.10.5:1900 > {GATEWAY}:161") == DROP
    assert host.arrive("lan", f"udp 192.168.10.6:1900 > {GATEWAY}:161") == DROP


def test_the_gateway_answers_whoever_asked_and_nobody_else() -> None:
    host = Host(RULES.replace("self -> lan: {accept: [ssdp, mdns, udp/137, udp/67]}", "self -> lan: {accept: ping}"))
    host.arrive("lan", "udp 192.168.10.5:5000 > 239.255.255.250:1900")
    assert host.send(f"udp {GATEWAY}:1900 > 192.168.10.5:5000").startswith("lan ")
    assert host.send(f"udp {GATEWAY}:1900 > 192.168.10.6:5000") == DROP


def test_a_dhcp_client_without_an_address_is_answered_wherever_the_offer_goes() -> None:
    host = Host(RULES)
    assert host.send(f"udp {GATEWAY}:67 > 192.168.10.77:68") == DROP
    assert host.arrive("lan", "udp 0.0.0.0:68 > 255.255.255.255:67").startswith("self ")
    assert host.send(f"udp {GATEWAY}:67 > 192.168.10.77:68").startswith("lan ")
    assert host.send(f"udp {GATEWAY}:67 > 192.168.10.77:69") == DROP


def test_a_new_rules_file_gives_no_zone_the_answers_of_another() -> None:
    host = Host(RULES)
    ask(host, f"udp {GATEWAY}:40000 > 239.255.255.250:1900")
    reordered = RULES.replace('  lan: {interfaces: [eth1], networks: [192.168.10.0/24, "fd10::/64"]}\n', "").replace(
        "policy:", '  lan: {interfaces: [eth1], networks: [192.168.10.0/24, "fd10::/64"]}\npolicy:'
    )
    host.reload(reordered)
    assert [zone.name for zone in host.engine.policy.zones] == ["self", "wan", "guest", "lan"]
    # the topology is still the one of before: its number of lan is guest's now
    assert host.arrive("lan", f"udp 192.168.10.30:1900 > {GATEWAY}:40000") == DROP


def test_hosts_cannot_push_the_gateways_own_queries_out() -> None:
    groups = GroupQueries()
    groups.remember("lan", query(SELF, 1, GATEWAY, 40000), 0.0)
    for port in range(3 * MOST):
        groups.remember("lan", query(1, SELF, "192.168.10.5", port), 1.0)
    assert len(groups) <= MOST + 2
    answer = query(1, SELF, "192.168.10.30", 1900)
    answer.destination, answer.destination_port = address(GATEWAY), 40000
    assert groups.answers("lan", answer, 2.0)


def query(zone_in: int, zone_out: int, source: str, port: int) -> Query:
    made = Query()
    made.zone_in, made.zone_out, made.protocol = zone_in, zone_out, 17
    made.source, made.source_port = address(source), port
    made.destination, made.destination_port = address("239.255.255.250"), 1900
    return made
