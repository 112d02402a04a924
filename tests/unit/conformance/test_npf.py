"""What NPF (NetBSD) tests of itself, written anew: its four sequences of TCP segments, and its table of translations.

NPF closes with bare FINs. Here, as in Linux, a FIN without an ACK is no segment of a connection, so they carry one.
"""

from __future__ import annotations

import pytest

from tests.host import Host
from tests.traces import Trace

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24]}
nat:
  - {name: internet, masquerade: wan, from: lan, ports: 18791-18791, source: 192.168.10.1-192.168.10.9}
  - {name: redirect, forward: udp/8000, at: wan, to: "192.168.10.5:6000", destination: 203.0.113.1}
  - {name: both-ways, one-to-one: 203.0.113.2, at: wan, to: 192.168.10.20}
policy:
  lan -> wan: accept
"""
LINKS = {
    "wan": ("eth0", ["203.0.113.1/24", "203.0.113.2/24"]),
    "lan": ("eth1", ["192.168.10.1/24"]),
}


@pytest.fixture
def trace() -> Trace:
    return Trace(isns=(9999, 9))


@pytest.fixture
def host() -> Host:
    return Host(RULES, LINKS)


def test_state_sequence_1_acknowledgements_out_of_order(trace: Trace) -> None:
    trace.play("""
        lan > syn win=4096
        wan < synack win=2048
        lan > ack win=4096                          | ESTABLISHED
        wan < ack win=2048
        lan > data seq=1 len=1000 win=4096
        lan > data seq=1001 len=1000 win=4096
        wan < ack ack=2001 win=2048
        wan < ack ack=2001 win=2048
        lan > data seq=2001 len=1000 win=4096
        wan < ack ack=1001 win=1048                 # late: older than what was acknowledged
        wan < ack ack=3001 win=2048
        lan > data seq=3001 len=1000 win=4096
        wan < ack ack=4001 win=2048                 | ESTABLISHED 432000 assured
    """)


def test_state_sequence_1_an_acknowledgement_of_what_was_never_seen_is_refused(trace: Trace) -> None:
    """NPF lets the ACK of a segment that went another way pass; Linux, and so we, do not."""
    trace.play("""
        lan > syn win=4096
        wan < synack win=2048
        lan > ack win=4096
        lan > data seq=1 len=1000 win=4096
        wan < ack ack=3001 win=2048                 | ack-over-window
    """)


def test_state_sequence_2_a_segment_again_after_acknowledgements_out_of_order(trace: Trace) -> None:
    trace.play("""
        lan > syn win=1000
        wan < synack win=4000
        lan > ack win=1000
        lan > data seq=1 len=1000 win=1000
        wan < ack ack=1001 win=4000
        lan > data seq=1001 len=1000 win=1000
        lan > data seq=2001 len=1000 win=1000
        lan > data seq=3001 len=1000 win=1000
        lan > data seq=4001 len=1000 win=1000
        wan < ack ack=5001 win=4000
        wan < ack ack=5001 win=2000                 # was lost behind us, so the segment comes again
        lan > data seq=2001 len=1000 win=1000       | ESTABLISHED
    """)


def test_state_sequence_3_fins_that_are_repeated(trace: Trace) -> None:
    trace.play("""
        lan > syn win=1000
        wan < synack win=2000
        lan > ack win=1000
        wan < fin ack=1 win=2000                    | FIN_WAIT
        lan > fin seq=1 ack=1 win=1000              | LAST_ACK
        lan > ack seq=2 ack=2 win=1000
        lan > fin seq=1 ack=2 win=1000
        lan > fin seq=1 ack=2 win=1000
        wan < ack ack=2 win=2000                    | TIME_WAIT 120 closing
    """)


def test_state_sequence_4_what_is_out_of_the_window() -> None:
    """Lost behind us: the server sends on while the client repeats its ACK, up to the window and not past it."""
    trace = Trace(isns=(9, 9999))
    trace.play("""
        lan > syn win=8760
        wan < synack win=1000
        lan > ack win=8760
        wan < data seq=1 len=1460 win=1000
        wan < data seq=1461 len=1460 win=1000
        lan > ack ack=2921 win=8760
        wan < data seq=2921 len=1460 win=1000
        lan > ack ack=4381 win=8760
        wan < data seq=7301 len=1460 win=1000
        lan > ack ack=4381 win=8760
        wan < data seq=8761 len=1460 win=1000
        lan > ack ack=4381 win=8760
        wan < data seq=10221 len=1460 win=1000
        lan > ack ack=4381 win=8760
        wan < data seq=11681 len=1460 win=1000
        lan > ack ack=4381 win=8760
        wan < data seq=4381 len=1460 win=1000
        wan < data seq=22000 len=1460 win=1000      | seq-over-window
    """)


def test_nat_table_outbound_translation(host: Host) -> None:
    out = "udp 192.168.10.5:15000 > 198.51.100.9:7000"
    for _ in range(2):
        assert host.arrive("lan", out) == "wan udp 203.0.113.1:18791 > 198.51.100.9:7000"
    back = "udp 198.51.100.9:7000 > 203.0.113.1:18791"
    assert host.arrive("wan", back) == "lan udp 198.51.100.9:7000 > 192.168.10.5:15000"


def test_nat_table_the_inside_address_is_not_reached_from_outside(host: Host) -> None:
    host.arrive("lan", "udp 192.168.10.5:15000 > 198.51.100.9:7000")
    assert host.arrive("wan", "udp 198.51.100.9:7000 > 192.168.10.5:15000") == "drop no-rule"


def test_nat_table_redirect_from_outside(host: Host) -> None:
    assert host.arrive("wan", "udp 198.51.100.9:16000 > 203.0.113.1:8000") == (
        "lan udp 198.51.100.9:16000 > 192.168.10.5:6000"
    )
    assert host.arrive("lan", "udp 192.168.10.5:6000 > 198.51.100.9:16000") == (
        "wan udp 203.0.113.1:8000 > 198.51.100.9:16000"
    )


def test_nat_table_both_ways_from_outside(host: Host) -> None:
    assert host.arrive("wan", "udp 198.51.100.9:17000 > 203.0.113.2:9000") == (
        "lan udp 198.51.100.9:17000 > 192.168.10.20:9000"
    )
    assert host.arrive("lan", "udp 192.168.10.20:9000 > 198.51.100.9:17000") == (
        "wan udp 203.0.113.2:9000 > 198.51.100.9:17000"
    )


def test_nat_table_both_ways_from_inside(host: Host) -> None:
    assert host.arrive("lan", "udp 192.168.10.20:18000 > 198.51.100.9:9000") == (
        "wan udp 203.0.113.2:18000 > 198.51.100.9:9000"
    )
    assert host.arrive("wan", "udp 198.51.100.9:9000 > 203.0.113.2:18000") == (
        "lan udp 198.51.100.9:9000 > 192.168.10.20:18000"
    )
