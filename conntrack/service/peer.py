"""Who is at the other end of a control connection, and what they may do.

Lives here: SO_PEERCRED and the two rights. May not live here: the commands (commands.py).
The socket's mode (0660) already keeps strangers from connecting; this decides again with the kernel's word for who
connected, and tells those who may look from those who may change.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import Final, NamedTuple

_CREDENTIALS: Final = struct.Struct("iII")  # struct ucred: pid, uid, gid
_SO_PEERGROUPS: Final = 59  # asm-generic/socket.h; the socket module has no name for it
_GROUPS_BYTES: Final = 4 * 1024


class Peer(NamedTuple):
    """A caller, as the kernel saw it connect."""

    pid: int
    user: int
    groups: frozenset[int]

    def may_change(self) -> bool:
        """Deleting flows and reloading: root, and the user that the daemon runs as."""
        return self.user in (0, os.geteuid())

    def may_read(self, group: int) -> bool:
        """Everything else: those, and members of the socket's group."""
        return self.may_change() or group in self.groups


def identify(connection: socket.socket) -> Peer:
    """The credentials of a connected unix socket's other end."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, user, group = _CREDENTIALS.unpack(raw)
    return Peer(pid, user, frozenset({group, *_supplementary(connection)}))


def _supplementary(connection: socket.socket) -> tuple[int, ...]:
    try:
        raw = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _GROUPS_BYTES)
    except OSError:  # more groups than the buffer holds: the primary one must do
        return ()
    return struct.unpack(f"{len(raw) // 4}I", raw)
