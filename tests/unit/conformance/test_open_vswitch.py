"""Open vSwitch's conntrack cases, written anew: port reuse, pick-up in mid-stream, exhausted source NAT."""

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
  - {name: internet, masquerade: wan, from: lan, ports: 34568-34570}
policy:
  lan -> wan: accept
"""


@pytest.fixture
def trace() -> Trace:
    return Trace()


def test_port_reuse_after_both_sides_closed(trace: Trace) -> None:
    """The client takes the same port again within TIME_WAIT: a new connection, with new numbers."""
    trace.play("""
        lan > syn
        wan < synack
        lan > ack
        lan > fin
        wan < fin
        lan > ack           | TIME_WAIT closing
    """)
    for side in trace.sides.values():
        side.isn = side.next = side.isn + 5_000_000
    trace.play("""
        lan > syn           | reopened SYN_SENT unreplied unassured
        wan < synack        | SYN_RECV
        lan > ack           | ESTABLISHED assured
    """)
    assert trace.began == 2


def test_port_reuse_after_a_reset_by_the_client(trace: Trace) -> None:
    trace.play("""
        lan > syn
        wan < synack
        lan > ack
        lan > rst           | CLOSE 10
        lan > syn           | reopened SYN_SENT
    """)


def test_mid_stream_pickup_from_either_side(trace: Trace) -> None:
    """The gateway is started while the connection runs: data of either side, whatever the window scale was."""
    trace.play("""
        lan > data seq=1 len=100 win=10     | ESTABLISHED 300 unreplied
        wan < data seq=1 len=1400 win=10    | ESTABLISHED replied
        wan < data seq=1401 len=1400 win=10 | assured
        lan > ack win=10                    | ESTABLISHED 432000
    """)


def test_mid_stream_pickup_that_the_rules_do_not_want() -> None:
    trace = Trace()
    trace.trackers.configure({}, loose=False, liberal=False)
    trace.play("""
        lan > data          | none
        wan < ack           | none
    """)


def test_mid_stream_pickup_through_source_translation() -> None:
    """Without the first packet nobody knows the outside port any more; the same one is kept if it is free."""
    host = Host(RULES.replace(", ports: 34568-34570", ""))
    assert host.arrive("lan", "tcp 192.168.10.5:40000 > 198.51.100.9:80 ACK seq=9 ack=9") == (
        "wan tcp 203.0.113.1:40000 > 198.51.100.9:80 ACK"
    )


def test_source_nat_exhaustion_is_refused_and_told_and_harms_nobody() -> None:
    host = Host(RULES)
    given = []
    for last in (5, 6, 7):
        came = host.arrive("lan", f"udp 192.168.10.{last}:1 > 198.51.100.9:53")
        given.append(came.split()[2].rpartition(":")[2])
    assert sorted(given) == ["34568", "34569", "34570"]
    assert host.arrive("lan", "udp 192.168.10.8:1 > 198.51.100.9:53") == "reject prohibited"
    assert len(host.engine.table) == 3
    back = host.arrive("wan", f"udp 198.51.100.9:53 > 203.0.113.1:{given[0]}")
    assert back == "lan udp 198.51.100.9:53 > 192.168.10.5:1"


def test_source_nat_exhaustion_ends_when_a_connection_does() -> None:
    host = Host(RULES)
    for last in (5, 6, 7):
        host.arrive("lan", f"udp 192.168.10.{last}:1 > 198.51.100.9:53")
    host.wait(31)
    assert host.arrive("lan", "udp 192.168.10.8:1 > 198.51.100.9:53").startswith("wan udp 203.0.113.1:3456")


def test_source_nat_exhaustion_towards_one_peer_leaves_the_others_reachable() -> None:
    host = Host(RULES)
    for last in (5, 6, 7, 8):
        host.arrive("lan", f"udp 192.168.10.{last}:1 > 198.51.100.9:53")
    assert host.arrive("lan", "udp 192.168.10.8:1 > 198.51.100.10:53").startswith("wan udp 203.0.113.1:3456")
