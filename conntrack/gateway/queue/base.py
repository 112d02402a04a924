"""What every packet queue offers, and what it asks of whoever judges the packets.

Lives here: the interface, its options, its counters. May not live here: a backend, or a judgement. Compiled: no
ctypes, no asyncio.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64, mypyc_attr

#: packets the kernel may hold for us, unless the rules file says otherwise
DEFAULT_LENGTH: Final = 8192


class QueueError(Exception):
    """A queue cannot be opened, or is lost; the text names the cause and the remedy."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Handler:
    """Judges packets. What it raises is counted as a fault, and drops the packet: nothing passes unjudged."""

    def batch(self) -> None:
        """Up to 64 calls of `packet` follow: the moment to read a clock."""
        raise NotImplementedError

    def packet(
        self, raw: bytes, hook: i64, inbound: i64, outbound: i64, mark: i64, verify: bool
    ) -> tuple[int, bytes | None, int]:
        """One whole IP packet: (0 drop or 1 accept, its new bytes or None if unchanged, the packet mark to set).

        hook: NF_INET_* number; inbound, outbound: interface indexes, 0 for none; mark: the packet's own;
        verify: the transport checksum is yet to be judged (the kernel has not vouched for it).
        """
        raise NotImplementedError

    def held(self, raw: bytes, hook: i64, inbound: i64, mark: i64) -> tuple[int, bytes | None, int]:
        """A packet that `packet` answered with HOLD (engine/verdict.py): its verdict now, or HOLD once more.

        Asked after a call of `batch`, in the order in which the packets came.
        """
        raise NotImplementedError


class Options:
    """How a queue is set up."""

    def __init__(
        self, number: int = 0, length: int = DEFAULT_LENGTH, fail_open: bool = False, gso: bool = False
    ) -> None:
        self.number = number  # 0–65535, what the hook rules name
        self.length = length  # packets the kernel may hold for us
        self.fail_open = fail_open  # a full queue lets packets pass instead of dropping them
        self.gso = gso  # take segmentation offload packets whole, with unfinished checksums


class Tally:
    """What a queue counted since it was opened; plain integers, read by metrics."""

    def __init__(self) -> None:
        self.packets: i64 = 0  # given to the handler
        self.overruns: i64 = 0  # times the kernel said that it had to throw messages away (ENOBUFS)
        self.truncated: i64 = 0  # dropped, because the kernel or the backend did not hand over the whole packet
        self.faults: i64 = 0  # dropped, because the handler raised
        self.refused: i64 = 0  # verdicts that the kernel did not take
        self.fault: BaseException | None = None  # the last one


@mypyc_attr(allow_interpreted_subclasses=True)
class Queue:
    """One open NFQUEUE. Not for several threads; bound to the network namespace that it was opened in."""

    def name(self) -> str:
        """The backend's name, as `settings: queue: backend:` writes it."""
        raise NotImplementedError

    def tally(self) -> Tally:
        """The counters, live."""
        raise NotImplementedError

    def fileno(self) -> int:
        """What becomes readable when packets wait."""
        raise NotImplementedError

    def drain(self, limit: int) -> int:
        """Judges up to `limit` waiting packets (rounded up to a batch) without waiting; returns how many.

        QueueError: the queue is lost.
        """
        raise NotImplementedError

    def segment(self) -> None:
        """From now on joined packets (GSO) come apart, each with its checksum."""

    def close(self) -> None:
        """Unbinds the queue: packets that wait are dropped. A second call does nothing."""
        raise NotImplementedError
