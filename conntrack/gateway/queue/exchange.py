"""recvmmsg(2) and send(2) without letting go of the interpreter: up to 64 datagrams in one system call.

Lives here: the calls by ctypes, and the buffers that they fill. May not live here: what the datagrams mean. Not
compiled. Neither call waits, so other threads need not run meanwhile; and if one does, getting the interpreter back
takes up to 5 ms (sys.getswitchinterval) a call, for which the packets would wait.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import socket
from typing import Final

#: datagrams a call
BATCH: Final = 64
#: room for one: a 64 kB packet and its attributes
STRIDE: Final = 66 * 1024


class _Vector(ctypes.Structure):  # struct iovec
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Message(ctypes.Structure):  # struct msghdr, then struct mmsghdr's own field
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("vectors", ctypes.POINTER(_Vector)),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Datagram(ctypes.Structure):  # struct mmsghdr
    _fields_ = (("header", _Message), ("received", ctypes.c_uint))


class Exchange:
    """The calls and buffers of one socket, which must stay open as long as this is used."""

    def __init__(self, peer: socket.socket) -> None:
        self._descriptor = peer.fileno()
        library = ctypes.PyDLL(None, use_errno=True)
        self._recvmmsg = library.recvmmsg
        self._recvmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)
        self._send = library.send
        self._send.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int)
        self._send.restype = ctypes.c_ssize_t
        # anonymous memory: the kernel gives only the pages that packets ever touch
        self._memory = mmap.mmap(-1, BATCH * STRIDE)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        self._vectors = (_Vector * BATCH)()
        self._datagrams = (_Datagram * BATCH)()
        for number in range(BATCH):
            vector = self._vectors[number]
            vector.base = start + number * STRIDE
            vector.length = STRIDE
            self._datagrams[number].header.vectors = ctypes.pointer(vector)
            self._datagrams[number].header.vector_count = 1
        self._address = ctypes.addressof(self._datagrams)
        words = memoryview(self._datagrams).cast("B").cast("I")
        step = ctypes.sizeof(_Datagram) // 4
        self._received = words[_Datagram.received.offset // 4 :: step]
        self.buffer = memoryview(self._memory)

    def receive(self) -> list[int]:
        """The lengths of the datagrams that waited, each at its multiple of STRIDE in `buffer`; [] if none did.

        The buffer is filled again by the next call.
        OSError: ENOBUFS (the kernel threw some away; the next call goes on), or the socket is broken.
        """
        count = self._recvmmsg(self._descriptor, self._address, BATCH, socket.MSG_DONTWAIT, None)
        if count > 0:
            return self._received[:count].tolist()
        number = ctypes.get_errno()
        if number in (errno.EAGAIN, errno.EINTR):
            return []
        raise OSError(number, os.strerror(number))

    def send(self, data: bytes) -> None:
        """Sends one datagram. OSError: it is not taken."""
        if self._send(self._descriptor, data, len(data), socket.MSG_DONTWAIT) < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
