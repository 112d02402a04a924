"""XDP in the daemon: which zones want it, whom it has followed, what it tells.

Lives here: its life beside that of the fast path (fastpath.py), which carries on without it. May not live here: where
frames are sent (gateway/fastpath/hops.py), netlink (gateway/links/neighbours.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

from conntrack.gateway.fastpath import punts
from conntrack.gateway.fastpath.hops import Hops
from conntrack.gateway.fastpath.manager import Manager
from conntrack.gateway.fastpath.stand import Stand
from conntrack.gateway.links.neighbours import Neighbours
from conntrack.gateway.links.snapshot import Snapshot
from conntrack.policy.document import Document
from conntrack.service.host import Host
from conntrack.service.protocol import Item

logger = logging.getLogger("pairwall.fastpath")


def wanting(document: Document) -> frozenset[str]:
    """The names of the zones that ask for XDP."""
    return frozenset(name for name, zone in document.zones.items() if zone.fastpath == "xdp")


class Xdp:
    """Of one fast path whose stand has the program for XDP."""

    def __init__(self, host: Host, stand: Stand, manager: Manager) -> None:
        """OSError: neighbours cannot be followed."""
        self._stand = stand
        self._hops = Hops(stand.maps, manager.figures, self._use)
        self._neighbours: Neighbours = host.neighbours(self._hops.changed, self._hops.lost)
        asyncio.get_running_loop().add_reader(self._neighbours.fileno(), self._receive)
        manager.send_by(self._hops)

    def follow(self, snapshot: Snapshot) -> None:
        """The stand has followed interfaces."""
        self._hops.follow(snapshot, self._stand.at_driver(), self._stand.senders())

    def tend(self) -> Iterator[None]:
        """Keeps the neighbours in use known, a few at each step."""
        return self._hops.tend()

    def stop(self) -> None:
        """Ends following."""
        asyncio.get_running_loop().remove_reader(self._neighbours.fileno())
        self._neighbours.close()

    def _use(self, interface: int, address: bytes) -> None:
        self._neighbours.use(interface, address)

    def _receive(self) -> None:
        try:
            self._neighbours.receive()
        except OSError as error:
            logger.error("neighbours are no longer followed, XDP leaves everything to tc: %s", error)
            self._hops.lost()
            asyncio.get_running_loop().remove_reader(self._neighbours.fileno())


def view(stand: Stand, counts: list[int], names: dict[int, str]) -> Item:
    """For `status`. The keys are an interface."""
    return {
        "interfaces": sorted(names.get(index, str(index)) for index in stand.at_driver()),
        "sends_by": sorted(names.get(index, str(index)) for index in stand.senders()),
        "refused": dict(stand.not_by_xdp),
        "left_to_tc": {name: why for name, why in stand.not_sent.items() if name not in stand.not_by_xdp},
        "packets": counts[punts.AT_DRIVER],
    }
