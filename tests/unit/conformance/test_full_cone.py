"""Endpoint-independent filtering (full cone): who is let in by a mapping, as what, and for how long."""

from __future__ import annotations

import pytest

from conntrack.engine.adopt import Found
from tests.host import Host

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24]}
nat:
  - {name: internet, masquerade: wan, from: lan, mapping: endpoint-independent, filtering: endpoint-independent}
policy:
  lan -> wan: accept
  wan -> lan:
    - {name: bad, drop: any, source: 198.51.100.66}
    - drop: any
"""


@pytest.fixture
def host() -> Host:
    host = Host(RULES)
    host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
    return host


def test_anybody_may_send_to_a_mapping_and_is_answered_from_it(host: Host) -> None:
    assert host.arrive("wan", "udp 198.51.100.77:9 > 203.0.113.1:5000") == "lan udp 198.51.100.77:9 > 192.168.10.5:5000"
    assert host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.77:9") == "wan udp 203.0.113.1:5000 > 198.51.100.77:9"
    assert len(host.engine.table) == 2


def test_another_port_or_protocol_is_not_let_in(host: Host) -> None:
    assert host.arrive("wan", "udp 198.51.100.77:9 > 203.0.113.1:5001") == "drop no-rule"
    assert host.arrive("wan", "tcp 198.51.100.77:9 > 203.0.113.1:5000 SYN") == "drop no-rule"


def test_a_rule_with_a_condition_still_refuses(host: Host) -> None:
    assert host.arrive("wan", "udp 198.51.100.66:9 > 203.0.113.1:5000") == "drop policy-drop"


def test_a_mapping_lives_as_long_as_any_of_its_connections(host: Host) -> None:
    host.arrive("wan", "udp 198.51.100.77:9 > 203.0.113.1:5000")
    for _ in range(4):
        host.wait(20)
        host.arrive("wan", "udp 198.51.100.77:9 > 203.0.113.1:5000")
    assert len(host.engine.table) == 1
    assert host.arrive("wan", "udp 198.51.100.78:9 > 203.0.113.1:5000").startswith("lan ")


def test_a_mapping_that_ended_lets_nobody_in(host: Host) -> None:
    host.wait(31)
    assert host.arrive("wan", "udp 198.51.100.77:9 > 203.0.113.1:5000") == "drop no-rule"
    assert [int(use.used) for use in host.engine.ports.uses()] == [0]


def test_two_inside_hosts_reach_each_other_by_their_outside_endpoints(host: Host) -> None:
    """RFC 4787 REQ-9, hairpin between mappings: each sees the other's outside address and port."""
    host.arrive("lan", "udp 192.168.10.6:5000 > 198.51.100.9:53")
    [second] = [one for one in host.engine.table.connections() if one.original.key[2:6].endswith(b"\x06")]
    port = int.from_bytes(second.reply.key[-2:], "big")
    assert port != 5000
    assert port % 2 == 0
    assert host.arrive("lan", f"udp 192.168.10.5:5000 > 203.0.113.1:{port}") == (
        "lan udp 203.0.113.1:5000 > 192.168.10.6:5000"
    )
    assert host.arrive("lan", "udp 192.168.10.6:5000 > 203.0.113.1:5000") == (
        f"lan udp 203.0.113.1:{port} > 192.168.10.5:5000"
    )


def test_an_unsolicited_syn_reaches_the_inside_host_so_that_simultaneous_open_works() -> None:
    host = Host(RULES)
    host.arrive("lan", "tcp 192.168.10.5:5000 > 198.51.100.9:80 SYN seq=1")
    assert host.arrive("wan", "tcp 198.51.100.77:80 > 203.0.113.1:5000 SYN seq=1") == (
        "lan tcp 198.51.100.77:80 > 192.168.10.5:5000 SYN"
    )


