"""The whole engine under arbitrary packets.

Whatever comes in whatever order: a verdict comes out, the table stays whole and within its limit, every port that
is held is held by a connection, and what is let out has right checksums.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from conntrack.engine.verdict import ACCEPT, FORWARD, OUTPUT, PREROUTING
from conntrack.flow.connection import HAIRPIN, Connection
from conntrack.nat.endpoint import outside_port
from tests.golden.notation import describe, packet
from tests.host import Host

RULES = """
version: 1
settings: {connections: 12}
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24, fd10::/64]}
  guest: {interfaces: [eth2], networks: [192.168.20.0/24]}
nat:
  - {name: internet, masquerade: wan, from: [lan, guest], ports: 5000-5003}
  - {name: shop, forward: [tcp/443, udp/443], at: wan, to: 192.168.10.20, hairpin: [lan]}
policy:
  lan -> wan: accept
  guest -> wan: [{reject: tcp/25}, {accept: any, mark: 7, dscp: ef}]
  lan -> self: accept
  self -> wan: accept
"""

ADDRESSES = ["192.168.10.5", "192.168.10.20", "192.168.20.5", "203.0.113.1", "198.51.100.9", "192.168.10.255"]
PORTS = [53, 443, 5000, 5001, 25]
FLAGS = ["SYN", "SYN+ACK", "ACK", "FIN+ACK", "RST", "RST+ACK", "NONE", "SYN+FIN"]

ends = st.tuples(st.sampled_from(ADDRESSES), st.sampled_from(PORTS))


def tcp(source: tuple[str, int], target: tuple[str, int], flags: str, seq: int, ack: int) -> str:
    return f"tcp {source[0]}:{source[1]} > {target[0]}:{target[1]} {flags} seq={seq} ack={ack}"


def udp(source: tuple[str, int], target: tuple[str, int]) -> str:
    return f"udp {source[0]}:{source[1]} > {target[0]}:{target[1]}"


def echo(source: tuple[str, int], target: tuple[str, int], kind: str) -> str:
    return f"icmp {source[0]} > {target[0]} {kind} id={source[1]}"


def error(source: tuple[str, int], target: tuple[str, int], about: str) -> str:
    return f"icmp {source[0]} > {target[0]} port-unreachable about {about}"


numbers = st.integers(0, 3)
plain = st.one_of(
    st.builds(tcp, ends, ends, st.sampled_from(FLAGS), numbers, numbers),
    st.builds(udp, ends, ends),
    st.builds(echo, ends, ends, st.sampled_from(["echo-request", "echo-reply"])),
)
lines = st.one_of(plain, st.builds(error, ends, ends, plain))
steps = st.tuples(lines, st.sampled_from(["wan", "lan", "guest", "self"]), st.sampled_from([0, 0, 0, 1, 31, 500]))


def whole(host: Host) -> None:
    """The table agrees with itself and with what is counted."""
    engine = host.engine
    connections = list(engine.table.connections())
    assert len(connections) == len(engine.table) <= 12
    assert len(engine.table.directions) == 2 * len(connections)
    for connection in connections:
        assert engine.table.directions[connection.original.key] is connection.original
        assert engine.table.directions[connection.reply.key] is connection.reply
    hairpins = sum(1 for connection in connections if connection.status & HAIRPIN)
    assert len(engine.table.halves) == 2 * hairpins
    held = [int(outside_port(connection.reply.key)) for connection in connections if connection.mapping is not None]
    assert sum(int(use.holders(port)) for use in engine.ports.uses() for port in set(held)) == len(held)
    assert sum(int(use.used) for use in engine.ports.uses()) <= len(held)
    by_state = sum(sum(row) for row in engine.table.population.values())
    assert by_state == len(connections)
    queued: set[Connection] = set()
    one = engine.table.eviction.victim()
    while one is not None and one not in queued:
        queued.add(one)
        one = one.newer
    assert queued <= set(connections)


@given(st.lists(steps, max_size=40))
def test_packets_of_hosts_that_mean_no_good(script: list[tuple[str, str, int]]) -> None:
    host = Host(RULES)
    for line, zone, seconds in script:
        host.wait(seconds)
        came = host.send(line) if zone == "self" else host.arrive(zone, line)
        assert "BAD CHECKSUM" not in came, (line, came)
        whole(host)
    host.wait(1e6)
    assert len(host.engine.table) == 0
    assert [use.used for use in host.engine.ports.uses()] == [0] * len(host.engine.ports.uses())
    assert sum(sum(row) for row in host.engine.table.population.values()) == 0


@given(st.binary(max_size=120), st.sampled_from([PREROUTING, FORWARD, OUTPUT]), st.integers(0, 4), st.integers(0, 4))
def test_bytes_that_are_no_packet(raw: bytes, hook: int, inbound: int, outbound: int) -> None:
    host = Host(RULES)
    verdict, new, _ = host.engine.packet(raw, hook, inbound, outbound, 0, host.now)
    assert verdict in (0, ACCEPT)
    assert new is None or len(new) == len(raw)
    whole(host)


@given(plain, st.integers(0, 60), st.integers(0, 255), st.sampled_from(["wan", "lan"]))
def test_packets_with_one_byte_changed(line: str, at: int, value: int, zone: str) -> None:
    host = Host(RULES)
    raw = bytearray(packet(line))
    raw[at % len(raw)] = value
    came = host.arrive_raw(zone, bytes(raw)) if len(raw) >= 20 else ""
    assert describe(packet(line)) in came or came
    whole(host)
