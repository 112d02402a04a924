"""Two customers with the same addresses, whatever they send: what is one's never reaches the other."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from conntrack.policy.runtime import SELF
from tests.host import Host
from tests.property.test_engine import whole
from tests.unit.engine.test_spaces import LINKS, MARKS, RULES

HOSTS = ["10.0.0.5", "10.0.0.6", "10.0.0.25", "10.0.0.1"]
OUTSIDE = ["203.0.113.1", "203.0.113.25"]
PEERS = ["198.51.100.9", "198.51.100.8"]
PORTS = [80, 5000, 5001, 8001, 8002, 40000]
KINDS = ["udp", "tcp SYN", "tcp SYN+ACK", "tcp ACK", "tcp RST", "tcp FIN+ACK", "icmp echo-request", "icmp echo-reply"]
ERRORS = ["time-exceeded", "port-unreachable"]

ends = st.tuples(st.sampled_from(KINDS), st.sampled_from(PORTS), st.sampled_from(PORTS))


def line(kind: str, source: str, port: int, target: str, target_port: int) -> str:
    protocol, _, more = kind.partition(" ")
    if protocol == "icmp":
        return f"icmp {source} > {target} {more} id={port}"
    return f"{protocol} {source}:{port} > {target}:{target_port} {more}".rstrip() + (" seq=1" if more else "")


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[str, str]:
    """(zone, packet line): from a customer or from outside, perhaps an error about such a packet."""
    zone = draw(st.sampled_from(["alfa", "beta", "wan"]))
    kind, port, target_port = draw(ends)
    inside, outside = draw(st.sampled_from(HOSTS)), draw(st.sampled_from(OUTSIDE))
    peer = draw(st.sampled_from(PEERS))
    near, far = (peer, outside) if zone == "wan" else (inside, draw(st.sampled_from([peer, outside, *HOSTS])))
    if draw(st.booleans()):
        return zone, line(kind, near, port, far, target_port)
    about = line(kind, far, port, draw(st.sampled_from([near, peer])), target_port)
    return zone, f"icmp {near} > {far} {draw(st.sampled_from(ERRORS))} about {about}"


HOST = Host(RULES, LINKS, marked=MARKS)


@settings(max_examples=150)
@given(script=st.lists(arrivals(), max_size=12))
def test_no_packet_of_one_customer_reaches_the_other(script: list[tuple[str, str]]) -> None:
    """No rule lets them, and no packet makes the gateway take one's connection for the other's."""
    host = Host(RULES, LINKS, marked=MARKS)
    for zone, text in script:
        fate = host.arrive(zone, text)
        assert {zone, fate.split()[0]} != {"alfa", "beta"}, (zone, text, fate)
        whole(host)
        for connection in host.engine.table.connections():
            into, out = int(connection.zone_in), int(connection.zone_out)
            keys = (connection.original.key, connection.reply.key)
            assert [key[1] for key in keys] == [space(into, out), space(out, into)]


def space(zone: int, other: int) -> int:
    """The number of a zone's address space, alfa's being the first; the gateway is in that of whom it speaks with."""
    name = HOST.engine.policy.zones[other if zone == SELF else zone].name
    return {"alfa": 1, "beta": 2}.get(name, 0)
