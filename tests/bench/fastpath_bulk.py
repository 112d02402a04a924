"""fastpath_bulk_ratio: one TCP stream of iperf3 through the fast path, against the kernel's own NAT.

Networks just alike, used in turn: client on one core, server on the other, links with their offloads as they are.

Lives here: this measurement. May not live here: iperf3 (streams.py), the gateway.
"""

from __future__ import annotations

import contextlib
from statistics import median
from typing import Final

from tests.bench import flood, gateway, opponents, streams
from tests.bench.figure import BenchError, Figure, of_pairs
from tests.bench.network import Network
from tests.bench.options import Options

NAMES: Final = ("fastpath_bulk_ratio", "fastpath_bulk_forward_ratio")
_SIDES: Final = ("forward", "kernel", "ours")


def measure(options: Options) -> list[Figure]:
    """Ratios of bits a second."""
    rates: dict[str, list[float]] = {name: [] for name in _SIDES}
    with contextlib.ExitStack() as stack:
        networks = {name: stack.enter_context(Network(name)) for name in _SIDES}
        stack.enter_context(opponents.nftables(networks["kernel"].gateway))
        with flood.pinned(flood.cores()[0]):
            daemon = stack.enter_context(gateway.carrying(networks["ours"].gateway))
        for network in networks.values():
            stack.enter_context(streams.server(network))
        for number in options.alternations():
            for name in _turn(number):
                rates[name].append(streams.bulk(networks[name], options.seconds))
        share = gateway.fast(daemon)["share"]
    if share < 0.9:
        raise BenchError(f"only {share:.0%} of the packets went by the fast path")
    forward, kernel, ours = (rates[name] for name in _SIDES)
    told = f"{median(ours) / 1e9:.1f} against {{:.1f}} Gbit/s"
    return [
        of_pairs(NAMES[0], ours, kernel, "nftables conntrack + masquerade: " + told.format(median(kernel) / 1e9)),
        of_pairs(NAMES[1], ours, forward, "plain forwarding: " + told.format(median(forward) / 1e9)),
    ]


def _turn(number: int) -> tuple[str, ...]:
    """The order of a run: every side is first, in the middle and last about as often."""
    at = number % len(_SIDES)
    return _SIDES[at:] + _SIDES[:at]
