"""Connections found in the maps of a daemon that was killed."""

from __future__ import annotations

from typing import cast

from conntrack.flow.connection import ASSURED, HAIRPIN, OFFLOADED, SEEN_REPLY, SOURCE_NAT
from conntrack.gateway.fastpath.adoption import adopt_all
from conntrack.gateway.fastpath.handover import state_of
from conntrack.tracker.tcp.window import Window
from tests.unit.gateway.carrying import CLIENT, OUTSIDE, RULES, SERVER, Carrying


def killed_and_started(host: Carrying, rules: str = RULES, after: float = 10.0) -> Carrying:
    """Another daemon over the maps of this one, which is never told."""
    other = Carrying(rules)
    other.now = host.now + after
    other.maps.flows, other.maps.states = host.maps.flows, host.maps.states
    adopt_all(other.engine, other.manager, other.maps, other.now)
    return other


def test_a_transfer_goes_on_with_its_windows_ports_and_counts() -> None:
    before = Carrying()
    old = before.transfer()
    before.maps.seen(old, True, 100, 150_000, before.now)
    after = killed_and_started(before)
    connection = after.only()
    assert after.is_carried(connection)
    assert connection.status == SEEN_REPLY | ASSURED | SOURCE_NAT | OFFLOADED
    assert (connection.zone_in, connection.zone_out) == (old.zone_in, old.zone_out)
    assert connection.rule is not None
    assert (connection.original.key, connection.reply.key) == (old.original.key, old.reply.key)
    assert connection.original.packets == old.original.packets
    assert connection.reply.packets == old.reply.packets + 100
    assert state_of(connection) == state_of(old)
    assert connection.identity == old.identity
    assert abs(connection.seen - before.now) < 0.01


def test_its_next_packet_finds_the_queue_and_is_judged_strictly() -> None:
    before = Carrying()
    before.transfer()
    after = killed_and_started(before)
    wrong = f"tcp {SERVER} > {OUTSIDE} FIN+ACK seq=4000000 ack=1101 window=60000"
    assert after.arrive("wan", wrong) == "drop seq-over-window"
    right = f"tcp {SERVER} > {OUTSIDE} FIN+ACK seq=1501 ack=1101 window=60000"
    assert after.arrive("wan", right) == f"lan tcp {SERVER} > {CLIENT} FIN+ACK"
    assert cast(Window, after.only().reply.state).end == 1502


def test_a_stream_is_kept_as_long_as_one() -> None:
    before = Carrying()
    before.stream()
    connection = killed_and_started(before).only()
    assert connection.status & ASSURED
    assert connection.nominal == 120
    assert abs(connection.deadline - before.now - 120) < 0.01


def test_the_outside_port_is_taken() -> None:
    before = Carrying()
    before.stream()
    after = killed_and_started(before)
    line = after.arrive("lan", f"udp 192.168.10.6:40000 > {SERVER}")
    assert line.startswith("wan udp 203.0.113.1:")
    assert not line.startswith(f"wan udp {OUTSIDE} ")


def test_a_new_connection_gets_an_identity_of_its_own() -> None:
    before = Carrying()
    for port in range(5000, 5010):
        before.arrive("lan", f"udp 192.168.10.9:{port} > 198.51.100.1:9")
    for number in range(8):
        before.arrive(*(("wan", f"udp {SERVER} > {OUTSIDE}") if number % 2 else ("lan", f"udp {CLIENT} > {SERVER}")))
    before.turn()
    after = killed_and_started(before)
    after.arrive("lan", "udp 192.168.10.7:1 > 198.51.100.2:2")
    identities = [connection.identity for connection in after.engine.table.connections()]
    assert identities == [11, 12]


def test_what_the_rules_forbid_by_now_is_taken_out() -> None:
    before = Carrying()
    before.stream()
    after = killed_and_started(before, RULES.replace("lan -> wan: accept", "lan -> wan: drop"))
    assert len(after.engine.table) == 0
    assert not after.maps.flows


def test_half_of_a_connection_is_taken_out() -> None:
    before = Carrying()
    connection = before.stream()
    del before.maps.flows[connection.original.key]
    after = killed_and_started(before)
    assert len(after.engine.table) == 0
    assert not after.maps.flows


def test_one_that_was_idle_for_too_long_ends_as_any_other() -> None:
    before = Carrying()
    before.stream()
    after = killed_and_started(before, after=121)
    after.wait(1)
    assert len(after.engine.table) == 0
    assert not after.maps.flows


def test_hairpin_crosses_twice_again() -> None:
    rules = RULES.replace(
        "nat:\n",
        "nat:\n  - {name: shop, forward: udp/53, at: wan, to: 192.168.10.20, hairpin: [lan]}\n",
    )
    before = Carrying(rules)
    for _ in range(3):
        line = before.arrive("lan", "udp 192.168.10.5:7000 > 203.0.113.1:53")
        port = line.split()[2].split(":")[1]
        before.arrive("lan", f"udp 192.168.10.20:53 > 203.0.113.1:{port}")
    before.turn()
    assert before.only().status & HAIRPIN
    after = killed_and_started(before, rules)
    connection = after.only()
    assert connection.status & HAIRPIN
    assert len(after.engine.table.halves) == 2