def test_a_third_zone_is_not_let_in() -> None:
    """Only the outside is meant, and the inside host's own zone; the guests' rules stay what they are."""
    guests = RULES.replace("policy:", "policy:\n  guest -> lan: drop").replace(
        "  lan: {", "  guest: {interfaces: [eth2], networks: [192.168.20.0/24]}\n  lan: {"
    )
    host = Host(guests)
    host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
    assert host.arrive("guest", "udp 192.168.20.5:9 > 203.0.113.1:5000") == "drop no-rule"
    assert host.arrive("wan", "udp 198.51.100.77:9 > 203.0.113.1:5000").startswith("lan ")


def test_filtering_needs_the_mapping_that_it_opens() -> None:
    with pytest.raises(Exception, match="only a mapping that serves every peer can let anybody in"):
        Host(RULES.replace("mapping: endpoint-independent, filtering", "filtering"))


def test_what_came_in_may_stay_when_it_is_asked_for_again(host: Host) -> None:
    host.arrive("wan", "udp 198.51.100.77:9 > 203.0.113.1:5000")
    for connection in host.engine.table.connections():
        assert host.engine.permitted(connection, host.now)


def test_a_mapping_lets_nobody_in_once_new_rules_say_so(host: Host) -> None:
    host.reload(RULES.replace(", filtering: endpoint-independent", ""))
    assert host.arrive("wan", "udp 198.51.100.77:9 > 203.0.113.1:5000") == "drop no-rule"
    assert host.arrive("wan", "udp 198.51.100.9:53 > 203.0.113.1:5000").startswith("lan ")  # who was sent to


def test_a_mapping_whose_rule_is_gone_lets_nobody_in(host: Host) -> None:
    host.reload(RULES.replace("name: internet", "name: other"))
    assert host.arrive("wan", "udp 198.51.100.77:9 > 203.0.113.1:5000") == "drop no-rule"
    host.wait(31)
    assert len(host.engine.table) == 0


def test_a_mapping_lets_in_by_the_zone_that_the_new_rules_name(host: Host) -> None:
    """Zones have other numbers where another one stands first."""
    guest = "zones:\n  guest: {interfaces: [eth2], networks: [192.168.20.0/24]}"
    host.reload(RULES.replace("zones:", guest))
    mapping = host.engine.ports.open_to(
        bytes((17, 0)) + bytes((198, 51, 100, 77)) + bytes((203, 0, 113, 1)) + bytes((0, 9)) + (5000).to_bytes(2, "big")
    )
    assert mapping is not None
    assert mapping.rule is not None
    assert host.engine.policy.zones[mapping.rule.zone].name == "wan"


def test_a_connection_that_was_carried_on_without_a_daemon_opens_its_mapping_again(host: Host) -> None:
    [connection] = host.engine.table.connections()
    found = Found(1, connection.original.key, connection.reply.key, 2, 1, 0, -1)
    host.forget()
    assert host.arrive("wan", "udp 198.51.100.77:9 > 203.0.113.1:5000") == "drop no-rule"
    assert host.engine.adopt(found, host.now) is not None
    assert host.arrive("wan", "udp 198.51.100.77:9 > 203.0.113.1:5000").startswith("lan ")


def test_a_carried_connection_is_of_its_subscriber_s_block_again() -> None:
    gateway = Host(RULES.replace("from: lan", "from: lan, port-blocks: {size: 64}"))
    gateway.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
    [connection] = gateway.engine.table.connections()
    found = Found(1, connection.original.key, connection.reply.key, 2, 1, 0, -1)
    [before] = [block for one in gateway.engine.ports.blocks.subscribers.values() for block in one.blocks]
    gateway.forget()
    assert gateway.engine.adopt(found, gateway.now) is not None
    [after] = [block for one in gateway.engine.ports.blocks.subscribers.values() for block in one.blocks]
    assert (after.address, after.low, after.subscriber.key) == (before.address, before.low, before.subscriber.key)
