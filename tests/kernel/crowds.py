"""Many connections at once, through the kernel's router and through our engine: what a single sequence cannot show.

Ports that run out, one port wanted by two hosts, two outside endpoints that meet. Every step is compared as in
through.py, and how many connections either side admits.
Lives here: the crowds. May not live here: how a step is played (through.py).
A full table is not compared: nf_conntrack_max is the machine's, and cannot be set in a network namespace.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tests.kernel.compare import decoded, key_of
from tests.kernel.deliberate import deliberate
from tests.kernel.finish import finished
from tests.kernel.passage import Passage, source_of
from tests.kernel.scenes import BROTHER, CRAMPED, WAN, address, inside
from tests.kernel.through import Crossing
from tests.segments import ip, tcp, udp

SYN = 0x02


class Step(NamedTuple):
    """A packet from lan that begins a connection."""

    source: str
    port: int
    protocol: int
    server_port: int


class Crowd(NamedTuple):
    """Packets whose connections all live at once."""

    name: str
    version: int
    steps: tuple[Step, ...]


def crowds() -> Iterator[Crowd]:
    """Every crowd, in both IP versions and over TCP and UDP."""
    for version in (4, 6):
        hosts = CRAMPED[version]
        for protocol in (6, 17):
            exhausting = tuple(Step(hosts[port % 2], 30000 + port, protocol, 443) for port in range(9))
            yield Crowd("exhausted", version, exhausting)
            spread = tuple(Step(hosts[0], 30000 + port, protocol, 443 + port % 3) for port in range(12))
            yield Crowd("shared-by-servers", version, spread)
            twins = tuple(Step(host[version], 40000, protocol, 443) for host in (inside(3), BROTHER))
            yield Crowd("same-port", version, twins)
            low = tuple(Step(host[version], 700, protocol, 443) for host in (inside(3), BROTHER))
            yield Crowd("same-low-port", version, low)


class CrowdTally(NamedTuple):
    """How one crowd came out."""

    packets: int
    agreed: int
    listed: dict[str, int]
    disagreements: list[str]


def play(crossing: Crossing, crowd: Crowd) -> CrowdTally:
    """Plays a crowd; both sides forget it afterwards."""
    agreed, listed, disagreements = 0, dict[str, int](), list[str]()
    flows: set[bytes] = set()
    for serial, step in enumerate(crowd.steps):
        raw = packet(step, crowd.version, serial + 1)
        flow = key_of(raw)
        flows.add(flow)
        kernel, ours = crossing.through_kernel("lan", raw, flow), crossing.through_engine("lan", raw, flow)
        if same(step, kernel, ours):
            agreed += 1
        elif name := deliberate(decoded(raw), kernel.outcome.packet, ours.outcome.packet, crowd.name):
            listed[name] = listed.get(name, 0) + 1
        else:
            disagreements.append(f"{crowd.name} IPv{crowd.version}: {step}\n  kernel {kernel}\n  ours   {ours}")
    crossing.forget(flows)
    return CrowdTally(len(crowd.steps), agreed, listed, disagreements)


def same(step: Step, kernel: Passage, ours: Passage) -> bool:
    """Whether both passed or refused it, and gave it a port of the same kind: its own, or another of its class."""
    if not kernel.left or not ours.left:
        return kernel.agrees(ours)
    ports = [source_of(passage.left)[1] for passage in (kernel, ours)]
    kept = [port == step.port for port in ports]
    low = [port < 1024 for port in ports]
    return kept[0] == kept[1] and low[0] == low[1] and kernel.agrees(ours, chosen=True)


def packet(step: Step, version: int, serial: int) -> bytes:
    """The first packet of a connection."""
    ports = (step.port, step.server_port)
    body = tcp(ports, 1, 0, SYN) if step.protocol == 6 else udp(ports)
    return finished(ip(address(step.source), address(WAN[version]), step.protocol, body), serial)
