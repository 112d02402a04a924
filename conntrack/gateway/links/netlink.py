"""Netlink messages read and written by hand, where pyroute2 would cost too much or does not know the family.

Lives here: what messages of every family have in common. May not live here: any family (neighbours.py, ipsec.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final

REQUEST: Final = 0x1  # NLM_F_REQUEST
DUMP: Final = 0x300  # NLM_F_DUMP
ERROR: Final = 2  # NLMSG_ERROR
DONE: Final = 3  # NLMSG_DONE

_HEADER: Final = Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_ATTRIBUTE: Final = Struct("=HH")  # nlattr: length, type
_TYPE: Final = 0x3FFF  # of an attribute, without NLA_F_NESTED and NLA_F_NET_BYTEORDER


def message(kind: int, flags: int, body: bytes) -> bytes:
    """One message."""
    return _HEADER.pack(_HEADER.size + len(body), kind, flags, 0, 0) + body


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The messages of one reading, as (type, body); what is cut off ends them."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, *_ = _HEADER.unpack_from(data, at)
        if length < _HEADER.size:
            return
        yield kind, data[at + _HEADER.size : at + length]
        at += (length + 3) & ~3


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, filled up to four bytes."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + bytes(-len(value) % 4)


def attributes(body: bytes, at: int) -> dict[int, bytes]:
    """The attributes of a message's body, from `at` on."""
    found = {}
    while at + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, at)
        if length < _ATTRIBUTE.size:
            break
        found[kind & _TYPE] = body[at + _ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3
    return found
