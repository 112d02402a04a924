"""RFC 7857, what was changed and added later."""

from __future__ import annotations

import pytest

from tests.host import Host
from tests.unit.conformance.office import FULL_CONE, MAPPING, STRICT, office, opened, outside

INSIDE, PEER, OUTSIDE = "192.168.10.5:40000", "198.51.100.9:80", "203.0.113.1:40000"


def test_rfc7857_2_2_transitory_timeouts_can_be_set_one_by_one() -> None:
    host = office(settings=STRICT)
    host.arrive("lan", f"tcp {INSIDE} > {PEER} SYN seq=1")
    [connection] = host.engine.table.connections()
    assert connection.deadline - host.now == 240


def test_rfc7857_2_3_after_a_reset_packets_are_translated_for_four_minutes() -> None:
    host = office(settings=STRICT)
    opened(host, INSIDE, PEER)
    assert host.arrive("lan", f"tcp {INSIDE} > {PEER} RST seq=101") == f"wan tcp {OUTSIDE} > {PEER} RST"
    host.wait(239)
    assert host.arrive("wan", f"tcp {PEER} > {OUTSIDE} ACK seq=501 ack=101") == f"lan tcp {PEER} > {INSIDE} ACK"


def test_rfc7857_2_3_by_default_it_is_ten_seconds() -> None:
    host = office()
    opened(host, INSIDE, PEER)
    host.arrive("lan", f"tcp {INSIDE} > {PEER} RST seq=101")
    host.wait(11)
    assert len(host.engine.table) == 0


def test_rfc7857_3_different_peers_may_share_an_outside_port() -> None:
    host = office()
    assert outside(host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")) == "203.0.113.1:5000"
    assert outside(host.arrive("lan", "udp 192.168.10.6:5000 > 198.51.100.10:53")) == "203.0.113.1:5000"


def test_rfc7857_5_mappings_of_different_protocols_know_nothing_of_each_other() -> None:
    host = office(MAPPING)
    assert outside(host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")) == "203.0.113.1:5000"
    assert outside(host.arrive("lan", "tcp 192.168.10.6:5000 > 198.51.100.9:53 SYN")) == "203.0.113.1:5000"


def test_rfc7857_6_a_mapping_lets_in_its_own_protocol_only() -> None:
    host = office(FULL_CONE)
    host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
    assert host.arrive("wan", "tcp 198.51.100.10:99 > 203.0.113.1:5000 SYN") == "drop no-rule"


QUIET = ", inbound-refresh: no"


def kept(host: Host, seconds: int) -> bool:
    """Whether the mapping of 192.168.10.5:5000 lives so long while its peer, and nobody else, goes on sending."""
    host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
    for _ in range(seconds // 10):
        host.wait(10)
        host.arrive("wan", "udp 198.51.100.9:53 > 203.0.113.1:5000")
    return len(host.engine.table) > 0


@pytest.mark.parametrize("more", ["", MAPPING, FULL_CONE])
def test_rfc7857_7_packets_from_outside_do_not_refresh_where_the_rule_says_so(more: str) -> None:
    assert kept(office(more), 60)
    assert not kept(office(more + QUIET), 60)


def test_rfc7857_7_packets_from_inside_still_do() -> None:
    host = office(FULL_CONE + QUIET)
    for _ in range(6):
        host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
        host.arrive("wan", "udp 198.51.100.9:53 > 203.0.113.1:5000")
        host.wait(20)
    assert len(host.engine.table) == 1


def test_rfc7857_7_strangers_that_come_one_after_the_other_do_not_keep_a_mapping_either() -> None:
    host = office(FULL_CONE + QUIET)
    host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
    answers = []
    for last in range(20, 26):
        host.wait(12)
        answers.append(host.arrive("wan", f"udp 198.51.100.{last}:7 > 203.0.113.1:5000"))
    assert [answer.startswith("lan ") for answer in answers] == [True, True, False, False, False, False]
    host.wait(30)
    assert [int(use.used) for use in host.engine.ports.uses()] == [0]


def test_rfc7857_7_tcp_is_not_concerned() -> None:
    host = office(QUIET)
    opened(host, INSIDE, PEER)
    [connection] = host.engine.table.connections()
    before = connection.deadline
    host.wait(10)
    host.arrive("wan", f"tcp {PEER} > {OUTSIDE} ACK seq=501 ack=101")
    assert connection.deadline == before + 10


def test_rfc7857_8_errors_and_resets_going_out_do_not_refresh() -> None:
    host = office()
    host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
    host.arrive("wan", "udp 198.51.100.9:53 > 203.0.113.1:5000")
    [connection] = host.engine.table.connections()
    before = connection.deadline
    host.wait(10)
    error = "icmp 192.168.10.5 > 198.51.100.9 port-unreachable about udp 198.51.100.9:53 > 192.168.10.5:5000"
    assert host.arrive("lan", error).startswith("wan ")
    assert connection.deadline == before
    opened(host, INSIDE, PEER)
    host.arrive("lan", f"tcp {INSIDE} > {PEER} RST seq=101")
    [closing] = [one for one in host.engine.table.connections() if one is not connection]
    assert closing.deadline - host.now == 10


def test_rfc7857_9_parity_can_be_given_up_by_rule() -> None:
    host = office(MAPPING + ", preserve: nothing")
    ports = {
        int(outside(host.arrive("lan", f"udp 192.168.10.{last}:5000 > 198.51.100.9:53")).rpartition(":")[2]) % 2
        for last in range(2, 40)
    }
    assert ports == {0, 1}


def test_rfc7857_9_parity_only_where_mappings_are_endpoint_independent() -> None:
    host = office()
    ports = [
        int(outside(host.arrive("lan", f"udp 192.168.10.{last}:5000 > 198.51.100.9:53")).rpartition(":")[2])
        for last in range(2, 40)
    ]
    assert {port % 2 for port in ports} == {0, 1}


def test_rfc7857_12_a_query_s_mapping_ends_with_its_last_session() -> None:
    host = office(MAPPING)
    host.arrive("lan", "icmp 192.168.10.5 > 198.51.100.9 echo-request id=7")
    host.wait(31)
    assert [int(use.used) for use in host.engine.ports.uses()] == [0]


def test_rfc7857_13_a_hairpinned_ping() -> None:
    host = office()
    assert host.arrive("lan", "icmp 192.168.10.5 > 203.0.113.5 echo-request id=7").startswith("lan ")
    assert host.arrive("lan", "icmp 192.168.10.25 > 203.0.113.5 echo-reply id=7").startswith("lan ")
