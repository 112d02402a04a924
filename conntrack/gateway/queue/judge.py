"""Packets out of netlink messages, verdicts into netlink messages.

Lives here: the loop that every packet passes in the netlink backend. May not live here: the socket (netlink.py), the
formats (message.py, verdicts.py). Compiled.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from mypy_extensions import i64

from conntrack.engine.verdict import HOLD
from conntrack.gateway.queue.base import Handler, Tally
from conntrack.gateway.queue.message import Message, kind_of
from conntrack.gateway.queue.nfnetlink import (
    CSUM_NOT_READY,
    CSUM_NOT_VERIFIED,
    GSO,
    HEADERS,
    MSG_PACKET,
    NLMSG_ERROR,
)
from conntrack.gateway.queue.offload import Finisher
from conntrack.gateway.queue.verdicts import Verdicts

#: how much of a message is copied at once: all of it for small packets, all before the payload for others
HEAD: Final = 256
#: verdicts are sent once they have grown to so many bytes: rewritten packets go back whole
FLUSH: Final = 131072

_DROP: Final = 0


class Waiting:
    """A packet that the handler holds: the kernel keeps it until its verdict comes, in whatever order."""

    def __init__(self, identity: bytes, raw: bytes, hook: i64, inbound: i64, mark: i64) -> None:
        self.id = identity
        self.raw = raw
        self.hook: i64 = hook
        self.inbound: i64 = inbound
        self.mark: i64 = mark


class Judge:
    """Turns a batch of messages into the verdicts to send. `waiting`: the packets held, in the order they came."""

    def __init__(self, queue: int, handler: Handler, tally: Tally) -> None:
        self._handler = handler
        self._tally = tally
        self._message = Message()
        self._verdicts = Verdicts(queue)
        self._finisher = Finisher()
        self.waiting: deque[Waiting] = deque()

    def judge(self, buffer: memoryview, stride: i64, lengths: list[int]) -> list[bytes]:
        """Judges the messages at 0, stride, 2·stride, … of the buffer; returns what is to be sent, in pieces.

        A message is a whole datagram, as nfnetlink_queue sends them: never two packets in one.
        """
        self._handler.batch()
        verdicts = self._verdicts
        pieces: list[bytes] = []
        base: i64 = 0
        for length in lengths:
            end: i64 = length if length < HEAD else HEAD
            self._one(buffer, base, bytes(buffer[base : base + end]), length)
            if verdicts.size > FLUSH:
                pieces.append(verdicts.take())
            base += stride
        if verdicts.size > 0:
            pieces.append(verdicts.take())
        return pieces

    def release(self) -> bytes:
        """The verdicts on packets that have waited long enough, to be sent; b"" for none."""
        self._handler.batch()
        while self.waiting:
            one = self.waiting[0]
            verdict, new, mark = self._held(one)
            if verdict == HOLD:
                break
            self.waiting.popleft()
            self._verdicts.add(one.id, verdict, new, mark)
        return self._verdicts.take() if self._verdicts.size > 0 else b""

    def _held(self, one: Waiting) -> tuple[int, bytes | None, int]:
        """Asks the handler again."""
        try:
            return self._handler.held(one.raw, one.hook, one.inbound, one.mark)
        except Exception as error:
            self._tally.faults += 1
            self._tally.fault = error
            return _DROP, None, 0

    def _one(self, buffer: memoryview, base: i64, head: bytes, length: i64) -> None:
        """Judges one message."""
        kind: i64 = kind_of(head) if length >= HEADERS else 0
        message = self._message
        if kind != MSG_PACKET or not message.read(head, length):
            if kind == NLMSG_ERROR:
                self._tally.refused += 1
            return
        if not message.whole or message.start == 0:
            self._tally.truncated += 1
            self._verdicts.add(message.id, _DROP, None, 0)
        elif message.end <= len(head):
            self._packet(head[message.start : message.end])
        else:
            self._packet(bytes(buffer[base + message.start : base + message.end]))

    def _packet(self, raw: bytes) -> None:
        """Asks the handler about the packet of the message in hand."""
        message = self._message
        info = message.info
        verify = info & (CSUM_NOT_VERIFIED | CSUM_NOT_READY) == CSUM_NOT_VERIFIED
        self._tally.packets += 1
        try:
            verdict, new, mark = self._handler.packet(
                raw, message.hook, message.inbound, message.outbound, message.mark, verify
            )
        except Exception as error:
            self._tally.faults += 1
            self._tally.fault = error
            self._verdicts.add(message.id, _DROP, None, 0)
            return
        if verdict == HOLD:
            self.waiting.append(Waiting(message.id, raw, message.hook, message.inbound, message.mark))
            return
        if new is not None and info & CSUM_NOT_READY:
            new = self._finisher.finish(new, info & GSO != 0)
            if not new:
                verdict, new, mark = _DROP, None, 0
        self._verdicts.add(message.id, verdict, new, mark)
