"""The kernel as oracle: packets go through a router's nf_conntrack, and it is asked what it made of them.

The router writes what it thinks of a packet into its TTL, so that the packet itself says it on arrival.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.kernel.conntrack_netlink import Entry, ask, forget, open_socket
from tests.kernel.namespaces import HOST_MAC, ROUTER_MAC, inside, routed, run, set_sysctl

#: TTL or hop limit on arrival → `ct state`
STATES = {101: "invalid", 102: "new", 103: "established", 104: "related", 105: "untracked"}
RULES = "\n".join(
    f"ct state {state} {field} set {ttl} accept"
    for ttl, state in STATES.items()
    for field in ("ip ttl", "ip6 hoplimit")
)
TABLE = f"""table inet oracle {{
chain forward {{
type filter hook forward priority 0
{RULES}
}}
}}
"""
SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv6/conf/all/forwarding": "1",
    "net/netfilter/nf_conntrack_acct": "1",
    "net/netfilter/nf_conntrack_checksum": "0",
}
ALL_PROTOCOLS = 3  # ETH_P_ALL
#: a packet that has not come through after this many seconds was dropped; veth delivers within the send call
PATIENCE = 0.05


class Oracle:
    """Use `oracle()` to get one."""

    def __init__(self, router: str, netlink: socket.socket, wires: dict[str, socket.socket]) -> None:
        self._router = router
        self._netlink = netlink
        self._wires = wires

    def send(self, side: str, raw: bytes) -> str:
        """Sends an IP packet from a host on this side; returns its `ct state`, or "lost"."""
        other = self._wires["wan" if side == "lan" else "lan"]
        kind = b"\x08\x00" if raw[0] >> 4 == 4 else b"\x86\xdd"
        macs = bytes.fromhex(ROUTER_MAC.replace(":", "")) + bytes.fromhex(HOST_MAC.replace(":", ""))
        self._wires[side].send(macs + kind + raw)
        while True:
            try:
                arrived, where = other.recvfrom(65536)
            except TimeoutError:
                return "lost"
            if where[2] == socket.PACKET_OUTGOING or arrived[12:14] != kind:
                continue
            ttl = arrived[14 + (8 if raw[0] >> 4 == 4 else 7)]
            if ttl in STATES:
                return STATES[ttl]

    def entry(self, key: bytes) -> Entry | None:
        """The kernel's entry of this original or reply key (flow/pair.py)."""
        return ask(self._netlink, key)

    def forget(self, key: bytes) -> None:
        """Deletes the kernel's entry of this key."""
        forget(self._netlink, key)

    def set(self, name: str, value: int) -> None:
        """Sets a sysctl of net.netfilter in the router's namespace: "nf_conntrack_tcp_loose", 0."""
        set_sysctl(self._router, f"net/netfilter/{name}", str(value))


@contextmanager
def oracle() -> Iterator[Oracle]:
    """A router with nf_conntrack between two hosts; gone at the end. Needs root."""
    with routed() as (router, hosts), ExitStack() as stack:
        run("ip", "netns", "exec", router, "nft", "-f", "-", words=TABLE)
        for path, value in SYSCTLS.items():
            set_sysctl(router, path, value)
        with inside(router):
            netlink = stack.enter_context(contextlib.closing(open_socket()))
        wires = {}
        for side in ("lan", "wan"):
            with inside(hosts):
                wire = stack.enter_context(
                    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS))
                )
                wire.bind((side, ALL_PROTOCOLS))
            wire.settimeout(PATIENCE)
            wires[side] = wire
        yield Oracle(router, netlink, wires)
