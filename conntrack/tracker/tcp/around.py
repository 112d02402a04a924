"""What no table of state and flags can say: packets that the middle box had better not believe.

Lives here: reopening, ignored SYNs and how to come in step again, challenge ACKs, simultaneous open. May not live
here: RSTs (reset.py) and windows (examine.py).
"""

from __future__ import annotations

from mypy_extensions import i32, i64

from conntrack.packet import reason
from conntrack.packet.header import Packet
from conntrack.tracker.base import IGNORE, REOPEN
from conntrack.tracker.tcp import table
from conntrack.tracker.tcp.memory import CHALLENGE_EXPECTED, SIMULTANEOUS_OPEN, Memory
from conntrack.tracker.tcp.sequence import MASK, end_of, same
from conntrack.tracker.tcp.steps import DONE
from conntrack.tracker.tcp.window import CLOSED_FIRST, Window, offered_flags, offered_scale


def take_step(
    packet: Packet, kind: i64, state: i64, new: i64, original: bool, sender: Window, receiver: Window, memory: Memory
) -> i64:
    """The step (steps.py) of a packet, not an RST, for which the table says `new`."""
    if new == table.INVALID:
        return DONE + reason.OUT_OF_STATE
    if new == table.IGNORED:
        return ignore(packet, kind, state, original, sender, receiver, memory)
    if new == table.SYN_SENT and state >= table.TIME_WAIT:
        over = (sender.flags | receiver.flags) & CLOSED_FIRST
        if over or (memory.kind == table.RST and memory.original == original):
            return DONE + REOPEN
        return ignore(packet, kind, state, original, sender, receiver, memory)
    if kind == table.ACK:
        return _acknowledged(state, new, original, memory)
    if new == table.SYN_SENT2:
        memory.flags |= SIMULTANEOUS_OPEN
    return new


def _acknowledged(state: i64, new: i64, original: bool, memory: Memory) -> i64:
    if new == table.TIME_WAIT and state == table.LAST_ACK and memory.flags & CHALLENGE_EXPECTED:
        if memory.kind == table.SYN and memory.original != original:
            memory.flags -= CHALLENGE_EXPECTED  # acknowledges the SYN's bad number, not the FIN (RFC 5961 §4.2)
            return DONE + IGNORE
    elif new == table.SYN_RECV and not original and memory.flags & SIMULTANEOUS_OPEN:
        return table.ESTABLISHED
    return new


def ignore(
    packet: Packet, kind: i64, state: i64, original: bool, sender: Window, receiver: Window, memory: Memory
) -> i64:
    """Passes a packet without believing it, and remembers it; or comes in step with hosts that believed another."""
    answers = kind == table.SYNACK and memory.kind == table.SYN and memory.original != original
    if answers and same(packet.ack, i64(memory.end)):
        resume(sender, receiver, memory)
        return table.SYN_RECV
    memory.note(kind, original)
    memory.seq = i32(packet.seq)
    memory.end = i32(end_of(packet) & MASK)
    memory.window = i32(packet.window)
    if kind == table.SYN and original:
        memory.syn_scale = offered_scale(packet)
        memory.syn_flags = offered_flags(packet)
        memory.flags = CHALLENGE_EXPECTED if state == table.LAST_ACK else 0
    elif kind == table.ACK and state == table.SYN_SENT:
        memory.ack = i32(packet.ack)
    return DONE + IGNORE


def resume(sender: Window, receiver: Window, memory: Memory) -> None:
    """A SYNACK (of `sender`) acknowledges the ignored SYN: the hosts have begun a new connection, so we do the same."""
    receiver.end = memory.end
    receiver.maxend = memory.end
    receiver.maxwin = i32(max(i64(memory.window), 1))
    receiver.scale = memory.syn_scale
    receiver.flags = memory.syn_flags
    sender.forget()
    memory.flags = 0
