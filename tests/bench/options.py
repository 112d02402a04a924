"""How much is measured: enough for a figure to quote, or a quick look.

Lives here: the sizes. May not live here: the command line (__main__.py).
"""

from __future__ import annotations

from typing import NamedTuple


class Options(NamedTuple):
    """runs: alternating pairs; seconds: of one timed stretch; flows: of one round of new UDP flows.

    tables: numbers of connections at which memory is measured; the last is also what table growth compares with 1 k.
    """

    runs: int = 5
    seconds: float = 2.0
    flows: int = 100_000
    tables: tuple[int, ...] = (100_000, 1_000_000)


QUICK = Options(runs=3, seconds=0.7, flows=20_000, tables=(100_000,))
