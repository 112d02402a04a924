"""RFC 4787, what a NAT must do with UDP: a test for each requirement that the engine can meet or fail by itself."""

from __future__ import annotations

import pytest

from conntrack.flow.connection import HELPED
from tests.unit.conformance.office import FULL_CONE, MAPPING, STRICT, office, outside, port


def test_rfc4787_req_1_one_mapping_for_every_peer() -> None:
    host = office(MAPPING)
    seen = {
        outside(host.arrive("lan", f"udp 192.168.10.5:5000 > {peer}"))
        for peer in ("198.51.100.9:53", "198.51.100.9:54", "198.51.100.10:53")
    }
    assert seen == {"203.0.113.1:5000"}


def test_rfc4787_req_1_holds_when_the_port_had_to_change() -> None:
    host = office(MAPPING)
    host.arrive("lan", "udp 192.168.10.6:5000 > 198.51.100.9:53")
    seen = {
        outside(host.arrive("lan", f"udp 192.168.10.5:5000 > {peer}"))
        for peer in ("198.51.100.9:53", "198.51.100.9:54", "198.51.100.10:53")
    }
    assert len(seen) == 1
    assert seen != {"203.0.113.1:5000"}


def test_rfc4787_req_2_an_inside_host_keeps_one_outside_address() -> None:
    host = office()
    host.reload(
        "version: 1\nzones:\n  wan: {interfaces: [eth0]}\n"
        "  lan: {interfaces: [eth1], networks: [192.168.10.0/24]}\n"
        "nat: [{source-nat: 203.0.113.10-203.0.113.13, at: wan}]\npolicy:\n  lan -> wan: accept\n"
    )
    for last in range(2, 20):
        seen = {
            outside(host.arrive("lan", f"udp 192.168.10.{last}:{source} > 198.51.100.9:53")).rpartition(":")[0]
            for source in range(5000, 5008)
        }
        assert len(seen) == 1


def test_rfc4787_req_3_no_port_is_shared_by_two_inside_hosts() -> None:
    host = office(MAPPING)
    seen = [outside(host.arrive("lan", f"udp 192.168.10.{last}:5000 > 198.51.100.{last}:53")) for last in range(2, 60)]
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize(("source", "low", "high"), [(400, 1, 511), (900, 600, 1023), (5000, 1024, 65535)])
def test_rfc4787_req_3a_a_changed_port_stays_in_its_class(source: int, low: int, high: int) -> None:
    host = office()
    for last in range(2, 40):
        assert low <= port(host.arrive("lan", f"udp 192.168.10.{last}:{source} > 198.51.100.9:53")) <= high


@pytest.mark.parametrize("source", [5000, 5001])
def test_rfc4787_req_4_parity_is_kept(source: int) -> None:
    host = office(MAPPING)
    for last in range(2, 60):
        assert port(host.arrive("lan", f"udp 192.168.10.{last}:{source} > 198.51.100.9:53")) % 2 == source % 2


def test_rfc4787_req_4_parity_gives_way_before_the_connection_does() -> None:
    host = office(MAPPING + ", ports: 6000-6003")
    ports = [port(host.arrive("lan", f"udp 192.168.10.{last}:5000 > 198.51.100.9:53")) for last in (2, 3, 4, 5)]
    assert sorted(ports[:2]) == [6000, 6002]
    assert sorted(ports) == [6000, 6001, 6002, 6003]


def test_rfc4787_req_4_contiguity_of_rtp_and_rtcp() -> None:
    host = office(MAPPING + ", preserve: contiguity")
    for last in range(5, 25):
        rtp = port(host.arrive("lan", f"udp 192.168.10.{last}:5004 > 198.51.100.9:7000"))
        rtcp = port(host.arrive("lan", f"udp 192.168.10.{last}:5005 > 198.51.100.9:7001"))
        assert (rtp % 2, rtcp) == (0, rtp + 1)


