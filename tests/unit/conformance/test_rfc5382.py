"""RFC 5382, what a NAT must do with TCP."""

from __future__ import annotations

import pytest

from conntrack.flow.connection import HELPED
from tests.host import Host
from tests.unit.conformance.office import FULL_CONE, LINKS, MAPPING, RULES, STRICT, office, opened, outside

INSIDE, PEER = "192.168.10.5:40000", "198.51.100.9:80"
OUTSIDE = "203.0.113.1:40000"


def test_rfc5382_req_1_one_mapping_for_every_peer() -> None:
    host = office(MAPPING)
    host.arrive("lan", f"tcp 192.168.10.6:40000 > {PEER} SYN")
    seen = {outside(host.arrive("lan", f"tcp {INSIDE} > 198.51.100.{last}:80 SYN")) for last in (9, 10, 11)}
    assert len(seen) == 1


def test_rfc5382_req_2a_simultaneous_open() -> None:
    host = office()
    assert host.arrive("lan", f"tcp {INSIDE} > {PEER} SYN seq=1") == f"wan tcp {OUTSIDE} > {PEER} SYN"
    assert host.arrive("wan", f"tcp {PEER} > {OUTSIDE} SYN seq=7") == f"lan tcp {PEER} > {INSIDE} SYN"
    assert host.arrive("lan", f"tcp {INSIDE} > {PEER} SYN+ACK seq=1 ack=8").startswith("wan ")
    assert host.arrive("wan", f"tcp {PEER} > {OUTSIDE} SYN+ACK seq=7 ack=2").startswith("lan ")
    assert host.arrive("lan", f"tcp {INSIDE} > {PEER} ACK seq=2 ack=8").startswith("wan ")
    assert host.arrive("wan", f"tcp {PEER} > {OUTSIDE} ACK seq=8 ack=2").startswith("lan ")


def test_rfc5382_req_2_half_close_and_close_from_either_side() -> None:
    host = office()
    opened(host, INSIDE, PEER)
    assert host.arrive("wan", f"tcp {PEER} > {OUTSIDE} FIN+ACK seq=501 ack=101").startswith("lan ")
    assert host.arrive("lan", f"tcp {INSIDE} > {PEER} ACK seq=101 ack=502").startswith("wan ")
    assert host.arrive("lan", f"tcp {INSIDE} > {PEER} FIN+ACK seq=101 ack=502").startswith("wan ")
    assert host.arrive("wan", f"tcp {PEER} > {OUTSIDE} ACK seq=502 ack=102").startswith("lan ")


def test_rfc5382_req_3_filtering_as_the_rule_says() -> None:
    for more, came in ((MAPPING, "drop no-rule"), (FULL_CONE, f"lan tcp 198.51.100.10:80 > {INSIDE} SYN")):
        host = office(more)
        opened(host, INSIDE, PEER)
        assert host.arrive("wan", f"tcp 198.51.100.10:80 > {OUTSIDE} SYN") == came


def holding() -> Host:
    """The office, which holds unsolicited SYNs and whose queue can keep four of them."""
    host = Host(RULES % MAPPING + "\nsettings: {unsolicited-syn: hold}\n", LINKS)
    host.engine.hold(4)
    return host


STRANGER = "198.51.100.9:80"


def test_rfc5382_req_4_an_unsolicited_syn_is_answered_after_six_seconds() -> None:
    host = holding()
    assert host.arrive("wan", f"tcp {STRANGER} > 203.0.113.1:5000 SYN seq=1") == "held"
    host.wait(5.9)
    assert host.released() == []
    host.wait(0.1)
    assert host.released() == ["reject port-unreachable"]


def test_rfc5382_req_4_it_is_dropped_in_silence_once_the_own_syn_has_gone_out() -> None:
    host = holding()
    assert host.arrive("wan", f"tcp {STRANGER} > 203.0.113.1:5000 SYN seq=1") == "held"
    host.wait(2)
    assert outside(host.arrive("lan", f"tcp 192.168.10.5:5000 > {STRANGER} SYN seq=1")) == "203.0.113.1:5000"
    host.wait(4)
    assert host.released() == ["drop"]
    assert host.arrive("wan", f"tcp {STRANGER} > 203.0.113.1:5000 SYN seq=1").startswith("lan ")


def test_rfc5382_req_4_repetitions_wait_for_the_one_answer() -> None:
    host = holding()
    host.arrive("wan", f"tcp {STRANGER} > 203.0.113.1:5000 SYN seq=1")
    host.wait(1)
    assert host.arrive("wan", f"tcp {STRANGER} > 203.0.113.1:5000 SYN seq=1") == "drop no-rule"
    host.wait(5)
    assert host.released() == ["reject port-unreachable"]
    assert host.arrive("wan", f"tcp {STRANGER} > 203.0.113.1:5000 SYN seq=1") == "held"


def test_rfc5382_req_4_no_more_are_held_than_there_is_room_for() -> None:
    host = holding()
    fates = [host.arrive("wan", f"tcp {STRANGER} > 203.0.113.1:{port} SYN seq=1") for port in range(5000, 5006)]
    assert fates == ["held"] * 4 + ["drop no-rule"] * 2


