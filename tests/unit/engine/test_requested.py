"""Requested mappings: granted, used from outside, extended, ended, refused."""

from __future__ import annotations

import pytest

from conntrack.engine.granting import Wanted
from conntrack.engine.requested import MOST_OF_ONE, Grant
from conntrack.packet.header import ICMP, TCP, UDP
from tests.host import Host, address

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24]}
  guest: {interfaces: [eth2], networks: [192.168.20.0/24]}
nat:
  - {name: web, forward: tcp/443, at: wan, to: 192.168.10.20}
  - {name: internet, masquerade: wan, from: lan%s}
policy:
  lan -> wan: accept
  wan -> lan:
    - {name: bad, drop: any, source: 198.51.100.66}
    - drop: any
"""
PEER, OUTSIDE = "198.51.100.9:7000", "203.0.113.1"


def gateway(more: str = "") -> Host:
    return Host(RULES % more)


def ask(
    host: Host,
    port: int = 8080,
    outside_port: int = 0,
    lifetime: float = 600.0,
    protocol: int = TCP,
    inside: str = "192.168.10.5",
    owner: str = "test",
    outside: str = "",
) -> Grant | None:
    wanted = Wanted(protocol, address(inside), port, lifetime, owner)
    wanted.outside_port = outside_port
    wanted.outside = address(outside) if outside else b""
    return host.engine.requests.request(wanted, host.now)


def refused(host: Host, **what: object) -> str:
    assert ask(host, **what) is None  # type: ignore[arg-type]
    return host.engine.requests.refusal.partition(":")[0]


def granted(host: Host, **what: object) -> int:
    """The outside port."""
    grant = ask(host, **what)  # type: ignore[arg-type]
    assert grant is not None, host.engine.requests.refusal
    return int(grant.mapping.port)


def held(host: Host) -> int:
    return sum(int(use.used) for use in host.engine.ports.uses())


def test_anybody_outside_reaches_the_inside_socket_and_is_answered_from_it() -> None:
    host = gateway()
    port = granted(host, outside_port=9000)
    assert port == 9000
    came = host.arrive("wan", f"tcp {PEER} > {OUTSIDE}:9000 SYN seq=1")
    assert came.startswith(f"lan tcp {PEER} > 192.168.10.5:8080 SYN")
    answer = host.arrive("lan", f"tcp 192.168.10.5:8080 > {PEER} SYN+ACK seq=9 ack=2")
    assert answer.startswith(f"wan tcp {OUTSIDE}:9000 > {PEER} SYN+ACK")


def test_what_the_inside_socket_sends_leaves_by_it() -> None:
    host = gateway()
    granted(host, protocol=UDP, port=5000, outside_port=9000)
    left = host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
    assert left == f"wan udp {OUTSIDE}:9000 > 198.51.100.9:53"


def test_nobody_reaches_another_port_protocol_or_zone_by_it_and_rules_with_conditions_refuse() -> None:
    host = gateway()
    granted(host, outside_port=9000)
    assert host.arrive("wan", f"tcp {PEER} > {OUTSIDE}:9001 SYN") == "drop no-rule"
    assert host.arrive("wan", f"udp {PEER} > {OUTSIDE}:9000") == "drop no-rule"
    assert host.arrive("guest", f"tcp 192.168.20.9:7 > {OUTSIDE}:9000 SYN") == "drop no-rule"
    assert host.arrive("wan", f"tcp 198.51.100.66:7 > {OUTSIDE}:9000 SYN") == "drop policy-drop"


def test_the_port_is_the_inside_socket_s_alone() -> None:
    host = gateway()
    granted(host, protocol=UDP, port=5000, outside_port=9000)
    left = host.arrive("lan", "udp 192.168.10.6:9000 > 198.51.100.9:53")
    assert not left.startswith(f"wan udp {OUTSIDE}:9000 ")
    assert refused(host, protocol=UDP, port=5001, outside_port=9000) == "taken"


def test_it_ends_with_its_lifetime_unless_extended() -> None:
    host = gateway()
    granted(host, outside_port=9000, lifetime=100.0)
    host.wait(60)
    assert granted(host, lifetime=100.0) == 9000
    host.wait(60)
    assert host.arrive("wan", f"tcp {PEER} > {OUTSIDE}:9000 SYN seq=1").startswith("lan ")
    host.wait(41)
    assert host.engine.requests.grants() == {}
    assert host.arrive("wan", f"tcp 198.51.100.10:1 > {OUTSIDE}:9000 SYN seq=1") == "drop no-rule"


def test_withdrawn_it_lets_nobody_new_in_and_gives_its_port_back_with_its_last_connection() -> None:
    host = gateway()
    granted(host, protocol=UDP, port=5000, outside_port=9000)
    host.arrive("wan", f"udp {PEER} > {OUTSIDE}:9000")
    [inside] = host.engine.requests.grants()
    assert host.engine.requests.withdraw(inside, host.now)
    assert not host.engine.requests.withdraw(inside, host.now)
    assert host.arrive("wan", f"udp 198.51.100.10:1 > {OUTSIDE}:9000") == "drop no-rule"
    assert host.arrive("lan", f"udp 192.168.10.5:5000 > {PEER}") == f"wan udp {OUTSIDE}:9000 > {PEER}"
    assert held(host) == 1
    host.wait(200)
    assert held(host) == 0


def test_a_mapping_that_is_there_already_is_opened_and_shut_again() -> None:
    host = gateway(", mapping: endpoint-independent")
    host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
    assert host.arrive("wan", f"udp {PEER} > {OUTSIDE}:5000") == "drop no-rule"
    assert granted(host, protocol=UDP, port=5000) == 5000
    assert host.arrive("wan", f"udp {PEER} > {OUTSIDE}:5000").startswith("lan ")
    [inside] = host.engine.requests.grants()
    host.engine.requests.withdraw(inside, host.now)
    assert host.arrive("wan", f"udp 198.51.100.77:1 > {OUTSIDE}:5000") == "drop no-rule"


def test_full_cone_stays_open_after_a_request_ended() -> None:
    host = gateway(", mapping: endpoint-independent, filtering: endpoint-independent")
    host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
    granted(host, protocol=UDP, port=5000)
    [inside] = host.engine.requests.grants()
    host.engine.requests.withdraw(inside, host.now)
    assert host.arrive("wan", f"udp {PEER} > {OUTSIDE}:5000").startswith("lan ")


@pytest.mark.parametrize(
    ("what", "word"),
    [
        ({"protocol": ICMP}, "unsupported"),
        ({"port": 0}, "unsupported"),
        ({"inside": "192.168.10.1"}, "not-inside"),  # the gateway's own
        ({"inside": "192.168.20.5"}, "untranslated"),  # guests are not masqueraded
        ({"inside": "198.51.100.9"}, "untranslated"),  # nor is anybody outside
        ({"outside": "203.0.113.99"}, "no-address"),
        ({"outside_port": 443}, "taken"),  # the forward's
    ],
)
def test_refusals(what: dict[str, object], word: str) -> None:
    host = gateway()
    assert refused(host, **what) == word
    assert held(host) == 0


def test_ports_of_the_gateway_itself_and_outside_the_entry_s_range_are_taken() -> None:
    host = gateway()
    host.engine.ports.own = {TCP << 16 | 2222}
    assert refused(host, outside_port=2222) == "taken"
    ranged = gateway(", ports: 6000-6001")
    assert refused(ranged, outside_port=7000) == "taken"
    assert {granted(ranged, port=1), granted(ranged, port=2)} == {6000, 6001}
    assert refused(ranged, port=3) == "exhausted"


def test_an_owner_s_mapping_is_not_another_s_to_extend() -> None:
    host = gateway()
    granted(host, owner="pcp")
    assert refused(host, owner="upnp") == "not-yours"


def test_one_host_has_no_more_than_its_share() -> None:
    host = gateway()
    for port in range(1, MOST_OF_ONE + 1):
        granted(host, port=port)
    assert refused(host, port=9999) == "too-many"
    granted(host, port=9999, inside="192.168.10.6")


def test_a_reload_keeps_it_and_one_without_its_entry_ends_it() -> None:
    host = gateway()
    granted(host, outside_port=9000)
    host.reload(RULES % "")
    assert host.arrive("wan", f"tcp {PEER} > {OUTSIDE}:9000 SYN seq=1").startswith("lan ")
    host.reload((RULES % "").replace("name: internet", "name: renamed"))
    host.wait(0.25)
    assert host.engine.requests.grants() == {}
    assert host.arrive("wan", f"tcp 198.51.100.10:1 > {OUTSIDE}:9000 SYN seq=1") == "drop no-rule"


def test_it_ends_when_the_outside_address_goes() -> None:
    host = gateway()
    granted(host, outside_port=9000)
    host.links = {**host.links, "wan": ("eth0", ["203.0.113.7/24"])}
    host.engine.move(host.topology_now(), host.now)
    assert host.engine.requests.grants() == {}
    assert held(host) == 0


def test_within_the_blocks_of_its_subscriber() -> None:
    host = gateway(", port-blocks: {size: 64, per-subscriber: 1}")
    first = granted(host, port=1)
    block = first // 64
    assert granted(host, port=2, outside_port=block * 64 + 5 if first % 64 != 5 else block * 64 + 6) // 64 == block
    assert refused(host, port=3, outside_port=(block + 1) * 64 + 1) == "taken"
    host.wait(601)
    assert host.engine.ports.blocks.subscribers == {}
