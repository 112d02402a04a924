"""The fast path in the daemon: when it starts, what it is told of, what it tells.

Lives here: its life beside the packet loop. May not live here: flows (gateway/fastpath), metric families (metrics/).
Without it everything works, only slower: no failure here ends the daemon, and `view` says why there is none.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator

from conntrack.engine.core import Engine
from conntrack.gateway.fastpath import punts
from conntrack.gateway.fastpath.adoption import adopt_all
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.figures import Figures
from conntrack.gateway.fastpath.invalidate import rejudge, reroute
from conntrack.gateway.fastpath.manager import Manager
from conntrack.gateway.fastpath.nexthops import Ways
from conntrack.gateway.fastpath.stand import Stand
from conntrack.gateway.queue.base import Queue
from conntrack.policy.document_settings import Settings
from conntrack.service import xdp
from conntrack.service.host import Host
from conntrack.service.pace import paced
from conntrack.service.protocol import Item
from conntrack.service.xdp import Xdp

#: connections that the maps have room for where the table has no limit
UNLIMITED = 1 << 20

logger = logging.getLogger("pairwall.fastpath")


class FastPath:
    """Made with the daemon's parts; `start` decides whether there is one. All methods may be called without.

    by_xdp: the names of the zones that want XDP.
    """

    def __init__(
        self, host: Host, engine: Engine, queue: Queue, settings: Settings, by_xdp: frozenset[str] = frozenset()
    ) -> None:
        self._by_xdp = by_xdp
        self._host = host
        self._engine = engine
        self._queue = queue
        self._mode = settings.fastpath
        self._capacity = settings.connections or UNLIMITED
        self._why = "switched off by `settings: fastpath: off`" if settings.fastpath == "off" else "not started"
        self._stand: Stand | None = None
        self._manager: Manager | None = None
        self._xdp: Xdp | None = None
        self._before: list[int] = []  # what an earlier process's packets had counted

    async def start(self) -> None:
        """Loads, adopts what an earlier process left, attaches. Before packets are judged."""
        try:
            if self._mode == "off":
                await self._host.unload()
                return
            self._stand = await self._host.open_stand(self._capacity, bool(self._by_xdp))
            await self._begin(self._stand)
        except (FastPathError, OSError) as error:
            self._why = str(error).partition("\n")[0]  # the rest is for the log: what libbpf said
            await self._give_up()
            level = logging.INFO if self._mode == "auto" else logging.ERROR
            logger.log(level, "no fast path, every packet is judged here: %s", error)

    async def _begin(self, stand: Stand) -> None:
        loop = asyncio.get_running_loop()
        engine = self._engine
        manager = self._manager = Manager(engine, stand.maps, self._capacity, loop.call_soon, time.monotonic)
        self._xdp = Xdp(self._host, stand, manager, self._by_xdp)
        await self._xdp.begin()
        if stand.adopted:
            adopted, lost = adopt_all(engine, manager, stand.maps, time.monotonic())
            logger.info("took connections over", extra={"fields": {"connections": adopted, "not_permitted": lost}})
        self._before = stand.maps.punts()
        manager.start()
        self._why = ""
        engine.carry(manager)
        await self.follow()

    async def follow(self) -> None:
        """Interfaces, addresses or routes changed."""
        stand, manager, xdp = self._stand, self._manager, self._xdp
        if stand is None or manager is None or xdp is None:
            return
        await xdp.settle()
        policy = self._engine.policy
        snapshot = self._host.snapshot()
        zones = {link.name: policy.zone_of_interface(link.name) for link in snapshot.links}
        names = {name for name, zone in zones.items() if zone > 0}
        by_xdp = frozenset(name for name in names if policy.zones[zones[name]].name in xdp.wanted)
        attached = await asyncio.to_thread(stand.follow, snapshot, names, by_xdp)
        more = xdp.follow(snapshot)
        if not snapshot.by_destination:
            stand.refusals["all"] = "`ip rule` makes routes depend on more than the destination"
        await paced(reroute(manager, Ways(snapshot, attached), time.monotonic()))
        if more:
            await paced(xdp.relink())

    async def rejudge(self, by_xdp: frozenset[str]) -> None:
        """Other rules are in force, by which these zones want XDP: they get it when links are followed next."""
        self._by_xdp = by_xdp
        if self._xdp is not None:
            self._xdp.wanted, self._xdp.asked = by_xdp, True
        if self._manager is not None:
            await paced(rejudge(self._manager, self._engine, time.monotonic()))

    def sweep(self) -> Iterator[None]:
        """Brings the counters of all carried connections up to date, a few at each step."""
        if self._manager is not None and self._manager.carried:
            yield from self._manager.sweep(time.monotonic())

    async def tended(self) -> None:
        """Keeps the neighbours known that XDP sends to, and asks drivers whether they still can; between packets.

        Notices as well that the fast path was unloaded.
        """
        stand, xdp = self._stand, self._xdp
        if stand is not None and stand.is_gone():
            self._why = "`pairwall unload` has taken it out of the kernel: restart the daemon to have it again"
            logger.warning("no fast path any more, every packet is judged here: %s", self._why)
            await self._give_up()
        elif xdp is not None and stand is not None and stand.at_driver():
            await paced(xdp.tend())
            if await asyncio.to_thread(stand.look_again) and xdp.follow(self._host.snapshot()):
                await paced(xdp.relink())

    async def swept(self) -> None:
        """The same, between packets."""
        await paced(self.sweep())

    async def stop(self, keep: bool) -> None:
        """Ends it; keep: it goes on carrying what it carries."""
        stand, self._stand = self._stand, None
        if stand is None:
            return
        self._engine.carry(None)
        if self._xdp is not None:
            self._xdp.stop()
        await asyncio.to_thread(stand.close if keep else stand.leave)
        self._manager = None

    async def _give_up(self) -> None:
        """Takes everything back, and the programs off: nobody would know what they do."""
        if self._manager is not None:
            await paced(reroute(self._manager, Ways(), time.monotonic()))
        await self.stop(keep=False)

    def punts(self) -> list[int] | None:
        """See metrics/fastpath.py: since this process began."""
        if self._manager is None or self._stand is None:
            return None
        return [now - before for now, before in zip(self._stand.maps.punts(), self._before, strict=True)]

    def figures(self) -> Figures:
        """See metrics/fastpath.py."""
        return Figures() if self._manager is None else self._manager.figures

    def fill(self) -> tuple[int, int]:
        """See metrics/fastpath.py."""
        return (0, 0) if self._manager is None else (len(self._manager.carried), self._capacity)

    def paths(self) -> tuple[int, int]:
        """See metrics/fastpath.py."""
        fast = 0 if self._manager is None else len(self._manager.carried)
        return fast, len(self._engine.table) - fast

    def share(self) -> float:
        """See metrics/fastpath.py."""
        counts = self.punts()
        forwarded = 0 if counts is None else counts[punts.FORWARDED]
        every = forwarded + int(self._queue.tally().packets)
        return round(forwarded / every, 4) if every else 0.0

    def tag(self) -> str:
        """See metrics/fastpath.py."""
        return "" if self._stand is None else self._stand.tag()

    def view(self) -> Item:
        """For `status`. The keys are an interface."""
        counts = self.punts()
        if counts is None or self._stand is None:
            return {"mode": self._mode, "active": False, "why": self._why}
        connections, room = self.fill()
        names = {link.interface: link.name for link in self._host.snapshot().links}
        return {
            "mode": self._mode,
            "active": True,
            "why": "",
            "program": self.tag(),
            "hook": ", ".join(self._stand.kinds()),
            "interfaces": sorted(names.get(index, str(index)) for index in self._stand.attached()),
            "refused": dict(self._stand.refusals),
            "connections": {"count": connections, "limit": room},
            "xdp": xdp.view(self._stand, counts, names),
            "flows": dict(zip(("fast", "slow"), self.paths(), strict=True)),
            "packets": counts[punts.FORWARDED],
            "share": self.share(),
            "punts": {punts.name(number): counts[number] for number in punts.PUNTS if number and counts[number]},
        }
