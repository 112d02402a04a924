"""From a frame to the IP packet in it.

Lives here: link layers. May not live here: files, IP (beyond the length that tells where it ends).
"""

from __future__ import annotations

from typing import Final

from conntrack.cli.capture import Frame

# LINKTYPE_ numbers (tcpdump.org/linktypes.html)
NULL: Final = 0
ETHERNET: Final = 1
RAW_OLD: Final = (12, 14)
RAW: Final = 101
LOOP: Final = 108
SLL: Final = 113
IPV4: Final = 228
IPV6: Final = 229
SLL2: Final = 276
KNOWN: Final = frozenset({NULL, ETHERNET, *RAW_OLD, RAW, LOOP, SLL, IPV4, IPV6, SLL2})

_IP: Final = (0x0800, 0x86DD)
_VLANS: Final = (0x8100, 0x88A8, 0x9100)
_PPPOE: Final = 0x8864
_PPP_IP: Final = (0x0021, 0x0057)
_MOST_TAGS: Final = 4
_LARGEST: Final = 65575  # IPv6 header and 65535 bytes


class NotIp(Exception):
    """The frame holds no IP packet."""


def packet(frame: Frame) -> bytes:
    """The IP packet of a frame, without padding behind it. NotIp: there is none.

    What the capture cut off is filled up with zeros, so that lengths stay true; `is_whole` tells.
    """
    data = frame.data
    missing = max(0, min(frame.length, _LARGEST) - len(data))
    start = offset(frame.link, data)
    if len(data) - start < 20:
        raise NotIp
    return trimmed(data[start:] + bytes(missing))


def is_whole(frame: Frame) -> bool:
    """Whether the capture holds all of the frame: only then can its checksums be judged."""
    return len(frame.data) >= frame.length


def offset(link: int, data: bytes) -> int:
    """Where IP begins in a frame. NotIp: nowhere."""
    if link == ETHERNET:
        return ethernet(data)
    if link in (RAW, IPV4, IPV6, *RAW_OLD):
        return 0
    if link == SLL:
        return behind(int.from_bytes(data[14:16], "big"), data, 16)
    if link == SLL2:
        return behind(int.from_bytes(data[:2], "big"), data, 20)
    if link in (NULL, LOOP):  # the address family's number and byte order are the capturing host's
        return 4
    raise NotIp


def ethernet(data: bytes) -> int:
    """Behind the Ethernet header, its VLAN tags and PPPoE."""
    return behind(int.from_bytes(data[12:14], "big"), data, 14)


def behind(ethertype: int, data: bytes, at: int) -> int:
    """Where IP begins, if an EtherType and the tags that follow lead to it."""
    for _ in range(_MOST_TAGS):
        if ethertype not in _VLANS:
            break
        ethertype = int.from_bytes(data[at + 2 : at + 4], "big")
        at += 4
    if ethertype == _PPPOE and int.from_bytes(data[at + 6 : at + 8], "big") in _PPP_IP:
        return at + 8
    if ethertype not in _IP:
        raise NotIp
    return at


def trimmed(data: bytes) -> bytes:
    """An IP packet without what the link padded it with. NotIp: the version is neither 4 nor 6."""
    version = data[0] >> 4
    if version == 4:
        length = int.from_bytes(data[2:4], "big")
        return data[:length] if 20 <= length < len(data) else data
    if version == 6:
        length = 40 + int.from_bytes(data[4:6], "big")
        return data[:length] if length < len(data) else data
    raise NotIp
