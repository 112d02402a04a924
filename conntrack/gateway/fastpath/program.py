"""A program in the kernel: running it on a frame, asking what it is.

Lives here: one program. May not live here: loading (loader.py), interfaces (attach.py).
"""

from __future__ import annotations

import ctypes
import os
from struct import Struct
from typing import Final, NamedTuple

from conntrack.gateway.fastpath import syscalls

#: what the kernel may return of a frame; it refuses longer ones
_LARGEST: Final = 1 << 16
#: bytes of struct __sk_buff that all kernels from 5.8 on know
CONTEXT_SIZE: Final = 192
_INFO: Final = Struct("=II8s")


class Run(NamedTuple):
    """What came of a test run."""

    action: int  # TC_ACT_* or XDP_*
    data: bytes  # the frame afterwards
    context: bytes  # struct __sk_buff afterwards
    nanoseconds: int  # mean of one run


class Program:
    """A program by its file descriptor, which this object owns."""

    def __init__(self, descriptor: int, name: str) -> None:
        self.descriptor = descriptor
        self.name = name
        self._data = ctypes.create_string_buffer(_LARGEST)
        self._context = ctypes.create_string_buffer(CONTEXT_SIZE)

    def run(self, frame: bytes, context: bytes = b"", repeat: int = 1) -> Run:
        """BPF_PROG_TEST_RUN: judges a frame (from the link header on) without sending it.

        context: struct __sk_buff, of which mark, ifindex, gso_segs, gso_size and a few more may be set; b"" for none.
        """
        data = ctypes.create_string_buffer(frame, len(frame))
        given = ctypes.create_string_buffer(context, len(context)) if context else None
        out = ctypes.addressof(self._context) if given else 0
        block = syscalls.block(
            syscalls.TEST,
            self.descriptor,
            0,
            len(frame),
            _LARGEST,
            ctypes.addressof(data),
            ctypes.addressof(self._data),
            repeat,
            0,
            len(context),
            CONTEXT_SIZE if given else 0,
            ctypes.addressof(given) if given else 0,
            out,
            0,
            0,
            0,
            0,
        )
        syscalls.checked(syscalls.PROG_TEST_RUN, block, f"run the program {self.name}")
        _, action, _, size, _, _, _, duration, _, context_size, *_ = syscalls.TEST.unpack(block.raw)
        return Run(_signed(action), ctypes.string_at(self._data, size), self._context.raw[:context_size], duration)

    def tag(self) -> str:
        """The kernel's hash of the program, 16 hexadecimal digits: equal for equal programs."""
        tag: bytes = _INFO.unpack(syscalls.info(self.descriptor, _INFO.size))[2]
        return tag.hex()

    def identity(self) -> int:
        """The kernel's number of this load of the program."""
        return int(_INFO.unpack(syscalls.info(self.descriptor, _INFO.size))[1])

    def close(self) -> None:
        """Closes the descriptor; attachments stay."""
        os.close(self.descriptor)


def _signed(number: int) -> int:
    return number - (1 << 32) if number >= 1 << 31 else number
