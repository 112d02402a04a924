"""IPsec's policies: which hosts the kernel talks to by IPsec alone.

Lives here: NETLINK_XFRM, read by hand. May not live here: what is done about such hosts (gateway/fastpath/nexthops.py).
The kernel asks its policies on the way that packets normally go. What the fast path sent to such a host would leave in
the clear, and what came from one in the clear would be let in.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
from collections.abc import Iterator
from struct import Struct
from typing import Final

from conntrack.gateway.links.netlink import DONE, DUMP, ERROR, REQUEST, attributes, message, messages
from conntrack.gateway.links.snapshot import Network

_XFRM: Final = 6  # NETLINK_XFRM
_GROUP: Final = 0x8  # XFRMGRP_POLICY
_NEW_POLICY, _GET_POLICY = 0x13, 0x15
_ASKED: Final = bytes(64)  # struct xfrm_userpolicy_id: all of them
#: struct xfrm_userpolicy_info: destination, source, family, lengths of both prefixes, direction, action
_POLICY: Final = Struct("=16s16s8xHBB12x64x32x4x4xBB6x")
_OUT, _FORWARD = 1, 2  # directions; sockets' own have higher numbers
_ALLOW: Final = 0
_TEMPLATES, _INTERFACE = 5, 31  # XFRMA_TMPL, XFRMA_IF_ID
#: the kernel has no IPsec
_NONE: Final = (errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT)


def subscribed() -> socket.socket | None:
    """A socket that hears of every change of policies; None: this kernel has none."""
    try:
        events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _XFRM)
    except OSError as error:
        if error.errno in _NONE:
            return None
        raise
    try:
        events.bind((0, _GROUP))
        events.setblocking(False)
    except BaseException:
        events.close()
        raise
    return events


def guarded() -> tuple[Network, ...]:
    """The networks that policies of this network namespace speak of on the far side. OSError: they cannot be read."""
    try:
        netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _XFRM)
    except OSError as error:
        if error.errno in _NONE:
            return ()
        raise
    with contextlib.closing(netlink):
        netlink.settimeout(5.0)
        netlink.send(message(_GET_POLICY, REQUEST | DUMP, _ASKED))
        return tuple(sorted({network for policy in _policies(netlink) for network in far_side(policy)}))


def far_side(policy: bytes) -> Iterator[Network]:
    """Of one policy: where packets go that it has encrypted, or where those come from that must have been.

    Nothing of a policy that lets pass what it speaks of, or that belongs to an interface of its own (XFRM interfaces
    are no place for the fast path anyway).
    """
    to, of, family, to_length, of_length, direction, action = _POLICY.unpack_from(policy)
    found = attributes(policy, _POLICY.size)
    if any(found.get(_INTERFACE, b"")) or (action == _ALLOW and _TEMPLATES not in found):
        return
    if direction not in (_OUT, _FORWARD):
        return
    address, length = (to, to_length) if direction == _OUT else (of, of_length)
    if family in (socket.AF_INET, socket.AF_UNSPEC):
        yield address[:4], length
    if family in (socket.AF_INET6, socket.AF_UNSPEC):
        yield address, length


def _policies(netlink: socket.socket) -> Iterator[bytes]:
    """The policies that a dump answers with."""
    while True:
        for kind, body in messages(netlink.recv(1 << 16)):
            if kind == DONE:
                return
            if kind == ERROR:
                number = -int.from_bytes(body[:4], sys.byteorder, signed=True)
                raise OSError(number, "IPsec policies cannot be read")
            if kind == _NEW_POLICY:
                yield body
