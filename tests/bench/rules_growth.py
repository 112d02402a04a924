"""rules_growth: what deciding on a new connection costs with 10 000 rules, against 10.

Rules differ in networks, ports, port ranges and sets. Probes are connections that only the last rule takes, although
single dimensions of them match others. Both policies are in one process, and their rounds alternate. The figure is the
probe with the worst median.

Lives here: this measurement; run as a module it is the child that does it. May not live here: the rules.
"""

from __future__ import annotations

import gc
import socket
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final

from conntrack.engine.core import Engine
from conntrack.engine.verdict import ACCEPT, FORWARD
from conntrack.policy.policy import Policy
from conntrack.policy.runtime import Query
from tests.bench import child, engines, frames, rules
from tests.bench.figure import BenchError, Figure, of_pairs
from tests.bench.frames import Ends
from tests.bench.options import Options

NAMES: Final = ("rules_growth", "rules_newconn_growth")
FEW: Final = 10
MANY: Final = 10_000
#: name → protocol, source, destination, destination port; the words say what the 10 000 rules make of it
PROBES: Final[dict[str, tuple[int, str, str, int]]] = {
    "no rule but the last": (frames.TCP, "10.64.0.9", "203.0.113.9", 9),
    "a source and a port of different rules": (frames.TCP, "172.16.4.4", "203.0.113.9", 1025),
    "a set and a port of different rules": (frames.TCP, "10.128.0.9", "203.0.113.9", 1025),
    "UDP to a network and a port of different rules": (frames.UDP, "10.64.0.9", "192.0.1.9", 1025),
}
_DECISIONS: Final = 2000
_CONNECTIONS: Final = 5000

#: for each probe: costs with few rules, costs with many
Costs = dict[str, tuple[list[float], list[float]]]


def measure(options: Options) -> list[Figure]:
    """Ratios of Policy.decide, and of a whole new connection in Engine.packet."""
    how = "" if engines.compiled() else "; NOT compiled"
    found = child.run(__name__, options.runs)
    figures = []
    for name, costs, what in zip(NAMES, found, ("Policy.decide", "Engine.packet, new connection"), strict=True):
        probe = max(costs, key=lambda one: median(costs[one][1]) / median(costs[one][0]))
        few, many = costs[probe]
        told = (
            f"{what} at {FEW} rules: {median(many) * 1e6:.2f} of {median(few) * 1e6:.2f} µs, worst probe: {probe}{how}"
        )
        figures.append(of_pairs(name, many, few, told))
    return figures


def grow(runs: int) -> list[Costs]:
    """Seconds a decision, then seconds a new connection."""
    gc.disable()  # as in the daemon
    policies = [loaded(FEW), loaded(MANY)]
    crossings = [[engines.engine(policy) for policy in policies] for _ in PROBES]
    deciding: Costs = {probe: ([], []) for probe in PROBES}
    opening: Costs = {probe: ([], []) for probe in PROBES}
    for run in range(runs + 1):
        for probe, pair in zip(PROBES, crossings, strict=True):
            for place, (policy, engine) in enumerate(zip(policies, pair, strict=True)):
                decided, opened = decision(policy, probe), opening_cost(engine, probe, run)
                if run:  # the first round is a warm-up
                    deciding[probe][place].append(decided)
                    opening[probe][place].append(opened)
    return [deciding, opening]


def loaded(count: int) -> Policy:
    """A policy of so many rules."""
    with tempfile.TemporaryDirectory() as folder:
        return engines.policy(rules.many(count, Path(folder)), Path(folder))


def decision(policy: Policy, probe: str) -> float:
    """Seconds that Policy.decide takes."""
    query = Query()
    protocol, source, destination, port = PROBES[probe]
    query.zone_in = policy.zone_number("lan")
    query.zone_out = policy.zone_number("wan")
    query.protocol = protocol
    query.source = socket.inet_aton(source)
    query.destination = socket.inet_aton(destination)
    query.source_port = 50_000
    query.destination_port = port
    begun = time.thread_time()
    for _ in range(_DECISIONS):
        policy.decide(query, None)
    return (time.thread_time() - begun) / _DECISIONS


def opening_cost(engine: Engine, probe: str, run: int) -> float:
    """Seconds that the first packet of a connection takes. BenchError: one was not let through."""
    batch = [first_packet(probe, 1024 + run * _CONNECTIONS + number) for number in range(_CONNECTIONS)]
    begun = time.thread_time()
    verdicts = [engine.packet(packet, FORWARD, engines.LAN, engines.WAN, 0, 1.0, True)[0] for packet in batch]
    spent = time.thread_time() - begun
    if verdicts.count(ACCEPT) != _CONNECTIONS:
        raise BenchError(f"the rules drop a probe that they should accept: {probe}")
    return spent / _CONNECTIONS


def first_packet(probe: str, number: int) -> bytes:
    """A packet that begins connection `number` of a probe."""
    protocol, source, destination, port = PROBES[probe]
    ends = Ends(socket.inet_aton(source), number % 64512 + 1024, socket.inet_aton(destination), port)
    return frames.tcp(ends, frames.SYN, 1, 0) if protocol == frames.TCP else frames.udp(ends, b"?")


if __name__ == "__main__":
    child.answer(grow)
