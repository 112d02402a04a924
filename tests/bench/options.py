"""How much is measured: enough for a figure to quote, or a quick look.

Lives here: the sizes. May not live here: the command line (__main__.py).
"""

from __future__ import annotations

from typing import NamedTuple


class Options(NamedTuple):
    """runs: alternating pairs; in one of them, seconds: of HTTP, busy: seconds that a judge of packets is timed, flows:
    new UDP flows.

    injected: packets whose crossing of a gateway is timed; carried: connections of a full fast path; exchanges:
    requests whose answers are timed.

    turns: a run's share of alternating turns where each is short, and the machine's moods last longer.

    tables: numbers of connections at which memory is measured; the last is also what table growth compares with 1 k.
    """

    runs: int = 5
    seconds: float = 2.0
    busy: float = 0.5
    flows: int = 100_000
    tables: tuple[int, ...] = (100_000, 1_000_000)
    injected: int = 300_000
    carried: int = 100_000
    exchanges: int = 10_000
    turns: int = 3

    def alternations(self) -> range:
        """Of what takes short turns."""
        return range(self.runs * self.turns)


QUICK = Options(3, 1.0, 0.2, 20_000, (100_000,), injected=100_000, carried=20_000, exchanges=3000, turns=1)
