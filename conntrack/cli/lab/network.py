"""The lab's network: five hosts, IPv4 and IPv6.

    client ─┐
            ├─ lan ── gateway ── wan ── server ── beyond ── far
    shop ───┘

shop is a server inside and carries the lan's bridge; server is also the router to far, which is two hops outside.
The outside has no route to the lan's IPv4 network, so whatever comes back has been translated; the lan's IPv6 network
is routed.

Lives here: links, addresses, routes. May not live here: what runs on the hosts.
"""

from __future__ import annotations

import contextlib
from types import TracebackType
from typing import Final, Self

from conntrack.cli.lab.namespace import Namespace, command

LAN4: Final = "192.168.10.0/24"
LAN6: Final = "2001:db8:10::/64"
CLIENT4: Final = "192.168.10.5"
CLIENT6: Final = "2001:db8:10::5"
SHOP4: Final = "192.168.10.20"
SHOP6: Final = "2001:db8:10::20"
INSIDE4: Final = "192.168.10.1"
INSIDE6: Final = "2001:db8:10::1"
OUTSIDE4: Final = "198.51.100.2"
OUTSIDE6: Final = "2001:db8:51::2"
SERVER4: Final = "198.51.100.9"
SERVER6: Final = "2001:db8:51::9"
FAR4: Final = "203.0.113.77"
FAR6: Final = "2001:db8:113::77"

#: host → its links; LINKS joins them in pairs
_LINKS: Final = (
    (("client", "eth0"), ("shop", "port0")),
    (("gateway", "eth1"), ("shop", "port1")),
    (("gateway", "eth0"), ("server", "eth0")),
    (("server", "eth1"), ("far", "eth0")),
)
_SETTINGS: Final[dict[str, tuple[str, ...]]] = {
    "shop": (
        "link add br0 type bridge forward_delay 0 mcast_snooping 0",
        "link set port0 master br0",
        "link set port1 master br0",
        "link set br0 up",
        f"address add {SHOP4}/24 dev br0",
        f"address add {SHOP6}/64 dev br0 nodad",
        f"route add default via {INSIDE4}",
        f"route add default via {INSIDE6}",
    ),
    "client": (
        f"address add {CLIENT4}/24 dev eth0",
        f"address add {CLIENT6}/64 dev eth0 nodad",
        f"route add default via {INSIDE4}",
        f"route add default via {INSIDE6}",
    ),
    "gateway": (
        f"address add {INSIDE4}/24 dev eth1",
        f"address add {INSIDE6}/64 dev eth1 nodad",
        f"address add {OUTSIDE4}/24 dev eth0",
        f"address add {OUTSIDE6}/64 dev eth0 nodad",
        f"route add default via {SERVER4}",
        f"route add default via {SERVER6}",
    ),
    "server": (
        f"address add {SERVER4}/24 dev eth0",
        f"address add {SERVER6}/64 dev eth0 nodad",
        "address add 203.0.113.1/24 dev eth1",
        "address add 2001:db8:113::1/64 dev eth1 nodad",
        f"route add {LAN6} via {OUTSIDE6}",
    ),
    "far": (
        f"address add {FAR4}/24 dev eth0",
        f"address add {FAR6}/64 dev eth0 nodad",
        "route add default via 203.0.113.1",
        "route add default via 2001:db8:113::1",
    ),
}


class Network:
    """The wired hosts, as a context manager that removes them. LabError: not root, or a tool is missing.

    offload: leave checksums and segmentation to the (virtual) hardware, as hosts do. Off, every packet on a wire
    carries its own checksum, so that a wrong one is noticed.
    forwarding: let the gateway's kernel forward; a daemon started with --set-sysctls does so itself.
    """

    def __init__(self, offload: bool = False, forwarding: bool = False) -> None:
        self._offload = offload
        self._forwarding = forwarding
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._build(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _build(self, stack: contextlib.ExitStack) -> None:
        self.client = _host(stack, "client")
        self.shop = _host(stack, "shop")
        self.gateway = _host(stack, "gateway")
        self.server = _host(stack, "server")
        self.far = _host(stack, "far")
        for (near, here), (other, there) in _LINKS:
            self._wire(self._named(near), here, self._named(other), there)
        for host, lines in _SETTINGS.items():
            self._named(host).ip(*lines)
        self.server.sysctl(ipv4__ip_forward=1, ipv6__conf__all__forwarding=1)
        if self._forwarding:
            self.gateway.sysctl(ipv4__ip_forward=1, ipv6__conf__all__forwarding=1)

    def _named(self, label: str) -> Namespace:
        host = getattr(self, label)
        assert isinstance(host, Namespace)
        return host

    def _wire(self, near: Namespace, here: str, other: Namespace, there: str) -> None:
        command(
            *f"ip link add {here} netns {near.name} type veth peer name {there} netns {other.name}".split(),
        )
        for host, link in ((near, here), (other, there)):
            host.ip(f"link set {link} up")
            if not self._offload:
                host.run("ethtool", "-K", link, "tx", "off")


def _host(stack: contextlib.ExitStack, label: str) -> Namespace:
    host = Namespace(label)
    stack.callback(host.close)
    for scope in ("all", "default"):
        host.sysctl(**{f"ipv6__conf__{scope}__accept_dad": 0, f"ipv6__conf__{scope}__accept_ra": 0})
        host.sysctl(**{f"ipv4__conf__{scope}__rp_filter": 0})
    return host
