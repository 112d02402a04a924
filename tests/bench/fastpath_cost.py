"""fastpath_cost_ratio: what one core spends on a 64-byte datagram of a carried connection, against the kernel's NAT.

Networks just alike, one with the daemon, one with nftables' conntrack and masquerade, one that only forwards; each
takes its turn in every run, on the same core, with the same frames of 100 connections that were opened through it
before. Packets are injected at the gateway's inside link, and counted at the server's. The generator's own cost,
measured in each run with the gateway's driver dropping every frame, is taken off both sides; with_generator leaves it.

xdp_cost_ratio: the same with the program at the driver. Between namespaces there is no card: the daemon is told to take
virtual links for cards, and the server's driver takes the frames, which is then all that is left of receiving them.

Lives here: these measurements. May not live here: the generator, the gateway, the connections.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Final

from conntrack.cli.lab.daemon import Daemon
from tests.bench import flood, gateway, opponents, procession
from tests.bench.crossing import Crossing, crossing
from tests.bench.figure import BenchError, Figure, of_pairs
from tests.bench.options import Options

NAMES: Final = (
    "fastpath_cost_ratio",
    "fastpath_cost_ratio_with_generator",
    "fastpath_forward_ratio",
    "xdp_cost_ratio",
    "xdp_cost_ratio_with_generator",
)
FLOWS: Final = 100
#: datagrams each way before: a connection is carried by then, and assured to the kernel
EXCHANGES: Final = 3

_SIDES: Final = ("forward", "kernel", "tc", "xdp")

Costs = dict[str, list[float]]


def measure(options: Options) -> list[Figure]:
    """Ratios of cost a packet."""
    costs: Costs = {name: [] for name in ("generator", *_SIDES)}
    with contextlib.ExitStack() as stack:
        sides = {name: stack.enter_context(crossing(name)) for name in _SIDES}
        stack.enter_context(opponents.nftables(sides["kernel"].network.gateway))
        stack.callback(sides["xdp"].generator.receive(sides["xdp"].network.server, "eth0").detach)
        ours = {name: stack.enter_context(_carrying(sides[name], name == "xdp")) for name in ("tc", "xdp")}
        for name in ("kernel", *ours):
            procession.open_udp(sides[name].network, FLOWS, EXCHANGES)
        for daemon in ours.values():
            gateway.await_carried(daemon, FLOWS)
        for _ in options.alternations():
            costs["generator"].append(sides["forward"].generator_cost(options.injected, FLOWS))
            for name, side in sides.items():
                costs[name].append(side.cost(options.injected, FLOWS))
        passed = {name: _passed(daemon, name) for name, daemon in ours.items()}
    for name, count in passed.items():
        if count < len(options.alternations()) * options.injected:
            raise BenchError(f"by {name} only {count} packets were forwarded: the rest went another way")
    return figures(costs)


def figures(costs: Costs) -> list[Figure]:
    """All ratios out of the seconds a packet, run by run."""
    net = {name: _without(costs[name], costs["generator"]) for name in costs}
    kernel = "nftables conntrack + masquerade"
    return [
        of_pairs(NAMES[0], net["tc"], net["kernel"], _told(kernel, net["tc"], net["kernel"], "generator off")),
        of_pairs(NAMES[1], costs["tc"], costs["kernel"], _told(kernel, costs["tc"], costs["kernel"], "generator in")),
        of_pairs(NAMES[2], net["tc"], net["forward"], _told("plain forwarding", net["tc"], net["forward"], "")),
        of_pairs(NAMES[3], net["xdp"], net["kernel"], _told(kernel, net["xdp"], net["kernel"], "generator off")),
        of_pairs(NAMES[4], costs["xdp"], costs["kernel"], _told(kernel, costs["xdp"], costs["kernel"], "generator in")),
    ]


def _passed(daemon: Daemon, hook: str) -> int:
    """Packets that the program has forwarded at a hook."""
    view = gateway.fast(daemon)
    return int(view["xdp"]["packets"] if hook == "xdp" else view["packets"])


@contextlib.contextmanager
def _carrying(side: Crossing, at_driver: bool) -> Iterator[Daemon]:
    with flood.pinned(flood.cores()[0]), gateway.carrying(side.network.gateway, at_driver) as daemon:
        yield daemon


def _without(costs: Sequence[float], generator: Sequence[float]) -> list[float]:
    return [cost - one for cost, one in zip(costs, generator, strict=True)]


def _told(other: str, ours: Sequence[float], theirs: Sequence[float], how: str) -> str:
    words = f"{other}: {median(ours) * 1e9:.0f} against {median(theirs) * 1e9:.0f} ns a packet of one core"
    return f"{words}, {how}" if how else words
