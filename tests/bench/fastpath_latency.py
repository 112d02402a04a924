"""fastpath_p99_ratio: how long one in a hundred requests waits for its answer under load, against the kernel's NAT.

A datagram of 64 bytes there and back, one at a time, while a stream of iperf3 at a steady rate passes the same gateway
in the same direction; client processes have one core, server processes the other.

Lives here: this measurement. May not live here: the exchange (exchange.py), the stream (streams.py), the gateway.
"""

from __future__ import annotations

import contextlib
from statistics import median
from typing import Final

from tests.bench import exchange, flood, gateway, opponents, streams
from tests.bench.exchange import Times
from tests.bench.figure import Figure, of_pairs
from tests.bench.network import Network
from tests.bench.options import Options

NAMES: Final = ("fastpath_p99_ratio", "fastpath_p50_ratio", "fastpath_p99_forward_ratio")
_SIDES: Final = ("forward", "kernel", "ours")
#: of the stream beside it: well within what every side can carry, so that the load is the same
RATE: Final = "4G"


def measure(options: Options) -> list[Figure]:
    """Ratios of times."""
    found: dict[str, list[Times]] = {name: [] for name in _SIDES}
    with contextlib.ExitStack() as stack:
        networks = {name: stack.enter_context(Network(name)) for name in _SIDES}
        stack.enter_context(opponents.nftables(networks["kernel"].gateway))
        with flood.pinned(flood.cores()[0]):
            stack.enter_context(gateway.carrying(networks["ours"].gateway))
        for network in networks.values():
            stack.enter_context(streams.server(network))
            stack.enter_context(exchange.echo(network))
        for number in options.alternations():
            for name in (_SIDES, _SIDES[::-1])[number % 2]:
                with streams.steady(networks[name], RATE, 60):
                    found[name].append(exchange.times(networks[name], options.exchanges))
    forward, kernel, ours = ([one.p99 for one in found[name]] for name in _SIDES)
    usual, ours_usual = ([one.p50 for one in found[name]] for name in ("kernel", "ours"))
    beside = f"µs beside {RATE}bit/s of TCP"
    return [
        of_pairs(NAMES[0], ours, kernel, f"nftables conntrack + masquerade: {_told(ours, kernel)} {beside}"),
        of_pairs(NAMES[1], ours_usual, usual, f"the same, median: {_told(ours_usual, usual)} {beside}"),
        of_pairs(NAMES[2], ours, forward, f"plain forwarding: {_told(ours, forward)} {beside}"),
    ]


def _told(ours: list[float], theirs: list[float]) -> str:
    return f"{median(ours) * 1e6:.0f} against {median(theirs) * 1e6:.0f}"
