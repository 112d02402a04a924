"""At which interfaces the fast path can stand, at which of them XDP is a gain, and why not at the others.

Lives here: what an interface is and what its driver says of itself (netdev netlink, Linux 6.3). May not live here:
attaching (attach.py), what is done about a refusal: the tc program carries on (posts.py).
"""

from __future__ import annotations

import socket
import sys
from struct import Struct
from typing import Final

from conntrack.gateway.fastpath import layout
from conntrack.gateway.links.netlink import ERROR, REQUEST, attribute, attributes, message, messages
from conntrack.gateway.links.snapshot import Link, Snapshot

#: bulk TCP, measured between two namespaces (docs/fastpath.md)
_REASONS: Final = {
    "veth": "it is a veth pair's end, where XDP makes bulk TCP several times slower than tc",
    "tun": "it is a tun or tap device, where XDP makes bulk transfers slower than tc",
}
#: kinds of interfaces that take tagged or encapsulated packets off the one below
_STACKED: Final = ("vlan", "macvlan", "ipvlan", "macsec")

_GENERIC: Final = Struct("=BBH")  # genlmsghdr: command, version, reserved
_NUMBER: Final = Struct("=I")
_NETLINK_GENERIC: Final = 16
_ORDER: Final = sys.byteorder
_CONTROLLER: Final = 16  # GENL_ID_CTRL
_GET_FAMILY, _FAMILY_ID, _FAMILY_NAME = 3, 1, 2
_GET_DEVICE, _INTERFACE, _FEATURES = 1, 1, 3
#: NETDEV_XDP_ACT_NDO_XMIT
_TRANSMITS: Final = 4


def unfit(link: Link) -> str:
    """Why no program of ours can stand at an interface; "" where it can."""
    if not link.ethernet:
        return "its packets have no Ethernet header"
    if link.interface > layout.LAST_INTERFACE:
        return f"its number {link.interface} is over {layout.LAST_INTERFACE}: numbers begin again at a reboot"
    return ""


def refusal(link: Link, snapshot: Snapshot, virtual: bool = False) -> str:
    """Why XDP would hurt at an interface, or miss packets there; "" where it may be tried.

    virtual: a veth is taken as well, which tests need and nobody else wants.
    """
    names = {one.interface: one.name for one in snapshot.links}
    why = unfit(link)
    if why:
        return why
    if link.kind and not (virtual and link.kind == "veth"):
        return _REASONS.get(link.kind, f"it is a {link.kind} device and no network card")
    if link.above:
        return f"it is a part of {names.get(link.above, 'another interface')}, which would miss its packets"
    stacked = [one.name for one in snapshot.links if one.kind in _STACKED and one.below == link.interface]
    if stacked:
        return f"{stacked[0]} stands on it, and a card may take off VLAN tags before XDP sees the packet"
    return ""


def transmission(link: Link, snapshot: Snapshot, virtual: bool = False) -> str:
    """Why XDP cannot send on by an interface; "" if it can. One system call; the answer may change at any time."""
    why = refusal(link, snapshot, virtual)
    if why:
        return why
    features = xdp_features(link.interface)
    if features is None:
        return "this kernel does not tell whether its driver can send what XDP forwards: Linux 6.3 or later does"
    return "" if features & _TRANSMITS else "its driver cannot send what XDP forwards (no ndo_xdp_xmit)"


def xdp_features(interface: int) -> int | None:
    """NETDEV_XDP_ACT_* bits of an interface; None: the kernel does not say."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_GENERIC) as netlink:
            netlink.settimeout(1.0)
            name = attribute(_FAMILY_NAME, b"netdev\0")
            family = _asked(netlink, _CONTROLLER, _GET_FAMILY, name).get(_FAMILY_ID)
            if family is None:
                return None
            number = int.from_bytes(family[:2], _ORDER)
            answer = _asked(netlink, number, _GET_DEVICE, attribute(_INTERFACE, _NUMBER.pack(interface)))
    except OSError:
        return None
    features = answer.get(_FEATURES)
    return None if features is None else int.from_bytes(features, _ORDER)


def _asked(netlink: socket.socket, family: int, command: int, asked: bytes) -> dict[int, bytes]:
    """The attributes of the answer to one question; none where the kernel answers with an error."""
    body = _GENERIC.pack(command, 1, 0) + asked
    netlink.send(message(family, REQUEST, body))
    kind, answer = next(messages(netlink.recv(65536)), (ERROR, b""))
    return {} if kind == ERROR else attributes(answer, _GENERIC.size)
