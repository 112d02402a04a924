"""ready_seconds: from the start of `pairwall run` to READY=1, with 1000 rules and a set file of 20 000 networks.

Lives here: this measurement. May not live here: the rules, the daemon.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Final

from conntrack.cli.lab.daemon import Daemon
from tests.bench import rules
from tests.bench.figure import Figure, of_runs
from tests.bench.network import Network
from tests.bench.options import Options

NAMES: Final = ("ready_seconds",)
RULES: Final = 1000
MEMBERS: Final = 20_000


def measure(options: Options) -> list[Figure]:
    """The real daemon in a namespace, its notices read from a socket of our own."""
    with Network() as network, tempfile.TemporaryDirectory(prefix="pairwall-bench-") as name:
        folder = Path(name)
        text = rules.many(RULES, folder, MEMBERS)
        times = []
        for _ in range(options.runs):
            begun = time.perf_counter()
            daemon = Daemon(network.gateway, text, folder)
            times.append(time.perf_counter() - begun)
            daemon.stop()
    return [of_runs(NAMES[0], times, "s", f"{RULES} rules, a set of {MEMBERS} networks; process start to READY=1")]
