"""The benchmark's network: client ── gateway ── server, and phantom hosts at both ends.

A phantom is a network behind the client's or the server's link that no kernel answers for: the gateway has a route to
it by a neighbour whose MAC address nobody has. Raw frames can then play both ends of a connection, and no kernel sends
RST or ICMP into it.

Lives here: links, addresses, routes, neighbours. May not live here: what the gateway runs, and traffic.
"""

from __future__ import annotations

import contextlib
from types import TracebackType
from typing import Final, Self

from conntrack.cli.lab.namespace import Namespace, command

INSIDE: Final = "10.9.0.1"
OUTSIDE: Final = "198.51.100.1"
CLIENT: Final = "10.9.0.2"
SERVER: Final = "198.51.100.2"
#: phantoms: 10.64.0.0/10 behind the client's link, 203.0.113.0/24 behind the server's
PHANTOM_CLIENT: Final = bytes((10, 64, 0, 1))
PHANTOM_SERVER: Final = bytes((203, 0, 113, 1))

# MAC addresses
INSIDE_MAC: Final = bytes.fromhex("020000000001")
OUTSIDE_MAC: Final = bytes.fromhex("020000000002")
CLIENT_MAC: Final = bytes.fromhex("020000000003")
SERVER_MAC: Final = bytes.fromhex("020000000004")
NOBODY_MAC: Final = "02:00:00:00:00:ff"

_SETTINGS: Final[dict[str, tuple[str, ...]]] = {
    "client": (
        f"link set eth0 address {CLIENT_MAC.hex(':')} up",
        f"address add {CLIENT}/24 dev eth0",
        f"route add default via {INSIDE}",
        f"neighbour add {INSIDE} lladdr {INSIDE_MAC.hex(':')} dev eth0 nud permanent",
    ),
    "gateway": (
        f"link set eth1 address {INSIDE_MAC.hex(':')} up",
        f"link set eth0 address {OUTSIDE_MAC.hex(':')} up",
        f"address add {INSIDE}/24 dev eth1",
        f"address add {OUTSIDE}/24 dev eth0",
        f"neighbour add {CLIENT} lladdr {CLIENT_MAC.hex(':')} dev eth1 nud permanent",
        f"neighbour add {SERVER} lladdr {SERVER_MAC.hex(':')} dev eth0 nud permanent",
        f"neighbour add 10.9.0.250 lladdr {NOBODY_MAC} dev eth1 nud permanent",
        f"neighbour add 198.51.100.250 lladdr {NOBODY_MAC} dev eth0 nud permanent",
        "route add 10.64.0.0/10 via 10.9.0.250",
        "route add 203.0.113.0/24 via 198.51.100.250",
    ),
    "server": (
        f"link set eth0 address {SERVER_MAC.hex(':')} up",
        f"address add {SERVER}/24 dev eth0",
        f"neighbour add {OUTSIDE} lladdr {OUTSIDE_MAC.hex(':')} dev eth0 nud permanent",
        f"route add 10.9.0.0/24 via {OUTSIDE}",  # where the gateway only forwards
    ),
}


class Network:
    """The three namespaces, as a context manager that removes them. LabError: not root, or a tool is missing.

    name: tells several networks of one process apart.
    """

    def __init__(self, name: str = "") -> None:
        self._name = name
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self.client, self.gateway, self.server = (_host(stack, role + self._name) for role in _SETTINGS)
            _wire(self.gateway, "eth1", self.client)
            _wire(self.gateway, "eth0", self.server)
            for host, lines in zip((self.client, self.gateway, self.server), _SETTINGS.values(), strict=True):
                host.ip(*lines)
            self.gateway.sysctl(ipv4__ip_forward=1)
            self.client.sysctl(ipv4__tcp_tw_reuse=1)
            with self.client.entered(), open("/proc/sys/net/ipv4/ip_local_port_range", "w") as ports:
                ports.write("1024 65535\n")
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def _host(stack: contextlib.ExitStack, label: str) -> Namespace:
    host = Namespace(label)
    stack.callback(host.close)
    for scope in ("all", "default"):
        host.sysctl(**{f"ipv6__conf__{scope}__disable_ipv6": 1, f"ipv4__conf__{scope}__rp_filter": 0})
    return host


def _wire(gateway: Namespace, link: str, other: Namespace) -> None:
    command(*f"ip link add {link} netns {gateway.name} type veth peer name eth0 netns {other.name}".split())
