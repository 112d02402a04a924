"""A golden scenario: a folder with rules.yaml and packets.txt in, the text of expected.txt out.

packets.txt, one packet a line (notation.py), after the time in seconds and the interface it comes in by. `self`: the
gateway sends it, by the route to its destination; `self>eth1`: by that interface. `#` begins a comment. expected.txt,
for each of them:

    NUMBER VERDICT [REASON] [new] [DIRECTION STATE] [by RULE] [mark 0x…]: what leaves, or is answered

and at the end the connections that are left.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from ipaddress import ip_interface, ip_network
from pathlib import Path
from typing import Final

from conntrack.engine.core import Engine
from conntrack.engine.topology import Interface, Topology
from conntrack.engine.verdict import USER_MASK
from conntrack.flow.connection import ASSURED, SEEN_REPLY, Connection
from conntrack.flow.pair import readable
from conntrack.packet.reason import name as reason_name
from conntrack.policy.compile import compile_policy
from conntrack.policy.load import load
from conntrack.policy.policy import Policy
from conntrack.policy.zones import of_interface
from tests.golden.crossing import Outcome, cross
from tests.golden.notation import describe, packet

#: the gateway of every scenario
LINKS: Final = {
    "eth0": ("198.51.100.2/24", "2001:db8:51::2/64"),
    "eth1": ("192.168.10.1/24", "2001:db8:10::1/64"),
    "eth2": ("192.168.20.1/24", "2001:db8:20::1/64"),
}
INDEXES: Final = {"self": 0, "eth0": 2, "eth1": 3, "eth2": 4}
#: Sunday 2023-11-12 12:00 UTC: Unix time at second 0 of every scenario
NOON: Final = 1699790400.0


def play(folder: Path) -> str:
    """The outcome of a scenario as text."""
    policy = compile_policy(load(folder / "rules.yaml"), time.gmtime)
    engine = Engine(policy, topology(policy), random.Random(1))
    engine.set_wall(NOON)
    lines = []
    now = 0.0
    for number, (now, link, text) in enumerate(packets(folder / "packets.txt"), 1):
        engine.expire(now)
        inbound, _, outbound = link.partition(">")
        outcome = cross(engine, packet(text), INDEXES[inbound], INDEXES.get(outbound, 0), now)
        lines.append(f"{number:>2} {_line(engine, outcome)}\n")
    engine.expire(now)
    left = [_left(engine, connection) for connection in engine.table.connections()]
    return "".join(lines) + f"left at {now:g}:\n" + "".join(f"   {line}\n" for line in left)


def packets(path: Path) -> Iterator[tuple[float, str, str]]:
    """The lines of packets.txt: (time, link, packet)."""
    for line in path.read_text().splitlines():
        meant = line.partition("#")[0].strip()
        if meant:
            seconds, link, text = meant.split(None, 2)
            yield float(seconds), link, " ".join(text.split())


def topology(policy: Policy) -> Topology:
    """The gateway's interfaces with their zones, and a default route by eth0."""
    made = Topology()
    for name, addresses in LINKS.items():
        interface = Interface(INDEXES[name], name, of_interface(policy.zones, name))
        for text in addresses:
            own = ip_interface(text)
            interface.addresses.append(own.ip.packed)
            interface.sources.append(own.ip.packed)
            if own.version == 4:
                interface.broadcasts.add(own.network.broadcast_address.packed)
        made.add_interface(interface)
        for text in addresses:
            network = ip_interface(text).network
            made.add_route(network.network_address.packed, network.prefixlen, INDEXES[name])
    for text in ("0.0.0.0/0", "::/0"):
        made.add_route(ip_network(text).network_address.packed, 0, INDEXES["eth0"])
    return made


def _line(engine: Engine, outcome: Outcome) -> str:
    words = [outcome.verdict]
    if outcome.reason:
        words.append(reason_name(outcome.reason))
    if outcome.new:
        words.append("new")
    if outcome.connection is not None:
        words += [outcome.direction, _state(engine, outcome.connection)]
    if outcome.rule:
        words.append(f"by {outcome.rule}")
    if outcome.mark & USER_MASK:
        words.append(f"mark {outcome.mark & USER_MASK:#x}")
    if outcome.raw is not None:
        return f"{' '.join(words)}: {describe(outcome.raw)}"
    return " ".join(words) + (f": {outcome.answer}" if outcome.answer else "")


def _state(engine: Engine, connection: Connection) -> str:
    return engine.trackers.by_number[connection.protocol].states()[connection.state]


def _left(engine: Engine, connection: Connection) -> str:
    status = "assured" if connection.status & ASSURED else "replied" if connection.status & SEEN_REPLY else "unreplied"
    ends = " | ".join(_pair(key) for key in (connection.original.key, connection.reply.key))
    counts = f"{connection.original.packets}+{connection.reply.packets} packets"
    return f"{_state(engine, connection)} {status} {ends} | {counts}"


def _pair(key: bytes) -> str:
    pair = readable(key)
    name = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp6"}.get(pair.protocol, f"protocol-{pair.protocol}")
    if name.startswith("icmp"):
        kind, code = divmod(pair.destination_port, 256)
        return f"{name} {pair.source} > {pair.destination} {kind}/{code} id={pair.source_port}"
    if not pair.source_port and not pair.destination_port:
        return f"{name} {pair.source} > {pair.destination}"
    ends = (pair.source, pair.source_port), (pair.destination, pair.destination_port)
    return f"{name} " + " > ".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in ends)
