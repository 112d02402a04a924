"""An office behind one outside address, for the requirements on NAT: rules as they come, and as the RFCs want them."""

from __future__ import annotations

from tests.host import Host

#: what docs/nat-requirements.md recommends where every requirement is to be met
STRICT = """
settings:
  timeouts:
    udp: {unreplied: 5m, replied: 5m}
    icmp: {query: 60s}
    tcp: {syn-sent: 4m, syn-recv: 4m, fin-wait: 4m, close-wait: 4m, last-ack: 4m, time-wait: 4m, close: 4m,
          syn-sent2: 4m, retransmitted: 5m, unacknowledged: 5m}
"""
RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24]}
nat:
  - {name: partner, exempt: [198.51.100.128/25]}
  - {name: server, one-to-one: 203.0.113.5, at: wan, to: 192.168.10.25, hairpin: lan}
  - {name: internet, masquerade: wan, from: lan%s}
policy:
  lan -> wan: accept
"""
LINKS = {"wan": ("eth0", ["203.0.113.1/24", "203.0.113.5/24"]), "lan": ("eth1", ["192.168.10.1/24"])}
MAPPING = ", mapping: endpoint-independent"
FULL_CONE = MAPPING + ", filtering: endpoint-independent"


def office(more: str = "", settings: str = "") -> Host:
    """The office; `more` goes into its masquerade entry, `settings` before it all."""
    return Host(RULES % more + settings, LINKS)


def outside(came: str) -> str:
    """The outside endpoint of a packet that left: "wan udp 203.0.113.1:5000 > …" → "203.0.113.1:5000"."""
    assert came.startswith("wan "), came
    return came.split()[2]


def port(came: str) -> int:
    """Its port."""
    return int(outside(came).rpartition(":")[2])


def opened(host: Host, inside: str, peer: str) -> None:
    """A TCP connection's handshake."""
    mine = outside(host.arrive("lan", f"tcp {inside} > {peer} SYN seq=100"))
    host.arrive("wan", f"tcp {peer} > {mine} SYN+ACK seq=500 ack=101")
    assert host.arrive("lan", f"tcp {inside} > {peer} ACK seq=101 ack=501").startswith("wan ")