def test_rfc5382_req_4a_what_the_policy_drops_on_purpose_is_never_answered() -> None:
    rules = RULES % "" + "  wan -> self:\n    - {drop: any}\nsettings: {unsolicited-syn: hold}\n"
    host = Host(rules, LINKS)
    host.engine.hold(4)
    assert host.arrive("wan", f"tcp {STRANGER} > 203.0.113.1:5000 SYN seq=1") == "drop policy-drop"


@pytest.mark.parametrize(
    "line", ["udp 198.51.100.9:80 > 203.0.113.1:5000", f"tcp {STRANGER} > 203.0.113.1:5000 SYN+ACK"]
)
def test_rfc5382_req_4_nothing_else_is_held(line: str) -> None:
    assert holding().arrive("wan", line).startswith("drop ")
    assert holding().arrive("lan", "tcp 192.168.10.5:5000 > 192.168.10.1:80 SYN") == "drop no-rule"


def test_rfc5382_req_4_an_unsolicited_syn_is_dropped_in_silence_and_a_later_own_syn_passes() -> None:
    """Never an answer: REQ-4a, the policy of a firewall. The peer's next SYN then belongs to a known connection."""
    host = office()
    assert host.arrive("wan", f"tcp {PEER} > {OUTSIDE} SYN seq=7") == "drop no-rule"
    host.wait(2)
    assert host.arrive("lan", f"tcp {INSIDE} > {PEER} SYN seq=1") == f"wan tcp {OUTSIDE} > {PEER} SYN"
    assert host.arrive("wan", f"tcp {PEER} > {OUTSIDE} SYN seq=7") == f"lan tcp {PEER} > {INSIDE} SYN"


def test_rfc5382_req_5_an_idle_connection_lives_more_than_two_hours_and_four_minutes() -> None:
    host = office()
    opened(host, INSIDE, PEER)
    host.wait(7440)
    assert host.arrive("wan", f"tcp {PEER} > {OUTSIDE} ACK seq=501 ack=101").startswith("lan ")


def test_rfc5382_req_5_a_half_open_one_lives_four_minutes_with_the_timeouts_of_the_guide() -> None:
    host = office(settings=STRICT)
    host.arrive("lan", f"tcp {INSIDE} > {PEER} SYN seq=100")
    host.wait(239)
    assert host.arrive("wan", f"tcp {PEER} > {OUTSIDE} SYN+ACK seq=500 ack=101").startswith("lan ")
    host.wait(239)
    assert host.arrive("lan", f"tcp {INSIDE} > {PEER} ACK seq=101 ack=501").startswith("wan ")
    host.arrive("lan", f"tcp {INSIDE} > {PEER} FIN+ACK seq=101 ack=501")
    host.wait(239)
    assert host.arrive("wan", f"tcp {PEER} > {OUTSIDE} FIN+ACK seq=501 ack=102").startswith("lan ")


def test_rfc5382_req_6_no_payload_is_read_unless_a_rule_names_a_helper() -> None:
    host = office()
    opened(host, "192.168.10.5:40000", "198.51.100.9:21")
    [connection] = host.engine.table.connections()
    assert connection.rule.helpers == ()
    assert not connection.status & HELPED


def test_rfc5382_req_7_no_port_is_shared_by_two_inside_hosts() -> None:
    host = office(MAPPING)
    seen = [
        outside(host.arrive("lan", f"tcp 192.168.10.{last}:4000 > 198.51.100.{last}:80 SYN")) for last in range(2, 40)
    ]
    assert len(set(seen)) == len(seen)


def test_rfc5382_req_8_hairpin_shows_the_outside_address_and_port() -> None:
    host = office(FULL_CONE)
    opened(host, INSIDE, PEER)
    opened(host, "192.168.10.6:40001", PEER)
    assert host.arrive("lan", f"tcp 192.168.10.6:40001 > {OUTSIDE} SYN seq=9") == (
        f"lan tcp 203.0.113.1:40001 > {INSIDE} SYN"
    )
    assert host.arrive("lan", f"tcp {INSIDE} > 203.0.113.1:40001 SYN+ACK seq=5 ack=10") == (
        f"lan tcp {OUTSIDE} > 192.168.10.6:40001 SYN+ACK"
    )


def test_rfc5382_req_9_destination_unreachable_is_translated() -> None:
    host = office()
    host.arrive("lan", f"tcp {INSIDE} > {PEER} SYN seq=1")
    assert host.arrive("wan", f"icmp 198.51.100.1 > 203.0.113.1 net-unreachable about tcp {OUTSIDE} > {PEER} SYN") == (
        f"lan icmp 198.51.100.1 > 192.168.10.5 net-unreachable about tcp {INSIDE} > {PEER} SYN"
    )


@pytest.mark.parametrize("kind", ["port-unreachable", "net-unreachable", "fragmentation-needed", "time-exceeded"])
def test_rfc5382_req_10_no_icmp_message_ends_a_connection(kind: str) -> None:
    host = office()
    opened(host, INSIDE, PEER)
    [connection] = host.engine.table.connections()
    before = connection.deadline
    host.wait(60)
    host.arrive("wan", f"icmp 198.51.100.9 > 203.0.113.1 {kind} about tcp {OUTSIDE} > {PEER} ACK seq=101")
    assert connection.deadline == before
    assert host.arrive("wan", f"tcp {PEER} > {OUTSIDE} ACK seq=501 ack=101").startswith("lan ")
