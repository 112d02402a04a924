"""PPTP's control messages (RFC 2637 §2), as far as call identifiers go.

Lives here: their lengths and where the identifiers stand. May not live here: what a call may open (helper.py). Messages
have fixed lengths, so a translation never moves anything.
"""

from __future__ import annotations

from typing import Final

from conntrack.helper.words import Unreadable
from conntrack.packet.octets import u16, u32

MAGIC: Final = 0x1A2B3C4D
CONTROL: Final = 1  # PPTP message type; management messages (2) are not defined

START_REQUEST: Final = 1
START_REPLY: Final = 2
STOP_REQUEST: Final = 3
STOP_REPLY: Final = 4
ECHO_REQUEST: Final = 5
ECHO_REPLY: Final = 6
OUTGOING_REQUEST: Final = 7
OUTGOING_REPLY: Final = 8
INCOMING_REQUEST: Final = 9
INCOMING_REPLY: Final = 10
INCOMING_CONNECTED: Final = 11
CLEAR_REQUEST: Final = 12
DISCONNECT_NOTIFY: Final = 13
ERROR_NOTIFY: Final = 14
SET_LINK_INFO: Final = 15

#: control message type → its length
LENGTHS: Final[dict[int, int]] = {
    START_REQUEST: 156,
    START_REPLY: 156,
    STOP_REQUEST: 16,
    STOP_REPLY: 16,
    ECHO_REQUEST: 16,
    ECHO_REPLY: 20,
    OUTGOING_REQUEST: 168,
    OUTGOING_REPLY: 32,
    INCOMING_REQUEST: 220,
    INCOMING_REPLY: 24,
    INCOMING_CONNECTED: 28,
    CLEAR_REQUEST: 16,
    DISCONNECT_NOTIFY: 148,
    ERROR_NOTIFY: 40,
    SET_LINK_INFO: 24,
}
#: messages whose identifier at 12 is the sender's own, and those that name the receiver's there, or at 14
OWN_AT_12: Final = frozenset(
    (OUTGOING_REQUEST, OUTGOING_REPLY, INCOMING_REQUEST, INCOMING_REPLY, CLEAR_REQUEST, DISCONNECT_NOTIFY)
)
PEER_AT_12: Final = frozenset((INCOMING_CONNECTED, ERROR_NOTIFY, SET_LINK_INFO))
PEER_AT_14: Final = frozenset((OUTGOING_REPLY, INCOMING_REPLY))

#: result codes that accept a call, of replies to outgoing and to incoming ones
CONNECTED: Final = 1
ACCEPTED: Final = 1
#: messages that one segment may carry
MOST_MESSAGES: Final = 64


class Control:
    """One message. own, peer: the sender's and the receiver's call identifier; their offsets, -1 if not named."""

    __slots__ = ("kind", "own", "own_at", "peer", "peer_at", "result", "start")

    def __init__(self, kind: int, start: int) -> None:
        self.kind = kind
        self.start = start
        self.own = 0
        self.own_at = -1
        self.peer = 0
        self.peer_at = -1
        self.result = 0  # of a reply


def read_control(data: bytes, start: int, stop: int) -> Control | None:
    """The message that begins at `start`; None if it is not whole before `stop`. Raises Unreadable."""
    if stop - start < 12:
        return None
    kind = int(u16(data, start + 8))
    size = LENGTHS.get(kind)
    if size is None or u16(data, start) != size or u16(data, start + 2) != CONTROL or u32(data, start + 4) != MAGIC:
        raise Unreadable("not a control message")
    if start + size > stop:
        return None
    control = Control(kind, start)
    if kind in OWN_AT_12:
        control.own_at = start + 12
        control.own = int(u16(data, start + 12))
    elif kind in PEER_AT_12:
        control.peer_at = start + 12
        control.peer = int(u16(data, start + 12))
    if kind in PEER_AT_14:
        control.peer_at = start + 14
        control.peer = int(u16(data, start + 14))
        control.result = data[start + 16]
    return control


def length(control: Control) -> int:
    """How many bytes the message has."""
    return LENGTHS[control.kind]
