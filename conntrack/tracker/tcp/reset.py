"""What an RST may do: it ends a connection, so it is the packet that attackers forge (RFC 5961 §3).

Lives here: whether to believe an RST. May not live here: the window (examine.py), which most of them must fit too.
"""

from __future__ import annotations

from mypy_extensions import i64

from conntrack.flow.connection import ASSURED, SEEN_REPLY
from conntrack.packet import reason
from conntrack.packet.header import ACK as ACK_FLAG
from conntrack.packet.header import Packet
from conntrack.tracker.tcp.memory import Memory
from conntrack.tracker.tcp.sequence import before, same
from conntrack.tracker.tcp.steps import DONE, SURE
from conntrack.tracker.tcp.table import ACK, CLOSE, ESTABLISHED, FIN_WAIT, SYN, SYN_SENT
from conntrack.tracker.tcp.window import ACK_KNOWN, Window


def judge_reset(
    packet: Packet, state: i64, status: i64, original: bool, sender: Window, receiver: Window, memory: Memory
) -> i64:
    """The step (steps.py) that an RST makes of a connection with this state and Connection.status.

    A closing connection believes every RST: its ports may be in use again, and what is known of its windows is old.
    """
    if FIN_WAIT <= state <= CLOSE:
        return SURE + CLOSE
    established = state == ESTABLISHED and status & ASSURED != 0
    if not established and acknowledges_nothing(packet, receiver) and not exact(packet, sender, receiver):
        return DONE + reason.RST_OUT_OF_WINDOW
    if receiver.flags & ACK_KNOWN and memory.kind != SYN:
        return compared_with_acknowledged(packet, state, established, original, receiver, memory)
    if answers_ignored(packet, state, status, original, memory):
        return SURE + CLOSE
    return CLOSE


def acknowledges_nothing(packet: Packet, receiver: Window) -> bool:
    """Whether it is an RST+ACK with the acknowledgement 0 that broken stacks, and forgers, write.

    The window check takes such an ack for the right one, as the kernel does. Ours: it is no proof of anything, so the
    sequence number must be exact.
    """
    if packet.ack != 0 or not packet.flags & ACK_FLAG:
        return False
    return receiver.maxwin == 0 or receiver.end != 0


def exact(packet: Packet, sender: Window, receiver: Window) -> bool:
    """Whether the sequence number is just the next one, by what the peer acknowledged or by what this side sent."""
    if receiver.flags & ACK_KNOWN and same(packet.seq, i64(receiver.maxack)):
        return True
    return sender.maxwin != 0 and same(packet.seq, i64(sender.end))


def compared_with_acknowledged(
    packet: Packet, state: i64, established: bool, original: bool, receiver: Window, memory: Memory
) -> i64:
    """The step of an RST, by the highest number that the other side has acknowledged."""
    seq = packet.seq
    acknowledged = i64(receiver.maxack)
    if not established and seq == 0:
        return CLOSE  # most likely answers a SYN that was let pass
    if before(seq, acknowledged):
        return DONE + reason.RST_BEFORE_ACK
    if not established or same(seq, acknowledged):
        return CLOSE
    if memory.kind == ACK and memory.original == original and same(seq, i64(memory.end)):
        return CLOSE  # follows the data that the same side sent just before
    return state  # inexact: the receiver may answer with a challenge ACK, and all goes on


def answers_ignored(packet: Packet, state: i64, status: i64, original: bool, memory: Memory) -> bool:
    """Whether it answers a packet that was passed without being believed: the hosts know better, the window is moot."""
    kind = memory.kind
    syn = kind == SYN and memory.original != original and status & SEEN_REPLY != 0
    if (syn or (kind == ACK and not status & ASSURED)) and same(packet.ack, i64(memory.end)):
        return True
    # a client that got a challenge ACK in answer to its SYN resets the connection of old that it speaks of
    return state == SYN_SENT and kind == ACK and not memory.original and same(packet.seq, i64(memory.ack))
