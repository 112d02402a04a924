"""The kernel's neighbour tables, followed: which hardware address a next hop has.

Lives here: rtnetlink's neighbour messages, read by hand, since they come as often as hosts come and go, into the loop
that judges packets. May not live here: what is done with the addresses (gateway/fastpath/hops.py).
Only XDP needs them: it sends frames past the kernel, which therefore neither looks a neighbour up nor notices that it
no longer answers. `use` has the kernel do both.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Callable
from struct import Struct
from typing import Final

from conntrack.gateway.links.netlink import DONE, DUMP, REQUEST, attribute, attributes, message, messages

_GROUP: Final = 0x4  # RTMGRP_NEIGH
_NEW, _DELETED, _GET = 28, 29, 30  # RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH
_CREATE, _REPLACE = 0x400, 0x100  # NLM_F_*
#: NUD_REACHABLE, STALE, DELAY, PROBE, NOARP, PERMANENT: the address is known
_KNOWN: Final = 0x02 | 0x04 | 0x08 | 0x10 | 0x40 | 0x80
#: NUD_NOARP, PERMANENT: nobody is asked for it. NTF_USE takes the latter off (Linux 5.16), and a static entry with it
_FIXED: Final = 0x40 | 0x80
_USE: Final = 0x01  # NTF_USE: as if a packet had been sent there
_DESTINATION, _HARDWARE = 1, 2  # NDA_DST, NDA_LLADDR
_NEIGHBOUR: Final = Struct("=BxHiHBB")  # ndmsg: family, padding, interface, state, flags, type
_ETHERNET: Final = 6
#: readings of the socket at a call, a hundred or two neighbours each while there are many
_AT_ONCE: Final = 16

#: (interface index, packed address, hardware address; b"" where it is not known any more)
Changed = Callable[[int, bytes, bytes], None]


class Neighbours:
    """Of the network namespace that it is made in. Not thread-safe."""

    def __init__(self, changed: Changed, lost: Callable[[], None]) -> None:
        """lost: called where notifications were lost, before `changed` is called for everything that there is."""
        self._changed = changed
        self._lost = lost
        self._fixed: set[tuple[int, bytes]] = set()
        self._asked_for: set[tuple[int, bytes]] | None = set()  # until all that there are have been told; then None
        self._netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        try:
            self._netlink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            self._netlink.bind((0, _GROUP))
            self._netlink.setblocking(False)
            self._ask()
        except BaseException:
            self._netlink.close()
            raise

    def fileno(self) -> int:
        """To be watched: `receive` when it is readable."""
        return self._netlink.fileno()

    def receive(self) -> None:
        """Tells of what has come; of very much, only a part at a call."""
        for _ in range(_AT_ONCE):
            try:
                self._read(self._netlink.recv(1 << 16))
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._lost()
                self._asked_for = set()
                self._ask()

    def use(self, interface: int, address: bytes) -> None:
        """Has the kernel find out, or make sure of, a neighbour's hardware address; not of one that is set for good."""
        if self._asked_for is not None:
            self._asked_for.add((interface, address))
            return
        if (interface, address) in self._fixed:
            return
        family = socket.AF_INET if len(address) == 4 else socket.AF_INET6
        body = _NEIGHBOUR.pack(family, 0, interface, 0, _USE, 0)
        body += attribute(_DESTINATION, address)
        with contextlib.suppress(OSError):  # it is asked again soon
            self._netlink.send(message(_NEW, REQUEST | _CREATE | _REPLACE, body))

    def close(self) -> None:
        """Ends it."""
        self._netlink.close()

    def _ask(self) -> None:
        """All neighbours, as if each had just become one."""
        self._netlink.send(message(_GET, REQUEST | DUMP, _NEIGHBOUR.pack(socket.AF_UNSPEC, 0, 0, 0, 0, 0)))

    def _read(self, data: bytes) -> None:
        for kind, body in messages(data):
            if kind == DONE and self._asked_for is not None:
                waiting, self._asked_for = self._asked_for, None
                for one in waiting:
                    self.use(*one)
            if kind in (_NEW, _DELETED):
                self._tell(kind, body)

    def _tell(self, kind: int, body: bytes) -> None:
        family, _, interface, state, _, _ = _NEIGHBOUR.unpack_from(body)
        if family not in (socket.AF_INET, socket.AF_INET6):
            return  # a bridge's
        found = attributes(body, _NEIGHBOUR.size)
        hardware = found.get(_HARDWARE, b"")
        known = kind == _NEW and state & _KNOWN and len(hardware) == _ETHERNET
        if _DESTINATION not in found:
            return
        here = interface, found[_DESTINATION]
        (self._fixed.add if known and state & _FIXED else self._fixed.discard)(here)
        self._changed(*here, hardware if known else b"")
