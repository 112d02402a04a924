"""A TCP stream whose bytes were changed on their way: which number of the sender's is which of the receiver's.

Lives here: the changes of one direction, and the arithmetic on them. May not live here: what is changed (helper/), the
bytes of packets (packet/splice.py).

A change replaces the sender's bytes start..end by other ones. Every number outside of it has its exact counterpart.
One within stands for the change's start towards the receiver, and the new bytes leave whole, with the segment that
holds the end: so a segment that is sent again, cut elsewhere or joined with others, leaves as the same stream. Of what
is acknowledged only the offset remains, in time. The kernel (nf_ct_seqadj) keeps one position and two offsets.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.tracker.tcp.sequence import MASK, after, before

#: changes that are kept: those that wait for their acknowledgement, and the latest that do not
MOST: Final = 8
#: acknowledged changes this far back, in bytes, are forgotten in any case: half the circle on, they would lie ahead
_FAR: Final = 1 << 28


class Change:
    """The sender's bytes [start, end), at least one, replaced by `new`. before, beyond: offsets on either side."""

    __slots__ = ("before", "beyond", "end", "new", "start")

    def __init__(self, start: i64, end: i64, new: bytes, before: i64) -> None:
        self.start: i64 = start & MASK
        self.end: i64 = end & MASK
        self.new = new
        self.before: i64 = before
        self.beyond: i64 = before + len(new) - (end - start)


class Shift:
    """The changes of one direction's stream, oldest first. Numbers are 32 bits, unsigned."""

    def __init__(self) -> None:
        self._changes: list[Change] = []
        self._settled: i64 = 0  # the offset that forgotten changes leave behind
        self._acked: i64 = -1  # up to where the receiver has everything; -1: not known

    def active(self) -> bool:
        """Whether any number differs."""
        return self._settled != 0 or bool(self._changes)

    def full(self) -> bool:
        """Whether no further change can be noted."""
        return len(self._changes) >= MOST and (self._acked < 0 or before(self._acked, self._changes[0].end))

    def note(self, start: i64, end: i64, new: bytes) -> None:
        """Notes that [start, end) of new data leaves as `new`; not while full. start comes after every earlier change;
        end > start.
        """
        offset = self._changes[-1].beyond if self._changes else self._settled
        self._changes.append(Change(start, end, new, offset))
        if len(self._changes) > MOST:
            self._forget()

    def settle(self, ack: i64) -> None:
        """Notes what the receiver acknowledged, in the sender's numbers."""
        if self._acked < 0 or after(ack, self._acked):
            self._acked = ack & MASK
        while self._changes and _FAR < (self._acked - self._changes[0].end) & MASK <= MASK >> 1:
            self._forget()

    def outward(self, seq: i64, data: bytes) -> tuple[i64, bytes]:
        """Number and data of the sender's segment as the receiver gets them."""
        end = seq + len(data)
        offset = self._settled
        at = seq
        pieces: list[bytes] = []
        for change in self._changes:
            if not after(change.end, at):
                if not pieces:
                    offset = change.beyond
                continue
            if not before(change.start, end):
                break
            if before(change.start, at):  # begins within: the new bytes begin where the change does
                offset += change.start - at
            pieces.append(data[at - seq : at - seq + self._ahead(at, change.start)])
            if before(end, change.end):  # ends within: nothing of the change leaves yet
                at = end
                break
            pieces.append(change.new)
            at += (change.end - at) & MASK
        pieces.append(data[at - seq :])
        return (seq + offset) & MASK, b"".join(pieces)

    def inward(self, ack: i64, late: bool = False) -> i64:
        """The sender's number for an acknowledged one of the receiver's.

        One within the new bytes stands for the change's start, and with `late` for its end: no byte of a change is
        acknowledged before all are, be it the number up to which or (late) from which something arrived.
        """
        offset = self._settled
        for change in self._changes:
            start = change.start + change.before
            if not after(ack, start):
                break
            if before(ack, start + len(change.new)):
                return change.end if late else change.start
            offset = change.beyond
        return (ack - offset) & MASK

    def _forget(self) -> None:
        self._settled = self._changes[0].beyond
        del self._changes[0]

    def _ahead(self, at: i64, start: i64) -> i64:
        """Bytes from `at` to a change's start, 0 if that lies behind."""
        return (start - at) & MASK if after(start, at) else 0
