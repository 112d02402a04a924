"""What ICMP and ICMPv6 errors are to each other (RFC 7915 §4.2 and §5.2).

Lives here: types, codes, pointers and sizes, as tables. May not live here: packets (error64.py).
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

# what the four bytes after the checksum hold
UNUSED: Final = 0
MTU: Final = 1
POINTER: Final = 2
#: the pointer is to the next-header field: which protocol it was that nobody took
NEXT_HEADER: Final = 3

# message types
UNREACHABLE: Final = 3
TIME_EXCEEDED: Final = 11
PARAMETER_PROBLEM: Final = 12
UNREACHABLE_V6: Final = 1
TOO_BIG_V6: Final = 2
TIME_EXCEEDED_V6: Final = 3
PARAMETER_PROBLEM_V6: Final = 4

#: (type, code) → (type, code, what follows); what is not here is dropped: source quench, redirect, precedence, …
TO_V6: Final[dict[tuple[int, int], tuple[int, int, int]]] = {
    (3, 0): (1, 0, UNUSED),  # network unreachable → no route
    (3, 1): (1, 0, UNUSED),  # host unreachable
    (3, 2): (4, 1, NEXT_HEADER),  # protocol unreachable → unrecognised next header
    (3, 3): (1, 4, UNUSED),  # port unreachable
    (3, 4): (2, 0, MTU),  # fragmentation needed → packet too big
    (3, 5): (1, 0, UNUSED),  # source route failed
    (3, 6): (1, 0, UNUSED),
    (3, 7): (1, 0, UNUSED),
    (3, 8): (1, 0, UNUSED),
    (3, 9): (1, 1, UNUSED),  # prohibited
    (3, 10): (1, 1, UNUSED),
    (3, 11): (1, 0, UNUSED),
    (3, 12): (1, 0, UNUSED),
    (3, 13): (1, 1, UNUSED),
    (3, 15): (1, 1, UNUSED),
    (11, 0): (3, 0, UNUSED),  # TTL exceeded
    (11, 1): (3, 1, UNUSED),  # reassembly took too long
    (12, 0): (4, 0, POINTER),
    (12, 2): (4, 0, POINTER),
}
TO_V4: Final[dict[tuple[int, int], tuple[int, int, int]]] = {
    (1, 0): (3, 1, UNUSED),  # no route → host unreachable
    (1, 1): (3, 10, UNUSED),  # prohibited
    (1, 2): (3, 1, UNUSED),  # beyond the scope of the source
    (1, 3): (3, 1, UNUSED),  # address unreachable
    (1, 4): (3, 3, UNUSED),  # port unreachable
    (2, 0): (3, 4, MTU),
    (3, 0): (11, 0, UNUSED),
    (3, 1): (11, 1, UNUSED),
    (4, 0): (12, 0, POINTER),
    (4, 1): (3, 2, UNUSED),  # unrecognised next header → protocol unreachable
}

#: octet of the IPv4 header → octet of the IPv6 header that holds the same; −1: there is none
POINTER_TO_V6: Final = (0, 1, 4, 4, -1, -1, -1, -1, 7, 6, -1, -1, 8, 8, 8, 8, 24, 24, 24, 24)
#: and back, for the 40 octets of the IPv6 header
POINTER_TO_V4: Final = (0, 1, -1, -1, 2, 2, 9, 8, *[12] * 16, *[16] * 16)

#: sizes of packets that links have (RFC 1191 §7.1), for routers that do not tell which one theirs takes
PLATEAUS: Final = (65535, 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68)

#: how much longer a packet is as IPv6
LONGER: Final = 20
#: what every IPv6 link takes
SMALLEST: Final = 1280


def mtu_to_v6(mtu: i64, length: i64) -> i64:
    """The size that an ICMPv6 error tells, never under 1280: smaller packets may be fragmented on the IPv4 side.

    mtu: what the ICMP error tells, 0 from an old router; length: of the packet that it is about.
    """
    if mtu == 0:
        mtu = _plateau(length)
    return max(mtu + LONGER, SMALLEST)


def mtu_to_v4(mtu: i64) -> i64:
    """The size that an ICMP error tells."""
    return min(max(mtu, SMALLEST) - LONGER, 0xFFFF)


def _plateau(length: i64) -> i64:
    for size in PLATEAUS:
        if size < length:
            return size
    return PLATEAUS[len(PLATEAUS) - 1]
