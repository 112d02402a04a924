"""What VPP tests of its nat44-ed, written anew: how sessions close, reopen and time out behind a translation."""

from __future__ import annotations

import pytest

from tests.host import Host

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24]}
nat:
  - {name: internet, masquerade: wan, from: lan}
  - {name: shop, forward: tcp/80, at: wan, to: "192.168.10.20:8080", hairpin: lan}
policy:
  lan -> wan: accept
"""
INSIDE, OUTSIDE, SERVER = "192.168.10.5:40000", "203.0.113.1:40000", "198.51.100.9:80"


@pytest.fixture
def host() -> Host:
    host = Host(RULES)
    assert inside(host, "SYN seq=100") == f"wan tcp {OUTSIDE} > {SERVER} SYN"
    assert outside(host, "SYN+ACK seq=500 ack=101") == f"lan tcp {SERVER} > {INSIDE} SYN+ACK"
    assert inside(host, "ACK seq=101 ack=501") == f"wan tcp {OUTSIDE} > {SERVER} ACK"
    return host


def inside(host: Host, words: str) -> str:
    return host.arrive("lan", f"tcp {INSIDE} > {SERVER} {words}")


def outside(host: Host, words: str) -> str:
    return host.arrive("wan", f"tcp {SERVER} > {OUTSIDE} {words}")


def state(host: Host) -> str:
    [connection] = host.engine.table.connections()
    return host.engine.trackers.by_name["tcp"].states()[connection.state]


def close(host: Host) -> None:
    inside(host, "FIN+ACK seq=101 ack=501")
    outside(host, "FIN+ACK seq=501 ack=102")
    inside(host, "ACK seq=102 ack=502")


def test_session_closed_by_the_inside_host(host: Host) -> None:
    close(host)
    assert state(host) == "TIME_WAIT"
    host.wait(121)
    assert len(host.engine.table) == 0


def test_session_closed_by_the_outside_host(host: Host) -> None:
    assert outside(host, "FIN+ACK seq=501 ack=101") == f"lan tcp {SERVER} > {INSIDE} FIN+ACK"
    assert state(host) == "FIN_WAIT"
    assert inside(host, "FIN+ACK seq=101 ack=502") == f"wan tcp {OUTSIDE} > {SERVER} FIN+ACK"
    assert state(host) == "LAST_ACK"
    assert outside(host, "ACK seq=502 ack=102") == f"lan tcp {SERVER} > {INSIDE} ACK"
    assert state(host) == "TIME_WAIT"


def test_session_closed_by_both_at_once(host: Host) -> None:
    inside(host, "FIN+ACK seq=101 ack=501")
    outside(host, "FIN+ACK seq=501 ack=101")
    inside(host, "ACK seq=102 ack=502")
    assert outside(host, "ACK seq=502 ack=102") == f"lan tcp {SERVER} > {INSIDE} ACK"
    assert state(host) == "TIME_WAIT"


def test_half_closed_session_carries_data_until_its_timer(host: Host) -> None:
    inside(host, "FIN+ACK seq=101 ack=501")
    outside(host, "ACK seq=501 ack=102")
    for _ in range(5):
        host.wait(50)
        assert outside(host, "ACK seq=501 ack=102") == f"lan tcp {SERVER} > {INSIDE} ACK"
    assert state(host) == "CLOSE_WAIT"


def test_session_reopen_keeps_the_outside_port(host: Host) -> None:
    close(host)
    assert inside(host, "SYN seq=9000000") == f"wan tcp {OUTSIDE} > {SERVER} SYN"
    assert outside(host, "SYN+ACK seq=7000000 ack=9000001") == f"lan tcp {SERVER} > {INSIDE} SYN+ACK"
    assert state(host) == "SYN_RECV"


def test_session_half_reopen_lives_no_longer_than_an_unanswered_syn(host: Host) -> None:
    close(host)
    inside(host, "SYN seq=9000000")
    host.wait(119)
    assert len(host.engine.table) == 1
    host.wait(2)
    assert len(host.engine.table) == 0


def test_session_half_reopen_by_the_outside_host_needs_a_rule(host: Host) -> None:
    """A SYN of the server's for a closed session is a new connection to us, and nothing admits it."""
    close(host)
    assert outside(host, "SYN seq=7000000") == "drop no-rule"


def test_session_after_a_reset_ends_in_ten_seconds_and_its_port_is_free(host: Host) -> None:
    assert inside(host, "RST seq=101") == f"wan tcp {OUTSIDE} > {SERVER} RST"
    assert state(host) == "CLOSE"
    assert [int(use.used) for use in host.engine.ports.uses()] == [1]
    host.wait(11)
    assert len(host.engine.table) == 0
    assert [int(use.used) for use in host.engine.ports.uses()] == [0]


def test_a_reset_that_does_not_fit_leaves_the_session_alone(host: Host) -> None:
    assert outside(host, "RST seq=400000") == "drop seq-over-window"
    host.wait(3600)
    assert outside(host, "ACK seq=501 ack=101") == f"lan tcp {SERVER} > {INSIDE} ACK"


def test_port_exhaustion_one_inside_port_for_each_peer() -> None:
    """Sessions with different peers share an outside port; the same peer's must differ, and run out together."""
    host = Host(RULES.replace("masquerade: wan, from: lan", "masquerade: wan, from: lan, ports: 1024-1027"))
    for peer in (9, 10):
        ports = set()
        for last in range(5, 9):
            came = host.arrive("lan", f"udp 192.168.10.{last}:5000 > 198.51.100.{peer}:53")
            ports.add(came.split()[2].rpartition(":")[2])
        assert ports == {"1024", "1025", "1026", "1027"}
        assert host.arrive("lan", f"udp 192.168.10.9:5000 > 198.51.100.{peer}:53") == "reject prohibited"


def test_hairpin_between_client_and_server_of_one_network() -> None:
    host = Host(RULES)
    assert host.arrive("lan", f"tcp {INSIDE} > 203.0.113.1:80 SYN seq=1") == (
        "lan tcp 203.0.113.1:40000 > 192.168.10.20:8080 SYN"
    )
    assert host.arrive("lan", "tcp 192.168.10.20:8080 > 203.0.113.1:40000 SYN+ACK seq=7 ack=2") == (
        f"lan tcp 203.0.113.1:80 > {INSIDE} SYN+ACK"
    )


def test_an_error_from_inside_about_a_forwarded_session_hides_the_inside_host() -> None:
    host = Host(RULES)
    host.arrive("wan", "tcp 198.51.100.9:5000 > 203.0.113.1:80 SYN seq=1")
    error = "icmp 192.168.10.20 > 198.51.100.9 port-unreachable about tcp 198.51.100.9:5000 > 192.168.10.20:8080 SYN"
    assert host.arrive("lan", error) == (
        "wan icmp 203.0.113.1 > 198.51.100.9 port-unreachable about tcp 198.51.100.9:5000 > 203.0.113.1:80 SYN"
    )


def test_an_error_from_outside_about_a_translated_session_finds_the_inside_host(host: Host) -> None:
    error = f"icmp 203.0.113.254 > 203.0.113.1 time-exceeded about tcp {OUTSIDE} > {SERVER} ACK seq=101"
    assert (
        host.arrive("wan", error)
        == f"lan icmp 203.0.113.254 > 192.168.10.5 time-exceeded about tcp {INSIDE} > {SERVER} ACK"
    )
