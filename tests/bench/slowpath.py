"""slowpath_pps_ratio: packets of established, masqueraded connections, against netfilterqueue accepting everything.

64-byte IP packets flood in from one core; what judges them has the other (saturation.py says how). Counted is what
arrives at the server's link.

Lives here: this measurement. May not live here: the flood, the connections, the daemon.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from tests.bench import establish, flood, opponents, saturation
from tests.bench.establish import Ports
from tests.bench.figure import Figure, of_pairs, thousands
from tests.bench.frames import Ends
from tests.bench.gateway import pairwall
from tests.bench.network import Network
from tests.bench.options import Options

NAMES: Final = ("slowpath_pps_ratio", "slowpath_tcp_pps_ratio", "slowpath_udp_pps_ratio")
CONNECTIONS: Final = 64
BACKENDS: Final = ("netlink", "netfilterqueue")
#: what a backend's figures are called; the default one's have the plain names
_SUFFIX: Final = {"netlink": "", "netfilterqueue": "_by_netfilterqueue"}
_LOADS: Final[dict[str, Callable[[Sequence[Ends]], list[bytes]]]] = {
    "tcp": establish.tcp_load,
    "udp": establish.udp_load,
}


def measure(options: Options) -> list[Figure]:
    """Ratios by protocol and backend; slowpath_pps_ratio is the protocol with the lower median."""
    rates: dict[tuple[str, str], list[float]] = {}
    with Network() as network:
        for _ in range(options.runs):
            for protocol in _LOADS:
                rates.setdefault(("accept", protocol), []).append(_accept_all(network, protocol, options))
            for backend in BACKENDS:
                for protocol in _LOADS:
                    rates.setdefault((backend, protocol), []).append(_daemon(network, backend, protocol, options))
    figures = [_figure(rates, backend, protocol) for backend in BACKENDS for protocol in _LOADS]
    lowest = min(figures[: len(_LOADS)], key=lambda figure: figure.value)
    return [lowest._replace(name=NAMES[0], against=f"{lowest.name}: {lowest.against}"), *figures]


def _figure(rates: dict[tuple[str, str], list[float]], backend: str, protocol: str) -> Figure:
    ours, theirs = rates[backend, protocol], rates["accept", protocol]
    told = f"netfilterqueue accepting all: {thousands(ours)} against {thousands(theirs)} packets/s, backend {backend}"
    return of_pairs(f"slowpath_{protocol}_pps_ratio{_SUFFIX[backend]}", ours, theirs, told)


def _accept_all(network: Network, protocol: str, options: Options) -> float:
    with flood.pinned(flood.cores()[1]), opponents.accept_all(network.gateway) as judge:
        return saturation.rate(network, judge, _LOADS[protocol](establish.clients(CONNECTIONS)), options.busy)


def _daemon(network: Network, backend: str, protocol: str, options: Options) -> float:
    pairs = establish.clients(CONNECTIONS)
    with flood.pinned(flood.cores()[1]), pairwall(network.gateway, backend) as daemon:
        with Ports(network) as ports:
            for ends in pairs:
                (ports.open_tcp if protocol == "tcp" else ports.open_udp)(ends)
        return saturation.rate(network, daemon.process.pid, _LOADS[protocol](pairs), options.busy)
