"""Outside ports for connections that are still to come: some contiguous ones, each for an inside endpoint.

Lives here: which ports to try, and whether one is vacant. May not live here: who may expect a connection (engine/), or
what a port forward already takes (policy/).
"""

from __future__ import annotations

from random import Random
from typing import Final

from mypy_extensions import i64

from conntrack.nat.ports import Ports
from conntrack.nat.use import PortUse

#: tries: this many consecutive ports, then half as many from a new start, down to the last number (kernel's order)
_FIRST_ROUND: Final = 128
_LAST_ROUND: Final = 16


def candidates(wanted: i64, count: i64, even: bool, low: i64, high: i64, random: Random) -> list[i64]:
    """The first ports of `count` contiguous ones to try, in order: the wanted one, then rounds from random starts.

    All lie within low–high; with `even` all are even.
    """
    last = high - count + 1
    stride: i64 = 2 if even else 1
    first = low + (low & 1) if even else low
    found: list[i64] = []
    if first > last:
        return found
    if first <= wanted <= last and not (even and wanted & 1):
        found.append(wanted)
    size = (last - first) // stride + 1
    attempts: i64 = _FIRST_ROUND
    while attempts >= _LAST_ROUND:
        start: i64 = random.randrange(int(size))
        step: i64 = 0
        while step < min(attempts, size):
            found.append(first + (start + step) % size * stride)
            step += 1
        attempts //= 2
    return found


def vacant(ports: Ports, use: PortUse, port: i64, inside: bytes, now: float) -> bool:
    """Whether nothing holds the port and it does not rest; inside: the address that wants it."""
    if use.holders(port) > 0 or int(port) in use.exclusive or ports.is_own(use.protocol, port):
        return False
    return not use.rests(port, inside, now)
