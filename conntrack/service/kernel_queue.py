"""What the kernel says of a packet queue: /proc/net/netfilter/nfnetlink_queue, the only place that shows overflow.

Lives here: reading that table. May not live here: the queue itself (gateway/).
Columns (net/netfilter/nfnetlink_queue.c, seq_show): queue number, port id, packets waiting, copy mode, copy range,
dropped because the queue was full, dropped because the socket's buffer was, the last packet's id, and a 1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

PROC: Final = Path("/proc/self/net/netfilter/nfnetlink_queue")
_COLUMNS: Final = 8


class QueueFigures(NamedTuple):
    """One queue's figures. The drops count up from when the queue was bound."""

    number: int
    waiting: int
    dropped_full: int
    dropped_socket: int


def parse(text: str, number: int) -> QueueFigures | None:
    """The figures of one queue; None if it is not in the table."""
    for line in text.splitlines():
        columns = line.split()
        if len(columns) >= _COLUMNS and columns[0] == str(number) and all(word.isdigit() for word in columns):
            return QueueFigures(number, int(columns[2]), int(columns[5]), int(columns[6]))
    return None


def read(number: int, path: Path = PROC) -> QueueFigures | None:
    """The figures now; None where the table cannot be read (only root may) or the queue is not bound."""
    try:
        return parse(path.read_text(), number)
    except OSError:
        return None
