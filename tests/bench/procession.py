"""Brings packets of many connections through a gateway, each connection's in turn, and none lost.

Lives here: that. May not live here: the packets (crowd.py), the pace (window.py), the gateway.
"""

from __future__ import annotations

from collections.abc import Callable

from conntrack.cli.lab.namespace import Namespace
from tests.bench import crowd, establish, flood, frames, window
from tests.bench.arrivals import Arrivals
from tests.bench.flood import Flood
from tests.bench.network import OUTSIDE_MAC, SERVER_MAC, Network

#: frames that are ready at a time
_CHUNK = 50_000


def open_tcp(network: Network, count: int) -> None:
    """The handshakes of connections 0 … count − 1. BenchError: a segment did not come through."""
    for numbers in _chunks(count):
        _there(network, numbers, crowd.syn)
        _back(network, numbers, crowd.syn_ack)
        _there(network, numbers, crowd.ack)


def open_udp(network: Network, count: int, exchanges: int = 1) -> None:
    """Datagrams each way. BenchError: one did not come through."""
    for numbers in _chunks(count):
        for _ in range(exchanges):
            _there(network, numbers, crowd.question)
            _back(network, numbers, crowd.answer)


def _chunks(count: int) -> list[range]:
    return [range(first, min(first + _CHUNK, count)) for first in range(0, count, _CHUNK)]


def _there(network: Network, numbers: range, packet: Callable[[int], bytes]) -> None:
    _pass(network.client, network.server, [establish.out(packet(number)) for number in numbers])


def _back(network: Network, numbers: range, packet: Callable[[int], bytes]) -> None:
    load = [frames.ethernet(OUTSIDE_MAC, SERVER_MAC, packet(number)) for number in numbers]
    _pass(network.server, network.client, load)


def _pass(sender: Namespace, receiver: Namespace, load: list[bytes]) -> None:
    with (
        Flood(sender, "eth0", load) as generator,
        Arrivals(receiver, "eth0") as arrivals,
        flood.pinned(flood.cores()[0]),
    ):
        window.send_all(generator, arrivals)
