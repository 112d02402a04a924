"""Connections found in the maps of a daemon that was killed."""

from __future__ import annotations

from typing import cast

import pytest

from conntrack.flow.connection import ASSURED, HAIRPIN, OFFLOADED, RELATED, SEEN_REPLY, SOURCE_NAT, Connection
from conntrack.gateway.fastpath.adoption import adopt_all
from conntrack.gateway.fastpath.handover import state_of
from conntrack.policy.runtime import Rule
from conntrack.tracker.tcp.window import Window
from tests.talk import Talk
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


FTP = RULES.replace("lan -> wan: accept", "lan -> wan: [{name: ftp, accept: ftp, mark: 7}]")


def passive_data(host: Carrying) -> Connection:
    """A file on its way by FTP, in a connection that only the helper lets in; carried."""
    client, server = ("192.168.10.5", 40000), ("198.51.100.9", 21)
    control = Talk(host, "lan", client, server).connect()
    control.says(control.client, b"EPSV\r\n")
    control.says(control.server, b"229 passive (|||5000|)\r\n")
    data = Talk(host, "lan", ("192.168.10.5", 40001), ("198.51.100.9", 5000)).connect()
    for _ in range(4):
        data.says(data.server, b"file")
        data.says(data.client, b"!")
    host.turn()
    [carried] = [one for one in host.engine.table.connections() if one.status & OFFLOADED]
    assert carried.status & RELATED
    return carried


def test_what_a_helper_let_in_goes_on_by_a_rule_that_has_helpers() -> None:
    before = Carrying(FTP)
    old = passive_data(before)
    after = killed_and_started(before, FTP)
    connection = after.only()
    assert after.is_carried(connection)
    assert connection.status == old.status
    assert (connection.original.key, connection.reply.key, connection.mark) == (old.original.key, old.reply.key, 7)
    assert isinstance(connection.rule, Rule)
    assert connection.rule.name == "ftp"
    assert after.engine.permitted(connection, after.now)


@pytest.mark.parametrize(
    "rules",
    [
        RULES.replace("lan -> wan: accept", "lan -> wan: [{accept: [tcp/21]}]"),  # read by nobody
        RULES.replace("lan -> wan: accept", "lan -> wan: [{drop: ftp}]"),
        RULES.replace("lan -> wan: accept", "lan -> lan: [{accept: ftp}]"),  # between other zones
    ],
)
def test_what_a_helper_let_in_ends_where_no_rule_has_helpers_any_more(rules: str) -> None:
    before = Carrying(FTP)
    passive_data(before)
    after = killed_and_started(before, rules)
    assert len(after.engine.table) == 0
    assert not after.maps.flows


def test_active_ftp_into_a_forwarded_server_goes_on_by_the_forward() -> None:
    """The server begins the connection: the way is the forward's own in reverse."""
    rules = RULES.replace("nat:\n", "nat:\n  - {name: files, forward: ftp, at: wan, to: 192.168.10.21}\n").replace(
        "lan -> wan: accept", "lan -> wan: drop"
    )
    before = Carrying(rules)
    control = Talk(before, "wan", ("198.51.100.9", 40000), ("203.0.113.1", 21)).connect()
    control.says(control.client, b"EPRT |1|198.51.100.9|5000|\r\n")
    data = Talk(before, "lan", ("192.168.10.21", 20), ("198.51.100.9", 5000)).connect()
    for _ in range(4):
        data.says(data.client, b"file")
        data.says(data.server, b"!")
    before.turn()
    [old] = [one for one in before.engine.table.connections() if one.status & OFFLOADED]
    connection = killed_and_started(before, rules).only()
    assert (connection.status, connection.original.key) == (old.status, old.original.key)
    assert isinstance(connection.rule, Rule)
    assert connection.rule.name == "files"
