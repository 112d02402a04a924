"""The parts of a daemon that runs, joined: events, commands, metrics, chores, reload.

Lives here: who is told what when rules, links or files change. May not live here: start and end (daemon.py).
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, ProcessCollector

from conntrack import __version__
from conntrack.engine.core import Engine
from conntrack.gateway.hooks.tools import HookError
from conntrack.gateway.queue.base import Queue
from conntrack.policy.values import Listen
from conntrack.service import memory
from conntrack.service.chores import Chores
from conntrack.service.commands import Commands, Parts
from conntrack.service.configuration import Configuration
from conntrack.service.control import Control
from conntrack.service.events import Events
from conntrack.service.exits import Failure
from conntrack.service.flow_commands import FlowCommands
from conntrack.service.handler import EngineHandler
from conntrack.service.host import Host
from conntrack.service.loading import Rules
from conntrack.service.loop import PacketLoop
from conntrack.service.metrics.health import HealthCollector, Sources
from conntrack.service.metrics.page import MetricsPage
from conntrack.service.metrics.rules import RulesCollector
from conntrack.service.metrics.traffic import TrafficCollector
from conntrack.service.naming import naming
from conntrack.service.notify import Notifier
from conntrack.service.protocol import Item
from conntrack.service.queueing import wanted
from conntrack.service.record import keep
from conntrack.service.refresh import Refresher
from conntrack.service.reload import Reloader
from conntrack.service.settings import unchangeable

#: seconds between looks at the hook rules, the clock, the garbage
LOOK: Final = 30.0

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
    """Built by the daemon once packets could be judged; `start` opens the control socket and the metrics page."""

    def __init__(self, core: Core, surroundings: Surroundings, rules: Rules) -> None:
        self._core = core
        self._around = surroundings
        self._document = rules.document
        self._started = time.monotonic()
        self._moving: asyncio.Task[None] | None = None
        self._stale = False
        self._chores = Chores()
        self._configuration = Configuration(surroundings.rules)
        self._configuration.worked(rules.policy.digest, time.time(), [str(one) for one in rules.document.warnings])
        self._reloader = Reloader(self._configuration, self._apply, surroundings.notifier, self.status_line)
        self._flows = naming(core.engine)
        self._events = Events(self._flows)
        core.engine.observe(self._events)
        parts = Parts(core.engine, self._flows, self._configuration, self._reloader, self.status, time.time)
        flow_commands = FlowCommands(core.engine, self._flows, self._events, time.monotonic)
        commands = Commands(parts, flow_commands).table()
        self._control = Control(surroundings.control, commands, surroundings.group)
        self._page = MetricsPage(self._registry())

    async def start(self) -> None:
        """Opens what clients talk to and begins the chores. Failure: an address is taken."""
        await self._listen(self._document.settings.metrics.listen)
        await self._control.start()
        await self._read_own_ports()
        self._core.host.watch(self._links_changed)
        self._chores.every(lambda: LOOK, self._look, "housekeeping")
        refresher = Refresher(lambda: self._core.engine.policy, self._configuration)
        self._chores.every(lambda: 1.0, refresher.look, "refresh of sets")
        self._chores.every(self._own_ports_period, self._read_own_ports, "search for the gateway's own ports")
        self._record()

    async def stop(self) -> None:
        """Ends all of it."""
        self._core.engine.observe(None)
        await self._chores.stop()
        if self._moving is not None:
            self._moving.cancel()
        await self._control.close()
        await self._page.close()

    def reload(self) -> None:
        """Called on SIGHUP."""
        self._reloader.request()

    def status_line(self) -> str:
        """One line for `systemctl status` and the log."""
        configuration, policy = self._configuration, self._core.engine.policy
        said = sum(1 for rule in policy.rules if rule.line)
        failed = "" if configuration.last_worked else ", the last reload FAILED"
        return (
            f"{said} rules, {len(policy.zones) - 1} zones, generation {configuration.generation}, "
            f"queue {self._document.settings.queue.number} by {self._core.queue.name()}, "
            f"{len(self._core.engine.table)} connections{failed}"
        )

    def status(self) -> Item:
        """What `pairwall status` shows. The keys are an interface."""
        table, configuration = self._core.engine.table, self._configuration
        return {
            "version": __version__,
            "pid": os.getpid(),
            "uptime": round(time.monotonic() - self._started, 3),
            "configuration": {
                "file": str(configuration.path),
                "hash": configuration.digest,
                "generation": configuration.generation,
                "loaded": configuration.loaded,
                "last_load_ok": configuration.last_worked,
                "problems": configuration.problems,
            },
            "connections": {"count": len(table), "limit": table.limit},
            "queue": {"backend": self._core.queue.name(), "number": self._document.settings.queue.number},
            "on_failure": self._document.settings.on_failure,
        }

    def _registry(self) -> CollectorRegistry:
        core = self._core
        number = self._document.settings.queue.number
        sources = Sources(
            loop=core.loop,
            latency=core.handler.latency,
            configuration=self._configuration,
            tally=core.queue.tally,
            queue=lambda: core.host.queue_stats(number),
            control_requests=lambda: self._control.requests,
            log_records_lost=self._around.lost_logs,
            watchers=self._events.watchers,
        )
        registry = CollectorRegistry(auto_describe=False)
        registry.register(HealthCollector(sources))
        registry.register(TrafficCollector(core.engine, self._flows.state_name))
        registry.register(RulesCollector(core.engine))
        ProcessCollector(registry=registry)
        return registry

    async def _apply(self, rules: Rules) -> None:
        """Puts rules in force. What can fail comes first."""
        core, before = self._core, self._document.settings
        after = rules.document.settings
        for complaint in unchangeable(before, after):
            logger.warning("%s", complaint)
        topology = await core.host.topology(rules.policy)
        await core.host.install(wanted(rules.document)._replace(queue=before.queue.number))
        core.engine.swap(rules.policy)
        core.engine.move(topology, time.monotonic())
        self._document = rules.document
        if after.metrics.listen != before.metrics.listen:
            await self._listen_elsewhere(after.metrics.listen)
        self._record()

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
        configuration = self._configuration
        state = {"file": str(configuration.path), "hash": self._core.engine.policy.digest, "pid": os.getpid()}
        keep(self._around.state_dir, {**state, "written": time.time()})

    def _links_changed(self) -> None:
        """One move at a time; what changes during it asks for one more."""
        self._stale = True
        if self._moving is None or self._moving.done():
            self._moving = asyncio.create_task(self._move(), name="links")

    async def _move(self) -> None:
        engine = self._core.engine
        while self._stale:
            self._stale = False
            topology = await self._core.host.topology(engine.policy)
            ended = engine.move(topology, time.monotonic())
            logger.info("links, addresses or routes changed", extra={"fields": {"connections_ended": ended}})

    async def _look(self) -> None:
        """Every half minute."""
        memory.tidy()
        self._core.engine.set_wall(time.time() - time.monotonic())
        self._around.notifier.status(self.status_line())
        try:
            if await self._core.host.repair():
                logger.warning("another tool had taken our hook rules out of the kernel; they are in place again")
        except HookError as error:
            logger.error("hook rules are missing and cannot be put back: %s", error)

    def _own_ports_period(self) -> float:
        return float(self._document.settings.held_back_refresh)

    async def _read_own_ports(self) -> None:
        self._core.engine.ports.own = await self._core.host.own_ports()
