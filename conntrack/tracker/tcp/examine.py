"""Whether a TCP packet fits the windows, and what it changes in them.

Lives here: the conditions I–IV and their consequences. May not live here: states and timers. The method is Guido van
Rooij's ("Real Stateful TCP Packet Filtering in IP Filter", 2000), the limits are the kernel's.

Acknowledgements must be in the numbers of the side that sent the data: whoever lengthens a stream on its way (a
helper) corrects Packet.ack before.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i32, i64

from conntrack.packet import reason
from conntrack.packet.errors import Malformed
from conntrack.packet.header import ACK, RST, SYN, Packet
from conntrack.packet.tcp_options import highest_sack
from conntrack.tracker.base import ACCEPT, IGNORE
from conntrack.tracker.tcp import table
from conntrack.tracker.tcp.memory import Memory
from conntrack.tracker.tcp.sequence import MASK, after, before, end_of, same
from conntrack.tracker.tcp.window import (
    ACK_KNOWN,
    BARE_HEADER,
    SACK,
    UNACKNOWLEDGED,
    Window,
    agree_on_scale,
    join,
)

_ALL: Final = 0xFF
ACK_SLACK: Final = 66000  # how long past an acknowledgement may be, at least


def examine(
    packet: Packet, state: i64, kind: i64, original: bool, sender: Window, receiver: Window, memory: Memory
) -> i64:
    """Whether a packet fits the windows: ACCEPT, having brought them up to date; IGNORE; or the reason why not.

    state is the one before the packet. A side that has sent nothing yet starts with this packet.
    """
    flags = packet.flags
    seq = packet.seq
    end = end_of(packet)
    ack = packet.ack
    sack = ack
    if receiver.flags & SACK and packet.payload - packet.transport > BARE_HEADER:
        sack = furthest(packet)
    if flags & SYN:
        if sender.maxwin == 0 or ((state == table.SYN_SENT or state == table.SYN_RECV) and after(end, i64(sender.end))):
            sender.begin(packet)
            if not original:
                agree_on_scale(sender, receiver)
                if not flags & ACK:
                    return ACCEPT  # simultaneous open
    elif sender.maxwin == 0:
        join(packet, sack, sender, receiver)
    if not flags & ACK or (flags & RST and ack == 0):
        ack = i64(receiver.end)
        sack = ack
    if flags & RST and seq == 0 and state == table.SYN_SENT:
        seq = i64(sender.end)  # an RST that answers a SYN has no number of its own (RFC 9293 §3.10.7.1)
        end = seq
    judgement = fit(seq, end, sack, sender, receiver)
    if judgement == ACCEPT:
        advance(packet, end, ack, sack, sender, receiver)
        if kind == table.ACK:
            memory.count(packet, original, end, ack)
    return judgement


def furthest(packet: Packet) -> i64:
    """The highest number that a packet acknowledges, selectively or not; blocks that cannot be read do not count."""
    try:
        return highest_sack(packet)
    except Malformed:
        return packet.ack


def fit(seq: i64, end: i64, sack: i64, sender: Window, receiver: Window) -> i64:
    """The conditions I–IV: ACCEPT, IGNORE or a reason."""
    room = i64(receiver.maxwin) & MASK
    slack = max(i64(sender.maxwin) & MASK, ACK_SLACK)
    receiver_end = i64(receiver.end)
    sent = before(sack, receiver_end + 1)
    recent = after(sack, receiver_end - slack - 1)
    new = after(end, i64(sender.end) - room - 1)
    if not before(seq, i64(sender.maxend) + 1):
        # A little beyond the window happens; the peer may acknowledge it, and must not be refused then.
        if sent and recent and new and room != 0 and (end - i64(sender.maxend) + 1) & MASK <= room:
            sender.end = i32(end & MASK)
            sender.flags |= UNACKNOWLEDGED
            return IGNORE
        return reason.SEQ_OVER_WINDOW
    if not sent:
        return reason.ACK_OVER_WINDOW
    if (room != 0 and not new) or not recent:
        return IGNORE
    return ACCEPT


def advance(packet: Packet, end: i64, ack: i64, sack: i64, sender: Window, receiver: Window) -> None:
    """Brings both windows up to date with a packet that fits them."""
    window = packet.window
    if not packet.flags & SYN:
        window <<= i64(sender.scale)
    reach = (window + sack - ack) & MASK
    if reach > i64(sender.maxwin) & MASK:
        sender.maxwin = i32(reach)
    if packet.flags & ACK and (not sender.flags & ACK_KNOWN or after(ack, i64(sender.maxack))):
        sender.maxack = i32(ack & MASK)
        sender.flags |= ACK_KNOWN
    if after(end, i64(sender.end)):
        sender.end = i32(end & MASK)
        sender.flags |= UNACKNOWLEDGED
    overshoot = (end - i64(sender.maxend)) & MASK
    if receiver.maxwin != 0 and after(end, i64(sender.maxend)):
        receiver.maxwin = i32((i64(receiver.maxwin) + overshoot) & MASK)
    if after(sack + window, i64(receiver.maxend) - 1):
        receiver.maxend = i32((sack + max(window, 1)) & MASK)
    if same(ack, i64(receiver.end)):
        receiver.flags &= _ALL - UNACKNOWLEDGED
