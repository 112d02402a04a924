"""Endpoints cut out of keys: who a mapping is for, and where it stands outside.

Lives here: that cutting. May not live here: mappings (ports.py), or the layout of keys (flow/pair.py).
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.packet.header import ICMP, ICMPV6, WITH_PORTS

#: protocols whose port or identifier may be changed
PORTED: Final = WITH_PORTS | {ICMP, ICMPV6}


def inside_of(key: bytes) -> bytes:
    """The inside endpoint of an original key: protocol, space, source address, source port or identifier."""
    size: i64 = 4 if len(key) == 14 else 16
    return key[: 2 + size] + key[2 + 2 * size : 4 + 2 * size]


def inside_address(inside: bytes) -> bytes:
    """The address in what inside_of made, or in the original key itself."""
    return inside[2:6] if len(inside) == 8 or len(inside) == 14 else inside[2:18]


def outside_of(protocol: i64, address: bytes, port: i64) -> bytes:
    """What stands for an outside endpoint: protocol, address, port."""
    return bytes((int(protocol),)) + address + bytes((int(port >> 8), int(port & 0xFF)))


def outside_port(reply: bytes) -> i64:
    """The translated source port (or ICMP identifier) that a reply key is addressed to."""
    protocol = reply[0]
    at: i64 = len(reply) - 2
    if protocol == ICMP or protocol == ICMPV6:
        at -= 2
    return i64(reply[at]) << 8 | i64(reply[at + 1])
