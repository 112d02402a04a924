"""The backend over the netfilterqueue package (libnetfilter_queue).

Lives here: its callback, and how its endless `run` is kept to a bounded number of packets. May not live here:
what the netlink backend does better: packets over 3800 bytes (dropped here: the package's buffer is too small), lost
messages (the package hides ENOBUFS), segmentation offload.
"""

from __future__ import annotations

import os
import socket
import warnings
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from conntrack.engine.verdict import HOLD
from conntrack.gateway.queue import nfnetlink
from conntrack.gateway.queue.base import Handler, Options, Queue, QueueError, Tally

if TYPE_CHECKING:
    from netfilterqueue import NetfilterQueue, Packet

#: how much of a packet is copied. The package's own limit, 4016, leaves 80 bytes of its buffer for attributes; the
#: kernel needs more, so a longer message is cut off, ignored, and its packet waits for a verdict for ever
_COPY: Final = 3800
#: packets between two calls of Handler.batch, as in the other backend
_BATCH: Final = 64
#: what a waiting packet costs the receive buffer
_COST: Final = 4096
_OUTPUT: Final = 3


class _Enough(Exception):
    """Raised out of the callback to end `run` once the limit is reached; the packet has its verdict by then."""


class PackageQueue(Queue):
    """NFQUEUE over the netfilterqueue package."""

    def __init__(self, options: Options, handler: Handler) -> None:
        """Opens and binds. QueueError: the package is missing, not permitted, or the number is taken."""
        self._handler = handler
        self._tally = Tally()
        self._done = 0  # packets of this turn
        self._limit = 0
        self._waiting: deque[tuple[Packet, bytes, int, int, int]] = deque()  # packets held, in the order they came
        self._queue: NetfilterQueue | None = _open(options, self._packet)
        if options.fail_open:
            with socket.socket(fileno=os.dup(self._queue.get_fd())) as same:
                same.send(nfnetlink.configure_flags(options.number, nfnetlink.FLAG_FAIL_OPEN))

    def name(self) -> str:
        """ "netfilterqueue"."""
        return "netfilterqueue"

    def tally(self) -> Tally:
        """The counters, live; `overruns` stays 0."""
        return self._tally

    def fileno(self) -> int:
        """The socket's descriptor; -1 once closed."""
        return -1 if self._queue is None else self._queue.get_fd()

    def drain(self, limit: int) -> int:
        """Judges up to `limit` waiting packets; returns how many."""
        if self._queue is None:
            return 0
        self._done = 0
        self._limit = limit
        if self._waiting:
            self._release()
        try:
            self._queue.run(block=False)
        except _Enough:
            pass
        except OSError as error:
            raise QueueError(f"the queue is lost: {error}") from error
        return self._done

    def close(self) -> None:
        """Unbinds and closes."""
        self._waiting.clear()
        if self._queue is not None:
            self._queue.unbind()
            self._queue = None

    def _packet(self, packet: Packet) -> None:
        if self._done % _BATCH == 0:
            self._handler.batch()
        self._done += 1
        self._judge(packet)
        if self._done >= self._limit:
            raise _Enough

    def _judge(self, packet: Packet) -> None:
        raw = packet.get_payload()
        tally = self._tally
        if len(raw) >= _COPY and _length(raw) > len(raw):
            tally.truncated += 1
            packet.drop()
            return
        tally.packets += 1
        hook = packet.hook
        try:
            verdict, new, mark = self._handler.packet(
                raw, hook, packet.indev, packet.outdev, packet.mark, hook != _OUTPUT
            )
        except Exception as error:
            tally.faults += 1
            tally.fault = error
            packet.drop()
            return
        if verdict == HOLD:
            self._waiting.append((packet, raw, hook, packet.indev, packet.mark))
        else:
            _give(packet, verdict, new, mark)

    def _release(self) -> None:
        """Gives those packets their verdict that have waited long enough."""
        self._handler.batch()
        while self._waiting:
            packet, raw, hook, inbound, mark = self._waiting[0]
            try:
                verdict, new, mark = self._handler.held(raw, hook, inbound, mark)
            except Exception as error:
                self._tally.faults += 1
                self._tally.fault = error
                verdict, new = 0, None
            if verdict == HOLD:
                return
            self._waiting.popleft()
            _give(packet, verdict, new, mark)


def _give(packet: Packet, verdict: int, new: bytes | None, mark: int) -> None:
    """Gives a packet its verdict, within the callback or later."""
    if not verdict:
        packet.drop()
        return
    if new is not None:
        packet.set_payload(new)
    packet.set_mark(mark)
    packet.accept()


def _open(options: Options, callback: Callable[[Packet], None]) -> NetfilterQueue:
    try:
        from netfilterqueue import NetfilterQueue
    except ImportError as error:
        raise QueueError(
            "the package netfilterqueue is not installed: set `settings: queue: backend: netlink`"
        ) from error
    try:
        queue = NetfilterQueue()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a receive buffer smaller than wanted
            queue.bind(options.number, callback, max_len=options.length, range=_COPY, sock_len=options.length * _COST)
    except OSError as error:
        raise QueueError(
            f"queue {options.number} cannot be bound: CAP_NET_ADMIN is missing, or another program owns it ({error})"
        ) from error
    return queue


def _length(raw: bytes) -> int:
    """The length that the IP header states."""
    if raw[0] >> 4 == 4:
        return int.from_bytes(raw[2:4], "big")
    return int.from_bytes(raw[4:6], "big") + 40
