"""Verification tags: what tells an association's own packets from forged and from old ones (RFC 9260 §8.5).

Lives here: the tags that each direction must carry, and the rules for chunks that carry another. May not live here:
states. Each side names its tag in INIT or INIT ACK; packets *to* it carry it from then on.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i32, i64, mypyc_attr, u8

from conntrack.flow.connection import ProtocolState
from conntrack.packet import reason, sctp
from conntrack.packet.header import Packet
from conntrack.tracker.base import ACCEPT, IGNORE

#: types that are judged chunk by chunk; packets of any others must carry the direction's tag
JUDGED_ALONE: Final = (
    1 << sctp.INIT
    | 1 << sctp.SHUTDOWN_COMPLETE
    | 1 << sctp.COOKIE_ECHO
    | 1 << sctp.ABORT
    | 1 << sctp.SHUTDOWN_ACK
    | 1 << sctp.HEARTBEAT
    | 1 << sctp.HEARTBEAT_ACK
)

# Tags.flags
INIT_BY_ORIGINAL: Final = 1
INIT_BY_REPLY: Final = 2
BOTH_INITS: Final = 3
HEARTBEAT_ASTRAY: Final = 4  # a HEARTBEAT came with a wrong tag; its answer will name the right one
ASTRAY_BY_ORIGINAL: Final = 8

_MASK: Final = 0xFFFF_FFFF
_ALL: Final = 0xFF


@mypyc_attr(acyclic=True, allow_interpreted_subclasses=False)
class Tags(ProtocolState):
    """40 bytes an association. original, reply: the tag that packets of that direction must carry, 0 if unknown."""

    __slots__ = ("flags", "original", "reply")

    def __init__(self) -> None:
        self.original: i32 = 0
        self.reply: i32 = 0
        self.flags: u8 = 0

    def clear(self) -> None:
        """Forgets everything."""
        self.original = 0
        self.reply = 0
        self.flags = 0

    def of(self, original: bool) -> i64:
        """The tag of a direction."""
        return i64(self.original if original else self.reply) & _MASK

    def put(self, original: bool, tag: i64) -> None:
        """Sets the tag of a direction."""
        if original:
            self.original = i32(tag)
        else:
            self.reply = i32(tag)


def first_tags(packet: Packet, at: i64, tags: Tags) -> None:
    """What the first packet's chunk at `at` says of tags. A SHUTDOWN ACK out of the blue expects its own tag back."""
    kind: i64 = packet.raw[at]
    if kind == sctp.INIT:
        tags.put(False, sctp.initiate_tag(packet, at))
    elif kind == sctp.HEARTBEAT or kind == sctp.HEARTBEAT_ACK:
        tags.put(True, sctp.verification_tag(packet))
    else:
        tags.put(False, sctp.verification_tag(packet))


def judge_tag(packet: Packet, at: i64, types: i64, original: bool, quiet: bool, tags: Tags) -> i64:
    """Whether a packet's tag suits its chunk at `at`: ACCEPT; IGNORE: pass this chunk over; or BAD_TAG.

    quiet: a HEARTBEAT of the same packet was passed over already.
    """
    kind: i64 = packet.raw[at]
    tag = sctp.verification_tag(packet)
    mine = tags.of(original)
    if kind == sctp.INIT:
        return ACCEPT if tag == 0 else reason.BAD_TAG
    if kind == sctp.ABORT or kind == sctp.SHUTDOWN_COMPLETE:
        wanted = tags.of(not original) if sctp.reflects(packet, at) else mine
        return ACCEPT if tag == wanted else reason.BAD_TAG
    if kind == sctp.COOKIE_ECHO:
        return ACCEPT if tag == mine else reason.BAD_TAG
    if kind == sctp.HEARTBEAT or kind == sctp.HEARTBEAT_ACK:
        return _heartbeat(kind, tag, types, original, quiet, tags)
    return ACCEPT


def _heartbeat(kind: i64, tag: i64, types: i64, original: bool, quiet: bool, tags: Tags) -> i64:
    """A heartbeat may teach the tag of a path that was not there when the association began (multihoming)."""
    mine = tags.of(original)
    if mine == 0:
        tags.put(original, tag)
        return ACCEPT
    if tag == mine:
        tags.flags &= _ALL - HEARTBEAT_ASTRAY
        return ACCEPT
    if types & 1 << sctp.DATA or quiet:
        return reason.BAD_TAG
    if kind == sctp.HEARTBEAT:
        tags.flags &= _ALL - ASTRAY_BY_ORIGINAL
        tags.flags |= HEARTBEAT_ASTRAY
        if original:
            tags.flags |= ASTRAY_BY_ORIGINAL
        return IGNORE
    by_original = tags.flags & ASTRAY_BY_ORIGINAL != 0
    if not tags.flags & HEARTBEAT_ASTRAY or by_original == original:
        return reason.BAD_TAG
    tags.flags &= _ALL - HEARTBEAT_ASTRAY
    tags.put(original, tag)
    tags.put(not original, 0)
    return ACCEPT


def note_init(packet: Packet, at: i64, state: i64, original: bool, tags: Tags) -> None:
    """An INIT names its sender's tag. Both sides may send one at once; a repeated one is nothing new."""
    tag = sctp.initiate_tag(packet, at)
    if state == 0 or tags.of(not original) != tag:
        if tags.flags & BOTH_INITS == BOTH_INITS:
            tags.flags &= _ALL - (INIT_BY_REPLY if original else INIT_BY_ORIGINAL)
        tags.flags |= INIT_BY_ORIGINAL if original else INIT_BY_REPLY
    tags.put(not original, tag)


def note_init_ack(packet: Packet, at: i64, original: bool, tags: Tags) -> bool:
    """An INIT ACK names its sender's tag, unless one is known already and only this side has sent an INIT."""
    tag = sctp.initiate_tag(packet, at)
    known = tags.of(not original)
    asked = tags.flags & (INIT_BY_REPLY if original else INIT_BY_ORIGINAL)
    if tag != known and ((not asked and known != 0) or tags.flags & BOTH_INITS == BOTH_INITS):
        return False
    tags.put(not original, tag)
    return True
