"""Helpers within the whole engine, when both hosts say whatever they like in whatever pieces.

Whatever is said: a verdict comes out, what leaves has right checksums, nobody is let in but to a port from 1024 on,
every port that is held is held by a connection or by something that waits, and in the end nothing of it is left.
"""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP

from conntrack.engine.core import Engine
from conntrack.flow.connection import HELPED, RELATED
from conntrack.flow.pair import readable
from conntrack.nat.mapping import Mapping
from tests.golden.notation import describe
from tests.host import Host

RULES = """
version: 1
settings: {connections: 20}
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24]}
nat:
  - {name: internet, masquerade: wan, from: lan, ports: 5000-5009}
  - {name: files, forward: ftp, at: wan, to: 192.168.10.20, hairpin: [lan]}
policy:
  lan -> wan:
    - {accept: [ftp, tftp]}
    - {accept: irc, helper: irc}
"""
HOST = Host(RULES)  # the rules are compiled once
CLIENTS = ["192.168.10.5", "192.168.10.6"]
PEERS = ["198.51.100.9", "198.51.100.10"]
OUTSIDE = "203.0.113.1"

addresses = st.sampled_from([*CLIENTS, *PEERS, OUTSIDE, "192.168.10.20"])
ports = st.sampled_from([22, 1023, 1024, 5000, 5001, 5009, 6000, 65535])


def six(address: str, port: int) -> str:
    return ",".join([*address.split("."), str(port >> 8), str(port & 255)])


def number(address: str) -> int:
    return int.from_bytes(bytes(int(part) for part in address.split(".")), "big")


lines = st.one_of(
    st.builds(lambda a, p: f"PORT {six(a, p)}\r\n".encode(), addresses, ports),
    st.builds(lambda a, p: f"EPRT |1|{a}|{p}|\r\n".encode(), addresses, ports),
    st.builds(lambda a, p: f"227 ok ({six(a, p)})\r\n".encode(), addresses, ports),
    st.builds(lambda p: f"229 ok (|||{p}|)\r\n".encode(), ports),
    st.builds(lambda a, p: f"PRIVMSG b :\1DCC CHAT c {number(a)} {p}\1\r\n".encode(), addresses, ports),
    st.sampled_from(
        [b"PASV\r\n", b"EPSV\r\n", b"NOOP\r\n", b"\0\1file\0octet\0", b"\x16\x03\x01", b"PORT 192,168", b""]
    ),
    st.binary(max_size=8),
)


class Session:
    """Hosts that keep their sequence numbers roughly right, so that what they say is listened to."""

    def __init__(self) -> None:
        self.host = HOST
        HOST.now = 1000.0
        HOST.engine = Engine(HOST.engine.policy, HOST.topology, Random(1))
        self.said: dict[tuple[str, int, str, int], int] = {}

    def cross(self, zone: str, raw: bytes) -> bytes:
        _, out = self.host.cross(zone, raw)
        if out:
            assert "BAD CHECKSUM" not in describe(out)
        self.whole()
        return out

    def tcp(self, source: str, sport: int, target: str, dport: int, flags: int, data: bytes, back: int) -> None:
        """A segment; what arrives is answered for with its acknowledgement."""
        flow = (source, sport, target, dport)
        seq = (self.said.get(flow, 1) - back) % 2**32
        ack = self.said.get((target, dport, source, sport), 1)
        head = TCP(sport=sport, dport=dport, seq=seq, ack=ack, flags=flags, window=60000)
        zone = "lan" if source.startswith("192.168.10.") else "wan"
        out = self.cross(zone, bytes(IP(src=source, dst=target) / head / data))
        self.said[flow] = max(self.said.get(flow, 1), seq + len(data) + (flags >> 1 & 1))
        if not out:
            return
        came = IP(out)
        if TCP in came:
            end = came[TCP].seq + len(bytes(came[TCP].payload)) + (flags >> 1 & 1)
            self.said[came.src, came[TCP].sport, came.dst, came[TCP].dport] = end % 2**32

    def whole(self) -> None:
        engine = self.host.engine
        connections = list(engine.table.connections())
        helped = {int(one.identity) for one in connections if one.status & HELPED}
        waiting = engine.expectations.all()
        assert {int(one.master.identity) for one in waiting} <= helped
        assert len(waiting) == engine.expectations.count
        held = sum(1 for one in connections if one.mapping is not None)
        held += sum(1 for one in waiting if isinstance(one.hold, Mapping))
        holders = sum(use.holders(port) for use in engine.ports.uses() for port in range(5000, 5010))
        assert holders == held
        for one in connections:
            if one.status & RELATED:
                assert readable(one.reply.key).source_port >= 1024


