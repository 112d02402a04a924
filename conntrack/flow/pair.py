"""Socket pairs as dictionary keys.

Lives here: the key's layout, its inversion, its addresses and its readable form. May not live here: the table.

A key is `protocol, space, source address, destination address, source port, destination port` in network
byte order: 14 bytes for IPv4, 38 for IPv6. `space` tells overlapping address spaces apart (0 where there is
one). TCP 53 and UDP 53 differ by the first byte; protocols without ports have 0 for both.
"""

from socket import AF_INET, AF_INET6, inet_ntop
from typing import Final, NamedTuple

from mypy_extensions import i64

from conntrack.packet.header import ICMP, ICMPV6

#: prefix[space][protocol] → the first two bytes of a key; spaces are added as zones ask for them
_PREFIXES: Final[list[list[bytes]]] = [[bytes((protocol, 0)) for protocol in range(256)]]

#: ICMP and ICMPv6 queries whose reply has another type (RFC 792, 950, 4443, 4620)
_ICMP_REPLY: Final[dict[int, int]] = {8: 0, 0: 8, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17}
_ICMPV6_REPLY: Final[dict[int, int]] = {128: 129, 129: 128, 139: 140, 140: 139}


def prefixes(space: int) -> list[bytes]:
    """The key prefixes of one address space (0–255), indexed by protocol number."""
    while len(_PREFIXES) <= space:
        new = len(_PREFIXES)
        _PREFIXES.append([bytes((protocol, new)) for protocol in range(256)])
    return _PREFIXES[space]


def invert(key: bytes) -> bytes:
    """The key of the opposite direction of the same socket pair."""
    size: i64 = 4 if len(key) == 14 else 16
    source = key[2 : 2 + size]
    destination = key[2 + size : 2 + 2 * size]
    ports = key[2 + 2 * size :]
    protocol = key[0]
    if protocol == ICMP or protocol == ICMPV6:
        reply = _ICMP_REPLY if protocol == ICMP else _ICMPV6_REPLY
        kind = ports[2]
        ports = ports[:2] + bytes((reply.get(kind, kind), ports[3]))
    else:
        ports = ports[2:] + ports[:2]
    return key[:2] + destination + source + ports


def source_of(key: bytes) -> bytes:
    """The source address of a key."""
    return key[2:6] if len(key) == 14 else key[2:18]


def destination_of(key: bytes) -> bytes:
    """The destination address of a key."""
    return key[6:10] if len(key) == 14 else key[18:34]


class SocketPair(NamedTuple):
    """A key taken apart, for people. Addresses are text; ports are 0 where the protocol has none.

    For ICMP queries `source_port` is the identifier and `destination_port` is type·256 + code.
    """

    protocol: int
    space: int
    source: str
    source_port: int
    destination: str
    destination_port: int


def readable(key: bytes) -> SocketPair:
    """Takes a key apart; the inverse of `build`."""
    size = 4 if len(key) == 14 else 16
    family = AF_INET if size == 4 else AF_INET6
    ports = 2 + 2 * size
    return SocketPair(
        key[0],
        key[1],
        inet_ntop(family, key[2 : 2 + size]),
        int.from_bytes(key[ports : ports + 2], "big"),
        inet_ntop(family, key[2 + size : ports]),
        int.from_bytes(key[ports + 2 :], "big"),
    )


def build(
    protocol: int, source: bytes, destination: bytes, source_port: int = 0, destination_port: int = 0, space: int = 0
) -> bytes:
    """A key from packed addresses (4 or 16 bytes each) and ports."""
    ports = source_port.to_bytes(2, "big") + destination_port.to_bytes(2, "big")
    return bytes((protocol, space)) + source + destination + ports
