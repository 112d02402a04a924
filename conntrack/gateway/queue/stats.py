"""What the kernel counts of a queue: the only place where overflow shows.

Lives here: /proc/net/netfilter/nfnetlink_queue (net/netfilter/nfnetlink_queue.c, seq_show). May not live here: what
our own side counts (base.Tally).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

_PATH: Final = Path("/proc/net/netfilter/nfnetlink_queue")


class Stats(NamedTuple):
    """One queue. Counters start at 0 when the queue is bound."""

    number: int
    port: int  # netlink port of the owner
    depth: int  # packets waiting for a verdict now
    kernel_dropped: int  # the queue was full
    user_dropped: int  # our socket's receive buffer was full
    last_id: int  # packets queued since it was bound


def read(number: int, path: Path = _PATH) -> Stats | None:
    """The figures of a queue of this network namespace; None if nobody has bound it, or there is no NFQUEUE."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return None
    return parse(text, number)


def parse(text: str, number: int) -> Stats | None:
    """Finds the queue's line: number, port, depth, copy mode, copy range, two drop counters, last id, 1."""
    for line in text.splitlines():
        fields = [int(word) for word in line.split()]
        if len(fields) >= 8 and fields[0] == number:
            return Stats(number, fields[1], fields[2], fields[5], fields[6], fields[7])
    return None
