"""Reads a snapshot by rtnetlink, with pyroute2.

Lives here: which messages and attributes count. May not live here: when to read (watch.py). Takes about 0.4 ms a
message, so it has no place in the thread that judges packets; nor would pyroute2 run inside its event loop.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any, Final

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkDumpInterrupted, NetlinkError

from conntrack.gateway.links import ipsec
from conntrack.gateway.links.snapshot import (
    DEPRECATED,
    PREFERRED,
    UNFIT,
    Address,
    Broadcast,
    Link,
    Network,
    Route,
    Snapshot,
)

# linux/if.h, linux/if_addr.h, linux/rtnetlink.h
_IFF_UP: Final = 0x1
_IFA_F_TEMPORARY: Final = 0x01  # of IPv6; of IPv4 it means secondary
_IFA_F_DADFAILED: Final = 0x08
_IFA_F_DEPRECATED: Final = 0x20
_IFA_F_TENTATIVE: Final = 0x40
_RTNH_F_DEAD: Final = 0x1
_RTM_F_CLONED: Final = 0x200
_RT_SCOPE_UNIVERSE: Final = 0
_RT_SCOPE_SITE: Final = 200
_UNICAST: Final = 1
_LOCAL: Final = 2
_BROADCAST: Final = 3
_ANYCAST: Final = 4
#: blackhole, unreachable, prohibit
_REFUSING: Final = (6, 7, 8)
#: in the order in which the kernel asks them
_MAIN: Final = 254
_DEFAULT: Final = 253
_LOCAL_TABLE: Final = 255
#: priority → table
_USUAL_RULES: Final = {0: _LOCAL_TABLE, 32766: _MAIN, 32767: _DEFAULT}
_ARPHRD_ETHER: Final = 1
#: a dump that other changes interrupt is begun again so often
_ATTEMPTS: Final = 5

_Message = Any


class LinksError(Exception):
    """Links, addresses and routes cannot be read."""


def read(netlink: IPRoute, guarded: Callable[[], tuple[Network, ...]] = ipsec.guarded) -> Snapshot:
    """Reads everything. LinksError: the kernel refuses, or changes faster than it can be read."""
    for _ in range(_ATTEMPTS):
        try:
            return _read(netlink)._replace(guarded=guarded())
        except NetlinkDumpInterrupted:
            continue
        except NetlinkError as error:
            if error.code != errno.EINTR:
                raise LinksError(f"rtnetlink: {error}") from error
        except OSError as error:
            raise LinksError(f"rtnetlink: {error.strerror}") from error
    raise LinksError("links and routes change faster than they can be read")


def _read(netlink: IPRoute) -> Snapshot:
    messages = list(netlink.get_links())
    addresses = [address for message in netlink.get_addr() for address in _address(message)]
    routes = [message for family in (AF_INET, AF_INET6) for message in netlink.get_routes(family=family)]
    kept = [message for message in routes if not message["flags"] & _RTM_F_CLONED]
    return Snapshot(
        tuple(sorted(_link(message) for message in messages)),
        tuple(_with_local_routes(addresses, kept)),
        tuple(sorted(_broadcasts(kept))),
        tuple(_routes(kept)),
        all(_is_usual(rule) for family in (AF_INET, AF_INET6) for rule in netlink.get_rules(family=family)),
        forwards6=any(_forwards6(message) for message in messages),
    )


def _link(message: _Message) -> Link:
    mtu = message.get_attr("IFLA_MTU") or 0
    information = message.get_attr("IFLA_LINKINFO")
    return Link(
        message["index"],
        message.get_attr("IFLA_IFNAME"),
        bool(message["flags"] & _IFF_UP),
        mtu,
        message["ifi_type"] == _ARPHRD_ETHER,
        bytes.fromhex((message.get_attr("IFLA_ADDRESS") or "").replace(":", "")),
        (information and information.get_attr("IFLA_INFO_KIND")) or "",
        message.get_attr("IFLA_MASTER") or 0,
        message.get_attr("IFLA_LINK") or 0,
        _forwards(message),
    )


def _forwards(message: _Message) -> bool:
    """Its own switch for IPv4, which `net.ipv4.ip_forward` sets along with all others."""
    own = message.get_attr("IFLA_AF_SPEC")
    version4 = None if own is None else own.get_attr("AF_INET")
    return version4 is None or bool(version4.get("forwarding", 1))


def _forwards6(message: _Message) -> bool:
    """Its own switch for IPv6: switching all of it off is to set each; by itself it does not keep packets back."""
    own = message.get_attr("IFLA_AF_SPEC")
    version6 = None if own is None else own.get_attr("AF_INET6")
    settings = None if version6 is None else version6.get_attr("IFLA_INET6_CONF")
    return settings is None or bool(settings.get("forwarding", 1))


def _address(message: _Message) -> Iterator[Address]:
    """IFA_LOCAL is the address where both are given: on a point-to-point link IFA_ADDRESS is the other end's."""
    text = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
    flags = message.get_attr("IFA_FLAGS")
    flags = message["flags"] if flags is None else flags
    if text and not flags & _IFA_F_DADFAILED:
        yield Address(message["index"], _packed(message["family"], text), _fitness(message, flags))


