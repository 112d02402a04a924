"""RFC 6888, what a carrier's NAT must do beyond that."""

from __future__ import annotations

from itertools import pairwise
from socket import inet_aton, inet_ntoa

from conntrack.nat.deterministic import whose
from tests import segments
from tests.host import Host
from tests.unit.conformance.carrier import DETERMINISTIC, ON_DEMAND, Lines, carrier
from tests.unit.conformance.office import FULL_CONE, LINKS, MAPPING, RULES, office, outside, port


def limited(settings: str) -> Host:
    """The office with other settings."""
    return Host(RULES % "" + f"\nsettings: {settings}\n", LINKS)


def request(host: Host, zone: str, source: str, peer: str, ports: tuple[int, int] = (5000, 80)) -> tuple[str, str, int]:
    """A DCCP-Request: where it leaves (or why not), and from which address and port."""
    raw = segments.ip(inet_aton(source), inet_aton(peer), 33, segments.dccp(ports, 0, 1))
    where, came = host.cross(zone, raw, verify=False)
    return where, inet_ntoa(came[12:16]) if came else "", int.from_bytes(came[20:22], "big")


def test_rfc6888_req_1_dccp_has_one_mapping_for_every_peer_as_rfc_5597_wants() -> None:
    host = office(MAPPING)
    assert request(host, "lan", "192.168.10.5", "198.51.100.9") == ("wan", "203.0.113.1", 5000)
    seen = {request(host, "lan", "192.168.10.6", peer) for peer in ("198.51.100.9", "198.51.100.10", "198.51.100.11")}
    [(zone, address, number)] = seen
    assert (zone, address) == ("wan", "203.0.113.1")
    assert number != 5000
    host.wait(239)  # its §4.5: four minutes, which is as it comes
    assert len(host.engine.table) == 4


def test_rfc6888_req_1_an_unsolicited_dccp_request_is_dropped_or_let_in_as_the_rule_says() -> None:
    for more, fate in ((MAPPING, "drop no-rule"), (FULL_CONE, "lan")):
        host = office(more)
        request(host, "lan", "192.168.10.5", "198.51.100.9")
        assert request(host, "wan", "198.51.100.77", "203.0.113.1", (7, 5000))[0] == fate


def test_rfc6888_req_2_paired_addresses() -> None:
    host = Host(
        "version: 1\nzones:\n  wan: {interfaces: [eth0]}\n  lan: {interfaces: [eth1], networks: [192.168.10.0/24]}\n"
        "nat: [{source-nat: 203.0.113.10-203.0.113.13, at: wan}]\npolicy:\n  lan -> wan: accept\n"
    )
    for last in (5, 6, 7):
        words = (f"udp 192.168.10.{last}:1 > 198.51.100.9:53", f"tcp 192.168.10.{last}:9 > 198.51.100.8:80 SYN")
        assert len({outside(host.arrive("lan", line)).rpartition(":")[0] for line in words}) == 1


def test_rfc6888_req_3_a_pool_of_any_size_and_shape() -> None:
    host = Host(
        "version: 1\nzones:\n  wan: {interfaces: [eth0]}\n  lan: {interfaces: [eth1], networks: [192.168.10.0/24]}\n"
        "nat: [{source-nat: [203.0.113.9, 192.0.2.0/25, 203.0.113.200-203.0.113.202], at: wan}]\n"
        "policy:\n  lan -> wan: accept\n"
    )
    seen = {outside(host.arrive("lan", f"udp 192.168.10.{last}:1 > 198.51.100.9:53")) for last in range(2, 200)}
    assert len(seen) > 50


def test_rfc6888_req_4_and_5_what_one_subscriber_may_hold_is_limited() -> None:
    host = limited("{per-source: 3}")
    answers = [host.arrive("lan", f"udp 192.168.10.5:{port} > 198.51.100.9:53") for port in range(5000, 5004)]
    assert [answer.startswith("wan ") for answer in answers] == [True, True, True, False]
    assert answers[3] == "reject prohibited"
    assert host.arrive("lan", "udp 192.168.10.6:5000 > 198.51.100.9:53").startswith("wan ")


def test_rfc6888_req_4_ports_of_one_subscriber_are_limited_by_its_blocks() -> None:
    host = carrier("{size: 4, per-subscriber: 2}", MAPPING)
    answers = [host.arrive("lan", f"udp 100.64.0.5:{port} > 198.51.100.9:53") for port in range(5000, 5009)]
    assert [answer.startswith("wan ") for answer in answers] == [True] * 8 + [False]
    assert answers[8] == "reject prohibited"
    assert host.arrive("lan", "udp 100.64.0.6:5000 > 198.51.100.9:53").startswith("wan ")


def test_rfc6888_req_5_connections_of_one_subscriber_are_limited_though_it_is_a_prefix() -> None:
    host = carrier("{size: 64, connections: 3, subscriber: {ipv4: 30}}")
    answers = [host.arrive("lan", f"udp 100.64.0.{last}:5000 > 198.51.100.9:53") for last in (4, 5, 6, 7, 8)]
    assert [answer.startswith("wan ") for answer in answers] == [True, True, True, False, True]


