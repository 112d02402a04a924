"""Requests and answers, one at a time, by UDP.

Lives here: the server that sends everything back, and the client that takes the time; as a module, each of them as a
process. May not live here: what is between them.
"""

from __future__ import annotations

import contextlib
import gc
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Final, NamedTuple

from conntrack.cli.lab.namespace import Namespace
from tests.bench import flood
from tests.bench.figure import BenchError
from tests.bench.network import SERVER, Network

PORT: Final = 7007
_PAYLOAD: Final = bytes(36)
#: exchanges before the clock runs: until the connection is carried, and the stream beside it is at its rate
_WARM_UP: Final = 2000
_PATIENCE: Final = 2.0


class Times(NamedTuple):
    """Seconds from a request to its answer: the median, and what one in a hundred exceeds."""

    p50: float
    p99: float


@contextlib.contextmanager
def echo(network: Network) -> Iterator[None]:
    """Answers in the server's namespace meanwhile, on the second core."""
    with flood.pinned(flood.cores()[1]):
        process = _start(network.server, "echo")
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "bound\n":
            raise BenchError("nobody answers in the server's namespace")
        yield
    finally:
        process.terminate()
        process.communicate()


def times(network: Network, count: int) -> Times:
    """Of so many exchanges, from the client's namespace, on the first core. BenchError: an answer did not come."""
    with flood.pinned(flood.cores()[0]):
        process = _start(network.client, "ask", str(count))
    said, _ = process.communicate()
    if process.returncode:
        raise BenchError("an answer did not come")
    return Times(*json.loads(said))


def percentile(values: list[float], share: float) -> float:
    """The smallest value that `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _start(host: Namespace, *words: str) -> subprocess.Popen[str]:
    with host.entered():
        return subprocess.Popen([sys.executable, "-m", __name__, *words], stdout=subprocess.PIPE, text=True)


def answer_all() -> None:
    """Sends everything back, until it is killed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        port.bind((SERVER, PORT))
        print("bound", flush=True)
        while True:
            data, sender = port.recvfrom(2048)
            port.sendto(data, sender)


def ask(count: int) -> Times:
    """Exchanges, one after the other. TimeoutError: an answer did not come."""
    gc.disable()
    taken = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        port.connect((SERVER, PORT))
        port.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _seconds(_PATIENCE))
        for _ in range(_WARM_UP + count):
            begun = time.perf_counter()
            port.send(_PAYLOAD)
            port.recv(2048)
            taken.append(time.perf_counter() - begun)
    return Times(percentile(taken[_WARM_UP:], 0.5), percentile(taken[_WARM_UP:], 0.99))


def _seconds(seconds: float) -> bytes:
    """struct timeval: a timeout of the kernel's own, which costs no call of poll(2) for each answer."""
    return int(seconds).to_bytes(8, sys.byteorder) + bytes(8)


if __name__ == "__main__":
    if sys.argv[1] == "echo":
        answer_all()
    print(json.dumps(ask(int(sys.argv[2]))))
