"""The device's settings and routes, by rtnetlink.

Lives here: what the kernel has to know of it. May not live here: its file (device.py). Takes some milliseconds, and
pyroute2 does not run inside an event loop: called in a thread.

Two things are routed to it: the prefixes, so that packets to them are forwarded, which is where they are judged; and
the stand-in source of the IPv4 packets that are written to it, so that the kernel finds that they came by the right
link, and has a way back for the errors that it sends itself. All by netlink: the service may not write sysctls.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network
from socket import AF_INET, AF_INET6
from typing import Final

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from conntrack.gateway.tunnel.device import NAME
from conntrack.gateway.tunnel.errors import TunnelError
from conntrack.packet.prefix64 import STAND_IN

# linux/if.h, linux/if_link.h
_IFF_UP: Final = 0x1
_IFF_MULTICAST: Final = 0x1000
_GENERATE_NO_ADDRESS: Final = 1
#: the other links' sizes shall count, not this one's
_MTU: Final = 65535

Network = IPv4Network | IPv6Network


def set_up(prefixes: Iterable[IPv6Network]) -> None:
    """Brings the device up, with routes for these prefixes and no others. TunnelError: the kernel refuses."""
    try:
        with IPRoute() as netlink:
            found = netlink.link_lookup(ifname=NAME)
            if not found:
                raise TunnelError(f"the device {NAME} has been removed")
            _configure(netlink, found[0])
            _route(netlink, found[0], [IPv4Network(STAND_IN), *prefixes])
    except NetlinkError as error:
        raise TunnelError(f"the device {NAME} cannot be set up: {error}") from error


def _configure(netlink: IPRoute, index: int) -> None:
    """No addresses and no groups: nothing of the kernel's own shall leave by it."""
    none = {"attrs": [["AF_INET6", {"attrs": [["IFLA_INET6_ADDR_GEN_MODE", _GENERATE_NO_ADDRESS]]}]]}
    try:
        netlink.link("set", index=index, IFLA_AF_SPEC=none)
    except NetlinkError as error:
        if error.code not in (errno.EAFNOSUPPORT, errno.EOPNOTSUPP):
            raise
        raise TunnelError("nat64 needs IPv6, which this kernel runs without") from error
    netlink.link("set", index=index, mtu=_MTU)
    netlink.link("set", index=index, flags=_IFF_UP, change=_IFF_UP | _IFF_MULTICAST)


def _route(netlink: IPRoute, index: int, wanted: list[Network]) -> None:
    kept = {str(network) for network in wanted}
    for family in (AF_INET, AF_INET6):
        for message in netlink.get_routes(family=family, oif=index):
            network = f"{message.get_attr('RTA_DST')}/{message['dst_len']}"
            if network not in kept and message["type"] == 1 and not network.startswith("ff00:"):
                netlink.route("del", dst=network, oif=index, family=family)
    for one in wanted:
        family = AF_INET if one.version == 4 else AF_INET6
        netlink.route("replace", dst=str(one), oif=index, family=family)
