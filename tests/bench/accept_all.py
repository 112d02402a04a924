"""The yardstick: a process that accepts every packet of a queue by the netfilterqueue package, as its README shows.

Run as `python -m tests.bench.accept_all QUEUE`; prints one line once the queue is bound, and ends by a signal.
"""

from __future__ import annotations

import sys
from typing import Final

from netfilterqueue import NetfilterQueue, Packet

from tests.bench.rules import QUEUE_LENGTH

#: bytes of its socket's buffer: room for a full queue
BUFFER: Final = QUEUE_LENGTH * 4096


def accept(packet: Packet) -> None:
    packet.accept()


def main() -> None:
    queue = NetfilterQueue()
    queue.bind(int(sys.argv[1]), accept, max_len=QUEUE_LENGTH, sock_len=BUFFER)
    print("bound", flush=True)
    queue.run()


if __name__ == "__main__":
    main()
