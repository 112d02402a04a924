"""Numbered datagrams to a host and back, at a steady rate: UDP sends nothing twice, so one that is lost is missed."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from types import TracebackType
from typing import Self

from conntrack.cli.lab.namespace import Namespace

#: seconds in which the last ones may still come
PATIENCE = 5.0


class Echoes:
    """From `client` to `address`:`port` of `server` every `period` seconds, until `finish`."""

    def __init__(self, client: Namespace, address: str, port: int, server: Namespace, period: float = 0.002) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.sent = 0
        self.trouble: list[OSError] = []
        self._came: set[int] = set()
        self._period = period
        self._sending = True
        self._far = server.socket(family, socket.SOCK_DGRAM)
        self._far.bind((address, port))
        self._near = client.socket(family, socket.SOCK_DGRAM)
        self._near.connect((address, port))
        self.port = int(self._near.getsockname()[1])
        self._thread = threading.Thread(target=self._run, daemon=True)

    def lost(self) -> int:
        """Ends it; how many of all did not come back."""
        self._sending = False
        self._thread.join(2 * PATIENCE)
        return self.sent - len(self._came)

    def __enter__(self) -> Self:
        for one in (self._far, self._near):
            one.setblocking(False)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.lost()
        self._far.close()
        self._near.close()

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._far, select.POLLIN)
        poll.register(self._near, select.POLLIN)
        due = limit = time.monotonic()
        try:
            while self._sending or (len(self._came) < self.sent and time.monotonic() < limit):
                if self._sending and time.monotonic() >= due:
                    due = max(due + self._period, time.monotonic() - 10 * self._period)
                    limit = time.monotonic() + PATIENCE
                    self._near.send(self.sent.to_bytes(8, "big"))
                    self.sent += 1
                poll.poll(1)
                self._pass_on()
        except OSError as error:
            self.trouble.append(error)

    def _pass_on(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                data, back = self._far.recvfrom(8)
                self._far.sendto(data, back)
        with contextlib.suppress(BlockingIOError):
            while True:
                self._came.add(int.from_bytes(self._near.recv(8), "big"))
