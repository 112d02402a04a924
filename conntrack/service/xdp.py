"""XDP in the daemon: which zones want it, when it comes and goes, whom it has followed, what it tells.

Lives here: its life beside that of the fast path (fastpath.py), which carries on without it. May not live here: where
frames are sent (gateway/fastpath/hops.py), netlink (gateway/links/neighbours.py).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator

from conntrack.gateway.fastpath import punts
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.hops import Hops
from conntrack.gateway.fastpath.manager import Manager
from conntrack.gateway.fastpath.relinking import relink
from conntrack.gateway.fastpath.stand import Stand
from conntrack.gateway.links.neighbours import Neighbours
from conntrack.gateway.links.snapshot import Snapshot
from conntrack.policy.document import Document
from conntrack.service.host import Host
from conntrack.service.pace import paced
from conntrack.service.protocol import Item

logger = logging.getLogger("pairwall.fastpath")


def wanting(document: Document) -> frozenset[str]:
    """The names of the zones that ask for XDP."""
    return frozenset(name for name, zone in document.zones.items() if zone.fastpath == "xdp")


class Xdp:
    """Of one fast path, whether its stand has the program for XDP or not.

    wanted: the names of the zones that want it; set `asked` where that may be news.
    """

    def __init__(self, host: Host, stand: Stand, manager: Manager, wanted: frozenset[str]) -> None:
        self.wanted = wanted
        self.asked = False
        self._host = host
        self._stand = stand
        self._manager = manager
        self._hops: Hops | None = None
        self._neighbours: Neighbours | None = None

    async def begin(self) -> None:
        """What is offered from now on is for XDP as well, if its program is there and neighbours can be followed."""
        if not self._stand.has_xdp():
            return
        hops = Hops(self._stand.maps, self._manager.figures, self._use)
        try:
            neighbours = self._host.neighbours(hops.changed, hops.lost)
        except OSError as error:
            logger.error("no XDP: neighbours cannot be followed: %s", error)
            await asyncio.to_thread(self._stand.without_xdp, f"neighbours cannot be followed: {error}")
            return
        asyncio.get_running_loop().add_reader(neighbours.fileno(), self._receive)
        self._hops, self._neighbours = hops, neighbours
        self._manager.send_by(hops)
        logger.info("XDP is loaded")

    async def settle(self) -> None:
        """Loads the program or takes it off, as zones want it since they were last asked; before the stand follows.

        Where it cannot be had, all stays as it is, and is tried again with the next rules.
        """
        if not self.asked:
            return
        self.asked = False
        try:
            if self.wanted and self._hops is None:
                await self._come()
            elif not self.wanted and self._hops is not None:
                await self._go()
        except FastPathError as error:
            logger.error("no XDP: %s", error)

    def follow(self, snapshot: Snapshot) -> bool:
        """The stand has followed interfaces; whether connections may have ways that they had not (`relink`)."""
        if self._hops is None:
            return False
        return self._hops.follow(snapshot, self._stand.at_driver(), self._stand.senders())

    def relink(self) -> Iterator[None]:
        """Tells entries that are carried already of their ways, a few at each step; ends early where XDP goes."""
        hops = self._hops
        for _ in relink(self._manager, self._stand.maps, hops, time.monotonic()):
            yield
            if self._hops is not hops:
                return

    def tend(self) -> Iterator[None]:
        """Keeps the neighbours in use known, a few at each step."""
        return iter(()) if self._hops is None else self._hops.tend()

    def stop(self) -> None:
        """Ends following."""
        self._hops = None
        self._manager.send_by(None)
        neighbours, self._neighbours = self._neighbours, None
        if neighbours is not None:
            asyncio.get_running_loop().remove_reader(neighbours.fileno())
            neighbours.close()

    async def _come(self) -> None:
        await asyncio.to_thread(self._stand.load_xdp)
        await paced(self.relink())  # of an earlier process's numbers nothing is left
        await self.begin()

    async def _go(self) -> None:
        await asyncio.to_thread(self._stand.without_xdp)
        self.stop()
        await paced(self.relink())
        logger.info("no zone asks for XDP any more: it is taken off")

    def _use(self, interface: int, address: bytes) -> None:
        if self._neighbours is not None:
            self._neighbours.use(interface, address)

    def _receive(self) -> None:
        neighbours, hops = self._neighbours, self._hops
        if neighbours is None or hops is None:
            return
        try:
            neighbours.receive()
        except OSError as error:
            logger.error("neighbours are no longer followed, XDP leaves everything to tc: %s", error)
            hops.lost()
            asyncio.get_running_loop().remove_reader(neighbours.fileno())


def view(stand: Stand, counts: list[int], names: dict[int, str]) -> Item:
    """For `status`. The keys are an interface."""
    return {
        "interfaces": sorted(names.get(index, str(index)) for index in stand.at_driver()),
        "sends_by": sorted(names.get(index, str(index)) for index in stand.senders()),
        "refused": dict(stand.not_by_xdp),
        "left_to_tc": {name: why for name, why in stand.not_sent.items() if name not in stand.not_by_xdp},
        "packets": counts[punts.AT_DRIVER],
    }