clients = st.sampled_from(CLIENTS)
wanted = st.sampled_from([1023, 5000, 5001, 5009, 6000])
good = st.one_of(
    st.builds(lambda who, p: ("client", who, 21, f"PORT {six(who, p)}\r\n".encode(), 0), clients, wanted),
    st.builds(lambda who, p: ("client", who, 21, f"EPRT |1|{who}|{p}|\r\n".encode(), 0), clients, wanted),
    st.builds(lambda who: ("client", who, 21, b"PASV\r\n", 0), clients),
    st.builds(lambda who, p: ("server", who, 21, f"227 ({six(PEERS[0], p)})\r\n".encode(), 0), clients, wanted),
    st.builds(
        lambda who, p: ("client", who, 6667, f"PRIVMSG b :\1DCC CHAT c {number(who)} {p}\1\r\n".encode(), 0),
        clients,
        wanted,
    ),
    st.builds(lambda who: ("tftp", who, 69, b"\0\1file\0octet\0", 0), clients),
    st.tuples(st.just("knock"), st.sampled_from(PEERS), st.integers(5000, 5009), st.just(b""), st.just(0)),
)
odd = st.one_of(
    st.tuples(st.sampled_from(["client", "server"]), clients, st.sampled_from([21, 6667]), lines, st.integers(0, 1)),
    st.tuples(st.just("tftp"), clients, st.just(69), lines, st.just(0)),
    st.tuples(st.just("knock"), st.sampled_from(PEERS), ports, st.just(b""), st.just(0)),
    st.tuples(st.just("wait"), st.just(""), st.sampled_from([1, 200, 400]), st.just(b""), st.just(0)),
)
steps = st.one_of(good, good, good, odd)


@given(st.lists(steps, max_size=14))
def test_whatever_is_said(script: list[tuple[str, str, int, bytes, int]]) -> None:
    session = Session()
    for client in CLIENTS:
        for port in (21, 6667):
            session.tcp(client, 5000 + port % 7, PEERS[0], port, 2, b"", 0)
    begun = list(session.host.engine.table.connections())
    outside = {readable(one.original.key)[2:]: readable(one.reply.key) for one in begun}
    for client in CLIENTS:
        for port in (21, 6667):
            seen = outside[client, 5000 + port % 7, PEERS[0], port]
            session.tcp(PEERS[0], port, OUTSIDE, seen.destination_port, 18, b"", 0)
            session.tcp(client, 5000 + port % 7, PEERS[0], port, 16, b"", 0)
    for what, who, port, data, again in script:
        if what == "client":
            session.tcp(who, 5000 + port % 7, PEERS[0], port, 24, data, again * len(data))
        elif what == "server":
            seen = outside[who, 5000 + port % 7, PEERS[0], port]
            session.tcp(PEERS[0], port, OUTSIDE, seen.destination_port, 24, data, again * len(data))
        elif what == "tftp":
            session.cross("lan", bytes(IP(src=who, dst=PEERS[0]) / UDP(sport=5000, dport=port) / data))
        elif what == "knock":
            session.tcp(who, 20, OUTSIDE, port, 2, b"", 0)
        else:
            session.host.wait(port)
            session.whole()
    session.host.wait(1e7)
    engine = session.host.engine
    assert len(engine.table) == engine.expectations.count == 0
    assert sum(int(use.used) for use in engine.ports.uses()) == 0
