"""Verdict messages: what goes back to the kernel.

Lives here: writing them, piece by piece. May not live here: deciding (judge.py). Compiled. Numbers are packed once
and remembered, so that a verdict is a few references to bytes that exist already.
"""

from __future__ import annotations

import struct
from typing import Final

from mypy_extensions import i64

from conntrack.gateway.queue.nfnetlink import HEADERS, MARK, MSG_VERDICT, NLM_F_REQUEST, PAYLOAD, VERDICT_HDR

#: bytes of the mark attribute, and of the verdict attribute without the packet id that ends it
_TAIL: Final = 16
#: different (verdict, mark) pairs remembered; rules set few marks
_MOST_TAILS: Final = 4096

_PADDING: Final = [b"", b"\0\0\0", b"\0\0", b"\0"]


class Verdicts:
    """Verdicts collected for one send."""

    def __init__(self, queue: int) -> None:
        self.size: i64 = 0  # about how many bytes are collected
        self._queue = queue
        self._parts: list[bytes] = []
        self._heads: dict[int, bytes] = {}  # payload length (-1: none) → all of a verdict before the payload
        self._tails: dict[int, bytes] = {}  # verdict·2^32 + mark → all after it except the packet id

    def add(self, packet: bytes, verdict: int, new: bytes | None, mark: int) -> None:
        """One verdict. packet: its id as the kernel sent it; new: the whole packet if it is rewritten."""
        tail = self._tails.get(verdict << 32 | mark)
        if tail is None:
            tail = self._make_tail(verdict, mark)
        length = -1 if new is None else len(new)
        head = self._heads.get(length)
        if head is None:
            head = self._make_head(length)
        parts = self._parts
        parts.append(head)
        if new is not None:
            parts.append(new)
            parts.append(_PADDING[length & 3])
        parts.append(tail)
        parts.append(packet)
        self.size += length + 40

    def take(self) -> bytes:
        """What was collected, to be sent; the next verdict begins anew."""
        piece = b"".join(self._parts)
        self._parts = []
        self.size = 0
        return piece

    def _make_head(self, length: int) -> bytes:
        payload = b"" if length < 0 else struct.pack("=HH", 4 + length, PAYLOAD)
        total = HEADERS + len(payload) + ((length + 3) & ~3 if length > 0 else 0) + _TAIL + 4
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
