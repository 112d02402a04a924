"""bpf(2) by ctypes: one call, its argument blocks, and what its errors mean to people.

Lives here: numbers and layouts of linux/bpf.h. May not live here: what maps hold (layout.py) or programs do.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from pathlib import Path
from struct import Struct
from typing import Final

from conntrack.gateway.fastpath.errors import FastPathError

# enum bpf_cmd
MAP_LOOKUP: Final = 1
MAP_UPDATE: Final = 2
MAP_DELETE: Final = 3
OBJ_PIN: Final = 6
OBJ_GET: Final = 7
PROG_TEST_RUN: Final = 10
OBJ_INFO: Final = 15
MAP_LOOKUP_BATCH: Final = 24
MAP_UPDATE_BATCH: Final = 26
LINK_CREATE: Final = 28
LINK_UPDATE: Final = 29
LINK_DETACH: Final = 34

# flags of map operations
NOEXIST: Final = 1
LOCK: Final = 4

#: by os.uname().machine; the C library has no bpf()
_CALL_NUMBERS: Final = {
    "x86_64": 321,
    "aarch64": 280,
    "riscv64": 280,
    "loongarch64": 280,
    "ppc64le": 361,
    "s390x": 351,
    "armv7l": 386,
    "i686": 357,
}

_REMEDIES: Final = {
    errno.EPERM: "give the daemon CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON (below Linux 5.8: CAP_SYS_ADMIN)",
    errno.EACCES: "give the daemon CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON (below Linux 5.8: CAP_SYS_ADMIN)",
    errno.ENOSYS: "this kernel was built without CONFIG_BPF_SYSCALL: set `fastpath: off`, everything works without it",
    errno.E2BIG: "the map is full: raise the number of connections it is made for",
    errno.ENOMEM: "the kernel has no memory left for it: lower the limit of connections",
    errno.ENODEV: "the interface is gone",
    errno.ENOLINK: "the interface is gone",
}

# PyDLL keeps the interpreter's lock: operations on maps do not wait, and giving it up costs as much as they do
_libc: Final = ctypes.PyDLL(None, use_errno=True)
#: gives it up: the packet loop goes on while a driver takes a program
_waiting: Final = ctypes.CDLL(None, use_errno=True)
for _library in (_libc, _waiting):
    _library.syscall.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_uint]
    _library.syscall.restype = ctypes.c_long
_number: Final = _CALL_NUMBERS.get(os.uname().machine, 0)

OBJECT: Final = Struct("=QII")  # pathname, descriptor, flags
INFO: Final = Struct("=IIQ")  # descriptor, length, address
LINK: Final = Struct("=IIII16x")  # program, interface, attach type, flags
UPDATE: Final = Struct("=IIII")  # link, new program, flags, old program
TEST: Final = Struct("=IIIIQQIIIIQQIIII")


def call(command: int, attributes: ctypes.Array[ctypes.c_char], library: ctypes.CDLL = _libc) -> int:
    """The system call: its result, or −errno. `attributes` is changed where the kernel writes to it."""
    if not _number:
        return -errno.ENOSYS
    result = library.syscall(_number, command, ctypes.addressof(attributes), len(attributes))
    return -ctypes.get_errno() if result < 0 else int(result)


def waited(command: int, attributes: ctypes.Array[ctypes.c_char]) -> int:
    """The same for what waits: links that come and go, for a grace period and for a card's driver."""
    return call(command, attributes, _waiting)


def checked(
    command: int,
    attributes: ctypes.Array[ctypes.c_char],
    what: str,
    by: Callable[[int, ctypes.Array[ctypes.c_char]], int] = call,
) -> int:
    """The same (`by`: call or waited), where failing is an error. `what` completes the sentence "cannot …"."""
    result = by(command, attributes)
    if result < 0:
        raise failure(what, -result)
    return result


def failure(what: str, number: int) -> FastPathError:
    """What to raise for an errno."""
    return FastPathError(f"cannot {what} ({os.strerror(number)})", _REMEDIES.get(number, ""), number)


def block(layout: Struct, *values: int) -> ctypes.Array[ctypes.c_char]:
    """An argument block."""
    return ctypes.create_string_buffer(layout.pack(*values), layout.size)


def pin(descriptor: int, path: Path) -> None:
    """Gives a map, program or link a name in a bpffs, by which it outlives the process."""
    name = ctypes.create_string_buffer(os.fsencode(path))
    checked(OBJ_PIN, block(OBJECT, ctypes.addressof(name), descriptor, 0), f"pin {path}")


def pinned(path: Path) -> int:
    """A new descriptor of what is pinned there. FileNotFoundError: nothing is."""
    name = ctypes.create_string_buffer(os.fsencode(path))
    result = call(OBJ_GET, block(OBJECT, ctypes.addressof(name), 0, 0))
    if result == -errno.ENOENT:
        raise FileNotFoundError(errno.ENOENT, "nothing is pinned there", str(path))
    if result < 0:
        raise failure(f"open {path}", -result)
    return result


def info(descriptor: int, size: int) -> bytes:
    """The first `size` bytes of struct bpf_map_info, bpf_prog_info or bpf_link_info."""
    answer = ctypes.create_string_buffer(size)
    checked(OBJ_INFO, block(INFO, descriptor, size, ctypes.addressof(answer)), "ask about a map, program or link")
    return answer.raw
