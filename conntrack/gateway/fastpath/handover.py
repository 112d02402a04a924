"""A TCP connection's state on its way into the fast path and back.

Lives here: Connection ↔ layout.TCP_STATE, field for field. May not live here: what the fields mean (tracker/tcp).
"""

from __future__ import annotations

from typing import cast

from conntrack.flow.connection import Connection
from conntrack.gateway.fastpath import layout
from conntrack.tracker.tcp.memory import Memory
from conntrack.tracker.tcp.window import Window

_MASK = 0xFFFF_FFFF
_SIGN = 0x8000_0000


def signed(number: int) -> int:
    """A 32-bit number as the trackers' fields have it in compiled code; interpreted ones may hold it unsigned."""
    return ((number + _SIGN) & _MASK) - _SIGN


def state_of(connection: Connection) -> bytes:
    """The TCP state to offer."""
    original = cast(Window, connection.original.state)
    reply = cast(Window, connection.reply.state)
    memory = cast(Memory, connection.tracking)
    return layout.TCP_STATE.pack(
        0,
        int(connection.identity) & _MASK,
        signed(original.end),
        signed(original.maxend),
        signed(original.maxwin),
        signed(original.maxack),
        signed(reply.end),
        signed(reply.maxend),
        signed(reply.maxwin),
        signed(reply.maxack),
        original.scale,
        reply.scale,
        original.flags,
        reply.flags,
        signed(memory.seq),
        signed(memory.end),
        signed(memory.ack),
        memory.window & 0xFFFF,
        memory.kind,
        memory.original,
        memory.retransmissions,
        0,
    )


def restore(state: bytes, connection: Connection) -> None:
    """Gives a connection the windows and the memory that the fast path left it with."""
    original = cast(Window, connection.original.state)
    reply = cast(Window, connection.reply.state)
    memory = cast(Memory, connection.tracking)
    fields = layout.TCP_STATE.unpack(state)
    original.end, original.maxend, original.maxwin, original.maxack = fields[2:6]
    reply.end, reply.maxend, reply.maxwin, reply.maxack = fields[6:10]
    original.scale, reply.scale, original.flags, reply.flags = fields[10:14]
    memory.seq, memory.end, memory.ack, memory.window = fields[14:18]
    memory.kind = fields[18]
    memory.original = bool(fields[19])
    memory.retransmissions = fields[20]
