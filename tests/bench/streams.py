"""iperf3 through a gateway.

Lives here: its server, and one stream to it. May not live here: what is between them.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import TimeoutExpired
from tempfile import TemporaryDirectory
from typing import Final

from conntrack.cli.lab.process import Process
from tests.bench import flood
from tests.bench.figure import BenchError
from tests.bench.network import SERVER, Network

PORT: Final = 5201
#: seconds of a stream that are not counted: slow start, and what goes through the daemon
_OMITTED: Final = 1


@contextlib.contextmanager
def server(network: Network) -> Iterator[None]:
    """Listens in the server's namespace meanwhile, on the second core."""
    with TemporaryDirectory(prefix="pairwall-iperf3-") as folder, flood.pinned(flood.cores()[1]):
        process = Process(network.server, ["iperf3", "--server"], Path(folder) / "log")
        with process:
            _wait(network, process)
            yield


def bulk(network: Network, seconds: float) -> float:
    """Bits a second that the server has received of one stream from the client. BenchError: none came through."""
    with flood.pinned(flood.cores()[0]):
        report = _client(network, seconds, "--omit", str(_OMITTED))
    return float(report["end"]["sum_received"]["bits_per_second"])


@contextlib.contextmanager
def steady(network: Network, rate: str, seconds: float) -> Iterator[None]:
    """A stream at a rate ("2G" bit/s) from the client, on the first core, until it is over or the end of the block."""
    words = ["iperf3", "--client", SERVER, "--time", f"{seconds:.0f}", "--bitrate", rate]
    with TemporaryDirectory(prefix="pairwall-iperf3-") as folder:
        with flood.pinned(flood.cores()[0]):
            process = Process(network.client, words, Path(folder) / "log")
        with process:
            yield
            if process.exit_code() is not None:
                raise BenchError(f"iperf3 ended too early: {process.output().strip()}")


def _client(network: Network, seconds: float, *options: str) -> dict[str, dict[str, dict[str, float]]]:
    words = ("iperf3", "--client", SERVER, "--json", "--time", f"{max(1, round(seconds))}", *options)
    try:
        done = network.client.run(*words, timeout=seconds + 20)
    except TimeoutExpired:
        raise BenchError("iperf3 does not come to its end: nothing passes") from None
    if done.returncode:
        raise BenchError(f"iperf3: {done.stdout.strip()[-300:]}")
    found: dict[str, dict[str, dict[str, float]]] = json.loads(done.stdout)
    return found


def _wait(network: Network, process: Process) -> None:
    limit = time.monotonic() + 5
    while process.exit_code() is None and time.monotonic() < limit:
        with contextlib.suppress(OSError), network.server.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.connect((SERVER, PORT))
            return
        time.sleep(0.05)
    raise BenchError(f"iperf3 does not listen: {process.output().strip()}")
