"""The time that a run of all targets has, shared among them.

Lives here: shares, and what became of a target. May not live here: how a target is fuzzed (guided.py, unguided.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

Target = Callable[[bytes], None]


class Outcome(NamedTuple):
    """executions: whole ones; found: what was found, as text, "" for nothing."""

    executions: int
    found: str


def shares(names: list[str], until: float) -> Iterator[tuple[str, float]]:
    """Each name with the time (monotonic) at which its share of what is left ends: who takes longer or ends early
    leaves less or more to all that follow.
    """
    for number, name in enumerate(names):
        now = time.monotonic()
        yield name, now + max(0.0, until - now) / (len(names) - number)
