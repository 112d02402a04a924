"""newconn_tcp_ratio: whole HTTP exchanges a second, each over a new connection, against nftables on the same path.

nginx in the server's namespace, wrk in the client's, 32 connections at a time. nginx closes first, so that TIME_WAIT
and its reuse happen at the server; the client has all ports from 1024 up. Nothing is pinned to a core.

Lives here: this measurement. May not live here: nginx, wrk, what is in between.
"""

from __future__ import annotations

from typing import Final

from tests.bench import opponents
from tests.bench.figure import Figure, of_pairs, thousands
from tests.bench.gateway import pairwall
from tests.bench.network import SERVER, Network
from tests.bench.options import Options
from tests.bench.webserver import nginx, wrk

NAMES: Final = ("newconn_tcp_ratio",)
_WARM_UP: Final = 1


def measure(options: Options) -> list[Figure]:
    """Pairs of runs: nftables, then the daemon, each begun afresh."""
    kernel: list[float] = []
    ours: list[float] = []
    with Network() as network, nginx(network.server, SERVER):
        for _ in range(options.runs):
            with opponents.nftables(network.gateway):
                kernel.append(_exchanges(network, options.seconds))
            with pairwall(network.gateway):
                ours.append(_exchanges(network, options.seconds))
    told = f"nftables conntrack + masquerade: {thousands(ours)} against {thousands(kernel)} exchanges/s"
    return [of_pairs(NAMES[0], ours, kernel, told)]


def _exchanges(network: Network, seconds: float) -> float:
    wrk(network.client, SERVER, _WARM_UP)
    return wrk(network.client, SERVER, seconds)
