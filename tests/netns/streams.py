"""Many TCP transfers at once, both ways, slow enough to last as long as a test wants: one thread feeds them all."""

from __future__ import annotations

import contextlib
import hashlib
import select
import socket
import threading
import time
from types import TracebackType
from typing import Self

from tests.netns.talk import PATIENCE, Talk, pattern

PIECE = 1024
_PATTERN = pattern(1 << 20)


class Side:
    """One direction of a transfer: what was sent, what arrived."""

    def __init__(self, sender: socket.socket, receiver: socket.socket) -> None:
        self.sender, self.receiver = sender, receiver
        self.sent = 0
        self.arrived = 0
        self.pause = 0.0  # seconds, the longest in which nothing arrived
        self._heard = 0.0
        self._digest = hashlib.sha256()

    def send(self) -> None:
        at = self.sent % len(_PATTERN)
        with contextlib.suppress(BlockingIOError):
            self.sent += self.sender.send(_PATTERN[at : at + PIECE])

    def receive(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while piece := self.receiver.recv(1 << 16):
                now = time.monotonic()
                self.pause = max(self.pause, now - self._heard if self._heard else 0.0)
                self._heard = now
                self._digest.update(piece)
                self.arrived += len(piece)

    def whole(self) -> bool:
        """Whether all that was sent has arrived, and nothing else."""
        whole, rest = divmod(self.sent, len(_PATTERN))
        wanted = hashlib.sha256(_PATTERN * whole + _PATTERN[:rest])
        return self.arrived == self.sent and self._digest.digest() == wanted.digest()


class Streams:
    """Transfers on these talks, a PIECE each way every `period` seconds, until `drain`; closes them at the end."""

    def __init__(self, talks: list[Talk], period: float = 0.1) -> None:
        self.sides = [Side(*pair) for talk in talks for pair in ((talk.near, talk.far), (talk.far, talk.near))]
        self.trouble: list[OSError] = []
        self._period = period
        self._ended = threading.Event()
        self._sending = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._by_descriptor = {side.receiver.fileno(): side for side in self.sides}
        self._talks = talks
        for side in self.sides:
            side.receiver.setblocking(False)

    def finish(self) -> None:
        """Ends all in order, after `drain`."""
        for talk in self._talks:
            talk.finish()

    def arrived(self) -> list[int]:
        """Bytes that have arrived on each side so far."""
        return [side.arrived for side in self.sides]

    def drain(self) -> bool:
        """No more is sent; whether all that was arrives, byte for byte."""
        self._sending = False
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit and not self.trouble:
            if all(side.arrived == side.sent for side in self.sides):
                break
            time.sleep(0.05)
        self._end()
        return all(side.whole() for side in self.sides)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        for talk in self._talks:
            talk.near.close()
            talk.far.close()

    def _end(self) -> None:
        self._ended.set()
        self._thread.join(PATIENCE)
        for side in self.sides:
            with contextlib.suppress(OSError):
                side.receiver.settimeout(PATIENCE)

    def _run(self) -> None:
        poll = select.poll()
        for side in self.sides:
            poll.register(side.receiver, select.POLLIN)
        due = time.monotonic()
        try:
            while not self._ended.is_set():
                if self._sending and time.monotonic() >= due:
                    due = time.monotonic() + self._period
                    for side in self.sides:
                        side.send()
                for descriptor, _ in poll.poll(20):
                    self._by_descriptor[descriptor].receive()
        except OSError as error:
            self.trouble.append(error)
