"""The kernel as oracle: packets go through a router's nf_conntrack, and it is asked what it made of them.

The router writes what it thinks of a packet into its TTL, so that the packet itself says it on arrival.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.kernel.conntrack_netlink import Entry, ask, forget, open_socket
from tests.kernel.namespaces import HOST_MAC, ROUTER_MAC, inside, routed, run, set_sysctl

#: TTL or hop limit on arrival → `ct state`
STATES = {101: "invalid", 102: "new", 103: "established", 104: "related", 105: "untracked"}


def stamping(base: int) -> str:
    """Rules that write the state into TTL or hop limit, `base` higher than in STATES."""
    return "\n".join(
        f"ct state {state} {field} set {base + ttl}"
        for ttl, state in STATES.items()
        for field in ("ip ttl", "ip6 hoplimit")
    )


#: What is for the router itself ends here, when its connection is in the table already: nobody answers it. First in
#: the file, so that of two hooks of this priority conntrack's own, which comes with the rules that ask for it, is
#: called before this one.
LATE = """table inet late {
chain input {
type filter hook input priority 2147483647
icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } accept
drop
}
}
"""
TABLE = f"""{LATE}table inet oracle {{
chain forward {{
type filter hook forward priority 0
{stamping(0)}
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
#: added to the TTL of a packet that was for the router itself, of which a copy is sent on; and the hop that takes
LOCAL, HOP = 10, 1
#: packet mark of what is sent as the router itself
OWN = 1
ALL_PROTOCOLS = 3  # ETH_P_ALL
#: a packet that has not come through after this many seconds was dropped; veth delivers within the send call
PATIENCE = 0.05


class Oracle:
    """Use `oracle()` to get one."""

    def __init__(
        self, router: str, netlink: socket.socket, wires: dict[str, socket.socket], own: dict[int, socket.socket]
    ) -> None:
        self._router = router
        self._own = own
        self._netlink = netlink
        self._wires = wires

    def send(self, side: str, raw: bytes) -> str:
        """Sends an IP packet from a host on this side; returns its `ct state`, or "lost"."""
        return self.cross(side, raw)[0]

    def cross(self, side: str, raw: bytes) -> tuple[str, bytes, str]:
        """The same, with the packet that came out and where: (state, bytes, "lan", "wan" or "self", the router).

        side may be "self" too. ("lost", b"", "") where nothing came out.
        """
        if side == "self":
            self._send_own(raw)
        else:
            macs = bytes.fromhex(ROUTER_MAC.replace(":", "")) + bytes.fromhex(HOST_MAC.replace(":", ""))
            self._wires[side].send(macs + kind(raw) + raw)
        until = time.monotonic() + PATIENCE
        while (left := until - time.monotonic()) > 0:
            ready, _, _ = select.select([self._wires["lan"], self._wires["wan"]], [], [], left)
            for wire in ready:
                arrived, where = wire.recvfrom(65536)
                if where[2] == socket.PACKET_OUTGOING or arrived[12:14] != kind(raw):
                    continue
                if serial(arrived[14:]) != serial(raw):
                    continue  # an earlier packet, given up too soon
                ttl = arrived[14 + (8 if raw[0] >> 4 == 4 else 7)]
                if ttl in STATES:
                    return STATES[ttl], arrived[14:], str(where[0])
                if ttl - LOCAL in STATES:
                    return STATES[ttl - LOCAL], arrived[14:], "self"
        return "lost", b"", ""

    def _send_own(self, raw: bytes) -> None:
        """From the router itself; what its routing or its rules refuse is lost like any other packet."""
        with contextlib.suppress(OSError):
            if raw[0] >> 4 == 4:
                self._own[4].sendto(raw, (socket.inet_ntop(socket.AF_INET, raw[16:20]), 0))
            else:
                self._own[6].sendto(raw, (socket.inet_ntop(socket.AF_INET6, raw[24:40]), 0))

    def entry(self, key: bytes) -> Entry | None:
        """The kernel's entry of this original or reply key (flow/pair.py)."""
        return ask(self._netlink, key)

    def forget(self, key: bytes) -> None:
        """Deletes the kernel's entry of this key."""
        forget(self._netlink, key)

    def set(self, name: str, value: int) -> None:
        """Sets a sysctl of net.netfilter in the router's namespace: "nf_conntrack_tcp_loose", 0."""
        set_sysctl(self._router, f"net/netfilter/{name}", str(value))


def kind(raw: bytes) -> bytes:
    """Ethernet's type of an IP packet."""
    return b"\x08\x00" if raw[0] >> 4 == 4 else b"\x86\xdd"


def serial(raw: bytes) -> bytes:
    """What tells packets apart on the wire: IPv4's identification, IPv6's flow label."""
    return raw[4:6] if raw[0] >> 4 == 4 else raw[1:4]


@contextmanager
def oracle(rules: str = "", commands: tuple[str, ...] = ()) -> Iterator[Oracle]:
    """A router with nf_conntrack between two hosts; gone at the end. Needs root.

    rules: nftables rules of its own; commands: run in its namespace first ("ip address add …").
    """
    with routed() as (router, hosts), ExitStack() as stack:
        run("ip", "netns", "exec", router, "nft", "-f", "-", words=TABLE + rules)
        for command in commands:
            run("ip", "netns", "exec", router, *command.split())
        for path, value in SYSCTLS.items():
            set_sysctl(router, path, value)
        with inside(router):
            netlink = stack.enter_context(contextlib.closing(open_socket()))
            own = {
                version: stack.enter_context(socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW))
                for version, family in ((4, socket.AF_INET), (6, socket.AF_INET6))
            }
            for raw_socket in own.values():
                raw_socket.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, OWN)
        wires = {}
        for side in ("lan", "wan"):
            with inside(hosts):
                wire = stack.enter_context(
                    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS))
                )
                wire.bind((side, ALL_PROTOCOLS))
            wires[side] = wire
        yield Oracle(router, netlink, wires, own)
