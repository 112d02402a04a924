"""Connections read, taken out or changed many at a time, by programs that only user space runs (bpf/bulk.h).

Lives here: what they are given and what they answer. May not live here: when (connections.py), the maps themselves.
A system call for each entry would cost more than the entry does, and the kernel's own batches do not take keys to read.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from conntrack.gateway.fastpath import layout
from conntrack.gateway.fastpath.layout import Usage
from conntrack.gateway.fastpath.program import Program

_LINK_HEADER: Final = 14
_READ: Final = bytes(_LINK_HEADER)
_TAKE: Final = b"\1" + bytes(_LINK_HEADER - 1)
_NAMED: Final = Struct("=II56x")  # slot, owner, in the room of a TCP state
_USAGE4: Final = Struct("=IIQ")  # in the room of a key
_USAGE6: Final = Struct("=IIQ24x")
_NOT_THERE: Final = (1 << 64) - 1
_LOCK: Final = bytes(4)


class Bulk:
    """The programs of one load. Every method raises FastPathError where the kernel refuses.

    take: entries are removed as soon as they are read, of TCP states no packet changes anything afterwards.
    """

    def __init__(self, states: Program, usage4: Program, usage6: Program, relink: Program) -> None:
        self._states = states
        self._usage4 = usage4
        self._usage6 = usage6
        self._relink = relink

    def states(self, named: list[tuple[int, int]], take: bool) -> list[bytes]:
        """The TCP states of (slot, owner)s, each as one piece; b"" where the slot is somebody else's by now."""
        raw = _run(self._states, [_NAMED.pack(*one) for one in named], layout.BULK_STATES, take)
        size = layout.TCP_STATE.size
        return [
            b"" if raw[at : at + 4] == _LOCK else _LOCK + raw[at + 4 : at + size] for at in range(0, len(raw), size)
        ]

    def usage(self, keys: list[bytes], take: bool) -> list[Usage | None]:
        """What the entries have done that have these keys, which are of one family; None where there is none."""
        if not keys:
            return []
        size = len(keys[0])
        program, answer = (self._usage4, _USAGE4) if size == _USAGE4.size else (self._usage6, _USAGE6)
        raw = _run(program, keys, layout.BULK_ENTRIES * layout.KEY4_SIZE // size, take)
        return [
            None if octets == _NOT_THERE else Usage(packets, octets, last_seen)
            for packets, last_seen, octets in answer.iter_unpack(raw)
        ]

    def relink(self, orders: list[bytes]) -> None:
        """Changes Flow.link of entries, as layout.RELINK has it."""
        _run(self._relink, orders, layout.RELINKS, False)

    def close(self) -> None:
        """Gives the descriptors back."""
        for program in (self._states, self._usage4, self._usage6, self._relink):
            program.close()


def _run(program: Program, names: list[bytes], most: int, take: bool) -> bytes:
    """All answers, one after the other; most: names at a run."""
    header = _TAKE if take else _READ
    answers = [
        program.run(header + b"".join(names[at : at + most])).data[_LINK_HEADER:] for at in range(0, len(names), most)
    ]
    return b"".join(answers)
