"""The machine, for real: the gateway's parts behind the daemon's interface.

Lives here: which of them runs in a thread, so that no packet waits for it. May not live here: what they do (gateway/).
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
from collections.abc import Callable, Sequence
from ipaddress import IPv6Network
from typing import Final

from conntrack.engine.exit import Exit
from conntrack.engine.topology import Topology
from conntrack.gateway import own_ports, privileges, sysctl
from conntrack.gateway.fastpath.opening import open_stand, unload
from conntrack.gateway.fastpath.stand import Stand
from conntrack.gateway.hooks.hooks import Hooks
from conntrack.gateway.hooks.plan import Wanted
from conntrack.gateway.links.links import Links
from conntrack.gateway.links.neighbours import Changed, Neighbours
from conntrack.gateway.links.snapshot import Snapshot
from conntrack.gateway.queue import stats
from conntrack.gateway.queue.base import Handler, Options, Queue
from conntrack.gateway.queue.choose import open_queue
from conntrack.gateway.tunnel.device import NAME
from conntrack.gateway.tunnel.tunnel import Tunnel
from conntrack.policy.policy import Policy

#: in the environment of tests and benchmarks, which have no network cards: XDP may stand at veth as well
XDP_ON_VETH: Final = "PAIRWALL_TEST_XDP_ON_VETH"

logger = logging.getLogger("pairwall.host")


class LinuxHost:
    """See Host. Made and used in one asyncio loop and one network namespace."""

    def __init__(self) -> None:
        self._hooks = Hooks()
        self._tunnel = Tunnel()
        self._set_sysctls = False
        self._links = Links(self._links_changed, self._links_failed)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed: Callable[[], None] | None = None
        self._unheard = False  # something changed before anybody wanted to know

    async def prepare(self, policy: Policy, set_sysctls: bool) -> list[str]:
        """See Host. LinksError: the links cannot be read."""
        privileges.require()
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._links.start)
        ours = [name for name in self._links.names() if policy.zone_of_interface(name) >= 0]
        marked = [name for name in ours if policy.zones[policy.zone_of_interface(name)].mark]
        findings = await asyncio.to_thread(sysctl.check, ours, marked=marked)
        self._set_sysctls = set_sysctls
        return await self._heed(findings)

    async def _heed(self, findings: list[sysctl.Finding]) -> list[str]:
        """Sets sysctls, where that is wanted; returns the complaints that are left."""
        if self._set_sysctls:
            return await asyncio.to_thread(sysctl.apply, findings)
        return [f"{finding.complaint()} (set it, or start with --set-sysctls)" for finding in findings]

    async def topology(self, policy: Policy) -> Topology:
        """See Host."""
        return await asyncio.to_thread(self._links.topology, policy.zone_of_interface)

    def watch(self, changed: Callable[[], None]) -> None:
        """See Host."""
        self._changed = changed
        if self._unheard:
            changed()

    async def own_ports(self) -> set[int]:
        """See Host."""
        return await asyncio.to_thread(own_ports.read)

    def open_queue(self, backend: str, options: Options, handler: Handler) -> Queue:
        """See Host."""
        return open_queue(backend, options, handler)

    def snapshot(self) -> Snapshot:
        """See Host."""
        return self._links.snapshot()

    async def open_stand(self, capacity: int, xdp: bool) -> Stand:
        """See Host."""
        return await asyncio.to_thread(open_stand, capacity, xdp=xdp, virtual=XDP_ON_VETH in os.environ)

    def neighbours(self, changed: Changed, lost: Callable[[], None]) -> Neighbours:
        """See Host."""
        return Neighbours(changed, lost)

    def gso_is_safe(self) -> bool:
        """See Host. Before Linux 6.16, UDP packets joined as a list (rx-gro-list) could panic when they were pulled."""
        return kernel_release() >= (6, 16)

    async def unload(self) -> None:
        """See Host."""
        for folder in await asyncio.to_thread(unload):
            logger.info("the fast path of an earlier process was still there", extra={"fields": {"removed": folder}})

    async def lead_out(self, prefixes: Sequence[IPv6Network]) -> Exit | None:
        """See Host."""
        device = await asyncio.to_thread(self._tunnel.lead, prefixes)
        if device is not None:
            findings = await asyncio.to_thread(sysctl.check, [NAME])
            for complaint in await self._heed([finding for finding in findings if NAME in finding.name]):
                logger.warning("%s", complaint)
        return device

    def queue_stats(self, number: int) -> stats.Stats | None:
        """See Host. The kernel tells root only."""
        try:
            return stats.read(number)
        except OSError:
            return None

    async def install(self, wanted: Wanted) -> bool:
        """See Host."""
        return await asyncio.to_thread(self._hooks.install, wanted)

    async def repair(self) -> bool:
        """See Host."""
        return await asyncio.to_thread(self._hooks.repair)

    async def remove(self) -> None:
        """See Host."""
        await asyncio.to_thread(self._hooks.remove)

    def close(self) -> None:
        """See Host."""
        self._changed = lambda: None
        self._links.stop()
        self._tunnel.close()

    def _links_changed(self) -> None:
        """In the links' thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        if self._changed is None:
            self._unheard = True
        else:
            self._changed()

    def _links_failed(self, why: str) -> None:
        """In the links' thread; logging is safe there."""
        logger.error("links, addresses and routes: %s", why)


def kernel_release() -> tuple[int, int]:
    """Major and minor number of the running kernel."""
    major, minor = os.uname().release.split(".")[:2]
    return int(major), int("".join(itertools.takewhile(str.isdigit, minor)))
