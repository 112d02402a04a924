"""Engines for measurements in this process: a policy from a rules text, a topology, connections without end.

Lives here: making them, and the packets of connection number N. May not live here: any measuring.
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
from tests.bench import frames
from tests.bench.figure import BenchError
from tests.bench.frames import Ends
from tests.bench.network import INSIDE, OUTSIDE

WAN: Final = 2
LAN: Final = 3
#: connections that one client host makes, and ports that one server host is asked at
_PER_CLIENT: Final = 1000
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


def ends(number: int) -> Ends:
    """The socket pair of connection `number`: a thousand to a client host, ports and servers to keep them apart.

    The server changes with every 50 000 connections, so that each has a source port of its own towards its server: the
    table grows, not the search for ports.
    """
    host, place = divmod(number, _PER_CLIENT)
    client = (0x0A40_0001 + host).to_bytes(4, "big")
    server = (0xCB00_7101 + number // 50_000).to_bytes(4, "big")
    return Ends(client, 10_000 + (host % 50) * _PER_CLIENT + place, server, 443)


def open_tcp(target: Engine, number: int, now: float) -> None:
    """The handshake of connection `number`. BenchError: the engine does not let it through, masqueraded."""
    pair = ends(number)
    _forward(target, frames.tcp(pair, frames.SYN, 1, 0), now)
    answer = frames.tcp(_reply(pair), frames.SYN | frames.ACK, 1, 2)
    if target.packet(answer, PREROUTING, WAN, 0, 0, now, True)[0] != ACCEPT:
        raise BenchError(f"the engine drops the answer to connection {number}")
    _forward(target, frames.tcp(pair, frames.ACK, 2, 2), now)


def open_udp(target: Engine, number: int, now: float) -> None:
    """A datagram each way. BenchError: the engine does not let it through, masqueraded."""
    pair = ends(number)
    _forward(target, frames.udp(pair, b"?"), now)
    if target.packet(frames.udp(_reply(pair), b"!"), PREROUTING, WAN, 0, 0, now, True)[0] != ACCEPT:
        raise BenchError(f"the engine drops the answer to flow {number}")


def segment(number: int) -> bytes:
    """A segment of connection `number`, established: 64 bytes, in its window."""
    return frames.tcp(ends(number), frames.ACK | frames.PSH, 2, 2, bytes(24))


def _forward(target: Engine, packet: bytes, now: float) -> None:
    verdict, out, _ = target.packet(packet, FORWARD, LAN, WAN, 0, now, True)
    if verdict != ACCEPT or out is None or out[12:16] != _OUTSIDE:
        raise BenchError("the engine does not masquerade a packet from lan to wan")


def _reply(pair: Ends) -> Ends:
    """What the server answers to: the outside address, and the source port, which is free and so is kept."""
    return Ends(pair.destination, pair.destination_port, _OUTSIDE, pair.source_port)
