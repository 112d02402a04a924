"""A TCP conversation whose two ends a test holds: bytes either way, checked, as often as it likes."""

from __future__ import annotations

import hashlib
import socket
import threading
from types import TracebackType
from typing import Self

from conntrack.cli.lab.namespace import Namespace

PATIENCE = 20.0


def pattern(size: int) -> bytes:
    return hashlib.shake_128(b"pairwall").digest(size)


class Talk:
    """From `client` to `address`:`port` as the client sees it; the server's socket is `server`:`inside`."""

    def __init__(
        self, client: Namespace, address: str, port: int, server: Namespace, inside: tuple[str, int] | None = None
    ) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        there = inside or (address, port)
        far_family = socket.AF_INET6 if ":" in there[0] else socket.AF_INET
        with server.socket(far_family, socket.SOCK_STREAM, timeout=PATIENCE) as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(there)
            listening.listen()
            self.near = client.socket(family, socket.SOCK_STREAM, timeout=PATIENCE)
            self.near.connect((address, port))
            self.far, self.peer = listening.accept()
        self.far.settimeout(PATIENCE)
        self.port = int(self.near.getsockname()[1])

    def up(self, size: int) -> None:
        """Bytes from the client arrive at the server."""
        carry(self.near, self.far, size)

    def down(self, size: int) -> None:
        """Bytes from the server arrive at the client."""
        carry(self.far, self.near, size)

    def both(self, size: int = 2000) -> None:
        """A few exchanges, each way in turn: enough to be worth a fast path."""
        for _ in range(4):
            self.up(size)
            self.down(size)

    def finish(self) -> None:
        """Ends it in order, the client first."""
        self.near.shutdown(socket.SHUT_WR)
        assert self.far.recv(1) == b""
        self.far.close()
        assert self.near.recv(1) == b""
        self.near.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.near.close()
        self.far.close()


def resent(host: Namespace) -> int:
    """Bytes of payload that a host's TCP has sent again, at most: on a busy machine some are late and not lost."""
    lines = host.run("cat", "/proc/net/snmp").stdout.splitlines()
    head, numbers = [line.split() for line in lines if line.startswith("Tcp:")]
    return 1460 * int(numbers[head.index("RetransSegs")])


def carry(sender: socket.socket, receiver: socket.socket, size: int) -> None:
    """What one socket sends, the other receives."""
    data = pattern(size)
    thread = threading.Thread(target=sender.sendall, args=(data,))
    thread.start()
    received = bytearray()
    while len(received) < size:
        piece = receiver.recv(min(1 << 20, size - len(received)))
        assert piece
        received += piece
    thread.join(PATIENCE)
    assert received == data
