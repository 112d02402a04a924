"""What the daemon needs of the machine it runs on.

Lives here: the interface, so that the daemon's life can be tested without root. May not live here: Linux (linux.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import IPv6Network
from typing import Protocol

from conntrack.engine.exit import Exit
from conntrack.engine.topology import Topology
from conntrack.gateway.fastpath.stand import Stand
from conntrack.gateway.hooks.plan import Wanted
from conntrack.gateway.links.neighbours import Changed, Neighbours
from conntrack.gateway.links.snapshot import Snapshot
from conntrack.gateway.queue.base import Handler, Options, Queue
from conntrack.gateway.queue.stats import Stats
from conntrack.policy.policy import Policy


class Host(Protocol):
    """The machine. What may take more than a millisecond is awaited, and done beside the packet loop."""

    async def prepare(self, policy: Policy, set_sysctls: bool) -> list[str]:
        """Checks the sysctls that the zones' interfaces need, or sets them; returns complaints, each with its remedy.

        PrivilegeError: this process may not do what a gateway does.
        """

    async def topology(self, policy: Policy) -> Topology:
        """Links, addresses and routes as they are, with the policy's zones."""

    def watch(self, changed: Callable[[], None]) -> None:
        """Has `changed` called whenever links, addresses or routes are no longer what topology() said."""

    async def own_ports(self) -> set[int]:
        """protocol·65536 + port of every socket that the gateway itself has bound: NAT keeps away from them."""

    def open_queue(self, backend: str, options: Options, handler: Handler) -> Queue:
        """Opens the packet queue. QueueError: it cannot be opened."""

    def snapshot(self) -> Snapshot:
        """The same as it was read, with next hops and MTUs."""

    async def open_stand(self, capacity: int, xdp: bool) -> Stand:
        """Loads the fast path for so many connections, xdp: with XDP. FastPathError: this machine has none."""

    def neighbours(self, changed: Changed, lost: Callable[[], None]) -> Neighbours:
        """Follows hardware addresses, in this thread. OSError: the kernel refuses."""

    def gso_is_safe(self) -> bool:
        """Whether this kernel may hand over joined packets of every kind (`settings: queue: gso: auto`)."""

    async def unload(self) -> None:
        """Takes the fast path of an earlier process off, if it left one."""

    async def lead_out(self, prefixes: Sequence[IPv6Network]) -> Exit | None:
        """Has these NAT64 prefixes lead to us; returns where translated packets leave, None without any prefix.

        TunnelError: this machine has no such device.
        """

    def queue_stats(self, number: int) -> Stats | None:
        """What the kernel counts of a queue; None where it does not tell."""

    async def install(self, wanted: Wanted) -> bool:
        """Puts the hook rules in place; False if they are there already. HookError: it cannot."""

    async def repair(self) -> bool:
        """Puts hook rules back that another tool has taken out; whether there were any. HookError: it cannot."""

    async def remove(self) -> None:
        """Takes the hook rules out. HookError: it cannot."""

    def close(self) -> None:
        """Stops watching."""
