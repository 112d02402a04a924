"""One packet message of the kernel's, read.

Lives here: the attributes that count. May not live here: judging (judge.py). Compiled by mypyc, and written for it:
bytes are indexed, since struct would cost a call for every field.
"""

from __future__ import annotations

import sys
from typing import Final

from mypy_extensions import i64

from conntrack.gateway.queue.nfnetlink import (
    CAP_LEN,
    HEADERS,
    IFINDEX_INDEV,
    IFINDEX_OUTDEV,
    MARK,
    PACKET_HDR,
    PAYLOAD,
    SKB_INFO,
    TYPE_MASK,
)

# where the two bytes of a native 16-bit number stand
_LOW: Final = 0 if sys.byteorder == "little" else 1
_HIGH: Final = 1 - _LOW


class Message:
    """Filled again for every message, so that reading one allocates next to nothing."""

    def __init__(self) -> None:
        self.id = b""  # of the packet, in network byte order, as a verdict repeats it
        self.hook: i64 = 0
        self.inbound: i64 = 0
        self.outbound: i64 = 0
        self.mark: i64 = 0
        self.info: i64 = 0  # CSUM_NOT_READY, GSO, CSUM_NOT_VERIFIED
        self.whole = True  # all of the packet was copied
        self.start: i64 = 0  # of the payload; 0: there is none
        self.end: i64 = 0

    def read(self, head: bytes, length: i64) -> bool:
        """Reads the attributes of a message, of which `head` is the beginning and `length` the whole.

        False: there is no packet header, without which nothing can be answered.
        """
        self.inbound = 0
        self.outbound = 0
        self.mark = 0
        self.info = 0
        self.whole = True
        self.start = 0
        found = False
        known: i64 = len(head)
        at: i64 = HEADERS
        while at + 8 <= known:
            size: i64 = head[at + _LOW] | head[at + _HIGH] << 8
            kind: i64 = (head[at + 2 + _LOW] | head[at + 2 + _HIGH] << 8) & TYPE_MASK
            if size < 4 or at + size > (length if kind == PAYLOAD else known):
                break
            if kind == PAYLOAD:
                self.start = at + 4
                self.end = at + size
            elif kind == PACKET_HDR and size >= 11:
                self.id = head[at + 4 : at + 8]
                self.hook = head[at + 10]
                found = True
            elif kind == MARK:
                self.mark = _number(head, at + 4)
            elif kind == IFINDEX_INDEV:
                self.inbound = _number(head, at + 4)
            elif kind == IFINDEX_OUTDEV:
                self.outbound = _number(head, at + 4)
            elif kind == SKB_INFO:
                self.info = _number(head, at + 4)
            elif kind == CAP_LEN:
                self.whole = False  # sent only where the packet is longer than what was copied of it
            at += (size + 3) & ~3
        return found


def kind_of(head: bytes) -> i64:
    """The type in a netlink header."""
    return head[4 + _LOW] | head[4 + _HIGH] << 8


def _number(data: bytes, at: i64) -> i64:
    """An unsigned 32-bit number in network byte order."""
    return data[at] << 24 | data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3]