def _fitness(message: _Message, flags: int) -> int:
    if message["scope"] not in (_RT_SCOPE_UNIVERSE, _RT_SCOPE_SITE) or flags & _IFA_F_TENTATIVE:
        return UNFIT
    if message["family"] == AF_INET6 and flags & _IFA_F_TEMPORARY:
        return UNFIT
    return DEPRECATED if flags & _IFA_F_DEPRECATED else PREFERRED


def _with_local_routes(addresses: list[Address], routes: Iterable[_Message]) -> list[Address]:
    """What else the host answers to: IPv6 anycast addresses, and single addresses routed to itself."""
    known = {(address.interface, address.packed) for address in addresses}
    more = []
    for message in routes:
        if _table(message) == _LOCAL_TABLE and message["type"] in (_LOCAL, _ANYCAST):
            found = (_oif(message), _destination(message))
            if found not in known and message["dst_len"] == len(found[1]) * 8:
                more.append(Address(*found, UNFIT))
    return addresses + sorted(more)


def _broadcasts(routes: Iterable[_Message]) -> Iterator[Broadcast]:
    for message in routes:
        if _table(message) == _LOCAL_TABLE and message["type"] == _BROADCAST:
            yield Broadcast(_oif(message), _destination(message))


def _routes(routes: Iterable[_Message]) -> list[Route]:
    """Table main before default, and the lowest metric first."""
    ours = [message for message in routes if _table(message) in (_MAIN, _DEFAULT)]
    doubtful = {(_destination(message), message["dst_len"]) for message in ours if _asks_for_more(message)}
    found = []
    for message in ours:
        if not message["flags"] & _RTNH_F_DEAD:
            index = _oif(message) if message["type"] == _UNICAST else 0
            if index or message["type"] in _REFUSING:
                metric = message.get_attr("RTA_PRIORITY") or 0
                network, length = _destination(message), message["dst_len"]
                gateway = None if (network, length) in doubtful else _gateway(message, len(network))
                found.append((-_table(message), Route(network, length, metric, index, gateway, _own_mtu(message))))
    found.sort(key=lambda ranked: (ranked[0], ranked[1].metric))  # a stable sort: the kernel's order within
    return [route for _, route in found]


def _asks_for_more(message: _Message) -> bool:
    """Whether a route is for some sources alone (IPv6), or for some DSCPs (IPv4): which of its like it is then, and
    what of the others, is not for us to tell."""
    return bool(message["src_len"] or message["tos"])


def _gateway(message: _Message, size: int) -> bytes | None:
    """The next hop where there is exactly one, of the route's own family, to which packets go as they are."""
    if any(message.get_attr(name) for name in ("RTA_MULTIPATH", "RTA_VIA", "RTA_ENCAP_TYPE")):
        return None
    text = message.get_attr("RTA_GATEWAY")
    return b"" if text is None else _packed(AF_INET if size == 4 else AF_INET6, text)


def _own_mtu(message: _Message) -> int:
    metrics = message.get_attr("RTA_METRICS")
    return int((metrics and metrics.get_attr("RTAX_MTU")) or 0)


def _is_usual(rule: _Message) -> bool:
    """Whether it is one of the three rules that Linux starts with, which ask for nothing but the table."""
    table = int(rule.get_attr("FRA_TABLE") or rule["table"])
    return _USUAL_RULES.get(rule.get_attr("FRA_PRIORITY") or 0) == table


def _table(message: _Message) -> int:
    return int(message.get_attr("RTA_TABLE") or message["table"])


def _oif(message: _Message) -> int:
    """The interface it leaves by; of several next hops the first one that is alive."""
    index = message.get_attr("RTA_OIF")
    if index is None:
        hops = [hop for hop in message.get_attr("RTA_MULTIPATH") or () if not hop["flags"] & _RTNH_F_DEAD]
        index = hops[0]["oif"] if hops else 0
    return int(index)


def _destination(message: _Message) -> bytes:
    text = message.get_attr("RTA_DST")
    if text is None:
        return bytes(4 if message["family"] == AF_INET else 16)
    return _packed(message["family"], text)


def _packed(family: int, text: str) -> bytes:
    return inet_pton(family, text)
