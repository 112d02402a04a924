"""Which connections the fast path is given, with what, and how they come back."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from conntrack.flow.connection import ASSURED, OFFLOADED, Connection
from conntrack.flow.ending import TIMEOUT
from conntrack.gateway.fastpath import layout
from conntrack.gateway.fastpath.handover import restore, state_of
from conntrack.gateway.fastpath.holds import FIRST
from conntrack.gateway.fastpath.manager import FLUSH, GRACE, MATURE
from conntrack.gateway.fastpath.nexthops import Ways
from conntrack.tracker.tcp.window import Window
from tests.talk import Talk
from tests.unit.gateway.carrying import CLIENT, LAN, OUTSIDE, ROUTER, RULES, SERVER, WAN, Carrying, packed


def test_a_stream_goes_in_at_the_end_of_the_turn_in_which_it_is_worth_it() -> None:
    host = Carrying()
    connection = host.stream(MATURE - 1)
    assert not host.is_carried(connection)
    host.arrive("wan", f"udp {SERVER} > {OUTSIDE}")
    assert not host.is_carried(connection)
    host.turn()
    assert host.is_carried(connection)


def test_what_goes_in_says_all_about_both_directions() -> None:
    host = Carrying()
    connection = host.stream()
    [offer] = host.maps.inserted
    assert (offer.original_key, offer.reply_key) == (connection.original.key, connection.reply.key)
    there, back = offer.original, offer.reply
    assert there.pair == packed("203.0.113.1") + packed("198.51.100.9") + (40000).to_bytes(2) + (80).to_bytes(2)
    assert (there.inbound, there.outbound, there.next_hop) == (LAN, WAN, packed(ROUTER))
    assert back.pair == packed("198.51.100.9") + packed("192.168.10.5") + (80).to_bytes(2) + (40000).to_bytes(2)
    assert (back.inbound, back.outbound, back.next_hop) == (WAN, LAN, packed("192.168.10.5"))
    assert (there.flags, back.flags) == (0, layout.REPLY)
    assert (there.packets, back.packets) == (4, 4)
    assert there.owner == back.owner == connection.identity
    assert there.generation == back.generation == host.maps.in_force != 0
    assert offer.state == b""


def test_a_tcp_connection_goes_in_with_its_windows() -> None:
    host = Carrying()
    connection = host.transfer()
    assert host.is_carried(connection)
    assert host.maps.inserted[0].state == state_of(connection)


def test_mark_and_dscp_of_the_rule_go_with_it() -> None:
    host = Carrying(RULES.replace("lan -> wan: accept", "lan -> wan: [{accept: any, mark: 7, dscp: ef}]"))
    host.stream()
    [offer] = host.maps.inserted
    for flow in (offer.original, offer.reply):
        assert flow.mark == 7
        assert (flow.flags & layout.SET_DSCP, flow.tos) == (layout.SET_DSCP, 46 << 2)


@pytest.mark.parametrize("rule", ["{accept: any, log: all}", "{accept: any, helper: [tftp]}"])
def test_what_needs_every_packet_is_never_offered(rule: str) -> None:
    host = Carrying(RULES.replace("lan -> wan: accept", f"lan -> wan: [{rule}]"))
    assert not host.is_carried(host.stream())


def test_a_data_connection_is_carried_and_the_one_that_announced_it_is_not() -> None:
    host = Carrying(RULES.replace("lan -> wan: accept", "lan -> wan: [{accept: ftp}]"))
    control = Talk(host, "lan", (CLIENT.split(":")[0], 40000), (SERVER.split(":")[0], 21)).connect()
    for _ in range(MATURE):
        control.says(control.client, b"NOOP\r\n")
        control.says(control.server, b"200 ok\r\n")
    control.says(control.client, b"EPSV\r\n")
    control.says(control.server, b"229 ok (|||5000|)\r\n")
    data = Talk(host, "lan", (CLIENT.split(":")[0], 40001), (SERVER.split(":")[0], 5000)).connect()
    for _ in range(MATURE):
        data.says(data.server, bytes(1000))
    host.turn()
    master, child = host.engine.table.connections()
    assert not host.is_carried(master)
    assert host.is_carried(child)


def test_packets_that_waited_are_judged_without_taking_the_connection_back() -> None:
    host = Carrying()
    connection = host.stream()
    before = connection.reply.packets
    assert host.arrive("wan", f"udp {SERVER} > {OUTSIDE}") == f"lan udp {SERVER} > {CLIENT}"
    assert host.is_carried(connection)
    assert connection.reply.packets == before + 1


def test_a_packet_later_than_that_brings_it_back_with_all_that_was_counted() -> None:
    host = Carrying()
    connection = host.stream()
    host.wait(GRACE + 5)
    host.maps.seen(connection, True, 10, 15000, host.now - 1)
    before = connection.reply.packets, connection.reply.octets
    host.arrive("wan", f"udp {SERVER} > {OUTSIDE}")
    assert not connection.status & OFFLOADED
    assert (connection.reply.packets, connection.reply.octets) == (before[0] + 11, before[1] + 15028)
    assert connection.seen == host.now


def test_one_that_comes_back_again_and_again_waits_longer_each_time() -> None:
    host = Carrying()
    connection = host.stream()
    waits = []
    for _ in range(3):
        host.now += GRACE * 2
        host.arrive("wan", f"udp {SERVER} > {OUTSIDE}")
        assert not connection.status & OFFLOADED
        began = host.now
        while not connection.status & OFFLOADED:
            host.now += FIRST
            host.arrive("wan", f"udp {SERVER} > {OUTSIDE}")
            host.turn()
        waits.append(host.now - began)
    assert waits == sorted(waits)
    assert waits[2] >= 4 * waits[1] >= 16 * waits[0] - FIRST


def test_a_fin_takes_it_back_at_once_and_is_judged_by_what_the_fast_path_has_seen() -> None:
    host = Carrying()
    connection = host.transfer()
    gigabyte = 1 << 30
    forge = state_of(connection)
    fields = list(layout.TCP_STATE.unpack(forge))
    for at, more in ((6, gigabyte), (5, gigabyte), (7, gigabyte)):  # reply.end, original.maxack, reply.maxend
        fields[at] += more
    host.maps.states[0] = layout.TCP_STATE.pack(*fields)
    host.now += 10
    far = f"tcp {SERVER} > {OUTSIDE} FIN+ACK seq={1501 + 2 * gigabyte} ack=1101 window=60000"
    assert host.arrive("wan", far) == "drop seq-over-window"
    host.turn()
    exact = f"tcp {SERVER} > {OUTSIDE} FIN+ACK seq={1501 + gigabyte} ack=1101 window=60000"
    assert host.arrive("wan", exact) == f"lan tcp {SERVER} > {CLIENT} FIN+ACK"
    host.turn()
    assert not host.is_carried(connection)
    assert host.engine.trackers.by_number[6].states()[connection.state] == "FIN_WAIT"


def test_packets_that_waited_and_those_that_overtook_them_are_joined() -> None:
    host = Carrying()
    connection = host.transfer()
    offered = host.maps.states[0]
    host.arrive("lan", f"tcp {CLIENT} > {SERVER} PSH+ACK seq=1101 ack=1501 window=60000 length=500")
    assert host.is_carried(connection)
    own = state_of(connection)
    restore(offered, connection)
    later = list(layout.TCP_STATE.unpack(offered))
    later[2] += 700  # original.end: the fast path saw 200 bytes more
    host.maps.states[0] = layout.TCP_STATE.pack(*later)
    restore(own, connection)
    host.manager.recall(connection, host.now)
    window = cast(Window, connection.original.state)
    assert window.end == 1101 + 700


def test_after_the_turn_the_maps_have_the_windows_of_those_that_waited_too() -> None:
    host = Carrying()
    connection = host.transfer()
    host.arrive("lan", f"tcp {CLIENT} > {SERVER} PSH+ACK seq=1101 ack=1501 window=60000 length=500")
    host.turn()
    assert host.is_carried(connection)
    assert len(host.maps.inserted) == 2
    assert host.maps.inserted[1].state == state_of(connection)
    assert cast(Window, connection.original.state).end == 1601
    assert host.manager.figures.recalled == 0
    host.now += GRACE + 0.01  # counted from the first offer
    host.arrive("lan", f"tcp {CLIENT} > {SERVER} ACK seq=1601 ack=1501 window=60000")
    assert not connection.status & OFFLOADED


@pytest.mark.parametrize("rules", [RULES, RULES + "settings: {liberal: yes}\n"], ids=["strict", "liberal"])
def test_a_packet_that_does_not_fit_the_windows_of_then_is_judged_by_those_of_now(rules: str) -> None:
    """A liberal tracker too: what it let pass without believing it would be missing from the windows ever after."""
    host = Carrying(rules)
    connection = host.transfer()
    fields = list(layout.TCP_STATE.unpack(host.maps.states[0]))
    fields[6] += 100_000
    fields[7] += 100_000
    host.maps.states[0] = layout.TCP_STATE.pack(*fields)
    line = f"tcp {CLIENT} > {SERVER} ACK seq=1101 ack={1501 + 100_000} window=60000"
    assert host.arrive("lan", line) == f"wan tcp {OUTSIDE} > {SERVER} ACK"
    assert not connection.status & OFFLOADED
    assert cast(Window, connection.original.state).maxack == 1501 + 100_000


def test_an_idle_connection_ends_and_one_whose_packets_pass_elsewhere_does_not() -> None:
    host = Carrying()
    connection = host.stream()
    host.wait(25)
    host.maps.seen(connection, False, 1, 100, host.now)
    host.wait(20)
    assert host.is_carried(connection)
    assert connection.status & ASSURED  # a packet 25 s after the first: a stream
    host.wait(121)
    assert len(host.engine.table) == 0
    assert not host.maps.flows
    assert host.engine.counters.ended[TIMEOUT] == 1


def test_what_passed_counts_for_its_zones_as_well() -> None:
    host = Carrying()
    connection = host.stream()
    counters = host.engine.counters
    pair = int(counters.pair(int(connection.zone_out), int(connection.zone_in)))
    before = counters.accepted_packets[pair], counters.accepted_octets[pair]
    host.maps.seen(connection, True, 7, 9000, host.now)
    for _ in host.manager.sweep(host.now):
        pass
    host.engine.refresh(connection, host.now)
    assert (counters.accepted_packets[pair], counters.accepted_octets[pair]) == (before[0] + 7, before[1] + 9000)


def test_a_sweep_reads_what_was_seen_since_the_last() -> None:
    host = Carrying()
    connection = host.stream()
    for seconds, packets in ((0.0, 3), (100.0, 2), (0.1, 1)):
        before = passed(host, connection)
        host.maps.seen(connection, False, packets, 100 * packets, host.now + seconds)
        swept(host, seconds)
        assert passed(host, connection) == before + packets
    flow = host.maps.flows[connection.original.key]
    swept(host, 100.0)
    flow.packets += 1  # and was not seen: no program does so
    before = passed(host, connection)
    swept(host, 100.0)
    assert passed(host, connection) == before


def test_what_sweeps_have_read_is_told_to_whoever_looks() -> None:
    host = Carrying()
    connection = host.stream()
    before = int(connection.original.packets), int(connection.reply.octets)
    for _ in range(3):
        host.maps.seen(connection, False, 2, 100, host.now)
        host.maps.seen(connection, True, 1, 70, host.now)
        swept(host, 10.0)
    seen = host.now - 10.0
    host.engine.refresh(connection, host.now)
    assert (connection.original.packets, connection.reply.octets) == (before[0] + 6, before[1] + 210)
    assert connection.seen == pytest.approx(seen, abs=0.01)
    assert connection.deadline == pytest.approx(seen + connection.nominal, abs=0.01)


@pytest.mark.parametrize("what", ["gone", "refused"])
def test_what_sweeps_have_read_is_known_even_where_the_entries_cannot_be_read_any_more(what: str) -> None:
    host = Carrying()
    connection = host.stream()
    before = int(connection.original.packets)
    host.maps.seen(connection, False, 5, 500, host.now)
    swept(host, 1.0)
    host.maps.flows.clear()
    host.maps.broken = what == "refused"
    host.engine.refresh(connection, host.now)
    assert connection.original.packets == before + 5
    host.engine.end(connection, TIMEOUT, host.now)
    assert connection.original.packets == before + 5


def test_entries_of_somebody_else_count_for_nobody() -> None:
    """A slot given again while what was in it before could not be removed."""
    host = Carrying()
    connection = host.stream()
    before = passed(host, connection)
    for change in ({"owner": int(connection.identity) + 1}, {"slot": 99}, {"slot": 2**32 - 1}):
        stranger = replace(host.maps.flows[connection.original.key], packets=100, octets=10_000, **change)
        host.maps.flows[b"stranger"] = stranger
        swept(host, 1.0)
        assert passed(host, connection) == before


def test_zones_that_get_other_numbers_are_counted_by_those() -> None:
    host = Carrying()
    connection = host.stream()
    host.maps.seen(connection, True, 7, 9000, host.now)
    swept(host, 1.0)
    host.reload(RULES.replace("  wan: {", "  dmz: {interfaces: [eth7]}\n  wan: {"))
    assert passed(host, connection, reply=True) == 0
    host.maps.seen(connection, True, 3, 900, host.now)
    host.maps.seen(connection, False, 2, 200, host.now)
    swept(host, 1.0)
    assert (passed(host, connection, reply=True), passed(host, connection)) == (3, 2)
    counters = host.engine.counters
    assert sum(counters.accepted_packets) == 5
    assert sum(counters.accepted_octets) == 1100


def passed(host: Carrying, connection: Connection, reply: bool = False) -> int:
    """Packets of its zone pair."""
    counters = host.engine.counters
    zones = int(connection.zone_in), int(connection.zone_out)
    return counters.accepted_packets[counters.pair(*(zones[::-1] if reply else zones))]


def swept(host: Carrying, seconds: float) -> None:
    host.now += seconds
    for _ in host.manager.sweep(host.now):
        pass


def test_without_a_way_or_off_its_interfaces_nothing_is_offered() -> None:
    host = Carrying()
    host.manager.ways = Ways()
    connection = host.stream()
    assert not host.is_carried(connection)
    assert host.manager.figures.no_way == 1  # asked once, not for every packet


def test_full_maps_take_no_more_and_say_so() -> None:
    host = Carrying(room=0)
    connection = host.stream()
    assert not host.is_carried(connection)
    assert host.manager.figures.full == 1


def test_of_many_offers_those_go_in_that_fit() -> None:
    host = Carrying(room=2)
    for port in (1024, 1025, 1026):
        for _ in range(MATURE // 2):
            host.arrive("lan", f"udp 192.168.10.5:{port} > {SERVER}")
            host.arrive("wan", f"udp {SERVER} > 203.0.113.1:{port}")
    host.turn()
    assert len(host.manager.carried) == 2
    assert (host.manager.figures.offered, host.manager.figures.full) == (2, 1)
    assert host.arrive("wan", f"udp {SERVER} > 203.0.113.1:1026") == f"lan udp {SERVER} > 192.168.10.5:1026"


def test_a_map_that_refuses_leaves_the_connection_where_it_was() -> None:
    host = Carrying()
    host.maps.broken = True
    connection = host.stream()
    assert not host.is_carried(connection)
    assert host.manager.figures.failures == 1
    assert host.arrive("wan", f"udp {SERVER} > {OUTSIDE}") == f"lan udp {SERVER} > {CLIENT}"


def test_many_offers_go_in_a_few_at_a_time() -> None:
    host = Carrying(room=1000)
    for port in range(1024, 1025 + FLUSH):
        for _ in range(MATURE // 2):
            host.arrive("lan", f"udp 192.168.10.5:{port} > {SERVER}")
            host.arrive("wan", f"udp {SERVER} > 203.0.113.1:{port}")
    host.later.pop(0)()
    assert len(host.manager.carried) == FLUSH
    host.turn()
    assert len(host.manager.carried) == FLUSH + 1


def test_those_that_end_together_are_read_and_taken_out_together() -> None:
    host = Carrying()
    for port in range(1024, 1034):
        for _ in range(MATURE // 2):
            host.arrive("lan", f"udp 192.168.10.5:{port} > {SERVER}")
            host.arrive("wan", f"udp {SERVER} > 203.0.113.1:{port}")
    host.turn()
    connections = list(host.engine.table.connections())
    alive = connections[3]
    host.maps.seen(alive, False, 1, 100, host.now + 30)
    host.maps.calls.clear()
    host.now += 60
    assert host.engine.expire(host.now, 100) == 10
    assert host.maps.calls == [("read", 10), ("recall", 9)]
    assert list(host.engine.table.connections()) == [alive]
    assert host.is_carried(alive)
    assert host.engine.expire(host.now, 100) == 0
    assert host.maps.calls == [("read", 10), ("recall", 9)]
