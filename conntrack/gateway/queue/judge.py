"""Packets out of netlink messages, verdicts into netlink messages.

Lives here: the loop that every packet passes in the netlink backend. May not live here: the socket (netlink.py).
Compiled by mypyc, and written for it: bytes are indexed, since struct would cost a call for every field.
"""

from __future__ import annotations

import struct
import sys
from typing import Final

from mypy_extensions import i64

from conntrack.gateway.queue.base import Handler, Tally
from conntrack.gateway.queue.nfnetlink import (
    CAP_LEN,
    CSUM_NOT_READY,
    CSUM_NOT_VERIFIED,
    HEADERS,
    IFINDEX_INDEV,
    IFINDEX_OUTDEV,
    MARK,
    MSG_PACKET,
    MSG_VERDICT,
    NLM_F_REQUEST,
    NLMSG_ERROR,
    PACKET_HDR,
    PAYLOAD,
    SKB_INFO,
    TYPE_MASK,
    VERDICT_HDR,
)

#: how much of a message is copied at once: all of it for small packets, all before the payload for others
HEAD: Final = 256
#: verdicts are sent once they have grown to so many bytes: rewritten packets go back whole
FLUSH: Final = 131072
#: bytes of the mark attribute, and of the verdict attribute without the packet id that ends it
_TAIL: Final = 16
#: different (verdict, mark) pairs remembered; rules set few marks
_MOST_TAILS: Final = 4096

# where the two bytes of a native 16-bit number stand
_LOW: Final = 0 if sys.byteorder == "little" else 1
_HIGH: Final = 1 - _LOW

_PADDING: Final = [b"", b"\0\0\0", b"\0\0", b"\0"]


class Judge:
    """Turns a batch of messages into the verdicts to send."""

    def __init__(self, queue: int, handler: Handler, tally: Tally) -> None:
        self._queue = queue
        self._handler = handler
        self._tally = tally
        self._heads: dict[int, bytes] = {}  # payload length (-1: none) → all of a verdict before the payload
        self._tails: dict[int, bytes] = {}  # verdict·2^32 + mark → all after it except the packet id
        # the fields of the message in hand
        self._inbound: i64 = 0
        self._outbound: i64 = 0
        self._mark: i64 = 0
        self._hook: i64 = 0
        self._whole = True
        self._verify = False
        self._id = b""
        self._start: i64 = 0  # of the payload
        self._end: i64 = 0

    def judge(self, buffer: memoryview, stride: i64, lengths: list[int]) -> list[bytes]:
        """Judges the messages at 0, stride, 2·stride, … of the buffer; returns what is to be sent, in pieces.

        A message is a whole datagram, as nfnetlink_queue sends them: never two packets in one.
        """
        self._handler.batch()
        sends: list[bytes] = []
        parts: list[bytes] = []
        size: i64 = 0
        base: i64 = 0
        for length in lengths:
            end: i64 = base + length
            stop: i64 = end if length < HEAD else base + HEAD
            size += self._message(buffer, base, bytes(buffer[base:stop]), length, parts)
            if size > FLUSH:
                sends.append(b"".join(parts))
                parts = []
                size = 0
            base += stride
        if parts:
            sends.append(b"".join(parts))
        return sends

    def _message(self, buffer: memoryview, base: i64, head: bytes, length: i64, parts: list[bytes]) -> i64:
        """Judges one message; returns about how many bytes its verdict has."""
        kind: i64 = head[4 + _LOW] | head[4 + _HIGH] << 8 if length >= HEADERS else 0
        if kind != MSG_PACKET or not self._read(head, length):
            if kind == NLMSG_ERROR:
                self._tally.refused += 1
            return 0
        start = self._start
        end = self._end
        if not self._whole or start == 0:
            self._tally.truncated += 1
            return self._answer(0, None, 0, parts)
        raw = head[start:end] if end <= len(head) else bytes(buffer[base + start : base + end])
        self._tally.packets += 1
        try:
            verdict, new, mark = self._handler.packet(
                raw, self._hook, self._inbound, self._outbound, self._mark, self._verify
            )
        except Exception as error:
            self._tally.faults += 1
            self._tally.fault = error
            return self._answer(0, None, 0, parts)
        return self._answer(verdict, new, mark, parts)

    def _read(self, head: bytes, length: i64) -> bool:
        """Reads the attributes; whether there was a packet header, without which nothing can be answered."""
        self._inbound = 0
        self._outbound = 0
        self._mark = 0
        self._whole = True
        self._verify = False
        self._start = 0
        found = False
        known: i64 = len(head)
        at: i64 = HEADERS
        while at + 8 <= known:
            size: i64 = head[at + _LOW] | head[at + _HIGH] << 8
            kind: i64 = (head[at + 2 + _LOW] | head[at + 2 + _HIGH] << 8) & TYPE_MASK
            if size < 4 or at + size > (length if kind == PAYLOAD else known):
                break
            if kind == PAYLOAD:
                self._start = at + 4
                self._end = at + size
            elif kind == PACKET_HDR and size >= 11:
                self._id = head[at + 4 : at + 8]
                self._hook = head[at + 10]
                found = True
            elif kind == MARK:
                self._mark = _number(head, at + 4)
            elif kind == IFINDEX_INDEV:
                self._inbound = _number(head, at + 4)
            elif kind == IFINDEX_OUTDEV:
                self._outbound = _number(head, at + 4)
            elif kind == SKB_INFO:
                self._verify = _number(head, at + 4) & (CSUM_NOT_VERIFIED | CSUM_NOT_READY) == CSUM_NOT_VERIFIED
            elif kind == CAP_LEN:
                self._whole = False  # sent only where the packet is longer than what was copied of it
            at += (size + 3) & ~3
        return found

    def _answer(self, verdict: int, new: bytes | None, mark: int, parts: list[bytes]) -> i64:
        """Appends one verdict message: headers, payload if it changed, mark, verdict, packet id."""
        key = verdict << 32 | mark
        tail = self._tails.get(key)
        if tail is None:
            tail = self._make_tail(verdict, mark)
        length = -1 if new is None else len(new)
        head = self._heads.get(length)
        if head is None:
            head = self._make_head(length)
        parts.append(head)
        if new is not None:
            parts.append(new)
            parts.append(_PADDING[length & 3])
        parts.append(tail)
        parts.append(self._id)
        return length + 40

    def _make_head(self, length: int) -> bytes:
        payload = b"" if length < 0 else struct.pack("=HH", 4 + length, PAYLOAD)
        total = HEADERS + len(payload) + (length + 3 & ~3 if length > 0 else 0) + _TAIL + 4
        head = struct.pack("=IHHII", total, MSG_VERDICT, NLM_F_REQUEST, 0, 0)
        made = head + struct.pack(">BBH", 0, 0, self._queue) + payload
        self._heads[length] = made
        return made

    def _make_tail(self, verdict: int, mark: int) -> bytes:
        if len(self._tails) >= _MOST_TAILS:
            self._tails.clear()
        made = struct.pack("=HH", 8, MARK) + mark.to_bytes(4, "big")
        made += struct.pack("=HH", 12, VERDICT_HDR) + verdict.to_bytes(4, "big")
        self._tails[verdict << 32 | mark] = made
        return made


def _number(data: bytes, at: i64) -> i64:
    """An unsigned 32-bit number in network byte order."""
    return data[at] << 24 | data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3]
