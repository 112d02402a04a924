"""Two histories of one TCP connection made one: packets that waited in the queue, and those that overtook them.

Lives here: joining two layout.TCP_STATEs that began as the same. May not live here: when that is needed (carried.py).

Those that waited came first, and nobody has seen them leave while the others came in, so no packet of one history
answers one of the other. Every number of a window only ever grows, so the greater one is that of all packets together.
"""

from __future__ import annotations

from typing import Final

from conntrack.gateway.fastpath.layout import TCP_STATE
from conntrack.tracker.tcp.sequence import after, same
from conntrack.tracker.tcp.window import ACK_KNOWN, UNACKNOWLEDGED

# where the fields are (layout.TCP_FIELDS)
_END, _MAXEND, _MAXWIN, _MAXACK = 2, 3, 4, 5
_SIDE: Final = 4
_FLAGS: Final = 12
#: what is remembered of the latest packet
_MEMORY: Final = slice(14, 21)
_ALL: Final = 0xFF


def joined(later: bytes, earlier: bytes, begun: bytes) -> bytes:
    """The state after both: `earlier` is that of packets that waited, `later` of those that overtook them.

    begun: what both began with.
    """
    fields = list(TCP_STATE.unpack(later))
    own = TCP_STATE.unpack(earlier)
    if fields[_MEMORY] == list(TCP_STATE.unpack(begun)[_MEMORY]):
        fields[_MEMORY] = own[_MEMORY]
    for side in (0, 1):
        _join_side(fields, own, side)
    for side in (0, 1):
        _settle(fields, side)
    return TCP_STATE.pack(*fields)


def _join_side(fields: list[int], own: tuple[int, ...], side: int) -> None:
    shift = side * _SIDE
    for at in (_END + shift, _MAXEND + shift):
        if after(own[at], fields[at]):
            fields[at] = own[at]
    fields[_MAXWIN + shift] = max(fields[_MAXWIN + shift], own[_MAXWIN + shift])
    at = _MAXACK + shift
    flags = own[_FLAGS + side]
    if flags & ACK_KNOWN and (not fields[_FLAGS + side] & ACK_KNOWN or after(own[at], fields[at])):
        fields[at] = own[at]
    fields[_FLAGS + side] |= flags


def _settle(fields: list[int], side: int) -> None:
    """Whether data of this side is still unacknowledged, by both ends of it."""
    peer = 1 - side
    acknowledged = fields[_FLAGS + peer] & ACK_KNOWN and same(
        fields[_MAXACK + peer * _SIDE], fields[_END + side * _SIDE]
    )
    if acknowledged:
        fields[_FLAGS + side] &= _ALL - UNACKNOWLEDGED
    else:
        fields[_FLAGS + side] |= UNACKNOWLEDGED
