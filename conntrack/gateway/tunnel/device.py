"""The TUN device: what is written to it, the kernel takes for a packet that came in by a link.

Lives here: its file. May not live here: its routes (links.py), what is written. Nothing is ever read: the packets that
are routed to it are judged before, and none of them is let through.

Nobody else can write to it: it belongs to this process, and is gone with it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from pathlib import Path
from typing import Final

from conntrack.engine.exit import Exit
from conntrack.gateway.tunnel.errors import TunnelError

NAME: Final = "pairwall64"

FILE: Final = Path("/dev/net/tun")
# linux/if_tun.h
_TUNSETIFF: Final = 0x400454CA
_IFF_TUN: Final = 0x0001
_IFF_NO_PI: Final = 0x1000
_IFF_TUN_EXCL: Final = 0x8000


class Device(Exit):
    """Open from its making to `close`. TunnelError: this machine has no such devices, or it is there already."""

    def __init__(self, file: Path = FILE) -> None:
        self._file = -1
        try:
            self._file = os.open(file, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            request = struct.pack("16sH22x", NAME.encode(), _IFF_TUN | _IFF_NO_PI | _IFF_TUN_EXCL)
            fcntl.ioctl(self._file, _TUNSETIFF, request)
        except OSError as error:
            self.close()
            raise TunnelError(refusal(error)) from error

    def send(self, raw: bytes) -> bool:
        """See Exit."""
        try:
            return os.write(self._file, raw) == len(raw)
        except OSError:  # somebody took the link down, or away
            return False

    def close(self) -> None:
        """Removes the device. A second call does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def refusal(error: OSError) -> str:
    """Why there is no device, and what to do."""
    start = f"nat64 needs the device {NAME}"
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return f"{start}, and {FILE} is not there: load the module tun, and let the service reach it (DeviceAllow=)"
    if error.errno in (errno.EPERM, errno.EACCES):
        return f"{start}, and may not make it: CAP_NET_ADMIN is missing, or {FILE} may not be opened"
    if error.errno == errno.EBUSY:
        return f"{start}, which is there already: another program, or another pairwall, has it"
    return f"{start}, which cannot be made: {error.strerror}"
