"""The fuzz target of NAT64: packets on both sides of a gateway that has nothing else to do.

Lives here: its gateway, its seeds, what must hold. May not live here: who makes the bytes.
"""

from __future__ import annotations

from conntrack.packet.header import Packet
from conntrack.packet.parse import parse
from tests.fuzz.invariants import whole
from tests.fuzz.packets import forged
from tests.fuzz.steps import Steps
from tests.golden.notation import packet
from tests.host import Host

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1]}
nat:
  - {nat64: "64:ff9b::/96", at: wan, from: lan}
policy:
  lan -> wan: accept
"""
SERVER = "64:ff9b::c633:6409"
SEEDS = [
    packet(line)
    for line in (
        f"tcp [fd10::5]:5000 > [{SERVER}]:443 SYN seq=1 mss=1440",
        "tcp 198.51.100.9:443 > 203.0.113.1:5000 SYN+ACK seq=9 ack=2",
        f"tcp [fd10::5]:5000 > [{SERVER}]:443 ACK seq=2 ack=10",
        f"tcp [fd10::5]:5000 > [{SERVER}]:443 RST seq=2",
        f"udp [fd10::5]:5000 > [{SERVER}]:53 length=20",
        "udp 198.51.100.9:53 > 203.0.113.1:5000 length=20",
        "udp 198.51.100.9:53 > 203.0.113.1:5000 length=3000",
        f"icmp6 fd10::5 > {SERVER} echo-request id=7",
        "icmp 198.51.100.9 > 203.0.113.1 echo-reply id=7",
        "icmp 198.51.100.1 > 203.0.113.1 time-exceeded about udp 203.0.113.1:5000 > 198.51.100.9:53",
        f"icmp6 fd10::5 > {SERVER} port-unreachable about udp [{SERVER}]:53 > [fd10::5]:5000",
        f"icmp6 fd10::5 > {SERVER} too-big about udp [{SERVER}]:53 > [fd10::5]:5000",
    )
]
_HOST = Host(RULES)


def nat64(data: bytes) -> None:
    """Whatever arrives on either side of NAT64, what it becomes is a packet with right checksums of the other IP
    version, every half-made packet belongs to a connection, and in the end nothing is left of any of it.
    """
    host = _HOST
    host.forget()
    for way, pause, body in Steps(data):
        host.wait(pause)
        raw = forged(body, SEEDS)
        if len(raw) < 40:
            continue
        fate, _ = host.cross("wan" if way else "lan", raw)
        assert fate
        for made in host.pieces:
            assert made[0] >> 4 != raw[0] >> 4
            parse(made, Packet())
        whole(host.engine, host.now, 1000)
    host.wait(1e7)
    assert len(host.engine.table) == len(host.engine.table.halves) == 0
    assert all(use.used == 0 for use in host.engine.ports.uses())
