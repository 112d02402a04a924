"""Connections that come back because routes, interfaces or rules are other ones."""

from __future__ import annotations

from conntrack.gateway.fastpath.invalidate import STEP, rejudge, reroute
from conntrack.gateway.fastpath.nexthops import Ways
from conntrack.gateway.links.snapshot import Route, Snapshot
from tests.unit.gateway.carrying import CLIENT, LAN, OUTSIDE, RULES, SERVER, WAN, Carrying, packed, snapshot

OTHER = "198.51.100.77:53"


def streams(host: Carrying) -> None:
    """Two streams, to SERVER and to OTHER."""
    for server, port in ((SERVER, 40000), (OTHER, 40001)):
        for _ in range(4):
            host.arrive("lan", f"udp 192.168.10.5:{port} > {server}")
            host.arrive("wan", f"udp {server} > 203.0.113.1:{port}")
    host.turn()
    assert len(host.manager.carried) == 2


def change(host: Carrying, after: Snapshot, attached: tuple[int, ...] = (WAN, LAN)) -> None:
    for _ in reroute(host.manager, Ways(after, attached), host.now):
        pass


def carried_servers(host: Carrying) -> list[str]:
    keys = [record.connection.original.key[6:10] for record in host.manager.carried.values()]
    return sorted(".".join(map(str, key)) for key in keys)


def test_nothing_comes_back_where_nothing_changed() -> None:
    host = Carrying()
    streams(host)
    change(host, snapshot())
    assert len(host.manager.carried) == 2
    assert host.manager.figures.recalled == 0


def test_exactly_those_whose_route_is_another_come_back() -> None:
    host = Carrying()
    streams(host)
    more = Route(packed("198.51.100.77"), 32, 0, WAN, packed("203.0.113.7"))
    change(host, snapshot()._replace(routes=(*snapshot().routes, more)))
    assert carried_servers(host) == ["198.51.100.9"]
    assert host.manager.figures.invalidated == 1


def test_they_are_offered_again_at_their_next_packet_with_the_new_way() -> None:
    host = Carrying()
    streams(host)
    change(host, snapshot("203.0.113.9"))
    assert not host.manager.carried
    host.arrive("wan", f"udp {SERVER} > {OUTSIDE}")
    host.turn()
    assert carried_servers(host) == ["198.51.100.9"]
    assert host.maps.inserted[-1].original.next_hop == packed("203.0.113.9")


def test_an_mtu_or_an_interface_that_goes_counts_as_another_way() -> None:
    host = Carrying()
    streams(host)
    change(host, snapshot(mtu=1280))
    assert not host.manager.carried
    host = Carrying()
    streams(host)
    change(host, snapshot(), (LAN,))
    assert not host.manager.carried


def test_connections_without_a_way_are_offered_once_there_is_one() -> None:
    host = Carrying()
    host.manager.ways = Ways()
    connection = host.stream()
    change(host, snapshot())
    host.arrive("wan", f"udp {SERVER} > {OUTSIDE}")
    host.turn()
    assert host.is_carried(connection)


def reload(host: Carrying, rules: str) -> None:
    host.reload(rules)
    for _ in rejudge(host.manager, host.engine, host.now):
        pass


def test_rules_that_forbid_a_connection_take_it_back_for_good_and_others_stay() -> None:
    host = Carrying()
    streams(host)
    drop = "lan -> wan: [{drop: any, destination: 198.51.100.77}, {accept: any}]"
    reload(host, RULES.replace("lan -> wan: accept", drop))
    assert carried_servers(host) == ["198.51.100.9"]
    host.now += 3.6
    assert host.arrive("wan", f"udp {OTHER} > 203.0.113.1:40001") == f"lan udp {OTHER} > 192.168.10.5:40001"
    host.turn()
    assert carried_servers(host) == ["198.51.100.9"]
    reload(host, RULES)
    host.arrive("wan", f"udp {OTHER} > 203.0.113.1:40001")
    host.turn()
    assert carried_servers(host) == ["198.51.100.77", "198.51.100.9"]


def test_rules_that_forbid_one_that_is_not_carried_just_then_keep_it_from_being_offered() -> None:
    host = Carrying()
    connection = host.stream(3)
    assert not host.is_carried(connection)
    host.now += 1.0
    reload(host, RULES.replace("lan -> wan: accept", "lan -> wan: [{drop: udp/80}, {accept: any}]"))
    for _ in range(4):
        host.now += 0.1
        assert host.arrive("wan", f"udp {SERVER} > {OUTSIDE}") == f"lan udp {SERVER} > 192.168.10.5:40000"
        host.turn()
    assert not host.is_carried(connection)
    reload(host, RULES)
    host.arrive("wan", f"udp {SERVER} > {OUTSIDE}")
    host.turn()
    assert host.is_carried(connection)


def test_an_interface_of_another_zone_takes_its_connections_back() -> None:
    """A rename, or a reload that gives it to another zone: nobody has asked the rules about that."""
    host = Carrying()
    streams(host)
    rules = RULES.replace("eth1]", "eth7]").replace("  lan:", "  guest: {interfaces: [eth1]}\n  lan:")
    host.reload(rules)
    host.links = {"wan": host.links["wan"], "guest": host.links["lan"]}
    host.engine.move(host.topology_now(), host.now)
    change(host, snapshot())
    assert not host.manager.carried
    host.now += 1.0
    assert host.arrive("wan", f"udp {SERVER} > {OUTSIDE}") != "drop"
    host.turn()
    assert not host.manager.carried


def test_a_tracker_that_becomes_liberal_is_the_trackers_business() -> None:
    """What does not fit the windows comes to it either way, and is let pass there."""
    host = Carrying()
    connection = host.transfer()
    reload(host, RULES + "settings: {liberal: yes}\n")
    assert host.is_carried(connection)
    host.now += 1.0
    beyond = f"tcp {CLIENT} > {SERVER} ACK seq=9000000 ack=1501 window=60000"
    assert host.arrive("lan", beyond) == f"wan tcp {OUTSIDE} > {SERVER} ACK"
    assert not host.is_carried(connection)
    reload(host, RULES)
    assert host.arrive("lan", beyond) == "drop seq-over-window"


def test_many_are_looked_at_a_few_at_a_time() -> None:
    host = Carrying(room=1000)
    for port in range(1024, 1025 + STEP):
        for _ in range(2):
            host.arrive("lan", f"udp 192.168.10.5:{port} > {SERVER}")
            host.arrive("wan", f"udp {SERVER} > 203.0.113.1:{port}")
    host.turn()
    assert len(host.manager.carried) == STEP + 1
    steps = sum(1 for _ in reroute(host.manager, Ways(snapshot("203.0.113.9"), (WAN, LAN)), host.now))
    assert steps == 2
    assert not host.manager.carried
