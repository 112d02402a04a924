"""TCP state on its way into the fast path and back."""

from __future__ import annotations

from typing import cast

from conntrack.flow.pair import build, invert
from conntrack.gateway.fastpath.handover import restore, signed, state_of
from conntrack.packet.header import TCP
from conntrack.tracker.tcp import table
from conntrack.tracker.tcp.memory import Memory
from conntrack.tracker.tcp.window import ACK_KNOWN, SACK, Window
from tests.offload import established

KEY = build(TCP, bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2)), 40000, 443)
WINDOW = ("end", "maxend", "maxwin", "maxack", "scale", "flags")
MEMORY = ("seq", "end", "ack", "window", "kind", "original", "retransmissions")


def numbers(window: Window) -> list[int]:
    """The fields of a window, none equal to another's."""
    return [getattr(window, name) for name in WINDOW]


def test_every_field_goes_in_and_comes_back() -> None:
    connection = established(KEY, invert(KEY))
    original, reply = (cast(Window, side.state) for side in (connection.original, connection.reply))
    memory = cast(Memory, connection.tracking)
    for window, first in ((original, 100), (reply, 200)):
        for at, name in enumerate(WINDOW[:4]):
            setattr(window, name, first + at)
    original.scale, reply.scale = 7, 14
    original.flags, reply.flags = SACK, SACK | ACK_KNOWN
    for at, name in enumerate(MEMORY[:4]):
        setattr(memory, name, 300 + at)
    memory.kind, memory.original, memory.retransmissions = table.SYNACK, False, 3
    state = state_of(connection)
    other = established(KEY, invert(KEY))
    restore(state, other)
    assert numbers(cast(Window, other.original.state)) == [100, 101, 102, 103, 7, SACK]
    assert numbers(cast(Window, other.reply.state)) == [200, 201, 202, 203, 14, SACK | ACK_KNOWN]
    there = cast(Memory, other.tracking)
    assert [getattr(there, name) for name in MEMORY] == [300, 301, 302, 303, table.SYNACK, False, 3]
    assert state_of(other) == state


def test_high_numbers_are_signed_as_compiled_fields_have_them() -> None:
    assert [signed(number) for number in (0, 2**31 - 1, 2**31, 2**32 - 1, -1)] == [0, 2**31 - 1, -(2**31), -1, -1]


def test_a_number_past_the_circles_half_comes_back_the_same() -> None:
    connection = established(KEY, invert(KEY))
    cast(Window, connection.original.state).end = signed(0xFFFF_FFF0)
    state = state_of(connection)
    restore(state, connection)
    assert cast(Window, connection.original.state).end & 0xFFFF_FFFF == 0xFFFF_FFF0
    assert state_of(connection) == state
