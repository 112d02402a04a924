"""The daemon's life: what is started in which order, what a signal does, what is undone at the end.

Lives here: that order. May not live here: anything that a part can do by itself.

Start: rules → lock → host → engine → queue → metrics, control → hooks → READY. Hooks come last, so that packets are
only sent to a daemon that answers them; at the end they go first. Every step leaves its undoing on a stack: whichever
step fails, everything before it is undone.
"""

from __future__ import annotations

import asyncio
import contextlib
import grp
import logging
import signal
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

from conntrack.engine.core import Engine
from conntrack.gateway.hooks.tools import HookError
from conntrack.gateway.links.read import LinksError
from conntrack.gateway.privileges import PrivilegeError
from conntrack.gateway.queue.base import Options as QueueOptions
from conntrack.gateway.queue.base import Queue, QueueError
from conntrack.gateway.tunnel.errors import TunnelError
from conntrack.service import logs, memory
from conntrack.service.exits import BAD_CONFIGURATION, FAILED, OK, Failure
from conntrack.service.handler import EngineHandler
from conntrack.service.host import Host
from conntrack.service.loading import Rules, Unfit, fit_rules
from conntrack.service.lock import InstanceLock
from conntrack.service.loop import PacketLoop
from conntrack.service.notify import Notifier
from conntrack.service.queueing import crossings_of, joined, wanted
from conntrack.service.running import Core, Running, Surroundings

DEFAULT_GROUP = "pairwall"

logger = logging.getLogger("pairwall")


class Options(NamedTuple):
    """The command line of `pairwall run`; None: as the rules file says."""

    rules: Path
    control: Path
    control_group: str | None = None
    backend: str | None = None
    set_sysctls: bool = False
    log_format: str | None = None
    state_dir: Path | None = None


def serve(options: Options) -> int:
    """Runs until a signal ends it; returns the exit code. Failure: it could not start."""
    from conntrack.service.linux import LinuxHost

    rules = rules_or_failure(options.rules)
    handler = logs.set_up(options.log_format or logs.chosen(rules.document.settings.log.format))
    try:
        return asyncio.run(Daemon(options, rules, LinuxHost(), lambda: handler.lost).run())
    finally:
        logs.tear_down(handler)


def rules_or_failure(path: Path) -> Rules:
    """The rules to start with. Failure with code 78: they are not fit."""
    try:
        return fit_rules(path)
    except Unfit as unfit:
        raise Failure("the rules cannot be put in force\n" + str(unfit), BAD_CONFIGURATION) from None


class Daemon:
    """One run. `lost_logs` tells how many log records could not be written."""

    def __init__(self, options: Options, rules: Rules, host: Host, lost_logs: Callable[[], int]) -> None:
        self._options = options
        self._rules = rules
        self._host = host
        self._lost_logs = lost_logs
        self._notifier = Notifier()
        self._ended = asyncio.Event()
        self._running: Running | None = None

    async def run(self) -> int:
        """Starts, waits for the end, undoes everything."""
        try:
            async with contextlib.AsyncExitStack() as undo:
                self._catch_signals()
                undo.callback(self._notifier.close)
                loop = await self._start(undo)
                memory.take_over()
                undo.callback(memory.give_back)
                code = await self._wait(loop)
                self._notifier.stopping()
        except (PrivilegeError, QueueError, HookError, LinksError, TunnelError) as error:
            raise Failure(str(error)) from None
        logger.info("ended")
        return code

    async def _start(self, undo: contextlib.AsyncExitStack) -> PacketLoop:
        options, host = self._options, self._host
        lock = InstanceLock(options.control)
        lock.acquire()
        undo.callback(lock.release)
        undo.callback(host.close)
        for complaint in await host.prepare(self._rules.policy, options.set_sysctls):
            logger.warning("%s", complaint)
        way_out = await host.lead_out(crossings_of(self._rules.document))
        engine = Engine(self._rules.policy, await host.topology(self._rules.policy), Random())
        engine.lead_out(way_out)
        engine.set_wall(time.time() - time.monotonic())
        handler = EngineHandler(engine)
        queue = self._open_queue(handler)
        undo.callback(queue.close)
        loop = PacketLoop(queue, engine, self._notifier.alive, self._notifier.watchdog_seconds)
        running = Running(Core(host, engine, handler, queue, loop), self._surroundings(), self._rules)
        undo.push_async_callback(running.stop)
        await running.start()
        loop.start()
        undo.callback(loop.stop)
        undo.push_async_callback(self._remove_hooks)
        await host.install(wanted(self._rules.document))
        self._running = running
        logger.info("started: %s", running.status.line())
        self._notifier.ready(running.status.line())
        return loop

    def _surroundings(self) -> Surroundings:
        options = self._options
        group = group_number(options.control_group)
        return Surroundings(options.rules, options.control, group, options.state_dir, self._notifier, self._lost_logs)

    def _open_queue(self, handler: EngineHandler) -> Queue:
        document = self._rules.document
        settings = document.settings
        backend = self._options.backend or settings.queue.backend
        fail_open = settings.on_failure == "bypass"
        gso = joined(document, self._host.gso_is_safe())
        queue = settings.queue
        return self._host.open_queue(backend, QueueOptions(queue.number, queue.length, fail_open, gso), handler)

    async def _remove_hooks(self) -> None:
        try:
            await self._host.remove()
        except HookError as error:
            logger.error("hook rules are still in the kernel: %s", error)

    def _catch_signals(self) -> None:
        """From the first moment on: one that comes while it starts ends it as soon as there is something to undo."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ended.set)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)

    def _hang_up(self) -> None:
        if self._running is not None:  # before, the rules have just been read
            self._running.reload()

    async def _wait(self, loop: PacketLoop) -> int:
        """Until a signal comes (OK) or the queue is lost (FAILED: whoever started us should do it again)."""
        loop.broken.add_done_callback(lambda _: self._ended.set())
        await self._ended.wait()
        if loop.broken.done():
            logger.critical("the packet queue is lost: %s", loop.broken.result())
            return FAILED
        logger.info("told to end")
        return OK


def group_number(name: str | None) -> int | None:
    """The group that the control socket belongs to; None: our own. Failure: there is no such group."""
    try:
        return grp.getgrnam(name or DEFAULT_GROUP).gr_gid
    except KeyError:
        if name is None:
            return None
        raise Failure(f"--control-group {name}: there is no such group") from None
