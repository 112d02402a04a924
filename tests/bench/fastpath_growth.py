"""fastpath_growth: what a packet costs with 100 000 connections carried, drawn at random, against 100.

Two networks just alike, each with a daemon; generator and injection as in fastpath_cost.py, and its cost taken off. The
same of the kernel's NAT is told beside it, for what part of the growth is any table's.

Lives here: this measurement. May not live here: the generator, the daemon, the connections.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from statistics import median
from typing import Final

from conntrack.cli.lab.daemon import Daemon
from tests.bench import flood, gateway, opponents, procession
from tests.bench.crossing import Crossing, crossing
from tests.bench.fastpath_cost import EXCHANGES, FLOWS
from tests.bench.figure import BenchError, Figure, of_pairs
from tests.bench.options import Options

NAMES: Final = ("fastpath_growth", "fastpath_growth_with_generator", "fastpath_growth_of_kernel")
_ROUNDS: Final = 20


def measure(options: Options) -> list[Figure]:
    """Ratios of cost a packet."""
    generator, ours = _grow(options, _crowded)
    alone, kernel = _grow(options, _tracked)
    net = [[cost - one for cost, one in zip(side, generator, strict=True)] for side in ours]
    theirs = [[cost - one for cost, one in zip(side, alone, strict=True)] for side in kernel]
    return [
        of_pairs(NAMES[0], net[1], net[0], _told(options, "carried", net)),
        of_pairs(NAMES[1], ours[1], ours[0], _told(options, "carried (generator in)", ours)),
        of_pairs(NAMES[2], theirs[1], theirs[0], _told(options, "in the kernel's conntrack", theirs)),
    ]


def _grow(
    options: Options, fill: Callable[[contextlib.ExitStack, Crossing, int], Daemon | None]
) -> tuple[list[float], list[list[float]]]:
    """Seconds a packet: of the generator alone, and with few and with many connections, run by run."""
    sizes = (FLOWS, options.carried)
    generator: list[float] = []
    costs: list[list[float]] = [[], []]
    with contextlib.ExitStack() as stack:
        alone = stack.enter_context(crossing("alone"))
        sides = [stack.enter_context(crossing(name)) for name in ("few", "many")]
        many, few = (fill(stack, sides[at], sizes[at]) for at in (1, 0))  # the few last: they must not end meanwhile
        for _ in options.alternations():
            generator.append(alone.generator_cost(options.injected, FLOWS))
            for found, side, size in zip(costs, sides, sizes, strict=True):
                found.append(side.cost(options.injected, size))
        for daemon in (many, few):
            _check(daemon, options)
    return generator, costs


def _check(daemon: Daemon | None, options: Options) -> None:
    """BenchError: packets did not go by the fast path, which a connection that has ended no longer has."""
    injected = len(options.alternations()) * options.injected
    passed = gateway.fast(daemon)["packets"] if daemon is not None else injected
    if passed < injected:
        raise BenchError(f"the fast path has forwarded {passed} packets only: the rest went another way")


def _crowded(stack: contextlib.ExitStack, side: Crossing, count: int) -> Daemon:
    """So many connections carried by a daemon."""
    with flood.pinned(flood.cores()[0]):
        daemon = stack.enter_context(gateway.carrying(side.network.gateway))
    procession.open_udp(side.network, count, EXCHANGES)
    for _ in range(_ROUNDS):  # an offer that finds too many waiting is made again at the next packet
        if gateway.fast(daemon)["connections"]["count"] == count:
            return daemon
        procession.open_udp(side.network, count)
    raise BenchError(f"not all of {count} connections are carried")


def _tracked(stack: contextlib.ExitStack, side: Crossing, count: int) -> None:
    """So many connections in the kernel's table; no daemon."""
    stack.enter_context(opponents.nftables(side.network.gateway))
    procession.open_udp(side.network, count, EXCHANGES)


def _told(options: Options, where: str, costs: list[list[float]]) -> str:
    few, many = (f"{median(side) * 1e9:.0f}" for side in costs)
    return f"{FLOWS} connections {where}; {options.carried:_} here: {many} against {few} ns".replace("_", " ")
