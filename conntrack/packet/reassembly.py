"""Datagrams out of their fragments, as the kernel would put them together before the queue sees them.

Lives here: the bounded store, and the rules of Linux (inet_fragment.c): a piece that brings nothing new to a run is
ignored, any other overlap ends the datagram (RFC 5722, for IPv4 as well), and so does a second end at another place.
May not live here: packets that are no fragments, clocks. The daemon does without: a capture holds pieces (replay).
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.packet import reason
from conntrack.packet.checksum import ones_sum
from conntrack.packet.errors import Malformed
from conntrack.packet.octets import word
from conntrack.packet.pieces import LONGEST, Piece, read_piece

#: seconds that an IPv4 and an IPv6 datagram may take (net.ipv4.ipfrag_time, net.ipv6.ip6frag_time)
PATIENCE4: Final = 30.0
PATIENCE6: Final = 60.0
#: bytes that are kept in all (net.ipv4.ipfrag_high_thresh), and datagrams
OCTETS_KEPT: Final = 4 << 20
DATAGRAMS: Final = 1024

#: bytes that a kept piece takes besides its data, about
_COST: Final = 256

# Datagram._place
_NEW: Final = 0
_KNOWN: Final = 1
_OVERLAP: Final = 2


class Datagram:
    """What has come of one datagram. `runs` are [start, end] of pieces that followed each other, by start."""

    def __init__(self, until: float) -> None:
        self.until = until
        self.runs: list[tuple[int, int]] = []
        self.pieces: list[Piece] = []
        self.octets: i64 = 0
        self.length: i64 = 0  # of the fragmentable part, as far as is known
        self.ended = False  # its last piece has come
        self.head: bytes = b""

    def add(self, piece: Piece) -> bool:
        """Takes a piece in; False: it contradicts what is there, so that the datagram is lost."""
        end = piece.start + len(piece.data)
        if piece.more:
            if end > self.length:
                if self.ended:
                    return False
                self.length = end
        elif end < self.length or (self.ended and end != self.length):
            return False
        else:
            self.length = end
            self.ended = True
        place = self._place(int(piece.start), int(end))
        if place == _OVERLAP:
            return False
        if place == _NEW:
            self.pieces.append(piece)
            self.octets += len(piece.data)
            if piece.start == 0:
                self.head = piece.head
        return True

    def cost(self) -> i64:
        """What it takes of the memory that there is, about."""
        return self.octets + len(self.pieces) * _COST

    def is_too_long(self) -> bool:
        """Whether the headers of its first piece leave no room for all the rest."""
        return self.length + len(self.head) - (0 if self.head[0] >> 4 == 4 else 40) > LONGEST

    def is_whole(self) -> bool:
        """Whether every byte is there: pieces do not overlap, so their sum tells."""
        return self.ended and bool(self.head) and self.octets == self.length

    def joined(self) -> bytes:
        """The datagram, with its first piece's headers, lengths and IPv4 checksum made right."""
        self.pieces.sort(key=_start_of)
        body = b"".join([piece.data for piece in self.pieces])
        head = self.head
        if head[0] >> 4 == 6:
            return b"%b%b%b%b" % (head[:4], word(len(head) - 40 + len(body)), head[6:], body)
        start = b"%b%b%b\0\0%b\0\0" % (head[:2], word(len(head) + len(body)), head[4:6], head[8:10])
        checksum = 0xFFFF - ones_sum(start + head[12:])
        return b"%b%b%b%b" % (start[:10], word(checksum), head[12:], body)

    def _place(self, start: int, end: int) -> int:
        """Puts the bytes start–end among the runs: _NEW, _KNOWN if a run holds them all, or _OVERLAP."""
        runs = self.runs
        if not runs or end > runs[-1][1]:
            if runs and start < runs[-1][1]:
                return _OVERLAP
            if runs and start == runs[-1][1]:
                runs[-1] = (runs[-1][0], end)
            else:
                runs.append((start, end))
            return _NEW
        at = 0
        while runs[at][1] <= start:
            at += 1
        low, high = runs[at]
        if end <= low:
            runs.insert(at, (start, end))
            return _NEW
        return _KNOWN if low <= start and end <= high else _OVERLAP


class Reassembly:
    """Give it every packet. `lost` counts datagrams that were given up, whatever the reason."""

    def __init__(self, octets: int = OCTETS_KEPT, datagrams: int = DATAGRAMS) -> None:
        self.lost: i64 = 0
        self.octets: i64 = 0  # kept now
        self._most_octets: i64 = octets
        self._most: i64 = datagrams
        self._waiting: dict[bytes, Datagram] = {}  # by Piece.key, the oldest first

    def __len__(self) -> int:
        return len(self._waiting)

    def incomplete(self) -> int:
        """Datagrams of which something came that did not come to be whole."""
        return int(self.lost) + len(self._waiting)

    def take(self, raw: bytes, now: float) -> bytes | None:
        """The datagram that a packet completes, or the packet itself if it is no piece; None: pieces are missing.

        now: seconds on a clock that does not go back. Raises Malformed: the packet cannot be read, or (FRAGMENT)
        contradicts earlier pieces; they are forgotten then.
        """
        piece = read_piece(raw)
        if piece is None:
            return raw
        self._expire(piece.key, now)
        datagram = self._waiting.get(piece.key)
        if datagram is None:
            datagram = Datagram(now + (PATIENCE4 if piece.key[0] == 4 else PATIENCE6))
            self._waiting[piece.key] = datagram
        before = datagram.cost()
        if not datagram.add(piece):
            self._lose(piece.key)
            raise Malformed(reason.FRAGMENT)
        self.octets += datagram.cost() - before
        if datagram.is_whole():
            if datagram.is_too_long():
                self._lose(piece.key)
                raise Malformed(reason.FRAGMENT)
            self._forget(piece.key)
            return datagram.joined()
        while self.octets > self._most_octets or len(self._waiting) > self._most:
            self._lose(next(iter(self._waiting)))
        return None

    def _expire(self, key: bytes, now: float) -> None:
        """Gives up this datagram if it took too long, and the oldest of all as long as they did."""
        datagram = self._waiting.get(key)
        if datagram is not None and datagram.until <= now:
            self._lose(key)
        while self._waiting:
            oldest = next(iter(self._waiting))
            if self._waiting[oldest].until > now:
                return
            self._lose(oldest)

    def _lose(self, key: bytes) -> None:
        self._forget(key)
        self.lost += 1

    def _forget(self, key: bytes) -> None:
        self.octets -= self._waiting.pop(key).cost()


def _start_of(piece: Piece) -> int:
    return int(piece.start)
