"""Engines for measurements in this process: a policy from a rules text, a topology, connections.

Lives here: making them. May not live here: any measuring, the connections' packets (crowd.py).
The topology is that of network.py: lan is interface 3 with 10.9.0.1, wan is interface 2 with 198.51.100.1.
"""

from __future__ import annotations

import socket
import time
from pathlib import Path
from random import Random
from typing import Final

from conntrack.engine.core import Engine
from conntrack.engine.topology import Interface, Topology
from conntrack.engine.verdict import ACCEPT, FORWARD, PREROUTING
from conntrack.packet import reason
from conntrack.policy.compile import compile_policy
from conntrack.policy.load import load_text
from conntrack.policy.policy import Policy
from tests.bench import crowd
from tests.bench.figure import BenchError
from tests.bench.network import INSIDE, OUTSIDE

WAN: Final = 2
LAN: Final = 3
_OUTSIDE: Final = socket.inet_aton(OUTSIDE)


def compiled() -> bool:
    """Whether the package under test is compiled."""
    return reason.__file__.endswith(".so")


def policy(text: str, folder: Path | None = None) -> Policy:
    """The policy of a rules text, as the daemon makes it."""
    return compile_policy(load_text(text, "rules.yaml", folder), time.gmtime)


def engine(rules: Policy) -> Engine:
    """An engine between lan and wan."""
    return Engine(rules, topology(rules), Random(1))


def topology(rules: Policy) -> Topology:
    """Two interfaces and the routes to what is behind them."""
    made = Topology()
    for index, name, address, zone in ((WAN, "eth0", OUTSIDE, "wan"), (LAN, "eth1", INSIDE, "lan")):
        interface = Interface(index, name, rules.zone_number(zone))
        packed = socket.inet_aton(address)
        interface.addresses.append(packed)
        interface.sources.append(packed)
        made.add_interface(interface)
        made.add_route(packed[:3] + b"\0", 24, index)
    made.add_route(bytes((10, 64, 0, 0)), 10, LAN)
    made.add_route(bytes(4), 0, WAN)
    return made


def open_tcp(target: Engine, number: int, now: float) -> None:
    """The handshake of connection `number`. BenchError: the engine does not let it through, masqueraded."""
    _forward(target, crowd.syn(number), now)
    _back(target, crowd.syn_ack(number), now)
    _forward(target, crowd.ack(number), now)


def open_udp(target: Engine, number: int, now: float) -> None:
    """A datagram each way. BenchError: the engine does not let it through, masqueraded."""
    _forward(target, crowd.question(number), now)
    _back(target, crowd.answer(number), now)


def _forward(target: Engine, packet: bytes, now: float) -> None:
    verdict, out, _ = target.packet(packet, FORWARD, LAN, WAN, 0, now, True)
    if verdict != ACCEPT or out is None or out[12:16] != _OUTSIDE:
        raise BenchError("the engine does not masquerade a packet from lan to wan")


def _back(target: Engine, packet: bytes, now: float) -> None:
    if target.packet(packet, PREROUTING, WAN, 0, 0, now, True)[0] != ACCEPT:
        raise BenchError("the engine drops an answer from wan to lan")