def test_rfc6888_req_2_paired_addresses_with_port_blocks() -> None:
    host = carrier("{size: 4, per-subscriber: 3}", MAPPING)
    answers = [host.arrive("lan", f"udp 100.64.0.5:{port} > 198.51.100.9:53") for port in range(5000, 5012)]
    assert len({outside(answer).rpartition(":")[0] for answer in answers}) == 1


def test_rfc6888_req_6_no_translation_towards_destinations_that_are_exempt() -> None:
    host = office()
    assert host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.200:53") == (
        "wan udp 192.168.10.5:5000 > 198.51.100.200:53"
    )
    assert host.arrive("wan", "udp 198.51.100.200:53 > 192.168.10.5:5000").startswith("lan ")


def test_rfc6888_req_7_endpoint_independent_filtering() -> None:
    host = office(FULL_CONE)
    host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
    assert host.arrive("wan", "udp 198.51.100.10:99 > 203.0.113.1:5000").startswith("lan ")


def resting() -> Host:
    """Two outside ports, rest, and one of them just released by 192.168.10.5."""
    more = MAPPING + ", ports: 6000-6001"
    host = Host(RULES % more + "\nsettings: {port-hold-down: 120s}\n", LINKS)
    host.arrive("lan", "udp 192.168.10.5:6000 > 198.51.100.9:53")
    host.wait(31)
    assert len(host.engine.table) == 0
    return host


def test_rfc6888_req_8_a_released_port_rests() -> None:
    host = resting()
    assert port(host.arrive("lan", "udp 192.168.10.6:6000 > 198.51.100.9:53")) == 6001
    assert host.arrive("lan", "udp 192.168.10.7:6000 > 198.51.100.9:53") == "reject prohibited"
    host.wait(120)
    assert port(host.arrive("lan", "udp 192.168.10.7:6000 > 198.51.100.9:53")) == 6000


def test_rfc6888_req_8_the_same_host_may_have_it_again_at_once() -> None:
    host = resting()
    assert port(host.arrive("lan", "udp 192.168.10.5:6000 > 198.51.100.9:53")) == 6000


def test_rfc6888_req_11_no_room_drops_tells_and_takes_nothing_from_others() -> None:
    host = office(", ports: 6000-6001")
    for last in (5, 6):
        host.arrive("lan", f"udp 192.168.10.{last}:5000 > 198.51.100.9:53")
    assert host.arrive("lan", "udp 192.168.10.7:5000 > 198.51.100.9:53") == "reject prohibited"
    assert len(host.engine.table) == 2


def test_rfc6888_req_11c_a_full_table_gives_up_what_was_never_answered() -> None:
    """Not what the RFC asks for: a flood of SYNs would keep everybody out otherwise. A live connection stays."""
    host = limited("{connections: 2}")
    for source in (5000, 5001, 5002):
        assert host.arrive("lan", f"udp 192.168.10.5:{source} > 198.51.100.9:53").startswith("wan ")
    assert len(host.engine.table) == 2


def test_rfc6888_req_12_and_14_a_line_for_a_block_and_none_for_a_destination() -> None:
    host = carrier(ON_DEMAND)
    lines = Lines()
    host.engine.ports.blocks.ledger = lines
    for peer in range(2, 102):
        host.arrive("lan", f"tcp 100.64.0.5:{peer + 5000} > 198.51.100.{peer}:443 SYN")
    assert len(host.engine.table) == 100
    assert lines.count == 1
    host.wait(121)
    assert lines.count == 2


def test_rfc6888_req_14_a_deterministic_mapping_needs_no_line_at_all() -> None:
    host = carrier(DETERMINISTIC)
    lines = Lines()
    host.engine.ports.blocks.ledger = lines
    [rule] = host.engine.policy.nat_rules
    assert rule.blocks is not None
    for last in range(2, 254):
        left = outside(host.arrive("lan", f"udp 100.64.0.{last}:5000 > 198.51.100.9:53"))
        address, _, number = left.rpartition(":")
        at = rule.pool(4).index(inet_aton(address))
        assert whose(rule.blocks, at, int(number), 4) == inet_aton(f"100.64.0.{last}")
    assert lines.count == 0


def test_rfc6888_req_13_a_port_may_serve_several_peers_in_a_block() -> None:
    host = carrier("{size: 2}")
    for peer in range(2, 30):
        assert host.arrive("lan", f"udp 100.64.0.5:{peer + 5000} > 198.51.100.{peer}:53").startswith("wan ")


def test_rfc6888_req_15_ports_of_a_block_are_chosen_at_random() -> None:
    host = carrier("{size: 512}", MAPPING)
    ports = [port(host.arrive("lan", f"tcp 100.64.0.5:{at} > 198.51.100.9:53 SYN")) for at in range(200, 230)]
    assert max(ports) - min(ports) < 512
    assert len({after - before for before, after in pairwise(ports)}) > 20


def test_rfc6888_req_15_a_port_that_has_to_change_is_chosen_at_random() -> None:
    host = office()
    ports = [
        int(outside(host.arrive("lan", f"udp 192.168.10.{last}:5000 > 198.51.100.9:53")).rpartition(":")[2])
        for last in range(2, 30)
    ]
    steps = {after - before for before, after in pairwise(ports[1:])}
    assert len(steps) > 20
