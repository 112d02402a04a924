"""Sends prebuilt frames as fast as one core can: AF_PACKET and sendmmsg, by ctypes.

Lives here: the sender and the pinning of processes to cores. May not live here: what the frames are, what counts them.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import socket
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Final, Self

from conntrack.cli.lab.namespace import Namespace
from tests.bench.figure import BenchError

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_SOL_PACKET: Final = 263
_PACKET_QDISC_BYPASS: Final = 20
#: frames a system call
BATCH: Final = 64


class _Piece(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_char_p), ("length", ctypes.c_size_t))


class _Message(ctypes.Structure):
    """struct mmsghdr: struct msghdr and the number of bytes sent."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("pieces", ctypes.POINTER(_Piece)),
        ("piece_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("sent", ctypes.c_uint32),
    )


class Flood:
    """Frames, ready to be sent out of a namespace's link; a context manager that closes the socket."""

    def __init__(self, host: Namespace, link: str, frames: Sequence[bytes]) -> None:
        self._frames = list(frames)  # the messages point into them
        count = len(self._frames)
        self._pieces = (_Piece * count)(*[_Piece(frame, len(frame)) for frame in self._frames])
        self._messages = (_Message * count)()
        for number in range(count):
            self._messages[number].pieces = ctypes.pointer(self._pieces[number])
            self._messages[number].piece_count = 1
        self._start = ctypes.addressof(self._messages)
        self._size = ctypes.sizeof(_Message)
        self._at = 0  # the frame whose turn it is
        self._socket = host.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self._socket.bind((link, 0))
        self._socket.setsockopt(_SOL_PACKET, _PACKET_QDISC_BYPASS, 1)
        self._socket.settimeout(None)

    def __len__(self) -> int:
        return len(self._frames)

    def send(self, first: int, count: int) -> int:
        """Sends `count` frames from number `first` on; returns how many the link took. BenchError: the link failed."""
        done = _LIBC.sendmmsg(
            self._socket.fileno(), ctypes.c_void_p(self._start + first * self._size), ctypes.c_uint(count), 0
        )
        if done < 0:
            number = ctypes.get_errno()
            raise BenchError(f"the generator cannot send: {os.strerror(number)}")
        return int(done)

    def frames(self, count: int) -> None:
        """Sends so many frames, or a few more, all in turn."""
        while count > 0:
            count -= self._batch()

    def _batch(self) -> int:
        if self._at >= len(self):
            self._at = 0
        done = self.send(self._at, min(BATCH, len(self) - self._at))
        self._at += done
        return done

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()


@functools.cache
def cores() -> tuple[int, int]:
    """The generator's core and the one of what is measured; asked once, before any pinning. BenchError: only one."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise BenchError("needs two cores: one for the generator, one for what is measured")
    return allowed[0], allowed[1]


@contextlib.contextmanager
def pinned(core: int) -> Iterator[None]:
    """This thread, and what it starts, runs on one core meanwhile; what it started stays there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
