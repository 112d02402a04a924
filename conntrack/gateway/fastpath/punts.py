"""Why the fast path left a packet to the slow one: numbers for the counters, names for people.

Lives here: the table. May not live here: the tests behind it (pairwall.bpf.c). The program gets the numbers from here.
"""

from __future__ import annotations

from typing import Final

FORWARDED: Final = 0
NOT_CARRIED: Final = 1
MALFORMED: Final = 2
FRAGMENT: Final = 3
OPTIONS: Final = 4
HOP_LIMIT: Final = 5
SYN: Final = 6
MISS: Final = 7
STALE: Final = 8
INTERFACE: Final = 9
TOO_BIG: Final = 10
FROZEN: Final = 11
CLOSING: Final = 12
WINDOW: Final = 13
FAILED: Final = 14
#: no punt either: what XDP has sent on, which never meets the tc program
AT_DRIVER: Final = 15

#: number → (name, meaning); the first is no punt
PUNTS: Final[dict[int, tuple[str, str]]] = {
    FORWARDED: ("forwarded", "translated and sent on by the fast path"),
    NOT_CARRIED: ("not-carried", "not IPv4 or IPv6 with TCP, UDP or ICMP echo, tagged, or not sent to us"),
    MALFORMED: ("malformed", "lengths or the IPv4 header checksum are wrong"),
    FRAGMENT: ("fragment", "a fragment"),
    OPTIONS: ("options", "IPv4 options or IPv6 extension headers"),
    HOP_LIMIT: ("hop-limit", "TTL or hop limit of 0 or 1"),
    SYN: ("syn", "a SYN, or TCP flags that no stack sends"),
    MISS: ("miss", "no such flow in the fast path"),
    STALE: ("stale", "the flow was offered before everything was invalidated"),
    INTERFACE: ("interface", "came in by another interface than the flow's"),
    TOO_BIG: ("too-big", "larger than the MTU of the way out"),
    FROZEN: ("frozen", "the flow is being handed back"),
    CLOSING: ("closing", "a FIN or RST"),
    WINDOW: ("window", "outside the TCP window, or to be passed without being believed"),
    FAILED: ("failed", "the kernel refused to change the packet"),
}

#: one past the highest number
SLOTS: Final = 16


def name(punt: int) -> str:
    """The name that metrics and status show."""
    return PUNTS[punt][0]