def test_rfc4787_req_5_a_mapping_lives_five_minutes_with_the_timeouts_of_the_guide() -> None:
    host = office(settings=STRICT)
    host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
    host.wait(299)
    assert host.arrive("wan", "udp 198.51.100.9:53 > 203.0.113.1:5000").startswith("lan ")
    host.wait(299)
    assert host.arrive("wan", "udp 198.51.100.9:53 > 203.0.113.1:5000").startswith("lan ")


def test_rfc4787_req_5_by_default_an_unanswered_mapping_ends_after_30_seconds() -> None:
    """Not what the RFC asks for: the kernel's way, which keeps questions that nobody answers out of the table."""
    host = office()
    host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
    host.wait(31)
    assert host.arrive("wan", "udp 198.51.100.9:53 > 203.0.113.1:5000") == "drop no-rule"


@pytest.mark.parametrize("direction", ["out", "in"])
def test_rfc4787_req_6_packets_of_either_direction_refresh_a_mapping(direction: str) -> None:
    host = office()
    host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
    for _ in range(10):
        host.wait(25)
        if direction == "out":
            host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
        else:
            assert host.arrive("wan", "udp 198.51.100.9:53 > 203.0.113.1:5000").startswith("lan ")
    assert len(host.engine.table) == 1


def test_rfc4787_req_8_filtering_as_the_rule_says() -> None:
    host = office(MAPPING)
    host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
    assert host.arrive("wan", "udp 198.51.100.10:53 > 203.0.113.1:5000") == "drop no-rule"
    assert host.arrive("wan", "udp 198.51.100.9:54 > 203.0.113.1:5000") == "drop no-rule"
    host = office(FULL_CONE)
    host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
    assert host.arrive("wan", "udp 198.51.100.10:99 > 203.0.113.1:5000") == (
        "lan udp 198.51.100.10:99 > 192.168.10.5:5000"
    )


def test_rfc4787_req_9_hairpin_shows_the_outside_address_and_port() -> None:
    host = office(FULL_CONE)
    for last in (5, 6):
        host.arrive("lan", f"udp 192.168.10.{last}:500{last} > 198.51.100.9:53")
    assert host.arrive("lan", "udp 192.168.10.5:5005 > 203.0.113.1:5006") == (
        "lan udp 203.0.113.1:5005 > 192.168.10.6:5006"
    )


def test_rfc4787_req_9_hairpin_to_a_one_to_one_address() -> None:
    host = office()
    assert host.arrive("lan", "udp 192.168.10.5:5000 > 203.0.113.5:53") == "lan udp 203.0.113.5:5000 > 192.168.10.25:53"


def test_rfc4787_req_10_no_payload_is_read_unless_a_rule_names_a_helper() -> None:
    host = office()
    host.arrive("lan", "udp 192.168.10.5:5060 > 198.51.100.9:5060")
    [connection] = host.engine.table.connections()
    assert connection.rule.helpers == ()
    assert not connection.status & HELPED


def test_rfc4787_req_11_a_conflict_changes_no_behaviour() -> None:
    """The second host's mapping is another port, and endpoint-independent like the first one's."""
    host = office(FULL_CONE)
    host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
    second = outside(host.arrive("lan", "udp 192.168.10.6:5000 > 198.51.100.9:53"))
    assert outside(host.arrive("lan", "udp 192.168.10.6:5000 > 198.51.100.10:53")) == second
    assert host.arrive("wan", f"udp 198.51.100.77:1 > {second}") == "lan udp 198.51.100.77:1 > 192.168.10.6:5000"


@pytest.mark.parametrize("kind", ["port-unreachable", "net-unreachable", "fragmentation-needed", "time-exceeded"])
def test_rfc4787_req_12_an_icmp_error_from_anywhere_passes_and_ends_nothing(kind: str) -> None:
    host = office()
    host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
    about = "about udp {}:5000 > 198.51.100.9:53"
    assert host.arrive("wan", f"icmp 192.0.2.200 > 203.0.113.1 {kind} {about.format('203.0.113.1')}") == (
        f"lan icmp 192.0.2.200 > 192.168.10.5 {kind} {about.format('192.168.10.5')}"
    )
    assert len(host.engine.table) == 1
    assert host.arrive("wan", "udp 198.51.100.9:53 > 203.0.113.1:5000").startswith("lan ")
