"""The parts of a daemon that runs, joined: events, commands, metrics, chores, reload.

Lives here: who is told what when rules, links or files change. May not live here: start and end (daemon.py).
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from conntrack.engine.core import Engine
from conntrack.gateway.hooks.tools import HookError
from conntrack.gateway.queue.base import Queue
from conntrack.policy.values import Listen
from conntrack.service import memory
from conntrack.service.chores import Chores
from conntrack.service.commands import Commands, Parts
from conntrack.service.configuration import Configuration
from conntrack.service.control import Control
from conntrack.service.crossings import Crossings
from conntrack.service.events import Events
from conntrack.service.exits import Failure
from conntrack.service.fastpath import FastPath
from conntrack.service.flow_commands import FlowCommands
from conntrack.service.handler import EngineHandler
from conntrack.service.host import Host
from conntrack.service.loading import Rules
from conntrack.service.loop import PacketLoop
from conntrack.service.mapping_commands import MappingCommands
from conntrack.service.metrics.health import Sources
from conntrack.service.metrics.page import MetricsPage
from conntrack.service.metrics.registry import registry_of
from conntrack.service.moving import Mover
from conntrack.service.naming import naming
from conntrack.service.nat_commands import NatCommands
from conntrack.service.notify import Notifier
from conntrack.service.port_blocks import PortBlocks
from conntrack.service.queueing import crossings_of, wanted
from conntrack.service.record import keep
from conntrack.service.refresh import Refresher
from conntrack.service.reload import Reloader
from conntrack.service.settings import unchangeable
from conntrack.service.status import Status
from conntrack.service.xdp import wanting

#: seconds between looks at the hook rules, the clock, the garbage
LOOK: Final = 30.0

#: seconds between readings of what carried connections have done
SWEEP: Final = 10.0

#: seconds between questions whether next hops of XDP still answer; the kernel takes as long again to find out
TEND: Final = 5.0

#: seconds that a reload waits for drivers to take XDP
PATIENCE: Final = 5.0

logger = logging.getLogger("pairwall")


class Core(NamedTuple):
    """What packets pass through."""

    host: Host
    engine: Engine
    handler: EngineHandler
    queue: Queue
    loop: PacketLoop


class Surroundings(NamedTuple):
    """Where the rest of the daemon reaches the outside."""

    rules: Path
    control: Path
    group: int | None
    state_dir: Path | None
    notifier: Notifier
    lost_logs: Callable[[], int]


class Running:
    """Built by the daemon once packets can be judged; `start` opens the control socket and the metrics page."""

    def __init__(self, core: Core, surroundings: Surroundings, rules: Rules) -> None:
        self._core = core
        self._around = surroundings
        self._chores = Chores()
        self._crossings = Crossings(core.host, core.engine, core.queue, crossings_of(rules.document))
        self._fastpath = FastPath(core.host, core.engine, core.queue, rules.document.settings, wanting(rules.document))
        self._mover = Mover(core.host, core.engine, self._fastpath.follow)
        self._configuration = Configuration(surroundings.rules)
        self._configuration.worked(rules.policy.digest, time.time(), [str(one) for one in rules.document.warnings])
        self.status = Status(core.engine, core.queue, self._configuration, rules.document.settings)
        self.status.fastpath = self._fastpath.view
        self._reloader = Reloader(self._configuration, self._apply, surroundings.notifier, self.status.line)
        flows = naming(core.engine)
        events = Events(flows)
        core.engine.observe(events)
        parts = Parts(
            core.engine, flows, self._configuration, self._reloader, self.status.view, time.time, self._fastpath.sweep
        )
        flow_commands = FlowCommands(core.engine, flows, events, time.monotonic)
        blocks = PortBlocks(core.engine, time.monotonic, time.time)
        core.engine.ports.blocks.ledger = blocks
        mappings = MappingCommands(core.engine, flows, time.monotonic)
        nat_commands = NatCommands(core.engine, flows, blocks, mappings)
        self._control = Control(
            surroundings.control, Commands(parts, flow_commands, nat_commands).table(), surroundings.group
        )
        self._page = MetricsPage(
            registry_of(core.engine, flows.state_name, self._sources(events), self._fastpath), self._fastpath.swept
        )

    async def start(self) -> None:
        """Opens what clients talk to and begins the chores. Failure: an address is taken."""
        await self._fastpath.start()
        await self._listen(self.status.settings.metrics.listen)
        await self._control.start()
        await self._read_own_ports()
        self._core.host.watch(self._mover.changed)
        refresher = Refresher(lambda: self._core.engine.policy, self._configuration)
        self._chores.every(lambda: LOOK, self._look, "housekeeping")
        self._chores.every(lambda: 1.0, refresher.look, "refresh of sets")
        self._chores.every(lambda: SWEEP, self._fastpath.swept, "reading of the fast path")
        self._chores.every(lambda: TEND, self._fastpath.tended, "upkeep of neighbours")
        self._chores.every(self._own_ports_period, self._read_own_ports, "search for the gateway's own ports")
        self._record()

    async def stop(self) -> None:
        """Ends all of it."""
        self._core.engine.observe(None)
        await self._chores.stop()
        self._mover.stop()
        await self._fastpath.stop(self.status.settings.fastpath_on_exit == "keep")
        await self._control.close()
        await self._page.close()

    def reload(self) -> None:
        """Called on SIGHUP."""
        self._reloader.request()

    def _sources(self, events: Events) -> Sources:
        core = self._core
        number = self.status.settings.queue.number
        return Sources(
            loop=core.loop,
            latency=core.handler.latency,
            configuration=self._configuration,
            tally=core.queue.tally,
            queue=lambda: core.host.queue_stats(number),
            control_requests=lambda: self._control.requests,
            log_records_lost=lambda: self._around.lost_logs() + events.unwritten,
            watchers=events.watchers,
        )

    async def _apply(self, rules: Rules) -> None:
        """Puts rules in force. What can fail comes first."""
        core, before, after = self._core, self.status.settings, rules.document.settings
        for complaint in unchangeable(before, after):
            logger.warning("%s", complaint)
        prefixes = crossings_of(rules.document)
        way_out = await self._crossings.widen(prefixes)
        topology = await core.host.topology(rules.policy)
        await core.host.install(wanted(rules.document)._replace(queue=before.queue.number))
        self._crossings.take(way_out, prefixes)
        core.engine.swap(rules.policy)
        core.engine.move(topology, time.monotonic())
        await self._crossings.narrow(prefixes)
        await self._fastpath.rejudge(wanting(rules.document))
        self._mover.changed()  # the links may have changed while the hooks were installed
        self.status.settings = after
        if after.metrics.listen != before.metrics.listen:
            await self._listen_elsewhere(after.metrics.listen)
        self._record()
        await self._mover.settled(PATIENCE)  # until the fast path is where these rules want it

    async def _listen(self, listen: Listen) -> None:
        if listen.port:
            await self._page.start(listen.address, listen.port)

    async def _listen_elsewhere(self, listen: Listen) -> None:
        """The metrics page moves with the rules; a page that cannot be opened must not undo them."""
        await self._page.close()
        try:
            await self._listen(listen)
        except Failure as failure:
            logger.error("%s", failure)

    def _record(self) -> None:
        state = {"file": str(self._around.rules), "hash": self._core.engine.policy.digest, "pid": os.getpid()}
        keep(self._around.state_dir, {**state, "written": time.time()})

    async def _look(self) -> None:
        """Every half minute."""
        memory.tidy()
        self._core.engine.set_wall(time.time() - time.monotonic())
        self._around.notifier.status(self.status.line())
        try:
            if await self._core.host.repair():
                logger.warning("another tool had taken our hook rules out of the kernel; they are in place again")
        except HookError as error:
            logger.error("hook rules are missing and cannot be put back: %s", error)
        await self._crossings.look()

    def _own_ports_period(self) -> float:
        return float(self.status.settings.held_back_refresh)

    async def _read_own_ports(self) -> None:
        self._core.engine.ports.own = await self._core.host.own_ports()
